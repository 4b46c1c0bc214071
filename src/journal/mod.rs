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
mod open;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde::Serialize;

use self::{facts::Facts, memory::REMEMBER, open::is_damage};
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
    #[error(
        "cannot use the journal {path}: {source}; see that its disk has room and that this user may write \
         there"
    )]
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

/// The most events that are kept, some 100 MB. What starts a process ten times a second writes as much in a day.
const MOST_EVENTS: i64 = 500_000;

/// The same of facts. There may be twice as many for a while, and a report has those of its time in memory.
const MOST_FACTS: i64 = 200_000;

/// After so many writes the next pruning makes a checkpoint.
const CHECKPOINT_AFTER: u32 = 200;

impl Journal {
    /// The journal's file in a state folder.
    #[must_use]
    pub fn file(state_dir: &Path) -> PathBuf {
        state_dir.join("journal.db")
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

/// A time as text of one fixed length, so that texts sort as times do.
fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests;
