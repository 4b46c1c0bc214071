//! `doctor`: what is missing is said with what then does not work, and in the exit code.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::project::{Project, Run};

/// What it found of one thing: the verdict and the text.
fn found(run: &Run, what: &str) -> Option<(String, String)> {
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let finding = findings.iter().find(|it| it["what"] == what)?;
    let text = |key: &str| finding[key].as_str().unwrap().to_owned();
    Some((text("verdict"), text("said")))
}

#[track_caller]
fn assert_found(run: &Run, what: &str, verdict: &str, said: &str) {
    let (was, text) = found(run, what).unwrap_or_else(|| panic!("nothing of {what}: {run:?}"));
    assert!(was == verdict && text.contains(said), "{what}: {was}: {text}");
}

const WORKER: &str = "[[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\n";

#[test]
fn what_is_there_is_fine_and_a_watch_is_missed() {
    let project = Project::new(WORKER);
    let before = project.run(&["doctor", "--json"]).ok();
    assert_found(&before, "config", "fine", "redundancy.toml is sound");
    assert_found(&before, "state folder", "fine", "left");
    assert_found(&before, "watch", "poor", "`redundancy start` begins a watch");
    assert_found(&before, "embedded", "fine", "0 resources seen, 1 asked for");
    assert_eq!(found(&before, "pm2"), None, "nobody asks for PM2");
    assert!(!project.path(".redundancy").exists(), "it changes nothing");
    project.run(&["start"]).ok();
    project.wait_for_pid("w", None);
    let run = project.run(&["doctor"]).ok();
    assert!(
        run.stdout.contains("watch         fine     `redundancy watch`, pid"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.ends_with(" fine\n") && !run.stdout.contains("missing"), "{}", run.stdout);
}

#[test]
fn what_is_missing_is_said_with_what_does_not_work() {
    let project = Project::empty();
    project.write(
        "redundancy.toml",
        "[[process]]\nname = \"w\"\nrunner = \"pm2\"\ncommand = [\"sleep\", \"1000\"]\n\
         [[function]]\nbacks_up = \"*\"\n[[workflow]]\nbacks_up = \"*\"\n",
    );
    project
        .write("netlify/functions/a.js", "exports.handler = async () => ({ statusCode: 200 });\n");
    project.write(".github/workflows/ci.yml", "on: push\njobs: {}\n");
    let mut command = project.command(&["doctor", "--json"]);
    let output = command.env("PATH", project.path("nothing")).output().unwrap();
    let run = Run::of(output);
    assert_eq!(run.code, 2);
    assert_found(&run, "pm2: Node.js", "lacking", "there is no `node` in PATH: PM2 starts nothing");
    assert_found(&run, "pm2: PM2", "lacking", "`npm install -g pm2`");
    assert_found(&run, "netlify: Node.js", "lacking", "Without it no function is tested");
    assert_found(&run, "netlify: esbuild", "poor", "`npm install -D esbuild`");
    assert_found(&run, "github", "lacking", "How its resources do is not known");
    let shown = Run::of(project.command(&["doctor"]).env("PATH", "").output().unwrap());
    assert!(shown.stdout.contains(" missing, "), "{}", shown.stdout);
}

#[test]
fn a_folder_that_can_t_be_written_and_files_that_can_t_be_opened_are_told() {
    let project = Project::new(&("[controller]\nlog_dir = \"logs\"\n".to_owned() + WORKER));
    // Not a matter of permissions, which do not hold for root.
    project.write("logs", "a file");
    let run = project.run(&["doctor", "--json"]);
    // The folder above it can be written, and the log folder can't be made there.
    assert_found(&run, "log folder", "lacking", "is no folder");
    assert_eq!(run.code, 2);
    fs::remove_file(project.path("logs")).unwrap();

    let mut command = std::process::Command::new("sh");
    let program = env!("CARGO_BIN_EXE_redundancy");
    command.args(["-c", "ulimit -n 80; exec \"$0\" doctor --json", program]);
    let run = Run::of(command.current_dir(project.root()).output().unwrap());
    assert_found(&run, "open files", "lacking", "80 may be open, and 101 are needed");

    fs::create_dir_all(project.path(".redundancy")).unwrap();
    fs::set_permissions(project.path(".redundancy"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(project.path(".redundancy/journal.db"), "garbage").unwrap();
    let run = project.run(&["doctor", "--json"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(found(&run, "journal").is_some(), "{run:?}");
    fs::remove_file(project.path(".redundancy/journal.db")).unwrap();
}
