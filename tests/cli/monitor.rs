//! The monitor: a watch that is gone or hangs is started again, never against the word of a
//! person, and what the watch runs goes on.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, SystemTime},
};

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    process::Signal,
};
use serde_json::Value;

use crate::project::{Project, Watch, is_alive, kill, signal, wait_for};

const WORKER: &str = "[controller]\nlook_every = \"1s\"\n\
    [[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\n";

fn monitor(project: &Project, arguments: &[&str]) -> Watch {
    let arguments = [&["monitor", "--every", "100ms"], arguments].concat();
    Watch::start(project.command(&arguments))
}

/// The number of the process that has a lock now.
fn holder(project: &Project) -> Option<u32> {
    let status = project.run(&["status", "--json"]).ok().stdout;
    let status: Value = serde_json::from_str(&status).unwrap();
    status["watch"]["pid"].as_u64()?.try_into().ok()
}

#[track_caller]
fn wait_for_watch(project: &Project, not: Option<u32>) -> u32 {
    wait_for(&format!("a watch, not as {not:?}"), || {
        holder(project).filter(|&pid| Some(pid) != not && is_alive(pid))
    })
}

/// Waits for the end of a process that is no child of this test.
fn wait_until_gone(pid: u32) {
    wait_for("its end", || (!is_alive(pid)).then_some(()));
}

/// What follows the name in `/proc/PID/stat`: state, parent, group, session.
fn stat(pid: u32) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().map(str::to_owned).collect()
}

fn looked_at(project: &Project) -> Option<String> {
    let text = fs::read_to_string(project.path(".redundancy/heartbeat.json")).ok()?;
    let heartbeat: Value = serde_json::from_str(&text).unwrap();
    Some(heartbeat["looked_at"].as_str().unwrap().to_owned())
}

#[test]
fn a_watch_that_is_killed_is_started_again_and_its_processes_go_on() {
    let project = Project::new(WORKER);
    let monitor = monitor(&project, &[]);
    let first = wait_for_watch(&project, None);
    let process = project.wait_for_pid("w", None);
    monitor.wait_for_log(&format!("the watch does well, pid {first}"));
    kill(first);
    let second = wait_for_watch(&project, Some(first));
    monitor.wait_for_log(&format!("the watch does well, pid {second}"));
    assert_eq!(project.pid("w"), Some(process));
    // The new one does its work.
    kill(process);
    project.wait_for_pid("w", Some(process));
    let history = project.run(&["history"]).ok().stdout;
    assert!(history.contains("no watch is running: starting one"), "{history}");
    assert!(history.contains("a new watch is running"), "{history}");
    let log = project.path("automation/logs/watch.log");
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    let log = project.read("automation/logs/master-redundancy.log");
    assert_eq!(log.matches("the watch began").count(), 2, "{log}");
    assert_eq!(monitor.end().0, 0);
}

#[test]
fn a_watch_that_hangs_is_replaced_and_its_processes_go_on() {
    let project = Project::new(WORKER);
    let frozen = project.watch();
    let process = project.wait_for_pid("w", None);
    signal(frozen.pid(), Signal::STOP);
    let monitor = monitor(&project, &["--hung-after", "4s"]);
    wait_for_watch(&project, Some(frozen.pid()));
    monitor.wait_for_log("has given no sign of life for");
    monitor.wait_for_log("ended after SIGKILL only");
    monitor.wait_for_log("a new watch is running");
    assert!(!is_alive(frozen.pid()));
    assert_eq!(project.pid("w"), Some(process));
}

#[test]
fn a_watch_that_was_ended_by_a_person_stays_off_until_a_person_begins_one() {
    let project = Project::new(WORKER);
    let monitor = monitor(&project, &[]);
    let first = wait_for_watch(&project, None);
    let process = project.wait_for_pid("w", None);
    project.run(&["stop"]).ok();
    assert!(!is_alive(process));
    wait_until_gone(first);
    monitor.wait_for_log("was ended by `redundancy stop` and is left so");
    assert!(project.read(".redundancy/stopped").contains("by `redundancy stop`, pid"));
    // As the monitor would begin one.
    let refused = project.run(&["watch", "--unless-stopped"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("was ended by `redundancy stop`"), "{}", refused.stderr);
    let begin = project.run(&["begin"]);
    assert_eq!(begin.code, 1, "{begin:?}");
    assert_eq!(holder(&project), None);

    let by_hand = project.watch();
    monitor.wait_for_log(&format!("the watch does well, pid {}", by_hand.pid()));
    assert!(!project.path(".redundancy/stopped").exists());
    let second = by_hand.pid();
    by_hand.kill();
    wait_for_watch(&project, Some(second));
    let (_, log) = monitor.end();
    assert_eq!(log.matches("is left so").count(), 1, "{log}");
}

#[test]
fn sigterm_to_the_watch_is_not_the_word_of_a_person() {
    let project = Project::new(WORKER);
    let _monitor = monitor(&project, &[]);
    let first = wait_for_watch(&project, None);
    signal(first, Signal::TERM);
    wait_for_watch(&project, Some(first));
}

#[test]
fn with_a_broken_config_the_monitor_rests_and_says_where_to_read() {
    let project = Project::new("[controller]\nlook_every = 7\n");
    let monitor = monitor(&project, &[]);
    monitor.wait_for_log("as it is now, no watch can be started");
    monitor.wait_for_log("there is no new watch: the watch ended at once (exit status: 1)");
    monitor.wait_for_log("why is at the end of");
    monitor.wait_for_log("the watch does not last; it is started again at");
    assert!(project.read("automation/logs/watch.log").contains("redundancy.toml:3"));
    project.config(WORKER);
    wait_for_watch(&project, None);
    monitor.wait_for_log("the watch does well");
    let (_, log) = monitor.end();
    assert_eq!(log.matches("as it is now").count(), 1, "{log}");
}

#[test]
fn there_is_one_monitor_for_a_project() {
    let project = Project::new(WORKER);
    let first = monitor(&project, &[]);
    first.wait_for_log("the monitor began");
    let second = project.run(&["monitor"]);
    assert_eq!(second.code, 1);
    let expected =
        format!("this project has a monitor already: `redundancy monitor`, pid {}", first.pid());
    assert!(second.stderr.contains(&expected), "{}", second.stderr);
    wait_for_watch(&project, None);
}

#[test]
fn the_watch_outlives_the_monitor_and_is_nobodys_child() {
    let project = Project::new(WORKER);
    let first = monitor(&project, &[]);
    let watch = wait_for_watch(&project, None);
    first.wait_for_log("a new watch is running");
    let (its, ours) = (stat(watch), stat(first.pid()));
    wait_for("another parent", || (stat(watch)[1] != first.pid().to_string()).then_some(()));
    assert_ne!(its[2..4], ours[2..4], "its group and session");
    first.kill();
    let second = monitor(&project, &[]);
    second.wait_for_log(&format!("the watch does well, pid {watch}"));
    signal(second.pid(), Signal::INT);
    second.wait_for_log("the monitor ended; the watch goes on as it is");
    assert_eq!(holder(&project), Some(watch));
}

#[test]
fn one_turn_tells_by_its_exit_code() {
    let project = Project::new(WORKER);
    project.run(&["monitor", "--once"]).ok();
    let watch = wait_for_watch(&project, None);
    let fine = project.run(&["monitor", "--once"]).ok();
    assert!(fine.stderr.contains(&format!("the watch does well, pid {watch}")), "{}", fine.stderr);
    project.run(&["stop"]).ok();
    assert_eq!(project.run(&["monitor", "--once"]).code, 1);
    fs::remove_file(project.path(".redundancy/stopped")).unwrap();
    project.config("broken");
    assert_eq!(project.run(&["monitor", "--once"]).code, 1);
    fs::remove_file(project.path("redundancy.toml")).unwrap();
    let missing = project.run(&["--config", "redundancy.toml", "monitor"]);
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("there is no file"), "{}", missing.stderr);
}

#[test]
fn a_state_folder_that_is_taken_away_costs_no_watch() {
    let project = Project::new(WORKER);
    let monitor = monitor(&project, &[]);
    let first = wait_for_watch(&project, None);
    monitor.wait_for_log("the watch does well");
    // At once: the watch writes in there.
    fs::rename(project.path(".redundancy"), project.path("away")).unwrap();
    monitor.wait_for_log("monitor.lock was removed, and is there again");
    assert_eq!(wait_for_watch(&project, None), first);
}

#[test]
fn where_there_can_be_no_state_folder_the_monitor_goes_on_trying() {
    let project = Project::new(WORKER);
    let monitor = monitor(&project, &[]);
    let first = wait_for_watch(&project, None);
    monitor.wait_for_log(&format!("the watch does well, pid {first}"));
    project.write("in-the-way", "");
    let (here, there) = (project.path("in-the-way"), project.path(".redundancy"));
    renameat_with(CWD, here, CWD, &there, RenameFlags::EXCHANGE).unwrap();
    monitor.wait_for_log("and go on trying: File exists");
    fs::remove_file(there).unwrap();
    assert_eq!(wait_for_watch(&project, None), first);
    monitor.wait_for_log("monitor.lock was removed, and is there again");
}

#[test]
fn the_watch_says_that_it_looks_and_status_shows_it() {
    let project = Project::new(WORKER);
    let watch = project.watch();
    let first = wait_for("a look", || looked_at(&project));
    wait_for("another look", || looked_at(&project).filter(|it| *it != first));
    let file = project.path(".redundancy/heartbeat.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let heartbeat: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!((&heartbeat["version"], &heartbeat["pid"]), (&1.into(), &watch.pid().into()));
    assert_eq!(heartbeat["look_every_ms"], 1000);
    let shown = project.run(&["status"]).ok().stdout;
    let last = shown.lines().last().unwrap();
    assert!(last.contains("; last completed look ") && last.ends_with("s ago"), "{last}");

    // It hangs, and was last heard of long ago.
    signal(watch.pid(), Signal::STOP);
    wait_for("it stands still", || (stat(watch.pid())[0] == "T").then_some(()));
    let long_ago = "2020-01-01T00:00:00Z";
    let heartbeat = fs::read_to_string(&file).unwrap();
    let now = looked_at(&project).unwrap();
    fs::write(&file, heartbeat.replace(&now, long_ago)).unwrap();
    let lock = project.path(".redundancy/watch.lock");
    let text = fs::read_to_string(&lock).unwrap();
    let mut holder: Value = serde_json::from_str(&text).unwrap();
    holder["since"] = long_ago.into();
    fs::write(&lock, holder.to_string()).unwrap();
    let then = SystemTime::now() - Duration::from_hours(1000);
    fs::File::options().write(true).open(&lock).unwrap().set_modified(then).unwrap();
    let shown = project.run(&["status"]).ok().stdout;
    assert!(shown.lines().last().unwrap().contains("overdue: it hangs"), "{shown}");
    let json: Value =
        serde_json::from_str(&project.run(&["status", "--json"]).ok().stdout).unwrap();
    assert_eq!((&json["last_look"], &json["overdue"]), (&long_ago.into(), &true.into()));
    watch.kill();
    let shown = project.run(&["status"]).ok().stdout;
    assert!(shown.ends_with("nobody watches; `redundancy watch` does\n"), "{shown}");
}

#[test]
fn on_a_full_disk_the_watch_still_gives_signs_of_life() {
    let project = Project::new(WORKER);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", crate::project::PROGRAM, "watch"]);
    command.current_dir(project.root());
    let watch = Watch::start(command);
    project.wait_for_pid("w", None);
    let pid = rustix::process::Pid::from_raw(i32::try_from(watch.pid()).unwrap());
    let none = rustix::process::Rlimit { current: Some(0), maximum: None };
    rustix::process::prlimit(pid, rustix::process::Resource::Fsize, none).unwrap();
    watch.wait_for_log("heartbeat.json was not written, and all goes on");
    let lock = project.path(".redundancy/watch.lock");
    let touched = || fs::metadata(&lock).unwrap().modified().unwrap();
    let before = touched();
    wait_for("a sign of life", || (touched() > before).then_some(()));
    let (_, log) = watch.end();
    assert_eq!(log.matches("heartbeat.json was not written").count(), 1, "{log}");
}

#[test]
fn a_word_that_can_not_be_left_is_told() {
    let project = Project::new(WORKER);
    project.run(&["apply", "--yes"]).ok();
    fs::create_dir(project.path(".redundancy/stopped")).unwrap();
    let stop = project.run(&["stop"]).ok();
    assert!(stop.stderr.contains("a monitor would start the watch again"), "{}", stop.stderr);
    fs::remove_dir(project.path(".redundancy/stopped")).unwrap();
}
