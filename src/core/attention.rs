//! Attention: whoever breaks down while it is asked is left in peace for a while before it is asked
//! again, longer each time. So is whoever calls for a look again and again without end.

use std::time::Duration;

use jiff::Timestamp;

use super::{backoff::Backoff, span};

/// How long it is left in peace.
const REST: Backoff =
    Backoff { initial: Duration::from_secs(10), factor: 2.0, max: Duration::from_mins(10) };

/// How the last times went that somebody was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attention {
    /// Breakdowns in a row.
    count: u32,
    last: Option<Breakdown>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Breakdown {
    at: Timestamp,
    how: String,
}

impl Attention {
    /// Until when it is left in peace, and how it broke down; nothing where it may be asked.
    pub fn rest(&mut self, now: Timestamp) -> Option<(Timestamp, &str)> {
        let last = self.last.as_mut()?;
        // Where the clock was set back, the rest begins now.
        last.at = last.at.min(now);
        let until = span::after(last.at, REST.rest(self.count));
        (until > now).then_some((until, last.how.as_str()))
    }

    /// Notes that it broke down.
    pub fn broke_down(&mut self, how: String, now: Timestamp) {
        self.count = self.count.saturating_add(1);
        self.last = Some(Breakdown { at: now, how });
    }
}

/// So many wakes within [`WINDOW`] are heeded at once: more than whoever has real news of anything has.
const MOST: u32 = 1200;

/// The time in which wakes are counted. Whoever is quiet for as long is heeded at once again.
const WINDOW: Duration = Duration::from_mins(1);

/// Who wakes within this time after it was heeded again had not stopped.
const AT_ONCE: Duration = Duration::from_secs(1);

/// How long one that wakes without end is not heeded.
const DEAF: Backoff =
    Backoff { initial: Duration::from_secs(1), factor: 2.0, max: Duration::from_secs(30) };

/// From this grade on the rests are the longest.
const GRAVEST: u32 = 6;

/// How often somebody called for a look lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wakes {
    /// Since when they are counted.
    since: Option<Timestamp>,
    count: u32,
    storm: Option<Storm>,
}

/// Wakes without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Storm {
    /// How grave it is: by this the rests grow.
    grade: u32,
    /// When a wake was heeded last.
    last: Timestamp,
}

impl Storm {
    fn until(self) -> Timestamp {
        span::after(self.last, DEAF.rest(self.grade.saturating_add(1)))
    }
}

/// What is new about the wakes of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// They come without end, and are heeded ever less often.
    Storm,
    /// They do not any more, and are heeded at once.
    Calm,
}

impl Wakes {
    /// Until when no wake is heeded; nothing where one is.
    pub fn deaf_until(&mut self, now: Timestamp) -> Option<Timestamp> {
        let storm = self.storm.as_mut()?;
        // Where the clock was set back, the rest begins now.
        storm.last = storm.last.min(now);
        Some(storm.until()).filter(|it| *it > now)
    }

    /// Notes that a wake was heeded.
    pub fn heeded(&mut self, now: Timestamp) -> Option<Turn> {
        let Some(storm) = self.storm else {
            let fresh = |since: Timestamp| since <= now && now < span::after(since, WINDOW);
            if !self.since.is_some_and(fresh) {
                (self.since, self.count) = (Some(now), 0);
            }
            self.count += 1;
            return (self.count > MOST).then(|| {
                self.storm = Some(Storm { grade: 1, last: now });
                Turn::Storm
            });
        };
        let quiet_since = storm.until().min(now);
        let grade = if now < span::after(quiet_since, AT_ONCE) {
            (storm.grade + 1).min(GRAVEST)
        } else if now < span::after(quiet_since, WINDOW) {
            storm.grade - 1
        } else {
            0
        };
        if grade == 0 {
            *self = Self { since: Some(now), count: 1, storm: None };
            return Some(Turn::Calm);
        }
        self.storm = Some(Storm { grade, last: now });
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(n).unwrap()
    }

    #[test]
    fn it_is_asked_again_at_once_and_then_ever_less_often() {
        let mut attention = Attention::default();
        assert_eq!(attention.rest(second(0)), None);
        let rests = [0, 10, 20, 40, 80, 160, 320, 600, 600].map(|rest| {
            attention.broke_down("no answer".to_owned(), second(1000));
            let until = attention.rest(second(1000)).map_or(second(1000), |(until, _)| until);
            assert_eq!(until, second(1000 + rest));
            assert_eq!(attention.rest(second(1000 + rest)), None);
            rest
        });
        assert_eq!(rests.iter().sum::<i64>(), 1830);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_rest_longer() {
        let mut attention = Attention::default();
        for _ in 0..3 {
            attention.broke_down("no answer".to_owned(), second(100_000));
        }
        assert_eq!(attention.rest(second(1000)).unwrap().0, second(1020));
        assert_eq!(attention.rest(second(1020)), None);
    }

    /// How often it is heeded until the second `end`, where it wakes every `millis` whenever it may.
    fn heeded(wakes: &mut Wakes, from: i64, end: i64, millis: i64) -> (u32, Vec<Turn>) {
        let (mut count, mut turns, mut now) = (0, Vec::new(), from * 1000);
        while now < end * 1000 {
            let at = Timestamp::from_millisecond(now).unwrap();
            match wakes.deaf_until(at) {
                Some(until) => now = until.as_millisecond(),
                None => {
                    count += 1;
                    turns.extend(wakes.heeded(at));
                    now += millis;
                }
            }
        }
        (count, turns)
    }

    #[test]
    fn one_that_wakes_without_end_is_heeded_ever_less_often() {
        let mut wakes = Wakes::default();
        let (count, turns) = heeded(&mut wakes, 0, 3600, 1);
        assert_eq!(turns, [Turn::Storm]);
        assert!((1300..1350).contains(&count), "{count}");
    }

    #[test]
    fn who_has_much_to_say_is_heeded_each_time() {
        let mut wakes = Wakes::default();
        assert_eq!(heeded(&mut wakes, 0, 600, 51), (11_765, Vec::new()));
    }

    #[test]
    fn one_that_stops_is_heeded_at_once_again() {
        let mut wakes = Wakes::default();
        heeded(&mut wakes, 0, 600, 1);
        let (count, turns) = heeded(&mut wakes, 720, 780, 100);
        assert_eq!(turns, [Turn::Calm], "it was quiet for a minute");
        assert_eq!(count, 600);
        heeded(&mut wakes, 1000, 1600, 1);
        let (_, turns) = heeded(&mut wakes, 1640, 2000, 2000);
        assert_eq!(turns, [Turn::Calm], "it wakes less and less");
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_deaf() {
        let mut wakes = Wakes::default();
        heeded(&mut wakes, 100_000, 100_600, 1);
        assert_eq!(wakes.deaf_until(second(1000)), Some(second(1030)));
        assert_eq!(wakes.deaf_until(second(1030)), None);
        assert_eq!(wakes.heeded(second(5)), None);
    }
}
