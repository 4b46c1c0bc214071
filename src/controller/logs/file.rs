//! One file of a log: opened again where somebody removed it, put aside when it is too large or too
//! old, and never anything but an ordinary file that its owner alone may read.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use rustix::fs::OFlags;

use super::line::time_of;
use crate::{
    config::logs::Subject,
    disk::{Log, LogLimits},
};

/// Only its owner may read a log.
const MODE: u32 = 0o600;

/// How large, how old and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) max_size: u64,
    pub(super) max_age: Duration,
    pub(super) keep: u32,
    pub(super) max_total: u64,
}

/// A log and, where it could be opened, its file.
pub(super) struct LogFile {
    log: Log,
    open: Option<Open>,
}

struct Open {
    file: File,
    /// Which file it is, whatever is at its path by now.
    id: (u64, u64),
    len: u64,
    /// When its first line was written.
    begun: Timestamp,
}

impl LogFile {
    pub(super) fn new(folder: &Path, subject: Subject, limits: Limits) -> Self {
        let sizes = LogLimits { max_size: limits.max_size, keep: limits.keep };
        Self { log: Log::of(folder, subject.file(), sizes), open: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.log.file
    }

    /// Adds a line, whole or not at all. True where a file was put aside for it.
    pub(super) fn write(&mut self, line: &str, limits: Limits, now: Timestamp) -> io::Result<bool> {
        let len = u64::try_from(line.len()).unwrap_or(u64::MAX);
        self.look_after(now)?;
        let is_full = |it: &Open| {
            let age = Duration::try_from(now.duration_since(it.begun)).unwrap_or_default();
            it.len > 0 && (it.len.saturating_add(len) > limits.max_size || age >= limits.max_age)
        };
        let rotate = self.open.as_ref().is_some_and(is_full);
        if rotate {
            self.rotate(now)?;
        }
        let Some(open) = &mut self.open else { return Ok(rotate) };
        if open.len == 0 {
            open.begun = now;
        }
        if let Err(error) = open.file.write_all(line.as_bytes()) {
            // Half a line is none, and what comes next stands in a line of its own.
            let undone = open.file.set_len(open.len);
            self.open = None;
            return Err(undone.err().unwrap_or(error));
        }
        open.len = open.len.saturating_add(len);
        Ok(rotate)
    }

    /// Opens the file where it is not open, or is not the one at its path any more.
    fn look_after(&mut self, now: Timestamp) -> io::Result<()> {
        let path = &self.log.file;
        let there = match fs::symlink_metadata(path) {
            Ok(there) if there.is_file() => Some((there.dev(), there.ino())),
            Ok(_) => {
                self.open = None;
                return Err(io::Error::other("it is no ordinary file"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.open = None;
                return Err(error);
            }
        };
        if self.open.is_none() || self.open.as_ref().map(|it| it.id) != there {
            self.open = None;
            self.open = Some(Open::at(path, now)?);
        }
        Ok(())
    }

    /// Puts the file aside and begins a new one.
    fn rotate(&mut self, now: Timestamp) -> io::Result<()> {
        // Only opened again when all of it is done.
        let open = self.open.take();
        if self.log.limits.keep == 0 {
            open.map_or(Ok(()), |it| it.file.set_len(0))?;
        } else {
            self.log.put_aside()?;
        }
        self.open = Some(Open::at(&self.log.file, now)?);
        Ok(())
    }
}

impl Open {
    fn at(path: &Path, now: Timestamp) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
        }
        // Not through a link, and without waiting for anybody at the other end of a pipe.
        let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits());
        let flags = flags.map_err(io::Error::other)?;
        let mut options = OpenOptions::new();
        let options = options.read(true).append(true).create(true).mode(MODE).custom_flags(flags);
        let mut file = options.open(path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is no ordinary file"));
        }
        if found.mode() & 0o777 != MODE {
            file.set_permissions(Permissions::from_mode(MODE))?;
        }
        let mut beginning = [0; 64];
        let read = file.read(&mut beginning)?;
        let begun = time_of(&String::from_utf8_lossy(&beginning[..read]));
        let begun = begun.or_else(|| found.modified().ok()?.try_into().ok()).unwrap_or(now);
        // One from the future was written before the clock was set back.
        let begun = begun.min(now);
        Ok(Self { file, id: (found.dev(), found.ino()), len: found.len(), begun })
    }
}

/// Removes what there are too many of, and the oldest of what was put aside, until all logs fit below
/// the bound, however full the files become that are written to.
pub(super) fn tidy(folder: &Path, limits: Limits) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let mut aside: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    let mut room = limits.max_total;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(number) = name.to_str().and_then(number_of) else { continue };
        let found = match entry.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        if !found.is_file() {
            continue;
        }
        match number {
            // Room that it takes beyond what is kept free for it, until it is put aside.
            0 => room = room.saturating_sub(found.len().saturating_sub(limits.max_size)),
            number if number > limits.keep => remove(&entry.path())?,
            _ => aside.push((found.modified()?, found.len(), entry.path())),
        }
    }
    let files = u64::try_from(Subject::EACH.len()).unwrap_or(u64::MAX);
    room = room.saturating_sub(limits.max_size.saturating_mul(files));
    aside.sort_by_key(|it| std::cmp::Reverse(it.0));
    for (_, len, path) in aside {
        match room.checked_sub(len) {
            Some(left) => room = left,
            None => {
                room = 0;
                remove(&path)?;
            }
        }
    }
    Ok(())
}

/// The number of a file of ours that was put aside, 0 for one that is written to; nothing for a file of
/// somebody else.
fn number_of(name: &str) -> Option<u32> {
    Subject::EACH.into_iter().find_map(|subject| {
        let rest = name.strip_prefix(subject.file())?.strip_prefix(".log")?;
        if rest.is_empty() {
            return Some(0);
        }
        let number = rest.strip_prefix('.')?;
        let is_number = number.bytes().all(|it| it.is_ascii_digit());
        number.parse().ok().filter(|&it| is_number && it > 0)
    })
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const LIMITS: Limits =
        Limits { max_size: 10, max_age: Duration::from_secs(100), keep: 3, max_total: 70 };

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(n).unwrap()
    }

    fn read(folder: &Path, file: &str) -> Option<String> {
        fs::read_to_string(folder.join(file)).ok()
    }

    fn master(folder: &Path, limits: Limits) -> LogFile {
        LogFile::new(folder, Subject::All, limits)
    }

    #[test]
    fn a_file_is_put_aside_before_it_is_too_large() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = master(dir.path(), LIMITS);
        let put = ["1234\n", "5678\n", "9\n", "a\n"].map(|it| log.write(it, LIMITS, second(0)));
        assert_eq!(put.map(Result::unwrap), [false, false, true, false]);
        assert_eq!(read(dir.path(), "master-redundancy.log").as_deref(), Some("9\na\n"));
        assert_eq!(read(dir.path(), "master-redundancy.log.1").as_deref(), Some("1234\n5678\n"));
    }

    #[test]
    fn a_file_is_put_aside_when_its_first_line_is_too_old() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master-redundancy.log");
        fs::write(&path, "1970-01-01T00:00:05Z x\n").unwrap();
        let large = Limits { max_size: 1000, ..LIMITS };
        assert!(!master(dir.path(), large).write("a\n", large, second(104)).unwrap());
        assert!(master(dir.path(), large).write("b\n", large, second(105)).unwrap());
        assert_eq!(read(dir.path(), "master-redundancy.log").as_deref(), Some("b\n"));
        // Of one that says nothing, the time of its last change is what is known.
        let mut log = master(dir.path(), large);
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        assert!(!log.write("c\n", large, second(1099)).unwrap());
        assert!(log.write("d\n", large, second(1100)).unwrap());
        // A clock that is set back makes none older.
        assert!(!log.write("e\n", large, second(0)).unwrap());
    }

    #[test]
    fn one_that_is_removed_is_begun_anew_with_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        let mut log = master(&folder, LIMITS);
        log.write("1\n", LIMITS, second(0)).unwrap();
        fs::remove_file(log.path()).unwrap();
        log.write("2\n", LIMITS, second(0)).unwrap();
        assert_eq!(read(&folder, "master-redundancy.log").as_deref(), Some("2\n"));
        fs::remove_dir_all(dir.path().join("a")).unwrap();
        log.write("3\n", LIMITS, second(0)).unwrap();
        assert_eq!(read(&folder, "master-redundancy.log").as_deref(), Some("3\n"));
        // Another one in its place is written to.
        fs::write(folder.join("new"), "4\n").unwrap();
        fs::rename(folder.join("new"), log.path()).unwrap();
        log.write("5\n", LIMITS, second(0)).unwrap();
        assert_eq!(read(&folder, "master-redundancy.log").as_deref(), Some("4\n5\n"));
    }

    #[test]
    fn only_its_owner_may_read_one_also_one_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = master(dir.path(), LIMITS);
        fs::write(log.path(), "").unwrap();
        fs::set_permissions(log.path(), Permissions::from_mode(0o644)).unwrap();
        log.write("1234567\n", LIMITS, second(0)).unwrap();
        log.write("1234567\n", LIMITS, second(0)).unwrap();
        for entry in fs::read_dir(dir.path()).unwrap() {
            assert_eq!(entry.unwrap().metadata().unwrap().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_ordinary_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        fs::write(&target, "").unwrap();
        let mut log = master(dir.path(), LIMITS);
        symlink(&target, log.path()).unwrap();
        log.write("1\n", LIMITS, second(0)).unwrap_err();
        assert_eq!(read(dir.path(), "target").as_deref(), Some(""));
        fs::remove_file(log.path()).unwrap();
        fs::create_dir(log.path()).unwrap();
        log.write("1\n", LIMITS, second(0)).unwrap_err();
        fs::remove_dir(log.path()).unwrap();
        log.write("2\n", LIMITS, second(0)).unwrap();
        assert_eq!(read(dir.path(), "master-redundancy.log").as_deref(), Some("2\n"));
    }

    #[test]
    fn all_of_them_stay_below_the_bound_and_the_oldest_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let files = [
            ("pm2-redundancy.log.1", 10, 5),
            ("pm2-redundancy.log.2", 10, 3),
            ("master-redundancy.log.1", 10, 4),
            ("master-redundancy.log.2", 10, 2),
            ("netlify-functions-redundancy.log.3", 5, 1),
            ("netlify-functions-redundancy.log.4", 1, 9),
            ("pm2-redundancy.log", 10, 9),
            ("worker.log.1", 99, 1),
            ("pm2-redundancy.log.old", 99, 1),
            ("pm2-redundancy.log.0", 99, 1),
        ];
        for (name, len, age) in files {
            let path = dir.path().join(name);
            fs::write(&path, "x".repeat(len)).unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(age)).unwrap();
        }
        // 40 of 70 bytes are kept free for the four files.
        tidy(dir.path(), LIMITS).unwrap();
        let mut left: Vec<String> = fs::read_dir(dir.path())
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(
            left,
            [
                "master-redundancy.log.1",
                "pm2-redundancy.log",
                "pm2-redundancy.log.0",
                "pm2-redundancy.log.1",
                "pm2-redundancy.log.2",
                "pm2-redundancy.log.old",
                "worker.log.1",
            ]
        );
    }
}
