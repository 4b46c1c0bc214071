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

/// How many wakes are heeded within which time, before they are wakes without end.
#[derive(Debug, Clone, Copy)]
struct Measure {
    most: u32,
    within: Duration,
}

/// More than whoever has real news of anything has.
const USUAL: Measure = Measure { most: 600, within: Duration::from_mins(1) };

/// For one that woke without end, after each rest. Who keeps within it is heeded as ever.
const ON_TRIAL: Measure = Measure { most: 10, within: Duration::from_secs(1) };

/// How long one that wakes without end is not heeded.
const DEAF: Backoff =
    Backoff { initial: Duration::from_secs(1), factor: 2.0, max: Duration::from_secs(30) };

/// How often somebody called for a look lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wakes {
    /// Since when they are counted, if any was heeded since the last rest.
    since: Option<Timestamp>,
    count: u32,
    /// Rests in a row.
    rests: u32,
    /// When the last of these rests began.
    rested_at: Option<Timestamp>,
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
        let rested_at = self.rested_at.as_mut()?;
        // Where the clock was set back, the rest begins now.
        *rested_at = (*rested_at).min(now);
        let until = span::after(*rested_at, DEAF.rest(self.rests.saturating_add(1)));
        (until > now).then_some(until)
    }

    /// Notes that a wake was heeded.
    pub fn heeded(&mut self, now: Timestamp) -> Option<Turn> {
        let in_storm = self.rests > 0;
        let Measure { most, within } = if in_storm { ON_TRIAL } else { USUAL };
        let is_over = |since: Timestamp| now < since || now >= span::after(since, within);
        if self.since.is_none_or(is_over) {
            let is_calm = in_storm && self.since.is_some();
            if is_calm {
                *self = Self::default();
            }
            (self.since, self.count) = (Some(now), 1);
            return is_calm.then_some(Turn::Calm);
        }
        self.count += 1;
        if self.count <= most {
            return None;
        }
        let rests = self.rests.saturating_add(1);
        *self = Self { since: None, count: 0, rests, rested_at: Some(now) };
        (!in_storm).then_some(Turn::Storm)
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
        // 601 until it is noticed, and then eleven after each rest, which is of 30 s in the end.
        assert!((601 + 11 * 120..601 + 11 * 130).contains(&count), "{count}");
    }

    #[test]
    fn who_has_much_to_say_is_heeded_each_time() {
        let mut wakes = Wakes::default();
        assert_eq!(heeded(&mut wakes, 0, 600, 101), (5941, Vec::new()));
    }

    #[test]
    fn one_that_stops_is_heeded_at_once_again_also_where_it_goes_on_with_less() {
        for (pause, millis) in [(0, 2000), (0, 200), (3600, 60_000)] {
            let mut wakes = Wakes::default();
            assert_eq!(heeded(&mut wakes, 0, 600, 1).1, [Turn::Storm]);
            let begin = 600 + pause;
            assert_eq!(heeded(&mut wakes, begin, begin + 300, millis).1, [Turn::Calm], "{millis}");
            let (count, turns) = heeded(&mut wakes, begin + 300, begin + 900, millis);
            assert_eq!((i64::from(count), turns), (600_000 / millis, Vec::new()));
        }
    }

    #[test]
    fn wakes_of_one_moment_are_counted_and_those_of_another_clock_are_not() {
        let mut wakes = Wakes::default();
        let mut heed = |at| wakes.heeded(second(at));
        for _ in 0..USUAL.most {
            assert_eq!(heed(100), None);
        }
        // It was set back: they are counted anew.
        for _ in 0..USUAL.most {
            assert_eq!(heed(50), None);
        }
        assert_eq!(heed(50), Some(Turn::Storm));
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
