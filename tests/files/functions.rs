//! Which functions have a backup, and what it is.

use redundancy::provider::{Provider, netlify::Netlify};

use crate::{World, told};

pub(crate) const V1: &str = "exports.handler = async () => ({ statusCode: 200 })\n";
pub(crate) const V2: &str = "export default async () => new Response('x')\n";

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
