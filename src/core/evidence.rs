//! Evidence: what a row of looks says of how something does. One bad look alone moves nothing, and
//! what could not be seen says nothing at all.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    health::Health,
    resource::{Actual, Status},
};

/// What one look says of one resource, as far as it matters to who should be on duty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sight {
    /// It runs, and nothing speaks against it.
    Well {
        /// How often it has crashed, where its provider counts: what crashes between two looks and
        /// is started again looks well in both.
        crashes: u64,
    },
    /// It does not do its work. Whether it runs or not, it may go on by itself.
    Ill {
        /// Which failure it is: the same one is not counted twice for being looked at twice.
        occasion: Timestamp,
        /// Whether a row of answers stands behind it already.
        proven: bool,
        /// What is wrong.
        how: String,
    },
    /// It does not do its work, and whoever runs it has given it up.
    Lost {
        /// What happened.
        how: String,
    },
    /// It is not there, and it is not ours to make.
    Gone,
    /// It is not there yet, and we can make it.
    Absent,
    /// It is off and stays so until it is started.
    Off,
    /// It is off because a person stopped it.
    StoppedByHand,
    /// It has done its work and ended.
    Done,
    /// It could not be seen, or is being changed just now.
    Unknown,
}

impl Sight {
    /// What `found` says. `ours`: whether it would be ours to make where it is not there.
    #[must_use]
    pub fn of(found: Option<&Actual>, ours: bool) -> Self {
        let Some(found) = found else { return if ours { Self::Absent } else { Self::Gone } };
        let crashes = found.vitals.as_ref().map_or(0, |it| it.crashes);
        match &found.status {
            // A file says nothing about whether what it holds works.
            Status::Present => Self::Unknown,
            Status::Running { .. } | Status::Scheduled { .. } => Self::Well { crashes },
            Status::Unwell { since, proven, how, .. } => {
                Self::Ill { occasion: *since, proven: *proven, how: how.clone() }
            }
            Status::Down { at, how, .. } => {
                Self::Ill { occasion: *at, proven: false, how: how.clone() }
            }
            Status::Failed { how, .. } | Status::Finished { well: false, how, .. } => {
                Self::Lost { how: how.clone() }
            }
            Status::Finished { well: true, .. } => Self::Done,
            Status::Stopped => Self::Off,
            Status::StoppedByHand => Self::StoppedByHand,
        }
    }

    /// Whether it runs, or may by itself at any moment. What crashed is not stopped.
    #[must_use]
    pub fn may_run(&self) -> bool {
        matches!(self, Self::Well { .. } | Self::Ill { .. })
    }

    /// Whether it does its work.
    #[must_use]
    pub fn is_well(&self) -> bool {
        matches!(self, Self::Well { .. })
    }
}

/// How much evidence it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Patience {
    /// Failures in a row until it counts as failing, at least 1.
    pub fall: u32,
    /// How long it has to be well for a row of failures to be over.
    pub calm: Duration,
}

/// What goes on being wrong counts once more after this time.
pub(super) const AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// What the looks up to now come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// Failures in a row.
    bad: u32,
    /// The failure that was counted last, and when.
    counted: Option<(Timestamp, Timestamp)>,
    /// What is wrong, or was last.
    how: Option<String>,
    /// Since when it has been well, if it is.
    well_since: Option<Timestamp>,
    /// Whether the last look that saw it found something wrong.
    ill: bool,
    /// The crashes that its provider had counted when it was seen well last.
    crashes: Option<u64>,
    /// The failures that were seen since then: a crash that was seen is among those crashes.
    seen: u64,
    flaps: Flaps,
}

impl Evidence {
    /// Forgets the row of failures: it is started anew, and gets its own chance.
    pub fn begin(&mut self, now: Timestamp) {
        *self = Self {
            // What has not come up at once is no failure yet.
            counted: Some((now, now)),
            crashes: self.crashes,
            seen: self.seen,
            flaps: self.flaps.clone(),
            ..Self::default()
        };
    }

    /// Takes one more look into account.
    pub fn see(&mut self, sight: &Sight, patience: Patience, now: Timestamp) {
        // Where the clock was set back, times begin now.
        self.well_since = self.well_since.map(|it| it.min(now));
        self.counted = self.counted.map(|(occasion, at)| (occasion, at.min(now)));
        self.flaps.decay(now);
        match sight {
            Sight::Unknown => return,
            Sight::Well { crashes } => {
                // Those of before the first look are nobody's business.
                let counted = self.crashes.unwrap_or(*crashes);
                let unseen = crashes.saturating_sub(counted).saturating_sub(self.seen);
                (self.crashes, self.seen) = (Some(*crashes), 0);
                if unseen > 0 {
                    self.end_row(patience, now);
                    self.bad = self.bad.saturating_add(u32::try_from(unseen).unwrap_or(u32::MAX));
                    self.how = Some("crashed".to_owned());
                    self.flaps.add(now);
                    self.well_since = Some(now);
                } else {
                    self.well_since.get_or_insert(now);
                }
                self.end_row(patience, now);
            }
            Sight::Ill { occasion, proven, how } => {
                self.end_row(patience, now);
                let same = |(it, _): &(Timestamp, Timestamp)| it == occasion;
                let is_new = !self.counted.as_ref().is_some_and(same);
                let again = self.counted.is_some_and(|(_, at)| now.duration_since(at) >= AGAIN);
                if is_new || again {
                    self.bad = self.bad.saturating_add(1);
                    self.counted = Some((*occasion, now));
                }
                if is_new {
                    self.seen = self.seen.saturating_add(1);
                    self.flaps.add(now);
                }
                self.fail(*proven, how, patience);
            }
            Sight::Lost { how } => self.fail(true, how, patience),
            Sight::Gone => self.fail(true, "is not there", patience),
            Sight::Absent | Sight::Off | Sight::StoppedByHand | Sight::Done => {
                self.well_since = None;
            }
        }
        self.ill = matches!(sight, Sight::Ill { .. });
    }

    fn fail(&mut self, proven: bool, how: &str, patience: Patience) {
        self.well_since = None;
        self.how = Some(how.to_owned());
        if proven {
            self.bad = self.bad.max(patience.fall);
        }
    }

    /// Ends the row of failures where it has been well for long enough since.
    fn end_row(&mut self, patience: Patience, now: Timestamp) {
        if self.well_since.is_some_and(|it| now.duration_since(it) >= signed(patience.calm)) {
            self.bad = 0;
        }
    }

    /// Whether it counts as failing.
    #[must_use]
    pub fn is_failing(&self, patience: Patience) -> bool {
        self.bad >= patience.fall || self.flaps.flapping
    }

    /// Whether it fails and is well again all the time.
    #[must_use]
    pub fn is_flapping(&self) -> bool {
        self.flaps.flapping
    }

    /// Failures in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.bad
    }

    /// What is wrong, or was last.
    #[must_use]
    pub fn how(&self) -> &str {
        self.how.as_deref().unwrap_or("does not do its work")
    }

    /// Since when it has been well, if it is.
    #[must_use]
    pub fn well_since(&self) -> Option<Timestamp> {
        self.well_since
    }

    /// When the same failure counts once more, if one goes on.
    #[must_use]
    pub fn counts_again_at(&self) -> Option<Timestamp> {
        let (_, at) = self.counted.filter(|_| self.ill)?;
        at.checked_add(AGAIN).ok()
    }

    /// How it does, by this evidence and by what is seen just now.
    #[must_use]
    pub fn health(&self, sight: &Sight, patience: Patience) -> Health {
        match sight {
            Sight::Unknown => Health::Unknown,
            Sight::Off | Sight::Absent | Sight::StoppedByHand | Sight::Done => Health::Stopped,
            Sight::Lost { .. } | Sight::Gone => Health::Failed,
            Sight::Ill { .. } => Health::Unhealthy,
            Sight::Well { .. } if self.is_failing(patience) => Health::Unhealthy,
            Sight::Well { .. } => Health::Healthy,
        }
    }

    /// The same, seen one tick later, for a model whose clock stands still; what makes no
    /// difference to a decision is left out, and so are the crashes that a provider counts. A tick is as long as a failure takes to count again,
    /// so that which failure was counted matters only within one.
    #[cfg(test)]
    pub(super) fn aged(
        self,
        ticked: bool,
        fall: u32,
        shift: impl Fn(Timestamp) -> Timestamp,
    ) -> Self {
        Self {
            bad: self.bad.min(fall),
            counted: self.counted.filter(|_| !ticked),
            well_since: self.well_since.map(shift),
            ..Self::default()
        }
    }
}

/// Flap damping, as routers do it (RFC 2439): each failure adds to a penalty that halves with time.
/// Above one threshold it counts as flapping, until it is below another, lower one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Flaps {
    /// In thousandths of a failure.
    penalty: u32,
    at: Option<Timestamp>,
    flapping: bool,
}

impl Flaps {
    const FAILURE: u32 = 1000;
    const BEGINS: u32 = 4000;
    const ENDS: u32 = 1500;
    const MOST: u32 = 8000;
    const HALVES: Duration = Duration::from_mins(15);

    fn decay(&mut self, now: Timestamp) {
        let Some(at) = self.at else { return };
        let age = now.duration_since(at.min(now)).as_secs_f64() / Self::HALVES.as_secs_f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it shrinks")]
        let left = (f64::from(self.penalty) * 0.5_f64.powf(age)).round() as u32;
        // Decayed bit by bit, it would be rounded up for ever.
        if left < self.penalty || at > now {
            (self.penalty, self.at) = (left, Some(now));
        }
        self.flapping &= self.penalty > Self::ENDS;
    }

    fn add(&mut self, now: Timestamp) {
        self.penalty = self.penalty.saturating_add(Self::FAILURE).min(Self::MOST);
        self.at = Some(now);
        self.flapping |= self.penalty >= Self::BEGINS;
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Patience = Patience { fall: 3, calm: Duration::from_secs(30) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn well(crashes: u64) -> Sight {
        Sight::Well { crashes }
    }

    fn ill(occasion: i64) -> Sight {
        Sight::Ill { occasion: at(occasion), proven: false, how: "hangs".to_owned() }
    }

    /// What is seen, and at what second; and how many failures in a row that comes to.
    #[track_caller]
    fn comes_to(rows: &[(i64, Sight, u32)]) -> Evidence {
        let mut evidence = Evidence::default();
        for (second, sight, failures) in rows {
            evidence.see(sight, PATIENCE, at(*second));
            assert_eq!(evidence.failures(), *failures, "at {second}: {sight:?}");
            assert_eq!(evidence.is_failing(PATIENCE), *failures >= PATIENCE.fall);
        }
        evidence
    }

    #[test]
    fn failures_add_up_until_it_is_well_for_long_enough() {
        comes_to(&[
            (0, ill(0), 1),
            (1, well(0), 1),
            (2, ill(2), 2),
            (3, well(0), 2),
            (32, well(0), 2),
            (33, well(0), 0),
        ]);
        comes_to(&[(0, well(0), 0), (30, ill(30), 1), (31, well(0), 1), (62, ill(62), 1)]);
    }

    #[test]
    fn the_same_failure_counts_again_only_when_it_goes_on() {
        let rows = [(0, ill(0), 1), (1, ill(0), 1), (4, ill(0), 1), (5, ill(0), 2), (9, ill(0), 2)];
        let evidence = comes_to(&rows);
        assert_eq!(evidence.counts_again_at(), Some(at(10)));
        assert_eq!(evidence.how(), "hangs");
    }

    #[test]
    fn what_stands_on_more_than_one_look_counts_at_once() {
        let proven = Sight::Ill { occasion: at(0), proven: true, how: String::new() };
        for sight in [proven, Sight::Lost { how: String::new() }, Sight::Gone] {
            comes_to(&[(0, well(0), 0), (1, sight, 3)]);
        }
    }

    #[test]
    fn being_off_is_no_failure_and_no_health() {
        for sight in [Sight::Off, Sight::Absent, Sight::StoppedByHand, Sight::Done] {
            let evidence = comes_to(&[(0, well(0), 0), (1, ill(1), 1), (99, sight, 1)]);
            assert_eq!((evidence.well_since(), evidence.counts_again_at()), (None, None));
        }
    }

    #[test]
    fn crashes_that_nobody_saw_count() {
        comes_to(&[(0, well(0), 0), (1, well(1), 1), (2, well(1), 1), (3, well(3), 3)]);
        // Each of them begins the calm anew.
        comes_to(&[(0, well(0), 0), (40, well(1), 1), (69, well(1), 1), (70, well(1), 0)]);
        // Its provider counts from the beginning again.
        comes_to(&[(0, well(7), 0), (1, well(0), 0), (2, well(1), 1)]);
    }

    #[test]
    fn crashes_of_before_the_first_look_do_not_count() {
        comes_to(&[(0, well(50), 0), (1, well(50), 0), (2, well(51), 1)]);
        comes_to(&[(0, Sight::Off, 0), (1, well(50), 0)]);
    }

    #[test]
    fn a_crash_that_was_seen_is_not_counted_once_more() {
        comes_to(&[(0, well(0), 0), (1, ill(1), 1), (2, well(1), 1), (3, well(2), 2)]);
        comes_to(&[(0, well(0), 0), (1, ill(1), 1), (2, well(2), 2)]);
    }

    #[test]
    fn what_is_started_anew_gets_its_own_chance() {
        let mut evidence = comes_to(&[(0, well(5), 0), (1, ill(1), 1), (6, ill(1), 2)]);
        evidence.begin(at(7));
        assert_eq!(evidence.failures(), 0);
        // Not up at once is no failure yet, and what it crashed before is not held against it.
        evidence.see(&ill(7), PATIENCE, at(7));
        assert_eq!(evidence.failures(), 0);
        evidence.see(&well(6), PATIENCE, at(8));
        assert_eq!(evidence.failures(), 0);
    }

    #[test]
    fn flapping_begins_high_and_ends_low() {
        let mut evidence = Evidence::default();
        let patience = Patience { fall: 100, ..PATIENCE };
        let mut second = 0;
        for failure in 0..5 {
            assert!(!evidence.is_flapping(), "after {failure}");
            evidence.see(&ill(second), patience, at(second));
            evidence.see(&well(0), patience, at(second + 30));
            second += 60;
        }
        assert!(evidence.is_flapping() && evidence.is_failing(patience));
        // Below where it began, it goes on: it ends at 1.5 of 4, more than a quarter of an hour on.
        for (minutes, flaps) in [(15, true), (20, true), (27, false)] {
            let mut later = evidence.clone();
            later.see(&well(0), patience, at(second + minutes * 60));
            assert_eq!(later.is_flapping(), flaps, "{minutes} minutes");
        }
        // However often it is looked at.
        for later in 0..(27 * 60) {
            evidence.see(&well(0), patience, at(second + later));
        }
        assert!(!evidence.is_flapping());
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_endless() {
        let mut evidence = comes_to(&[(9000, ill(9000), 1), (9001, well(0), 1), (0, well(0), 1)]);
        assert_eq!(evidence.well_since(), Some(at(0)));
        evidence.see(&well(0), PATIENCE, at(30));
        assert_eq!(evidence.failures(), 0);
        comes_to(&[(9000, ill(9000), 1), (0, ill(9000), 1), (5, ill(9000), 2)]);
    }

    fn any_sight() -> impl Strategy<Value = Sight> {
        prop_oneof![
            (0_u64..5).prop_map(well),
            (0_i64..50).prop_map(ill),
            Just(Sight::Lost { how: String::new() }),
            Just(Sight::Gone),
            Just(Sight::Off),
            Just(Sight::StoppedByHand),
            Just(Sight::Done),
            Just(Sight::Unknown),
        ]
    }

    proptest! {
        /// Among looks that see nothing wrong, at any times, a single bad one is not enough.
        #[test]
        fn one_bad_look_alone_is_not_enough(
            looks in prop::collection::vec((0_i64..100, 0_u8..5), 0..20),
            bad in 0_usize..20,
            fall in 2_u32..5,
        ) {
            let patience = Patience { fall, ..PATIENCE };
            let mut evidence = Evidence::default();
            for (index, (second, kind)) in looks.into_iter().enumerate() {
                let sight = match kind {
                    _ if index == bad => ill(second),
                    0 => Sight::Off,
                    1 => Sight::StoppedByHand,
                    2 => Sight::Unknown,
                    _ => well(0),
                };
                evidence.see(&sight, patience, at(second));
                prop_assert!(!evidence.is_failing(patience));
            }
        }

        /// What is not seen changes nothing, at whatever time and after whatever was seen.
        #[test]
        fn what_is_not_seen_says_nothing(
            looks in prop::collection::vec((0_i64..100, any_sight()), 0..20),
        ) {
            let (mut evidence, mut now) = (Evidence::default(), 0);
            for (later, sight) in looks {
                now += later;
                evidence.see(&sight, PATIENCE, at(now));
                let mut unseen = evidence.clone();
                unseen.see(&Sight::Unknown, PATIENCE, at(now + later));
                // Only what was is forgotten with time.
                unseen.flaps = evidence.flaps.clone();
                prop_assert_eq!(&unseen, &evidence);
            }
        }
    }
}
