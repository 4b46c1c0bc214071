//! Looking: records and kernel brought together.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, atomic::Ordering},
};

use jiff::Timestamp;

use super::{
    Embedded,
    adopt::leaders,
    record::{Entry, Record, Run},
    records::{Damage, Reading},
    running::{Known, lock, over},
    status::status,
};
use crate::{
    core::{
        id::Name,
        recovery::{Ended, Exit},
        resource::{Actual, Body, Mark, Sightings, Status, Value},
    },
    provider::{
        Error,
        process::{
            kernel::{self, Fate, ProcessId, failed},
            mark::{self, Member},
        },
    },
};

/// The field of a body that stands for a record that can't be read.
pub(super) const DAMAGED: &str = "record";

impl Embedded {
    /// Everything that is there.
    pub(super) fn look(&self, now: Timestamp) -> Result<Sightings, Error> {
        let mut readings = lock(&self.records).all()?;
        self.settle(&mut readings, None, now)?;
        let actual = |reading: Reading| match reading {
            Ok(entry) => seen(&entry, now),
            Err(damage) => damaged(&damage),
        };
        Ok(readings.into_iter().map(|(name, reading)| (name, actual(reading))).collect())
    }

    /// One process, if it is there.
    pub(super) fn look_at(&self, name: &Name, now: Timestamp) -> Result<Option<Arc<Entry>>, Error> {
        let reading = lock(&self.records).get(name);
        let mut readings: BTreeMap<Name, Reading> =
            reading.into_iter().map(|it| (name.clone(), it)).collect();
        self.settle(&mut readings, Some(name), now)?;
        let reading = readings.remove(name).transpose();
        reading.map_err(|damage| Error::Refused(explain(&damage)))
    }

    /// Brings what was read up to what the kernel says: afterwards, every run that is written down
    /// as started goes on. With `only`, nothing else is looked at.
    fn settle(
        &self,
        readings: &mut BTreeMap<Name, Reading>,
        only: Option<&Name>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let boot = kernel::boot_id()?;
        let concerns = |name: &Name| only.is_none_or(|it| it == name);
        let mut missing = BTreeSet::new();
        for (name, reading) in readings.iter_mut() {
            let accounted = match reading {
                Ok(entry) => self.account_for(name, entry, &boot, now)?,
                Err(_) => false,
            };
            if !accounted {
                missing.insert(name.clone());
            }
        }
        let configured = self.settings.processes.keys();
        missing
            .extend(configured.filter(|it| concerns(it) && !readings.contains_key(*it)).cloned());
        if only.is_none() {
            let unrecorded = self.running.unrecorded(|it| !readings.contains_key(it));
            missing.extend(unrecorded.map_err(|error| failed("look after processes", &error))?);
        }
        let first = !self.scanned.load(Ordering::Acquire);
        // Nothing can run under a name before its first record is written, unless somebody removed
        // that: so when all was scanned once, a first start needs no scan of its own.
        let scan = |it: &Name| only.is_none() || readings.contains_key(it);
        if first || missing.iter().any(scan) {
            let members = self.scan(None).map_err(|error| failed("look through /proc", &error))?;
            for (name, leader) in leaders(members) {
                let known = readings.get(&name);
                let runs = |it: &Reading| {
                    it.as_ref().is_ok_and(|it| matches!(it.record.run, Run::Started { .. }))
                };
                if !concerns(&name) || (!missing.contains(&name) && known.is_some_and(runs)) {
                    continue;
                }
                if let Some(entry) = self.adopt(&name, &leader, known, &boot, now)? {
                    readings.insert(name.clone(), Ok(entry));
                    missing.remove(&name);
                }
            }
            if only.is_none() {
                self.scanned.store(true, Ordering::Release);
            }
        }
        for name in missing {
            if let Some(Ok(entry)) = readings.get_mut(&name)
                && let Run::Started { process, .. } = &entry.record.run
            {
                let ended = over(process, Exit::Unseen, now);
                *entry = self.end(&name, entry, process, ended);
            }
        }
        Ok(())
    }

    /// Every living process under a mark of this project, and those of `group`.
    pub(super) fn scan(&self, group: Option<i32>) -> io::Result<Vec<Member>> {
        lock(&self.records).await_starts()?;
        mark::scan(self.settings.scope, group)
    }

    /// Whether it is known what became of the last run. Where that has ended, `entry` says so
    /// afterwards.
    fn account_for(
        &self,
        name: &Name,
        entry: &mut Arc<Entry>,
        boot: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        if let Some(record) = entry.record.clock_set_back(now) {
            *entry = lock(&self.records).put_if(name, Some(&entry.record.run), record)?;
        }
        let failed = |error| failed(&format!("watch {name}"), &error);
        match &entry.record.run {
            Run::Never => Ok(true),
            Run::Starting => Ok(false),
            Run::Ended { process, ended } => {
                // Another program saw that our child was gone before we could say how it ended.
                if let Some(process) = process
                    && ended.exit == Exit::Unseen
                    && let Known::Ended(known) =
                        self.running.known(name, process, now).map_err(failed)?
                {
                    *entry = self.end(name, entry, process, Ended { at: ended.at, ..known });
                }
                Ok(true)
            }
            Run::Started { process, .. } => {
                match self.running.known(name, process, now).map_err(failed)? {
                    Known::Alive => Ok(true),
                    Known::Gone => Ok(false),
                    Known::Ended(ended) => {
                        *entry = self.end(name, entry, process, ended);
                        Ok(true)
                    }
                    Known::Nothing => self.meet(name, entry, boot, now).map_err(failed),
                }
            }
        }
    }

    /// Begins to watch a process that another program, or an earlier one, started. Whether it is
    /// known what became of it.
    fn meet(
        &self,
        name: &Name,
        entry: &mut Arc<Entry>,
        boot: &str,
        now: Timestamp,
    ) -> io::Result<bool> {
        let Run::Started { process, .. } = &entry.record.run else { return Ok(true) };
        if process.boot != boot {
            return Ok(false);
        }
        let Some(handle) = kernel::open(process.pid, process.start)? else { return Ok(false) };
        match kernel::fate(&handle, process)? {
            Fate::Gone => Ok(false),
            Fate::Alive => {
                let log = self.settings.log(name, &entry.record.definition);
                self.running.watch(name, process, handle, log).map(|()| true)
            }
            Fate::Ended(exit) => {
                *entry = self.end(name, entry, process, over(process, exit, now));
                Ok(true)
            }
        }
    }

    /// Writes down how a run ended. Where that fails the next look tries again.
    fn end(&self, name: &Name, entry: &Entry, process: &ProcessId, ended: Ended) -> Arc<Entry> {
        let run = Run::Ended { process: Some(process.clone()), ended };
        let record = Record { run, ..entry.record.clone() };
        match lock(&self.records).put_if(name, Some(&entry.record.run), record.clone()) {
            Ok(entry) => {
                if entry.record.run == record.run {
                    self.running.forget(name);
                }
                entry
            }
            Err(error) => {
                tracing::warn!("{name} ended, and that could not be written down: {error}");
                Arc::new(Entry::new(record))
            }
        }
    }
}

fn seen(entry: &Entry, now: Timestamp) -> Actual {
    let Record { written, backs_up, .. } = &entry.record;
    let mark = Some(Mark { written: *written, backs_up: backs_up.clone() });
    Actual { body: entry.body.clone(), status: status(entry, now), mark, vitals: None }
}

/// Shows a record that can't be read as something that needs a person, so that nothing else is
/// held up by it. Without a mark it is not taken for ours to change.
fn damaged(damage: &Damage) -> Actual {
    let how = explain(damage);
    let field = (DAMAGED.to_owned(), Value::Text(how.clone()));
    let body = Body { fields: [field].into(), ..Body::default() };
    Actual { body, status: Status::Failed { at: damage.since, how }, mark: None, vitals: None }
}

fn explain(damage: &Damage) -> String {
    let help = "remove the file, and what it was about is begun anew; a process that still runs \
                is found again";
    format!("{}; {help}", damage.what)
}
