//! A watch that is killed in the middle of a failover: the next one finishes it.

use crate::{
    pair::{Config, Pair, Runners, now},
    world::{kill, wait_until},
};

/// A failover during which the watch is killed as soon as it has said `moment`.
fn killed_at(moment: &str, both: &'static str) {
    let config = Config { failover: "hand_back = \"manual\"", both, ..Config::default() };
    let mut pair = Pair::at_work(Runners::Embedded, &config);
    wait_until("all is made", || pair.watch().log().contains("embedded/backup: create done"));
    let primary = pair.on_duty();
    pair.break_it("primary");
    kill(primary.pid);
    // Without a rest: what comes next should not have happened yet.
    while !pair.watch().log().contains(moment) {
        assert!(now() - primary.at < 60_000_000_000, "{moment}: {}", pair.watch().log());
        std::thread::yield_now();
    }
    pair.kill_watch();
    pair.begin_watch();
    let backup = pair.await_beat_of("backup", primary.at);
    pair.wait_for_log("the backup is on duty");
    assert_eq!(pair.await_one().pid, backup.pid);
    pair.end(&[]);
}

#[test]
fn when_it_has_seen_that_the_primary_fails() {
    killed_at("embedded/primary: down", "");
}

#[test]
fn when_it_begins_to_move_duty() {
    killed_at("duty goes to the backup", "");
}

#[test]
fn when_the_primary_is_stopped() {
    killed_at("embedded/primary: stop done", "");
}

#[test]
fn when_the_backup_is_started() {
    killed_at("embedded/backup: start done", "");
}

#[test]
fn when_the_primary_is_given_up_at_once() {
    killed_at("duty goes to the backup", "restart = \"never\"");
}

#[test]
fn again_and_again() {
    let config = Config { failover: "hand_back = \"manual\"", ..Config::default() };
    let mut pair = Pair::at_work(Runners::Embedded, &config);
    let primary = pair.on_duty();
    pair.break_it("primary");
    kill(primary.pid);
    // A watch that lives a bit longer each time.
    for life in 0..12 {
        std::thread::sleep(std::time::Duration::from_millis(10 * life));
        pair.kill_watch();
        pair.begin_watch();
    }
    pair.await_beat_of("backup", primary.at);
    pair.wait_for_log("the backup is on duty");
    pair.await_one();
    pair.end(&[]);
}

#[test]
fn when_what_it_was_just_starting_still_has_its_lock() {
    let mut pair = Pair::new(Runners::Embedded, &Config::default());
    let mut gone = std::process::Command::new("true").spawn().unwrap();
    gone.wait().unwrap();
    let holder =
        format!("{{\"pid\":{},\"verb\":\"watch\",\"since\":\"2026-01-01T00:00:00Z\"}}", gone.id());
    pair.world.write(".redundancy/watch.lock", &holder);
    let lock = std::fs::File::open(pair.world.path(".redundancy/watch.lock")).unwrap();
    lock.lock().unwrap();
    // Far shorter than it is waited for.
    let freed = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        drop(lock);
    });
    pair.begin_watch();
    freed.join().unwrap();
    pair.await_beat_of("primary", 0);
    pair.end(&[]);
}
