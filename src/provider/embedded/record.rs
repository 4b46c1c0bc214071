//! The record of one process: all that must be known of it beyond what the kernel knows.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::definition::Definition;
use crate::{
    core::{digest::Digest, recovery::Ended, resource::Body, schedule::Schedule},
    provider::process::kernel::ProcessId,
};

/// What is known of one process.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What it is made from.
    pub(super) definition: Definition,
    /// The digest of the definition's body as we wrote it.
    pub(super) written: Digest,
    /// What it stands in for.
    pub(super) backs_up: Option<String>,
    /// Whether it should run.
    pub(super) on: bool,
    /// Its run: the one that goes on, or the last one.
    pub(super) run: Run,
    /// The failures in a row before that run.
    pub(super) failures: u32,
    /// How often it was started again.
    pub(super) restarts: u64,
    /// The time up to which its schedule has been obeyed.
    pub(super) last_tick: Option<Timestamp>,
}

/// A run of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Run {
    /// There was none.
    Never,
    /// It was about to be started. Whether it was, only the kernel knows.
    Starting,
    /// It was started.
    Started {
        /// The leader of its group.
        process: ProcessId,
        /// When.
        since: Timestamp,
    },
    /// It is over.
    Ended {
        /// The leader of its group, if there was one.
        process: Option<ProcessId>,
        /// How it ended.
        ended: Ended,
    },
}

/// A record, and what is made from it again and again.
pub(super) struct Entry {
    pub(super) record: Record,
    pub(super) body: Body,
    /// Its schedule, or why that can't be read.
    pub(super) schedule: Result<Option<Schedule>, String>,
    /// When the schedule comes next after the record's own time.
    pub(super) next: Option<Timestamp>,
}

impl Entry {
    pub(super) fn new(record: Record) -> Self {
        let schedule = record.definition.schedule();
        let next = match (&schedule, record.ticked_until()) {
            (Ok(Some(schedule)), Some(until)) => schedule.next_after(until),
            _ => None,
        };
        Self { body: record.definition.body(), schedule, next, record }
    }
}

impl Record {
    /// The time up to which its schedule has been obeyed: ticks during a run are skipped.
    pub(super) fn ticked_until(&self) -> Option<Timestamp> {
        match &self.run {
            Run::Ended { ended, .. } => self.last_tick.max(Some(ended.at)),
            _ => self.last_tick,
        }
    }

    /// Whether it says the same as `other` of everything but runs and the clock.
    pub(super) fn tells_only_of_runs(&self, other: &Self) -> bool {
        self.definition == other.definition
            && self.written == other.written
            && self.backs_up == other.backs_up
            && self.on == other.on
    }

    /// The record without any time later than `now`, if it has one: the clock was set back, and
    /// nothing may sleep until it has caught up.
    pub(super) fn clock_set_back(&self, now: Timestamp) -> Option<Self> {
        // Another program's look at the clock may be a moment younger than ours.
        let latest = now.checked_add(SignedDuration::from_secs(1)).unwrap_or(now);
        if self.ticked_until().is_none_or(|it| it <= latest) {
            return None;
        }
        let mut record = self.clone();
        record.last_tick = self.last_tick.map(|it| it.min(now));
        if let Run::Ended { ended, .. } = &mut record.run {
            ended.at = ended.at.min(now);
        }
        Some(record)
    }
}
