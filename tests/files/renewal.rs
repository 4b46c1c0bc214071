//! When a backup gets a new snapshot of its primary.

use std::fs;

use redundancy::{
    core::{
        change::{Change, Why},
        digest::Digest,
        health::Health,
        resource::{Run, Value},
    },
    provider::netlify::verdicts::{Verdict, Verdicts},
};

use crate::{NOW, World, id, overwrite, told};

const PRIMARY: &str = "netlify/functions/a.js";
const SNAPSHOT: &str = "netlify/functions/a-backup/lkg.cjs";
const WRAPPER: &str = "netlify/functions/a-backup/a-backup.cjs";

fn text(word: &str) -> String {
    format!(
        "const {{ word }} = require('./shared/word')\nexports.handler = async () => ({{ statusCode: 200, body: word + '{word}' }})\n"
    )
}

/// A project with one function, which has its backup.
fn world() -> World {
    let world = World::of_functions(&[
        ("a.js", &text("one")),
        ("shared/word.js", "exports.word = 'said '\n"),
    ]);
    world.settle();
    world
}

/// The digest by which the verdict on the primary is kept.
fn recipe(world: &World) -> Digest {
    let (_, seen) = world.look();
    match &seen.found[&id("netlify/a")].body.fields["recipe"] {
        Value::Text(it) => it.parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn say(world: &World, passed: bool, why: &str) {
    let verdict = Verdict {
        passed,
        why: why.to_owned(),
        at: NOW,
        tool: std::collections::BTreeMap::new(),
        tried_with: None,
    };
    Verdicts::new(&world.path(".redundancy")).write(&recipe(world), &verdict).unwrap();
}

fn state(world: &World, name: &str) -> (String, Health) {
    let (_, seen) = world.look();
    let status = &seen.found[&id(name)].status;
    (status.to_string(), Health::of(Run::On, Some(status)))
}

#[test]
fn a_first_backup_is_made_of_what_is_there_and_says_that_nobody_tried_it() {
    let world = world();
    assert!(world.read(SNAPSHOT).contains("'one'"));
    let untested = ("untested".to_owned(), Health::Unknown);
    assert_eq!(state(&world, "netlify/a"), untested);
    assert_eq!(state(&world, "netlify/a-backup"), untested);
    say(&world, true, "it answers");
    assert_eq!(state(&world, "netlify/a"), ("tested".to_owned(), Health::Healthy));
}

#[test]
fn a_changed_primary_renews_its_backup_once_it_has_passed() {
    let world = world();
    world.write(PRIMARY, text("two"));
    insta::assert_snapshot!(told(&world.plan()), @"held netlify/a-backup: its primary, or how it is made, has changed, and has not passed `redundancy test` yet; until then it stays as it is");
    assert!(world.plan().steps().next().is_none());

    say(&world, false, "it throws at line 3");
    insta::assert_snapshot!(told(&world.plan()), @"held netlify/a-backup: its primary, or how it is made, has changed, and failed `redundancy test`: it throws at line 3; until then it stays as it is");
    let (state, health) = state(&world, "netlify/a");
    assert_eq!((state.as_str(), health), ("failing: it throws at line 3", Health::Unhealthy));

    say(&world, true, "it answers");
    let plan = world.plan();
    assert_eq!(
        told(&plan),
        "update netlify/a-backup: out of date: its primary, or the config, has changed"
    );
    let Change::Update { from, to, .. } = &plan.steps().next().unwrap().change else { panic!() };
    assert!(from.files[SNAPSHOT].contains("'one'") && to.files[SNAPSHOT].contains("'two'"));
    world.settle();
    assert!(world.read(SNAPSHOT).contains("'two'"));
}

#[test]
fn a_change_of_what_a_primary_imports_counts_too() {
    let world = world();
    world.write("netlify/functions/shared/word.js", "exports.word = 'sang '\n");
    assert!(matches!(world.plan().held[0].why, Why::NotProven { .. }));
    say(&world, true, "it answers");
    world.settle();
    assert!(world.read(SNAPSHOT).contains("'sang '"));
}

#[test]
fn a_broken_primary_leaves_the_snapshot_as_it_is() {
    let world = world();
    let (snapshot, wrapper) = (world.read(SNAPSHOT), world.read(WRAPPER));
    let break_it: [(&str, &dyn Fn()); 4] = [
        ("broken: netlify/functions/a.js:2: this is no valid code: Unexpected token", &|| {
            world.write(PRIMARY, "\n}}}");
        }),
        (
            "broken: netlify/functions/a.js:1: it names `./shared/gone`, and there is no such file",
            &|| world.write(PRIMARY, text("one").replace("/word'", "/gone'")),
        ),
        (
            "broken: netlify/functions/shared/word.js:1: this is no valid code: Unexpected token",
            &|| {
                world.write("netlify/functions/shared/word.js", "}");
                world.write(PRIMARY, text("one"));
            },
        ),
        ("gone", &|| world.remove(PRIMARY)),
    ];
    for (told_of_it, break_it) in break_it {
        break_it();
        let plan = world.plan();
        assert!(plan.steps().next().is_none(), "{}", told(&plan));
        assert_eq!(plan.held.len(), 1, "{}", told(&plan));
        assert_eq!(
            (world.read(SNAPSHOT), world.read(WRAPPER)),
            (snapshot.clone(), wrapper.clone())
        );
        if told_of_it == "gone" {
            assert!(told(&plan).contains("the primary a is gone; its backup is kept"));
        } else {
            assert_eq!(state(&world, "netlify/a"), (told_of_it.to_owned(), Health::Unhealthy));
            assert!(told(&plan).contains(told_of_it.strip_prefix("broken: ").unwrap()));
        }
    }
    world.write("netlify/functions/shared/word.js", "exports.word = 'said '\n");
    world.write(PRIMARY, text("one"));
    assert_eq!(told(&world.plan()), "", "mended, it is as it was");
}

#[test]
fn another_style_takes_the_place_of_the_first() {
    let world = world();
    world.write(PRIMARY, "export default async () => new Response('two')\n");
    say(&world, true, "it answers");
    world.settle();
    assert!(!world.path(WRAPPER).exists());
    assert!(world.path("netlify/functions/a-backup/a-backup.mjs").is_file());
}

#[test]
fn a_wrapper_of_the_first_version_gives_way_at_once() {
    let world = world();
    let old = world.read(WRAPPER);
    let mark = old.lines().nth(2).unwrap();
    let made_from = mark.split("made_from=").nth(1).unwrap().split(' ').next().unwrap();
    let body = redundancy::core::resource::Body {
        fields: [("made_from".to_owned(), made_from.into())].into(),
        files: [(
            "netlify/functions/a-backup/a-backup.mjs".to_owned(),
            "import('../a.js')\n".to_owned(),
        )]
        .into(),
    };
    let written = mark.split("written=").nth(1).unwrap();
    let mark = mark.replace(written, &body.digest().to_string());
    let head: Vec<&str> = old.lines().take(2).collect();
    fs::remove_dir_all(world.path("netlify/functions/a-backup")).unwrap();
    world.write(
        "netlify/functions/a-backup/a-backup.mjs",
        format!("{}\n{mark}\nimport('../a.js')\n", head.join("\n")),
    );
    world.settle();
    assert!(world.path(WRAPPER).is_file() && world.path(SNAPSHOT).is_file());
    assert!(!world.path("netlify/functions/a-backup/a-backup.mjs").exists());
}

#[test]
fn an_edit_of_either_file_is_kept_until_it_is_given_up() {
    for file in [SNAPSHOT, WRAPPER] {
        let world = world();
        let ours = world.read(file);
        world.write(file, format!("{ours}// mine\n"));
        assert_eq!(told(&world.plan()), "held netlify/a-backup: edited by hand");
        world.apply(&world.plan_with(&overwrite("netlify/a-backup"))).unwrap();
        assert_eq!(world.read(file), ours);
    }
}

#[test]
fn what_is_no_longer_asked_for_goes_with_its_folder() {
    let world = world();
    let world = World { config: "[controller]".to_owned(), ..world };
    let consent = redundancy::core::plan::Consent { deletions: 1, ..Default::default() };
    world.apply(&world.plan_with(&consent)).unwrap();
    assert_eq!(world.tree(), [PRIMARY, "netlify/functions/shared/word.js"]);
}

#[test]
fn without_esbuild_a_bundle_is_refused_and_the_default_is_made_otherwise() {
    let files = [(PRIMARY, "exports.handler = async () => ({})\n")];
    let world = World::new("[[function]]\nbacks_up = '*'\nsnapshot = 'bundle'", &files);
    insta::assert_snapshot!(told(&world.plan()), @"held netlify/a-backup: netlify/functions/a.js: there is no esbuild in the project; install it there (`npm install -D esbuild`), or set `install_if_missing = true` in [netlify]");
    let world = World::new("[[function]]\nbacks_up = '*'", &files);
    world.settle();
    assert!(world.read(SNAPSHOT).contains("__redundancy_require"));
}

#[test]
fn a_backup_whose_writing_was_broken_off_is_written_again() {
    let world = world();
    let old = [WRAPPER, SNAPSHOT].map(|it| (it, world.read(it)));
    world.write(PRIMARY, text("two"));
    say(&world, true, "it answers");
    world.settle();
    let new = [WRAPPER, SNAPSHOT].map(|it| (it, world.read(it)));
    for (file, text) in &old {
        // One part is of the time before.
        world.write(file, text);
        assert_eq!(world.plan().steps().count(), 1, "{}", told(&world.plan()));
        world.settle();
        assert_eq!([WRAPPER, SNAPSHOT].map(|it| (it, world.read(it))), new);
        // One part is not there.
        world.remove(file);
        world.settle();
        assert_eq!([WRAPPER, SNAPSHOT].map(|it| (it, world.read(it))), new);
        // It is not mistaken for that when somebody has edited it.
        world.write(file, world.read(file).lines().skip(3).collect::<Vec<_>>().join("\n"));
        assert_eq!(told(&world.plan()), "held netlify/a-backup: NotOurs");
        world.apply(&world.plan_with(&crate::adopt("netlify/a-backup"))).unwrap();
    }
}
