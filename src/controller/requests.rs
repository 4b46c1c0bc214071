//! What people ask of a running watch: left in the journal by a verb, taken by the next look, for
//! which the file `STATE_DIR/asked` wakes it.

use std::{fmt, fs, io, path::Path, path::PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    core::{duty::Asked, id::Id, pause::Pauses},
    journal::{Error, Journal},
};

/// Under which key the journal has the pauses.
const PAUSES: &str = "pauses";

/// How the keys of requests begin.
const REQUEST: &str = "request/";

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What.
    pub what: What,
    /// Of which resource; of all where none is named. Of a pair it is the backup.
    pub id: Option<Id>,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// That duty moves.
    Duty(Asked),
    /// That what rests or was given up is tried again.
    Forgive,
    /// Only to look: something else was changed.
    Look,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.what {
            What::Duty(Asked::FailOver) => "duty to the backup",
            What::Duty(Asked::HandBack) => "duty back to the primary",
            What::Duty(Asked::AssumeStopped) => {
                "to take what could not be proven stopped for stopped"
            }
            What::Forgive => "to try again what rests or was given up",
            What::Look => "to look",
        })
    }
}

/// The file by which a watch is woken.
#[must_use]
pub fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("asked")
}

/// Leaves a request, and wakes the watch.
///
/// # Errors
/// When the journal can't be written.
pub fn leave(journal: &mut Journal, request: &Request, now: Timestamp) -> Result<String, Error> {
    let key = format!("{REQUEST}{now:.9}-{}", std::process::id());
    // Plain data, which JSON can always say.
    journal.remember(&key, &serde_json::to_string(request).unwrap_or_default())?;
    Ok(key)
}

/// Wakes the watch that runs, if one does.
///
/// # Errors
/// When the file can't be written.
pub fn wake(state_dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(file(state_dir))?;
    drop(file);
    Ok(())
}

/// Whether a request has not been taken yet.
///
/// # Errors
/// When the journal can't be read.
pub fn is_left(journal: &Journal, key: &str) -> Result<bool, Error> {
    journal.recall(key).map(|it| it.is_some())
}

/// Takes what was asked for, in its order, and reads the pauses.
///
/// # Errors
/// When the journal can't be read or written.
pub fn take(journal: &mut Journal) -> Result<(Vec<Request>, Pauses), Error> {
    let mut requests = Vec::new();
    for (key, text) in journal.recall_all(REQUEST)? {
        journal.forget(&key)?;
        match serde_json::from_str(&text) {
            Ok(request) => requests.push(request),
            Err(error) => tracing::error!("a request can't be read and is dropped: {error}"),
        }
    }
    Ok((requests, pauses(journal)?))
}

/// The pauses that somebody asked for, those that are over among them.
///
/// # Errors
/// When the journal can't be read.
pub fn pauses(journal: &Journal) -> Result<Pauses, Error> {
    let text = journal.recall(PAUSES)?;
    Ok(text.and_then(|it| serde_json::from_str(&it).ok()).unwrap_or_default())
}

/// Writes the pauses down.
///
/// # Errors
/// When the journal can't be written.
pub fn set_pauses(journal: &mut Journal, pauses: &Pauses) -> Result<(), Error> {
    journal.remember(PAUSES, &serde_json::to_string(pauses).unwrap_or_default())
}
