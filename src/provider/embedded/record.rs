//! The records: what is known of each process, a file for each, `STATE_DIR/embedded/NAME.json`.
//!
//! A record is replaced as a whole and never synced to the disk: after a power loss, the processes
//! that it speaks of are gone too, and what should exist is in the config. Programs that write at
//! once take turns by a lock on the folder, held for one read and one write.
//!
//! A full disk must not keep a process down: how a known process does may then go unwritten. This
//! program goes by its memory, and a later one by the marks of what runs.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use jiff::{SignedDuration, Timestamp};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::{definition::Definition, kernel::ProcessId};
use crate::{
    core::{digest::Digest, id::Name, recovery::Ended, resource::Body, schedule::Schedule},
    provider::Error,
};

/// What is known of one process.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What it is made from.
    pub(super) definition: Definition,
    /// The digest of the definition's body as we wrote it.
    pub(super) written: Digest,
    /// What it stands in for.
    pub(super) backs_up: Option<String>,
    /// Whether it should run.
    pub(super) on: bool,
    /// Its run: the one that goes on, or the last one.
    pub(super) run: Run,
    /// The failures in a row before that run.
    pub(super) failures: u32,
    /// How often it was started again.
    pub(super) restarts: u64,
    /// The time up to which its schedule has been obeyed.
    pub(super) last_tick: Option<Timestamp>,
}

/// A run of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Run {
    /// There was none.
    Never,
    /// It was about to be started. Whether it was, only the kernel knows.
    Starting,
    /// It was started.
    Started {
        /// The leader of its group.
        process: ProcessId,
        /// When.
        since: Timestamp,
    },
    /// It is over.
    Ended {
        /// The leader of its group, if there was one.
        process: Option<ProcessId>,
        /// How it ended.
        ended: Ended,
    },
}

/// A record, and what is made from it again and again.
pub(super) struct Entry {
    pub(super) record: Record,
    pub(super) body: Body,
    /// Its schedule, or why that can't be read.
    pub(super) schedule: Result<Option<Schedule>, String>,
    /// When the schedule comes next after the record's own time.
    pub(super) next: Option<Timestamp>,
}

impl Entry {
    pub(super) fn new(record: Record) -> Self {
        let schedule = record.definition.schedule();
        let next = match (&schedule, record.ticked_until()) {
            (Ok(Some(schedule)), Some(until)) => schedule.next_after(until),
            _ => None,
        };
        Self { body: record.definition.body(), schedule, next, record }
    }
}

impl Record {
    /// The time up to which its schedule has been obeyed: ticks during a run are skipped.
    pub(super) fn ticked_until(&self) -> Option<Timestamp> {
        match &self.run {
            Run::Ended { ended, .. } => self.last_tick.max(Some(ended.at)),
            _ => self.last_tick,
        }
    }

    /// Whether it says the same as `other` of everything but runs and the clock.
    fn tells_only_of_runs(&self, other: &Self) -> bool {
        self.definition == other.definition
            && self.written == other.written
            && self.backs_up == other.backs_up
            && self.on == other.on
    }

    /// The record without any time later than `now`, if it has one: the clock was set back, and
    /// nothing may sleep until it has caught up.
    pub(super) fn clock_set_back(&self, now: Timestamp) -> Option<Self> {
        // Another program's look at the clock may be a moment younger than ours.
        let latest = now.checked_add(SignedDuration::from_secs(1)).unwrap_or(now);
        if self.ticked_until().is_none_or(|it| it <= latest) {
            return None;
        }
        let mut record = self.clone();
        record.last_tick = self.last_tick.map(|it| it.min(now));
        if let Run::Ended { ended, .. } = &mut record.run {
            ended.at = ended.at.min(now);
        }
        Some(record)
    }
}

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
        let mut all = BTreeMap::new();
        for name in names {
            // None: removed since the folder was read.
            if let Some(reading) = self.get(&name) {
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
        let path = self.file(name);
        let about = match fs::metadata(&path) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return Some(Err(unreadable(&path, &error))),
        };
        let version = Version::of(&about);
        if let Some((replaced, entry)) = self.unwritten.get(name) {
            if *replaced == version {
                return Some(Ok(Arc::clone(entry)));
            }
            // Another program wrote since, and what it wrote it had seen.
            self.unwritten.remove(name);
        }
        if let Some((known, reading)) = self.cache.get(name)
            && *known == version
        {
            return Some(reading.clone());
        }
        let reading = match fs::read(&path) {
            Ok(bytes) => parse(&path, &bytes, &about),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => Err(unreadable(&path, &error)),
        };
        let age = about.modified().ok().and_then(|it| SystemTime::now().duration_since(it).ok());
        if age.is_some_and(|it| it > SETTLED) {
            self.cache.insert(name.clone(), (version, reading.clone()));
        } else {
            self.cache.remove(name);
        }
        Some(reading)
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
        match self.get(name) {
            Some(Ok(entry)) if Some(&entry.record.run) != seen => Ok(entry),
            _ => self.write(name, record),
        }
    }

    /// Removes a record; none there is fine.
    pub(super) fn remove(&mut self, name: &Name) -> Result<(), Error> {
        self.cache.remove(name);
        self.unwritten.remove(name);
        let path = self.file(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::Passing(format!("cannot remove {}: {error}", path.display())))
            }
            _ => Ok(()),
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
        match self.get(name) {
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

    /// The temporary file has a fixed name, so that a killed writer leaves one behind at most.
    fn replace(&self, name: &Name, record: &Record) -> io::Result<()> {
        let temporary = self.folder.join(format!(".{name}.json"));
        let text = serde_json::to_vec(record)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&temporary)?.write_all(&text)?;
        fs::rename(&temporary, self.file(name))
    }

    /// Tries again to write what could not be written.
    fn write_down(&mut self) {
        let names: Vec<Name> = self.unwritten.keys().cloned().collect();
        for name in names {
            let Ok(_lock) = self.lock() else { return };
            // Forgets it if another program wrote since.
            let _ = self.get(&name);
            if let Some((_, entry)) = self.unwritten.get(&name)
                && self.replace(&name, &entry.record).is_ok()
            {
                self.unwritten.remove(&name);
            }
        }
    }
}

fn no_room(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), FileTooLarge | QuotaExceeded | StorageFull)
}

fn parse(path: &Path, bytes: &[u8], about: &fs::Metadata) -> Reading {
    serde_json::from_slice(bytes).map(|record| Arc::new(Entry::new(record))).map_err(|error| {
        // Not the error's own text: it may quote the record, and with it a secret.
        let place = format!("line {}, column {}", error.line(), error.column());
        Damage {
            what: format!("the record {} is damaged at {place}", path.display()),
            since: about.modified().ok().and_then(|it| it.try_into().ok()).unwrap_or_default(),
            torn: true,
        }
    })
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
