//! A daemon that PM2 itself, or a person, takes away and brings back.

use std::time::Duration;

use crate::{
    daemon::{BEATING, beating_world},
    world::{World, beating, wait_until, worker},
};

#[test]
fn an_update_of_pm2_is_left_to_pm2() {
    let world = beating_world();
    world.apply();
    let before = BEATING.map(|name| world.beat_other_than(name, None));
    let watch = world.watch();
    let daemon = world.daemon();
    world.pm2(&["update"]);
    wait_until("there is another daemon", || world.daemon().is_some_and(|it| Some(it) != daemon));
    for (name, pid) in BEATING.into_iter().zip(before) {
        world.beat_other_than(name, Some(pid));
    }
    world.wait_settled();
    for name in BEATING {
        world.assert_never_two(name);
        assert_eq!(world.pids(name).len(), 1, "{name}");
    }
    assert!(!watch.end_well().contains("daemon: start"));
}

#[test]
fn an_update_of_pm2_that_takes_long_is_left_to_pm2_too() {
    // PM2 deletes the quick ones first and waits for the stubborn one.
    let stubborn = "[[process]]\nname = \"slow\"\nstop_timeout = \"4s\"\ncommand = [\"sh\", \"-c\", \
                    \"trap '' INT TERM; while :; do echo $$ >> beats/slow; sleep 0.02; done\"]\n";
    let world = World::new(&(beating("quick", "beat.sh") + stubborn));
    world.settle();
    let names = ["quick", "slow"];
    let before = names.map(|name| world.beat_other_than(name, None));
    let watch = world.watch();
    world.pm2(&["update"]);
    for (name, pid) in names.into_iter().zip(before) {
        world.beat_other_than(name, Some(pid));
    }
    world.wait_settled();
    for name in names {
        assert_eq!(world.assert_never_two(name), 2, "{name}: {}", watch.log());
    }
}

#[test]
fn an_edit_during_an_update_of_pm2_waits_for_its_end() {
    let slow = "[[process]]\nname = \"slow\"\nstop_timeout = \"3s\"\ncommand = [\"sh\", \"-c\", \
                    \"trap '' INT TERM; while :; do sleep 0.1; done\"]\n";
    let quick = |max| beating("quick", "beat.sh") + &format!("max_restarts = {max}\n");
    let world = World::new(&(quick(3) + slow));
    world.settle();
    world.beat_other_than("quick", None);
    let watch = world.watch();
    std::thread::scope(|scope| {
        let update = scope.spawn(|| world.pm2(&["update"]));
        watch.wait_for_log("pm2/quick: down: is no longer registered at PM2");
        wait_until("the edit is heard", || {
            world.config(&(quick(4) + slow));
            std::thread::sleep(Duration::from_millis(300));
            watch.log().contains("redundancy.toml has changed and is in force")
        });
        update.join().unwrap();
    });
    wait_until("it is as the config says", || {
        world.instances("quick").iter().any(|it| it["pm2_env"]["max_restarts"] == 4)
    });
    world.wait_settled();
    world.assert_never_two("quick");
}

#[test]
fn a_daemon_that_came_back_empty_gets_what_is_ours() {
    let world = World::new(&beating("w", "beat.sh"));
    world.settle();
    let first = world.beat_other_than("w", None);
    let _watch = world.watch();
    world.pm2(&["kill"]);
    world.pm2(&["ping"]);
    world.beat_other_than("w", Some(first));
    world.wait_settled();
    world.assert_never_two("w");
}

#[test]
fn a_daemon_that_was_shut_down_and_stays_away_is_started() {
    let world = World::new(&beating("w", "beat.sh"));
    world.settle();
    let first = world.beat_other_than("w", None);
    let watch = world.watch();
    world.pm2(&["kill"]);
    watch.wait_for_log("if it is not back within 10 s it is started");
    world.beat_other_than("w", Some(first));
    world.wait_settled();
    world.assert_never_two("w");
}

#[test]
fn a_daemon_that_was_quiet_for_long_and_is_shut_down_may_come_back() {
    let world = World::new(&(worker("w") + "state = \"stopped\"\n"));
    world.settle();
    let watch = world.watch();
    // Longer than what is shut down is given, and nothing to look at meanwhile.
    std::thread::sleep(Duration::from_secs(11));
    world.pm2(&["kill"]);
    watch.wait_for_log("PM2's daemon was ");
    let log = watch.end_well();
    assert!(log.contains("PM2's daemon was shut down"), "{log}");
    assert!(!log.contains("PM2's daemon was started"), "{log}");
}
