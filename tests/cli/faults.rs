//! Faults: a killed program, a full disk, a link out of the project. Nothing is lost, nothing runs
//! twice, and somebody says so.

use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader},
    os::unix::{
        fs::{PermissionsExt, symlink},
        process::CommandExt,
    },
    process::{Command, Stdio},
};

use insta::assert_snapshot;

use crate::project::{PROGRAM, Project, running_with};

const WORKFLOW: &str = "on: push\njobs:\n  x:\n    runs-on: y\n    steps: [{run: z}]\n";

#[test]
fn an_apply_that_is_killed_half_way_is_finished_by_the_next() {
    let marker = format!("marker-of-{}", std::process::id());
    let mut config = String::new();
    for n in 0..40 {
        let command = format!("[\"sh\", \"-c\", \"sleep 1000; true\", \"{marker}\"]");
        config += &format!("[[process]]\nname = \"p{n}\"\ncommand = {command}\n");
    }
    let project = Project::new(&config);
    for killed_after in [1, 7, 20] {
        let mut apply =
            project.command(&["apply", "--yes"]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(apply.stdout.take().unwrap()).lines().map_while(Result::ok);
        let done = lines.filter(|it| it.starts_with("done")).take(killed_after).count();
        apply.kill().unwrap();
        apply.wait().unwrap();
        if done < killed_after {
            // It had nothing more to do.
            break;
        }
    }
    project.run(&["apply", "--yes"]).ok();
    project.assert_settled();
    assert_eq!(running_with(&marker), 40);
}

#[test]
fn on_a_full_disk_nothing_is_torn_and_somebody_says_so() {
    let project = Project::new("[[workflow]]\nbacks_up = \"*\"\n");
    project.write(".github/workflows/ci.yml", WORKFLOW);
    let run = project.run_without_room(&["apply", "--yes"]);
    assert_eq!(run.code, 1);
    assert_snapshot!(project.steady(&run.stderr), @"error: cannot make the folder ROOT/.redundancy: File too large (os error 27)");
    assert!(!project.path(".github/workflows/ci-backup.yml").exists());
    project.run(&["apply", "--yes"]).ok();

    // With the state folder there, it gets as far as the file itself.
    project.write(".github/workflows/ci.yml", &WORKFLOW.replace('z', "changed"));
    let before = project.read(".github/workflows/ci-backup.yml");
    let run = project.run_without_room(&["apply", "--yes"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(project.read(".github/workflows/ci-backup.yml"), before);
    let left = fs::read_dir(project.path(".github/workflows")).unwrap().count();
    assert_eq!(left, 2, "no temporary file is left");
    project.run(&["apply", "--yes"]).ok();
    project.assert_settled();
}

#[test]
fn a_state_folder_that_can_not_be_is_refused() {
    let project = Project::new("[[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\n");
    project.write(".redundancy", "a file in the way");
    let apply = project.run(&["apply", "--yes"]);
    assert_eq!(apply.code, 1, "what could not be seen is not taken for done");
    assert_snapshot!(project.steady(&apply.stdout), @"
    ! left    embedded/w  its provider could not be asked: cannot read the folder of the processes' records, ROOT/.redundancy/embedded: Not a directory (os error 20)

    Plan: 1 left alone.
    ");
    let watch = project.run(&["watch"]);
    assert_eq!(watch.code, 1);
    assert_snapshot!(project.steady(&watch.stderr), @"error: cannot use ROOT/.redundancy: File exists (os error 17)");
    let status = project.status("embedded/w");
    assert_eq!((&status["state"], &status["health"]), (&"unknown".into(), &"unknown".into()));
    fs::remove_file(project.path(".redundancy")).unwrap();
}

#[test]
fn a_link_that_leads_out_of_the_project_is_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let project = Project::new("[[workflow]]\nbacks_up = \"*\"\n");
    project.write(".github/workflows/ci.yml", WORKFLOW);
    let target = outside.path().join("target");
    fs::write(&target, "precious").unwrap();
    symlink(&target, project.path(".github/workflows/ci-backup.yml")).unwrap();
    let run = project.run(&["apply", "--yes"]);
    assert_snapshot!(project.steady(&run.stdout), @"
    ! left    github/ci-backup  .github/workflows/ci-backup.yml has the name of the backup, and it is a symbolic link that leads out of the project

    Plan: 1 left alone.
    ");
    let run = project.run(&["apply", "--yes", "--adopt", "github/ci-backup"]);
    assert_ne!(run.code, 0);
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");

    // The whole folder is elsewhere.
    fs::remove_file(project.path(".github/workflows/ci-backup.yml")).unwrap();
    fs::rename(project.path(".github/workflows"), outside.path().join("workflows")).unwrap();
    symlink(outside.path().join("workflows"), project.path(".github/workflows")).unwrap();
    let run = project.run(&["apply", "--yes"]);
    assert_snapshot!(project.steady(&run.stdout), @r"
        ! left    github/ci-backup  .github/workflows/ci.yml: a symbolic link on the way to it leads out of the project

        Plan: 1 left alone.
        ");
    assert_eq!(fs::read_dir(outside.path().join("workflows")).unwrap().count(), 1);
}

#[test]
fn a_damaged_journal_is_put_aside() {
    let project = Project::new("[[workflow]]\nbacks_up = \"*\"\n");
    project.write(".github/workflows/ci.yml", WORKFLOW);
    project.write(".redundancy/journal.db", "this is no database, and it is longer than a header");
    let run = project.run(&["apply", "--yes"]).ok();
    assert!(run.stderr.contains("the journal was damaged"), "{}", run.stderr);
    project.assert_settled();
}

/// Runs the program as somebody who may not write to the project, root or not.
fn run_without_rights(project: &Project, arguments: &[&str]) -> (i32, String) {
    let folders =
        [project.root().to_owned(), project.path(".github"), project.path(".github/workflows")];
    let set = |mode| {
        for folder in &folders {
            fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
        }
    };
    // Where this test may look, nobody else may: the program has to be somewhere else.
    let shared = tempfile::tempdir().unwrap();
    fs::set_permissions(shared.path(), Permissions::from_mode(0o755)).unwrap();
    let program = shared.path().join("redundancy");
    fs::copy(PROGRAM, &program).unwrap();
    set(0o555);
    let mut command = Command::new(program);
    command.args(arguments).current_dir(project.root()).stdin(Stdio::null()).env("NO_COLOR", "1");
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere.
        command.uid(65534).gid(65534);
    }
    let output = command.output().unwrap();
    set(0o755);
    let said = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap()).concat();
    (output.status.code().unwrap(), project.steady(&said))
}

#[test]
fn where_nothing_may_be_written_nothing_is_torn_and_somebody_says_so() {
    let project = Project::new("[[workflow]]\nbacks_up = \"*\"\n");
    project.write(".github/workflows/ci.yml", WORKFLOW);
    let (code, said) = run_without_rights(&project, &["plan"]);
    assert_eq!(code, 0, "looking needs no right to write: {said}");
    let (code, said) = run_without_rights(&project, &["apply", "--yes"]);
    assert_eq!(code, 1);
    assert_snapshot!(said.lines().last().unwrap(), @"error: cannot make the folder ROOT/.redundancy: Permission denied (os error 13)");
    let (code, said) = run_without_rights(&project, &["watch"]);
    assert_eq!(code, 1);
    assert_snapshot!(said, @"error: cannot use ROOT/.redundancy: Permission denied (os error 13)");
    assert!(!project.path(".github/workflows/ci-backup.yml").exists());

    project.run(&["apply", "--yes"]).ok();
    project.write(".github/workflows/ci.yml", &WORKFLOW.replace('z', "changed"));
    let before = project.read(".github/workflows/ci-backup.yml");
    let (code, _) = run_without_rights(&project, &["apply", "--yes"]);
    assert_eq!(code, 1);
    assert_eq!(project.read(".github/workflows/ci-backup.yml"), before);
    project.run(&["apply", "--yes"]).ok();
    project.assert_settled();
}
