//! The logs of a watch: which line goes where, what bounds them, and that nothing about them holds the
//! watch up.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Command,
    time::{Duration, SystemTime},
};

use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};
use serde_json::Value;

use crate::project::{PROGRAM, Project, Watch, kill, wait_for};

const WORKFLOW: &str = "on: push\njobs:\n  x:\n    runs-on: y\n    steps: [{run: z}]\n";
const WORKER: &str = "[[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\n\
    backoff = { initial = \"10ms\", max = \"10ms\" }\n";
const GONE: &str = "[[workflow]]\nbacks_up = \"gone.yml\"\n[[function]]\nbacks_up = [\"gone\"]\n";

fn log(project: &Project, name: &str) -> PathBuf {
    project.path("automation/logs").join(format!("{name}.log"))
}

fn text(project: &Project, name: &str) -> String {
    fs::read_to_string(log(project, name)).unwrap_or_default()
}

fn master(project: &Project) -> String {
    text(project, "master-redundancy")
}

#[track_caller]
fn wait_for_line(project: &Project, name: &str, text_of_it: &str) -> String {
    wait_for(&format!("{text_of_it:?} in {name}"), || {
        let text = text(project, name);
        text.lines().find(|it| it.contains(text_of_it)).map(str::to_owned)
    })
}

#[test]
fn a_line_goes_where_it_belongs_and_only_there() {
    let project = Project::new(&format!("{WORKER}{GONE}"));
    let watch = project.watch();
    let done = wait_for_line(&project, "master-redundancy", "embedded/w: create done");
    wait_for_line(&project, "github-actions-redundancy", "github/gone-backup: left alone");
    wait_for_line(&project, "netlify-functions-redundancy", "netlify/gone-backup: left alone");
    let said = watch.end_well();
    let written = ["master", "github-actions", "netlify-functions", "pm2"]
        .map(|it| (it, text(&project, &format!("{it}-redundancy"))));
    for (name, text) in &written {
        for (about, of) in
            [("github", "github-actions"), ("netlify", "netlify-functions"), ("pm2", "pm2")]
        {
            let about = format!(" {about}/");
            assert!(*name == of || !text.contains(&about), "{about} in {name}:\n{text}");
        }
    }
    assert!(written[0].1.contains("the watch began"), "{written:?}");
    assert!(written[0].1.contains("the watch ended"), "{written:?}");
    // What is about a look has its id, and nobody has to read it on a terminal.
    assert!(done.contains(" INFO look="), "{done}");
    assert!(!said.contains("look=") && !said.contains("provider="), "{said}");
    for entry in fs::read_dir(project.path("automation/logs")).unwrap().flatten() {
        let (name, mode) = (entry.file_name(), entry.metadata().unwrap().permissions().mode());
        assert_eq!(mode & 0o777, 0o600, "{name:?}");
    }
}

#[test]
fn json_has_a_look_for_every_line_of_one() {
    let project = Project::new(&format!("[logs]\nformat = \"json\"\n{WORKER}{GONE}"));
    let watch = project.watch();
    wait_for_line(&project, "master-redundancy", "embedded/w: create done");
    kill(project.wait_for_pid("w", None));
    wait_for("it is started again", || {
        (master(&project).matches("embedded/w: running").count() >= 2).then_some(())
    });
    watch.end_well();
    let mut looks = BTreeSet::new();
    for name in ["master-redundancy", "github-actions-redundancy"] {
        for line in text(&project, name).lines() {
            let line: Value =
                serde_json::from_str(line).unwrap_or_else(|it| panic!("{it}: {line}"));
            let field = |name: &str| line[name].as_str();
            assert!(
                field("time").is_some_and(|it| it.parse::<jiff::Timestamp>().is_ok()),
                "{line}"
            );
            assert!(field("level").is_some_and(|it| ["INFO", "WARN", "ERROR"].contains(&it)));
            let message = field("message").unwrap();
            if let Some(id) = message.split(": ").next().filter(|it| it.contains('/')) {
                assert_eq!(field("provider"), id.split('/').next(), "{line}");
                looks.insert(
                    field("look").unwrap_or_else(|| panic!("no look in {line}")).to_owned(),
                );
            }
            let is_of_a_look = !message.starts_with("the watch");
            assert_eq!(field("look").is_some(), is_of_a_look, "{line}");
        }
    }
    assert!(looks.len() >= 2, "{looks:?}");
}

#[test]
fn a_file_is_put_aside_by_its_size_and_its_age_and_all_are_bounded() {
    let bounds =
        "[logs]\nmax_size = \"16KiB\"\nmax_age = \"1h\"\nkeep = 2\nmax_total = \"100KiB\"\n";
    let project = Project::new(&format!("{bounds}{WORKER}{GONE}"));
    let large = "x".repeat(16 * 1024);
    project.write("automation/logs/master-redundancy.log", &large);
    project
        .write("automation/logs/github-actions-redundancy.log", "2020-01-01T00:00:00Z  INFO old\n");
    for n in 1..=3 {
        let name = format!("automation/logs/pm2-redundancy.log.{n}");
        project.write(&name, &large);
        let file = fs::File::options().write(true).open(project.path(&name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_hours(n)).unwrap();
    }
    project.write("automation/logs/pm2-redundancy.log.notes", "mine");
    let watch = project.watch();
    wait_for_line(&project, "master-redundancy", "embedded/w: create done");
    wait_for_line(&project, "github-actions-redundancy", "left alone");
    watch.end_well();
    assert_eq!(project.read("automation/logs/master-redundancy.log.1"), large);
    let aside = project.read("automation/logs/github-actions-redundancy.log.1");
    assert_eq!(aside, "2020-01-01T00:00:00Z  INFO old\n");
    // One too many; and beside 64 KiB for what is written to there is room for 36 KiB, so the oldest goes.
    let left = [1, 2, 3].map(|n| project.path(&format!("automation/logs/pm2-redundancy.log.{n}")));
    assert_eq!(left.map(|it| it.exists()), [true, false, false]);
    assert_eq!(project.read("automation/logs/pm2-redundancy.log.notes"), "mine");
}

#[test]
fn one_that_is_removed_is_begun_anew() {
    let project = Project::new(WORKER);
    let watch = project.watch();
    wait_for_line(&project, "master-redundancy", "embedded/w: create done");
    let pid = project.wait_for_pid("w", None);
    fs::remove_file(log(&project, "master-redundancy")).unwrap();
    kill(pid);
    wait_for_line(&project, "master-redundancy", "embedded/w:");
    assert!(!master(&project).contains("the watch began"));
    watch.end_well();
}

#[test]
fn a_full_disk_costs_lines_and_nothing_else() {
    let project = Project::new(WORKER);
    let large = "x\n".repeat(2 * 1024 * 1024);
    project.write("automation/logs/master-redundancy.log", &large);
    // No file may grow beyond one or two MiB, by what the shell counts in.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$@\"", "sh", PROGRAM, "watch"]);
    let of_the_project = project.command(&[]);
    for (key, value) in of_the_project.get_envs() {
        match value {
            Some(value) => command.env(key, value),
            None => command.env_remove(key),
        };
    }
    command.current_dir(project.root());
    let watch = Watch::start(command);
    watch.wait_for_log("master-redundancy.log can't be written, and all goes on");
    let pid = project.wait_for_pid("w", None);
    assert_eq!(fs::metadata(log(&project, "master-redundancy")).unwrap().len(), large.len() as u64);
    fs::write(log(&project, "master-redundancy"), "").unwrap();
    kill(pid);
    project.wait_for_pid("w", Some(pid));
    watch.wait_for_log("master-redundancy.log is written again; ");
    wait_for_line(&project, "master-redundancy", "is written again; ");
    let said = watch.end_well();
    assert_eq!(said.matches("can't be written").count(), 1, "{said}");
}

#[test]
fn a_folder_that_is_read_only_costs_lines_and_nothing_else() {
    let project = Project::new("[[workflow]]\nbacks_up = \"*\"\n");
    project.write(".github/workflows/ci.yml", WORKFLOW);
    let folder = project.path("automation/logs");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o500)).unwrap();
    // Who may do anything would write there all the same.
    let command = project.command(&["watch"]);
    let begin = std::thread::spawn(move || {
        // Refused to those who may not do anything anyway.
        let _ = remove_capability_from_bounding_set(CapabilitySet::DAC_OVERRIDE);
        Watch::start(command)
    });
    let watch = begin.join().unwrap();
    watch.wait_for_log("master-redundancy.log can't be written, and all goes on");
    watch.wait_for_log("github-actions-redundancy.log can't be written, and all goes on");
    watch.wait_for_log("github/ci-backup: create done");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    project.write(".github/workflows/ci.yml", &WORKFLOW.replace('z', "changed"));
    wait_for_line(&project, "github-actions-redundancy", "github/ci-backup: update done");
    wait_for_line(&project, "github-actions-redundancy", "is written again; ");
    let said = watch.end_well();
    let once = "github-actions-redundancy.log can't be written";
    assert_eq!(said.matches(once).count(), 1, "{said}");
}

#[test]
fn a_new_level_a_new_format_and_a_new_folder_are_taken_over() {
    let project = Project::new(&format!("[logs]\nlevel = \"off\"\n{WORKER}"));
    let watch = project.watch();
    watch.wait_for_log("embedded/w: create done");
    project.config(&format!("[logs]\nlevels = {{ github = \"off\" }}\n{WORKER}{GONE}"));
    wait_for_line(&project, "master-redundancy", "has changed and is in force");
    watch.wait_for_log("github/gone-backup: left alone");
    wait_for_line(&project, "netlify-functions-redundancy", "left alone");
    assert!(!master(&project).contains("the watch began"), "{}", master(&project));
    assert!(!log(&project, "github-actions-redundancy").exists());
    let elsewhere = "[controller]\nlog_dir = \"elsewhere\"\n[logs]\nformat = \"json\"\n";
    project.config(&format!("{elsewhere}{WORKER}"));
    wait_for("the new folder", || {
        let text = fs::read_to_string(project.path("elsewhere/master-redundancy.log")).ok()?;
        serde_json::from_str::<Value>(text.lines().next()?).ok()
    });
    watch.end_well();
}

#[test]
fn no_secret_is_in_any_log() {
    let secret = "S3CR3T-of-the-hook";
    let project = Project::new(&format!(
        "[[alerts.sink]]\nkind = \"webhook\"\nurl_env = \"HOOK\"\ntimeout = \"1s\"\n\
         [logs]\nlevels = {{ embedded = \"debug\" }}\nlevel = \"debug\"\n\
         [[process]]\nname = \"w\"\ncommand = [\"false\"]\nmax_restarts = 0\n\
         env = {{ TOKEN = \"{secret}\" }}\n",
    ));
    let mut command = project.command(&["watch"]);
    command.env("HOOK", format!("http://127.0.0.1:1/{secret}"));
    let watch = Watch::start(command);
    wait_for_line(&project, "master-redundancy", "alert, ");
    wait_for_line(&project, "master-redundancy", "embedded/w");
    let said = watch.end_well();
    assert!(!said.contains(secret), "{said}");
    for entry in fs::read_dir(project.path("automation/logs")).unwrap().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap();
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn no_process_writes_into_a_log_of_the_tool() {
    let project = Project::new(
        "[logs]\nmax_size = \"1KiB\"\nmax_age = \"0s\"\nlevel = \"loud\"\nlevels = { pm3 = \"off\" }\n\
         [[process]]\nname = \"watch\"\ncommand = [\"true\"]\n\
         [[process]]\nname = \"pm2-redundancy\"\ncommand = [\"true\"]\n\
         [[process]]\nname = \"master-redundancy\"\nrunner = \"pm2\"\ncommand = [\"true\"]\n",
    );
    let refused = project.run(&["validate"]);
    assert_eq!(refused.code, 1);
    insta::assert_snapshot!(project.steady(&refused.stderr), @r#"
        error: `max_size` is at least `16KiB`: the longest line has to fit
         --> ROOT/redundancy.toml:3:12
          |
        3 | max_size = "1KiB"
          |            ^^^^^^

        error: `max_age` is at least `1s`
         --> ROOT/redundancy.toml:4:11
          |
        4 | max_age = "0s"
          |           ^^^^

        error: `level` can't be "loud"
         --> ROOT/redundancy.toml:5:9
          |
        5 | level = "loud"
          |         ^^^^^^
          |
          = help: it is one of "off", "error", "warn", "info", "debug"

        error: unknown key `pm3`
         --> ROOT/redundancy.toml:6:12
          |
        6 | levels = { pm3 = "off" }
          |            ^^^
          |
          = help: did you mean `pm2`?

        error: a process that this tool runs can't be called `watch`: its output would go to `watch.log`, which is a log of this tool
         --> ROOT/redundancy.toml:8:8
          |
        8 | name = "watch"
          |        ^^^^^^^
          |
          = help: call it something like `job-watch`

        error: a process that this tool runs can't be called `pm2-redundancy`: its output would go to `pm2-redundancy.log`, which is a log of this tool
          --> ROOT/redundancy.toml:11:8
           |
        11 | name = "pm2-redundancy"
           |        ^^^^^^^^^^^^^^^^
           |
           = help: call it something like `job-pm2-redundancy`

        error: ROOT/redundancy.toml has 6 problems
        "#);
    project.config("[logs]\nmax_size = \"10MiB\"\nmax_total = \"39MiB\"\n");
    let refused = project.run(&["validate"]);
    insta::assert_snapshot!(project.steady(&refused.stderr), @r#"
        error: `max_total` (39 MiB) is less than four times `max_size` (10 MiB), and there are four logs
         --> ROOT/redundancy.toml:4:13
          |
        4 | max_total = "39MiB"
          |             ^^^^^^^

        error: ROOT/redundancy.toml has a problem
        "#);
    project.config("[controller]\n");
}
