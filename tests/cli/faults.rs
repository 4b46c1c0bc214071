//! Faults: a killed program, a full disk, a link out of the project. Nothing is lost, nothing runs
//! twice, and somebody says so.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::symlink,
    process::Stdio,
};

use insta::assert_snapshot;

use crate::project::{Project, running_with};

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
    assert_snapshot!(project.steady(&run.stdout), @"
    + create  github/ci-backup  the config asks for it and it is not there
        .github/workflows/ci-backup.yml (13 lines)

    Plan: 1 to create.
    failed   create  github/ci-backup: .github/workflows/ci-backup.yml is left alone: a symbolic link on the way leads out of the project

    0 of 1 change done; not as planned: github/ci-backup.
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
