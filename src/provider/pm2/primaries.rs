//! Primaries that are none of ours, as far as an exclusive pair goes: they are stopped when they go
//! off duty and started when they come back, and nothing else is ever done to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Pm2,
    client::{Client, Prepared},
    daemon, dump,
    listed::{App, Listed, registrations},
    orphans,
};
use crate::{
    config::{Project, model::Runner, pairs},
    core::{
        duty::Side,
        id::Name,
        resource::{Actual, Body, Sightings, Status},
    },
    provider::{Error, process::kernel::failed},
};

/// How long such a primary may take to stop, where PM2 does not know.
const STOP: Duration = Duration::from_millis(1600);

/// The primaries of exclusive pairs that are none of the project's processes: by our name, what PM2
/// calls them.
pub(super) fn of(project: &Project) -> BTreeMap<Name, String> {
    let ours = |name: &Name| {
        let mut processes = project.config.process.iter();
        processes.any(|it| it.runner() == Runner::Pm2 && it.name == *name)
    };
    let exclusive = pairs(project).into_iter().filter(|it| it.rules.exclusive);
    let foreign = exclusive
        .map(|it| it.id(Side::Primary).clone())
        .filter(|it| it.provider.as_str() == Runner::Pm2.provider() && !ours(&it.name));
    let foreign: BTreeSet<Name> = foreign.map(|it| it.name).collect();
    let targets = project.config.process.iter().filter_map(|it| it.backs_up.as_deref());
    let names = targets.map(|it| it.strip_prefix("pm2/").unwrap_or(it));
    let named = names.map(|it| (Name::nearest(it), it.to_owned()));
    named.filter(|(name, _)| foreign.contains(name)).collect()
}

impl Pm2 {
    /// Adds the primaries that no daemon lists and whose processes go on all the same, and says of
    /// those that we stopped without a daemon that they are.
    pub(super) fn add_lost_primaries(
        &self,
        sightings: &mut Sightings,
        listed: &[Listed],
        has_daemon: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        let is_listed = |raw: &String| listed.iter().any(|it| it.name == *raw);
        let lost = self.settings.primaries.iter().filter(|(_, raw)| !is_listed(raw));
        let lost: BTreeMap<&Name, &String> = lost.collect();
        if lost.is_empty() {
            return Ok(());
        }
        let names = lost.values().map(|it| (*it).clone()).collect();
        let home = self.home()?;
        let left = orphans::of_home(home, &names, &registrations(listed))
            .map_err(|error| failed("look through /proc", &error))?;
        for (name, raw) in lost {
            let status = if let Some((_, pid)) = left.iter().find(|(of, _)| of == raw) {
                let how = "was left by a daemon of PM2 that died".to_owned();
                let pid = pid.unsigned_abs();
                Status::Unwell { pid, since: now, how, proven: false }
            } else if !has_daemon && self.memory().stopped_alone.contains(name) {
                // Nothing is left of it, and there is nobody who would start it.
                Status::StoppedByHand
            } else {
                continue;
            };
            let actual = Actual { body: Body::default(), status, mark: None, vitals: None };
            sightings.insert(name.clone(), actual);
        }
        Ok(())
    }

    /// Whether `name` is such a primary: what PM2 calls it.
    pub(super) fn primary(&self, name: &Name) -> Option<&String> {
        self.settings.primaries.get(name).filter(|_| !self.settings.apps.contains_key(name))
    }

    /// Stops a primary, and proves that nothing is left of it.
    pub(super) async fn stop_primary(&self, name: &Name, raw: &str) -> Result<(), Error> {
        let home = self.home()?;
        let names = BTreeSet::from([raw.to_owned()]);
        let Ok(mut client) = Client::connect(home).await? else {
            orphans::end_of_home(home, &names, &BTreeSet::new(), STOP).await?;
            self.memory().stopped_alone.insert(name.clone());
            return Ok(());
        };
        let app = instances(&client.list().await?, raw);
        for instance in &app {
            let Some(id) = instance.number() else { continue };
            client.stop(id, instance.kill_timeout()).await?;
            self.bus.forgive(&instance.pm_id);
        }
        let timeout = app.iter().map(Listed::kill_timeout).max().unwrap_or(STOP);
        let listed = client.list().await?;
        if let Some(instance) = instances(&listed, raw).iter().find(|it| it.is_on()) {
            return Err(Error::Passing(format!(
                "PM2 was told to stop {raw}, and it is {:?}{}",
                instance.pm2_env.status,
                if instance.pm2_env.cron_restart.is_empty() {
                    ""
                } else {
                    ": PM2's own schedule would start it again"
                }
            )));
        }
        // Those of its own registrations too: it is to be off.
        let others: Vec<Listed> = listed.into_iter().filter(|it| it.name != raw).collect();
        orphans::end_of_home(home, &names, &registrations(&others), timeout).await
    }

    /// Starts a primary: as PM2 has it, or as `pm2 save` kept it.
    pub(super) async fn start_primary(&self, raw: &str, again: bool) -> Result<(), Error> {
        let mut client = self.daemon().await?;
        let app = instances(&client.list().await?, raw);
        for instance in &app {
            let Some(id) = instance.number() else { continue };
            let both = instance.kill_timeout().saturating_add(instance.listen_timeout());
            let runs = instance.pid.is_some_and(|it| it > 0);
            if again || !runs || !matches!(instance.pm2_env.status.as_str(), "online" | "launching")
            {
                client.restart(id, both).await?;
            }
            self.bus.forgive(&instance.pm_id);
        }
        if !app.is_empty() {
            return Ok(());
        }
        let home = self.home()?;
        let saved = dump::read(home).map_err(Error::Refused)?;
        let saved = dump::primaries(&self.settings, &saved).filter(|it| match it {
            Ok(prepared) => prepared.name() == raw,
            Err(broken) => broken.name == raw,
        });
        let saved: Vec<Prepared> = saved.collect::<Result<_, _>>().map_err(|it| {
            let why = it.why;
            Error::Refused(format!(
                "PM2 has no {raw}, and what `pm2 save` kept of it can't be started: {why}; start it as it \
                 was started before, then run `pm2 save`"
            ))
        })?;
        if saved.is_empty() {
            return Err(Error::Refused(format!(
                "PM2 has no {raw}, and `pm2 save` kept none; start it as it was started before, then \
                 run `pm2 save`"
            )));
        }
        daemon::start_lost(&mut client, home, &saved).await
    }
}

fn instances(listed: &[Listed], raw: &str) -> App {
    listed.iter().filter(|it| it.name == raw).cloned().collect()
}
