//! The signs of life of a watch, by which others see that it does not hang.
//!
//! After each completed look it writes `STATE_DIR/heartbeat.json`. It also touches its lock then,
//! and while it finishes what is in hand: that needs no room on the disk.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{lock::Lock, service_manager};
use crate::core::{component::Watched, id::Name, monitor::Beat};

/// The version of the file's form.
const VERSION: u32 = 1;

/// Events may come in a storm; a sign of life within this of the last one says nothing new.
const SOON: Duration = Duration::from_millis(500);

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The version of the form. Within one it only gains keys.
    version: u32,
    /// The process id of the watch.
    pub pid: u32,
    /// When the watch began.
    pub since: Timestamp,
    /// When it last completed a look.
    pub looked_at: Timestamp,
    /// The longest time between two looks, in milliseconds.
    look_every_ms: u64,
    /// How each provider does that has been asked. A watch of an earlier version does not say.
    #[serde(default)]
    pub providers: BTreeMap<Name, Watched>,
}

impl Heartbeat {
    /// The file in a state folder.
    #[must_use]
    pub fn file(state_dir: &Path) -> PathBuf {
        state_dir.join("heartbeat.json")
    }

    /// What the file says, if it is there and makes sense.
    #[must_use]
    pub fn read(state_dir: &Path) -> Option<Self> {
        let path = Self::file(state_dir);
        // Opening a pipe waits for whoever is at its other end.
        if !fs::metadata(&path).ok()?.is_file() {
            return None;
        }
        let mut text = String::new();
        File::open(path).ok()?.take(4096).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok().filter(|it: &Self| it.version == VERSION)
    }

    /// The longest time between two looks.
    #[must_use]
    pub fn look_every(&self) -> Duration {
        Duration::from_millis(self.look_every_ms)
    }

    /// It, as decisions know it.
    #[must_use]
    pub fn beat(&self) -> Beat {
        Beat { pid: self.pid, looked_at: self.looked_at }
    }

    fn write(&self, state_dir: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self).map_err(io::Error::other)?;
        // Only its owner may read it. It need not outlive a power cut: the watch does not either.
        let mut file = tempfile::Builder::new().prefix(".heartbeat-").tempfile_in(state_dir)?;
        file.write_all(text.as_bytes())?;
        file.persist(Self::file(state_dir)).map_err(|error| error.error)?;
        Ok(())
    }
}

/// What gives the signs of life of this watch.
#[derive(Debug)]
pub(super) struct Pulse {
    since: Timestamp,
    last: Option<Timestamp>,
    /// How the providers did then.
    providers: BTreeMap<Name, Watched>,
    /// Whether it was said that the file can't be written.
    told: bool,
}

impl Pulse {
    pub(super) fn new(since: Timestamp) -> Self {
        Self { since, last: None, providers: BTreeMap::new(), told: false }
    }

    /// Says that a look was completed.
    pub(super) fn looked(
        &mut self,
        lock: &Lock,
        state_dir: &Path,
        look_every: Duration,
        providers: BTreeMap<Name, Watched>,
    ) {
        let now = Timestamp::now();
        let soon = |last| Duration::try_from(now.duration_since(last)).is_ok_and(|it| it < SOON);
        if self.last.is_some_and(soon) && self.providers == providers {
            return;
        }
        self.last = Some(now);
        self.providers.clone_from(&providers);
        lock.touch();
        service_manager::looked(look_every);
        let heartbeat = Heartbeat {
            version: VERSION,
            pid: std::process::id(),
            since: self.since,
            looked_at: now,
            look_every_ms: u64::try_from(look_every.as_millis()).unwrap_or(u64::MAX),
            providers,
        };
        match heartbeat.write(state_dir) {
            Ok(()) => self.told = false,
            Err(error) if !self.told => {
                self.told = true;
                let path = Heartbeat::file(state_dir);
                warn!("{} was not written, and all goes on: {error}", path.display());
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::controller::lock::watch_file;

    #[test]
    fn what_was_written_is_read_back_by_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Heartbeat::read(dir.path()), None);
        let since = Timestamp::from_second(1_700_000_000).unwrap();
        let lock = Lock::take(&watch_file(dir.path()), "watch", since).unwrap();
        let mut pulse = Pulse::new(since);
        let resting = Watched { rests_until: Some(since), begun_anew: 1, ..Watched::default() };
        let providers = BTreeMap::from([(Name::literal("p"), resting)]);
        pulse.looked(&lock, dir.path(), Duration::from_mins(5), providers.clone());
        let read = Heartbeat::read(dir.path()).unwrap();
        assert_eq!((read.pid, read.since), (std::process::id(), since));
        assert_eq!(read.providers, providers);
        assert_eq!(read.look_every(), Duration::from_mins(5));
        assert!(Lock::touched(&watch_file(dir.path())).unwrap() >= since);
        let mode = fs::metadata(Heartbeat::file(dir.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file is left");
    }

    #[test]
    fn what_an_earlier_version_wrote_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let text = r#"{"version":1,"pid":7,"since":"2024-01-01T00:00:00Z","looked_at":"2024-01-01T00:00:00Z","look_every_ms":5}"#;
        fs::write(Heartbeat::file(dir.path()), text).unwrap();
        assert!(Heartbeat::read(dir.path()).unwrap().providers.is_empty());
    }

    #[test]
    fn what_makes_no_sense_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "{", "{\"version\": 2}", "[1, 2]"] {
            fs::write(Heartbeat::file(dir.path()), text).unwrap();
            assert_eq!(Heartbeat::read(dir.path()), None, "{text}");
        }
    }
}
