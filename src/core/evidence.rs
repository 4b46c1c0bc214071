//! Evidence: what a row of looks says of how something does. One bad look alone moves nothing, and
//! what could not be seen says nothing at all.

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    id::Id,
    resource::{Observed, Status},
    span::signed,
};

/// What one look says of one resource, as far as it matters to who should be on duty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Sight {
    /// It runs, and nothing speaks against it.
    Well {
        /// How often it has crashed, where its provider counts: what crashes between two looks and
        /// is started again looks well in both.
        crashes: u64,
        /// Whether it has answered its probe well, where it has one. Until then nobody knows whether
        /// it does its work, only that it runs.
        proven: bool,
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
    /// What a look says of `id`. `ours`: whether it would be ours to make where it is not there.
    #[must_use]
    pub fn of(id: &Id, observed: &Observed, ours: bool) -> Self {
        let Some(found) = observed.found.get(id) else {
            return if ours { Self::Absent } else { Self::Gone };
        };
        let crashes = found.vitals.as_ref().map_or(0, |it| it.crashes);
        match &found.status {
            // A file says nothing about whether what it holds works, and a job is in no pair of this
            // kind.
            Status::Present | Status::Job(_) | Status::Code(_) | Status::Release(_) => {
                Self::Unknown
            }
            Status::Running { .. } | Status::Scheduled { .. } => {
                Self::Well { crashes, proven: !observed.unproven.contains(id) }
            }
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

    /// Whether it runs, and nothing speaks against it.
    #[must_use]
    pub fn is_well(&self) -> bool {
        matches!(self, Self::Well { .. })
    }

    /// Whether it does its work, as far as anything can tell.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        matches!(self, Self::Well { proven: true, .. })
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
    /// Whether it was seen well since the row began.
    was_well: bool,
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

    /// Forgets the row of failures: it has come up and done well.
    pub fn arrive(&mut self) {
        self.bad = 0;
    }

    /// Takes one more look into account.
    pub fn see(&mut self, sight: &Sight, patience: Patience, now: Timestamp) {
        // Where the clock was set back, times begin now.
        self.well_since = self.well_since.map(|it| it.min(now));
        self.counted = self.counted.map(|(occasion, at)| (occasion, at.min(now)));
        self.flaps.decay(now);
        match sight {
            Sight::Unknown => {
                // What went on meanwhile is not known: it counts again only after it is seen.
                self.counted = self.counted.map(|(occasion, _)| (occasion, now));
                self.ill = false;
                return;
            }
            Sight::Well { crashes, proven: _ } => {
                self.was_well = true;
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

    /// Whether it has failed so often in a row that something has to be done.
    #[must_use]
    pub fn has_fallen(&self, patience: Patience) -> bool {
        self.bad >= patience.fall
    }

    /// Whether it counts as failing: it has fallen, or it is flapping.
    #[must_use]
    pub fn is_failing(&self, patience: Patience) -> bool {
        self.has_fallen(patience) || (self.bad > 0 && self.flaps.flapping)
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

    /// Whether it was seen well since it was started anew.
    #[must_use]
    pub fn was_well(&self) -> bool {
        self.was_well
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

    /// The same, seen one tick later, for a model whose clock stands still; what makes no difference
    /// to a decision is left out, and so are the crashes that a provider counts. A tick is as long as
    /// a failure takes to count again, so that which failure was counted matters only within one.
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
