//! The main job: edit, plan, apply, and nothing is left to do.

use std::process::Stdio;

use insta::assert_snapshot;
use rustix::process::Signal;

use crate::project::{Project, is_alive, kill, running_with, signal, wait_for};

const TWO: &str = r#"
[[process]]
name = "worker"
command = ["sleep", "1000"]

[[process]]
name = "worker-backup"
backs_up = "worker"
command = ["sleep", "1000"]
env = { QUEUE = "hidden-value" }

[[process]]
name = "nightly"
command = ["true"]
cron = "30 2 * * *"
"#;

#[test]
fn a_config_is_planned_applied_and_settled() {
    let project = Project::new(TWO);
    let plan = project.run(&["plan"]).ok();
    assert_snapshot!(plan.stdout, @r#"
    + create  embedded/nightly  the config asks for it and it is not there
        command  ["true"]
        cron     "30 2 * * *"
    + create  embedded/worker  the config asks for it and it is not there
        command  ["sleep", "1000"]
    + create  embedded/worker-backup  the config asks for it and it is not there
        command    ["sleep", "1000"]
        env.QUEUE  (hidden, 7cadf4e3)

    Plan: 3 to create.
    Next: `redundancy apply` makes these changes.
    "#);

    let applied = project.run(&["apply", "--yes"]).ok();
    let end = "\n3 changes done. This is generation 1.\n";
    assert!(applied.stdout.ends_with(end), "{}", applied.stdout);
    project.assert_settled();
    assert!(project.pid("worker").is_some_and(is_alive));
    assert_eq!(project.status("embedded/worker-backup")["state"], "stopped");
    assert_eq!(project.status("embedded/worker-backup")["health"], "stopped");
    assert_eq!(project.status("embedded/nightly")["health"], "healthy");

    let again = project.run(&["apply", "--yes"]).ok();
    assert_eq!(again.stdout, "Everything is as the config asks: there is nothing to do.\n");
}

#[test]
fn a_changed_schedule_is_all_that_the_plan_shows() {
    let project = Project::new(TWO);
    project.run(&["apply", "--yes"]).ok();
    let pid = project.pid("worker");
    project.config(&TWO.replace("30 2 * * *", "45 3 * * *"));
    let plan = project.run(&["plan"]).ok();
    assert_snapshot!(plan.stdout, @r#"
    ~ update  embedded/nightly  the config has changed
        cron  "30 2 * * *" → "45 3 * * *"

    Plan: 1 to update.
    Next: `redundancy apply` makes these changes.
    "#);
    project.run(&["apply", "--yes"]).ok();
    project.assert_settled();
    assert_eq!(project.pid("worker"), pid, "what did not change goes on");
}

#[test]
fn a_changed_command_restarts_the_process() {
    let project = Project::new(TWO);
    project.run(&["apply", "--yes"]).ok();
    let before = project.pid("worker").unwrap();
    project.config(&TWO.replacen("1000", "2000", 1));
    let plan = project.run(&["plan"]).ok();
    assert_snapshot!(plan.stdout, @r#"
    ~ update  embedded/worker  the config has changed
        command  ["sleep", "1000"] → ["sleep", "2000"]
        it is restarted for that

    Plan: 1 to update.
    Next: `redundancy apply` makes these changes.
    "#);
    project.run(&["apply", "--yes"]).ok();
    let after = project.pid("worker").unwrap();
    assert!(before != after && !is_alive(before) && is_alive(after));
    project.assert_settled();
}

#[test]
fn what_is_no_longer_asked_for_is_deleted_with_leave_only() {
    let project = Project::new(TWO);
    project.run(&["apply", "--yes"]).ok();
    let pid = project.pid("worker").unwrap();
    project.config("[controller]\n");
    let plan = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 4);
    assert_snapshot!(plan.stdout, @"
    ! left    embedded/nightly  3 of the 3 managed resources would be deleted at once
        help: when this is meant: `--allow-deletions 3`
    ! left    embedded/worker  3 of the 3 managed resources would be deleted at once
        help: when this is meant: `--allow-deletions 3`
    ! left    embedded/worker-backup  3 of the 3 managed resources would be deleted at once
        help: when this is meant: `--allow-deletions 3`

    Plan: 3 left alone.
    ");
    let held = project.run(&["apply", "--yes"]).ok();
    assert_eq!(held.stdout, plan.stdout);
    assert!(is_alive(pid));

    project.run(&["apply", "--yes", "--allow-deletions", "3"]).ok();
    assert!(!is_alive(pid));
    project.assert_settled();
}

#[test]
fn a_process_that_died_is_drift() {
    let project = Project::new(TWO);
    project.run(&["apply", "--yes"]).ok();
    let pid = project.pid("worker").unwrap();
    kill(pid);
    wait_for("the process is gone", || (!is_alive(pid)).then_some(()));
    let plan = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 3, "{}", plan.stdout);
    project.run(&["apply", "--yes"]).ok();
    assert!(project.pid("worker").is_some_and(|new| new != pid));
}

#[test]
fn one_that_can_not_start_does_not_stop_the_others() {
    let project = Project::new(
        "[[process]]\nname = \"good\"\ncommand = [\"sleep\", \"1000\"]\n\
         [[process]]\nname = \"lost\"\ncommand = [\"there-is-no-such-program\"]\n",
    );
    let run = project.run(&["apply", "--yes"]);
    assert_eq!(run.code, 1);
    let failed: Vec<&str> = run.stdout.lines().filter(|it| it.starts_with("failed")).collect();
    assert_snapshot!(project.steady(&failed.join("\n")), @r#"failed   create  embedded/lost: cannot start lost: there is no program "there-is-no-such-program" in PATH; install it, or correct `command`"#);
    assert!(run.stdout.ends_with("\n1 of 2 changes done; not as planned: embedded/lost.\n"));
    assert!(project.pid("good").is_some());
}

#[test]
fn without_a_terminal_it_asks_for_yes() {
    let project = Project::new(TWO);
    let run = project.run(&["apply"]);
    assert_eq!(run.code, 1);
    assert_snapshot!(run.stderr, @"error: there is no terminal to ask on; `--yes` makes the changes without asking");
    assert_eq!(project.pid("worker"), None);
}

#[test]
fn a_part_can_be_chosen() {
    let project = Project::new(TWO);
    project.run(&["apply", "--yes", "--target", "embedded/worker"]).ok();
    assert!(project.pid("worker").is_some());
    assert_eq!(project.status("embedded/nightly")["state"], "missing");
    // Of the rest nothing is said.
    let again = project.run(&["apply", "--yes", "--target", "embedded/worker"]).ok().stdout;
    assert_snapshot!(again, @"There is nothing to do in this part; `redundancy plan` shows all.");
    project.run(&["apply", "--yes", "--exclude", "embedded/nightly"]).ok();
    assert_eq!(project.status("embedded/worker-backup")["state"], "stopped");
    assert_eq!(project.status("embedded/nightly")["state"], "missing");
    let slip = project.run(&["apply", "--yes", "--target", "embedded/nightli"]);
    assert_eq!(slip.code, 1);
    assert_snapshot!(slip.stderr, @"error: there is no resource embedded/nightli; did you mean embedded/nightly?");
}

#[test]
fn two_at_once_start_nothing_twice() {
    let marker = format!("marker-of-two-{}", std::process::id());
    let mut config = String::new();
    for n in 0..20 {
        let command = format!("[\"sh\", \"-c\", \"sleep 1000; true\", \"{marker}\"]");
        config += &format!("[[process]]\nname = \"p{n}\"\ncommand = {command}\n");
    }
    let project = Project::new(&config);
    let start = || project.command(&["apply", "--yes"]).spawn().unwrap();
    let (mut one, mut other) = (start(), start());
    assert!(one.wait().unwrap().success());
    assert!(other.wait().unwrap().success());
    project.assert_settled();
    assert_eq!(running_with(&marker), 20);
}

#[test]
fn stop_ends_what_runs_and_apply_starts_it_again() {
    let project = Project::new(TWO);
    project.run(&["apply", "--yes"]).ok();
    let pid = project.pid("worker").unwrap();
    let stopped = project.run(&["stop"]).ok();
    assert_snapshot!(stopped.stdout, @"
    done     stop    embedded/nightly
    done     stop    embedded/worker

    2 changes done.
    ");
    assert!(!is_alive(pid));
    project.run(&["apply", "--yes"]).ok();
    assert!(project.pid("worker").is_some_and(is_alive));
}

#[test]
fn stop_and_history_work_with_a_broken_config() {
    let project = Project::new(TWO);
    project.run(&["apply", "--yes"]).ok();
    let pid = project.pid("worker").unwrap();
    project.config("[[process]");
    let history = project.run(&["history"]).ok();
    assert!(history.stdout.contains("embedded/worker"));
    assert_snapshot!(project.steady(&history.stderr), @"ROOT/redundancy.toml has a problem; going by what is recorded in .redundancy");
    project.run(&["stop"]).ok();
    assert!(!is_alive(pid));
    std::fs::remove_dir_all(project.path(".redundancy")).unwrap();
    assert_eq!(project.run(&["stop"]).code, 1, "there is nothing to go by");
}

#[test]
fn a_state_folder_of_ones_own_is_found_in_a_broken_config_too() {
    let project = Project::new(&format!("[controller]\nstate_dir = \"run/state\"\n{TWO}"));
    project.run(&["apply", "--yes"]).ok();
    let pid = project.pid("worker").unwrap();
    let config = project.read("redundancy.toml");
    for broken in [format!("{config}[[process]\n"), format!("{config}nonsense = 1\n")] {
        project.write("redundancy.toml", &broken);
        let history = project.run(&["history"]).ok();
        assert!(history.stdout.contains("embedded/worker"), "{history:?}");
        assert!(
            history.stderr.ends_with("going by what is recorded in run/state\n"),
            "{history:?}"
        );
    }
    project.run(&["stop"]).ok();
    assert!(!is_alive(pid));
    assert!(!project.path(".redundancy").exists());
}

#[test]
fn history_tells_what_was_done_and_can_be_deleted() {
    let project = Project::new(TWO);
    assert_eq!(project.run(&["history"]).ok().stdout, "nothing has happened yet\n");
    project.run(&["apply", "--yes"]).ok();
    let history = project.run(&["history", "embedded/worker", "--json"]).ok().stdout;
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    let kinds: Vec<&str> = history["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["intent", "done"]);

    project.config(&TWO.replace("30 2 * * *", "45 3 * * *"));
    let before = project.run(&["plan"]).ok().stdout;
    std::fs::remove_file(project.path(".redundancy/journal.db")).unwrap();
    assert_eq!(project.run(&["plan"]).ok().stdout, before);
}

#[test]
fn no_value_of_the_environment_is_shown_or_kept_readable() {
    let project = Project::new(TWO);
    for run in [
        project.run(&["plan"]),
        project.run(&["plan", "--json"]),
        project.run(&["plan", "--markdown"]),
        project.run(&["apply", "--yes"]),
        project.run(&["status", "--json"]),
        project.run(&["history", "--json"]),
    ] {
        assert!(!(run.stdout + &run.stderr).contains("hidden-value"));
    }
    for entry in std::fs::read_dir(project.path(".redundancy")).unwrap() {
        use std::os::unix::fs::PermissionsExt;
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        let private = mode & 0o077 == 0 || entry.file_name() == ".gitignore";
        assert!(private, "{entry:?}: {mode:o}");
    }
}

/// So many processes that are slow to stop, each with a word that can be changed.
fn slow(count: usize, word: &str) -> String {
    (0..count)
        .map(|n| {
            let script = format!("trap '' TERM; touch ready-{n}; while :; do sleep 0.1; done");
            format!(
                "[[process]]\nname = \"p{n}\"\ncommand = [\"sh\", \"-c\", \"{script}\", \"{word}\"]\n\
                 stop_timeout = \"2s\"\n"
            )
        })
        .collect()
}

#[test]
fn ctrl_c_ends_it_after_the_changes_in_hand_and_says_what_was_not_done() {
    // More than are changed at once.
    let project = Project::new(&slow(18, "one"));
    project.run(&["apply", "--yes"]).ok();
    wait_for("all of them are ready", || {
        (0..18).all(|n| project.path(&format!("ready-{n}")).exists()).then_some(())
    });
    project.config(&slow(18, "two"));
    let apply = project.command(&["apply", "--yes"]).stdout(Stdio::piped()).spawn().unwrap();
    wait_for("as many as can are being changed", || {
        let history = project.run(&["history", "--limit", "1000"]).ok().stdout;
        (history.matches("  intent  ").count() == 18 + 16).then_some(())
    });
    signal(apply.id(), Signal::INT);
    let output = apply.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(told.matches("\ndone     update").count(), 16, "{told}");
    assert_eq!(told.matches("\nnot done update").count(), 2, "{told}");
    assert!(told.contains("\n16 of 18 changes done; not as planned: embedded/p"), "{told}");
    project.run(&["apply", "--yes"]).ok();
    project.assert_settled();
}

#[test]
fn an_edge_function_comes_and_goes_with_its_router() {
    const FILE: &str = "netlify/edge-functions/redundancy-hello.js";
    let project = Project::new("[[function]]\nbacks_up = 'hello'\nrouter = 'edge'\n");
    project.write("netlify/functions/hello.js", "exports.handler = async () => ({})\n");
    let plan = project.run(&["plan"]).ok().stdout;
    assert!(plan.contains("+ create  netlify/hello.edge"), "{plan}");
    assert!(plan.contains(FILE), "{plan}");
    project.run(&["apply", "--yes"]).ok();
    assert!(project.read(FILE).contains("redundancy/1 in_front_of=hello"));
    let again = project.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(again.code, 0, "{again:?}");
    project.config("[[function]]\nbacks_up = 'hello'\n");
    let plan = project.run(&["plan", "--allow-deletions", "1"]).ok().stdout;
    assert!(plan.contains("- delete  netlify/hello.edge"), "{plan}");
    project.run(&["apply", "--yes", "--allow-deletions", "1"]).ok();
    assert!(!project.path(FILE).exists());
    assert!(project.path("netlify/functions/hello-backup/lkg.cjs").exists());
}
