//! Making changes.

use jiff::{SignedDuration, Timestamp};

use super::{
    Embedded,
    definition::HOT_FIELDS,
    record::{Record, Run},
    running::lock,
    settings::Configured,
    spawn::spawn,
};
use crate::{
    config::model::StopSignal,
    core::{
        change::Change,
        id::Name,
        recovery::{self, Ended, Exit, Next},
        resource::{self, Body},
    },
    provider::{
        Error,
        process::{
            end::Manner,
            kernel::{self, ProcessId, failed},
            mark,
        },
    },
};

impl Embedded {
    /// Makes `change`, planned at `now`.
    pub(super) async fn make(
        &self,
        name: &Name,
        change: &Change,
        now: Timestamp,
    ) -> Result<(), Error> {
        match change {
            Change::Create { to, run, .. } => self.create(name, to, *run, now),
            Change::Update { to, restart, .. } => self.update(name, to, *restart, now).await,
            Change::Delete { .. } => {
                self.stop(name, now).await?;
                self.running.forget(name);
                lock(&self.records).remove(name)
            }
            Change::Start => self.start(name, now),
            Change::Stop => self.stop(name, now).await,
            Change::Restart => self.restart(name, now).await,
        }
    }

    /// What the config says of `name`, if that is still what was planned: a plan has only digests
    /// of what it must not show.
    fn planned(&self, name: &Name, to: &Body) -> Result<&Configured, Error> {
        let configured = self.settings.processes.get(name);
        configured.filter(|it| it.body == *to).ok_or_else(|| {
            Error::Passing(format!(
                "the config of {name} has changed since the plan was made; plan again"
            ))
        })
    }

    fn create(
        &self,
        name: &Name,
        to: &Body,
        run: resource::Run,
        now: Timestamp,
    ) -> Result<(), Error> {
        let configured = self.planned(name, to)?;
        if let Some(entry) = self.look_at(name, now)? {
            if entry.body != *to {
                return Err(Error::Passing(format!(
                    "{name} was made by somebody else in the meantime; plan again"
                )));
            }
            return match run {
                resource::Run::On => self.start(name, now),
                resource::Run::Off | resource::Run::AsIs => Ok(()),
            };
        }
        let on = run == resource::Run::On;
        let record = Record {
            definition: configured.definition.clone(),
            written: configured.body.digest(),
            backs_up: configured.backs_up.clone(),
            on,
            run: Run::Never,
            failures: 0,
            restarts: 0,
            last_tick: Some(now),
        };
        if on && record.definition.cron.is_none() {
            return self.launch(name, record, now);
        }
        lock(&self.records).put(name, record).map(drop)
    }

    async fn update(
        &self,
        name: &Name,
        to: &Body,
        restart: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        let began = std::time::Instant::now();
        let configured = self.planned(name, to)?;
        let entry = self.look_at(name, now)?.ok_or_else(|| vanished(name))?;
        let differing = configured.body.differing_fields(&entry.body);
        let cold = differing.iter().any(|it| !HOT_FIELDS.contains(it));
        let rescheduled = differing.contains("cron") || differing.contains("timezone");
        let runs = matches!(entry.record.run, Run::Started { .. });
        // One that has ended since it was seen running is begun all the same, unless somebody stopped it.
        let restart = restart && cold && (runs || entry.record.on);
        // Stopped first: a record never speaks of a newer definition than the process has.
        if restart && runs {
            self.end_all(name, leader(&entry.record), manner(&entry.record)).await?;
        }
        let mut record = Record {
            definition: configured.definition.clone(),
            written: configured.body.digest(),
            backs_up: configured.backs_up.clone(),
            ..entry.record.clone()
        };
        if rescheduled {
            record.last_tick = Some(now);
        }
        if cold && (restart || !runs) {
            // What failed was another program: this one gets its own chance.
            record.run = Run::Never;
            record.failures = 0;
        }
        if restart {
            let took = SignedDuration::try_from(began.elapsed()).unwrap_or_default();
            self.running.forget(name);
            return self.launch(name, record, now + took);
        }
        self.running.limit_log(name, record.definition.log);
        lock(&self.records).put(name, record).map(drop)
    }

    fn start(&self, name: &Name, now: Timestamp) -> Result<(), Error> {
        let entry = self.look_at(name, now)?.ok_or_else(|| vanished(name))?;
        let mut record = entry.record.clone();
        match &record.run {
            Run::Started { .. } if record.on => return Ok(()),
            Run::Started { .. } => {
                record.on = true;
                return lock(&self.records).put(name, record).map(drop);
            }
            Run::Never | Run::Starting => {}
            Run::Ended { ended, .. } => {
                let policy = record.definition.policy();
                let decision = recovery::decide(&policy, ended, record.failures, now);
                record.failures = match decision.next {
                    Next::Restart(_) if record.on => decision.failures,
                    // Somebody asked for it: that begins a new row.
                    Next::Restart(_) | Next::Finished | Next::GivenUp => 0,
                };
                record.restarts += 1;
            }
        }
        if record.definition.cron.is_some() {
            record.failures = 0;
            if !record.on {
                // On means that its schedule is obeyed from now on.
                record.on = true;
                record.last_tick = Some(now);
                return lock(&self.records).put(name, record).map(drop);
            }
        }
        self.launch(name, record, now)
    }

    async fn restart(&self, name: &Name, now: Timestamp) -> Result<(), Error> {
        let began = std::time::Instant::now();
        let entry = self.look_at(name, now)?.ok_or_else(|| vanished(name))?;
        if !matches!(entry.record.run, Run::Started { .. }) {
            return self.start(name, now);
        }
        self.end_all(name, leader(&entry.record), manner(&entry.record)).await?;
        self.running.forget(name);
        let restarts = entry.record.restarts + 1;
        let record = Record { run: Run::Never, failures: 0, restarts, ..entry.record.clone() };
        let took = SignedDuration::try_from(began.elapsed()).unwrap_or_default();
        self.launch(name, record, now + took)
    }

    /// Starts what is not running. The record says so before and after, so that whenever this
    /// program is killed, the next one knows to look for the process.
    fn launch(&self, name: &Name, mut record: Record, now: Timestamp) -> Result<(), Error> {
        let kernel = |error| failed(&format!("start {name}"), &error);
        if let Run::Ended { process: Some(leader), .. } = &record.run {
            kernel::kill_remains(leader).map_err(kernel)?;
        }
        record.on = true;
        record.run = Run::Starting;
        if record.definition.cron.is_some() {
            record.last_tick = Some(now);
        }
        lock(&self.records).put(name, record.clone())?;
        let log = self.settings.log(name, &record.definition);
        let mark = mark::of(self.settings.scope, name, record.written);
        let starting = lock(&self.records).begin_start()?;
        let spawned = spawn(&record.definition, &self.settings.root, &log, &mark);
        drop(starting);
        let pid = match spawned {
            Ok(pid) => pid,
            Err(why) => {
                let exit = Exit::NotStarted(why.to_string());
                let ended = Ended { exit, at: now, uptime_ms: 0 };
                record.run = Run::Ended { process: None, ended };
                lock(&self.records).put(name, record)?;
                return Err(match why {
                    Error::Passing(why) => Error::Passing(format!("cannot start {name}: {why}")),
                    Error::Refused(why) => Error::Refused(format!("cannot start {name}: {why}")),
                });
            }
        };
        let gone = || Error::Passing(format!("cannot start {name}: it was gone at once"));
        let found = ProcessId::of(pid.cast_signed(), &format!("start {name}"))?;
        let process = found.ok_or_else(gone)?;
        let handle = kernel::open(process.pid, process.start).map_err(kernel)?.ok_or_else(gone)?;
        record.run = Run::Started { process: process.clone(), since: now };
        lock(&self.records).put(name, record)?;
        self.running.watch(name, &process, handle, log).map_err(kernel)
    }

    async fn stop(&self, name: &Name, now: Timestamp) -> Result<(), Error> {
        let entry = self.look_at(name, now)?;
        let Some(entry) = entry else {
            let manner = Manner {
                signal: kernel::signal_of(StopSignal::default()),
                timeout: std::time::Duration::from_secs(10),
            };
            return self.end_all(name, None, manner).await;
        };
        if entry.record.on {
            // Written first: nobody shall take its end for a failure.
            let record = Record { on: false, failures: 0, ..entry.record.clone() };
            lock(&self.records).put(name, record)?;
        }
        self.end_all(name, leader(&entry.record), manner(&entry.record)).await?;
        let Some(entry) = self.look_at(name, now)? else { return Ok(()) };
        if entry.record.run == Run::Starting {
            let record = Record { run: Run::Never, ..entry.record.clone() };
            lock(&self.records).put(name, record)?;
        }
        Ok(())
    }
}

fn leader(record: &Record) -> Option<&ProcessId> {
    match &record.run {
        Run::Started { process, .. } => Some(process),
        Run::Ended { process, .. } => process.as_ref(),
        Run::Never | Run::Starting => None,
    }
}

fn manner(record: &Record) -> Manner {
    let definition = &record.definition;
    Manner { signal: kernel::signal_of(definition.stop_signal), timeout: definition.stop_timeout.0 }
}

fn vanished(name: &Name) -> Error {
    Error::Passing(format!("{name} is no longer there; plan again"))
}
