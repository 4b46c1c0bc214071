//! How the backups of functions in zip files answer.

use std::{
    fs,
    io::{Cursor, Write as _},
    path::{Path, PathBuf},
};

use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{
    World,
    bundler::{asked, bundle, call, fell_back},
    node, told,
    zipped::{of_zips, stored},
    zips::zip,
};

/// Where the functions of the zip files are unpacked that are called beside their backups.
fn unpacked(world: &World, name: &str, files: &[(&str, &str)], main: &str) -> PathBuf {
    for (path, text) in files {
        world.write(&format!("primaries/{name}/{path}"), text);
    }
    world.path(&format!("primaries/{name}/{main}"))
}

const TELLS: &str = "({ statusCode: 207, headers: { 'x-a': '1' }, body: text })";

/// Functions of the first style: what is in each zip file, its entry first.
fn firsts() -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let own = |text: &str| text.to_owned();
    vec![
        (
            "common",
            vec![
                (
                    "common.js",
                    format!(
                        "const fs = require('fs'), path = require('path')\n\
                         const text = fs.readFileSync(path.join(__dirname, 'data/ü #1%.txt'), 'utf8') + require('in-it')\n\
                         exports.handler = (event, context, callback) => callback(null, {TELLS})\n"
                    ),
                ),
                ("data/ü #1%.txt", own("of a file, ")),
                ("node_modules/in-it/package.json", own(r#"{ "main": "lib/x.js" }"#)),
                ("node_modules/in-it/lib/x.js", own("module.exports = 'of a package'")),
            ],
        ),
        (
            "module",
            vec![
                (
                    "module.mjs",
                    format!(
                        "import {{ readFileSync }} from 'node:fs'\nimport more from './lib/more.mjs'\nimport it from 'in-it'\n\
                         const text = await readFileSync(new URL('./x.txt', import.meta.url), 'utf8') + more + it\n\
                         export const handler = async () => {TELLS}\n"
                    ),
                ),
                ("x.txt", own("of a file, ")),
                ("lib/more.mjs", own("export default await Promise.resolve('of a module, ')")),
                (
                    "node_modules/in-it/package.json",
                    own(r#"{ "type": "module", "exports": "./x.js" }"#),
                ),
                ("node_modules/in-it/x.js", own("export default 'of a package'")),
            ],
        ),
        (
            "handed-on",
            vec![
                ("handed-on.js", own("module.exports = require('./src/odd name#.js')")),
                (
                    "src/odd name#.js",
                    format!("const text = ''\nexports.handler = async () => {TELLS}"),
                ),
            ],
        ),
        (
            "typed",
            vec![
                (
                    "typed.js",
                    format!("const text = 'x'\nexport const handler = async () => {TELLS}"),
                ),
                ("package.json", own(r#"{ "type": "module" }"#)),
            ],
        ),
        (
            "plain",
            vec![(
                "plain.cjs",
                format!("const text = 'x'\nmodule.exports = {{ handler: async () => {TELLS} }}"),
            )],
        ),
        (
            "early",
            vec![
                ("early.js", format!("const text = ''\nexports.handler = async () => {TELLS}")),
                ("early.cjs", own("throw new Error('it is not called')")),
                ("__proto__", own("a file")),
            ],
        ),
    ]
}

#[test]
fn the_backup_of_a_zip_file_answers_as_what_is_in_it() {
    let functions = firsts();
    let functions: Vec<(&str, Vec<(&str, &str)>)> = functions
        .iter()
        .map(|(name, files)| (*name, files.iter().map(|(path, it)| (*path, it.as_str())).collect()))
        .collect();
    let zips: Vec<_> = functions
        .iter()
        .map(|(name, files)| (*name, if *name == "plain" { stored(files) } else { zip(files) }))
        .collect();
    let world = of_zips("[[function]]\nbacks_up = '*'", &zips);
    let plan = world.plan();
    assert!(plan.held.is_empty(), "{}", told(&plan));
    world.settle();
    for bundler in ["", "esbuild", "nft"] {
        let config = match bundler {
            "" => serde_json::json!({}),
            it => serde_json::json!({ "*": { "nodeBundler": it } }),
        };
        let bundled = bundle(&world, &config, "-backup");
        assert_eq!(bundled.len(), functions.len());
        for (name, files) in &functions {
            let main = unpacked(&world, name, files, files[0].0);
            let (first, second) = (
                call(&main, 1, &serde_json::json!({})),
                asked(&bundled[&format!("{name}-backup")]),
            );
            assert_eq!(first.status, Some(207), "{name}: {first:?}");
            assert_eq!(
                (first.status, &first.headers, &first.body),
                (second.status, &second.headers, &second.body),
                "{bundler} {name}: {second:?}"
            );
        }
    }
}

/// The zip file that Netlify's bundler makes of the function at `entry`.
fn made_by_netlify(world: &World, entry: &str) -> Vec<u8> {
    let bundler = node::package("@netlify/zip-it-and-ship-it");
    let script = format!(
        "import {{ zipFunction }} from {}\nconst made = await zipFunction(process.argv[1], process.argv[2])\n\
         console.log(made.path)",
        serde_json::Value::from(bundler.join("dist/main.js").to_str().unwrap()),
    );
    let (entry, out) = (world.path(entry), world.path("made"));
    let args = [entry.to_str().unwrap(), out.to_str().unwrap()];
    let (path, _) =
        node::node(&[&["--input-type=module", "--eval", &script], args.as_slice()].concat());
    fs::read(path.trim()).unwrap()
}

#[test]
fn what_netlify_s_bundler_has_zipped_is_backed_up() {
    let second = "import { x } from './lib.mjs'\n\
                  export default async (request, context) => new Response(x + context.params.id, { status: 207 })\n\
                  export const config = { schedule: '@daily', path: '/x' }\n";
    let typed = "export default async (request: Request): Promise<Response> => new Response('typed', { status: 207 })";
    let first = "export const handler = async () => ({ statusCode: 207, body: 'first' })";
    let world = World::new(
        "[[function]]\nbacks_up = '*'",
        &[
            ("src/web.mjs", second),
            ("src/lib.mjs", "export const x = 'x'"),
            ("src/typed.ts", typed),
            ("src/first.mjs", first),
            ("src/first-typed.ts", first),
        ],
    );
    for (name, entry) in [
        ("web", "src/web.mjs"),
        ("typed", "src/typed.ts"),
        ("first", "src/first.mjs"),
        ("first-typed", "src/first-typed.ts"),
    ] {
        world.write(&format!("netlify/functions/{name}.zip"), made_by_netlify(&world, entry));
    }
    let plan = world.plan();
    assert!(plan.held.is_empty(), "{}", told(&plan));
    world.settle();
    let snapshot = world.read("netlify/functions/web-backup/lkg.cjs");
    assert!(!snapshot.contains("___netlify-"), "what the bundler adds is added to the backup anew");
    let bundled = bundle(&world, &serde_json::json!({}), "-backup");
    for (name, version, body) in [
        ("web", 2, "x7"),
        ("typed", 2, "typed"),
        ("first", 1, "first"),
        ("first-typed", 1, "first"),
    ] {
        let backup = &bundled[&format!("{name}-backup")];
        assert_eq!((backup.version, &backup.schedule, backup.routes.len()), (version, &None, 0));
        let answer = asked(backup);
        assert_eq!((answer.status, answer.body.as_deref()), (Some(207), Some(body)), "{answer:?}");
    }
}

#[test]
fn what_is_unpacked_is_for_its_owner_alone_and_goes_with_the_process() {
    let tells = "const fs = require('fs'), path = require('path')\n\
                 const mode = (it) => (fs.statSync(it).mode & 0o777).toString(8)\n\
                 exports.handler = async () => ({\n  statusCode: 200,\n  \
                 body: [path.dirname(__dirname), mode(path.dirname(__dirname)), mode(__filename), mode(__dirname + '/run')].join(),\n})\n";
    let mut made = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, text, mode) in [("run", "x", 0o755), ("a.js", tells, 0o644)] {
        let options = SimpleFileOptions::default().unix_permissions(mode);
        made.start_file(path, options).unwrap();
        made.write_all(text.as_bytes()).unwrap();
    }
    let made = made.finish().unwrap().into_inner();
    let world = of_zips("[[function]]\nbacks_up = '*'", &[("a", made)]);
    world.settle();
    let bundled = bundle(&world, &serde_json::json!({}), "-backup");
    let body = asked(&bundled["a-backup"]).body.unwrap();
    let parts: Vec<&str> = body.split(',').collect();
    assert_eq!(parts[1..], ["700", "600", "700"], "{body}");
    assert!(!Path::new(parts[0]).exists(), "{body}");
}

#[test]
fn what_fails_in_a_zip_file_is_answered() {
    let world = of_zips(
        "[[function]]\nbacks_up = '*'",
        &[
            ("lacks", zip(&[("lacks.js", "require('not-in-it')\nexports.handler = 1")])),
            ("none", zip(&[("none.cjs", "module.exports = 1")])),
            ("throws", zip(&[("throws.js", "throw new Error('the password is x')")])),
        ],
    );
    world.settle();
    let bundled = bundle(&world, &serde_json::json!({}), "-backup");
    assert_eq!(bundled.len(), 3);
    for (name, it) in &bundled {
        fell_back(name, &asked(it), 503, "the function could not be loaded");
    }
}
