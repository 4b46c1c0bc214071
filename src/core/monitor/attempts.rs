//! How often a new watch was tried, and when it may be tried again.

use std::time::Duration;

use jiff::Timestamp;

use crate::core::{backoff::Backoff, span::after};

/// How long the watch must do well before its failures are forgotten.
pub const SUSTAINED: Duration = Duration::from_mins(10);

/// The monitor's attempts in a row to have a watch that does well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts {
    count: u32,
    last: Option<Timestamp>,
    fine_since: Option<Timestamp>,
}

impl Attempts {
    /// Notes an attempt.
    pub fn tried(&mut self, now: Timestamp) {
        *self = Self { count: self.count.saturating_add(1), last: Some(now), fine_since: None };
    }

    /// Notes whether the watch does well now. The row ends when it has for long enough.
    pub fn seen(&mut self, fine: bool, now: Timestamp) {
        if !fine {
            self.fine_since = None;
            return;
        }
        let since = *self.fine_since.get_or_insert(now);
        let sustained: Result<Duration, _> = now.duration_since(since).try_into();
        if sustained.is_ok_and(|it| it >= SUSTAINED) {
            (self.count, self.last) = (0, None);
        }
    }

    /// Takes note that the clock was set back: no rest becomes longer by that.
    pub fn mind_the_clock(&mut self, now: Timestamp) {
        self.last = self.last.map(|it| it.min(now));
        self.fine_since = self.fine_since.map(|it| it.min(now));
    }

    /// Until when to rest, if ever an attempt was made.
    pub(super) fn rest(&self, backoff: &Backoff) -> Option<Timestamp> {
        Some(after(self.last?, backoff.rest(self.count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::monitor::{Action, Guard, Rules, Seen, Signs, decide};

    const RULES: Rules = Rules {
        patience: Duration::from_secs(100),
        backoff: Backoff {
            initial: Duration::from_secs(10),
            factor: 2.0,
            max: Duration::from_mins(1),
        },
    };

    /// There is no watch.
    const NONE: Seen = Seen {
        signs: Signs { guard: Guard::Free, beat: None, touched: None },
        unchanged_since: Timestamp::UNIX_EPOCH,
        awake_since: None,
        stopped: false,
        writable: true,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn attempts_in_a_row_rest_longer_until_the_watch_does_well_for_long() {
        let mut attempts = Attempts::default();
        let mut tried = Vec::new();
        for now in 0..120 {
            match decide(&NONE, &attempts, &RULES, at(now)) {
                Action::Start => {
                    attempts.tried(at(now));
                    tried.push(now);
                }
                other => assert!(matches!(other, Action::Rest { .. }), "{other:?}"),
            }
        }
        assert_eq!(tried, [0, 1, 11, 31, 71]);
        // It does well for a moment only.
        attempts.seen(true, at(200));
        attempts.seen(false, at(700));
        attempts.seen(true, at(710));
        attempts.seen(true, at(1200));
        attempts.tried(at(1300));
        let resting = decide(&NONE, &attempts, &RULES, at(1300));
        assert_eq!(resting, Action::Rest { until: at(1360) });
        attempts.seen(true, at(1400));
        attempts.seen(true, at(2000));
        attempts.tried(at(2001));
        assert_eq!(decide(&NONE, &attempts, &RULES, at(2001)), Action::Start);
    }

    #[test]
    fn a_clock_set_back_makes_no_rest_longer() {
        let mut attempts = Attempts::default();
        for _ in 0..4 {
            attempts.tried(at(1_000_000));
        }
        for now in 0..40 {
            attempts.mind_the_clock(at(now));
            assert_eq!(
                decide(&NONE, &attempts, &RULES, at(now)),
                Action::Rest { until: at(40) },
                "at {now}"
            );
        }
        assert_eq!(decide(&NONE, &attempts, &RULES, at(40)), Action::Start);
    }
}
