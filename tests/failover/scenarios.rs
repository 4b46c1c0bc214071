//! One thing that happens, and what follows from it, with both programs run by the tool itself.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;

use crate::{
    pair::{Config, Pair, Runners, now},
    world::{is_alive, kill, signal, wait_until},
};

fn embedded(config: &Config) -> Pair {
    Pair::at_work(Runners::Embedded, config)
}

const MANUAL: Config = Config { failover: "hand_back = \"manual\"", both: "", backup: "" };

#[test]
fn a_primary_that_is_killed_once_comes_back_itself() {
    let mut pair = embedded(&Config::default());
    let first = pair.on_duty();
    kill(first.pid);
    pair.await_beat_other_than(first.pid, first.at);
    assert_eq!(pair.on_duty().side, "primary");
    let log = pair.end(&[]);
    assert!(!log.contains("duty goes to"), "{log}");
}

#[test]
fn a_primary_that_crashes_again_and_again_is_stood_in_for_and_has_its_duty_back_when_mended() {
    let mut pair = embedded(&Config::default());
    let first = pair.on_duty();
    pair.break_it("primary");
    kill(first.pid);
    let backup = pair.await_beat_of("backup", first.at);
    pair.wait_for_log("duty goes to the backup: the primary exited with code 3");
    pair.wait_for_log("the backup is on duty: the primary exited with code 3");
    pair.mend();
    pair.wait_for_log("hand-back: the primary gets its duty back");
    pair.await_beat_of("primary", backup.at);
    pair.wait_for_log("the primary is on duty again");
    let log = pair.end(&[]);
    let said = |text: &str| -> Timestamp {
        let line = log.lines().find(|it| it.contains(text)).unwrap();
        line.split(' ').next().unwrap().parse().unwrap()
    };
    let held = said("hand-back: ").duration_since(said("the backup is on duty: "));
    assert!(held >= SignedDuration::from_secs(1), "{held}");
    assert_eq!(log.matches("duty goes to the backup").count(), 1, "{log}");
}

#[test]
fn a_primary_that_is_never_restarted_is_stood_in_for_at_once() {
    let config = Config { both: "restart = \"never\"", ..MANUAL };
    let mut pair = embedded(&config);
    let first = pair.on_duty();
    kill(first.pid);
    pair.await_beat_of("backup", first.at);
    pair.wait_for_log("duty goes to the backup: the primary was ended by SIGKILL");
    pair.end(&[]);
}

#[test]
fn a_primary_that_runs_and_does_not_do_its_work_is_stood_in_for() {
    let mut pair = embedded(&MANUAL);
    let first = pair.on_duty();
    pair.sicken("primary");
    pair.await_beat_of("backup", first.at);
    pair.wait_for_log("duty goes to the backup: the primary fails its probe");
    assert!(!is_alive(first.pid));
    pair.end(&[]);
}

#[test]
fn a_frozen_primary_is_gone_before_its_backup_begins() {
    let mut pair = embedded(&MANUAL);
    let first = pair.on_duty();
    signal(first.pid, Signal::STOP);
    pair.await_beat_of("backup", first.at);
    assert!(!is_alive(first.pid), "it would go on when it is thawed");
    pair.wait_for_log("the backup is on duty");
    pair.end(&[]);
}

#[test]
fn without_its_journal_duty_stays_where_it_is() {
    let mut pair = embedded(&MANUAL);
    let backup = pair.fail_over();
    pair.mend();
    let forget = |pair: &Pair| {
        for ending in ["", "-wal", "-shm"] {
            // SQLite may have put the others away.
            let _ = fs::remove_file(pair.world.path(&format!(".redundancy/journal.db{ending}")));
        }
    };
    // While nobody watches.
    pair.kill_watch();
    forget(&pair);
    pair.begin_watch();
    pair.wait_for_log("the backup is on duty");
    assert_eq!(pair.await_one().pid, backup.pid);
    // While somebody does.
    forget(&pair);
    pair.kill_watch();
    pair.begin_watch();
    pair.wait_for_log("the backup is on duty");
    let later = now();
    assert_eq!(pair.await_beat(later).pid, backup.pid);
    assert_eq!(pair.await_one().pid, backup.pid);
    pair.end(&[]);
}

#[test]
fn without_any_of_its_state_duty_stays_where_it_is() {
    let mut pair = embedded(&MANUAL);
    let backup = pair.fail_over();
    pair.mend();
    pair.kill_watch();
    fs::remove_dir_all(pair.world.path(".redundancy")).unwrap();
    pair.begin_watch();
    pair.wait_for_log("the backup is on duty");
    assert_eq!(pair.await_beat(now()).pid, backup.pid);
    pair.end(&[]);
}

#[test]
fn a_standby_that_a_person_starts_is_stopped_again() {
    let mut pair = Pair::at_work(Runners::Pm2, &Config::default());
    let primary = pair.on_duty();
    wait_until("it is registered", || !pair.world.instances("backup").is_empty());
    let began = now();
    pair.world.pm2(&["start", "backup"]);
    pair.wait_for_log("both were running, and the primary goes on");
    wait_until("it stands by", || pair.living("backup").is_empty());
    let ended = now();
    assert_eq!(pair.await_beat(ended).pid, primary.pid);
    pair.end(&[(began, ended)]);
}

#[test]
fn a_primary_that_pm2_gives_up_is_stood_in_for_by_the_tool_itself() {
    let mut pair = Pair::at_work(Runners::Mixed, &Config::default());
    let primary = pair.on_duty();
    pair.break_it("primary");
    kill(primary.pid);
    let backup = pair.await_beat_of("backup", primary.at);
    pair.wait_for_log("the backup is on duty");
    pair.mend();
    pair.await_beat_of("primary", backup.at);
    pair.wait_for_log("the primary is on duty again");
    pair.await_one();
    pair.end(&[]);
}

#[test]
fn a_primary_that_a_person_stopped_stays_stopped_also_for_the_next_watch() {
    let mut pair = Pair::at_work(Runners::Pm2, &Config::default());
    wait_until("its backup is registered", || !pair.world.instances("backup").is_empty());
    pair.world.pm2(&["stop", "primary"]);
    pair.wait_for_log("pm2/primary: left alone: somebody stopped it by hand");
    pair.kill_watch();
    pair.begin_watch();
    pair.wait_for_log("pm2/primary: left alone: somebody stopped it by hand");
    let before = pair.beats().len();
    // Several looks.
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(pair.beats().len(), before, "{}", pair.watch().log());
    pair.world.pm2(&["start", "primary"]);
    pair.await_beat_of("primary", 0);
    pair.await_one();
    pair.end(&[]);
}
