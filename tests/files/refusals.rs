//! Functions that can have no backup, and what is odd about those that can: told with the place.

use crate::{World, functions::V1, told};

#[test]
fn what_can_t_be_wrapped_is_refused_with_the_place() {
    let world = World::of_functions(&[
        ("broken.js", "exports.handler = async () => {\n  return }}}\n"),
        (
            "conflict.ts",
            "<<<<<<< HEAD\nexport default 1\n=======\nexport default 2\n>>>>>>> main\n",
        ),
        ("deferred-background.js", V1),
        ("go/main.go", "package main"),
        ("inline.mjs", "export default () => {}\nexport const config = { background: true }\n"),
        ("my.thing.js", V1),
        ("none.js", "console.log('exports.handler')\n"),
        ("packed.zip", "PK"),
        ("rust/Cargo.toml", "[package]"),
        (
            "streams.js",
            "const { stream } = require('@netlify/functions')\nexports.handler = stream(async () => ({}))\n",
        ),
        (
            "streams-by-itself.js",
            "exports.handler =\n  awslambda.streamifyResponse(async (event, out) => out.end())\n",
        ),
        ("two words.js", V1),
        ("empty.js", ""),
        ("taken.js", V1),
        ("taken-backup.js", V1),
    ]);
    insta::assert_snapshot!(told(&world.plan()), @r#"
        create netlify/inline-backup: the config asks for it and it is not there
        held netlify/_two_words-cbe00727-backup: netlify/functions/two words.js: the name of a function has only letters, digits, `-` and `_`
        held netlify/broken-backup: netlify/functions/broken.js:2: this is no valid code: Unexpected token
        held netlify/conflict-backup: netlify/functions/conflict.ts:1: this is no valid code: Encountered diff marker
        held netlify/deferred-background-backup: netlify/functions/deferred-background.js: it runs in the background, and its backup would not, because only its name or netlify.toml can say so; write `[functions."deferred-background-backup"]` with `background = true` into netlify.toml
        held netlify/empty-backup: netlify/functions/empty.js: it is unclear how Netlify calls it: its main file exports neither a `handler` nor a default
        held netlify/go-backup: netlify/functions/go/main.go: a function in Go can't be wrapped yet
        held netlify/my.thing-backup: netlify/functions/my.thing.js: the name of a function has only letters, digits, `-` and `_`
        held netlify/none-backup: netlify/functions/none.js: it is unclear how Netlify calls it: its main file exports neither a `handler` nor a default
        held netlify/packed-backup: netlify/functions/packed.zip: this is no zip file that can be unpacked: invalid Zip archive: Could not find EOCD
        held netlify/rust-backup: netlify/functions/rust/Cargo.toml: a function in Rust can't be wrapped yet
        held netlify/streams-backup: netlify/functions/streams.js: it answers as a stream (`stream()`), which can't be wrapped
        held netlify/streams-by-itself-backup: netlify/functions/streams-by-itself.js:2: it answers as a stream (`awslambda.streamifyResponse`), which can't be wrapped
        held netlify/taken-backup: netlify/functions/taken-backup.js has the name of the backup; rename or remove it
        "#);
}

#[test]
fn what_is_odd_about_a_function_is_told() {
    let world = World::of_functions(&[
        (
            "timed.js",
            "exports.handler = async () => ({})\nexports.config = { schedule: '@daily' }\n",
        ),
        (
            "computed.mjs",
            "const path = '/x'\nexport default () => {}\nexport const config = { path }\n",
        ),
        ("parametrised.mjs", "export default () => {}\nexport const config = { path: '/x/:id' }\n"),
        ("events.mjs", "export default { fetch() {}, deploySucceeded() {} }\n"),
        ("submission-created.js", V1),
        ("included.js", V1),
        (
            "included-too.mjs",
            "export default () => {}\nexport const config = { includedFiles: ['a/*'] }\n",
        ),
        ("dynamic.js", "exports.handler = async (it) => require(it.path)\n"),
        ("templated/templated.js", "require('./lib/a')\nexports.handler = async () => ({})\n"),
        ("templated/lib/a.js", "1\n"),
        ("templated/mail.html", "<p>"),
    ]);
    world.write(
        "netlify.toml",
        "[functions.included]\nincluded_files = ['data/*']\n\
         [functions.included-too]\nincluded_files = ['data/*']\nexternal_node_modules = ['sharp']\n",
    );
    let plan = world.plan();
    assert!(plan.held.is_empty(), "{}", told(&plan));
    let (_, seen) = world.look();
    let odd = seen.found.iter().map(|(id, it)| format!("{id} {}", it.status)).collect::<Vec<_>>();
    insta::assert_snapshot!(odd.join("\n"), @r#"
        netlify/computed untested; its `config.path` is no literal, so Netlify ignores it
        netlify/dynamic untested; what line 1 of it loads shows only when it runs, and is not in its backup
        netlify/events untested; its backup answers requests alone, and no events
        netlify/included untested; netlify.toml sets `included_files` for it; its backup needs the same in `[functions."included-backup"]`
        netlify/included-too untested
        netlify/parametrised untested; it takes parameters from its path, and its backup gets none
        netlify/submission-created untested; Netlify calls it for an event by its name, and its backup by none
        netlify/templated untested; `mail.html` in its folder is not in its backup
        netlify/timed untested; its `config.schedule` has no effect, because it exports a `handler`
        "#);
    world.settle();
    let wrapper = world.read("netlify/functions/included-too-backup/included-too-backup.mjs");
    insta::assert_snapshot!(wrapper.split("export const config").nth(1).unwrap(), @r#"
         = {
          "externalNodeModules": [
            "sharp"
          ],
          "includedFiles": [
            "a/*",
            "data/*"
          ]
        }
        "#);
}

#[test]
fn what_a_function_can_t_reach_is_told_with_the_place() {
    let world = World::of_functions(&[
        ("outside.js", "\nrequire('../../../other/x')\nexports.handler = async () => ({})\n"),
        ("absolute.js", "require('/etc/passwd')\nexports.handler = async () => ({})\n"),
        ("linked.js", "require('./shared/linked.js')\nexports.handler = async () => ({})\n"),
        ("looped.js", "require('./shared/loop.js')\nexports.handler = async () => ({})\n"),
        ("native.js", "require('./shared/native.node')\nexports.handler = async () => ({})\n"),
        ("shared/native.node", ""),
        ("lacks.js", "exports.handler = async () => ({})\n\nrequire('./lib')\n"),
        ("lacks-deep.mjs", "import './shared/lacks.mjs'\nexport default () => {}\n"),
        ("shared/lacks.mjs", "\nimport './gone.mjs'\n"),
        ("broken-deep.js", "require('./shared/broken')\nexports.handler = async () => ({})\n"),
        ("shared/broken.js", "const a = 1\nconst b = \n"),
        ("data.js", "require('./shared/data.json')\nexports.handler = async () => ({})\n"),
        ("shared/data.json", "{\n\n  x}"),
        (
            "computed-cron.js",
            "const { schedule } = require('@netlify/functions')\nexports.handler = schedule(CRON, async () => {})\n",
        ),
        ("no-fetch.mjs", "export default { deploySucceeded() {} }\n"),
        ("nowhere.js", "module.exports = require('handlers')\n"),
        ("___netlify-entry-point.js", V1),
        (
            "typed.ts",
            "import { A } from './shared/types'\nexport const handler = async (it: A) => ({})\n",
        ),
        ("shared/types.d.ts", "export type A = 1\n"),
    ]);
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("x.js"), "").unwrap();
    let link = |to: &std::path::Path, name: &str| {
        std::os::unix::fs::symlink(to, world.path(&format!("netlify/functions/shared/{name}")))
            .unwrap();
    };
    link(&outside.path().join("x.js"), "linked.js");
    link(std::path::Path::new("loop.js"), "loop.js");
    insta::assert_snapshot!(told(&world.plan()), @r"
        create netlify/typed-backup: the config asks for it and it is not there
        held netlify/___netlify-entry-point-backup: netlify/functions/___netlify-entry-point.js: Netlify keeps this name for itself
        held netlify/absolute-backup: netlify/functions/absolute.js:1: it names `/etc/passwd`, which is outside the project
        held netlify/broken-deep-backup: netlify/functions/shared/broken.js:3: this is no valid code: Unexpected token
        held netlify/computed-cron-backup: netlify/functions/computed-cron.js:2: Netlify's build fails here: the schedule has to be a literal
        held netlify/data-backup: netlify/functions/shared/data.json:3: this is no JSON: key must be a string at line 3 column 3
        held netlify/lacks-backup: netlify/functions/lacks.js:3: it names `./lib`, and there is no such file
        held netlify/lacks-deep-backup: netlify/functions/shared/lacks.mjs:2: it names `./gone.mjs`, and there is no such file
        held netlify/linked-backup: netlify/functions/linked.js:1: it names `./shared/linked.js`, which leads out of the project
        held netlify/looped-backup: netlify/functions/looped.js:1: it names `./shared/loop.js`, and there is no such file
        held netlify/native-backup: netlify/functions/native.js:1: it names `./shared/native.node`, which is neither code nor JSON
        held netlify/no-fetch-backup: netlify/functions/no-fetch.mjs: it answers no requests: the object that it exports has no `fetch`
        held netlify/nowhere-backup: netlify/functions/nowhere.js: it is unclear how Netlify calls it: no `handler` is found where its exports come from
        held netlify/outside-backup: netlify/functions/outside.js:2: it names `../../../other/x`, which is outside the project
        ");
    let (_, seen) = world.look();
    let broken = seen.found.iter().filter(|(_, it)| it.status.word() == "broken");
    let broken: Vec<&str> = broken.map(|(id, _)| id.name.as_str()).collect();
    insta::assert_snapshot!(broken.join(" "), @"broken-deep computed-cron data lacks lacks-deep looped");
}

#[test]
fn links_and_what_is_too_large_hold_up_only_themselves() {
    let huge = format!("{V1}//{}\n", "x".repeat(600 * 1024));
    let world = World::of_functions(&[
        ("good.js", V1),
        ("huge.js", &huge),
        ("reaches.js", "require('./shared/huge.js')\nexports.handler = async () => ({})\n"),
        ("shared/huge.js", &huge),
    ]);
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("index.js"), V1).unwrap();
    for (name, to) in [
        ("around.js", "around.js"),
        ("back.js", "forth.js"),
        ("forth.js", "back.js"),
        ("dangling.js", "nowhere.js"),
        ("folder", "folder"),
        ("inside.js", "good.js"),
        ("up", "."),
        ("out.js", outside.path().join("index.js").to_str().unwrap()),
        ("out-folder", outside.path().to_str().unwrap()),
    ] {
        let place = world.path(&format!("netlify/functions/{name}"));
        std::os::unix::fs::symlink(to, place).unwrap();
    }
    insta::assert_snapshot!(told(&world.plan()), @r"
        create netlify/good-backup: the config asks for it and it is not there
        create netlify/inside-backup: the config asks for it and it is not there
        held netlify/around-backup: netlify/functions/around.js: it is a symbolic link that leads nowhere: Too many levels of symbolic links (os error 40)
        held netlify/back-backup: netlify/functions/back.js: it is a symbolic link that leads nowhere: Too many levels of symbolic links (os error 40)
        held netlify/dangling-backup: netlify/functions/dangling.js: it is a symbolic link that leads nowhere: No such file or directory (os error 2)
        held netlify/forth-backup: netlify/functions/forth.js: it is a symbolic link that leads nowhere: Too many levels of symbolic links (os error 40)
        held netlify/huge-backup: netlify/functions/huge.js: it has 601 KB, and files of more than 500 KB are not read
        held netlify/out-backup: netlify/functions/out.js: it is a symbolic link that leads out of the project
        held netlify/out-folder-backup: netlify/functions/out-folder/index.js: a symbolic link on the way to it leads out of the project
        held netlify/reaches-backup: netlify/functions/shared/huge.js: it has 601 KB, and files of more than 500 KB are not read
        ");
}

#[test]
fn odd_names_hold_nothing_up() {
    let long = format!("{}.js", "n".repeat(200));
    let longest = format!("{}.js", "n".repeat(113));
    let world = World::of_functions(&[
        (&long, V1),
        (&longest, V1),
        ("größe.js", V1),
        ("-rf.js", V1),
        (".hidden.js", V1),
        ("a'b.js", V1),
        ("good.js", V1),
        ("x.js", V1),
        ("x-backup/index.js", V1),
        ("y-backup.js", V1),
        ("z-backup-backup.js", V1),
    ]);
    let plan = world.plan();
    let made: Vec<&str> = plan.steps().map(|it| it.id.name.as_str()).collect();
    let longest = format!("{}-backup", "n".repeat(113));
    assert_eq!(made, ["good-backup", &longest]);
    insta::assert_snapshot!(told(&plan).replace(&"n".repeat(113), "N").replace(&"n".repeat(79), "n"), @r"
        create netlify/good-backup: the config asks for it and it is not there
        create netlify/N-backup: the config asks for it and it is not there
        held netlify/_-rf-3f5823b2-backup: `-rf` can't have a backup: a name starts with a letter, a digit or `_`, not with '-'
        held netlify/__hidden-dba045f2-backup: netlify/functions/.hidden.js: the name of a function has only letters, digits, `-` and `_`
        held netlify/_a_b-f7be0fd6-backup: netlify/functions/a'b.js: the name of a function has only letters, digits, `-` and `_`
        held netlify/_gr__e-c36db57b-backup: netlify/functions/größe.js: the name of a function has only letters, digits, `-` and `_`
        held netlify/_nn-125254f7-backup: `Nnnnnnnnnn` can't have a backup: a name has at most 120 characters, this one has 207
        held netlify/x-backup: netlify/functions/x-backup/index.js has the name of the backup; rename or remove it
        ");
}
