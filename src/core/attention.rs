//! Attention: whoever breaks down while it is asked is left in peace for a while before it is asked
//! again, longer each time.

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
}
