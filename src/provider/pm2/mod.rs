//! PM2: its processes, looked at and kept right over the sockets of its own daemon.
//!
//! `wire` and `client` speak to the daemon and `bus` listens to it; `program` finds or installs PM2, and
//! `daemon` starts it, with what `dump` says was saved. `listed` is what it has, `definition` what the config
//! makes of it; both come to the same `shape`, by which they are compared. `status` says how an app does, `look`
//! puts it all together (`memory` has what one look leaves to the next), and `change` makes one change. What
//! a dead daemon left running is found by `orphans`; `primaries` stops and starts what is none of ours; `log`
//! tells of ends that nobody heard.
//!
//! Whether a process runs is the kernel's word, never the daemon's alone.

mod bus;
mod change;
mod client;
mod daemon;
mod definition;
mod dump;
mod listed;
mod log;
mod look;
mod memory;
mod orphans;
mod primaries;
mod program;
mod settings;
mod shape;
mod status;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use self::{bus::Bus, memory::Memory, settings::Settings};
use super::{Error, Provider, process::end};
use crate::{
    config::{Project, pm2::DAEMON},
    core::{
        change::Change,
        checkup::Finding,
        id::Name,
        resource::{Run, Sightings, Wanted, Wishes},
    },
};

/// The apps of PM2 that a project asks for, and all others of the same daemon.
pub struct Pm2 {
    name: Name,
    settings: Settings,
    bus: Bus,
    memory: Mutex<Memory>,
    /// Held by whoever starts the daemon. When it last failed, and why.
    starting: tokio::sync::Mutex<Option<(Instant, Error)>>,
}

impl Pm2 {
    /// The provider, for the config of `project`. Looks at nothing yet.
    #[must_use]
    pub fn new(project: &Project) -> Self {
        let settings = Settings::of(project);
        Self {
            name: Name::literal("pm2"),
            bus: Bus::new(settings.home.clone().unwrap_or_default()),
            settings,
            memory: Mutex::default(),
            starting: tokio::sync::Mutex::default(),
        }
    }

    fn home(&self) -> Result<&Path, Error> {
        self.settings.home.as_deref().ok_or_else(|| {
            Error::Refused(
                "nothing says where PM2's home folder is; set `home` in [pm2], or PM2_HOME or HOME"
                    .to_owned(),
            )
        })
    }

    /// No code that holds it can panic half-way through a change.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The variables that PM2 gives a process, and that it is found again by.
pub(super) const MARKS: &[&str] = &["unique_id", "pm_id", "pm_exec_path", "name"];

/// Whether PM2 runs, is installed, or may be installed, as far as can be told without trying.
pub(super) fn can_be_had(project: &Project) -> bool {
    let settings = Settings::of(project);
    let runs = settings.home.as_deref().is_some_and(|it| client::socket(it).exists());
    runs || program::installed(&settings).is_some() || program::can_be_installed(&settings)
}

impl Provider for Pm2 {
    fn name(&self) -> &Name {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "process"
    }

    fn configure(&mut self, project: &Project) {
        let settings = Settings::of(project);
        if settings.home == self.settings.home && settings.scope == self.settings.scope {
            self.settings = settings;
        } else {
            *self = Self::new(project);
        }
    }

    fn observe(&self, now: Timestamp) -> BoxFuture<'_, Result<Sightings, Error>> {
        Box::pin(self.look(now))
    }

    fn desire(&self, _seen: &Sightings) -> Wishes {
        let apps = self.settings.apps.iter();
        let mut wanted: BTreeMap<Name, Wanted> =
            apps.map(|(name, app)| (name.clone(), app.wanted())).collect();
        if !wanted.is_empty() {
            // It may be there for others too, so only that it runs is asked for.
            let daemon = Wanted { insist: true, ..Wanted::not_ours(Run::On) };
            wanted.insert(Name::literal(DAEMON), daemon);
        }
        Wishes { wanted, ..Wishes::default() }
    }

    fn apply<'a>(
        &'a self,
        name: &'a Name,
        change: &'a Change,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.make(name, change, now))
    }

    fn make_ready(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(self.make_daemon_ready())
    }

    fn keep_off(&self, names: &BTreeSet<Name>) {
        self.memory().off_duty.clone_from(names);
    }

    fn drain(&self) -> Duration {
        // It has begun all that it was told before it answers, and what it has begun takes a moment.
        Duration::from_secs(3)
    }

    fn checkup(&self) -> BoxFuture<'_, Vec<Finding>> {
        let settings = &self.settings;
        let findings = if settings.concerned { program::checkup(settings) } else { Vec::new() };
        Box::pin(std::future::ready(findings))
    }

    fn kill_all(&self) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(end::kill_all("what PM2 runs for this project", self.settings.scope))
    }

    fn logs(&self, name: &Name) -> Vec<PathBuf> {
        let app = self.settings.apps.get(name);
        app.map(|it| it.definition.log_files().collect()).unwrap_or_default()
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if self.settings.concerned && self.settings.home.is_some() {
                self.bus.woken().await;
            } else {
                std::future::pending::<()>().await;
            }
        })
    }
}
