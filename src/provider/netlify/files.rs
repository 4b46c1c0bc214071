//! A snapshot made without any other program: the function's files in one `CommonJS` file, each as a
//! function that is run when it is asked for. Packages stay imports.
//!
//! It is `CommonJS` because of what Netlify's bundler does to an ES module: it lifts the imports of
//! packages out of it into the wrapper, where nobody can catch what a broken package throws. ES modules
//! are turned by oxc into what Vite runs on servers: their imports and exports become calls, and keep
//! their meaning, such as bindings that change, or a wait at the top.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use oxc_allocator::Allocator;
use oxc_codegen::Codegen;
use oxc_parser::Parser;
use oxc_semantic::SemanticBuilder;
use oxc_transformer::{TransformOptions, Transformer};
use oxc_transformer_plugins::ModuleRunnerTransform;

use super::{
    reached::{File, Reached, Trouble, place},
    source::{Link, Source, source_types},
};
use crate::config::with_room;

/// What the code of a `CommonJS` file is called with.
const COMMON: &str = "common(module, exports, __filename, __dirname)";

/// What the code of an ES module is called with: the names that oxc gives to its calls.
const MODULE: &str = "async module(__vite_ssr_import__, __vite_ssr_dynamic_import__, \
                      __vite_ssr_exports__, __vite_ssr_exportAll__, __vite_ssr_import_meta__)";

/// The snapshot of `reached`, for a backup in the folder at `folder`. `traced`: whether the bundler
/// that will take it follows only `require`.
pub(super) fn snapshot(reached: &Reached, folder: &str, traced: bool) -> Result<String, Trouble> {
    let mut packages = BTreeSet::new();
    let mut files = String::new();
    for (path, file) in &reached.files {
        match file {
            File::Data(text) => {
                let _ = writeln!(
                    files,
                    "{}: {{ {COMMON} {{\nmodule.exports = {text}\n}} }},",
                    quoted(path)
                );
            }
            File::Code { source, local } => {
                let code = code(path, source, local)?;
                let of_packages = code.links.iter().filter(|it| !it.starts_with(['.', '/']));
                packages.extend(of_packages.cloned());
                let links = serde_json::to_string(local).unwrap_or_default();
                let head = if source.module { MODULE } else { COMMON };
                let strict = if source.module { "'use strict'\n" } else { "" };
                let _ = writeln!(
                    files,
                    "{}: {{ links: {links}, {head} {{\n{strict}{}\n}} }},",
                    quoted(path),
                    code.text.trim_end(),
                );
            }
        }
    }
    let mut table = String::new();
    for package in &packages {
        let name = quoted(package);
        let _ = writeln!(table, "  {name}: () => import({name}).catch(__redundancy_again),");
    }
    if traced {
        let own: Vec<String> = packages
            .iter()
            .filter(|it| !is_builtin(it))
            .map(|it| format!("require({})", quoted(it)))
            .collect();
        if !own.is_empty() {
            let _ = writeln!(
                table,
                "  // Never called: Netlify's bundler for CommonJS follows only what is required.\n  \
                 '': () => {{\n    try {{\n      {}\n    }} catch {{}}\n  }},",
                own.join("\n      ")
            );
        }
    }
    let back = "../".repeat(folder.split('/').filter(|it| !it.is_empty()).count());
    let main = quoted(&reached.main);
    // The files last: what they hold is nobody's placeholder.
    let text = include_str!("files.cjs")
        .replace("'__BACK__'", &quoted(if back.is_empty() { "." } else { &back }))
        .replace("'__MAIN__'", &main)
        .replace("__PACKAGES__", &table);
    Ok(text.replacen("__FILES__", &files, 1))
}

/// The code of one file, and what it still imports.
struct Code {
    text: String,
    links: Vec<String>,
}

fn code(path: &str, source: &Source, local: &BTreeMap<String, String>) -> Result<Code, Trouble> {
    // Names for folders that a bundler is told of, such as in `tsconfig.json`.
    let is_alias = |it: &&Link| it.to.starts_with("~/") || it.to.starts_with("@/");
    if let Some(link) = source.links.iter().find(is_alias) {
        return Err(Trouble::unclear(format!(
            "{}it names `{}`, which only a bundler can follow: `snapshot = \"bundle\"`",
            place(path, Some(link.line)),
            link.to
        )));
    }
    let text = edited(source, local);
    if !source.module && !source.typed {
        // A first line `#!…` is one only in a file of its own.
        let text = if text.starts_with("#!") { format!("//{text}") } else { text };
        return Ok(Code { text, links: Vec::new() });
    }
    let failed = |what: &str| {
        Trouble::unclear(format!(
            "{}it can't be made CommonJS: {what}; `snapshot = \"bundle\"` may do it",
            place(path, None)
        ))
    };
    with_room(&text, || common_js(path, source, &text))
        .unwrap_or_else(|why| Err(why.to_owned()))
        .map_err(|what| failed(&what))
}

/// The same as `CommonJS`, or what is in the way.
fn common_js(path: &str, source: &Source, text: &str) -> Result<Code, String> {
    for source_type in source_types(path) {
        let allocator = Allocator::default();
        let parsed = Parser::new(&allocator, text, source_type).parse();
        if parsed.panicked || !parsed.diagnostics.is_empty() {
            continue;
        }
        let mut program = parsed.program;
        let scoping =
            SemanticBuilder::new().with_enum_eval(true).build(&program).semantic.into_scoping();
        let done = Transformer::new(&allocator, Path::new(path), &TransformOptions::default())
            .build_with_scoping(scoping, &mut program);
        if let Some(error) = done.diagnostics.iter().next() {
            return Err(error.to_string());
        }
        let mut links = Vec::new();
        if source.module {
            let scoping = SemanticBuilder::new().build(&program).semantic.into_scoping();
            let (needed, later) =
                ModuleRunnerTransform::new().transform(&allocator, &mut program, scoping);
            links.extend(needed.into_iter().chain(later));
        }
        return Ok(Code { text: Codegen::new().build(&program).code, links });
    }
    Err("it is no valid code".to_owned())
}

/// The text with what it requires of the function's files asked of these.
fn edited(source: &Source, local: &BTreeMap<String, String>) -> String {
    let mut text = source.text.clone();
    let mut calls: Vec<_> = (source.links.iter())
        .filter(|link| link.is_local())
        .filter_map(|link| Some((link.call?, link.is_import, local.get(&link.to), &link.to)))
        .collect();
    calls.sort_by_key(|((start, _), ..)| std::cmp::Reverse(*start));
    for ((start, end), is_import, to, name) in calls {
        let (call, to) = match (is_import, to) {
            // An ES module's is turned with the rest of it.
            (true, _) if source.module => continue,
            (true, Some(to)) => ("__redundancy_import", to),
            (false, Some(to)) => ("__redundancy_require", to),
            (true, None) => ("(async (name) => __redundancy_missing(name))", name),
            (false, None) => ("__redundancy_missing", name),
        };
        text.replace_range(start..end, &format!("{call}({})", quoted(to)));
    }
    text
}

fn is_builtin(package: &str) -> bool {
    const BUILTIN: [&str; 40] = [
        "assert",
        "async_hooks",
        "buffer",
        "child_process",
        "cluster",
        "console",
        "constants",
        "crypto",
        "dgram",
        "diagnostics_channel",
        "dns",
        "domain",
        "events",
        "fs",
        "http",
        "http2",
        "https",
        "inspector",
        "module",
        "net",
        "os",
        "path",
        "perf_hooks",
        "process",
        "punycode",
        "querystring",
        "readline",
        "repl",
        "stream",
        "string_decoder",
        "timers",
        "tls",
        "tty",
        "url",
        "util",
        "v8",
        "vm",
        "wasi",
        "worker_threads",
        "zlib",
    ];
    let name = package.split('/').next().unwrap_or_default();
    package.starts_with("node:") || BUILTIN.contains(&name)
}

/// A text as JavaScript reads it.
fn quoted(text: &str) -> String {
    // JSON is JavaScript.
    serde_json::Value::from(text).to_string()
}
