//! Looking: what PM2 lists, brought together with what the kernel says.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

use super::{
    Pm2,
    client::{Absence, Client},
    daemon, dump,
    listed::{App, Listed},
    log::signal_in_log,
    memory::{COMES_BACK, runs_of},
    shape::Shape,
    status::{self, Kernel},
};
use crate::{
    config::pm2::DAEMON,
    core::{
        digest::Digest,
        id::Name,
        resource::{Actual, Body, Mark, Run, Sightings, Status, Vitals},
    },
    provider::{
        Error,
        process::{
            kernel::{self, failed},
            mark::MARK,
        },
    },
};

/// How long PM2 may take between the end of a process and its next start.
const BETWEEN: Duration = Duration::from_millis(80);

/// How often to look again at what is being stopped: PM2 notes that it is only after a while.
const MOST_LOOKS: u32 = 5;

impl Pm2 {
    /// Everything that is there.
    pub(super) async fn look(&self, now: Timestamp) -> Result<Sightings, Error> {
        if self.settings.concerned {
            return self.look_at_all(now).await;
        }
        // An earlier config may have left something there: it would run twice at another runner.
        if !self.settings.home.as_ref().is_some_and(|it| it.exists()) {
            return Ok(Sightings::new());
        }
        let seen = match self.look_at_all(now).await {
            // What is another user's can't hold anything of ours.
            Err(Error::Refused(_)) => Sightings::new(),
            seen => seen?,
        };
        Ok(seen.into_iter().filter(|(_, it)| it.mark.is_some()).collect())
    }

    async fn look_at_all(&self, now: Timestamp) -> Result<Sightings, Error> {
        let home = self.home()?;
        let failed = match Client::connect(home).await? {
            Ok(client) => {
                // Also one that dies before it answers: that it is gone is news.
                self.bus.answered();
                match self.look_at_daemon(client, now).await {
                    Err(error) => error,
                    seen => return seen,
                }
            }
            Err(absence) => return self.look_without_daemon(absence, now),
        };
        // It may have ended just now.
        match Client::connect(home).await? {
            Ok(_) => {
                self.bus.answered();
                Err(failed)
            }
            Err(absence) => self.look_without_daemon(absence, now),
        }
    }

    async fn look_at_daemon(&self, mut client: Client, now: Timestamp) -> Result<Sightings, Error> {
        let listed = self.settled_list(&mut client).await?;
        let version = client.version().await?;
        self.bus.answered();
        let new_to_us = self.memory().scanned_for != Some(client.pid);
        let orphans = self.orphans(&listed, client.pid)?;
        let mut lost_primaries = Sightings::new();
        self.add_lost_primaries(&mut lost_primaries, &listed, true, now)?;
        self.memory().stopped_alone.clear();
        let missing = self.missing(&listed);
        let lost_its_list = {
            let mut memory = self.memory();
            // What a daemon once had, and has no more, somebody took away.
            let lost = !missing.is_empty() && self.was_saved_before(client.pid);
            memory.lost_its_list = lost && (new_to_us || memory.lost_its_list);
            memory.seen_at = Some(Instant::now());
            memory.stopped = stopped(&listed).collect();
            memory.lost_its_list
        };
        self.bus.keep_only(|id| listed.iter().any(|it| it.pm_id == *id));
        let (mut sightings, mut runs) = (Sightings::new(), BTreeMap::new());
        let busy = listed.iter().any(|it| it.pm2_env.status == "stopping");
        let (ours, others) = self.apps(listed);
        for (name, app) in ours {
            runs.insert(name.clone(), runs_of(&app));
            let mut actual = self.seen(&name, &app, true, now)?;
            if let Some(orphan) = orphans.iter().find(|it| it.name == name) {
                actual.status = orphan.beside(actual.status, now);
            }
            sightings.insert(name, actual);
        }
        for orphan in &orphans {
            if !sightings.contains_key(&orphan.name) {
                sightings.insert(orphan.name.clone(), self.seen_orphan(orphan, now));
            }
        }
        self.memory().add_missing(&mut sightings, &self.settings, (client.pid, busy), now);
        let mut daemon = seen_daemon(&client, &version, now);
        if let Status::Running { since, .. } = daemon.status
            && lost_its_list
        {
            // A young one may be about to be filled.
            let how = format!("has lost what `pm2 save` kept: {}", missing.join(", "));
            let comes_back = SignedDuration::try_from(COMES_BACK).unwrap_or_default();
            let retry_at = since.checked_add(comes_back).unwrap_or(now);
            daemon.status = Status::Down { at: since, how, retry_at };
        }
        sightings.insert(Name::literal(DAEMON), daemon);
        for (name, app) in others {
            let name = free_name(&name, &sightings);
            runs.insert(name.clone(), runs_of(&app));
            let actual = self.seen(&name, &app, false, now)?;
            sightings.insert(name, actual);
        }
        sightings.extend(lost_primaries);
        self.memory().date(&mut sightings, &runs);
        Ok(sightings)
    }

    /// What the daemon lists, once nothing that matters is between two runs, or is for long.
    async fn settled_list(&self, client: &mut Client) -> Result<Vec<Listed>, Error> {
        let mut listed = client.list().await?;
        let mut looks = 1;
        while self.may_be_between_runs(&listed) && looks < MOST_LOOKS {
            tokio::time::sleep(BETWEEN).await;
            listed = client.list().await?;
            looks += 1;
            if !listed.iter().any(|it| self.concerns(it) && it.is_being_stopped()) {
                break;
            }
        }
        Ok(listed)
    }

    fn look_without_daemon(&self, absence: Absence, now: Timestamp) -> Result<Sightings, Error> {
        let home = self.home()?;
        if let Some(error) = daemon::unreachable(home)? {
            return Err(error);
        }
        let seen_at = self.memory().seen_at.max(self.bus.gone_at());
        if absence == Absence::NoSocket && seen_at.is_some_and(|it| it.elapsed() < COMES_BACK) {
            let seconds = COMES_BACK.as_secs();
            return Err(Error::Passing(format!(
                "PM2's daemon was shut down; if it is not back within {seconds} s it is started"
            )));
        }
        let mut sightings = Sightings::new();
        for orphan in self.orphans(&[], 0)? {
            sightings.insert(orphan.name.clone(), self.seen_orphan(&orphan, now));
        }
        let mut how = daemon::explain(absence).to_owned();
        let saved = dump::read(home).unwrap_or_else(|why| {
            if self.settings.options.resurrect {
                how.push_str("; what `pm2 save` kept does not come back: ");
                how.push_str(&why);
            }
            Vec::new()
        });
        let missing = self.missing(&[]);
        if !missing.is_empty() {
            how.push_str("; with it comes back what `pm2 save` kept: ");
            how.push_str(&missing.join(", "));
        }
        let down = Status::Down { at: now, how, retry_at: now };
        let daemon = Actual { body: Body::default(), status: down, mark: None, vitals: None };
        // Where nothing is asked of it, nobody misses it.
        if !self.settings.apps.is_empty() {
            sightings.insert(Name::literal(DAEMON), daemon);
        }
        // What was saved is what people expect to be there.
        for entry in saved {
            let Ok(listed) = dump::as_listed(&entry) else { continue };
            if self.mark_of(&listed).is_none() && !listed.is_module() {
                let name = free_name(&listed.name, &sightings);
                let body = Shape::seen(&listed, 1, None).body(home, &name);
                let how = "is without PM2's daemon, which is gone".to_owned();
                let status = Status::Down { at: now, how, retry_at: now };
                sightings.insert(name, Actual { body, status, mark: None, vitals: None });
            }
        }
        self.add_lost_primaries(&mut sightings, &[], false, now)?;
        self.memory().date(&mut sightings, &BTreeMap::new());
        Ok(sightings)
    }

    /// The apps of ours, and those of others by the name that PM2 has for them.
    pub(super) fn apps(&self, listed: Vec<Listed>) -> (BTreeMap<Name, App>, BTreeMap<String, App>) {
        let (mut ours, mut others) = (BTreeMap::<Name, App>::new(), BTreeMap::<String, App>::new());
        for it in listed {
            // One that is being replaced is about to go, and a module is no process of the user's.
            if it.number().is_none() || it.is_module() {
                continue;
            }
            match self.mark_of(&it) {
                Some((name, _)) => ours.entry(name).or_default().push(it),
                None => others.entry(it.name.clone()).or_default().push(it),
            }
        }
        (ours, others)
    }

    /// Whose an instance of ours is, and what that was made from.
    pub(super) fn mark_of(&self, listed: &Listed) -> Option<(Name, Digest)> {
        let mark = listed.pm2_env.env.get(MARK).map(String::as_str);
        self.settings.owner_of(&listed.name, mark)
    }

    /// An app as it was found.
    pub(super) fn seen(
        &self,
        name: &Name,
        app: &App,
        ours: bool,
        now: Timestamp,
    ) -> Result<Actual, Error> {
        let home = self.home()?;
        let configured = self.settings.apps.get(name);
        let set_by_us = |variable: &str| {
            configured.is_some_and(|it| it.definition.variables().any(|it| it == variable))
        };
        let environment: Option<&dyn Fn(&str) -> bool> = if ours { Some(&set_by_us) } else { None };
        let instances = match (app.as_slice(), configured) {
            // What does not run is registered once, however many instances it is to have.
            ([one], Some(it)) if ours && !one.is_on() => it.definition.instances(),
            _ => app.len(),
        };
        let shapes = app.iter().map(|it| Shape::seen(it, instances, environment));
        let bodies: Vec<Body> = shapes.map(|it| it.body(home, name)).collect();
        let mark = app.iter().find_map(|it| self.mark_of(it)).filter(|_| ours);
        // An instance that somebody changed shows what was changed.
        let odd = |body: &&Body| configured.is_some_and(|it| it.body != **body);
        let body = bodies.iter().find(odd).or(bodies.first()).cloned().unwrap_or_default();
        let mut facts = Vec::new();
        for it in app {
            let kernel = kernel_of(it).map_err(|error| failed("look at processes", &error))?;
            let mut heard = self.bus.heard(&it.pm_id, now);
            if heard.signal.is_none() && status::may_have_been_killed(it) {
                heard.signal = signal_in_log(&home.join("pm2.log"), &it.pm_id);
            }
            facts.push((it, kernel, heard));
        }
        let mut statuses: Vec<_> = facts
            .iter()
            .map(|(it, kernel, heard)| (it.pm_id.to_string(), status::of(it, kernel, heard, now)))
            .collect();
        // What should be off is off when none of its instances runs.
        if configured.is_some_and(|it| ours && it.run == Run::Off) && app.iter().any(Listed::is_on)
        {
            let on = |id: &str| app.iter().any(|it| it.is_on() && it.pm_id.to_string() == id);
            statuses.retain(|(id, _)| on(id));
        }
        let status = status::worst(statuses).unwrap_or(Status::Stopped);
        let crashes = app.iter().map(|it| self.bus.crashes(&it.pm_id)).sum();
        let vitals = status::vitals(facts.iter().map(|(it, kernel, heard)| (*it, kernel, heard)));
        let backs_up = configured.and_then(|it| it.wanted().backs_up);
        let mark = mark.map(|(_, written)| Mark { written, backs_up });
        Ok(Actual { body, status, mark, vitals: Some(Vitals { crashes, ..vitals }) })
    }

    /// Whether an instance is one of ours, or of a primary that has an exclusive backup.
    fn concerns(&self, listed: &Listed) -> bool {
        self.mark_of(listed).is_some()
            || self.settings.primaries.values().any(|it| *it == listed.name)
    }

    /// Whether an app is between the end of one run and the next, or seems stopped and may be.
    fn may_be_between_runs(&self, listed: &[Listed]) -> bool {
        let memory = self.memory();
        let ours = || listed.iter().filter(|it| self.concerns(it));
        ours().any(|it| matches!(it.pm2_env.status.as_str(), "stopping" | "launching"))
            || stopped_of(ours()).any(|it| !memory.stopped.contains(&it))
    }
}

fn stopped(listed: &[Listed]) -> impl Iterator<Item = (String, Option<i64>)> {
    stopped_of(listed.iter())
}

fn stopped_of<'a>(
    listed: impl Iterator<Item = &'a Listed>,
) -> impl Iterator<Item = (String, Option<i64>)> {
    // What PM2 does not start again is not between two runs.
    let stopped = listed.filter(|it| it.pm2_env.status == "stopped" && it.ever_ran());
    let stopped = stopped.filter(|it| it.pm2_env.autorestart != Some(false));
    stopped.map(|it| (it.pm_id.to_string(), it.pm2_env.pm_uptime))
}

/// What the kernel says of an instance.
fn kernel_of(listed: &Listed) -> std::io::Result<Kernel> {
    let Some(pid) = listed.pid.and_then(|it| i32::try_from(it).ok()).filter(|it| *it > 0) else {
        return Ok(Kernel::default());
    };
    let Some(stat) = kernel::stat(pid)?.filter(|it| !it.zombie) else {
        return Ok(Kernel::default());
    };
    let memory = listed.monit.memory.and_then(|it| u64::try_from(it).ok()).filter(|it| *it > 0);
    // Where PM2 fails to measure one process, it says 0 of all.
    let memory = memory.or_else(|| memory_of(pid));
    Ok(Kernel { alive: true, frozen: stat.frozen, memory })
}

/// The resident memory of a process, in bytes: the second field of `/proc/PID/statm`, in pages.
fn memory_of(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * u64::try_from(rustix::param::page_size()).ok()?)
}

fn seen_daemon(client: &Client, version: &str, now: Timestamp) -> Actual {
    let pid = client.pid;
    let started = kernel::stat(pid).ok().flatten().map(|it| kernel::age(it.start));
    let age = started.and_then(|it| SignedDuration::try_from(it).ok()).unwrap_or_default();
    let since = now.checked_sub(age).unwrap_or(now);
    let fields = [("version".to_owned(), version.into())].into();
    let status = Status::Running { pid: pid.unsigned_abs(), since };
    let vitals = Vitals { memory: memory_of(pid), ..Vitals::default() };
    let body = Body { fields, ..Body::default() };
    Actual { body, status, mark: None, vitals: Some(vitals) }
}

/// A name for an app that is none of ours. PM2 allows names that we don't, and the same one twice.
fn free_name(name: &str, taken: &Sightings) -> Name {
    let plain = Name::nearest(name);
    let others = (2u32..).filter_map(|it| format!("{plain}.{it}").parse().ok());
    let mut names = std::iter::once(plain.clone()).chain(others);
    names.find(|it| !taken.contains_key(it)).unwrap_or(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_pm2_becomes_one_of_ours() {
        let mut taken = Sightings::new();
        let mut names = Vec::new();
        for name in ["api", "api", "my app", "", "../x", "ünï", "daemon"] {
            let name = free_name(name, &taken);
            names.push(name.to_string());
            let actual =
                Actual { body: Body::default(), status: Status::Stopped, mark: None, vitals: None };
            taken.insert(name, actual);
        }
        assert_eq!(names, ["api", "api.2", "my_app", "_", "_.._x", "_n_", "daemon"]);
        assert!(free_name(&"x".repeat(500), &taken).as_str().len() <= Name::MAX);
    }
}
