//! What Netlify's own bundler makes of the wrappers, and how they answer.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{World, node, told};

/// What the bundler said of one function.
#[derive(Debug, Deserialize)]
struct Bundled {
    name: String,
    schedule: Option<String>,
    routes: Vec<Value>,
}

/// Calls a function of the first style.
const CALL_V1: &str = "
    const module = await import(process.argv[1])
    const handler = module.handler ?? module.default.handler
    const it = await handler({ path: '/x' }, {})
    console.log(JSON.stringify({ status: it.statusCode, headers: it.headers ?? {}, body: it.body }))
";

/// Calls a function of the second style.
const CALL_V2: &str = "
    const module = await import(process.argv[1])
    const it = await module.default(new Request('https://host/x'), { params: { id: 7 } })
    const headers = Object.fromEntries(it.headers)
    console.log(JSON.stringify({ status: it.status, headers, body: await it.text() }))
";

fn call(script: &str, file: &Path) -> (Value, String) {
    let file = file.to_str().unwrap();
    let (out, err) = node::node(&["--input-type=module", "--eval", script, file]);
    (serde_json::from_str(&out).unwrap(), err)
}

#[test]
fn netlify_bundles_the_wrappers_and_they_answer() {
    let v1 = [
        ("async.js", "exports.handler = async (event) => ({ statusCode: 200, body: event.path })"),
        (
            "callback.cjs",
            "exports.handler = (event, context, callback) => { setTimeout(() => callback(null, { statusCode: 201, body: event.path }), 5) }",
        ),
        (
            "esm.mjs",
            "import { helper } from './shared/helper.mjs'\nexport const handler = (event) => helper(event)",
        ),
        (
            "typed.ts",
            "export const handler = async (event: { path: string }) => ({ statusCode: 200, body: event.path as string })",
        ),
        (
            "moduled.js",
            "module.exports = { handler: async (event) => ({ statusCode: 200, body: event.path }) }",
        ),
        (
            "foldered/index.js",
            "exports.handler = async (event) => ({ statusCode: 200, body: event.path })",
        ),
        ("throws.js", "exports.handler = async () => { throw new Error('the password is x') }"),
        ("throws-early.js", "exports.handler = () => { throw new Error('the password is x') }"),
        (
            "rejects.js",
            "exports.handler = (event, context, callback) => callback(new Error('the password is x'))",
        ),
        (
            "unloadable.js",
            "throw new Error('the password is x')\nexports.handler = async () => ({})",
        ),
        ("missing.js", "exports.handler = undefined"),
        ("throws-nothing.mjs", "export const handler = async () => { throw Object.create(null) }"),
    ];
    let v2 = [
        (
            "web.mjs",
            "export default async (request, context) => new Response(new URL(request.url).pathname + context.params.id)\nexport const config = { path: '/x', schedule: '@daily' }",
        ),
        (
            "web-typed.mts",
            "import type { Context } from '@netlify/functions'\nexport default async (request: Request, context: Context) => new Response(new URL(request.url).pathname + context.params.id)",
        ),
        (
            "web-object.mjs",
            "export default { word: '/x', fetch(request, context) { return new Response(this.word + context.params.id) } }",
        ),
        ("web-throws.mjs", "export default async () => { throw new Error('the password is x') }"),
        (
            "web-unloadable.mjs",
            "throw new Error('the password is x')\nexport default async () => new Response('')",
        ),
    ];
    let mut files: Vec<(&str, &str)> = v1.iter().chain(&v2).copied().collect();
    files.push((
        "shared/helper.mjs",
        "export const helper = (event) => ({ statusCode: 200, body: event.path })",
    ));
    // Netlify refuses a path beside a schedule, so the real one has no path.
    let web = files.iter_mut().find(|it| it.0 == "web.mjs").unwrap();
    let text = web.1.replace("path: '/x', ", "");
    web.1 = &text;
    let world = World::of_functions(&files);
    assert!(world.plan().held.is_empty(), "{}", told(&world.plan()));
    world.settle();

    let (folder, out) = (world.path("netlify/functions"), world.path("out"));
    let args = [folder.to_str().unwrap(), out.to_str().unwrap()];
    let bundled: Vec<Bundled> = node::script("bundle.mjs", &args);
    let backups: Vec<&Bundled> = bundled.iter().filter(|it| it.name.ends_with("-backup")).collect();
    assert_eq!(backups.len(), v1.len() + v2.len(), "{bundled:?}");
    for it in &backups {
        assert_eq!((&it.schedule, it.routes.len()), (&None, 0), "{}", it.name);
    }
    let web = bundled.iter().find(|it| it.name == "web").unwrap();
    assert_eq!(web.schedule.as_deref(), Some("@daily"), "the primary keeps its own");

    for (file, _) in v1 {
        let name = name(file);
        let bundle = out.join(format!("{name}-backup/{name}-backup.js"));
        check(name, &call(CALL_V1, &bundle), "/x");
        let direct = folder.join(format!("{name}-backup/{name}-backup.mjs"));
        if !file.ends_with("ts") {
            check(name, &call(CALL_V1, &direct), "/x");
        }
    }
    for (file, _) in v2 {
        let name = name(file);
        let bundle = out.join(format!("{name}-backup/{name}-backup.mjs"));
        check(name, &call(CALL_V2, &bundle), "/x7");
    }
}

#[test]
fn a_wrapper_without_its_primary_still_bundles_and_answers() {
    let world = World::of_functions(&[
        ("one.js", "exports.handler = async () => ({})"),
        ("two.mjs", "export default async () => new Response('')"),
    ]);
    world.settle();
    world.remove("netlify/functions/one.js");
    world.remove("netlify/functions/two.mjs");
    let (folder, out) = (world.path("netlify/functions"), world.path("out"));
    let args = [folder.to_str().unwrap(), out.to_str().unwrap()];
    let bundled: Vec<Bundled> = node::script("bundle.mjs", &args);
    assert_eq!(bundled.len(), 2, "{bundled:?}");
    check("unloadable", &call(CALL_V1, &out.join("one-backup/one-backup.js")), "");
    check("unloadable", &call(CALL_V2, &out.join("two-backup/two-backup.mjs")), "");
}

/// The name of the function in `file`.
fn name(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

/// Whether a wrapper answered as a function of this name should.
fn check(name: &str, (answer, log): &(Value, String), good: &str) {
    let kind = name.strip_prefix("web-").unwrap_or(name);
    let (status, message) = match kind {
        "throws" | "throws-early" | "throws-nothing" | "rejects" => (502, "the function failed"),
        "unloadable" | "missing" => (503, "the function could not be loaded"),
        _ => {
            let status = if kind == "callback" { 201 } else { 200 };
            assert_eq!(
                (&answer["status"], &answer["body"]),
                (&json!(status), &json!(good)),
                "{name}"
            );
            assert_eq!(log, "", "{name}");
            return;
        }
    };
    assert_eq!(answer["status"], status, "{name}: {answer}");
    let headers = json!({
        "cache-control": "no-store",
        "content-type": "application/json",
        "retry-after": "30",
        "x-redundancy": "fallback",
    });
    assert_eq!(answer["headers"], headers, "{name}");
    assert_eq!(answer["body"], json!({ "error": message }).to_string(), "{name}");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 1, "{name}: {log}");
    let line: Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!((&line["source"], &line["message"]), (&json!("redundancy"), &json!(message)));
}
