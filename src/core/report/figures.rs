//! What the pieces of a time come to.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Period, Record,
    timeline::{Piece, length},
};
use crate::core::{
    chronicle::Fact,
    health::Health,
    id::Id,
    strip::{PARTS, Strip},
};

/// How long a resource did how, and what happened to it. All that is a time is in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    /// It did its work.
    pub healthy_ms: u64,
    /// It was off on purpose.
    pub stopped_ms: u64,
    /// Nobody could see.
    pub unknown_ms: u64,
    /// It did not do its work.
    pub unhealthy_ms: u64,
    /// It did not do its work, and nothing but a person could help.
    pub failed_ms: u64,
    /// The share of the time in which it did its work, of that in which it should and it is known whether it
    /// did; none where that is never.
    pub availability: Option<f64>,
    /// How often it went from doing its work to not doing it.
    pub failures: u32,
    /// The longest time without a break in which it did not do its work.
    pub longest_failure_ms: u64,
    /// How long it was on duty, of what is in a pair.
    pub on_duty_ms: u64,
    /// How often recovery was tried.
    pub recoveries: u32,
    /// How often it was found otherwise than we left it.
    pub drifts: u32,
    /// The time in parts of the same length. A part in which it did not do its work for a while says so, any other
    /// one what it did for the longest.
    pub parts: Strip,
}

/// What is counted for one resource.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    recoveries: u32,
    drifts: u32,
}

/// The same, for all.
pub(super) struct AllCounts<'a>(BTreeMap<&'a Id, Counts>);

impl Counts {
    pub(super) fn of(record: &Record, period: Period) -> AllCounts<'_> {
        let mut all: BTreeMap<&Id, Self> = BTreeMap::new();
        for row in record.rows.iter().filter(|it| period.has(it.at)) {
            match row.fact {
                Fact::Recovers { .. } => all.entry(&row.id).or_default().recoveries += 1,
                Fact::Drifts { .. } => all.entry(&row.id).or_default().drifts += 1,
                _ => {}
            }
        }
        AllCounts(all)
    }
}

impl AllCounts<'_> {
    pub(super) fn of_one(&self, id: &Id) -> Counts {
        self.0.get(id).copied().unwrap_or_default()
    }
}

/// The place of a health in [`Health::ALL`].
fn index(health: Health) -> usize {
    match health {
        Health::Healthy => 0,
        Health::Stopped => 1,
        Health::Unknown => 2,
        Health::Unhealthy => 3,
        Health::Failed => 4,
    }
}

fn is_bad(health: Health) -> bool {
    matches!(health, Health::Unhealthy | Health::Failed)
}

impl Figures {
    pub(super) fn of(pieces: &[Piece<'_>], period: Period, counts: Counts) -> Self {
        let mut sums = [0; Health::ALL.len()];
        let mut it =
            Self { recoveries: counts.recoveries, drifts: counts.drifts, ..Self::default() };
        let (mut before, mut bad_since) = (None, None);
        let mut end = period.begin_ms();
        for piece in pieces {
            let health = piece.state.health;
            sums[index(health)] += length(piece.from, piece.to);
            if piece.from > end {
                // Nobody looked in between, so it is not known to have been one failure.
                (before, bad_since) = (None, None);
            }
            if is_bad(health) {
                let since = *bad_since.get_or_insert(piece.from);
                it.longest_failure_ms = it.longest_failure_ms.max(length(since, piece.to));
                if before == Some(false) {
                    it.failures += 1;
                }
            } else {
                bad_since = None;
            }
            before = match health {
                Health::Healthy => Some(false),
                Health::Unhealthy | Health::Failed => Some(true),
                Health::Stopped | Health::Unknown => None,
            };
            if piece.state.on_duty == Some(true) {
                it.on_duty_ms += length(piece.from, piece.to);
            }
            end = piece.to;
        }
        let seen: u64 = sums.iter().sum();
        sums[index(Health::Unknown)] += period.length_ms().saturating_sub(seen);
        it.healthy_ms = sums[index(Health::Healthy)];
        it.stopped_ms = sums[index(Health::Stopped)];
        it.unknown_ms = sums[index(Health::Unknown)];
        it.unhealthy_ms = sums[index(Health::Unhealthy)];
        it.failed_ms = sums[index(Health::Failed)];
        it.availability = share(it.healthy_ms, it.healthy_ms + it.unhealthy_ms + it.failed_ms);
        it.parts = strip(pieces, period);
        it
    }
}

/// `part` of `whole`, from 0 to 1; none where that is nothing.
#[expect(clippy::cast_precision_loss, reason = "a share of years is exact to less than a second")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The time in parts of the same length, and how long what was so in each.
struct Parts {
    period: Period,
    sums: [[u64; Health::ALL.len()]; PARTS],
}

impl Parts {
    fn of(period: Period) -> Self {
        Self { period, sums: [[0; Health::ALL.len()]; PARTS] }
    }

    /// Where a part begins.
    fn bound(&self, part: usize) -> i64 {
        let length = i128::from(self.period.length_ms());
        let parts = i128::try_from(PARTS).unwrap_or(1);
        let part = i128::try_from(part).unwrap_or(parts);
        let offset = i64::try_from(length * part / parts).unwrap_or(i64::MAX);
        self.period.begin_ms().saturating_add(offset)
    }

    fn add(&mut self, piece: &Piece<'_>) {
        let whole = self.period.length_ms().max(1);
        let offset = length(self.period.begin_ms(), piece.from);
        let parts = u128::try_from(PARTS).unwrap_or(1);
        let first = usize::try_from(u128::from(offset) * parts / u128::from(whole));
        for part in first.unwrap_or(PARTS).min(PARTS - 1)..PARTS {
            let (from, to) = (self.bound(part), self.bound(part + 1));
            if from >= piece.to {
                break;
            }
            let sum = &mut self.sums[part][index(piece.state.health)];
            *sum += length(piece.from.max(from), piece.to.min(to));
        }
    }

    fn strip(&self) -> Strip {
        Strip(std::array::from_fn(|part| self.longest(part)))
    }

    fn longest(&self, part: usize) -> Health {
        let whole = length(self.bound(part), self.bound(part + 1));
        let mut sums = self.sums[part];
        sums[index(Health::Unknown)] += whole.saturating_sub(sums.iter().sum());
        let bad = [Health::Failed, Health::Unhealthy];
        let bad = bad.into_iter().find(|it| sums[index(*it)] > 0);
        // Of two that were so for as long, the worse one.
        let longest = || Health::ALL.into_iter().max_by_key(|it| sums[index(*it)]);
        bad.or_else(longest).unwrap_or(Health::Unknown)
    }
}

/// The parts of a time, by what was so in it.
pub(super) fn strip(pieces: &[Piece<'_>], period: Period) -> Strip {
    let mut parts = Parts::of(period);
    for piece in pieces {
        parts.add(piece);
    }
    parts.strip()
}

/// How long the two of a pair did how. All that is a time is in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PairFigures {
    /// One ran and the other did not.
    pub one_ran_ms: u64,
    /// Both ran.
    pub both_ran_ms: u64,
    /// None ran, and at least one should have.
    pub none_ran_ms: u64,
    /// None ran, on purpose.
    pub off_ms: u64,
    /// It is not known of both whether they ran.
    pub unknown_ms: u64,
    /// The share of the time in which at least one did its work, of that in which one should and that is known;
    /// none where that is never.
    pub availability: Option<f64>,
}

impl PairFigures {
    pub(super) fn of(primary: &[Piece<'_>], backup: &[Piece<'_>], period: Period) -> Self {
        let mut it = Self::default();
        let (mut well, mut known, mut seen) = (0, 0, 0);
        let (mut first, mut second) = (primary.iter().peekable(), backup.iter().peekable());
        while let (Some(a), Some(b)) = (first.peek(), second.peek()) {
            let took = length(a.from.max(b.from), a.to.min(b.to));
            let healths = [a.state.health, b.state.health];
            let off = healths.iter().all(|it| *it == Health::Stopped);
            let sum = match (a.state.runs, b.state.runs) {
                (Some(true), Some(true)) => &mut it.both_ran_ms,
                (Some(false), Some(false)) if off => &mut it.off_ms,
                (Some(false), Some(false)) => &mut it.none_ran_ms,
                (Some(_), Some(_)) => &mut it.one_ran_ms,
                (None, _) | (_, None) => &mut it.unknown_ms,
            };
            *sum += took;
            seen += took;
            if healths.contains(&Health::Healthy) {
                well += took;
                known += took;
            } else if !off && !healths.contains(&Health::Unknown) {
                known += took;
            }
            if a.to <= b.to {
                first.next();
            } else {
                second.next();
            }
        }
        it.unknown_ms += period.length_ms().saturating_sub(seen);
        it.availability = share(well, known);
        it
    }
}
