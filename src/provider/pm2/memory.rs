//! What is remembered from one look to the next, by a program that goes on looking.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

use super::{
    listed::{App, PmId},
    orphans::Orphan,
    settings::Settings,
};
use crate::core::{
    id::Name,
    resource::{Actual, Mark, Run, Sightings, Status},
};

/// How long a daemon that was shut down in order is given to come back: `pm2 update` takes it away
/// and brings it back.
pub(super) const COMES_BACK: Duration = Duration::from_secs(10);

/// How long an app that is gone from a daemon's list is given to come back. A daemon that is being
/// shut down or updated has its apps deleted one by one before, and gets them one by one after: what
/// is made meanwhile would run twice.
const STAYS_AWAY: SignedDuration = SignedDuration::from_millis(600);

/// What is remembered.
#[derive(Default)]
pub(super) struct Memory {
    /// When a daemon was seen last.
    pub(super) seen_at: Option<Instant>,
    /// The daemon for which all processes of the machine were looked through.
    pub(super) scanned_for: Option<i32>,
    /// The processes that are left of an earlier daemon.
    pub(super) orphans: Vec<Orphan>,
    /// Whether that daemon had lost its list when it was seen first.
    pub(super) lost_its_list: bool,
    /// The instances that were found stopped, by number and start: they are not between two runs.
    pub(super) stopped: BTreeSet<(String, Option<i64>)>,
    /// How each that does not run was found when it was first found so, and after which runs.
    ends: BTreeMap<Name, (Runs, Status)>,
    /// The apps of ours as they were seen last.
    pub(super) known: BTreeMap<Name, Known>,
    /// Whether something was being stopped at the last look.
    busy: bool,
    /// The primaries that are off duty: with a daemon they come back registered, and not started.
    pub(super) off_duty: BTreeSet<Name>,
    /// The primaries that were stopped while there was no daemon.
    pub(super) stopped_alone: BTreeSet<Name>,
    /// The daemon that this program started: nobody else is about to fill it.
    pub(super) started: Option<i32>,
}

/// An app of ours as it was seen last.
pub(super) struct Known {
    actual: Actual,
    /// The daemon that had it.
    daemon: i32,
    /// Since when a daemon has it no more.
    gone_at: Option<Timestamp>,
}

/// The last run of each instance of an app: its number, and when it started.
pub(super) type Runs = Vec<(PmId, Option<i64>)>;

impl Memory {
    /// Adds the apps of ours that the daemon has no more, as long as they may come back. `busy` says
    /// whether something is being stopped there.
    pub(super) fn add_missing(
        &mut self,
        sightings: &mut Sightings,
        settings: &Settings,
        (daemon, busy): (i32, bool),
        now: Timestamp,
    ) {
        // How long it went on after the last look is not known.
        let busy = std::mem::replace(&mut self.busy, busy) || busy;
        let filled_by_us = self.started == Some(daemon);
        let mut known = std::mem::take(&mut self.known);
        known.retain(|name, it| {
            let Some(app) = settings.apps.get(name) else { return false };
            if sightings.contains_key(name) || (filled_by_us && it.daemon != daemon) {
                return false;
            }
            let gone_at = it.gone_at.filter(|_| !busy).map_or(now, |it| it.min(now));
            it.gone_at = Some(gone_at);
            let retry_at = gone_at.checked_add(STAYS_AWAY).unwrap_or(Timestamp::MAX);
            let how = "is no longer registered at PM2".to_owned();
            // Nor is it changed meanwhile, which would make it again.
            it.actual.body = app.body.clone();
            it.actual.mark =
                Some(Mark { written: app.body.digest(), backs_up: app.wanted().backs_up });
            it.actual.status = match app.run {
                Run::On => Status::Down { at: gone_at, how, retry_at },
                Run::Off | Run::AsIs if retry_at <= now => return false,
                Run::Off | Run::AsIs => Status::Stopped,
            };
            true
        });
        let seen = |actual: &Actual| Known { actual: actual.clone(), daemon, gone_at: None };
        let seen: Vec<_> =
            sightings.iter().map(|(name, actual)| (name.clone(), seen(actual))).collect();
        sightings.extend(known.iter().map(|(name, it)| (name.clone(), it.actual.clone())));
        known.extend(seen);
        self.known = known;
    }

    /// PM2 does not tell when something ended. It is the time when it was first found so: with the
    /// time of each look, whatever rests would rest for ever.
    pub(super) fn date(&mut self, sightings: &mut Sightings, runs: &BTreeMap<Name, Runs>) {
        let mut ends = BTreeMap::new();
        for (name, actual) in sightings {
            let runs = runs.get(name).cloned().unwrap_or_default();
            let before = self.ends.get(name).filter(|(of, _)| *of == runs).map(|(_, it)| it);
            let dated = self.known.get(name).is_some_and(|it| it.gone_at.is_some());
            if let Some(before) = before.filter(|it| !dated && are_alike(it, &actual.status)) {
                actual.status = before.clone();
            }
            ends.insert(name.clone(), (runs, actual.status.clone()));
        }
        self.ends = ends;
    }
}

/// Whether two ends are told alike, whenever they were seen.
fn are_alike(one: &Status, other: &Status) -> bool {
    match (one, other) {
        (Status::Down { how, .. }, Status::Down { how: other, .. })
        | (Status::Finished { how, .. }, Status::Finished { how: other, .. })
        | (Status::Failed { how, .. }, Status::Failed { how: other, .. }) => how == other,
        (Status::Unwell { pid, how, .. }, Status::Unwell { pid: other, how: other_how, .. }) => {
            (pid, how) == (other, other_how)
        }
        _ => false,
    }
}

pub(super) fn runs_of(app: &App) -> Runs {
    app.iter().map(|it| (it.pm_id.clone(), it.pm2_env.pm_uptime)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::resource::Body;

    fn down(second: i64) -> Status {
        let at = Timestamp::from_second(second).unwrap();
        Status::Down { at, how: "ended".to_owned(), retry_at: at }
    }

    #[test]
    fn what_is_down_has_the_time_when_it_was_first_found_so() {
        let mut memory = Memory::default();
        let name = Name::literal("a");
        let mut look = |status: Status, run: i64| {
            let actual = Actual { body: Body::default(), status, mark: None, vitals: None };
            let mut sightings: Sightings = [(name.clone(), actual)].into();
            let runs = [(name.clone(), vec![(PmId::Number(0), Some(run))])].into();
            memory.date(&mut sightings, &runs);
            sightings.remove(&name).unwrap().status
        };
        assert_eq!(look(down(1), 7), down(1));
        assert_eq!(look(down(2), 7), down(1), "or it would rest for ever");
        assert_eq!(look(down(3), 8), down(3), "it ran in between");
        assert_eq!(look(Status::Stopped, 8), Status::Stopped);
        assert_eq!(look(down(4), 8), down(4));
    }
}
