//! Timetables: several schedules of one thing, and how long it may go without a run.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::schedule::Schedule;

/// Where looking ahead begins, a Monday at midnight: always the same, so that what follows from a
/// timetable does not change from day to day.
pub const REFERENCE: Timestamp = Timestamp::constant(1_767_571_200, 0);

/// How far a look ahead goes: whole weeks.
const WINDOW: Duration = days(28);

/// How far it goes for what comes rarely: more than a year.
const LONG_WINDOW: Duration = days(400);

/// What is given to the longest gap at least.
const LEAST_GRACE: Duration = Duration::from_hours(3);

const fn days(n: u64) -> Duration {
    Duration::from_secs(n * 24 * 3600)
}

/// When something is due by any of its schedules.
#[derive(Debug, Clone, Default)]
pub struct Timetable(Vec<Schedule>);

impl Timetable {
    /// All of `schedules`.
    #[must_use]
    pub fn new(schedules: Vec<Schedule>) -> Self {
        Self(schedules)
    }

    /// The first time after `time`; none where there never is one.
    #[must_use]
    pub fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        self.0.iter().filter_map(|it| it.next_after(time)).min()
    }

    /// The last time before `time`; none where there never was one.
    #[must_use]
    pub fn last_before(&self, time: Timestamp) -> Option<Timestamp> {
        self.0.iter().filter_map(|it| it.last_before(time)).max()
    }

    /// The times that a look ahead from [`REFERENCE`] finds, in order. It goes on for 28 days, and
    /// for 400 where these have fewer than two.
    #[must_use]
    pub fn times(&self) -> Vec<Timestamp> {
        let within = |window| {
            let end = REFERENCE + window;
            let next = |at: &Timestamp| self.next_after(*at).filter(|it| *it < end);
            // A time at the very start is one too.
            let start = next(&(REFERENCE - SignedDuration::from_secs(1)));
            std::iter::successors(start, next).collect::<Vec<_>>()
        };
        let times = within(WINDOW);
        if times.len() < 2 { within(LONG_WINDOW) } else { times }
    }

    /// The longest time between two runs; none where there are no two.
    #[must_use]
    pub fn longest_gap(&self) -> Option<Duration> {
        let times = self.times();
        let near = times.windows(2).map(|it| between(it[0], it[1]));
        // A gap of more than a week, such as a season, holds the start of one.
        let far = (0..LONG_WINDOW.as_secs() / days(7).as_secs()).filter_map(|week| {
            let monday = REFERENCE + days(7 * week);
            let next = self.next_after(monday - SignedDuration::from_secs(1))?;
            Some(between(self.last_before(monday)?, next))
        });
        near.chain(far).max()
    }

    /// How old the last success may be until something is wrong: twice the longest gap, at least
    /// that and 3 h, because whoever starts it may be late by hours. As old as it will, where no
    /// two runs are planned.
    #[must_use]
    pub fn stale_after(&self) -> Option<Duration> {
        self.longest_gap().map(|gap| gap + gap.max(LEAST_GRACE))
    }
}

fn between(from: Timestamp, to: Timestamp) -> Duration {
    to.duration_since(from).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(crons: &[&str]) -> Timetable {
        Timetable::new(crons.iter().map(|it| it.parse().unwrap()).collect())
    }

    #[test]
    fn the_reference_is_a_monday() {
        assert_eq!(REFERENCE.strftime("%A %F %T").to_string(), "Monday 2026-01-05 00:00:00");
    }

    #[test]
    fn the_grace_grows_with_the_gap() {
        let hours = |crons: &[&str]| of(crons).stale_after().unwrap().as_secs_f64() / 3600.0;
        for (crons, expected) in [
            (&["*/5 * * * *"][..], 3.0 + 1.0 / 12.0),
            (&["0 * * * *"], 4.0),
            (&["0 3 * * *"], 48.0),
            (&["0 3 * * *", "0 15 * * *"], 24.0),
            (&["0 9 * * 1-5"], 2.0 * 72.0),
            (&["0 9 * * 1"], 14.0 * 24.0),
            (&["0 9 1 * *"], 62.0 * 24.0),
            // Of a season: from the end of March to January.
            (&["0 3 * 1-3 *"], 2.0 * 276.0 * 24.0),
            (&["0 3 * 6-8 *"], 2.0 * 274.0 * 24.0),
            // Saturdays of January: it is a week more from those of the year before.
            (&["0 0 * 1 6"], 2.0 * 48.0 * 7.0 * 24.0),
        ] {
            assert!((hours(crons) - expected).abs() < 0.01, "{crons:?}: {}", hours(crons));
        }
        for never in [&[][..], &["0 0 30 2 *"]] {
            assert_eq!(of(never).stale_after(), None);
        }
    }

    #[test]
    fn a_look_ahead_is_of_whole_weeks_and_of_a_year_for_what_comes_rarely() {
        let times = |cron: &str| of(&[cron]).times();
        let mondays = times("0 0 * * 1");
        assert_eq!((mondays.len(), mondays[0]), (4, REFERENCE));
        assert_eq!(times("0 0 6,20 * *").len(), 2, "the next one is in the fifth week");
        assert_eq!(times("0 9 1 * *").len(), 13);
    }

    #[test]
    fn the_nearest_of_several_counts() {
        let both = of(&["0 3 * * *", "30 4 * * 1"]);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(both.next_after(at("2026-01-05T03:00:00Z")), Some(at("2026-01-05T04:30:00Z")));
        assert_eq!(both.last_before(at("2026-01-06T03:00:00Z")), Some(at("2026-01-05T04:30:00Z")));
        assert_eq!(of(&[]).next_after(REFERENCE), None);
    }
}
