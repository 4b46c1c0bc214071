//! Making changes.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{
    Pm2,
    client::{Client, Prepared, Started},
    daemon,
    definition::HOT_FIELDS,
    listed::{Listed, registrations},
    orphans, settings,
};
use crate::{
    config::pm2::DAEMON,
    core::{
        change::Change,
        id::Name,
        resource::{Body, Run},
    },
    provider::Error,
};

/// How long a process that no daemon knows may take to stop, where the config says nothing of it.
const STOP: Duration = Duration::from_secs(10);

/// How long a start of the daemon has to fail before it is not tried again at once.
const LONG: Duration = Duration::from_secs(2);

impl Pm2 {
    /// Makes `change`.
    pub(super) async fn make(
        &self,
        name: &Name,
        change: &Change,
        now: Timestamp,
    ) -> Result<(), Error> {
        if name.as_str() == DAEMON {
            return match change {
                Change::Start => {
                    self.daemon().await?;
                    // One that runs already lacks what it should have.
                    let _one_at_a_time = self.starting.lock().await;
                    let off_duty = self.memory().off_duty.clone();
                    daemon::resurrect(&self.settings, self.home()?, &off_duty).await
                }
                _ => Err(Error::Refused("only the start of PM2's daemon is ours".to_owned())),
            };
        }
        if let Some(raw) = self.primary(name) {
            match change {
                Change::Start => return self.start_primary(raw, false).await,
                Change::Restart => return self.start_primary(raw, true).await,
                Change::Stop => return self.stop_primary(name, raw).await,
                // What an earlier config made, and only that, still carries our mark.
                Change::Create { .. } | Change::Update { .. } | Change::Delete { .. } => {}
            }
        }
        match change {
            Change::Create { to, run, .. } => self.create(name, to, *run).await,
            Change::Update { from, to, .. } => self.update(name, from, to, now).await,
            Change::Delete { .. } => self.remove(name).await,
            Change::Start | Change::Restart => self.start(name, *change == Change::Restart).await,
            Change::Stop => self.stop(name).await,
        }
    }

    /// Makes sure that there is a daemon.
    pub(super) async fn make_daemon_ready(&self) -> Result<(), Error> {
        self.daemon().await.map(drop)
    }

    /// The daemon, started if there is none.
    pub(super) async fn daemon(&self) -> Result<Client, Error> {
        let home = self.home()?;
        let asked = Instant::now();
        let mut failed = self.starting.lock().await;
        // What took long in vain, as an installation does, is not tried again by all who waited.
        if let Some((at, error)) = &*failed
            && at.saturating_duration_since(asked) > LONG
        {
            return Err(error.clone());
        }
        let off_duty = self.memory().off_duty.clone();
        match daemon::ensure(&self.settings, home, &off_duty).await {
            Ok((client, started)) => {
                if started {
                    self.memory().started = Some(client.pid);
                }
                Ok(client)
            }
            Err(error) => {
                *failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// What the config says of `name`, if that is still what was planned: a plan has only digests
    /// of what it must not show.
    fn planned(&self, name: &Name, to: &Body) -> Result<&settings::App, Error> {
        let configured = self.settings.apps.get(name);
        configured.filter(|it| it.body == *to).ok_or_else(|| {
            Error::Passing(format!(
                "the config of {name} has changed since the plan was made; plan again"
            ))
        })
    }

    /// The instances of an app of ours, and whether there is another's of that name.
    async fn instances(
        &self,
        client: &mut Client,
        name: &Name,
    ) -> Result<(Vec<Listed>, bool), Error> {
        let (mut ours, others) = self.apps(client.list().await?);
        Ok((ours.remove(name).unwrap_or_default(), others.contains_key(name.as_str())))
    }

    async fn create(&self, name: &Name, to: &Body, run: Run) -> Result<(), Error> {
        let app = self.planned(name, to)?;
        let mut client = self.daemon().await?;
        let (ours, others) = self.instances(&mut client, name).await?;
        if others || !ours.is_empty() {
            return Err(Error::Passing(format!(
                "{name} was made by somebody else in the meantime; plan again"
            )));
        }
        self.register(&mut client, name, app, run, None).await
    }

    /// Registers an app of which nothing is there.
    async fn register(
        &self,
        client: &mut Client,
        name: &Name,
        app: &settings::App,
        run: Run,
        past: Option<&Listed>,
    ) -> Result<(), Error> {
        let mut definition = self.prepare(name, app, run)?;
        if let Some(past) = past {
            definition = definition.with_past_of(past);
        }
        self.end_orphans(client, name).await?;
        let started = client.prepare(&definition).await?;
        if started.iter().any(Started::is_ghost) {
            for instance in &started {
                client.delete(instance.id(), app.stop_timeout).await?;
            }
            return Err(Error::Refused(format!(
                "PM2 could not start {name}: its program or its folder is missing"
            )));
        }
        Ok(())
    }

    /// What is sent to PM2 for an app.
    fn prepare(&self, name: &Name, app: &settings::App, run: Run) -> Result<Prepared, Error> {
        let variable = |name: &str| std::env::var(name).ok();
        let definition = &app.definition;
        if run == Run::On
            && let Some(why) = definition.unstartable(variable)
        {
            return Err(Error::Refused(format!("cannot start {name}: {why}")));
        }
        for folder in definition.log_folders() {
            std::fs::create_dir_all(folder).map_err(|error| {
                Error::Refused(format!("cannot make the folder {}: {error}", folder.display()))
            })?;
        }
        let mark = self.settings.mark(name, &app.body);
        let prepared = definition.prepared(run == Run::On, &mark, variable);
        prepared.map_err(|error| Error::Refused(format!("cannot tell PM2 of {name}: {error}")))
    }

    async fn update(
        &self,
        name: &Name,
        from: &Body,
        to: &Body,
        now: Timestamp,
    ) -> Result<(), Error> {
        let app = self.planned(name, to)?;
        let mut client = self.daemon().await?;
        let (mut ours, mut others) = self.apps(client.list().await?);
        let ours = ours.remove(name).unwrap_or_default();
        if ours.is_empty() {
            // A person asked for what another made to become ours, as it was then.
            let Some(theirs) = others.remove(name.as_str()) else {
                return self.register(&mut client, name, app, app.run, None).await;
            };
            if self.seen(name, &theirs, false, now)?.body != *from {
                return Err(Error::Passing(format!(
                    "{name} was changed by somebody else in the meantime; plan again"
                )));
            }
            let run = if theirs.iter().any(Listed::is_on) { Run::On } else { Run::Off };
            return self.replace(&mut client, name, app, (&theirs, None), run).await;
        }
        let live = self.seen(name, &ours, true, now)?.body;
        // Whether it runs is not what is changed here.
        let run = if ours.iter().any(Listed::is_on) { Run::On } else { Run::Off };
        let differing = to.differing_fields(&live);
        // A new instance of what is stopped would run.
        if run == Run::On
            && !differing.is_empty()
            && differing.iter().all(|it| HOT_FIELDS.contains(it))
        {
            return self.scale(&mut client, name, app, &ours).await;
        }
        let past = ours.iter().find(|it| run == Run::Off && it.ever_ran());
        self.replace(&mut client, name, app, (&ours, past), run).await
    }

    /// Takes away what is registered and registers it anew. PM2 changes the environment of what is
    /// there only by adding to it, and asks for a restart in any case. What has a `past` goes on as
    /// one that ran and was stopped.
    async fn replace(
        &self,
        client: &mut Client,
        name: &Name,
        app: &settings::App,
        (ours, past): (&[Listed], Option<&Listed>),
        run: Run,
    ) -> Result<(), Error> {
        // First of all, so that nothing is taken away that can't be put back.
        self.prepare(name, app, run)?;
        self.delete_all(client, ours).await?;
        self.register(client, name, app, run, past).await
    }

    /// Brings the number of instances to what the config says.
    async fn scale(
        &self,
        client: &mut Client,
        name: &Name,
        app: &settings::App,
        ours: &[Listed],
    ) -> Result<(), Error> {
        let wanted = app.definition.instances();
        if let Some((id, it)) = ours.iter().find_map(|it| Some((it.number()?, it))) {
            for _ in ours.len()..wanted {
                client.duplicate(id, it.listen_timeout()).await?;
            }
        }
        let extra = ours.get(wanted..).unwrap_or_default();
        self.delete_all(client, extra).await?;
        if extra.is_empty() { Ok(()) } else { self.end_orphans(client, name).await }
    }

    async fn remove(&self, name: &Name) -> Result<(), Error> {
        let home = self.home()?;
        self.memory().known.remove(name);
        // Without a daemon there may still be processes of it.
        if let Ok(mut client) = Client::connect(home).await? {
            let (ours, _) = self.instances(&mut client, name).await?;
            self.delete_all(&mut client, &ours).await?;
            return self.end_orphans(&mut client, name).await;
        }
        self.end_all(name, &BTreeSet::new()).await
    }

    async fn start(&self, name: &Name, again: bool) -> Result<(), Error> {
        let mut client = self.daemon().await?;
        let (ours, _) = self.instances(&mut client, name).await?;
        let configured = self.settings.apps.get(name);
        if ours.is_empty() {
            let app = configured.ok_or_else(|| vanished(name))?;
            return self.register(&mut client, name, app, Run::On, None).await;
        }
        if self.may_have_orphans(&client) {
            self.end_orphans(&mut client, name).await?;
        }
        // PM2 starts by the clock only what it was told the schedule of, and what stood by is
        // registered only once.
        if let Some(app) = configured
            && ((app.definition.cron().is_some()
                && ours.iter().any(|it| it.pm2_env.cron_restart.is_empty()))
                || (ours.len() < app.definition.instances() && !ours.iter().any(Listed::is_on)))
        {
            return self.replace(&mut client, name, app, (&ours, None), Run::On).await;
        }
        if let Some(app) = configured
            && let Some(why) = app.definition.unstartable(|name| std::env::var(name).ok())
        {
            return Err(Error::Refused(format!("cannot start {name}: {why}")));
        }
        for instance in &ours {
            let Some(id) = instance.number() else { continue };
            let (kill, ready) = (instance.kill_timeout(), instance.listen_timeout());
            let both = kill.saturating_add(ready);
            match instance.pm2_env.status.as_str() {
                "online" | "launching" if !again && runs(instance) => {}
                "stopped" if !instance.ever_ran() => client.start(id, ready).await?,
                "stopped" | "errored" => client.restart(id, both).await?,
                _ => {
                    if runs(instance) {
                        client.restart(id, both).await?;
                    } else {
                        // What waits for a restart, or has no process, is not started as it is. That
                        // it can't be stopped says only that there is nothing to stop.
                        if let Err(why) = client.stop(id, kill).await {
                            tracing::debug!("{name} was not stopped before its start: {why}");
                        }
                        client.restart(id, both).await?;
                    }
                }
            }
            self.bus.forgive(&instance.pm_id);
        }
        Ok(())
    }

    /// Stops an app. It is registered anew, as one that stands by: so it is told from one that a
    /// person stopped.
    async fn stop(&self, name: &Name) -> Result<(), Error> {
        let home = self.home()?;
        let Ok(mut client) = Client::connect(home).await? else {
            return self.end_all(name, &BTreeSet::new()).await;
        };
        let (ours, _) = self.instances(&mut client, name).await?;
        match self.settings.apps.get(name) {
            Some(app) => self.replace(&mut client, name, app, (&ours, None), Run::Off).await?,
            None => {
                for instance in &ours {
                    let Some(id) = instance.number() else { continue };
                    client.stop(id, instance.kill_timeout()).await?;
                }
            }
        }
        self.end_orphans(&mut client, name).await
    }

    /// Deletes instances. Whether nothing is left of them is for [`Self::end_orphans`] to prove.
    async fn delete_all(&self, client: &mut Client, ours: &[Listed]) -> Result<(), Error> {
        for instance in ours {
            let kill = instance.kill_timeout();
            client.delete(&instance.pm_id, kill).await?;
            self.bus.forgive(&instance.pm_id);
        }
        Ok(())
    }

    /// Ends what carries the mark of an app and is known to no registration of the daemon.
    async fn end_orphans(&self, client: &mut Client, name: &Name) -> Result<(), Error> {
        let known = registrations(&client.list().await?);
        self.end_all(name, &known).await
    }

    async fn end_all(&self, name: &Name, known: &BTreeSet<String>) -> Result<(), Error> {
        let timeout = self.settings.apps.get(name).map_or(STOP, |it| it.stop_timeout);
        orphans::end_marked(name, self.settings.scope, known, timeout).await
    }
}

/// Whether there is a process.
fn runs(instance: &Listed) -> bool {
    instance.pid.is_some_and(|it| it > 0)
}

fn vanished(name: &Name) -> Error {
    Error::Passing(format!("{name} is no longer there; plan again"))
}
