//! A watch in the background: begun, begun again, and ended by force with all that it runs.

use std::fs;

use rustix::process::Signal;

use crate::project::{Project, is_alive, kill, signal, wait_for};

const WORKER: &str = "[controller]\nlook_every = \"1s\"\n\
    [[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\n";

/// The number of the watch that `start` or `restart` tells of.
fn pid_in(said: &str) -> u32 {
    let pid = said.split("(pid ").nth(1).and_then(|it| it.split(')').next());
    pid.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("no pid in {said}"))
}

fn wait_until_gone(pid: u32) {
    wait_for("its end", || (!is_alive(pid)).then_some(()));
}

#[test]
fn start_waits_for_the_first_look_and_says_where_the_logs_are() {
    let project = Project::new(WORKER);
    let said = project.run(&["start"]).ok().stdout;
    let watch = pid_in(&said);
    insta::assert_snapshot!(said.replace(&watch.to_string(), "PID"), @r"
        the watch is running (pid PID) and has looked at everything
        its logs:
          automation/logs/master-redundancy.log (all else)
          automation/logs/pm2-redundancy.log (PM2)
          automation/logs/github-actions-redundancy.log (GitHub)
          automation/logs/netlify-functions-redundancy.log (Netlify)
          automation/logs/watch.log (what can't be written there)
        ");
    assert!(project.path(".redundancy/heartbeat.json").exists());
    project.wait_for_pid("w", None);
    assert!(project.read("automation/logs/master-redundancy.log").contains("the watch began"));
    assert_eq!(project.read("automation/logs/watch.log"), "", "nothing is written twice");
    let again = project.run(&["start"]).ok();
    assert_eq!(again.stdout, format!("a watch is running already (pid {watch})\n"));
    project.run(&["stop"]).ok();
    wait_until_gone(watch);
}

#[test]
fn a_watch_that_is_killed_and_started_again_finds_everything_as_it_was() {
    let project = Project::new(WORKER);
    let first = pid_in(&project.run(&["start"]).ok().stdout);
    let process = project.wait_for_pid("w", None);
    kill(first);
    wait_until_gone(first);
    let second = pid_in(&project.run(&["start"]).ok().stdout);
    assert_ne!(first, second);
    project.assert_settled();
    assert_eq!(project.pid("w"), Some(process));
}

#[test]
fn what_was_stopped_is_started_again_by_start() {
    let project = Project::new(WORKER);
    project.run(&["start"]).ok();
    let before = project.wait_for_pid("w", None);
    project.run(&["stop"]).ok();
    assert!(!is_alive(before) && project.path(".redundancy/stopped").exists());
    project.run(&["start"]).ok();
    project.wait_for_pid("w", Some(before));
    assert!(!project.path(".redundancy/stopped").exists());
}

#[test]
fn restart_ends_the_watch_and_nothing_else() {
    let project = Project::new(WORKER);
    let none = project.run(&["restart"]).ok();
    assert_eq!(none.stderr, "no watch is running\n");
    let first = pid_in(&none.stdout);
    let process = project.wait_for_pid("w", None);
    let said = project.run(&["restart"]).ok().stdout;
    assert!(said.starts_with(&format!("the watch has ended (pid {first})\n")), "{said}");
    assert!(!is_alive(first));
    assert_eq!(project.pid("w"), Some(process));
}

#[test]
fn a_log_that_has_grown_too_large_is_put_aside_and_written_on() {
    let project = Project::new(WORKER);
    project.run(&["start"]).ok();
    let log = project.path("automation/logs/watch.log");
    let mut file = fs::OpenOptions::new().append(true).open(&log).unwrap();
    let line = "much\n".repeat(1024 * 1024);
    for _ in 0..3 {
        std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
    }
    wait_for("it is put aside", || {
        project.path("automation/logs/watch.log.1").exists().then_some(())
    });
    wait_for("it is small", || (fs::metadata(&log).unwrap().len() < 1024 * 1024).then_some(()));
    // Only what can't be in the logs goes there.
    let pid = project.wait_for_pid("w", None);
    let master = project.path("automation/logs/master-redundancy.log");
    fs::remove_file(&master).unwrap();
    fs::create_dir(&master).unwrap();
    kill(pid);
    wait_for("it is written on", || {
        let text = project.read("automation/logs/watch.log");
        text.contains("master-redundancy.log can't be written").then_some(())
    });
}

#[test]
fn start_says_why_there_is_no_watch() {
    let project = Project::new("[controller]\nlook_evry = \"1s\"\n");
    let refused = project.run(&["start"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("look_evry"), "{}", refused.stderr);
    // What only the watch can find out is at the end of its log.
    project.config("[controller]\n");
    fs::create_dir_all(project.path(".redundancy/journal.db")).unwrap();
    let refused = project.run(&["start"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("watch.log"), "{}", refused.stderr);
    fs::remove_dir(project.path(".redundancy/journal.db")).unwrap();
}

#[test]
fn force_ends_a_watch_that_hangs_and_what_ignores_every_signal_but_one() {
    let project = Project::new(
        "[[process]]\nname = \"deaf\"\nstop_timeout = \"100ms\"\n\
         command = [\"sh\", \"-c\", \"trap '' TERM INT HUP; while :; do sleep 1000; done\"]\n",
    );
    let watch = pid_in(&project.run(&["start"]).ok().stdout);
    let deaf = project.wait_for_pid("deaf", None);
    signal(watch, Signal::STOP);
    let run = project.run(&["stop", "--force"]).ok();
    assert!(run.stdout.contains(&format!("the watch has ended (pid {watch})")), "{run:?}");
    assert!(!is_alive(deaf));
    wait_until_gone(watch);
}

#[test]
fn force_ends_what_no_record_tells_of() {
    let project = Project::new(WORKER);
    project.run(&["apply", "--yes"]).ok();
    let pid = project.wait_for_pid("w", None);
    fs::write(project.path(".redundancy/embedded/w.json"), "}").unwrap();
    project.write("redundancy.toml", "this is no TOML");
    let run = project.run(&["stop", "--force"]).ok();
    assert!(!is_alive(pid), "{run:?}");
}
