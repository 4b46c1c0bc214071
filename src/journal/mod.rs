//! The journal: what was seen, decided and done, and why. People and reports read it. Decisions read
//! only what the watch before remembered: who was on duty and why, and how often recovery was tried.
//! Without it they go by what is seen: who runs is on duty, and what failed is tried as often again.
//!
//! It is one SQLite file in write-ahead mode. An entry survives a killed controller at once, and
//! a power loss from the next checkpoint on. A checkpoint waits for the disk: a watch makes it when it
//! prunes, and never in the middle of a failover.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};
use serde::Serialize;

use crate::core::id::Id;

/// The version of the tables, kept in SQLite's `user_version`.
const VERSION: i64 = 1;

/// Remembers a value under a key.
const REMEMBER: &str = "INSERT INTO memory (key, value) VALUES (?1, ?2)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";

/// The kinds of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The controller started, stopped or changed its config.
    Controller,
    /// A resource was seen in another state than before.
    Seen,
    /// A difference was left alone.
    Held,
    /// The duty of a pair moved, or should and does not.
    Duty,
    /// A change is about to be made. Written before it is.
    Intent,
    /// A change was made.
    Done,
    /// A change failed.
    Failed,
}

impl Kind {
    /// The word for it, in the file and on the screen.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Seen => "seen",
            Self::Held => "held",
            Self::Duty => "duty",
            Self::Intent => "intent",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// Something to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it happened.
    pub at: Timestamp,
    /// What kind of thing.
    pub kind: Kind,
    /// Which resource it is about.
    pub id: Option<Id>,
    /// What happened, in words for people.
    pub text: String,
}

/// Something that was written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its number; later ones are higher.
    pub number: i64,
    /// When it happened.
    pub at: String,
    /// What kind of thing, as [`Kind::word`].
    pub kind: String,
    /// Which resource it is about.
    pub id: Option<String>,
    /// What happened, in words for people.
    pub text: String,
}

/// Why the journal could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be made or opened.
    #[error("cannot open the journal {path}: {source}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A newer version of this program wrote it.
    #[error(
        "the journal {path} was written by a newer version of redundancy (format {found}, this one \
         knows {VERSION}); use that version, or move the file away to begin a new journal"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format that it has.
        found: i64,
    },
    /// Something else is in its place.
    #[error("the journal {path} is not a file; move it away to begin a new journal", path = path.display())]
    NotAFile {
        /// The place.
        path: PathBuf,
    },
    /// SQLite could not do it.
    #[error("the journal {path}: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// Device and inode of the file that is open.
    file: (u64, u64),
    connection: Connection,
    /// What is to be written with the next entries.
    waiting: Vec<Entry>,
    /// What is to be remembered with them, by its key.
    to_remember: BTreeMap<String, String>,
    /// How often something was written since the last checkpoint.
    written: u32,
}

/// After so many writes the next pruning makes a checkpoint.
const CHECKPOINT_AFTER: u32 = 200;

impl Journal {
    /// The journal's file in a state folder.
    #[must_use]
    pub fn file(state_dir: &Path) -> PathBuf {
        state_dir.join("journal.db")
    }

    /// Opens the journal to write, making it if need be. A file that is no journal any more is
    /// put aside under another name, never deleted; the second value says so.
    pub fn open(path: &Path) -> Result<(Self, Option<String>), Error> {
        match Self::open_as_it_is(path) {
            Err(Error::Sqlite { source, .. }) if is_damage(&source) => {
                let aside = path.with_extension(format!("broken-{}", Timestamp::now().as_second()));
                let put_aside = std::fs::rename(path, &aside);
                put_aside.map_err(|source| Error::Open { path: path.to_owned(), source })?;
                for leftover in ["-wal", "-shm"] {
                    let mut name = path.as_os_str().to_owned();
                    name.push(leftover);
                    // They belong to the damaged file, and mostly are not there.
                    let _ = std::fs::remove_file(name);
                }
                let told = format!(
                    "the journal was damaged ({source}); it is kept as {} and a new one was begun",
                    aside.display()
                );
                Ok((Self::open_as_it_is(path)?, Some(told)))
            }
            other => other.map(|journal| (journal, None)),
        }
    }

    fn open_as_it_is(path: &Path) -> Result<Self, Error> {
        check_kind(path)?;
        // SQLite would make the file readable for everyone.
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| Error::Open { path: path.to_owned(), source })?;
        let journal = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let tables = "PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            PRAGMA wal_autocheckpoint = 4000;
            BEGIN IMMEDIATE;
            CREATE TABLE IF NOT EXISTS event (
                number INTEGER PRIMARY KEY,
                at     TEXT NOT NULL,
                kind   TEXT NOT NULL,
                id     TEXT,
                text   TEXT NOT NULL
            ) STRICT;
            CREATE TABLE IF NOT EXISTS memory (
                key   TEXT PRIMARY KEY,
                value TEXT NOT NULL
            ) STRICT;
            CREATE INDEX IF NOT EXISTS event_by_id ON event (id, number);
            CREATE INDEX IF NOT EXISTS event_by_time ON event (at);";
        let made = format!("{tables} PRAGMA user_version = {VERSION}; COMMIT;");
        journal.connection.execute_batch(&made).map_err(|source| journal.error(source))?;
        Ok(journal)
    }

    /// Opens the journal to read, if there is one.
    pub fn open_to_read(path: &Path) -> Result<Option<Self>, Error> {
        match path.try_exists() {
            Ok(false) => Ok(None),
            Ok(true) => {
                check_kind(path)?;
                let journal = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
                // Whoever makes it has not come to the tables yet.
                Ok((journal.version()? > 0).then_some(journal))
            }
            Err(source) => Err(Error::Open { path: path.to_owned(), source }),
        }
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, Error> {
        let sqlite = |source| Error::Sqlite { path: path.to_owned(), source };
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(sqlite)?;
        let file =
            fs::metadata(path).map_err(|source| Error::Open { path: path.to_owned(), source })?;
        let file = (file.dev(), file.ino());
        let journal = Self {
            path: path.to_owned(),
            file,
            connection,
            waiting: Vec::new(),
            to_remember: BTreeMap::new(),
            written: 0,
        };
        let found = journal.version()?;
        if found > VERSION {
            return Err(Error::Newer { path: path.to_owned(), found });
        }
        Ok(journal)
    }

    /// The version of its tables; 0 when it has none.
    fn version(&self) -> Result<i64, Error> {
        let version = self.connection.pragma_query_value(None, "user_version", |row| row.get(0));
        version.map_err(|source| self.error(source))
    }

    fn error(&self, source: rusqlite::Error) -> Error {
        Error::Sqlite { path: self.path.clone(), source }
    }

    /// Notes an entry, to be written with the next ones: for what can be seen again anyway.
    pub fn note(&mut self, entry: Entry) {
        self.waiting.push(entry);
    }

    /// Notes what is to be remembered, as by [`Journal::remember`], with the next entries.
    pub fn note_memory(&mut self, key: &str, value: String) {
        self.to_remember.insert(key.to_owned(), value);
    }

    /// Writes entries down, and before them what was noted, all or none. Where it fails, noted entries
    /// are lost; what is to be remembered is written with the next ones. A journal that was removed or damaged meanwhile is begun
    /// anew, as by [`Journal::open`].
    pub fn write(&mut self, entries: &[Entry]) -> Result<(), Error> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.extend_from_slice(entries);
        if waiting.is_empty() && self.to_remember.is_empty() {
            return Ok(());
        }
        if !self.is_in_place() {
            self.begin_anew()?;
        }
        match self.insert(&waiting) {
            Err(Error::Sqlite { source, .. }) if is_damage(&source) => {
                self.begin_anew()?;
                self.insert(&waiting)
            }
            other => other,
        }
    }

    /// Opens it once more, where the file was removed or damaged.
    fn begin_anew(&mut self) -> Result<(), Error> {
        let (journal, _) = Self::open(&self.path.clone())?;
        let to_remember = std::mem::take(&mut self.to_remember);
        *self = Self { to_remember, ..journal };
        Ok(())
    }

    /// Whether the file at its path is still the one that is open.
    fn is_in_place(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|it| (it.dev(), it.ino()) == self.file)
    }

    fn insert(&mut self, entries: &[Entry]) -> Result<(), Error> {
        self.written = self.written.saturating_add(1);
        let path = self.path.clone();
        let to_remember = &self.to_remember;
        let insert_all = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            for (key, value) in to_remember {
                transaction.execute(REMEMBER, [key, value])?;
            }
            {
                let insert = "INSERT INTO event (at, kind, id, text) VALUES (?1, ?2, ?3, ?4)";
                let mut insert = transaction.prepare(insert)?;
                for Entry { at, kind, id, text } in entries {
                    let id = id.as_ref().map(Id::to_string);
                    insert.execute(params![time(*at), kind.word(), id, text])?;
                }
            }
            transaction.commit()
        };
        insert_all(&mut self.connection).map_err(|source| Error::Sqlite { path, source })?;
        self.to_remember.clear();
        Ok(())
    }

    /// Remembers `value` under `key`, for the program that comes after this one.
    pub fn remember(&mut self, key: &str, value: &str) -> Result<(), Error> {
        if !self.is_in_place() {
            self.begin_anew()?;
        }
        self.written = self.written.saturating_add(1);
        let done = self.connection.execute(REMEMBER, [key, value]);
        done.map(drop).map_err(|source| self.error(source))
    }

    /// Makes of what is remembered under `key` what `change` says. Whoever else does so meanwhile
    /// waits, so that nothing of either is lost.
    pub fn revise<T>(
        &mut self,
        key: &str,
        change: impl FnOnce(Option<String>) -> (String, T),
    ) -> Result<T, Error> {
        if !self.is_in_place() {
            self.begin_anew()?;
        }
        let path = self.path.clone();
        let revise = |connection: &mut Connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let sql = "SELECT value FROM memory WHERE key = ?1";
            let before = transaction.query_row(sql, [key], |row| row.get(0)).optional()?;
            let (after, told) = change(before);
            transaction.execute(REMEMBER, [key, &after])?;
            transaction.commit()?;
            Ok(told)
        };
        revise(&mut self.connection).map_err(|source| Error::Sqlite { path, source })
    }

    /// What is remembered under `key`.
    pub fn recall(&self, key: &str) -> Result<Option<String>, Error> {
        let sql = "SELECT value FROM memory WHERE key = ?1";
        let found = self.connection.query_row(sql, [key], |row| row.get(0)).optional();
        found.map_err(|source| self.error(source))
    }

    /// What is remembered under the keys that begin with `prefix`, in their order.
    pub fn recall_all(&self, prefix: &str) -> Result<Vec<(String, String)>, Error> {
        let sql =
            "SELECT key, value FROM memory WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key";
        let read = || {
            let mut query = self.connection.prepare(sql)?;
            let rows = query.query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|source| self.error(source))
    }

    /// Forgets what is remembered under `key`.
    pub fn forget(&mut self, key: &str) -> Result<(), Error> {
        let done = self.connection.execute("DELETE FROM memory WHERE key = ?1", [key]);
        done.map(drop).map_err(|source| self.error(source))
    }

    /// Forgets what is older than `keep`, and now and then makes what was written outlive a power
    /// loss.
    pub fn prune(&mut self, now: Timestamp, keep: Duration) -> Result<(), Error> {
        let keep = SignedDuration::try_from(keep).unwrap_or(SignedDuration::MAX);
        // Longer than time itself: there is nothing to forget.
        let Ok(oldest) = now.checked_sub(keep) else { return Ok(()) };
        let forget = self.connection.execute("DELETE FROM event WHERE at < ?1", [time(oldest)]);
        forget.map_err(|source| self.error(source))?;
        if self.written >= CHECKPOINT_AFTER {
            // Passive: nobody who reads is waited for. Where it can't be made now, the next one is.
            let checkpoint = self.connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)");
            checkpoint.map_err(|source| self.error(source))?;
            self.written = 0;
        }
        Ok(())
    }

    /// The last `limit` events, of one resource or of all, the oldest of them first.
    pub fn history(&self, id: Option<&Id>, limit: u32) -> Result<Vec<Event>, Error> {
        let sql = "SELECT number, at, kind, id, text FROM event
            WHERE ?1 IS NULL OR id = ?1 ORDER BY number DESC LIMIT ?2";
        let read = || {
            let mut query = self.connection.prepare(sql)?;
            let rows = query.query_map(params![id.map(Id::to_string), limit], event)?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        let mut events = read().map_err(|source| self.error(source))?;
        events.reverse();
        Ok(events)
    }

    /// The number of the last event; 0 where there is none.
    pub fn last_number(&self) -> Result<i64, Error> {
        let sql = "SELECT coalesce(max(number), 0) FROM event";
        let found = self.connection.query_row(sql, [], |row| row.get(0));
        found.map_err(|source| self.error(source))
    }

    /// The events after the one of `number`, the oldest first.
    pub fn since(&self, number: i64) -> Result<Vec<Event>, Error> {
        let sql = "SELECT number, at, kind, id, text FROM event WHERE number > ?1 ORDER BY number";
        let read = || {
            let mut query = self.connection.prepare(sql)?;
            let rows = query.query_map([number], event)?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|source| self.error(source))
    }

    /// The last change of a resource that was made or failed.
    pub fn last_change(&self, id: &Id) -> Result<Option<Event>, Error> {
        let sql = "SELECT number, at, kind, id, text FROM event
            WHERE id = ?1 AND kind IN ('done', 'failed') ORDER BY number DESC LIMIT 1";
        let read = || self.connection.prepare(sql)?.query_row([id.to_string()], event).optional();
        read().map_err(|source| self.error(source))
    }
}

/// Opening a pipe waits for whoever is at its other end.
fn check_kind(path: &Path) -> Result<(), Error> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => Err(Error::NotAFile { path: path.to_owned() }),
        _ => Ok(()),
    }
}

/// A time as text of one fixed length, so that texts sort as times do.
fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

fn event(row: &rusqlite::Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        number: row.get(0)?,
        at: row.get(1)?,
        kind: row.get(2)?,
        id: row.get(3)?,
        text: row.get(4)?,
    })
}

/// Whether SQLite found that the file is not (or no longer) a database.
fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

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
    fn a_damaged_journal_is_put_aside_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = Journal::file(dir.path());
        std::fs::write(&file, "this is no database, and it is longer than a header").unwrap();
        let (mut journal, told) = Journal::open(&file).unwrap();
        assert!(told.unwrap().contains("is kept as"));
        journal.write(&[entry(None, Kind::Seen, "new")]).unwrap();
        let kept = std::fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().file_name());
        assert!(kept.filter_map(|it| it.into_string().ok()).any(|it| it.contains("broken-")));
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
        assert_eq!(told(), "two");
        fs::write(&file, "this is no database, and it is longer than a header").unwrap();
        journal.write(&[entry(None, Kind::Seen, "three")]).unwrap();
        journal.write(&[entry(None, Kind::Seen, "four")]).unwrap();
        assert!(told().ends_with("three four"), "{}", told());
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
}
