//! A supervisor of our own processes: for primaries and backups where there is no PM2, or where a
//! backup must not share PM2's fate.
//!
//! A process outlives the program that started it, and any later program finds it again: by its
//! record (`record`, `records`), and where that is missing or behind, by the mark in its
//! environment (`adopt`). So none is lost and none runs twice, whenever a
//! program is killed. That a process ended is the kernel's word too (`running`); what follows is
//! decided by [`crate::core::recovery`] from the record (`status`) and made by the next change
//! (`change`, `spawn`, `stop`).

mod adopt;
mod change;
mod definition;
mod look;
mod record;
mod records;
mod running;
mod settings;
mod spawn;
mod status;
mod stop;

use std::{
    path::PathBuf,
    sync::{Mutex, atomic::AtomicBool},
};

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use self::{records::Records, running::Running, settings::Settings};
use super::{Error, Provider, process::end};
use crate::{
    config::Project,
    core::{
        change::Change,
        id::Name,
        resource::{Sightings, Value, Wishes},
    },
};

/// The embedded processes of a project.
///
/// Looking and changing need a tokio runtime with its I/O and time drivers. Dropping it leaves the
/// processes running.
pub struct Embedded {
    name: Name,
    settings: Settings,
    records: Mutex<Records>,
    running: Running,
    /// Whether all processes of the machine were looked through once.
    scanned: AtomicBool,
}

impl Embedded {
    /// The supervisor of the embedded processes of `project`. Looks at nothing yet.
    #[must_use]
    pub fn new(project: &Project) -> Self {
        let settings = Settings::of(project);
        Self {
            name: Name::literal("embedded"),
            records: Mutex::new(Records::new(settings.records.clone())),
            settings,
            running: Running::default(),
            scanned: AtomicBool::new(false),
        }
    }
}

impl Provider for Embedded {
    fn name(&self) -> &Name {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "process"
    }

    fn supervises(&self) -> bool {
        true
    }

    fn configure(&mut self, project: &Project) {
        self.settings = Settings::of(project);
        let records = running::lock(&self.records).folder().to_owned();
        if records != self.settings.records {
            *self = Self::new(project);
        }
    }

    fn observe(&self, now: Timestamp) -> BoxFuture<'_, Result<Sightings, Error>> {
        Box::pin(async move { self.look(now) })
    }

    fn desire(&self, seen: &Sightings) -> Wishes {
        let mut wishes = Wishes::default();
        for (name, process) in &self.settings.processes {
            let damage = match seen.get(name).and_then(|it| it.body.fields.get(look::DAMAGED)) {
                Some(Value::Text(why)) => Some(why),
                _ => None,
            };
            match damage.or(process.impossible.as_ref()) {
                Some(why) => drop(wishes.impossible.insert(name.clone(), why.clone())),
                None => drop(wishes.wanted.insert(name.clone(), process.wanted())),
            }
        }
        wishes
    }

    fn apply<'a>(
        &'a self,
        name: &'a Name,
        change: &'a Change,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.make(name, change, now))
    }

    fn kill_all(&self) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(end::kill_all("what this project runs", self.settings.scope))
    }

    fn logs(&self, name: &Name) -> Vec<PathBuf> {
        vec![self.settings.log_file(name)]
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.running.ended())
    }

    fn places(&self) -> Vec<PathBuf> {
        vec![self.settings.records.clone()]
    }
}
