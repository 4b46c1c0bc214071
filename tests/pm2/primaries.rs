//! Primaries that PM2 runs and that are none of ours, in exclusive pairs: fenced, started again, and
//! never both.

use std::time::Duration;

use rustix::process::Signal;

use crate::world::{World, is_alive, kill, signal, wait_until};

/// Beats, unless it is broken.
const SCRIPT: &str = "trap exit INT TERM\n\
    while :; do [ -e broken ] && [ \"$1\" = primary ] && exit 1; echo $$ >> beats/duty; sleep 0.02; done\n";

/// A primary that was started by PM2's own command, and its backup, which this tool watches.
fn world(runner: &str, more: &str) -> World {
    let world = World::new(&format!(
        "failover.hold = \"1s\"\nfailover.settle = \"300ms\"\n{more}\n\
         [[process]]\nname = \"b\"\nbacks_up = \"p\"\nrunner = \"{runner}\"\n\
         script = \"duty.sh\"\nargs = [\"backup\"]\n"
    ));
    world.write("duty.sh", SCRIPT);
    world.pm2(&["start", "duty.sh", "--name", "p", "--", "primary"]);
    wait_until("the primary beats", || !world.beats("duty").is_empty());
    world
}

const CONTROLLED: &str = "failover.control_primary = true";

/// What PM2 says of the primary.
fn primary(world: &World) -> String {
    world.app("p")["pm2_env"]["status"].as_str().unwrap().to_owned()
}

/// Waits until somebody else beats than `pid`.
fn next(world: &World, pid: i32) -> i32 {
    world.beat_other_than("duty", Some(pid))
}

#[test]
fn a_primary_that_crashes_again_and_again_is_stopped_and_gets_its_duty_back() {
    for runner in ["pm2", "embedded"] {
        let world = world(runner, CONTROLLED);
        let watch = world.watch();
        watch.wait_for_log("create done");
        world.write("broken", "");
        watch.wait_for_log("WARN");
        watch.wait_for_log("the backup is on duty: the primary ");
        assert_eq!(primary(&world), "stopped", "{runner}");
        std::fs::remove_file(world.path("broken")).unwrap();
        watch.wait_for_log("the primary is on duty again");
        assert_eq!(primary(&world), "online", "{runner}");
        world.assert_never_two("duty");
    }
}

#[test]
fn a_daemon_that_dies_while_the_backup_is_on_duty_does_not_bring_the_primary_back() {
    for runner in ["pm2", "embedded"] {
        let more = format!("{CONTROLLED}\nfailover.hand_back = \"manual\"");
        let world = world(runner, &more);
        world.pm2(&["save"]);
        let watch = world.watch();
        watch.wait_for_log("create done");
        world.write("broken", "");
        watch.wait_for_log("the backup is on duty");
        std::fs::remove_file(world.path("broken")).unwrap();
        let (daemon, backup) = (world.daemon().unwrap(), *world.beats("duty").last().unwrap());
        kill(daemon);
        if runner == "pm2" {
            next(&world, backup);
            wait_until("it is registered", || !world.instances("p").is_empty());
            assert_eq!(primary(&world), "stopped");
        } else {
            let beats = world.beats("duty").len();
            wait_until("it beats on", || world.beats("duty").len() > beats + 50);
            assert!(is_alive(backup));
        }
        world.assert_never_two("duty");
    }
}

#[test]
fn a_primary_that_lost_its_daemon_is_ended_before_its_backup_takes_over() {
    let world = world("embedded", &format!("{CONTROLLED}\ncontroller.look_every = \"1s\""));
    let watch = world.watch();
    watch.wait_for_log("create done");
    let primary = *world.beats("duty").last().unwrap();
    // Nothing was saved, so nothing brings it back: it goes on without a daemon.
    kill(world.daemon().unwrap());
    let backup = next(&world, primary);
    assert!(is_alive(backup) && !is_alive(primary));
    world.assert_never_two("duty");
}

#[test]
fn a_stop_by_hand_is_no_failure() {
    let world = world("embedded", &format!("{CONTROLLED}\nfailover.fall = 1"));
    let watch = world.watch();
    watch.wait_for_log("create done");
    world.pm2(&["stop", "p"]);
    watch.wait_for_log("pm2/p: left alone: somebody stopped it by hand");
    std::thread::sleep(Duration::from_millis(500));
    let log = watch.end_well();
    assert!(!log.contains("duty goes"), "{log}");
}

#[test]
fn without_control_a_primary_that_runs_is_left_alone_and_one_that_pm2_gave_up_is_taken_over() {
    let world = world("embedded", "failover.fall = 1\ncontroller.look_every = \"1s\"");
    let watch = world.watch();
    watch.wait_for_log("create done");
    let pid = *world.beats("duty").last().unwrap();
    signal(pid, Signal::STOP);
    watch.wait_for_log("nothing allows to stop it, so the backup waits");
    signal(pid, Signal::CONT);
    let beats = world.beats("duty").len();
    wait_until("the primary goes on", || world.beats("duty").len() > beats);
    world.write("broken", "");
    next(&world, pid);
    watch.wait_for_log("the backup is on duty");
    assert_eq!(primary(&world), "errored");
    // Only a person can give duty back: by starting it.
    std::fs::remove_file(world.path("broken")).unwrap();
    world.pm2(&["restart", "p"]);
    watch.wait_for_log("the primary is on duty");
    let log = watch.end_well();
    assert!(!log.contains("pm2/p: stop"), "{log}");
}

#[test]
fn a_person_moves_the_duty_of_a_primary_only_where_it_may_be_stopped() {
    let allowed = world("embedded", CONTROLLED);
    let watch = allowed.watch();
    watch.wait_for_log("create done");
    let first = *allowed.beats("duty").last().unwrap();
    allowed.run(&["failover", "pm2/p"]).ok();
    let backup = next(&allowed, first);
    assert_eq!(primary(&allowed), "stopped");
    allowed.run(&["handback", "embedded/b"]).ok();
    next(&allowed, backup);
    allowed.assert_never_two("duty");

    let not_allowed = world("embedded", "");
    not_allowed.apply();
    let run = not_allowed.run(&["failover", "pm2/p"]);
    assert_eq!(run.code, 1, "{}", run.said());
    assert!(run.stderr.contains("control_primary = true"), "{}", run.stderr);
    assert_eq!(primary(&not_allowed), "online");
}
