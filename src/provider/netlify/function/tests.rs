//! What functions are, by their text.

use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::provider::netlify::source::Source;

/// What a function called `name` is, whose main file has this ending and holds `text`.
fn function(name: &str, ending: &str, text: &str, toml: &str) -> Result<Function, Trouble> {
    let main = format!("{name}.{ending}");
    let source = Source::parse(&main, text).map_err(|fault| Trouble::at(&main, fault))?;
    let file = File::Code { source: Arc::new(source), local: BTreeMap::new() };
    let reached = Reached { main: main.clone(), files: [(main, file)].into(), zip: None };
    classify(name, &reached, &Settings::parse(toml).unwrap())
}

fn style_of(ending: &str, text: &str) -> Style {
    function("a", ending, text, "").unwrap_or_else(|why| panic!("{text}: {why:?}")).style
}

#[test]
fn the_first_style_has_a_handler() {
    for text in [
        "exports.handler = async () => ({})",
        "module.exports.handler = () => {}",
        "exports['handler'] = () => {}",
        "exports.main = exports.handler = () => {}",
        "module.exports = { handler: async () => ({}) }",
        "const handler = () => {}; module.exports = { other: 1, handler }",
        "const it = { handler() {} }; module.exports = it",
        "export const handler = async () => ({})",
        "export async function handler() {}",
        "const x = () => {}; export { x as handler }",
        "let handler; handler = () => {}; export { handler }",
        "export { handler } from './lib.js'",
        "export default 1; export const handler = () => {}",
        "export default 1; export const handler = wrap(() => {})",
        "exports.default = 1; exports.handler = () => {}",
        "'use strict'; with_ = 1; exports.handler = () => {}; return",
        "exports.handler = lib.wrap(() => {})",
    ] {
        assert_eq!(style_of("js", text), Style::V1, "{text}");
    }
    assert_eq!(style_of("ts", "export = { handler: async () => ({}) }"), Style::V1);
}

#[test]
fn the_second_style_has_a_default_export() {
    for text in [
        "export default async () => new Response('x')",
        "export default { fetch() {} }",
        "const x = () => {}; export { x as default }",
        "export { default } from './lib.js'",
        "exports.default = () => {}",
        "export async function handler() {} export default handler",
        // What the bundler does not see.
        "export default 1; export const handler = lib.wrap(() => {})",
        "import { handler } from './lib.js'; export { handler }; export default handler",
    ] {
        assert_eq!(style_of("js", text), Style::V2, "{text}");
    }
    let typed = "import type { Context } from '@netlify/functions'\n\
                 export default async (req: Request, context: Context) => new Response()\n\
                 export type { Context as handler }";
    assert_eq!(style_of("mts", typed), Style::V2);
    assert_eq!(style_of("tsx", "export default () => <p/>"), Style::V2);
}

#[test]
fn what_is_unclear_is_refused() {
    let refused = |ending, text| match function("a", ending, text, "") {
        Err(Trouble { why, broken }) => format!("{broken} {why}"),
        Ok(function) => panic!("{text} is {function:?}"),
    };
    insta::assert_snapshot!([
        refused("js", "module.exports = require('./b')"),
        refused("js", "// exports.handler = 1"),
        refused("mjs", "export * from './b.mjs'"),
        refused("js", "const a = 1\nexports.handler = }}}"),
        refused("ts", "\n\nconst a: = 1"),
        refused("js", "import { stream as it } from '@netlify/functions'; export const handler = it(async () => {})"),
        refused("js", "const { schedule } = require('@netlify/functions'); exports.handler = schedule(CRON, () => {})"),
        refused("mjs", "export default { deploySucceeded() {} }"),
        refused("rb", ""),
    ].join("\n"), @r"
    false a.js: it is unclear how Netlify calls it: no `handler` is found where its exports come from
    false a.js: it is unclear how Netlify calls it: its main file exports neither a `handler` nor a default
    false a.mjs: it is unclear how Netlify calls it: no `handler` is found where its exports come from
    true a.js:2: this is no valid code: Unexpected token
    true a.ts:3: this is no valid code: Unexpected token
    false a.js: it answers as a stream (`stream()`), which can't be wrapped
    true a.js:1: Netlify's build fails here: the schedule has to be a literal
    false a.mjs: it answers no requests: the object that it exports has no `fetch`
    true a.rb: it is of a kind that can't be read
    ");
    // A function of that name is not the helper.
    assert_eq!(style_of("js", "export const handler = stream(async () => {})"), Style::V1);
}

#[test]
fn a_backup_takes_over_what_it_has_to() {
    let of = |name, text, toml| {
        let it = function(name, "mjs", text, toml).unwrap();
        format!("{} {} {}", it.rethrows, it.limit, Value::Object(it.config))
    };
    let web = |config: &str| format!("export default () => {{}}; export const config = {config}");
    insta::assert_snapshot!([
        of("a", &web("{ path: '/a', excludedPath: '/a/b', method: ['GET'], preferStatic: true, rateLimit: {}, name: 'A' }"), ""),
        of("a", &web("{ schedule: '@daily' }"), ""),
        of("a", &web("{ background: !0, region: 'fra', memory: 2048 }"), ""),
        of("a-background", &web("{}"), ""),
        of("a", "export default { fetch() {}, config: { timeout: 10, vcpu: 0.5 } }", ""),
        of("a", &web("{ includedFiles: ['a'] }"), "[functions]\nincluded_files = ['x']\n[functions.a]\nincluded_files = ['b']"),
        of("a", &web("{}"), "[functions.a]\nschedule = '@daily'\n"),
        of("a", &web("{}"), "[functions.a]\nbackground = true\n"),
    ].join("\n"), @r#"
    false 59500 {}
    true 59500 {}
    true 59500 {"background":true,"memory":2048,"region":"fra"}
    true 59500 {"background":true}
    false 9500 {"timeout":10,"vcpu":0.5}
    false 59500 {"includedFiles":["a","b"]}
    true 59500 {}
    true 59500 {"background":true}
    "#);
}

#[test]
fn the_table_of_most_weight_is_obeyed() {
    let toml = "[functions]\nnode_bundler = 'zisi'\n[functions.'a*']\nbackground = true\n\
                schedule = '@daily'\n[functions.abc]\nbackground = false\n";
    let settings = Settings::parse(toml).unwrap();
    let of = |name| {
        let it = settings.of(name);
        (it.background, it.schedule)
    };
    assert_eq!(of("b"), (false, None));
    assert_eq!(of("ab"), (true, Some("@daily".to_owned())));
    assert_eq!(of("abc"), (false, Some("@daily".to_owned())));
    insta::assert_snapshot!(settings.harm("ab-backup", true).unwrap(), @"netlify.toml:3 sets `schedule` for `a*`, so also for its backup; name the functions one by one there");
    let settings = Settings::parse("[functions.'a*']\nbackground = true\n").unwrap();
    assert_eq!(settings.harm("ab-backup", true), None);
    insta::assert_snapshot!(settings.harm("ab-backup", false).unwrap(), @"netlify.toml:1 sets `background` for `a*`, so also for its backup; name the functions one by one there");
}
