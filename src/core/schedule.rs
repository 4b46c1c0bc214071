//! Schedules: when something that runs by the clock is due.

use std::{fmt, str::FromStr};

use croner::{Cron, parser::CronParser};
use jiff::{Timestamp, tz::TimeZone};

/// Five cron fields and the time zone that they speak of.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

/// A text that is no cron expression of five fields.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScheduleError(String);

impl FromStr for Schedule {
    type Err = ScheduleError;

    /// Reads five fields, in UTC.
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        if !text.starts_with('@') && text.split_whitespace().count() != 5 {
            let hint = "a schedule has five fields: minute, hour, day, month, weekday";
            return Err(ScheduleError(hint.to_owned()));
        }
        let cron = CronParser::builder().build().parse(text);
        let cron = cron.map_err(|error| ScheduleError(error.to_string()))?;
        Ok(Self { cron, zone: TimeZone::UTC })
    }
}

impl Schedule {
    /// The same times of day in another time zone.
    #[must_use]
    pub fn in_zone(self, zone: TimeZone) -> Self {
        Self { zone, ..self }
    }

    /// The first time after `time`, or none where there never is one (the 30th of February).
    #[must_use]
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let next = self.cron.find_next_occurrence(&time.to_zoned(self.zone.clone()), false);
        next.ok().map(|next| next.timestamp())
    }

    /// The last time before `time`, or none where there never was one.
    #[must_use]
    pub fn last_before(&self, time: Timestamp) -> Option<Timestamp> {
        let last = self.cron.find_previous_occurrence(&time.to_zoned(self.zone.clone()), false);
        last.ok().map(|last| last.timestamp())
    }

    /// When it is next due, if it ran last for the tick at `last_tick`. In the past when a tick was
    /// missed: several missed ticks are one. A `last_tick` that is later than `now` (the clock was
    /// set back) counts as `now`, so that a schedule never sleeps for as long as the clock jumped.
    #[must_use]
    pub fn due(&self, last_tick: Timestamp, now: Timestamp) -> Option<Timestamp> {
        self.next_after(last_tick.min(now))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cron.pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn missed_ticks_are_made_up_once() {
        let quarter: Schedule = "*/15 * * * *".parse().unwrap();
        let now = at("2026-11-24T12:50:00Z");
        assert_eq!(quarter.due(at("2026-11-24T09:00:00Z"), now), Some(at("2026-11-24T09:15:00Z")));
        assert_eq!(quarter.due(now, now), Some(at("2026-11-24T13:00:00Z")));
    }

    #[test]
    fn a_schedule_reads_back_as_it_prints() {
        let schedule: Schedule = "*/15 0 * * MON".parse().unwrap();
        assert_eq!(schedule.to_string(), "*/15 0 * * 1");
        let again: Schedule = schedule.to_string().parse().unwrap();
        assert_eq!(
            again.next_after(Timestamp::UNIX_EPOCH),
            schedule.next_after(Timestamp::UNIX_EPOCH)
        );
    }

    #[test]
    fn a_clock_set_back_does_not_put_a_schedule_to_sleep() {
        let quarter: Schedule = "*/15 * * * *".parse().unwrap();
        let before_the_jump = at("2026-11-25T12:00:00Z");
        let now = at("2026-11-24T12:01:00Z");
        assert_eq!(quarter.due(before_the_jump, now), Some(at("2026-11-24T12:15:00Z")));
    }

    #[test]
    fn a_zone_moves_with_daylight_saving_time() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let noon = "0 12 * * *".parse::<Schedule>().unwrap().in_zone(zone);
        assert_eq!(noon.next_after(at("2026-03-28T00:00:00Z")), Some(at("2026-03-28T11:00:00Z")));
        assert_eq!(noon.next_after(at("2026-03-29T00:00:00Z")), Some(at("2026-03-29T10:00:00Z")));
    }

    /// The hour from 2 to 3 is left out in spring, and comes twice in autumn.
    #[test]
    fn a_change_of_daylight_saving_time_leaves_out_no_day_and_doubles_none() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let (begin, end) = (at("2025-12-31T23:00:00Z"), at("2026-12-31T23:00:00Z"));
        let ticks = |cron: &str| {
            let schedule = cron.parse::<Schedule>().unwrap().in_zone(zone.clone());
            let mut ticks = vec![];
            let mut now = begin - jiff::SignedDuration::from_secs(1);
            while let Some(next) = schedule.next_after(now).filter(|it| *it < end) {
                assert!(next > now, "{cron} after {now}");
                ticks.push(next);
                now = next;
            }
            ticks
        };
        let of = |ticks: &[Timestamp], day: &str| -> Vec<String> {
            ticks.iter().map(ToString::to_string).filter(|it| it.starts_with(day)).collect()
        };
        // A time of day that there is not comes as soon as there is one again.
        let night = ticks("30 2 * * *");
        assert_eq!(night.len(), 365);
        assert_eq!(of(&night, "2026-03-29"), ["2026-03-29T01:00:00Z"]);
        assert_eq!(of(&night, "2026-10-25"), ["2026-10-25T00:30:00Z"]);
        assert_eq!(ticks("0 * * * *").len(), 365 * 24, "each hour that passes is one");
        // What goes by intervals is by the clock on the wall.
        let quarters = ticks("*/15 2 * * *");
        assert!(of(&quarters, "2026-03-29").is_empty());
        assert_eq!(of(&quarters, "2026-10-25").len(), 8);
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for bad in ["", "* * * *", "* * * * * *", "61 * * * *", "every day"] {
            assert!(bad.parse::<Schedule>().is_err(), "{bad:?}");
        }
        let never: Schedule = "0 0 30 2 *".parse().unwrap();
        assert_eq!(never.next_after(at("2026-01-01T00:00:00Z")), None);
    }
}
