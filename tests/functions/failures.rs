//! What is broken fails, each in its own clear way, and what can't be tried is never called good.

use crate::site::{Result, Site};

/// Far more time than it takes, but for what never ends.
const CONFIG: &str = "
    [[function]]
    backs_up = ['endless', 'never-quiet']
    test = { timeout = '1s' }
    [[function]]
    backs_up = '*'
    test = { timeout = '50s' }
";

/// Tests one function, which comes to `result` and is said to `say` each of these.
#[track_caller]
fn comes_to(code: i32, result: &str, (file, text): (&str, &str), say: &[&str]) {
    let site = Site::new(CONFIG, &[(file, text)]);
    let name = file.split(['.', '/']).next().unwrap();
    let (ended, found): (i32, Result) = site.test_one(name);
    assert_eq!((ended, found.result.as_str()), (code, result), "{}", found.why);
    for what in say {
        assert!(found.why.contains(what), "{what:?} is not in: {}", found.why);
    }
    let place = format!("netlify/functions/{file}");
    assert!(found.why.starts_with(&place), "{place} is not in: {}", found.why);
    assert!(!found.why.contains(site.tmp.to_str().unwrap()), "{}", found.why);
}

#[track_caller]
fn fails(function: (&str, &str), say: &[&str]) {
    comes_to(2, "failed", function, say);
}

#[test]
fn what_can_not_be_parsed() {
    fails(("syntax.js", "exports.handler = async () => ({})\nexports.x = {\n"), &["syntax.js:3: "]);
}

#[test]
fn an_import_that_is_missing() {
    fails(
        ("missing.js", "const it = require('./gone')\nexports.handler = it"),
        &["missing.js:1: ", "./gone"],
    );
}

#[test]
fn what_the_bundler_refuses() {
    let text = "export default async () => new Response('')\nexport const config = { path: 'x' }";
    fails(("no-slash.mjs", text), &["Netlify's bundler refuses it: "]);
}

#[test]
fn a_throw_at_the_top() {
    let text = "\nthrow new TypeError('boom')\nexports.handler = async () => ({})";
    fails(
        ("throws.js", text),
        &["while it is loaded, it throws: TypeError: boom", "throws.js:2:7"],
    );
}

#[test]
fn an_end_of_the_process() {
    let text = "process.exit(0)\nexports.handler = async () => ({})";
    fails(("exits.js", text), &["while it is loaded, it ends its process (exit code 0)"]);
}

#[test]
fn an_endless_loop() {
    let text = "for (;;);\nexports.handler = async () => ({})";
    fails(("endless.js", text), &["while it is loaded, it takes more than 1s"]);
}

#[test]
fn a_wait_without_end() {
    let text = "setInterval(() => {}, 1000)\nawait new Promise(() => {})\nexport default async () => new Response('')";
    fails(("never-quiet.mjs", text), &["while it is loaded, it takes more than 1s"]);
    let text = "await new Promise(() => {})\nexport default async () => new Response('')";
    fails(("never.mjs", text), &["it waits for something that never comes"]);
}

#[test]
fn two_gigabytes_of_objects() {
    let text = "const all = []\nfor (let i = 0; i < 256; i++) all.push(new Array(1 << 20).fill(i + 0.5))\nexports.handler = async () => ({})";
    fails(("objects.js", text), &["while it is loaded, it needs more memory than a test gives"]);
}

#[test]
fn two_gigabytes_of_bytes() {
    let text = "const all = []\nfor (let i = 0; i < 32; i++) all.push(Buffer.alloc(1 << 26, 1))\nexports.handler = async () => ({})";
    fails(("bytes.js", text), &["while it is loaded, ", "it needs more memory than a test gives"]);
}

#[test]
fn a_flood_of_output() {
    let text = "const line = 'x'.repeat(1 << 16)\nfor (;;) require('node:fs').writeSync(FD, line)\nexports.handler = async () => ({})";
    for fd in ["1", "2"] {
        let text = text.replace("FD", fd);
        fails(("floods.js", &text), &["while it is loaded, it writes more than 16 MB of output"]);
    }
}

#[test]
fn much_output_is_no_failure() {
    let text = "console.log('x'.repeat(1 << 20))\nconsole.error('x'.repeat(1 << 20))\nexports.handler = async () => ({})";
    let site = Site::new(CONFIG, &[("talks.js", text)]);
    let (code, found) = site.test_one("talks");
    assert_eq!((code, found.result.as_str()), (0, "passed"), "{}", found.why);
}

#[test]
fn a_rejection_that_nothing_handles() {
    let text = "Promise.reject(new Error('boom'))\nexport default async () => new Response('')";
    fails(("rejects.mjs", text), &["nothing handles that a promise is rejected: Error: boom"]);
}

#[test]
fn a_handler_that_is_none() {
    fails(("no-handler.js", "exports.handler = 5"), &["its `handler` is no function"]);
    fails(("no-fetch.mjs", "const it = 5\nexport default it"), &["its default export is neither"]);
}

#[test]
fn an_answer_that_is_not_the_expected_one() {
    let config = "
        [[function]]
        backs_up = '*'
        test = { status = 200, timeout = '50s' }
        ";
    let functions = [
        ("other.js", "exports.handler = async () => ({ statusCode: 500 })"),
        ("none.js", "exports.handler = async () => {}"),
        ("throws.js", "exports.handler = async () => { throw new Error('boom') }"),
        (
            "later.mjs",
            "export default () => { setImmediate(() => { throw new Error('boom') }); return new Promise(() => {}) }",
        ),
        ("text.mjs", "export default async () => 'hello'"),
        ("never.js", "exports.handler = () => {}"),
        (
            "loops.mjs",
            "export default async () => new Response(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(1 << 20)) }))",
        ),
    ];
    let site = Site::new(config, &functions);
    let (code, rows) = site.test(&[]);
    let rows: Vec<String> = rows
        .iter()
        .map(|(name, it)| {
            let why = it.why.split_once(": ").unwrap().1;
            let why = why
                .rsplit_once(" (")
                .filter(|(_, it)| it.ends_with("of the bundle)"))
                .map_or(why, |(it, _)| it);
            format!("{name}: {} {why}", it.result)
        })
        .collect();
    assert_eq!(code, 2);
    assert_eq!(
        rows,
        [
            "later: failed while GET / is answered, nothing catches that it throws: Error: boom",
            "loops: failed while GET / is answered, it throws: Error: it answers without end",
            "never: failed while GET / is answered, it waits for something that never comes",
            "none: failed GET / is answered with no status",
            "other: failed GET / is answered with 500 and not with 200",
            "text: failed while GET / is answered, it throws: TypeError: it answers with something that is no Response",
            "throws: failed while GET / is answered, it throws: Error: boom",
        ]
    );
}

#[test]
fn a_backup_whose_snapshot_can_not_be_loaded() {
    let site = Site::new(
        CONFIG,
        &[(
            "late.js",
            "if (process.env.LATE === 'yes') throw new Error('boom')\nexports.handler = async () => ({ statusCode: 200 })",
        )],
    );
    assert_eq!(site.run(&["apply", "--yes"]).code, Some(0));
    let late = CONFIG.replace("'50s'", "'50s', env = { LATE = 'yes' }");
    site.write("redundancy.toml", &late);
    let (code, found) = site.test_one("late-backup");
    assert_eq!((code, found.result.as_str()), (2, "failed"), "{}", found.why);
    let say = "its probe is answered with 503 and not with 200: the function could not be loaded: Error: boom";
    assert!(found.why.contains(say), "{}", found.why);
}

#[test]
fn what_can_not_be_tried_is_told_from_what_fails() {
    let refused = |function, say: &[&str]| comes_to(3, "not_tested", function, say);
    refused(("goes/main.go", "package main"), &["a function in Go"]);
    let text = "await fetch('http://127.0.0.1:9')\nexport default async () => new Response('')";
    refused(("fetches.mjs", text), &["to fetch is refused: a test has no network"]);
    let text =
        "require('node:child_process').spawn('sleep', ['300'])\nexports.handler = async () => ({})";
    refused(("starts.js", text), &["to start a program is refused"]);
}
