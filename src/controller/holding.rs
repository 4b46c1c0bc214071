//! The process that holds a lock, by a handle that can't come to mean another one: for whoever
//! sends it a signal.

use std::{
    fs, io,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::lock::{Holder, Lock, State};

/// How long to wait between two looks whether the lock is free.
const PAUSE: Duration = Duration::from_millis(20);

/// Why nobody could be made out who holds a lock.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be seen whether anybody does.
    #[error("cannot see who holds {path}: {source}", path = .path.display())]
    Unseen {
        /// The lock.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// On a full disk it could not be written.
    #[error(
        "somebody holds {path}, and who is not written in there: the disk may be full. `fuser {path}` \
         finds the process",
        path = .0.display()
    )]
    Unnamed(PathBuf),
    /// What the lock's file says is no process.
    #[error("{0} is not the number of a process")]
    NoNumber(u32),
    /// What the lock's file says is out of date: on a full disk it could not be written.
    #[error("{0} does not hold {path}, whatever is written in there", path = .1.display())]
    AnotherOne(Holder, PathBuf),
    /// The operating system refused.
    #[error("cannot reach {0}: {1}")]
    System(Holder, io::Error),
}

/// A process that held a lock when it was looked up.
#[derive(Debug)]
pub struct Holding {
    /// Who.
    pub holder: Holder,
    process: OwnedFd,
    lock: PathBuf,
}

impl Holding {
    /// Who holds the lock at `path`. None when nobody does.
    ///
    /// # Errors
    /// When the process can't be made out for certain.
    pub fn of(path: &Path) -> Result<Option<Self>, Error> {
        let holder = match Lock::state(path) {
            Ok(State::Free) => return Ok(None),
            Ok(State::Held(Some(holder))) => holder,
            Ok(State::Held(None)) => return Err(Error::Unnamed(path.to_owned())),
            Err(source) => return Err(Error::Unseen { path: path.to_owned(), source }),
        };
        let pid = i32::try_from(holder.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(Error::NoNumber(holder.pid))?;
        let system = |error: io::Error| Error::System(holder.clone(), error);
        let opened = pidfd_open(pid, PidfdFlags::empty());
        // Between reading the lock and opening the process it may have ended, and its number may
        // be another's by now. While the lock is still held by the same one, it is not.
        if Lock::holder(path).as_ref() != Some(&holder) {
            return Ok(None);
        }
        let process = opened.map_err(|error| system(error.into()))?;
        let file = File::at(path).map_err(system)?;
        if !file.is_open_in(holder.pid).map_err(system)? {
            let gone = Lock::holder(path).as_ref() != Some(&holder);
            return if gone { Ok(None) } else { Err(Error::AnotherOne(holder, path.to_owned())) };
        }
        Ok(Some(Self { holder, process, lock: path.to_owned() }))
    }

    /// Sends it a signal. That it is gone is fine.
    ///
    /// # Errors
    /// When that is not permitted.
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        match pidfd_send_signal(&self.process, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(Error::System(self.holder.clone(), error.into())),
        }
    }

    /// Waits until it holds the lock no more. False when it still does after `patience` without
    /// a sign of life.
    pub async fn ended(&self, patience: Duration) -> bool {
        self.ended_unless(patience, || None::<()>).await
    }

    /// As [`Holding::ended`], and begins to wait anew whenever `sign` changes.
    pub async fn ended_unless<T: PartialEq>(
        &self,
        patience: Duration,
        sign: impl Fn() -> T,
    ) -> bool {
        let mut last = sign();
        let mut deadline = Instant::now() + patience;
        while Lock::holder(&self.lock).as_ref() == Some(&self.holder) {
            let now = sign();
            if now != last {
                (last, deadline) = (now, Instant::now() + patience);
            }
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(PAUSE).await;
        }
        true
    }
}

/// A file, told from every other one also when it was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    device: u64,
    inode: u64,
}

impl File {
    /// The file at `path`.
    ///
    /// # Errors
    /// When it is not there.
    pub fn at(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|it| Self { device: it.dev(), inode: it.ino() })
    }

    /// Whether the process `pid` has it open. A process that is gone has not.
    ///
    /// # Errors
    /// When the process is another user's.
    pub fn is_open_in(self, pid: u32) -> io::Result<bool> {
        let files = match fs::read_dir(format!("/proc/{pid}/fd")) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        // One that is closed meanwhile is not it.
        Ok(files.flatten().any(|it| Self::at(&it.path()).is_ok_and(|it| it == self)))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::controller::lock::watch_file;

    #[test]
    fn only_who_has_the_lock_open_is_taken_for_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = watch_file(dir.path());
        assert!(Holding::of(&path).unwrap().is_none());
        let lock = Lock::take(&path, "watch", Timestamp::now()).unwrap();
        assert_eq!(Holding::of(&path).unwrap().unwrap().holder.pid, std::process::id());
        let file = File::at(&path).unwrap();
        assert!(file.is_open_in(std::process::id()).unwrap());
        // What is written is the name of another one, as after a write that failed.
        let mut other = Lock::holder(&path).unwrap();
        other.pid = std::os::unix::process::parent_id();
        fs::write(&path, serde_json::to_string(&other).unwrap()).unwrap();
        let error = Holding::of(&path).unwrap_err().to_string();
        assert!(error.contains("does not hold") || error.contains("cannot reach"), "{error}");
        // Nobody is named, as where the disk was full from the beginning.
        fs::write(&path, "").unwrap();
        let error = Holding::of(&path).unwrap_err().to_string();
        assert!(error.contains("somebody holds"), "{error}");
        fs::remove_file(&path).unwrap();
        assert!(file.is_open_in(std::process::id()).unwrap(), "removed and still open");
        drop(lock);
        assert!(!file.is_open_in(std::process::id()).unwrap());
    }
}
