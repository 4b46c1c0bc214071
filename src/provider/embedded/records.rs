//! The records' files, one for each process: `STATE_DIR/embedded/NAME.json`.
//!
//! A file is replaced as a whole and never synced to the disk: after a power loss, the processes
//! that it speaks of are gone too, and what should exist is in the config. Programs that write at
//! once take turns by a lock on the folder, held for one read and one write.
//!
//! A full disk must not keep a process down: how a known process does may then go unwritten. This
//! program goes by its memory, and a later one by the marks of what runs.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use rustix::{
    fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with},
    io::Errno,
};

use super::record::{Entry, Record, Run};
use crate::{
    core::id::Name,
    disk::no_room,
    provider::{Error, each::each},
};

/// A record that can't be read.
#[derive(Debug, Clone)]
pub(super) struct Damage {
    /// What is wrong, with the file's path.
    pub(super) what: String,
    /// Since when: the file's last change.
    pub(super) since: Timestamp,
    /// Whether the file was read and makes no sense, so that nothing is lost by replacing it.
    pub(super) torn: bool,
}

/// What tells a file that was replaced from the one that was read.
#[derive(PartialEq, Eq, Clone, Copy)]
struct Version {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Version {
    fn of(about: &fs::Metadata) -> Self {
        Self { inode: about.ino(), size: about.len(), changed: (about.ctime(), about.ctime_nsec()) }
    }
}

/// What a file held.
pub(super) type Reading = Result<Arc<Entry>, Damage>;

/// What a look at a file brought.
enum Look {
    /// It is the one that was read before.
    Known,
    /// It was read.
    Read(Reading, fs::Metadata),
    /// It is there and can't be read.
    Unreadable(Damage),
    /// It is not there.
    Nothing,
}

/// The folder of the records.
pub(super) struct Records {
    folder: PathBuf,
    cache: HashMap<Name, (Version, Reading)>,
    /// What could not be written, each with the file that it should have replaced. It holds as
    /// long as that file is there.
    unwritten: HashMap<Name, (Version, Arc<Entry>)>,
}

/// A file that changed less than this before it was read is read again the next time: two changes
/// within one tick of the file system's clock can look like one.
const SETTLED: Duration = Duration::from_millis(50);

impl Records {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, cache: HashMap::new(), unwritten: HashMap::new() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn file(&self, name: &Name) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// Reads every record; those that did not change since are taken from memory.
    pub(super) fn all(&mut self) -> Result<BTreeMap<Name, Reading>, Error> {
        self.write_down();
        let failed = |error: io::Error| {
            Error::Refused(format!(
                "cannot read the folder of the processes' records, {}: {error}",
                self.folder.display()
            ))
        };
        let mut names = Vec::new();
        match fs::read_dir(&self.folder) {
            Ok(entries) => {
                for entry in entries {
                    let file = entry.map_err(failed)?.file_name();
                    let name = file.to_str().and_then(|it| it.strip_suffix(".json"));
                    names.extend(name.and_then(|it| it.parse::<Name>().ok()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let looks = each(&names, |name| self.read_for_sure(name));
        let mut all = BTreeMap::new();
        for (name, look) in names.into_iter().zip(looks) {
            // None: removed since the folder was read.
            if let Some(reading) = self.remember(&name, look) {
                all.insert(name, reading);
            }
        }
        if self.cache.len() > all.len() {
            self.cache.retain(|name, _| all.contains_key(name));
        }
        Ok(all)
    }

    /// Reads one record, if there is one.
    pub(super) fn get(&mut self, name: &Name) -> Option<Reading> {
        let look = self.read_for_sure(name);
        self.remember(name, look)
    }

    /// The same for who has the lock.
    fn get_alone(&mut self, name: &Name) -> Option<Reading> {
        let look = self.read(name);
        self.remember(name, look)
    }

    /// Reads a record, and what makes no sense once more while nobody writes: by then, the file that was
    /// opened may be the one beside the record, to which the next record is written.
    fn read_for_sure(&self, name: &Name) -> Look {
        self.make_sure(name, self.read(name))
    }

    fn make_sure(&self, name: &Name, look: Look) -> Look {
        match look {
            torn @ Look::Read(Err(_), _) => match self.shared_lock() {
                Ok(_nobody_writes) => self.read(name),
                Err(_) => torn,
            },
            look => look,
        }
    }

    fn read(&self, name: &Name) -> Look {
        let path = self.file(name);
        let unwritten = self.unwritten.get(name).map(|(version, _)| version);
        let known = unwritten.or_else(|| self.cache.get(name).map(|(version, _)| version));
        if let Some(known) = known
            && fs::metadata(&path).is_ok_and(|it| Version::of(&it) == *known)
        {
            return Look::Known;
        }
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
        let read = opened.and_then(|(about, file)| Ok((read_whole(&path, file, &about)?, about)));
        match read {
            Ok((reading, about)) => Look::Read(reading, about),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Look::Nothing,
            Err(error) => Look::Unreadable(unreadable(&path, &error)),
        }
    }

    fn remember(&mut self, name: &Name, look: Look) -> Option<Reading> {
        if let Look::Known = look {
            let unwritten = self.unwritten.get(name).map(|(_, entry)| Ok(Arc::clone(entry)));
            return unwritten.or_else(|| self.cache.get(name).map(|(_, reading)| reading.clone()));
        }
        // Another program wrote since, and what it wrote it had seen.
        self.unwritten.remove(name);
        self.cache.remove(name);
        match look {
            Look::Read(reading, about) => {
                let changed = about.modified().ok();
                let age = changed.and_then(|it| SystemTime::now().duration_since(it).ok());
                if age.is_some_and(|it| it > SETTLED) {
                    self.cache.insert(name.clone(), (Version::of(&about), reading.clone()));
                }
                Some(reading)
            }
            Look::Unreadable(damage) => Some(Err(damage)),
            Look::Known | Look::Nothing => None,
        }
    }

    /// Replaces a record.
    pub(super) fn put(&mut self, name: &Name, record: Record) -> Result<Arc<Entry>, Error> {
        let _lock = self.lock()?;
        self.write(name, record)
    }

    /// Replaces a record whose run is still `seen`; gives back what is there now in any case. A
    /// torn one or none counts as a run of `None`.
    pub(super) fn put_if(
        &mut self,
        name: &Name,
        seen: Option<&Run>,
        record: Record,
    ) -> Result<Arc<Entry>, Error> {
        let _lock = self.lock()?;
        match self.get_alone(name) {
            Some(Ok(entry)) if Some(&entry.record.run) != seen => Ok(entry),
            _ => self.write(name, record),
        }
    }

    /// Removes a record; none there is fine.
    pub(super) fn remove(&mut self, name: &Name) -> Result<(), Error> {
        self.cache.remove(name);
        self.unwritten.remove(name);
        for path in [self.file(name), self.beside(name)] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let why = format!("cannot remove {}: {error}", path.display());
                    return Err(Error::Passing(why));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Keeps looks through all processes waiting while one is being started, until the lock is
    /// dropped *and* the new process has become its program. Before that, it does not carry its
    /// mark yet; but it holds this lock too, even when the program that starts it is killed.
    pub(super) fn begin_start(&self) -> Result<File, Error> {
        self.lock()
    }

    /// Waits until every process that is being started carries its mark.
    pub(super) fn await_starts(&self) -> io::Result<()> {
        self.shared_lock().map(drop)
    }

    /// Keeps everybody from writing and from starting a process, until it is dropped. None where there is
    /// no folder yet.
    fn shared_lock(&self) -> io::Result<Option<File>> {
        match File::open(&self.folder) {
            Ok(folder) => {
                flock(&folder, FlockOperation::LockShared)?;
                Ok(Some(folder))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn lock(&self) -> Result<File, Error> {
        let lock = || {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            let folder = File::open(&self.folder)?;
            flock(&folder, FlockOperation::LockExclusive)?;
            Ok(folder)
        };
        lock().map_err(|error: io::Error| failed_write(&self.folder, &error))
    }

    /// Needs the lock.
    fn write(&mut self, name: &Name, record: Record) -> Result<Arc<Entry>, Error> {
        let path = self.file(name);
        let error = match self.replace(name, &record) {
            Ok(()) => {
                self.cache.remove(name);
                self.unwritten.remove(name);
                return Ok(Arc::new(Entry::new(record)));
            }
            Err(error) => error,
        };
        match self.get_alone(name) {
            Some(Ok(there)) if no_room(&error) && record.tells_only_of_runs(&there.record) => {
                let about = fs::metadata(&path).map_err(|error| failed_write(&path, &error))?;
                tracing::warn!("{}", failed_write(&path, &error));
                let entry = Arc::new(Entry::new(record));
                self.unwritten.insert(name.clone(), (Version::of(&about), Arc::clone(&entry)));
                Ok(entry)
            }
            _ => Err(failed_write(&path, &error)),
        }
    }

    /// The record and the file beside it change places, which the file system does at once and
    /// without going to the disk; replacing a file makes it write the new one first. So that a
    /// killed writer leaves nothing more behind, the file beside it stays.
    fn replace(&self, name: &Name, record: &Record) -> io::Result<()> {
        let (path, beside) = (self.file(name), self.beside(name));
        let text = serde_json::to_vec(record)?;
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(false).mode(0o600).open(&beside)?;
        file.write_all(&text)?;
        file.set_len(text.len() as u64)?;
        match renameat_with(CWD, &beside, CWD, &path, RenameFlags::EXCHANGE) {
            // There is none yet, or this file system can't do it.
            Err(Errno::NOENT | Errno::INVAL | Errno::NOSYS) => fs::rename(&beside, &path),
            other => Ok(other?),
        }
    }

    fn beside(&self, name: &Name) -> PathBuf {
        self.folder.join(format!(".{name}.json"))
    }

    /// Tries again to write what could not be written.
    fn write_down(&mut self) {
        let names: Vec<Name> = self.unwritten.keys().cloned().collect();
        for name in names {
            let Ok(_lock) = self.lock() else { return };
            // Forgets it if another program wrote since.
            let _ = self.get_alone(&name);
            if let Some((_, entry)) = self.unwritten.get(&name)
                && self.replace(&name, &entry.record).is_ok()
            {
                self.unwritten.remove(&name);
            }
        }
    }
}

/// Reads a record's file to its end, if it is the same all the time.
fn read_whole(path: &Path, mut file: File, about: &fs::Metadata) -> io::Result<Reading> {
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0) + 1);
    file.read_to_end(&mut bytes)?;
    if Version::of(&file.metadata()?) == Version::of(about) {
        return Ok(parse(path, &bytes, about));
    }
    let what = format!("the record {} was changed while it was read", path.display());
    Ok(Err(Damage { what, since: changed_at(about), torn: true }))
}

fn parse(path: &Path, bytes: &[u8], about: &fs::Metadata) -> Reading {
    serde_json::from_slice(bytes).map(|record| Arc::new(Entry::new(record))).map_err(|error| {
        // Not the error's own text: it may quote the record, and with it a secret.
        let place = format!("line {}, column {}", error.line(), error.column());
        Damage {
            what: format!("the record {} is damaged at {place}", path.display()),
            since: changed_at(about),
            torn: true,
        }
    })
}

/// The time of a file's last change.
fn changed_at(about: &fs::Metadata) -> Timestamp {
    about.modified().ok().and_then(|it| it.try_into().ok()).unwrap_or_default()
}

fn unreadable(path: &Path, error: &io::Error) -> Damage {
    let what = format!("the record {} can't be read: {error}", path.display());
    Damage { what, since: Timestamp::UNIX_EPOCH, torn: false }
}

fn failed_write(path: &Path, error: &io::Error) -> Error {
    let said = format!("cannot write {}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotADirectory => Error::Refused(format!(
            "{said}; make the folder writable for this user, or set `controller.state_dir`"
        )),
        _ => Error::Passing(said),
    }
}

#[cfg(test)]
mod tests;
