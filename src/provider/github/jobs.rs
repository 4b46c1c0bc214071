//! Workflows as jobs: how each does, by what GitHub tells of its runs, and what it is to do.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    timetable::Timetable,
    watching::{Seen, Watching},
};
use crate::{
    core::{
        backoff::Backoff,
        digest::Digest,
        id::Name,
        job::{self, Calls, History, Job, Policy, Rhythm, State},
        resource::{Actual, Run, Sightings, Status, Wanted, Wishes},
    },
    provider::files::{PATH, wish::text},
};

/// The rest before a backup is called after something was tried already.
pub(super) const BACKOFF: Backoff =
    Backoff { initial: Duration::from_mins(1), factor: 4.0, max: Duration::from_hours(1) };

/// The timetables of texts that were read before.
#[derive(Debug, Default)]
pub(super) struct Timetables(Mutex<HashMap<Digest, Timetable>>);

impl Timetables {
    fn of(&self, text: &str) -> Timetable {
        let digest = Digest::of([text]);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(digest).or_insert_with(|| Timetable::of(text)).clone()
    }

    /// Whether a schedule begins the workflow with this text.
    pub(super) fn is_planned(&self, actual: &Actual, now: Timestamp) -> bool {
        self.of(source(actual)).times().next_after(now).is_some()
    }

    /// Forgets those of other texts than those of `seen`.
    pub(super) fn keep_only(&self, seen: &Sightings) {
        let texts: BTreeSet<Digest> = seen.values().map(|it| Digest::of([source(it)])).collect();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|digest, _| texts.contains(digest));
    }
}

/// Where a workflow file is, relative to the project.
pub(super) fn path(actual: &Actual) -> Option<&str> {
    text(&actual.body, PATH).or_else(|| actual.body.files.keys().next().map(String::as_str))
}

fn source(actual: &Actual) -> &str {
    actual.body.files.values().next().map(String::as_str).unwrap_or_default()
}

/// How the workflow `actual` does, as far as its runs were `seen`, or why that is not known. `stale_after`:
/// how old its last success may be, where the config says it.
pub(super) fn assess(
    actual: &Actual,
    seen: &Seen,
    watching: &Watching,
    timetables: &Timetables,
    stale_after: Option<Duration>,
    now: Timestamp,
) -> Result<Job, String> {
    let path = path(actual).map(|it| watching.at_github(it)).unwrap_or_default();
    if let Some(why) = seen.why_unseen(&path) {
        return Err(why);
    }
    let Some(workflow) = seen.workflows.get(&path) else {
        return Ok(Job::only(State::NotInEffect));
    };
    let timetable = timetables.of(source(actual));
    let usual = || timetable.stale_after();
    let rhythm = Rhythm { times: timetable.times(), stale_after: stale_after.or_else(usual) };
    let runs = watching.runs(workflow, now);
    let history = History { disabled: workflow.disabled, since: workflow.since, runs: &runs };
    Ok(job::assess(&history, &rhythm, now))
}

/// Says of a primary and its backup what they are to do, in view of how their runs are.
pub(super) fn call(
    wishes: &mut Wishes,
    seen: &Sightings,
    primary: &Name,
    backup: &Name,
    policy: &Policy,
) {
    let Some(Status::Job(job)) = seen.get(primary).map(|it| &it.status) else { return };
    let second = seen.get(backup).filter(|it| it.mark.is_some()).and_then(|it| match &it.status {
        Status::Job(job) => Some(job.as_ref()),
        _ => None,
    });
    let calls = job::calls(primary.as_str(), job, second, policy);
    let Calls { primary: first, backup: second, stands_in } = calls;
    let wanted = Wanted { call: first, ..Wanted::not_ours(Run::On) };
    wishes.wanted.insert(primary.clone(), wanted);
    if let Some(wanted) = wishes.wanted.get_mut(backup) {
        (wanted.call, wanted.called) = (second, stands_in);
    }
}
