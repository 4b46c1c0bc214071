//! What holds of a journal, whatever becomes of its file.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    time::Duration,
};

use jiff::SignedDuration;

use super::*;

fn entry(id: Option<&str>, kind: Kind, text: &str) -> Entry {
    let id = id.map(|id| id.parse().unwrap());
    Entry { at: Timestamp::now(), kind, id, text: text.to_owned() }
}

fn texts(events: &[Event]) -> Vec<&str> {
    events.iter().map(|it| it.text.as_str()).collect()
}

#[test]
fn what_two_revise_at_once_is_lost_by_neither() {
    let dir = tempfile::tempdir().unwrap();
    let file = Journal::file(dir.path());
    drop(Journal::open(&file).unwrap());
    let add = |text: Option<String>| {
        let sum = text.map_or(0, |it| it.parse::<u32>().unwrap()) + 1;
        (sum.to_string(), ())
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut journal = Journal::open(&file).unwrap().0;
                (0..50).for_each(|_| journal.revise("sum", add).unwrap());
            });
        }
    });
    let reader = Journal::open_to_read(&file).unwrap().unwrap();
    assert_eq!(reader.recall("sum").unwrap().as_deref(), Some("100"));
}

#[test]
fn what_came_after_a_number_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&Journal::file(dir.path())).unwrap().0;
    assert_eq!(journal.last_number().unwrap(), 0);
    journal.write(&[entry(None, Kind::Duty, "one")]).unwrap();
    let number = journal.last_number().unwrap();
    journal.write(&[entry(None, Kind::Duty, "two")]).unwrap();
    assert_eq!(texts(&journal.since(number).unwrap()), ["two"]);
}

#[test]
fn what_was_written_is_read_back_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let file = Journal::file(dir.path());
    assert!(Journal::open_to_read(&file).unwrap().is_none(), "reading makes no file");

    let (mut journal, told) = Journal::open(&file).unwrap();
    assert_eq!(told, None);
    let intent = entry(Some("p/x"), Kind::Intent, "start p/x");
    let done = entry(Some("p/x"), Kind::Done, "started p/x");
    journal.write(&[entry(None, Kind::Controller, "began"), intent, done]).unwrap();

    let reader = Journal::open_to_read(&file).unwrap().unwrap();
    let all = reader.history(None, 10).unwrap();
    assert_eq!(texts(&all), ["began", "start p/x", "started p/x"]);
    let id: Id = "p/x".parse().unwrap();
    assert_eq!(texts(&reader.history(Some(&id), 1).unwrap()), ["started p/x"]);
    assert_eq!(reader.last_change(&id).unwrap().unwrap().kind, "done");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn old_entries_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(&Journal::file(dir.path())).unwrap();
    let now = Timestamp::now();
    let old = now - SignedDuration::from_hours(48);
    let old = Entry { at: old, ..entry(None, Kind::Seen, "old") };
    journal.write(&[old, entry(None, Kind::Seen, "new")]).unwrap();
    journal.prune(now, Duration::from_hours(24)).unwrap();
    assert_eq!(texts(&journal.history(None, 10).unwrap()), ["new"]);
    journal.prune(now, Duration::MAX).unwrap();
    assert_eq!(texts(&journal.history(None, 10).unwrap()), ["new"]);
}

#[test]
fn of_more_than_can_be_kept_the_last_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(&Journal::file(dir.path())).unwrap();
    journal.prune_events(Timestamp::MIN, 2).unwrap();
    for text in ["one", "two", "three"] {
        journal.write(&[entry(None, Kind::Seen, text)]).unwrap();
    }
    journal.prune_events(Timestamp::MIN, 2).unwrap();
    assert_eq!(texts(&journal.history(None, 10).unwrap()), ["two", "three"]);
}

#[test]
fn a_damaged_journal_is_put_aside_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = Journal::file(dir.path());
    std::fs::write(&file, "this is no database, and it is longer than a header").unwrap();
    let (mut journal, told) = Journal::open(&file).unwrap();
    assert!(told.unwrap().contains("is kept as"));
    journal.write(&[entry(None, Kind::Seen, "new")]).unwrap();
    drop(journal);
    // Another one within the same second.
    std::fs::write(&file, "this is another one that is no database any more").unwrap();
    drop(Journal::open(&file).unwrap());
    let names = std::fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().file_name());
    let names: Vec<_> = names.filter_map(|it| it.into_string().ok()).collect();
    assert_eq!(names.iter().filter(|it| it.contains("broken-")).count(), 2, "{names:?}");
}

#[test]
fn a_journal_that_is_taken_away_or_damaged_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let file = Journal::file(dir.path());
    let (mut journal, _) = Journal::open(&file).unwrap();
    let told = || {
        let reader = Journal::open_to_read(&file).unwrap().unwrap();
        texts(&reader.history(None, 10).unwrap()).join(" ")
    };
    journal.write(&[entry(None, Kind::Seen, "one")]).unwrap();
    for leftover in fs::read_dir(dir.path()).unwrap() {
        fs::remove_file(leftover.unwrap().path()).unwrap();
    }
    journal.write(&[entry(None, Kind::Seen, "two")]).unwrap();
    assert_eq!(told(), "two the journal was taken away, and the one that is there is used");
    fs::write(&file, "this is no database, and it is longer than a header").unwrap();
    journal.write(&[entry(None, Kind::Seen, "three")]).unwrap();
    journal.write(&[entry(None, Kind::Seen, "four")]).unwrap();
    // SQLite made it whole again from what is beside it.
    assert!(told().ends_with("three four"), "{}", told());
    for leftover in fs::read_dir(dir.path()).unwrap() {
        fs::remove_file(leftover.unwrap().path()).unwrap();
    }
    fs::write(&file, "this is no database, and it is longer than a header").unwrap();
    journal.write(&[entry(None, Kind::Seen, "five")]).unwrap();
    assert!(told().starts_with("five the journal was damaged ("), "{}", told());
    assert!(told().ends_with(" and a new one was begun"), "{}", told());
}

#[test]
fn a_journal_that_is_begun_anew_is_locked_against_who_opens_it_next() {
    let dir = tempfile::tempdir().unwrap();
    let file = Journal::file(dir.path());
    let (mut journal, _) = Journal::open(&file).unwrap();
    journal.write(&[entry(None, Kind::Seen, "one")]).unwrap();
    // What is beside it stays.
    fs::remove_file(&file).unwrap();
    journal.write(&[entry(None, Kind::Seen, "two")]).unwrap();
    let shared = fs::metadata(super::open::with(&file, "-shm")).unwrap().ino();
    let (pid, shared) = (std::process::id().to_string(), format!(":{shared}"));
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let ours = locks.lines().any(|lock| {
        let mut words = lock.split_whitespace().skip(4);
        words.next() == Some(&pid) && words.next().is_some_and(|it| it.ends_with(&shared))
    });
    assert!(ours, "{locks}");
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = Journal::file(dir.path());
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &file,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    assert!(matches!(Journal::open(&file), Err(Error::NotAFile { .. })));
    assert!(matches!(Journal::open_to_read(&file), Err(Error::NotAFile { .. })));
}

#[test]
fn a_journal_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = Journal::file(dir.path());
    let (journal, _) = Journal::open(&file).unwrap();
    journal.connection.pragma_update(None, "user_version", VERSION + 1).unwrap();
    drop(journal);
    assert!(matches!(Journal::open(&file), Err(Error::Newer { .. })));
    // But by whoever has to go on.
    let (journal, told) = Journal::open_whatever_is_there(&file).unwrap();
    assert!(told.is_some_and(|it| it.contains("a newer version")));
    drop(journal);
    let kept = fs::read_dir(dir.path()).unwrap().flatten().map(|it| it.path());
    let kept = kept.filter(|it| it.to_string_lossy().contains("newer-")).collect::<Vec<_>>();
    assert!(matches!(Journal::open(&kept[0]), Err(Error::Newer { .. })), "{kept:?}");
    assert!(Journal::open_whatever_is_there(&file).unwrap().1.is_none());
}

#[test]
fn what_is_to_be_remembered_is_written_with_what_follows_from_it_and_never_lost() {
    let dir = tempfile::tempdir().unwrap();
    let file = Journal::file(dir.path());
    let (mut journal, _) = Journal::open(&file).unwrap();
    journal.note_memory("a", "1".to_owned());
    journal.note_memory("a", "2".to_owned());
    assert_eq!(journal.recall("a").unwrap(), None);
    journal.write(&[entry(None, Kind::Intent, "start")]).unwrap();
    assert_eq!(journal.recall("a").unwrap().as_deref(), Some("2"));
    // Also where there is nothing else to write, and where the file is gone.
    journal.note_memory("b", "3".to_owned());
    std::fs::remove_dir_all(dir.path()).unwrap();
    assert!(journal.write(&[]).is_err(), "there is no folder");
    std::fs::create_dir(dir.path()).unwrap();
    journal.write(&[]).unwrap();
    assert_eq!(journal.recall("b").unwrap().as_deref(), Some("3"));
}
