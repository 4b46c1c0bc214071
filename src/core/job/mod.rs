//! Jobs: work that another place does in runs of its own, such as a workflow. Nobody here sees it
//! work; what is known of it is the list of its runs.
//!
//! [`assess`] says what the runs and the clock tell of a job, [`calls`] what to do about one that
//! does not do its work, and [`Covers`] remembers who stands in for whom.

mod assess;
mod cover;
mod ladder;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    assess::{History, Rhythm, assess},
    cover::{Cover, Covers, News, Way},
    ladder::{Call, Calls, Policy, calls},
};
use super::health::Health;

/// One run of a job. Tried again, it stays the same run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its number at the place where it runs.
    pub number: u64,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// Whether the job's own schedule began it, and nobody else.
    pub planned: bool,
    /// When its first attempt was asked for.
    pub created: Timestamp,
    /// When this attempt began.
    pub begun: Timestamp,
    /// When it last changed; when it ended, where it has.
    pub changed: Timestamp,
    /// What has come of it.
    pub verdict: Verdict,
}

/// What has come of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Verdict {
    /// It is not over.
    Active {
        /// What it does meanwhile: `is queued`, `runs`, `waits for an approval`.
        how: String,
        /// Whether its work has begun.
        working: bool,
    },
    /// It did its work.
    Success,
    /// It did not.
    Failure {
        /// How: `failed`, `timed out`.
        how: String,
    },
    /// It says nothing: it was cancelled or skipped.
    None,
}

/// A job as its runs show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// How it does.
    pub state: State,
    /// Since when work is due that it has not done, where that is so.
    pub lacking: Option<Timestamp>,
    /// When its work was last done, as far back as is known.
    pub last_success: Option<Timestamp>,
    /// When it was last done in a run that its own schedule began.
    pub last_planned_success: Option<Timestamp>,
    /// When its schedule begins the next run.
    pub next: Option<Timestamp>,
    /// Whether a run is not over that is no older than runs may become.
    pub active: bool,
    /// When runs were tried again, since one last did its work: each its last attempt.
    pub tried_again: Vec<Timestamp>,
    /// The last run that its schedule did not begin, where there was one.
    pub asked: Option<Asked>,
}

/// The last run of a job that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// When it was asked for.
    pub created: Timestamp,
    /// How it failed and when, if it did.
    pub failed: Option<(String, Timestamp)>,
    /// When the last one was asked for that did its work.
    pub succeeded: Option<Timestamp>,
    /// When those were asked for that have failed in a row, the latest first.
    pub failures: Vec<Timestamp>,
}

/// How a job does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Its last run did its work, and none is overdue.
    Well,
    /// No run has shown yet whether it works.
    Unproven {
        /// Whether it has a schedule, by which it has not run yet.
        by_schedule: bool,
    },
    /// Its last run did not do its work.
    Failed {
        /// The run.
        run: u64,
        /// When that attempt ended, or the next one began.
        at: Timestamp,
        /// How.
        how: String,
        /// Which attempt it was.
        attempt: u32,
        /// Whether the same run may be tried again: once, not long after it failed, and only the
        /// first one that failed in a row.
        again: bool,
    },
    /// A run that was planned did not begin.
    Missed {
        /// When it was planned.
        due: Timestamp,
    },
    /// A run does not come to an end, or not even to its beginning.
    Stuck {
        /// The run.
        run: u64,
        /// What it does: `is queued`.
        how: String,
        /// When it began.
        since: Timestamp,
    },
    /// Its work was not done for too long.
    Stale {
        /// When it was done last, where that is known.
        since: Option<Timestamp>,
    },
    /// Nothing begins it any more.
    Disabled {
        /// By whom.
        by: By,
    },
    /// The place where it would run does not know it yet.
    NotInEffect,
    /// Its runs could not be seen.
    Unseen,
}

/// Who disabled a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A person, on purpose.
    Person,
    /// Its place, because nobody has touched the project for long.
    Inactivity,
    /// Its place, because the project is a copy of another one.
    Fork,
}

impl fmt::Display for By {
    /// To be read after `disabled`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Person => " by a person",
            Self::Inactivity => " for lack of activity",
            Self::Fork => " because this is a fork",
        })
    }
}

impl Job {
    /// A job of which nothing is known but its `state`.
    #[must_use]
    pub const fn only(state: State) -> Self {
        Self {
            state,
            lacking: None,
            last_success: None,
            last_planned_success: None,
            next: None,
            active: false,
            tried_again: Vec::new(),
            asked: None,
        }
    }

    /// Its health.
    #[must_use]
    pub fn health(&self) -> Health {
        match self.state {
            State::Well => Health::Healthy,
            State::Unproven { .. } | State::NotInEffect | State::Unseen => Health::Unknown,
            State::Failed { .. }
            | State::Missed { .. }
            | State::Stuck { .. }
            | State::Stale { .. } => Health::Unhealthy,
            State::Disabled { by: By::Person | By::Fork } => Health::Stopped,
            State::Disabled { by: By::Inactivity } => Health::Failed,
        }
    }

    /// The state in one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.state {
            State::Well => "well",
            State::Unproven { .. } => "unproven",
            State::Failed { .. } => "failing",
            State::Missed { .. } => "missed",
            State::Stuck { .. } => "stuck",
            State::Stale { .. } => "stale",
            State::Disabled { .. } => "disabled",
            State::NotInEffect => "not in effect yet",
            State::Unseen => "unseen",
        }
    }

    /// Since when it is so, where that is known.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        match self.state {
            State::Well => self.last_success,
            State::Failed { at, .. } => Some(at),
            State::Missed { due } => Some(due),
            State::Stuck { since, .. } => Some(since),
            State::Stale { since } => since,
            State::Unproven { .. }
            | State::Disabled { .. }
            | State::NotInEffect
            | State::Unseen => None,
        }
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match &self.state {
            State::Well | State::NotInEffect | State::Unseen => Ok(()),
            State::Unproven { by_schedule: true } => {
                f.write_str(": it has not run by its schedule yet")
            }
            State::Unproven { by_schedule: false } => f.write_str(": it has not run yet"),
            State::Failed { run, how, attempt: 1, .. } => write!(f, ": run {run} {how}"),
            State::Failed { run, how, attempt, .. } => {
                write!(f, ": run {run} {how}, attempt {attempt}")
            }
            State::Missed { due } => write!(f, ": the run of {due:.0} did not begin"),
            State::Stuck { run, how, since } => write!(f, ": run {run} {how} since {since:.0}"),
            State::Stale { since: Some(since) } => write!(f, ": no success since {since:.0}"),
            State::Stale { since: None } => f.write_str(": no success is known"),
            State::Disabled { by } => by.fmt(f),
        }
    }
}
