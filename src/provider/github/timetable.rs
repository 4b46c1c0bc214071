//! When a workflow starts by itself.

use std::time::Duration;

use serde_yaml::Value;

use crate::core::timetable;

/// The schedules of a workflow.
#[derive(Debug, Clone, Default)]
pub(super) struct Timetable {
    times: timetable::Timetable,
}

impl Timetable {
    /// Of the workflow with this text; an empty one where that can't be read.
    pub(super) fn of(text: &str) -> Self {
        let tree: Value = serde_yaml::from_str(text).unwrap_or_default();
        let entries = tree.get("on").and_then(|on| on.get("schedule")?.as_sequence());
        let crons = entries.into_iter().flatten().filter_map(|it| it.get("cron")?.as_str());
        let times = crons.filter_map(|it| it.parse().ok()).collect();
        Self { times: timetable::Timetable::new(times) }
    }

    /// When it is due.
    pub(super) fn times(&self) -> &timetable::Timetable {
        &self.times
    }

    /// How old its last success may be until something is wrong.
    pub(super) fn stale_after(&self) -> Duration {
        self.times.stale_after()
    }
}
