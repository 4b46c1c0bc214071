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

/// Takes a request back that has not been taken. False where it has.
///
/// # Errors
/// When the journal can't be read or written.
pub fn take_back(journal: &mut Journal, key: &str) -> Result<bool, Error> {
    let was_left = is_left(journal, key)?;
    journal.forget(key)?;
    Ok(was_left)
}

/// Takes what was asked for, in its order, and reads the pauses.
///
/// # Errors
/// When the journal can't be read or written.
pub fn take(journal: &mut Journal, now: Timestamp) -> Result<(Vec<Request>, Pauses), Error> {
    let as_left = pauses(journal)?;
    let mut pauses = as_left.clone();
    pauses.prune(now);
    if pauses != as_left {
        // Written down, or a pause would begin anew with each look at a clock that was set back.
        pauses = change_pauses(journal, now, |pauses| pauses.clone())?;
    }
    // Last, and all at once: where anything fails before, they are left for the next look.
    let mut requests = Vec::new();
    for (_, text) in journal.take_all(REQUEST)? {
        match serde_json::from_str(&text) {
            Ok(request) => requests.push(request),
            Err(error) => tracing::error!("a request can't be read and is dropped: {error}"),
        }
    }
    Ok((requests, pauses))
}

/// The pauses that somebody asked for, those that are over among them.
///
/// # Errors
/// When the journal can't be read.
pub fn pauses(journal: &Journal) -> Result<Pauses, Error> {
    Ok(read(journal.recall(PAUSES)?))
}

/// Changes the pauses, without those that are over, and writes them down: nobody else does at once.
///
/// # Errors
/// When the journal can't be read or written.
pub fn change_pauses<T>(
    journal: &mut Journal,
    now: Timestamp,
    change: impl FnOnce(&mut Pauses) -> T,
) -> Result<T, Error> {
    journal.revise(PAUSES, |text| {
        let mut pauses = read(text);
        pauses.prune(now);
        let told = change(&mut pauses);
        (serde_json::to_string(&pauses).unwrap_or_default(), told)
    })
}

fn read(text: Option<String>) -> Pauses {
    let read = text.map(|it| serde_json::from_str(&it)).transpose();
    read.unwrap_or_else(|error| {
        tracing::error!("the pauses can't be read, so nothing is paused; pause it anew: {error}");
        None
    })
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_all_be_taken_is_left_for_the_next_look() {
        let dir = tempfile::tempdir().unwrap();
        let file = Journal::file(dir.path());
        let mut journal = Journal::open(&file).unwrap().0;
        let ids = ["p/a", "p/b"].map(|it| it.parse::<Id>().unwrap());
        for (id, second) in ids.iter().zip(0..) {
            let request = Request { what: What::Forgive, id: Some(id.clone()) };
            leave(&mut journal, &request, Timestamp::from_second(second).unwrap()).unwrap();
        }
        let disk = rusqlite::Connection::open(&file).unwrap();
        let full = "CREATE TRIGGER full BEFORE DELETE ON memory WHEN old.value LIKE '%p/b%'
            BEGIN SELECT raise(ABORT, 'full'); END";
        disk.execute_batch(full).unwrap();
        take(&mut journal, Timestamp::UNIX_EPOCH).unwrap_err();
        disk.execute_batch("DROP TRIGGER full").unwrap();
        let (requests, _) = take(&mut journal, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(requests.into_iter().filter_map(|it| it.id).collect::<Vec<_>>(), ids);
        assert!(take(&mut journal, Timestamp::UNIX_EPOCH).unwrap().0.is_empty());
    }
}
