//! When a workflow starts: by itself, and by what else.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde_yaml::{Mapping, Value};

use super::generate::{keys, source};
use crate::{
    config::github_cron::{self, Frequency},
    core::{placing, timetable},
};

/// One entry of `on.schedule`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its five fields.
    pub(super) cron: String,
    /// Its time zone, where it has one; else it is in UTC.
    pub(super) zone: Option<String>,
}

impl Entry {
    fn times(&self) -> timetable::Timetable {
        let schedule =
            zone(self.zone.as_deref()).and_then(|it| github_cron::read(&self.cron, it).ok());
        timetable::Timetable::new(schedule.into_iter().collect())
    }
}

/// The schedules of a workflow.
#[derive(Debug, Clone, Default)]
pub(super) struct Timetable {
    schedules: Vec<Entry>,
    unreadable: Vec<Entry>,
    times: timetable::Timetable,
}

impl Timetable {
    /// Of the workflow with this text; an empty one where that can't be read.
    pub(super) fn of(text: &str) -> Self {
        Self::of_tree(&source::tree(text))
    }

    /// When it is due.
    pub(super) fn times(&self) -> &timetable::Timetable {
        &self.times
    }

    /// Of the workflow with this tree.
    pub(super) fn of_tree(tree: &Mapping) -> Self {
        let on = tree.get(keys::ON);
        let entries = on.and_then(|it| it.get(keys::SCHEDULE)?.as_sequence()).into_iter().flatten();
        let text = |entry: &Value, key: &str| Some(entry.get(key)?.as_str()?.to_owned());
        let entries = entries.filter_map(|entry| {
            Some(Entry { cron: text(entry, keys::CRON)?, zone: text(entry, keys::TIMEZONE) })
        });
        let mut timetable = Self::default();
        let mut times = Vec::new();
        for entry in entries {
            let zone = zone(entry.zone.as_deref());
            match zone.and_then(|zone| github_cron::read(&entry.cron, zone).ok()) {
                Some(schedule) => {
                    times.push(schedule);
                    timetable.schedules.push(entry);
                }
                None => timetable.unreadable.push(entry),
            }
        }
        timetable.times = timetable::Timetable::new(times);
        timetable
    }

    /// The schedules by which GitHub will never start it, or not as far as this machine can tell.
    pub(super) fn unreadable(&self) -> &[Entry] {
        &self.unreadable
    }

    /// How old its last success may be until something is wrong.
    pub(super) fn stale_after(&self) -> Option<Duration> {
        self.times.stale_after()
    }

    /// Whether it has a schedule, and that leaves longer gaps than `other` does.
    pub(super) fn is_rarer_than(&self, other: &Entry) -> bool {
        self.times.longest_gap().is_some_and(|own| other.times().longest_gap() < Some(own))
    }

    /// When something of that frequency runs so that it keeps out of the way: in the primary's time
    /// zone, if it has one. `seed` decides between equally good times.
    pub(super) fn place(&self, frequency: Frequency, seed: &[&str]) -> Entry {
        let zone = self.schedules.iter().find_map(|it| it.zone.clone());
        let local = self::zone(zone.as_deref()).unwrap_or(TimeZone::UTC);
        let period = match frequency {
            Frequency::Hours(hours) => hours * 60,
            Frequency::Weekly => 7 * 24 * 60,
        };
        let at = placing::place(&self.times, period, &local, seed);
        let (minute, hour) = (at % 60, at / 60);
        let cron = match frequency {
            Frequency::Hours(1) => format!("{minute} * * * *"),
            Frequency::Hours(hours) => {
                let step = usize::try_from(hours).unwrap_or(24).max(1);
                let all: Vec<String> = (hour..24).step_by(step).map(|it| it.to_string()).collect();
                format!("{minute} {} * * *", all.join(","))
            }
            // The period begins on a Monday, the days of cron on a Sunday.
            Frequency::Weekly => format!("{minute} {} * * {}", hour % 24, (hour / 24 + 1) % 7),
        };
        Entry { cron, zone }
    }
}

/// The zone of that name, UTC without one; none where there is none of that name.
fn zone(name: Option<&str>) -> Option<TimeZone> {
    name.map_or(Some(TimeZone::UTC), |name| TimeZone::get(name).ok())
}

/// The events that `on` names.
pub(super) fn events(on: Option<&Value>) -> Vec<&str> {
    match on {
        Some(Value::String(event)) => vec![event],
        Some(Value::Sequence(events)) => events.iter().filter_map(Value::as_str).collect(),
        Some(Value::Mapping(events)) => events.keys().filter_map(Value::as_str).collect(),
        None | Some(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn of(on: &str) -> Timetable {
        Timetable::of(&format!("on:\n{on}\njobs: {{}}\n"))
    }

    #[test]
    fn schedules_and_events_are_read() {
        let it = of(
            "  push:\n  schedule:\n  - cron: 20/15 * * * *\n  - cron: '@daily'\n  - {cron: 0 3 * * 1, timezone: Nowhere/Here}\n  - cron: 0 3 * * 1\n    timezone: Europe/Berlin",
        );
        let crons = |list: &[Entry]| list.iter().map(|it| it.cron.clone()).collect::<Vec<_>>();
        assert_eq!(crons(&it.schedules), ["20/15 * * * *", "0 3 * * 1"]);
        assert_eq!(it.unreadable().len(), 2);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(
            it.times().next_after(at("2026-07-06T00:51:00Z")),
            Some(at("2026-07-06T01:00:00Z"))
        );
        assert_eq!(
            it.times().last_before(at("2026-07-06T01:01:00Z")),
            Some(at("2026-07-06T01:00:00Z"))
        );
        for text in ["on: push", "on: [push]", "\u{feff}on: {push: {}}"] {
            let tree = source::tree(text);
            assert_eq!(events(tree.get(keys::ON)), ["push"]);
        }
        for text in ["on: [", "on: push"] {
            assert_eq!(Timetable::of(text).stale_after(), None);
        }
    }

    #[test]
    fn what_is_rarer_is_known() {
        let weekly = of("  schedule:\n  - cron: 0 3 * * 1");
        let entry = |cron: &str| Entry { cron: cron.to_owned(), zone: None };
        assert!(weekly.is_rarer_than(&entry("0 4 * * *")));
        assert!(!weekly.is_rarer_than(&entry("0 4 * * 2")));
        assert!(!weekly.is_rarer_than(&entry("0 4 1 * *")));
        assert!(of("  schedule:\n  - cron: 0 3 * * 1-5").is_rarer_than(&entry("0 4 * * *")));
        assert!(!of("  push:").is_rarer_than(&entry("0 4 * * *")));
    }

    #[test]
    fn a_time_is_written_as_github_reads_it() {
        let daily = of("  schedule:\n  - {cron: 30 1 * * *, timezone: Europe/Berlin}");
        for frequency in
            [1, 2, 3, 4, 6, 8, 12, 24].map(Frequency::Hours).into_iter().chain([Frequency::Weekly])
        {
            let entry = daily.place(frequency, &["a"]);
            let zone = TimeZone::get("Europe/Berlin").unwrap();
            let read = github_cron::read(&entry.cron, zone);
            assert!(read.is_ok(), "{frequency:?}: {}", entry.cron);
            assert_eq!(entry.zone.as_deref(), Some("Europe/Berlin"));
        }
        let cron = |frequency| daily.place(frequency, &["a"]).cron;
        let crons = [Frequency::Hours(6), Frequency::Hours(24), Frequency::Weekly].map(cron);
        insta::assert_snapshot!(crons.join("\n"), @r"
            44 4,10,16,22 * * *
            44 13 * * *
            44 13 * * 3
            ");
    }
}
