//! Locks between programs that work on the same project. The operating system frees them when the
//! program that holds one ends, however it ends.
//!
//! `watch.lock` is held by the one watch of a project for as long as it runs; `apply.lock` by
//! whoever makes changes, only while it makes them; `deploy.lock` by whoever deploys, until it knows what
//! came of it; `monitor.lock` by the one monitor.

use std::{
    fmt,
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::disk::no_room;

/// Who holds or held a lock, as it says of itself in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its verb.
    pub verb: String,
    /// Since when.
    pub since: Timestamp,
}

impl Holder {
    /// Whether there is a process of its number that has not ended. Where that can't be seen, there
    /// is.
    #[must_use]
    pub fn lives(&self) -> bool {
        match fs::read_to_string(format!("/proc/{}/stat", self.pid)) {
            // After the program's name, in brackets: Z or X is one that has ended.
            Ok(stat) => stat.rsplit_once(") ").is_none_or(|(_, it)| !it.starts_with(['Z', 'X'])),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`redundancy {}`, pid {}, since {:.0}", self.verb, self.pid, self.since)
    }
}

/// Whether a lock is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// By nobody.
    Free,
    /// By somebody, and by whom, if that could be written down.
    Held(Option<Holder>),
}

/// A lock that is held until this value is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
    /// Who held it before, if that is known.
    pub before: Option<Holder>,
}

/// Why a lock was not given.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it.
    #[error("{}", .0.as_ref().map_or("another redundancy".to_owned(), ToString::to_string))]
    Held(Option<Holder>),
    /// The operating system refused.
    #[error("cannot lock {path}: {source}", path = path.display())]
    System {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// The lock of the one watch of a project.
#[must_use]
pub fn watch_file(state_dir: &Path) -> PathBuf {
    state_dir.join("watch.lock")
}

/// The lock of whoever makes changes.
#[must_use]
pub fn apply_file(state_dir: &Path) -> PathBuf {
    state_dir.join("apply.lock")
}

/// The lock of whoever deploys.
#[must_use]
pub fn deploy_file(state_dir: &Path) -> PathBuf {
    state_dir.join("deploy.lock")
}

/// The lock of the one monitor of a project.
#[must_use]
pub fn monitor_file(state_dir: &Path) -> PathBuf {
    state_dir.join("monitor.lock")
}

/// Whoever only looks whether a lock is held keeps it for a moment: how often to try again then,
/// and after how long.
const LOOKERS: u32 = 5;
const LOOK: Duration = Duration::from_millis(2);

impl Lock {
    /// Takes the lock at `path` for `verb`, without waiting.
    pub fn take(path: &Path, verb: &str, now: Timestamp) -> Result<Self, LockError> {
        let system = |source| LockError::System { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(path).map_err(system)?;
        let mut taken = file.try_lock();
        for _ in 0..LOOKERS {
            if !matches!(taken, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(LOOK);
            taken = file.try_lock();
        }
        match taken {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(read(&mut file))),
            Err(TryLockError::Error(source)) => return Err(system(source)),
        }
        let before = read(&mut file);
        let holder = Holder { pid: std::process::id(), verb: verb.to_owned(), since: now };
        match write(&mut file, &holder) {
            // The lock itself is taken; on a full disk only the name of its holder is missing.
            Err(error) if no_room(&error) => {}
            other => other.map_err(system)?,
        }
        let lock = Self { file, before };
        lock.touch();
        Ok(lock)
    }

    /// Whether the file at `path` is still the one that is locked: when somebody removed it, the
    /// lock keeps nobody out any more.
    #[must_use]
    pub fn is_in_place(&self, path: &Path) -> bool {
        let same = |ours: Metadata, there: Metadata| {
            (ours.dev(), ours.ino()) == (there.dev(), there.ino())
        };
        let ours = self.file.metadata();
        ours.is_ok_and(|ours| fs::metadata(path).is_ok_and(|there| same(ours, there)))
    }

    /// Says by the time of the file's last change that its holder lives.
    pub fn touch(&self) {
        // Who can't say so is given up by nobody: see `Lock::is_writable`.
        let _ = self.is_writable();
    }

    /// Touches it as [`Lock::touch`] does; whether that is possible on this disk.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.file.set_modified(SystemTime::now()).is_ok()
    }

    /// When the lock at `path` was last touched.
    #[must_use]
    pub fn touched(path: &Path) -> Option<Timestamp> {
        fs::metadata(path).and_then(|it| it.modified()).ok()?.try_into().ok()
    }

    /// Whether the lock at `path` is held, and by whom.
    ///
    /// # Errors
    /// When that can't be seen.
    pub fn state(path: &Path) -> io::Result<State> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Free),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(State::Free),
            Err(TryLockError::WouldBlock) => Ok(State::Held(read(&mut file))),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Who holds the lock at `path` now, as far as that can be seen.
    #[must_use]
    pub fn holder(path: &Path) -> Option<Holder> {
        match Self::state(path) {
            Ok(State::Held(holder)) => holder,
            Ok(State::Free) | Err(_) => None,
        }
    }

    /// Who took the lock at `path` last, whether or not it is held now.
    #[must_use]
    pub fn last(path: &Path) -> Option<Holder> {
        read(&mut File::open(path).ok()?)
    }
}

/// What the file says. None when it says nothing yet: whoever took the lock is about to write.
fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.take(1024).read_to_string(&mut text)).ok()?;
    serde_json::from_str(&text).ok()
}

fn write(file: &mut File, holder: &Holder) -> io::Result<()> {
    let text = serde_json::to_string(holder).map_err(io::Error::other)?;
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_and_says_by_whom() {
        let dir = tempfile::tempdir().unwrap();
        let path = apply_file(dir.path());
        assert_eq!(Lock::holder(&path), None);
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let first = Lock::take(&path, "apply", now).unwrap();
        assert_eq!(first.before, None);
        let refused = Lock::take(&path, "watch", now).unwrap_err().to_string();
        let us = std::process::id();
        assert_eq!(refused, format!("`redundancy apply`, pid {us}, since 2023-11-14T22:13:20Z"));
        assert_eq!(Lock::holder(&path).unwrap().verb, "apply");
        drop(first);
        assert_eq!(Lock::holder(&path), None);
        assert_eq!(Lock::last(&path).unwrap().verb, "apply");
        let removed = Lock::take(&path, "apply", now).unwrap();
        assert!(removed.is_in_place(&path));
        fs::remove_file(&path).unwrap();
        assert!(!removed.is_in_place(&path));
        fs::write(&path, "").unwrap();
        assert!(!removed.is_in_place(&path), "another file is in its place");
        drop(removed);
        Lock::take(&path, "apply", now).unwrap();
        let second = Lock::take(&path, "watch", now).unwrap();
        assert_eq!(second.before.unwrap().verb, "apply");
    }
}
