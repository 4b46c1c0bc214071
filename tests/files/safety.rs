//! What must never happen to a file.

use std::{fs, os::unix::fs::symlink, process::Command};

use redundancy::{core::change::Change, provider::Error};

use crate::{World, id, told};

const TEXT: &str = "on: push\njobs:\n  a:\n    runs-on: x\n";
const BACKUP: &str = ".github/workflows/ci-backup.yml";

fn world() -> World {
    World::of_workflows(&[("ci.yml", TEXT)])
}

/// Why applying the plan is refused for good, and that nothing is left behind.
fn refused(world: &World) -> String {
    let plan = world.plan();
    let before = world.tree();
    let error = world.apply(&plan).expect_err("the change is refused");
    assert_eq!(world.tree(), before);
    match error {
        Error::Refused(why) => why.replace(world.root.to_str().unwrap(), "ROOT"),
        Error::Passing(why) => panic!("refused for a time only: {why}"),
    }
}

/// Why a change is refused for now.
fn passing(result: Result<(), Error>) -> String {
    match result.expect_err("the change is refused") {
        Error::Passing(why) => why,
        Error::Refused(why) => panic!("refused for good: {why}"),
    }
}

#[test]
fn no_folder_leads_out_of_the_project() {
    let world = World::of_functions(&[("hello.js", "exports.handler = async () => ({})")]);
    let plan = world.plan();
    let outside = tempfile::tempdir().unwrap();
    fs::rename(world.path("netlify/functions/hello.js"), outside.path().join("hello.js")).unwrap();
    fs::remove_dir(world.path("netlify/functions")).unwrap();
    symlink(outside.path(), world.path("netlify/functions")).unwrap();
    insta::assert_snapshot!(world.apply(&plan).unwrap_err(), @"netlify/functions/hello-backup/hello-backup.cjs is left alone: a symbolic link on the way leads out of the project");
    insta::assert_snapshot!(told(&world.plan()), @"held netlify/hello-backup: netlify/functions/hello.js: a symbolic link on the way to it leads out of the project");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn no_folder_is_made_where_a_link_leads_nowhere() {
    let world = world();
    let plan = world.plan();
    fs::rename(world.path(".github"), world.path("moved")).unwrap();
    symlink(world.path("nowhere"), world.path(".github")).unwrap();
    insta::assert_snapshot!(world.apply(&plan).unwrap_err(), @".github/workflows/ci-backup.yml is left alone: a symbolic link on the way leads nowhere");
    assert!(!world.path("nowhere").exists());
}

#[test]
fn a_folder_may_be_a_link_inside_the_project() {
    let world = World::new("[[workflow]]\nbacks_up = '*'", &[("ci/ci.yml", TEXT)]);
    fs::create_dir(world.path(".github")).unwrap();
    symlink(world.path("ci"), world.path(".github/workflows")).unwrap();
    world.settle();
    assert!(world.path("ci/ci-backup.yml").is_file());
}

#[test]
fn no_file_is_written_through_a_link() {
    let world = world();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let plan = world.plan();
    symlink(outside.path(), world.path(BACKUP)).unwrap();
    let error = world.apply(&plan).unwrap_err();
    insta::assert_snapshot!(error, @".github/workflows/ci-backup.yml is left alone: it is a symbolic link; remove it first");
    assert_eq!(fs::read(outside.path()).unwrap(), b"");
    // Also one that leads to where we could write.
    world.remove(BACKUP);
    symlink(world.path("elsewhere.yml"), world.path(BACKUP)).unwrap();
    assert!(matches!(world.apply(&plan), Err(Error::Refused(_))));
    assert!(!world.path("elsewhere.yml").exists());
}

#[test]
fn no_primary_is_read_from_outside_the_project() {
    let world = world();
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), TEXT).unwrap();
    world.remove(".github/workflows/ci.yml");
    symlink(outside.path(), world.path(".github/workflows/ci.yml")).unwrap();
    insta::assert_snapshot!(told(&world.plan()), @"held github/ci-backup: .github/workflows/ci.yml: it is a symbolic link that leads out of the project");
}

#[test]
fn a_path_in_a_saved_plan_can_t_leave_the_project() {
    let world = world();
    let plan = world.plan();
    let step = plan.steps().next().unwrap();
    for bad in ["../evil.yml", "/evil.yml", "a/../../evil.yml", ".", ""] {
        let mut change = step.change.clone();
        let Change::Create { to, .. } = &mut change else { panic!("{change:?}") };
        let (_, text) = to.files.pop_first().unwrap();
        to.files.insert(bad.to_owned(), text);
        let error = world.make(&step.id, &change).unwrap_err();
        assert!(
            matches!(&error, Error::Refused(why) if why.contains("no path inside")),
            "{error:?}"
        );
    }
    assert_eq!(world.tree(), [".github/workflows/ci.yml"]);
}

#[test]
fn what_stands_in_the_place_of_a_folder_is_not_removed() {
    let world = World::of_functions(&[("hello.js", "exports.handler = async () => ({})")]);
    world.write("netlify/functions/hello-backup", "somebody's notes");
    insta::assert_snapshot!(refused(&world), @"netlify/functions/hello-backup/hello-backup.cjs is left alone: there is a file where one of its folders should be");
}

#[test]
fn what_stands_in_the_place_of_a_file_is_not_removed() {
    let world = world();
    fs::create_dir(world.path(BACKUP)).unwrap();
    insta::assert_snapshot!(told(&world.plan()), @"held github/ci-backup: .github/workflows/ci-backup.yml has the name of the backup, and it should be a file and is a folder");
    let world = self::world();
    let plan = world.plan();
    fs::create_dir(world.path(BACKUP)).unwrap();
    insta::assert_snapshot!(world.apply(&plan).unwrap_err(), @".github/workflows/ci-backup.yml is left alone: something that is no file is in its place");
}

#[test]
fn a_world_that_moved_since_the_plan_is_left_to_the_next_one() {
    let world = world();
    let create = world.plan();
    world.write(BACKUP, "name: mine\n");
    insta::assert_snapshot!(passing(world.apply(&create)), @".github/workflows/ci-backup.yml has changed since the plan was made; it is left for the next plan");
    assert_eq!(world.read(BACKUP), "name: mine\n");

    world.remove(BACKUP);
    world.settle();
    world.write(".github/workflows/ci.yml", TEXT.replace('x', "y"));
    let update = world.plan();
    let edited = format!("{}# mine\n", world.read(BACKUP));
    world.write(BACKUP, &edited);
    passing(world.apply(&update));
    assert_eq!(world.read(BACKUP), edited);
    world.remove(BACKUP);
    passing(world.apply(&update));
    assert!(!world.path(BACKUP).exists());
}

#[test]
fn only_what_is_ours_and_as_it_was_seen_is_deleted() {
    let world = world();
    world.settle();
    let (_, seen) = world.look();
    let from = seen.found[&id("github/ci-backup")].body.clone();
    let delete = Change::Delete { from: from.clone() };
    let id = id("github/ci-backup");

    let ours = world.read(BACKUP);
    world.write(BACKUP, format!("{ours}# mine\n"));
    passing(world.make(&id, &delete));

    let text = ours.split_inclusive('\n').skip(3).collect::<String>();
    world.write(BACKUP, &text);
    let error = world.make(&id, &delete).unwrap_err();
    insta::assert_snapshot!(error, @".github/workflows/ci-backup.yml is not ours to delete: it carries no mark of ours");
    assert_eq!(world.read(BACKUP), text);
}

#[test]
fn a_folder_that_can_t_be_looked_into_makes_blind() {
    let world = World::new("[[workflow]]\nbacks_up = '*'", &[(".github/workflows", "a file")]);
    let told = told(&world.plan());
    assert_eq!(told, "");
    let (_, observed) = world.look();
    let blind: Vec<_> = observed.blind.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    insta::assert_snapshot!(blind.join("\n"), @"github: could not look into .github/workflows: Not a directory (os error 20)");
}

#[test]
fn what_can_t_be_read_holds_only_itself() {
    let world = world();
    world.write(".github/workflows/latin.yml", b"name: caf\xe9\n");
    world.write(".github/workflows/huge.yml", "# x\n".repeat(200_000));
    fs::create_dir(world.path(".github/workflows/folder.yml")).unwrap();
    symlink("nowhere", world.path(".github/workflows/dangling.yml")).unwrap();
    let pipe = world.path(".github/workflows/pipe.yml");
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    symlink("folder.yml", world.path(".github/workflows/link.yml")).unwrap();
    symlink("loop.yml", world.path(".github/workflows/loop.yml")).unwrap();
    insta::assert_snapshot!(told(&world.plan()), @r"
    create github/ci-backup: the config asks for it and it is not there
    held github/dangling-backup: .github/workflows/dangling.yml: it is a symbolic link that leads nowhere: No such file or directory (os error 2)
    held github/folder-backup: .github/workflows/folder.yml: it should be a file and is a folder
    held github/huge-backup: .github/workflows/huge.yml: it has 782 KB, and files of more than 500 KB are not read
    held github/latin-backup: .github/workflows/latin.yml: it is no text in UTF-8: byte 10 is wrong
    held github/link-backup: .github/workflows/link.yml: it should be a file and is a folder
    held github/loop-backup: .github/workflows/loop.yml: it is a symbolic link that leads nowhere: Too many levels of symbolic links (os error 40)
    held github/pipe-backup: .github/workflows/pipe.yml: it should be a file and is something else
    ");
    world.apply(&world.plan()).unwrap();
    assert!(world.path(BACKUP).is_file());
}
