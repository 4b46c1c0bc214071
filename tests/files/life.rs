//! What becomes of a backup over its life.

use std::os::unix::fs::PermissionsExt as _;

use redundancy::core::plan::Consent;

use crate::{World, adopt, overwrite, told};

/// A config that asks for nothing.
const NOTHING: &str = "[controller]";
const CI: &str = ".github/workflows/ci.yml";
const BACKUP: &str = ".github/workflows/ci-backup.yml";
const TEXT: &str =
    "name: CI\non: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n    - run: make\n";

fn world() -> World {
    World::of_workflows(&[("ci.yml", TEXT)])
}

#[test]
fn a_backup_is_made_once() {
    let world = world();
    assert_eq!(
        told(&world.plan()),
        "create github/ci-backup: the config asks for it and it is not there"
    );
    world.settle();
    assert_eq!(world.read(CI), TEXT);
    assert_eq!(world.tree(), [BACKUP, CI]);
    let mode = world.path(BACKUP).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

#[test]
fn making_a_change_twice_does_no_harm() {
    let world = world();
    let create = world.plan();
    world.apply(&create).unwrap();
    let made = world.read(BACKUP);
    world.apply(&create).unwrap();
    assert_eq!(world.read(BACKUP), made);

    world.write(CI, TEXT.replace("make", "make all"));
    let update = world.plan();
    world.apply(&update).unwrap();
    world.apply(&update).unwrap();
    assert_eq!(told(&world.plan()), "");

    let delete = World { config: NOTHING.to_owned(), ..world };
    let plan = delete.plan_with(&Consent { deletions: 1, ..Consent::default() });
    delete.apply(&plan).unwrap();
    delete.apply(&plan).unwrap();
    assert_eq!(delete.tree(), [CI]);
}

#[test]
fn an_edit_by_hand_is_kept_until_a_person_gives_it_up() {
    let world = world();
    world.settle();
    let ours = world.read(BACKUP);
    world.write(BACKUP, ours.replace("make", "make test"));
    let plan = world.plan();
    assert_eq!(told(&plan), "held github/ci-backup: edited by hand");
    world.apply(&plan).unwrap();
    assert!(world.read(BACKUP).contains("make test"));

    let plan = world.plan_with(&overwrite("github/ci-backup"));
    assert_eq!(
        told(&plan),
        "update github/ci-backup: you asked to overwrite the changes made by hand"
    );
    world.apply(&plan).unwrap();
    assert_eq!(world.read(BACKUP), ours);
    assert_eq!(told(&world.plan()), "");
}

#[test]
fn an_edit_of_the_header_is_an_edit_too() {
    let world = world();
    world.settle();
    let ours = world.read(BACKUP);
    world.write(BACKUP, format!("# Licence: MIT\n{ours}"));
    assert_eq!(told(&world.plan()), "held github/ci-backup: edited by hand");
    world.apply(&world.plan_with(&overwrite("github/ci-backup"))).unwrap();
    assert_eq!(world.read(BACKUP), ours);
}

#[test]
fn an_edited_backup_is_not_deleted() {
    let mut world = world();
    world.settle();
    world.write(BACKUP, format!("{}# mine\n", world.read(BACKUP)));
    world.config = NOTHING.to_owned();
    let plan = world.plan_with(&Consent { deletions: 9, ..Consent::default() });
    assert_eq!(told(&plan), "held github/ci-backup: edited by hand");
}

#[test]
fn a_file_of_somebody_else_is_left_alone_until_it_is_adopted() {
    let world = world();
    world.write(BACKUP, "name: mine\n");
    assert_eq!(told(&world.plan()), "held github/ci-backup: NotOurs");
    let plan = world.plan_with(&adopt("github/ci-backup"));
    assert_eq!(told(&plan), "update github/ci-backup: you asked to adopt it");
    world.apply(&plan).unwrap();
    assert!(world.read(BACKUP).contains("name: CI (backup)"));
    assert_eq!(told(&world.plan()), "");
}

#[test]
fn a_torn_mark_makes_the_file_somebody_elses() {
    let world = world();
    world.settle();
    let ours = world.read(BACKUP);
    let mark = ours.lines().find(|line| line.contains("written=")).unwrap();
    let torn = ours.replace(mark, &mark[..mark.len() - 1]);
    world.write(BACKUP, &torn);
    assert_eq!(told(&world.plan()), "held github/ci-backup: NotOurs");
    let without = World { config: NOTHING.to_owned(), ..world };
    assert_eq!(told(&without.plan()), "");
    assert_eq!(without.read(BACKUP), torn);
}

#[test]
fn a_backup_follows_its_primary() {
    let world = world();
    world.settle();
    world.write(CI, TEXT.replace("make", "make all"));
    assert_eq!(
        told(&world.plan()),
        "update github/ci-backup: out of date: its primary, or the config, has changed"
    );
    world.settle();
    assert!(world.read(BACKUP).contains("make all"));

    world.write(CI, format!("# a comment comes along\n{}", world.read(CI)));
    world.settle();
    assert!(world.read(BACKUP).contains("\n# a comment comes along\n"));
}

#[test]
fn a_backup_follows_the_config() {
    let mut world = world();
    world.settle();
    world.config = "[[workflow]]\nbacks_up = 'ci.yml'\nschedule = '7 3 * * 1'".to_owned();
    assert_eq!(
        told(&world.plan()),
        "update github/ci-backup: out of date: its primary, or the config, has changed"
    );
    world.settle();
    assert!(world.read(BACKUP).contains("- cron: \"7 3 * * 1\"\n"));
}

#[test]
fn a_backup_outlives_its_primary_while_the_config_means_it() {
    let mut world = world();
    world.settle();
    let backup = world.read(BACKUP);
    world.remove(CI);
    insta::assert_snapshot!(told(&world.plan()), @"held github/ci-backup: the primary ci.yml is gone; its backup is kept; to delete it, take ci.yml out of `backs_up` or put it into `except`");
    world.apply(&world.plan()).unwrap();
    assert_eq!(world.read(BACKUP), backup);

    world.config = "[[workflow]]\nbacks_up = 'other*'".to_owned();
    let plan = world.plan_with(&Consent { deletions: 1, ..Consent::default() });
    assert_eq!(told(&plan), "delete github/ci-backup: the config no longer asks for it");
    world.apply(&plan).unwrap();
    assert_eq!(world.tree(), [""; 0]);
}

#[test]
fn a_backup_outlives_the_breaking_of_its_primary() {
    let world = world();
    world.settle();
    let backup = world.read(BACKUP);
    world.write(CI, "jobs: [");
    let plan = world.plan();
    assert!(
        told(&plan).starts_with("held github/ci-backup: .github/workflows/ci.yml:"),
        "{}",
        told(&plan)
    );
    world.apply(&plan).unwrap();
    assert_eq!(world.read(BACKUP), backup);
}

#[test]
fn a_backup_has_no_backup() {
    let world = world();
    world.settle();
    world.write(".github/workflows/copy.yml", world.read(BACKUP));
    // A copy under another name is not as we wrote it, so it stays.
    assert_eq!(told(&world.plan()), "held github/copy.yml: edited by hand");
}

#[test]
fn a_function_lives_the_same_way() {
    const PRIMARY: &str = "netlify/functions/hello.js";
    const BACKUP: &str = "netlify/functions/hello-backup/hello-backup.cjs";
    const SNAPSHOT: &str = "netlify/functions/hello-backup/lkg.cjs";
    let mut world = World::of_functions(&[("hello.js", "exports.handler = async () => ({})\n")]);
    assert_eq!(
        told(&world.plan()),
        "create netlify/hello-backup: the config asks for it and it is not there"
    );
    world.settle();
    assert_eq!(world.tree(), [BACKUP, SNAPSHOT, PRIMARY]);

    world.write(BACKUP, format!("{}// mine\n", world.read(BACKUP)));
    assert_eq!(told(&world.plan()), "held netlify/hello-backup: edited by hand");
    world.apply(&world.plan_with(&overwrite("netlify/hello-backup"))).unwrap();

    world.remove(PRIMARY);
    insta::assert_snapshot!(told(&world.plan()), @"held netlify/hello-backup: the primary hello is gone; its backup is kept; to delete it, take hello out of `backs_up` or put it into `except`");
    world.config = NOTHING.to_owned();
    world.apply(&world.plan_with(&Consent { deletions: 1, ..Consent::default() })).unwrap();
    assert_eq!(world.tree(), [""; 0]);
    assert!(!world.path("netlify/functions/hello-backup").exists());
}

#[test]
fn what_somebody_put_beside_a_function_stays() {
    let mut world = World::of_functions(&[("hello.js", "exports.handler = async () => ({})\n")]);
    world.settle();
    world.write("netlify/functions/hello-backup/notes.md", "mine");
    world.config = NOTHING.to_owned();
    world.apply(&world.plan_with(&Consent { deletions: 1, ..Consent::default() })).unwrap();
    let left = ["netlify/functions/hello-backup/notes.md", "netlify/functions/hello.js"];
    assert_eq!(world.tree(), left);
}

#[test]
fn a_function_of_somebody_else_is_adopted_in_the_same_way() {
    const BACKUP: &str = "netlify/functions/hello-backup/hello-backup.cjs";
    let world = World::of_functions(&[
        ("hello.js", "exports.handler = async () => ({})\n"),
        ("hello-backup/hello-backup.cjs", "exports.handler = 1\n"),
    ]);
    assert_eq!(told(&world.plan()), "held netlify/hello-backup: NotOurs");
    world.apply(&world.plan_with(&adopt("netlify/hello-backup"))).unwrap();
    assert!(world.read(BACKUP).contains("require('./lkg.cjs')"));
    assert_eq!(told(&world.plan()), "");
}
