//! Backups beside primaries: made, seen by PM2's own tools, saved, resurrected.

use std::fs;

use serde_json::Value;

use crate::world::{World, is_alive, kill, signal, variable, wait_for, wait_until, worker};

/// A backup that runs beside its primary.
fn parallel(name: &str, of: &str) -> String {
    worker(name) + &format!("backs_up = \"{of}\"\nmode = \"parallel\"\n")
}

fn definition(world: &World, name: &str) -> (Value, i64) {
    let mut app = world.app(name);
    let env = app["pm2_env"].as_object_mut().unwrap();
    for counted in ["pm_uptime", "monit", "axm_monitor", "axm_options", "axm_dynamic"] {
        env.remove(counted);
    }
    (Value::Object(env.clone()), app["pid"].as_i64().unwrap())
}

#[test]
fn backups_of_primaries_are_made_and_the_primaries_are_left_alone() {
    let world =
        World::new(&(parallel("a-backup", "a") + &worker("b-backup") + "backs_up = \"b\"\n"));
    world.primaries(&[("a", "beat.sh"), ("b", "worker.sh")]);
    let before = [definition(&world, "a"), definition(&world, "b")];

    assert!(world.plan().contains("pm2/a-backup"), "{}", world.plan());
    let said = world.settle();
    assert!(said.contains("done     create  pm2/a-backup"), "{said}");
    assert_eq!([definition(&world, "a"), definition(&world, "b")], before);

    let listed = world.jlist();
    let state = |name| {
        let app = listed.iter().find(|it| it["name"] == name).unwrap();
        (app["pm2_env"]["status"].as_str().unwrap().to_owned(), app["pid"].as_i64().unwrap_or(0))
    };
    assert_eq!(state("a-backup").0, "online");
    assert!(is_alive(state("a-backup").1.try_into().unwrap()));
    assert_eq!(state("b-backup"), ("stopped".to_owned(), 0), "it is exclusive and stands by");
    assert!(world.pm2(&["ls"]).contains("b-backup"));

    let rows = world.statuses();
    let row = |id: &str| rows.iter().find(|it| it["id"] == id).unwrap();
    for (id, managed, word, health) in [
        ("pm2/a", false, "running", "healthy"),
        ("pm2/b", false, "running", "healthy"),
        ("pm2/a-backup", true, "running", "healthy"),
        ("pm2/b-backup", true, "stopped", "stopped"),
        ("pm2/daemon", false, "running", "healthy"),
    ] {
        let row = row(id);
        assert_eq!(row["managed"], managed, "{row}");
        assert!(row["state"].as_str().unwrap().starts_with(word), "{row}");
        assert_eq!(row["health"], health, "{row}");
    }
    assert_eq!(row("pm2/a-backup")["backs_up"], "a");
}

#[test]
fn pm2s_own_tools_work_with_what_was_made() {
    let cron = "[[process]]\nname = \"by-clock\"\nscript = \"worker.sh\"\ncron = \"0 5 * * *\"\n";
    let chatty = "[[process]]\nname = \"chatty\"\ncommand = [\"sh\", \"-c\", \"echo hello; echo oops >&2; exec sleep 1000\"]\n";
    let world =
        World::new(&(worker("run") + &worker("by") + "backs_up = \"run\"\n" + cron + chatty));
    world.settle();
    let home = world.home();
    wait_until("its output is written", || {
        let read = |kind| fs::read_to_string(home.join(format!("logs/chatty-{kind}.log")));
        read("out").is_ok_and(|it| it == "hello\n") && read("error").is_ok_and(|it| it == "oops\n")
    });
    let logs = world.pm2(&["logs", "chatty", "--nostream", "--lines", "5"]);
    assert!(logs.contains("hello"), "{logs}");
    for name in ["run", "by", "by-clock", "chatty"] {
        let shown = world.pm2(&["show", name]);
        assert!(shown.contains("script path"), "{shown}");
    }

    let pid = world.pid("run");
    world.pm2(&["save"]);
    world.pm2(&["kill"]);
    assert!(!is_alive(pid));
    world.pm2(&["resurrect"]);
    world.wait_settled();
    assert_eq!(world.app("by")["pm2_env"]["status"], "stopped");
    assert!(world.state("by-clock").starts_with("scheduled for "), "{}", world.state("by-clock"));
    assert_ne!(world.pid("run"), pid);
}

#[test]
fn a_state_in_the_config_stops_and_starts() {
    let world = World::new(&worker("w"));
    world.settle();
    let first = world.pid("w");
    world.config(&(worker("w") + "state = \"stopped\"\n"));
    let plan = world.plan();
    assert!(plan.contains("it should be off"), "{plan}");
    world.settle();
    assert!(!is_alive(first));
    assert_eq!(world.app("w")["pm2_env"]["status"], "stopped");
    world.config(&worker("w"));
    world.settle();
    assert!(is_alive(world.pid("w")));
}

#[test]
fn what_the_config_asks_for_no_more_is_deleted_and_gone() {
    let stubborn = "[[process]]\nname = \"stubborn\"\nstop_timeout = \"300ms\"\ncommand = [\"sh\", \"-c\", \"trap '' INT TERM; echo up; while :; do sleep 1; done\"]\n";
    let quiet: String = ["a", "b", "c", "d"].map(worker).concat();
    let world = World::new(&(quiet.clone() + stubborn));
    world.settle();
    let up = || fs::read_to_string(world.home().join("logs/stubborn-out.log")).unwrap_or_default();
    wait_until("it ignores signals", || up() == "up\n");
    let pid = world.pid("stubborn");
    world.config(&(quiet.clone() + stubborn + "state = \"stopped\"\n"));
    world.settle();
    assert!(!is_alive(pid), "stopped means that it is gone");
    world.config(&(quiet.clone() + stubborn));
    world.settle();
    wait_until("it ignores signals again", || up() == "up\nup\n");
    let pid = world.pid("stubborn");
    world.config(&quiet);
    let said = world.settle();
    assert!(said.contains("done     delete  pm2/stubborn"), "{said}");
    assert!(!is_alive(pid));
    assert!(world.instances("stubborn").is_empty());
}

/// The file speaks of PM2 no more; what it made there is not forgotten for that.
#[test]
fn what_is_left_of_ours_is_seen_where_the_config_asks_for_nothing_of_pm2() {
    let world = World::new(&(worker("w") + &worker("off") + "state = \"stopped\"\n"));
    world.primaries(&[("theirs", "beat.sh")]);
    world.settle();
    world.write("redundancy.toml", "[controller]\n");
    let run = world.run(&["apply", "--yes"]);
    assert!(run.stdout.contains("when this is meant: `--allow-deletions 2`"), "{}", run.stdout);
    assert_eq!(world.list().len(), 3);
    let mut shown: Vec<_> = world.statuses().iter().map(|it| it["id"].to_string()).collect();
    shown.sort();
    assert_eq!(shown, ["\"pm2/off\"", "\"pm2/w\""]);
    world.run(&["apply", "--yes", "--allow-deletions", "2"]).ok();
    assert_eq!(world.list().len(), 1);
    world.assert_settled();
}

#[test]
fn a_frozen_app_is_deleted_all_the_same() {
    let quiet: String = ["a", "b", "c", "d"].map(worker).concat();
    let world = World::new(&(quiet.clone() + &worker("w") + "stop_timeout = \"200ms\"\n"));
    world.settle();
    let pid = world.pid("w");
    signal(pid, rustix::process::Signal::STOP);
    world.config(&quiet);
    world.settle();
    assert!(!is_alive(pid));
}

#[test]
fn an_app_of_a_project_has_its_mark_and_its_registration_in_its_environment() {
    let world = World::new(&worker("w"));
    world.settle();
    let pid = world.pid("w");
    assert!(variable(pid, "REDUNDANCY_MARK").is_some());
    let known = world.app("w")["pm2_env"]["unique_id"].as_str().unwrap().to_owned();
    assert_eq!(variable(pid, "unique_id"), Some(known));
}

#[test]
fn a_program_that_ended_well_is_finished_and_one_that_was_killed_is_not() {
    let once = "[[process]]\nname = \"once\"\nrestart = \"on-failure\"\nscript = \"once.sh\"\n";
    let lasting = worker("lasting") + "restart = \"on-failure\"\n";
    let world = World::new(&(once.to_owned() + &lasting));
    world.write("once.sh", "exit 0\n");
    world.apply();
    let finished = wait_for("it finishes", || {
        Some(world.state("once")).filter(|it| it.starts_with("finished"))
    });
    assert_eq!(finished, "finished: ended");
    let watch = world.watch();
    let first = world.pid("lasting");
    kill(first);
    let second = world.pid_other_than("lasting", Some(first));
    assert!(is_alive(second));
    let log = watch.end_well();
    assert!(
        log.contains("pm2/lasting: start done (drift: it should run, and was ended by SIGKILL")
    );
    assert!(!log.contains("pm2/once: start"), "its work is done: {log}");
    assert_eq!(log.matches("pm2/once").count(), 0, "nothing is told twice: {log}");
}

#[test]
fn a_frozen_process_is_told_of_and_restarted_by_the_watch() {
    let world = World::new(&("controller.look_every = \"1s\"\n".to_owned() + &worker("w")));
    world.settle();
    let first = world.pid("w");
    signal(first, rustix::process::Signal::STOP);
    let frozen = format!("unwell, pid {first}: is frozen: a signal has stopped it");
    wait_until("it is seen to be frozen", || world.state("w") == frozen);
    assert!(world.plan().contains("recovery: it is frozen"), "{}", world.plan());
    let watch = world.watch();
    world.pid_other_than("w", Some(first));
    assert!(!is_alive(first));
    let log = watch.end_well();
    assert!(log.contains("pm2/w: restart done (recovery: it is frozen"), "{log}");
}
