//! Which functions have a backup, and what it is.

use redundancy::provider::{Provider, netlify::Netlify};

use crate::{World, told};

const V1: &str = "exports.handler = async () => ({ statusCode: 200 })\n";
const V2: &str = "export default async () => new Response('x')\n";

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
    let imported = |name: &str| {
        let text = world.read(&format!("netlify/functions/{name}-backup/{name}-backup.mjs"));
        let path = text.split("await import('").nth(1).unwrap().split('\'').next().unwrap();
        path.to_owned()
    };
    assert_eq!(imported("a"), "../a.js");
    assert_eq!(imported("g"), "../g.tsx");
    assert_eq!(imported("h"), "../h/h.js");
    assert_eq!(imported("i"), "../i/index.ts");
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
    ]);
    world.settle();
    for (name, main) in
        [("a", "../a.js"), ("b", "../b.js"), ("c", "../c/index.mjs"), ("d", "../d/d.js")]
    {
        let text = world.read(&format!("netlify/functions/{name}-backup/{name}-backup.mjs"));
        assert!(text.contains(&format!("import('{main}')")), "{name}: {text}");
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
        ("two words.js", V1),
        ("empty.js", ""),
        ("taken.js", V1),
        ("taken-backup.js", V1),
    ]);
    insta::assert_snapshot!(told(&world.plan()), @r"
    held netlify/_two_words-cbe00727-backup: netlify/functions/two words.js: the name of a function has only letters, digits, `-` and `_`
    held netlify/broken-backup: netlify/functions/broken.js:2: this is no valid code: Unexpected token
    held netlify/conflict-backup: netlify/functions/conflict.ts:1: this is no valid code: Encountered diff marker
    held netlify/deferred-background-backup: netlify/functions/deferred-background.js: it runs in the background (its name ends in `-background`), and a wrapper would not; it can't be wrapped yet
    held netlify/empty-backup: netlify/functions/empty.js: it is unclear how Netlify calls it: its main file exports neither a `handler` nor a default
    held netlify/go-backup: netlify/functions/go/main.go: a function in Go can't be wrapped yet
    held netlify/inline-backup: netlify/functions/inline.mjs: it runs in the background, which can't be wrapped yet
    held netlify/my.thing-backup: netlify/functions/my.thing.js: the name of a function has only letters, digits, `-` and `_`
    held netlify/none-backup: netlify/functions/none.js: it is unclear how Netlify calls it: its main file exports neither a `handler` nor a default
    held netlify/packed-backup: netlify/functions/packed.zip: a function in a zip file can't be wrapped yet
    held netlify/rust-backup: netlify/functions/rust/Cargo.toml: a function in Rust can't be wrapped yet
    held netlify/streams-backup: netlify/functions/streams.js: it answers as a stream (`stream()`), which can't be wrapped yet
    held netlify/taken-backup: netlify/functions/taken-backup.js has the name of the backup; rename or remove it
    ");
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
        let backup = format!("{folder}/a-backup/a-backup.mjs");
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
    assert!(world.path("mine/a-backup/a-backup.mjs").is_file());
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
    held netlify/job-backup: netlify/functions/job.js: netlify.toml sets `schedule` for `job-*`, so also for its backup; name the functions one by one there
    ");
}
