//! What its runs and the clock tell of a job.

use std::time::Duration;

use jiff::Timestamp;

use super::{Asked, By, Job, Run, State, Verdict};
use crate::core::{
    span::{after, signed},
    timetable::Timetable,
};

/// A run that has not begun its work by then is stuck: waiting for a runner, or for a person.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// A run that works may take this long, at least.
const LONGEST_WORK: Duration = Duration::from_hours(6);

/// A planned run may begin this late before it is missed: the shortest and the longest grace. Places
/// that run jobs for many people are often late by half an hour, and at times by several.
const GRACE: (Duration, Duration) = (Duration::from_hours(1), Duration::from_hours(3));

/// For so long after its failure a run may be tried again. Later, another one is the better choice:
/// the world has changed, and its place may refuse.
const AGAIN_WITHIN: Duration = Duration::from_hours(1);

/// What is known of a job.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// Who disabled it, where it is.
    pub disabled: Option<By>,
    /// When it came to be, or was last changed: nothing was due before.
    pub since: Timestamp,
    /// Its runs, in any order, without those that say nothing of its work (such as for a proposal
    /// of a stranger).
    pub runs: &'a [Run],
}

/// When a job's work is due.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm<'a> {
    /// When its schedules begin a run; never, where it has none.
    pub times: &'a Timetable,
    /// How old its last success may become. None: as old as it will, where nothing plans a run.
    pub stale_after: Option<Duration>,
}

impl Rhythm<'_> {
    /// The last planned time after `since` by which a run should have begun, in view of the grace.
    fn due(&self, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let (last, next) = (self.times.last_before(now)?, self.times.next_after(now)?);
        let gap: Duration = next.duration_since(last).try_into().ok()?;
        let grace = (gap / 2).clamp(GRACE.0, GRACE.1);
        self.times.last_before(before(now, grace)).filter(|due| *due > since)
    }
}

/// What `history` says at `now` of a job with this `rhythm`.
#[must_use]
pub fn assess(history: &History<'_>, rhythm: &Rhythm<'_>, now: Timestamp) -> Job {
    let mut runs: Vec<&Run> = history.runs.iter().collect();
    // The latest first.
    runs.sort_by_key(|it| std::cmp::Reverse((it.begun, it.number)));
    let success = |run: &&&Run| run.verdict == Verdict::Success;
    let last_success = runs.iter().find(success).map(|it| it.changed);
    let last_planned_success =
        runs.iter().filter(|it| it.planned).find(success).map(|it| it.changed);
    let stuck = |run: &Run| is_stuck(run, rhythm, now);
    let active = runs.iter().any(|it| is_active(it) && !stuck(it));
    let due = rhythm.due(history.since, now);
    let missed = due.filter(|due| !runs.iter().any(|it| it.planned && it.created >= *due));
    let (state, lacking) = state(history, rhythm, &runs, last_success, missed, now);
    Job {
        state,
        lacking,
        last_success,
        last_planned_success,
        next: rhythm.times.next_after(now).filter(|_| history.disabled.is_none()),
        active,
        tried_again: runs
            .iter()
            .take_while(|it| it.verdict != Verdict::Success)
            .filter(|it| it.attempt > 1)
            .map(|it| it.begun)
            .collect(),
        asked: asked(&runs),
    }
}

/// How it does, and since when work is due that is not done.
fn state(
    history: &History<'_>,
    rhythm: &Rhythm<'_>,
    runs: &[&Run],
    last_success: Option<Timestamp>,
    missed: Option<Timestamp>,
    now: Timestamp,
) -> (State, Option<Timestamp>) {
    if let Some(by) = history.disabled {
        let lacking = missed.filter(|_| by == By::Inactivity);
        return (State::Disabled { by }, lacking);
    }
    let mut tell = runs.iter().filter(|it| tells(it));
    let (telling, before) = (tell.next(), tell.next());
    if let Some(run) = telling
        && let Some((how, at)) = failure(run)
    {
        let (number, attempt) = (run.number, run.attempt);
        let first = before.is_none_or(|it| it.verdict == Verdict::Success);
        let again = first && run.attempt == 1 && after(at, AGAIN_WITHIN) > now;
        // Its end may be told anew whenever something about it changes; its beginning stays.
        return (State::Failed { run: number, at, how, attempt, again }, Some(run.begun));
    }
    let mut since_then = runs.iter().take_while(|it| !tells(it));
    if let Some(run) = since_then.find(|it| is_stuck(it, rhythm, now))
        && let Verdict::Active { how, .. } = &run.verdict
    {
        let state = State::Stuck { run: run.number, how: how.clone(), since: run.begun };
        return (state, Some(run.begun));
    }
    let ran_by_schedule = runs.iter().any(|it| it.planned);
    if let Some(due) = missed.filter(|_| ran_by_schedule || last_success.is_some()) {
        return (State::Missed { due }, Some(due));
    }
    let stale_after = rhythm.stale_after.unwrap_or(Duration::MAX);
    let stale_at = after(last_success.unwrap_or(history.since), stale_after);
    if stale_at <= now {
        let lacking = missed.unwrap_or(stale_at).max(stale_at);
        return (State::Stale { since: last_success }, Some(lacking));
    }
    let by_schedule = rhythm.times.next_after(now).is_some();
    if last_success.is_none() || (by_schedule && !ran_by_schedule) {
        return (State::Unproven { by_schedule }, None);
    }
    (State::Well, None)
}

/// Whether a run says how the job does: a finished one that has a verdict, or one that is tried again
/// because it failed.
fn tells(run: &Run) -> bool {
    match run.verdict {
        Verdict::Success | Verdict::Failure { .. } => true,
        Verdict::Active { .. } => run.attempt > 1,
        Verdict::None => false,
    }
}

/// How a run has failed, and when.
fn failure(run: &Run) -> Option<(String, Timestamp)> {
    match &run.verdict {
        Verdict::Failure { how } => Some((how.clone(), run.changed)),
        Verdict::Active { .. } if run.attempt > 1 => {
            Some(("failed and is tried again".to_owned(), run.begun))
        }
        Verdict::Active { .. } | Verdict::Success | Verdict::None => None,
    }
}

/// How a run that was asked for has not done what it was asked for, and when that was seen. What was
/// cancelled counts too: otherwise another one would be asked for at once, again and again.
fn undone(run: &Run) -> Option<(String, Timestamp)> {
    match run.verdict {
        Verdict::None => Some(("was cancelled or skipped".to_owned(), run.changed)),
        Verdict::Failure { .. } | Verdict::Active { .. } | Verdict::Success => failure(run),
    }
}

fn is_active(run: &Run) -> bool {
    matches!(run.verdict, Verdict::Active { .. })
}

/// Whether a run has been at it for longer than it may.
fn is_stuck(run: &Run, rhythm: &Rhythm<'_>, now: Timestamp) -> bool {
    let longest = match run.verdict {
        Verdict::Active { working: true, .. } => {
            rhythm.stale_after.unwrap_or_default().max(LONGEST_WORK)
        }
        Verdict::Active { working: false, .. } => LONGEST_WAIT,
        Verdict::Success | Verdict::Failure { .. } | Verdict::None => return false,
    };
    after(run.begun, longest) <= now
}

/// The last of `runs` (the latest first) that somebody asked for.
fn asked(runs: &[&Run]) -> Option<Asked> {
    let asked = || runs.iter().filter(|it| !it.planned);
    let last = asked().next()?;
    let failures = asked().take_while(|it| undone(it).is_some()).map(|it| it.begun).collect();
    let success = asked().find(|it| it.verdict == Verdict::Success);
    Some(Asked {
        created: last.begun,
        failed: undone(last),
        succeeded: success.map(|it| it.begun),
        failures,
    })
}

fn before(time: Timestamp, span: Duration) -> Timestamp {
    time.checked_sub(signed(span)).unwrap_or(Timestamp::MIN)
}
