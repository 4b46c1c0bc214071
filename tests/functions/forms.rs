//! Functions of every form pass, and so do their backups.

use crate::site::{PATIENT, Site};

const FORMS: [(&str, &str); 16] = [
    ("common.js", "exports.handler = async (event) => ({ statusCode: 200, body: event.path })"),
    (
        "callback.cjs",
        "exports.handler = (event, context, callback) => { setImmediate(callback, null, { statusCode: 200 }) }",
    ),
    ("at-once.js", "exports.handler = () => ({ statusCode: 200 })"),
    ("module.mjs", "export const handler = async () => ({ statusCode: 200 })"),
    ("module-js.js", "export const handler = async () => ({ statusCode: 200 })"),
    (
        "local.mjs",
        "import { answer } from './lib/answer.mjs'\nexport const handler = async () => answer",
    ),
    ("lib/answer.mjs", "export const answer = { statusCode: 200 }"),
    (
        "typed.ts",
        "export const handler = async (event: { path: string }) => ({ statusCode: 200 as number })",
    ),
    ("own-folder/index.js", "exports.handler = async () => ({ statusCode: 200 })"),
    ("work-background.js", "exports.handler = async () => {}"),
    (
        "web.mjs",
        "export default async (request) => new Response(request.url)\nexport const config = { path: '/web' }",
    ),
    ("web-typed.mts", "export default async (request: Request) => new Response(request.url)"),
    ("web-common.cjs", "exports.default = async () => new Response('')"),
    ("web-object.mjs", "export default { word: 'x', fetch() { return new Response(this.word) } }"),
    ("nightly.mjs", "export default async () => {}\nexport const config = { schedule: '@daily' }"),
    (
        "web-stream.mjs",
        "export default async () => new Response(new ReadableStream({
           start(to) { to.enqueue(new TextEncoder().encode('a')); setImmediate(() => to.close()) },
         }))",
    ),
];

/// What runs in the background has to say so for its backup.
const NETLIFY: &str = "[functions.\"work-background-backup\"]\nbackground = true\n";

#[test]
fn every_form_passes_and_so_does_its_backup() {
    let site = Site::new(PATIENT, &FORMS);
    site.write("netlify.toml", NETLIFY);
    let (code, rows) = site.test(&[]);
    assert_eq!(code, 0, "{rows:#?}");
    assert_eq!(rows.len(), 15, "{rows:#?}");
    assert!(rows.iter().all(|(_, it)| it.why == "it can be bundled and loaded"), "{rows:#?}");

    let run = site.run(&["apply", "--yes"]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    let (code, rows) = site.test(&[]);
    assert_eq!(code, 0, "{rows:#?}");
    let backups = rows.iter().filter(|(name, _)| name.ends_with("-backup"));
    let backups: Vec<_> = backups.collect();
    assert!(backups.len() == 15, "{rows:#?}");
    for (name, it) in backups {
        assert_eq!(it.why, "it can be bundled and loaded, and answers its probe", "{name}");
    }
}

#[test]
fn every_form_answers_an_event() {
    let config = "
        [[function]]
        backs_up = 'nightly'
        test = { status = 204, timeout = '50s' }
        [[function]]
        backs_up = '*'
        test = { method = 'GET', path = '/x', status = 200, timeout = '50s' }";
    let site = Site::new(config, &FORMS);
    site.write("netlify.toml", NETLIFY);
    assert_eq!(site.run(&["apply", "--yes"]).code, Some(0));
    let (code, rows) = site.test(&[]);
    assert_eq!(code, 0, "{rows:#?}");
    for (name, it) in &rows {
        let event = if name.starts_with("nightly") { "GET /" } else { "GET /x" };
        let what =
            if name.ends_with("-backup") { format!("its probe and {event}") } else { event.into() };
        assert_eq!(it.why, format!("it can be bundled and loaded, and answers {what}"), "{name}");
    }
}

#[test]
fn an_event_is_what_the_config_says() {
    let config = "
        [[function]]
        backs_up = 'wants-*'
        test = { method = 'POST', path = '/mail?to=x', headers = { 'x-kind' = 'k' }, body = '{\"n\":1}', status = 201, env = { KEY = 'made-up' }, timeout = '50s' }";
    let first = "
        if (process.env.KEY !== 'made-up') throw new Error('no key')
        exports.handler = async (it) => {
          const right = it.httpMethod === 'POST' && it.path === '/mail' && it.queryStringParameters.to === 'x'
            && it.headers['x-kind'] === 'k' && JSON.parse(it.body).n === 1
          return { statusCode: right ? 201 : 500 }
        }";
    let second = "
        if (process.env.KEY !== 'made-up') throw new Error('no key')
        export default async (it) => {
          const url = new URL(it.url)
          const right = it.method === 'POST' && url.pathname === '/mail' && url.searchParams.get('to') === 'x'
            && it.headers.get('x-kind') === 'k' && (await it.json()).n === 1
          return new Response('', { status: right ? 201 : 500 })
        }";
    let site = Site::new(config, &[("wants-first.js", first), ("wants-second.mjs", second)]);
    let (code, rows) = site.test(&[]);
    assert_eq!(code, 0, "{rows:#?}");
}

#[test]
fn a_function_of_the_first_style_may_stream() {
    let text = "
        exports.handler = awslambda.streamifyResponse(async (event, out) => {
          out = awslambda.HttpResponseStream.from(out, { statusCode: 202 })
          out.write('a')
          setImmediate(() => out.end('b'))
        })";
    let config = "[[function]]\nbacks_up = '*'\ntest = { status = 202, timeout = '50s' }";
    let site = Site::new(config, &[("stream.js", text)]);
    let (code, found) = site.test_one("stream");
    assert_eq!((code, found.result.as_str()), (0, "passed"), "{}", found.why);
}

#[test]
fn a_backup_that_is_too_large_to_be_read_is_tried_all_the_same() {
    let large = format!("module.exports = '{}'", "x".repeat(450_000));
    let main = "const parts = [require('./lib/a'), require('./lib/b'), require('./lib/c')]\n\
                exports.handler = async () => ({ statusCode: 200, body: String(parts.length) })";
    let mut functions = vec![("large.js", main)];
    functions.extend(["lib/a.js", "lib/b.js", "lib/c.js"].map(|it| (it, large.as_str())));
    let site = Site::new(PATIENT, &functions);
    let run = site.run(&["apply", "--yes"]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    let (code, found) = site.test_one("large-backup");
    assert_eq!((code, found.result.as_str()), (0, "passed"), "{}", found.why);
}
