//! The journal: what was seen, decided and done, and why. People and reports read it. Decisions read
//! only what the watch before remembered: who was on duty and why, and how often recovery was tried.
//! Without it they go by what is seen: who runs is on duty, and what failed is tried as often again.
//!
//! It is one SQLite file in write-ahead mode. An entry survives a killed controller at once, and
//! a power loss from the next checkpoint on. A checkpoint waits for the disk: a watch makes it when it
//! prunes, and never in the middle of a failover.

mod facts;
mod history;
mod memory;

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, params};
use serde::Serialize;

use self::{facts::Facts, memory::REMEMBER};
use crate::core::id::Id;

/// The version of the tables, kept in SQLite's `user_version`.
const VERSION: i64 = 1;

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
    /// Somebody was told of something, or could not be.
    Alert,
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
            Self::Alert => "alert",
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
    begun_anew: u32,
    connection: Connection,
    /// What is to be written with the next entries.
    waiting: Vec<Entry>,
    /// What is to be remembered with them, by its key.
    to_remember: BTreeMap<String, String>,
    /// What is to be written for reports with them.
    facts: Facts,
    /// Up to when facts were last forgotten, where this journal has done so since it was opened.
    facts_pruned: Option<Timestamp>,
    /// How often something was written since the last checkpoint.
    written: u32,
}

/// The most events, and the most facts, that are kept: some 100 MB of each. What starts a process ten times a second
/// writes as much in a day.
const MOST_ROWS: i64 = 500_000;

/// The device and inode that no file has.
const OF_NO_FILE: (u64, u64) = (0, 0);

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
                let aside = put_aside(path, "broken")?;
                for leftover in LEFTOVERS {
                    // They belong to the damaged file, and mostly are not there.
                    let _ = std::fs::remove_file(with(path, leftover));
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

    /// The same for whoever goes on unattended: what a newer version wrote is put aside too, so that going
    /// back to this one does not end the work.
    pub fn open_whatever_is_there(path: &Path) -> Result<(Self, Option<String>), Error> {
        match Self::open(path) {
            Err(Error::Newer { found, .. }) => {
                let aside = put_aside(path, "newer")?;
                for leftover in LEFTOVERS {
                    // What is there belongs to it, and mostly nothing is.
                    let _ = std::fs::rename(with(path, leftover), with(&aside, leftover));
                }
                let told = format!(
                    "the journal was written by a newer version (format {found}, this one knows {VERSION}); \
                     it is kept as {} and a new one was begun",
                    aside.display()
                );
                Ok((Self::open_as_it_is(path)?, Some(told)))
            }
            other => other,
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
            CREATE TABLE IF NOT EXISTS session (
                number INTEGER PRIMARY KEY,
                name   TEXT NOT NULL UNIQUE,
                began  TEXT NOT NULL,
                looked TEXT NOT NULL
            ) STRICT;
            CREATE TABLE IF NOT EXISTS fact (
                number  INTEGER PRIMARY KEY,
                session INTEGER NOT NULL,
                at      TEXT NOT NULL,
                id      TEXT NOT NULL,
                word    TEXT NOT NULL,
                what    TEXT NOT NULL
            ) STRICT;
            CREATE INDEX IF NOT EXISTS fact_by_id ON fact (session, id, number);
            CREATE INDEX IF NOT EXISTS fact_by_time ON fact (session, at);
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
            begun_anew: 0,
            connection,
            waiting: Vec::new(),
            to_remember: BTreeMap::new(),
            facts: Facts::default(),
            facts_pruned: None,
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

    /// Writes entries down, and before them what was noted, all or none. Where it fails, noted entries
    /// are lost; what is to be remembered or reported is written with the next ones. A journal that was removed or damaged meanwhile is begun
    /// anew, as by [`Journal::open`].
    pub fn write(&mut self, entries: &[Entry]) -> Result<(), Error> {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.extend_from_slice(entries);
        if waiting.is_empty() && self.to_remember.is_empty() && self.facts.is_empty() {
            return Ok(());
        }
        if !self.is_in_place() {
            self.begin_anew()?;
            waiting.append(&mut self.waiting);
        }
        match self.insert(&waiting) {
            Err(Error::Sqlite { source, .. }) if is_damage(&source) => {
                self.begin_anew()?;
                waiting.append(&mut self.waiting);
                self.insert(&waiting)
            }
            other => other,
        }
    }

    /// Opens it once more, where the file was removed or damaged, and says so in the log and in the new one.
    fn begin_anew(&mut self) -> Result<(), Error> {
        self.close()?;
        let (mut journal, damaged) = Self::open(&self.path.clone())?;
        let text = damaged.unwrap_or_else(|| {
            "the journal was taken away, and the one that is there is used".to_owned()
        });
        tracing::warn!("{text}");
        journal.waiting = std::mem::take(&mut self.waiting);
        let at = Timestamp::now();
        journal.waiting.push(Entry { at, kind: Kind::Controller, id: None, text });
        let to_remember = std::mem::take(&mut self.to_remember);
        let facts = std::mem::take(&mut self.facts);
        let begun_anew = self.begun_anew.saturating_add(1);
        *self = Self { begun_anew, to_remember, facts, ..journal };
        Ok(())
    }

    /// Lets go of the file before another one at its path is opened. SQLite maps `-shm`, which both share, into
    /// memory, and guards it by locks that a process loses with the first of its connections to it that closes:
    /// the next program to open the journal would cut short what this one has mapped, and end it by SIGBUS.
    fn close(&mut self) -> Result<(), Error> {
        let nowhere = Connection::open_in_memory().map_err(|source| self.error(source))?;
        self.file = OF_NO_FILE;
        drop(std::mem::replace(&mut self.connection, nowhere));
        Ok(())
    }

    /// How often it was begun anew since it was opened: each time, what it had is in it no more.
    #[must_use]
    pub fn times_begun_anew(&self) -> u32 {
        self.begun_anew
    }

    /// Whether the file at its path is still the one that is open.
    fn is_in_place(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|it| (it.dev(), it.ino()) == self.file)
    }

    fn insert(&mut self, entries: &[Entry]) -> Result<(), Error> {
        self.written = self.written.saturating_add(1);
        let path = self.path.clone();
        let (to_remember, facts) = (&self.to_remember, &self.facts);
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
            facts.insert(&transaction)?;
            transaction.commit()
        };
        insert_all(&mut self.connection).map_err(|source| Error::Sqlite { path, source })?;
        self.to_remember.clear();
        self.facts.written();
        Ok(())
    }
}

/// What SQLite keeps beside a file.
const LEFTOVERS: [&str; 2] = ["-wal", "-shm"];

fn with(path: &Path, leftover: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(leftover);
    name.into()
}

/// Gives the file another name, for the reason that `why` names; that name.
fn put_aside(path: &Path, why: &str) -> Result<PathBuf, Error> {
    let aside = path.with_extension(format!("{why}-{}", Timestamp::now().as_second()));
    let done = std::fs::rename(path, &aside);
    done.map_err(|source| Error::Open { path: path.to_owned(), source })?;
    Ok(aside)
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

/// Whether SQLite found that the file is not (or no longer) a database.
fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

#[cfg(test)]
mod tests;
