//! What holds of what is written for reports, whatever becomes of the journal.

use std::fs;

use super::*;
use crate::core::{chronicle::State, health::Health};

const HOUR: i64 = 3600;

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn state(of: &str, health: Health, exercised: bool) -> (Id, Fact) {
    let state =
        State { health, runs: None, on_duty: None, backs_up: None, exclusive: false, exercised };
    (id(of), Fact::State(state))
}

fn drifts(of: &str, how: &str) -> (Id, Fact) {
    (id(of), Fact::Drifts { how: how.to_owned() })
}

/// From `from` to the end of time, as far as anybody here cares.
fn record(journal: &Journal, from: i64) -> Record {
    let to = 1_000_000 * HOUR;
    let length = Duration::from_secs(u64::try_from(to - from).unwrap());
    journal.record(Period::until(second(to), length)).unwrap()
}

/// The rows, in short.
fn rows(record: &Record) -> Vec<String> {
    let rows = record.rows.iter();
    rows.map(|it| format!("{} {} {}", it.at.as_second() / HOUR, it.id, it.fact.word())).collect()
}

fn opened(dir: &tempfile::TempDir) -> Journal {
    Journal::open(&Journal::file(dir.path())).unwrap().0
}

#[test]
fn what_is_old_is_forgotten_but_for_what_was_so_then() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = opened(&dir);
    journal.begin_session(second(0));
    let first = vec![state("p/a", Health::Failed, true), state("p/b", Health::Healthy, false)];
    assert!(journal.note_facts(first, second(0)));
    let then = vec![state("p/a", Health::Healthy, false), drifts("p/a", "old")];
    assert!(journal.note_facts(then, second(2 * HOUR)));
    assert!(journal.note_facts(vec![drifts("p/b", "new")], second(9 * HOUR)));
    journal.write(&[]).unwrap();
    assert_eq!(record(&journal, 0).rows.len(), 5);

    // Five hours back from ten: what was so at five stays, whatever it was.
    journal.prune(second(10 * HOUR), Duration::from_hours(5)).unwrap();
    let left = record(&journal, 0);
    assert_eq!(rows(&left), ["0 p/b state", "2 p/a state", "9 p/b drifts"]);
    assert_eq!(left.sessions.len(), 1);

    // A session that was over by then is forgotten whole, and the one that goes on is not.
    journal.begin_session(second(20 * HOUR));
    assert!(journal.note_facts(vec![state("p/a", Health::Healthy, false)], second(20 * HOUR)));
    journal.write(&[]).unwrap();
    journal.prune(second(25 * HOUR), Duration::from_hours(5)).unwrap();
    let left = record(&journal, 0);
    assert_eq!(rows(&left), ["20 p/a state"]);
    assert_eq!(left.sessions.len(), 1);
}

#[test]
fn old_facts_are_gone_through_once_an_hour_and_again_where_the_clock_was_set_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = opened(&dir);
    journal.prune(second(10 * HOUR), Duration::from_hours(1)).unwrap();
    journal.begin_session(second(8 * HOUR));
    assert!(journal.note_facts(vec![drifts("p/a", "x")], second(8 * HOUR)));
    assert!(journal.note_facts(Vec::new(), second(20 * HOUR)));
    journal.write(&[]).unwrap();
    journal.prune(second(10 * HOUR + 100), Duration::from_hours(1)).unwrap();
    assert_eq!(record(&journal, 0).rows.len(), 1, "not yet");
    journal.prune(second(9 * HOUR + 1800), Duration::from_hours(1)).unwrap();
    assert_eq!(record(&journal, 0).rows.len(), 0, "the clock was set back");
    assert!(journal.note_facts(vec![drifts("p/a", "x")], second(20 * HOUR)));
    journal.write(&[]).unwrap();
    journal.prune(second(22 * HOUR), Duration::from_hours(1)).unwrap();
    assert_eq!(record(&journal, 0).rows.len(), 0, "an hour later");
}

#[test]
fn what_could_not_be_written_is_written_with_the_next_ones_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = opened(&dir);
    journal.begin_session(second(0));
    assert!(journal.note_facts(vec![drifts("p/a", "one")], second(0)));
    let forbid = "CREATE TRIGGER full BEFORE INSERT ON fact BEGIN SELECT raise(ABORT, 'full'); END";
    journal.connection.execute_batch(forbid).unwrap();
    journal.write(&[]).unwrap_err();
    assert!(journal.note_facts(vec![drifts("p/a", "two")], second(HOUR)));
    journal.write(&[]).unwrap_err();
    assert_eq!(record(&journal, 0), Record::default(), "all of it or nothing");
    journal.connection.execute_batch("DROP TRIGGER full").unwrap();
    journal.write(&[]).unwrap();
    journal.write(&[]).unwrap();
    let written = record(&journal, 0);
    assert_eq!(rows(&written), ["0 p/a drifts", "1 p/a drifts"]);
    assert_eq!(written.sessions[0].looked, second(HOUR));
}

#[test]
fn of_too_much_the_session_ends_and_another_one_can_begin() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = opened(&dir);
    journal.begin_session(second(0));
    let most = || (0..MOST_WAITING).map(|_| drifts("p/a", "x")).collect::<Vec<_>>();
    assert!(journal.note_facts(most(), second(0)));
    assert!(!journal.note_facts(vec![drifts("p/a", "x")], second(HOUR)));
    assert!(!journal.note_facts(Vec::new(), second(HOUR)), "no session goes on");
    journal.write(&[]).unwrap();
    assert_eq!(record(&journal, 0), Record::default());
    journal.begin_session(second(2 * HOUR));
    assert!(journal.note_facts(most(), second(2 * HOUR)));
    journal.write(&[]).unwrap();
    assert_eq!(record(&journal, 0).rows.len(), MOST_WAITING);
}

#[test]
fn of_more_than_can_be_kept_the_last_stays_and_what_was_so_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = opened(&dir);
    journal.begin_session(second(0));
    assert!(journal.note_facts(vec![state("p/a", Health::Failed, false)], second(0)));
    for hour in 1..=8 {
        assert!(journal.note_facts(vec![drifts("p/a", "again")], second(hour * HOUR)));
    }
    journal.write(&[]).unwrap();
    // Nothing is too old, and nine are fewer than twice five.
    journal.prune_facts(second(-HOUR), 5).unwrap();
    assert_eq!(record(&journal, 0).rows.len(), 9);
    assert!(journal.note_facts(vec![drifts("p/a", "again")], second(9 * HOUR)));
    journal.write(&[]).unwrap();
    journal.prune_facts(second(-HOUR), 5).unwrap();
    let left = rows(&record(&journal, 0));
    let last = [4, 5, 6, 7, 8, 9].map(|hour| format!("{hour} p/a drifts"));
    assert_eq!(left[0], "0 p/a state");
    assert_eq!(left[1..], last);
}

#[test]
fn what_waits_outlives_a_journal_that_was_removed() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = opened(&dir);
    journal.begin_session(second(0));
    assert!(journal.note_facts(vec![drifts("p/a", "lost")], second(0)));
    journal.write(&[]).unwrap();
    for name in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    assert!(journal.note_facts(vec![drifts("p/a", "kept")], second(HOUR)));
    journal.write(&[]).unwrap();
    assert_eq!(journal.times_begun_anew(), 1, "so the watch begins another session");
    assert_eq!(rows(&record(&journal, 0)), ["1 p/a drifts"]);
}

#[test]
fn a_journal_of_an_older_version_tells_nothing_and_is_made_to() {
    let dir = tempfile::tempdir().unwrap();
    let file = Journal::file(dir.path());
    let journal = opened(&dir);
    journal.connection.execute_batch("DROP TABLE fact; DROP TABLE session").unwrap();
    drop(journal);
    let reader = Journal::open_to_read(&file).unwrap().unwrap();
    assert_eq!(record(&reader, 0), Record::default());
    drop(reader);
    let mut journal = opened(&dir);
    journal.begin_session(second(0));
    assert!(journal.note_facts(vec![drifts("p/a", "x")], second(0)));
    journal.write(&[]).unwrap();
    assert_eq!(record(&journal, 0).rows.len(), 1);
}

#[test]
fn what_a_newer_version_wrote_is_counted_and_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = opened(&dir);
    journal.begin_session(second(0));
    assert!(journal.note_facts(vec![state("p/a", Health::Healthy, true)], second(0)));
    journal.write(&[]).unwrap();
    let newer = "INSERT INTO fact (session, at, id, word, what)
        SELECT session, at, id, 'flies', '{\"fact\":\"flies\"}' FROM fact";
    journal.connection.execute_batch(newer).unwrap();
    let record = record(&journal, 0);
    assert_eq!((record.rows.len(), record.unread), (1, 1));
    assert!(record.exercised.contains(&id("p/a")));
}

/// The rows that are read grow with what changed, not with what was asked.
#[test]
fn ten_thousand_resources_are_written_once_and_then_what_changes() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = opened(&dir);
    journal.begin_session(second(0));
    let name = |n: u32| format!("p/worker-{n:05}");
    let all = (0..10_000).map(|n| state(&name(n), Health::Healthy, false)).collect();
    assert!(journal.note_facts(all, second(0)));
    journal.write(&[]).unwrap();
    for look in 1..100 {
        let changed = vec![state(&name(look), Health::Failed, false)];
        assert!(journal.note_facts(changed, second(i64::from(look) * HOUR)));
        journal.write(&[]).unwrap();
    }
    let whole = record(&journal, 0);
    assert_eq!(whole.rows.len(), 10_099);
    let late = record(&journal, 90 * HOUR);
    assert_eq!(late.rows.len(), 10_010, "what was so, and what changed since");
    journal.prune(second(99 * HOUR), Duration::from_hours(9)).unwrap();
    assert_eq!(record(&journal, 0).rows.len(), 10_010);
}
