//! The word that a person ended the watch: `STATE_DIR/stopped`, left by `redundancy stop` and
//! removed by the next `redundancy watch`. As long as it is there, no monitor starts one.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use tracing::warn;

use crate::disk::no_room;

/// Who begins a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starter {
    /// A person, or what starts the programs of a server.
    Person,
    /// The monitor, which does nothing against the word of a person.
    Monitor,
}

impl Starter {
    /// Whether a watch may begin. The word of a person who ended the last one is taken back by a
    /// person who begins the next.
    pub(super) fn may_begin(self, state_dir: &Path) -> bool {
        match self {
            // What can't be seen may be there.
            Self::Monitor => !is_said(state_dir).unwrap_or(true),
            Self::Person => {
                if let Err(error) = take_back(state_dir) {
                    let file = file(state_dir);
                    warn!("{} was not removed, so no monitor helps: {error}", file.display());
                }
                true
            }
        }
    }
}

/// The file in a state folder. That it is there is the word; what it says is for people.
#[must_use]
pub fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("stopped")
}

/// Leaves the word.
///
/// # Errors
/// When the file can't be made.
pub fn say(state_dir: &Path, now: Timestamp) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(file(state_dir))?;
    let text = format!("stopped at {now:.0} by `redundancy stop`, pid {}\n", std::process::id());
    match file.write_all(text.as_bytes()) {
        // The file is there, and that is what counts.
        Err(error) if no_room(&error) => Ok(()),
        other => other,
    }
}

/// Whether the word is there.
///
/// # Errors
/// When that can't be seen.
pub fn is_said(state_dir: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(file(state_dir)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes the word back. That it is not there is fine.
///
/// # Errors
/// When the file can't be removed.
pub fn take_back(state_dir: &Path) -> io::Result<()> {
    match fs::remove_file(file(state_dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_person_takes_the_word_of_a_person_back() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Starter::Monitor.may_begin(dir.path()));
        say(dir.path(), Timestamp::now()).unwrap();
        assert!(is_said(dir.path()).unwrap() && !Starter::Monitor.may_begin(dir.path()));
        assert!(is_said(dir.path()).unwrap());
        assert!(Starter::Person.may_begin(dir.path()) && !is_said(dir.path()).unwrap());
        assert!(Starter::Monitor.may_begin(dir.path()));
    }
}
