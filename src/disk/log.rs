//! A log: `FOLDER/NAME.log`, and `NAME.log.1` (the youngest) up to `NAME.log.KEEP`, put aside when
//! the file has grown too large.
//!
//! A running process holds its file open, so the file is copied and then emptied. What is written
//! between the last byte copied and the emptying is lost: that is inherent to emptying a file
//! under a writer. The copy is repeated until nothing is left to copy, so that this is a matter of
//! microseconds. Before a start nobody writes, and the file is simply renamed.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use serde::{Deserialize, Serialize};

/// How much of a log is kept.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogLimits {
    /// Size in bytes at which the file is put aside.
    pub(crate) max_size: u64,
    /// How many files put aside are kept.
    pub(crate) keep: u32,
}

/// A log and its limits.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) file: PathBuf,
    pub(crate) limits: LogLimits,
}

impl Log {
    /// Opens the log for a process that is about to start, first putting it aside if it has grown
    /// too large.
    pub(crate) fn open(&self) -> io::Result<File> {
        if let Some(folder) = self.file.parent() {
            DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
        }
        let open = || OpenOptions::new().append(true).create(true).mode(0o600).open(&self.file);
        let log = open()?;
        if log.metadata()?.len() < self.limits.max_size {
            return Ok(log);
        }
        if self.limits.keep == 0 {
            log.set_len(0)?;
            return Ok(log);
        }
        self.put_aside()?;
        open()
    }

    /// Puts the log of a running process aside if it has grown too large; whether it had.
    pub(crate) fn rotate(&self) -> io::Result<bool> {
        let log = match OpenOptions::new().read(true).write(true).open(&self.file) {
            Ok(log) => log,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if log.metadata()?.len() < self.limits.max_size {
            return Ok(false);
        }
        match flock(&log, FlockOperation::NonBlockingLockExclusive) {
            // Another program is at it.
            Err(Errno::WOULDBLOCK) => return Ok(false),
            locked => locked?,
        }
        if self.limits.keep > 0 {
            self.copy_aside(&log)?;
        }
        log.set_len(0)?;
        Ok(true)
    }

    /// Puts the file aside under another name. Whoever has it open goes on writing there.
    pub(crate) fn put_aside(&self) -> io::Result<()> {
        self.shift()?;
        fs::rename(&self.file, self.aside(1))
    }

    /// Where there is no room for the copy, what was put aside before is kept, and no part of a copy stays.
    fn copy_aside(&self, mut log: impl Read) -> io::Result<()> {
        let temporary = self.file.with_added_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut copy = options.open(&temporary)?;
        let put = io::copy(&mut log, &mut copy).and_then(|_| {
            self.shift()?;
            while io::copy(&mut log, &mut copy)? > 0 {}
            fs::rename(&temporary, self.aside(1))
        });
        put.or_else(|error| fs::remove_file(&temporary).and(Err(error)))
    }

    /// Makes room for the next `NAME.log.1`.
    fn shift(&self) -> io::Result<()> {
        for n in (1..self.limits.keep).rev() {
            match fs::rename(self.aside(n), self.aside(n + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn aside(&self, n: u32) -> PathBuf {
        self.file.with_added_extension(n.to_string())
    }

    /// The log of `name` in `folder`.
    pub(crate) fn of(folder: &Path, name: &str, limits: LogLimits) -> Self {
        Self { file: folder.join(format!("{name}.log")), limits }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn log(folder: &Path, keep: u32) -> Log {
        Log::of(folder, "a", LogLimits { max_size: 8, keep })
    }

    fn read(folder: &Path, file: &str) -> Option<String> {
        fs::read_to_string(folder.join(file)).ok()
    }

    #[test]
    fn an_open_log_is_copied_and_emptied_and_its_writer_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(dir.path(), 2);
        let mut writer = log.open().unwrap();
        for text in ["first....", "second....", "third...."] {
            writer.write_all(text.as_bytes()).unwrap();
            assert!(log.rotate().unwrap());
            assert!(!log.rotate().unwrap(), "an empty log stays");
        }
        writer.write_all(b"end").unwrap();
        assert_eq!(read(dir.path(), "a.log").as_deref(), Some("end"));
        assert_eq!(read(dir.path(), "a.log.1").as_deref(), Some("third...."));
        assert_eq!(read(dir.path(), "a.log.2").as_deref(), Some("second...."));
        assert_eq!(read(dir.path(), "a.log.3"), None);
        assert_eq!(read(dir.path(), "a.log.new"), None);
    }

    /// A log on a disk that is full.
    struct NoRoom;

    impl Read for NoRoom {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn a_copy_that_fails_costs_nothing_of_what_was_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(dir.path(), 2);
        let mut writer = log.open().unwrap();
        for text in ["first....", "second....", "third...."] {
            writer.write_all(text.as_bytes()).unwrap();
            if text != "third...." {
                assert!(log.rotate().unwrap());
            }
        }
        for _ in 0..3 {
            log.copy_aside(NoRoom).unwrap_err();
        }
        assert_eq!(read(dir.path(), "a.log").as_deref(), Some("third...."));
        assert_eq!(read(dir.path(), "a.log.1").as_deref(), Some("second...."));
        assert_eq!(read(dir.path(), "a.log.2").as_deref(), Some("first...."));
        assert_eq!(read(dir.path(), "a.log.new"), None);
    }

    #[test]
    fn a_large_log_is_put_aside_before_a_start() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(dir.path(), 1);
        log.open().unwrap().write_all(b"12345678").unwrap();
        log.open().unwrap().write_all(b"new").unwrap();
        assert_eq!(read(dir.path(), "a.log").as_deref(), Some("new"));
        assert_eq!(read(dir.path(), "a.log.1").as_deref(), Some("12345678"));
    }

    #[test]
    fn with_nothing_to_keep_the_log_is_emptied() {
        let dir = tempfile::tempdir().unwrap();
        let log = log(dir.path(), 0);
        let mut writer = log.open().unwrap();
        writer.write_all(b"12345678").unwrap();
        assert!(log.rotate().unwrap());
        writer.write_all(b"12345678").unwrap();
        assert_eq!(log.open().unwrap().metadata().unwrap().len(), 0);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
