//! The watch: it hears, mends, takes over what is sound, keeps what is good, and ends cleanly.

use std::{fs, time::Duration};

use crate::project::{Project, Watch, embedded, is_alive, kill, signal, wait_for};

fn worker(name: &str) -> String {
    format!("[[process]]\nname = \"{name}\"\ncommand = [\"sleep\", \"1000\"]\n")
}

#[test]
fn a_killed_process_is_mended() {
    let project = Project::new(&worker("w"));
    let watch = project.watch();
    let first = project.wait_for_pid("w", None);
    kill(first);
    let second = project.wait_for_pid("w", Some(first));
    let (code, log) = watch.end();
    assert_eq!(code, 0);
    assert!(is_alive(second), "what runs goes on when the watch ends");
    assert!(
        log.contains("embedded/w: start done (drift: it should run, and was ended by SIGKILL"),
        "{log}"
    );
}

#[test]
fn an_edit_is_taken_over_and_touches_nothing_else() {
    let project = Project::new(&worker("w"));
    let _watch = project.watch();
    let first = project.wait_for_pid("w", None);
    project.config(&(worker("w") + &worker("v")));
    project.wait_for_pid("v", None);
    assert_eq!(project.pid("w"), Some(first));
}

#[test]
fn every_way_of_saving_is_heard() {
    let project = Project::new(&worker("w"));
    let watch = project.watch();
    project.wait_for_pid("w", None);
    let with = |name| worker("w") + &worker(name);

    // In place.
    project.config(&with("a"));
    project.wait_for_pid("a", None);
    // By a new file in the place of the old one.
    project.write("new.tmp", &embedded(&with("b")));
    fs::rename(project.path("new.tmp"), project.path("redundancy.toml")).unwrap();
    project.wait_for_pid("b", None);
    // The old one moved aside first.
    fs::rename(project.path("redundancy.toml"), project.path("redundancy.toml~")).unwrap();
    project.config(&with("c"));
    project.wait_for_pid("c", None);
    // Bit by bit.
    let text = embedded(&with("d"));
    for end in [0, 10, 30, text.len()] {
        project.write("redundancy.toml", &text[..end]);
        std::thread::sleep(Duration::from_millis(5));
    }
    project.wait_for_pid("d", None);
    assert_eq!(watch.end().0, 0);
}

#[test]
fn a_broken_config_changes_nothing_and_is_told_once() {
    let project = Project::new(&worker("w"));
    let watch = project.watch();
    let first = project.wait_for_pid("w", None);

    project.config("[[process]]\nname = \"w\ncommand");
    watch.wait_for_log("is not taken over; the last good config stays in force");
    watch.wait_for_log("redundancy.toml:3");
    fs::remove_file(project.path("redundancy.toml")).unwrap();
    watch.wait_for_log("there is no file");
    project.write("redundancy.toml", "");
    watch.wait_for_log("the file is empty");
    fs::write(project.path("redundancy.toml"), b"\xff").unwrap();
    watch.wait_for_log("is not UTF-8");

    // Mended even so, as the last good config says.
    kill(first);
    watch.wait_for_log("embedded/w: start done (drift: it should run, and was ended by SIGKILL");
    project.config(&worker("w"));
    watch.wait_for_log("is sound again");
    let (_, log) = watch.end();
    assert_eq!(log.matches("there is no file").count(), 1, "{log}");
}

#[test]
fn a_config_that_is_a_link_is_followed() {
    let project = Project::empty();
    project.write("elsewhere/real.toml", &embedded(&worker("w")));
    std::os::unix::fs::symlink("elsewhere/real.toml", project.path("redundancy.toml")).unwrap();
    let watch = project.watch();
    project.wait_for_pid("w", None);
    project.write("elsewhere/real.toml", &embedded(&(worker("w") + &worker("v"))));
    project.wait_for_pid("v", None);
    watch.end();
    fs::remove_file(project.path("redundancy.toml")).unwrap();
}

#[test]
fn a_state_folder_that_is_taken_away_comes_back_and_others_stay_out() {
    let project = Project::new(&worker("w"));
    let watch = project.watch();
    let first = project.wait_for_pid("w", None);
    fs::remove_dir_all(project.path(".redundancy")).unwrap();
    kill(first);
    let second = project.wait_for_pid("w", Some(first));
    watch.wait_for_log("was removed, and is there again");
    assert_eq!(project.run(&["watch"]).code, 1, "there is one already");
    assert!(project.run(&["history"]).ok().stdout.contains("embedded/w"));
    project.run(&["stop"]).ok();
    assert!(!is_alive(second) && !is_alive(watch.pid()));
}

#[test]
fn there_is_one_watch_for_a_project() {
    let project = Project::new(&worker("w"));
    let watch = project.watch();
    project.wait_for_pid("w", None);
    let second = project.run(&["watch"]);
    assert_eq!(second.code, 1);
    let expected =
        format!("this project is watched already, by `redundancy watch`, pid {}", watch.pid());
    assert!(second.stderr.contains(&expected), "{}", second.stderr);
}

#[test]
fn a_watch_that_was_killed_is_replaced_and_runs_nothing_twice() {
    let project = Project::new(&(worker("w") + &worker("v")));
    let watch = project.watch();
    let before = (project.wait_for_pid("w", None), project.wait_for_pid("v", None));
    watch.kill();
    // One of them ends while nobody watches.
    kill(before.1);
    let second = project.watch();
    let after = project.wait_for_pid("v", Some(before.1));
    assert_eq!(project.pid("w"), Some(before.0));
    // An adopted process is heard as one of our own is.
    kill(before.0);
    project.wait_for_pid("w", Some(before.0));
    kill(after);
    project.wait_for_pid("v", Some(after));
    assert_eq!(second.end().0, 0);
}

#[test]
fn apply_and_watch_work_side_by_side() {
    let project = Project::new(&worker("w"));
    project.run(&["apply", "--yes"]).ok();
    let first = project.pid("w").unwrap();
    let _watch = project.watch();
    wait_for("the watch has begun", || {
        let history = project.run(&["history"]).ok().stdout;
        history.contains("the watch began").then_some(())
    });
    kill(first);
    project.wait_for_pid("w", Some(first));
    project.run(&["apply", "--yes"]).ok();
    project.assert_settled();
}

#[test]
fn stop_ends_the_watch_and_what_it_runs() {
    let project = Project::new(&worker("w"));
    let watch = project.watch();
    let pid = project.wait_for_pid("w", None);
    project.run(&["stop"]).ok();
    assert!(!is_alive(pid) && !is_alive(watch.pid()));
    assert!(watch.log().contains("the watch ended"));
}

#[test]
fn a_slow_change_holds_up_nothing_else() {
    let slow = |word: &str| {
        let script = "trap '' TERM; touch ready; while :; do sleep 0.1; done";
        format!(
            "[[process]]\nname = \"slow\"\ncommand = [\"sh\", \"-c\", \"{script}\", \"{word}\"]\n\
             stop_timeout = \"10m\"\n"
        )
    };
    let project = Project::new(&(worker("w") + &slow("one")));
    let watch = project.watch();
    let first = project.wait_for_pid("w", None);
    wait_for("it ignores the signal", || project.path("ready").exists().then_some(()));
    project.config(&(worker("w") + &slow("two")));
    wait_for("the slow change has begun", || {
        let history = project.run(&["history"]).ok().stdout;
        history.contains("  update: ").then_some(())
    });
    kill(first);
    project.wait_for_pid("w", Some(first));
    assert!(!watch.log().contains("embedded/slow: update done"));
    // Nobody waits ten minutes.
    kill(project.pid("slow").unwrap());
    watch.wait_for_log("embedded/slow: update done");
    watch.end();
    kill(project.pid("slow").unwrap());
}

#[test]
fn a_signal_lets_the_change_in_hand_finish() {
    let config = |word: &str| {
        let script = "trap '' TERM; touch ready; while :; do sleep 0.1; done";
        format!(
            "[[process]]\nname = \"w\"\ncommand = [\"sh\", \"-c\", \"{script}\", \"{word}\"]\n\
             stop_timeout = \"2s\"\n"
        )
    };
    let project = Project::new(&config("one"));
    let watch = project.watch();
    let first = project.wait_for_pid("w", None);
    wait_for("it ignores the signal", || project.path("ready").exists().then_some(()));
    project.config(&config("two"));
    wait_for("the change has begun", || {
        let history = project.run(&["history"]).ok().stdout;
        history.contains("  update: ").then_some(())
    });
    let (code, log) = watch.end();
    assert_eq!(code, 0);
    assert!(log.contains("embedded/w: update done"), "{log}");
    assert!(!is_alive(first) && project.pid("w").is_some_and(is_alive));
    project.assert_settled();
}

#[test]
fn a_primary_that_changes_gets_a_new_backup() {
    let workflow = "on: push\njobs:\n  x:\n    runs-on: y\n    steps:\n      - run: one\n";
    let project = Project::new("[[workflow]]\nbacks_up = \"*\"\n");
    project.write(".github/workflows/ci.yml", workflow);
    let _watch = project.watch();
    let backup = project.path(".github/workflows/ci-backup.yml");
    let has = |text: &'static str| {
        wait_for(text, || fs::read_to_string(&backup).ok().filter(|it| it.contains(text)));
    };
    has("run: one");
    project.write(".github/workflows/ci.yml", &workflow.replace("one", "two"));
    has("run: two");
    // Somebody deletes the backup.
    fs::remove_file(&backup).unwrap();
    has("run: two");
}

#[test]
fn a_process_that_ends_at_once_is_given_up_in_the_end() {
    let project = Project::new(
        "[failover]\nbackoff = { initial = \"10ms\", max = \"20ms\" }\n\
         [[process]]\nname = \"w\"\ncommand = [\"false\"]\nmax_restarts = 3\n",
    );
    let watch = project.watch();
    watch.wait_for_log("given up");
    assert_eq!(project.status("embedded/w")["health"], "failed");
    watch.end();
}

#[test]
fn a_full_disk_stops_no_restart() {
    let project = Project::new(&worker("w"));
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", crate::project::PROGRAM, "watch"]);
    command.current_dir(project.root());
    let watch = Watch::start(command);
    let first = project.wait_for_pid("w", None);
    let pid = rustix::process::Pid::from_raw(i32::try_from(watch.pid()).unwrap());
    let none = rustix::process::Rlimit { current: Some(0), maximum: None };
    rustix::process::prlimit(pid, rustix::process::Resource::Fsize, none).unwrap();
    kill(first);
    watch.wait_for_log("embedded/w: start done (drift");
    watch.wait_for_log("the journal was not written");
    signal(watch.pid(), rustix::process::Signal::TERM);
}

#[test]
fn a_time_in_the_config_may_be_longer_than_time_itself() {
    let forever = "\"9223372036854775807s\"";
    let project = Project::new(&format!(
        "[controller]\nlook_every = {forever}\nsystem_check_every = {forever}\n\
         report_every = {forever}\nhistory_for = {forever}\n{}",
        worker("w")
    ));
    let watch = project.watch();
    let first = project.wait_for_pid("w", None);
    kill(first);
    project.wait_for_pid("w", Some(first));
    assert_eq!(watch.end().0, 0);
}

#[test]
fn what_the_watch_before_remembered_and_nobody_can_read_is_told() {
    let project = Project::new(&worker("w"));
    let watch = project.watch();
    let process = project.wait_for_pid("w", None);
    watch.end_well();
    let journal = rusqlite::Connection::open(project.path(".redundancy/journal.db")).unwrap();
    let write = "UPDATE memory SET value = 'of another version' WHERE key IN ('memory', 'alerts')";
    assert_eq!(journal.execute(write, []).unwrap(), 2);
    drop(journal);
    let watch = project.watch();
    watch.wait_for_log("the system: 1 of 1 healthy");
    watch.end_well();
    let history = project.run(&["history"]).ok().stdout;
    for what in ["who is on duty, and what is tried again", "what people were told"] {
        let told = format!("has left what can't be read, so {what} is begun anew: ");
        assert!(history.contains(&told), "{history}");
    }
    assert_eq!(project.pid("w"), Some(process));
}
