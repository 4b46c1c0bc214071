//! How a journal is opened, whatever lies in its place, and begun anew where it was removed or damaged.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::ErrorKind,
    iter,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};

use super::{Entry, Error, Facts, Journal, Kind, VERSION};

/// The device and inode that no file has.
const OF_NO_FILE: (u64, u64) = (0, 0);

/// What SQLite keeps beside a file.
const LEFTOVERS: [&str; 2] = ["-wal", "-shm"];

impl Journal {
    /// Opens the journal to write, making it if need be. A file that is no journal any more is
    /// put aside under another name, never deleted; the second value says so.
    pub fn open(path: &Path) -> Result<(Self, Option<String>), Error> {
        match Self::open_as_it_is(path) {
            Err(Error::Sqlite { source, .. }) if is_damage(&source) => {
                let aside = put_aside(path, "broken")?;
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

    /// Opens it once more, where the file was removed or damaged, and says so in the log and in the new one.
    pub(super) fn begin_anew(&mut self) -> Result<(), Error> {
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
    pub(super) fn is_in_place(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|it| (it.dev(), it.ino()) == self.file)
    }
}

pub(super) fn with(path: &Path, leftover: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(leftover);
    name.into()
}

/// Gives the file, with what SQLite keeps beside it, a name that nothing has, for the reason that `why`
/// names; that name.
fn put_aside(path: &Path, why: &str) -> Result<PathBuf, Error> {
    let failed = |source| Error::Open { path: path.to_owned(), source };
    let named = |n| path.with_extension(format!("{why}-{}{n}", Timestamp::now().as_second()));
    let names = iter::once(named(String::new())).chain((2..).map(|n| named(format!("-{n}"))));
    let is_free = |it: &PathBuf| fs::symlink_metadata(it).is_err();
    let aside =
        names.into_iter().find(is_free).ok_or_else(|| failed(ErrorKind::AlreadyExists.into()))?;
    fs::rename(path, &aside).map_err(failed)?;
    for leftover in LEFTOVERS {
        // It belongs to that file, and another one would be taken for damaged by it.
        match fs::rename(with(path, leftover), with(&aside, leftover)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    Ok(aside)
}

/// Opening a pipe waits for whoever is at its other end.
fn check_kind(path: &Path) -> Result<(), Error> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => Err(Error::NotAFile { path: path.to_owned() }),
        _ => Ok(()),
    }
}

/// Whether SQLite found that the file is not (or no longer) a database.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}
