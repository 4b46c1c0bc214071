//! What people do with PM2's own command: mended where it is drift, respected where it is meant.

use rustix::process::Signal;

use crate::world::{World, is_alive, signal, variable, wait_until, worker};

#[test]
fn a_variable_added_by_hand_is_drift_and_is_mended() {
    let world = World::new(&worker("w"));
    world.settle();
    world.pm2_with(&["restart", "w", "--update-env"], &[("BY_HAND", "1")]);
    let plan = world.plan();
    assert!(plan.contains("drift: somebody changed it"), "{plan}");
    assert!(plan.contains("env.BY_HAND"), "{plan}");
    assert_eq!(variable(world.pid("w"), "BY_HAND").as_deref(), Some("1"));
    world.settle();
    assert_eq!(variable(world.pid("w"), "BY_HAND"), None);
}

#[test]
fn instances_added_by_hand_are_drift_and_are_mended_by_the_watch() {
    let world = World::new(&worker("w"));
    world.settle();
    let first = world.pid("w");
    world.pm2(&["scale", "w", "3"]);
    let plan = world.plan();
    assert!(plan.contains("drift: somebody changed it"), "{plan}");
    assert!(plan.contains("pm2.instances"), "{plan}");
    let _watch = world.watch();
    assert_eq!(world.pid_other_than("w", None), first);
    world.wait_settled();
}

#[test]
fn a_restart_by_hand_is_no_drift() {
    let world = World::new(&(worker("w") + &worker("s") + "backs_up = \"w\"\n"));
    world.settle();
    for action in ["restart", "reload", "reset"] {
        let before = world.pid("w");
        world.pm2(&[action, "w"]);
        world.assert_settled();
        assert_eq!(world.pid("w") == before, action == "reset", "{action}");
    }
}

#[test]
fn a_stop_by_hand_is_respected_by_the_watch_and_undone_by_apply() {
    let world = World::new(&worker("w"));
    world.settle();
    let first = world.pid("w");
    let watch = world.watch();
    world.pm2(&["stop", "w"]);
    watch.wait_for_log("pm2/w: left alone: somebody stopped it by hand");
    assert_eq!(world.state("w"), "stopped by hand");
    let plan = world.plan();
    assert!(plan.contains("drift: it should run, and was stopped by hand"), "{plan}");
    watch.end_well();
    // A watch that begins later knows it too.
    let watch = world.watch();
    watch.wait_for_log("pm2/w: left alone: somebody stopped it by hand");
    assert!(!is_alive(first));
    assert!(!watch.end_well().contains("start done"));
    world.settle();
    assert!(is_alive(world.pid("w")));
}

#[test]
fn a_stop_by_hand_is_undone_by_the_watch_where_the_config_insists() {
    let world = World::new(&(worker("w") + "state = \"running\"\n"));
    world.settle();
    let first = world.pid("w");
    let watch = world.watch();
    world.pm2(&["stop", "w"]);
    world.pid_other_than("w", Some(first));
    watch.wait_for_log("pm2/w: start done (drift: it should run, and was stopped by hand)");
}

#[test]
fn a_stop_by_hand_that_took_a_kill_is_a_stop_all_the_same() {
    let stubborn = "[[process]]\nname = \"s\"\nrestart = \"on-failure\"\nstop_timeout = \"200ms\"\n\
                    command = [\"sh\", \"-c\", \"trap '' INT TERM; echo up > up; while :; do sleep 0.1; done\"]\n";
    let world = World::new(&("controller.look_every = \"1s\"\n".to_owned() + stubborn));
    world.settle();
    wait_until("it ignores signals", || world.read("up") == "up\n");
    let pid = world.pid("s");
    let watch = world.watch();
    world.pm2(&["stop", "s"]);
    assert!(!is_alive(pid));
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(world.pids("s").is_empty());
    let log = watch.end_well();
    assert!(!log.contains("start done"), "{log}");
}

#[test]
fn a_standby_started_by_hand_is_stopped_again() {
    let world = World::new(&(worker("w") + &worker("s") + "backs_up = \"w\"\n"));
    world.settle();
    let watch = world.watch();
    world.pm2(&["start", "s"]);
    watch.wait_for_log(
        "pm2/s: duty goes to the primary: both were running, and the primary goes on",
    );
    watch.wait_for_log("pm2/s: stop done (it goes off duty)");
    wait_until("it stands by", || world.app("s")["pm2_env"]["status"] == "stopped");
    world.wait_settled();
}

#[test]
fn a_stop_by_hand_outlives_an_edit_of_the_config() {
    let world = World::new(&worker("w"));
    world.settle();
    let watch = world.watch();
    world.pm2(&["stop", "w"]);
    watch.wait_for_log("pm2/w: left alone: somebody stopped it by hand");
    world.config(&(worker("w") + "max_restarts = 7\n"));
    watch.wait_for_log("pm2/w: update done");
    wait_until("the edit is taken over", || world.app("w")["pm2_env"]["max_restarts"] == 7);
    assert_eq!(world.state("w"), "stopped by hand");
    assert!(!watch.end_well().contains("start done"));
}

#[test]
fn stopping_the_tool_leaves_what_pm2_runs_and_says_so() {
    let world = World::new(&(worker("w") + &worker("off") + "state = \"stopped\"\n"));
    world.settle();
    let pid = world.pid("w");
    let run = world.run(&["stop"]).ok();
    assert_eq!(run.stdout, "this tool itself runs nothing\n");
    let left =
        "run by others, and left as they are: pm2/w (`redundancy stop --force` ends them too)\n";
    assert!(run.stderr.contains(left), "{}", run.stderr);
    assert_eq!(world.pid("w"), pid);
}

#[test]
fn force_stops_what_pm2_runs_for_the_project_and_nothing_else() {
    let world = World::new(&worker("w"));
    world.pm2(&["start", "worker.sh", "--name", "other", "--interpreter", "sh"]);
    world.settle();
    let (pid, other) = (world.pid("w"), world.pids("other"));
    let run = world.run(&["stop", "--force"]).ok();
    assert!(run.stdout.contains("done     stop    pm2/w"), "{}", run.stdout);
    assert!(!is_alive(pid));
    assert_eq!(world.pids("other"), other);
    world.run(&["apply", "--yes"]).ok();
    world.pid_other_than("w", Some(pid));
}

#[test]
fn force_ends_what_runs_also_where_pm2_does_not_answer() {
    let world = World::new(&worker("w"));
    world.settle();
    let (daemon, pid) = (world.daemon().unwrap(), world.pid("w"));
    signal(daemon, Signal::STOP);
    let run = world.run(&["stop", "--force"]);
    let alive = is_alive(pid);
    signal(daemon, Signal::CONT);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!alive, "{run:?}");
    assert!(run.stderr.contains("pm2: what was left is killed"), "{run:?}");
}
