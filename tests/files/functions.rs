//! Which functions have a backup, and what it is.

use redundancy::provider::{Provider, netlify::Netlify};

use crate::{World, told};

const V1: &str = "exports.handler = async () => ({ statusCode: 200 })\n";
const V2: &str = "export default async () => new Response('x')\n";

/// The main file that the snapshot of a function was made from.
fn main_of(world: &World, name: &str) -> String {
    let text = world.read(&format!("netlify/functions/{name}-backup/lkg.cjs"));
    let main = text.split("const __redundancy_main = \"").nth(1).unwrap();
    main.split('"').next().unwrap().to_owned()
}

#[test]
fn every_kind_of_file_that_netlify_takes_has_a_backup() {
    let world = World::of_functions(&[
        ("a.js", V1),
        ("b.cjs", V1),
        ("c.mjs", V2),
        ("d.ts", V2),
        ("e.cts", V1),
        ("f.mts", V2),
        ("g.tsx", "export default () => <p/>\n"),
        ("h/h.js", V1),
        ("i/index.ts", V2),
        ("shared/util.js", "exports.x = 1\n"),
        ("types.d.ts", "export type A = 1\n"),
        ("notes.md", "no function"),
        ("node_modules/index.js", V1),
    ]);
    let plan = world.plan();
    let made: Vec<&str> = plan.steps().map(|it| it.id.name.as_str()).collect();
    let letters = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    assert_eq!(made, letters.map(|it| format!("{it}-backup")));
    assert!(plan.held.is_empty(), "{}", told(&plan));
    world.settle();
    for (name, main) in [("a", "a.js"), ("g", "g.tsx"), ("h", "h/h.js"), ("i", "i/index.ts")] {
        assert_eq!(main_of(&world, name), format!("netlify/functions/{main}"));
    }
}

#[test]
fn of_one_name_the_one_that_netlify_takes_is_backed_up() {
    let world = World::of_functions(&[
        ("a.js", V1),
        ("a.ts", V2),
        ("b.mjs", V2),
        ("b.js", V1),
        ("c.js", V1),
        ("c/index.mjs", V2),
        ("d/index.js", V2),
        ("d/d.js", V1),
        ("d/d.mjs", V2),
        ("e.f/e.f.ts", V1),
    ]);
    world.settle();
    for (name, main) in
        [("a", "a.js"), ("b", "b.js"), ("c", "c/index.mjs"), ("d", "d/d.js"), ("e", "e.f/e.f.ts")]
    {
        assert_eq!(main_of(&world, name), format!("netlify/functions/{main}"));
    }
}

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
fn what_no_pattern_names_is_nobodys_problem() {
    let world = World::new(
        "[[function]]\nbacks_up = 'a*'\nexcept = 'ab'\n",
        &[
            ("netlify/functions/a.js", V1),
            ("netlify/functions/ab.js", V1),
            ("netlify/functions/go/main.go", "package main"),
            ("netlify/functions/broken.js", "}}}"),
        ],
    );
    assert_eq!(
        told(&world.plan()),
        "create netlify/a-backup: the config asks for it and it is not there"
    );
}

#[test]
fn the_folder_is_where_netlify_toml_says() {
    for (toml, folder) in [
        ("[functions]\ndirectory = 'fns'", "fns"),
        ("[build]\nfunctions = './old/fns/'", "old/fns"),
        ("[build]\nbase = 'site'\n[functions]\ndirectory = 'fns'", "site/fns"),
        ("[build]\npublish = 'dist'", "netlify/functions"),
        ("", "netlify/functions"),
    ] {
        let primary = format!("{folder}/a.js");
        let world =
            World::new("[[function]]\nbacks_up = '*'", &[("netlify.toml", toml), (&primary, V1)]);
        world.settle();
        let backup = format!("{folder}/a-backup/a-backup.cjs");
        assert!(world.path(&backup).is_file(), "{toml}: {:?}", world.tree());
        let mut watched = Netlify::new(&world.project()).places();
        watched.sort();
        let own = format!("{folder}/a-backup");
        let mut expected = [folder, &own, "netlify.toml"].map(|it| world.path(it));
        expected.sort();
        assert_eq!(watched, expected, "{toml}");
    }
    let own = "[netlify]\nfunctions_dir = 'mine'\n[[function]]\nbacks_up = '*'";
    let world =
        World::new(own, &[("netlify.toml", "[functions]\ndirectory = 'fns'"), ("mine/a.js", V1)]);
    world.settle();
    assert!(world.path("mine/a-backup/a-backup.cjs").is_file());
}

#[test]
fn a_netlify_toml_that_can_t_be_followed_makes_blind() {
    let blind = |toml: &str| {
        let world = World::new("[[function]]\nbacks_up = '*'", &[("netlify.toml", toml)]);
        let (_, seen) = world.look();
        seen.blind.values().next().cloned().unwrap_or_default()
    };
    insta::assert_snapshot!([
        blind("[build]\n[functions\n"),
        blind("[functions]\ndirectory = '../other'"),
    ].join("\n"), @r"
    netlify.toml:2: unclosed table, expected `]`
    netlify.toml: its functions folder ../other is outside the project
    ");
}

#[test]
fn no_backup_gets_a_schedule_by_its_name() {
    let world = World::of_functions(&[("job.js", V1), ("job2.js", V1), ("other.js", V1)]);
    world.write(
        "netlify.toml",
        "[functions]\ndirectory = 'netlify/functions'\n\
         [functions.'job-*']\nschedule = '@daily'\n\
         [functions.'job2']\nschedule = '@daily'\n\
         [functions.'other-backup']\nschedule = '@daily'\n",
    );
    insta::assert_snapshot!(told(&world.plan()), @r"
        create netlify/job2-backup: the config asks for it and it is not there
        create netlify/other-backup: the config asks for it and it is not there
        held netlify/job-backup: netlify/functions/job.js: netlify.toml:3 sets `schedule` for `job-*`, so also for its backup; name the functions one by one there
        ");
}

#[test]
fn functions_that_other_programs_make_are_left_alone() {
    for folder in [".netlify/functions-internal", "site/.netlify/v1/functions"] {
        let toml = format!("[functions]\ndirectory = '{folder}'\n");
        let primary = format!("{folder}/a.js");
        let world =
            World::new("[[function]]\nbacks_up = '*'", &[("netlify.toml", &toml), (&primary, V1)]);
        let (_, seen) = world.look();
        assert_eq!(
            seen.blind.values().next().unwrap(),
            &format!(
                "the functions in {folder} are made by other programs; name a folder of your own"
            )
        );
    }
}

#[test]
fn the_old_default_folder_is_found() {
    let world =
        World::new("[[function]]\nbacks_up = '*'", &[("netlify-automatic-functions/a.js", V1)]);
    world.settle();
    assert!(world.path("netlify-automatic-functions/a-backup/a-backup.cjs").is_file());
}

#[test]
fn the_names_of_a_manifest_are_compared_with_the_files() {
    let world = World::of_functions(&[
        ("a.js", V1),
        ("b.mjs", V2),
        (
            "functions-manifest.json",
            "{\"generatedAt\": \"x\", \"functions\": [\"a\", \"ghost\", {\"name\": \"../x\", \"path\": \"x.js\"}, \"a-backup\"]}",
        ),
    ]);
    insta::assert_snapshot!(told(&world.plan()), @r"
        create netlify/a-backup: the config asks for it and it is not there
        create netlify/b-backup: the config asks for it and it is not there
        held netlify/____x-b5dd5f31-backup: netlify/functions/functions-manifest.json names `../x`, and there is no such function in netlify/functions
        held netlify/ghost-backup: netlify/functions/functions-manifest.json names `ghost`, and there is no such function in netlify/functions
        ");
    let (_, seen) = world.look();
    let status = |name: &str| seen.found[&crate::id(&format!("netlify/{name}"))].status.to_string();
    insta::assert_snapshot!([status("a"), status("b"), status("ghost")].join("\n"), @r"
        untested
        untested; functions-manifest.json does not name it
        broken: netlify/functions/functions-manifest.json names `ghost`, and there is no such function in netlify/functions
        ");
}

#[test]
fn a_manifest_that_can_t_be_read_is_told_and_stops_nothing() {
    for text in ["{", "[5]", "{\"functions\": 3}", &format!("[{}1]", "\"a\",".repeat(200_000))] {
        let world = World::of_functions(&[("a.js", V1), ("functions-manifest.json", text)]);
        let (_, seen) = world.look();
        let status = &seen.found[&crate::id("netlify/functions-manifest.json")].status;
        let told = status.to_string();
        assert!(told.starts_with("broken: netlify/functions/functions-manifest.json:"), "{told}");
        world.settle();
    }
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

#[test]
fn a_snapshot_of_files_can_be_read() {
    let world = World::new(
        "[[function]]\nbacks_up = '*'\nsnapshot = 'files'",
        &[
            (
                "netlify/functions/a.mts",
                "import Stripe, { type Event } from 'stripe'\nimport { greet } from './lib/greet'\n\n// Says hello.\nexport default async (request: Request) => new Response(greet(request.url, Stripe))\n",
            ),
            (
                "netlify/functions/lib/greet.js",
                "const { name } = require('./name')\nexports.greet = (it) => `${name} ${it}`\n",
            ),
            ("netlify/functions/lib/name.json", "{ \"name\": \"a\" }\n"),
        ],
    );
    world.settle();
    let text = world.read("netlify/functions/a-backup/lkg.cjs");
    let files = text.split("const __redundancy_packages").nth(1).unwrap();
    insta::assert_snapshot!(files.split("// The files see").next().unwrap(), @r#"
         = {
          "stripe": () => import("stripe").catch(__redundancy_again),
        }

        const __redundancy_files = {
        "netlify/functions/a.mts": { links: {"./lib/greet":"netlify/functions/lib/greet.js"}, async module(__vite_ssr_import__, __vite_ssr_dynamic_import__, __vite_ssr_exports__, __vite_ssr_exportAll__, __vite_ssr_import_meta__) {
        'use strict'
        // Says hello.
        Object.defineProperty(__vite_ssr_exports__, "default", {
        	enumerable: true,
        	configurable: true,
        	get() {
        		return __vite_ssr_export_default__;
        	}
        });
        const __vite_ssr_import_0__ = await __vite_ssr_import__("stripe", { importedNames: ["default"] });
        const __vite_ssr_import_1__ = await __vite_ssr_import__("./lib/greet", { importedNames: ["greet"] });
        const __vite_ssr_export_default__ = async (request) => new Response((0, __vite_ssr_import_1__.greet)(request.url, __vite_ssr_import_0__.default));
        } },
        "netlify/functions/lib/greet.js": { links: {"./name":"netlify/functions/lib/name.json"}, common(module, exports, __filename, __dirname) {
        const { name } = __redundancy_require("netlify/functions/lib/name.json")
        exports.greet = (it) => `${name} ${it}`
        } },
        "netlify/functions/lib/name.json": { common(module, exports, __filename, __dirname) {
        module.exports = { "name": "a" }

        } },
        }
        "#);
}
