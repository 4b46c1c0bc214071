//! The rules of one pair, as its config gives them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, ToSpan, civil, tz::TimeZone};

use crate::core::{evidence::Patience, span::signed};

/// The longest hold, however often duty has moved, where the config asks for no longer one.
const LONGEST_HOLD: Duration = Duration::from_hours(6);

/// Over how long failovers make the hold longer.
pub(super) const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// The rules of one pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Whether the two may never run at once.
    pub exclusive: bool,
    /// Whether the primary may be stopped and started.
    pub controls_primary: bool,
    /// How much it takes to count as failing.
    pub patience: Patience,
    /// How long what was started has to be well before it is on duty.
    pub settle: Duration,
    /// How long duty stays with the backup at least, after a first failover.
    pub hold: Duration,
    /// Whether duty goes back by itself.
    pub hand_back: HandBack,
    /// Failovers allowed within `window`.
    pub budget: u32,
    /// See `budget`.
    pub window: Duration,
    /// How long a stop may take to be proven.
    pub fence: Duration,
}

/// Whether duty goes back to the primary by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum HandBack {
    /// As soon as the hold is over and the primary is known to be ready.
    Auto,
    /// When a person says so. Until then it is told that the primary waits for it.
    Manual,
    /// Not as long as the backup does its work.
    Never,
    /// As `Auto`, but only at this time of the day.
    Window {
        /// Its begin.
        from: civil::Time,
        /// Its end, which is the next day's where it is not after `from`.
        to: civil::Time,
        /// Where that is the time of the day.
        zone: TimeZone,
    },
}

impl HandBack {
    /// Whether it may be now, as far as this goes.
    #[must_use]
    pub fn allows(&self, now: Timestamp) -> bool {
        match self {
            Self::Auto => true,
            Self::Manual | Self::Never => false,
            Self::Window { from, to, zone } => {
                let time = now.to_zoned(zone.clone()).time();
                if from < to { *from <= time && time < *to } else { *from <= time || time < *to }
            }
        }
    }

    /// The earliest time from `at` on when it may be.
    #[must_use]
    pub fn next(&self, at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Manual | Self::Never => None,
            Self::Auto => Some(at),
            _ if self.allows(at) => Some(at),
            Self::Window { from, zone, .. } => {
                let local = at.to_zoned(zone.clone());
                let today = local.date().to_datetime(*from).to_zoned(zone.clone()).ok()?;
                let opens = if today.timestamp() > at {
                    today
                } else {
                    let tomorrow = local.date().checked_add(1.day()).ok()?;
                    tomorrow.to_datetime(*from).to_zoned(zone.clone()).ok()?
                };
                Some(opens.timestamp())
            }
        }
    }
}

impl Rules {
    /// How long duty stays with the backup after so many failovers: twice as long for each.
    #[must_use]
    pub(super) fn hold_after(&self, failovers: usize) -> SignedDuration {
        let doublings = u32::try_from(failovers.saturating_sub(1)).unwrap_or(u32::MAX).min(30);
        let hold = self.hold.saturating_mul(1 << doublings).min(LONGEST_HOLD.max(self.hold));
        signed(hold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_window_opens_at_its_time_of_the_day() {
        let window = |from: i8, to: i8| HandBack::Window {
            from: civil::time(from, 0, 0, 0),
            to: civil::time(to, 0, 0, 0),
            zone: TimeZone::UTC,
        };
        let night = window(22, 4);
        for (time, open) in [("21:59", false), ("22:00", true), ("03:59", true), ("04:00", false)] {
            assert_eq!(night.allows(at(&format!("2026-01-01T{time}:00Z"))), open, "{time}");
        }
        let noon = at("2026-01-01T12:00:00Z");
        assert_eq!(night.next(noon), Some(at("2026-01-01T22:00:00Z")));
        assert_eq!(window(2, 4).next(noon), Some(at("2026-01-02T02:00:00Z")));
        assert_eq!(window(11, 13).next(noon), Some(noon));
        let opens = at("2026-01-02T02:00:00Z");
        assert_eq!(window(2, 4).next(opens), Some(opens));
        assert!(!window(11, 12).allows(noon) && window(12, 13).allows(noon));
        assert!(window(5, 5).allows(noon), "a day long");
        assert_eq!(HandBack::Manual.next(noon), None);
    }
}
