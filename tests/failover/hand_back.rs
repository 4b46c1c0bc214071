//! How duty goes back to the primary, with both programs run by the tool itself.

use crate::{
    pair::{Config, Pair, Runners, now},
    world::wait_until,
};

#[test]
fn a_primary_that_can_not_work_yet_gets_its_duty_back_when_it_can() {
    let asks = "failover = { precheck = { command = [\"sh\", \"-c\", \
                \"echo asked >> asked; test -e mended\"], every = \"100ms\" } }";
    let config = Config { backup: asks, ..Config::default() };
    let mut pair = Pair::at_work(Runners::Embedded, &config);
    let backup = pair.fail_over();
    pair.mend();
    // Longer than the hold, by far more than it takes.
    wait_until("it is asked again and again", || {
        pair.world.read("asked").lines().count() > 10 && now() - backup.at > 3_000_000_000
    });
    assert_eq!(pair.await_one().pid, backup.pid);
    assert!(!pair.watch().log().contains("hand-back"), "{}", pair.watch().log());
    pair.world.write("mended", "");
    pair.wait_for_log("hand-back: the primary gets its duty back");
    pair.await_beat_of("primary", backup.at);
    pair.wait_for_log("the primary is on duty again");
    pair.end(&[]);
}

#[test]
fn a_hand_back_that_a_person_decides_waits() {
    let config = Config { failover: "hand_back = \"manual\"", ..Config::default() };
    let mut pair = Pair::at_work(Runners::Embedded, &config);
    let backup = pair.fail_over();
    pair.mend();
    pair.wait_for_log(
        "the primary may have its duty back; `redundancy handback embedded/backup` gives it",
    );
    let later = now();
    assert_eq!(pair.await_beat(later).pid, backup.pid);
    // A new watch waits as well, and says so again.
    pair.kill_watch();
    pair.begin_watch();
    assert_eq!(pair.await_beat(now()).pid, backup.pid);
    assert_eq!(pair.await_one().pid, backup.pid);
    pair.end(&[]);
}

#[test]
fn a_primary_that_is_still_broken_when_it_has_its_duty_back_is_stood_in_for_again() {
    let mut pair = Pair::at_work(Runners::Embedded, &Config::default());
    pair.fail_over();
    pair.watch().wait_for_logs("duty goes to the backup", 2);
    let (watch, later) = (pair.watch(), now());
    watch.wait_for_logs("the backup is on duty", 2);
    assert_eq!(pair.await_beat(later).side, "backup");
    pair.end(&[]);
}
