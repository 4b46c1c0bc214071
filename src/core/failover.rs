//! The pairs of a project and their duties: what is seen is told to each pair's duty, and what that
//! wants is put into what is desired.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    change::Reason,
    duty::{Asked, Both, Cause, Duty, Look, News, Phase, Rules, Side, Want, step},
    evidence::Sight,
    id::Id,
    plan::Plan,
    resource::{Desired, Observed, Run, Wanted},
};

/// A primary and its backup.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// What there was first. Not always one of ours.
    pub primary: Id,
    /// What stands in for it. It names the pair.
    pub backup: Id,
    /// The rules by which duty passes between them.
    pub rules: Rules,
}

impl Pair {
    /// The one of `side`.
    #[must_use]
    pub fn id(&self, side: Side) -> &Id {
        match side {
            Side::Primary => &self.primary,
            Side::Backup => &self.backup,
        }
    }

    /// Whether `id` is one of the two.
    #[must_use]
    pub fn has(&self, id: &Id) -> bool {
        self.primary == *id || self.backup == *id
    }
}

/// What is known beside what was seen.
pub struct Circumstances<'a> {
    /// Whether a resource is being changed just now.
    pub in_hand: &'a dyn Fn(&Id) -> bool,
    /// Whether a person asked that a resource be left alone.
    pub paused: &'a dyn Fn(&Id) -> bool,
    /// Whether what looks bad of a resource may be the fault of the look.
    pub storm: &'a dyn Fn(&Id) -> bool,
    /// Whether no command of an earlier controller can still take effect on a resource.
    pub settled: &'a dyn Fn(&Id) -> bool,
    /// Whether the stopped primary of this backup is known to be able to work.
    pub precheck: &'a dyn Fn(&Id) -> Option<bool>,
    /// What a person asked of the pair of this backup.
    pub asked: &'a dyn Fn(&Id) -> Option<Asked>,
}

impl Circumstances<'_> {
    /// Those of somebody who looks only once: one look moves nothing.
    pub const ONE_LOOK: Circumstances<'static> = Circumstances {
        in_hand: &|_| false,
        paused: &|_| false,
        storm: &|_| true,
        settled: &|_| true,
        precheck: &|_| None,
        asked: &|_| None,
    };
}

/// The duty of each pair, by its backup. It outlives the controller, in the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Duties(BTreeMap<Id, Duty>);

impl Duties {
    /// The same, for a controller that has just begun: what runs is found out first.
    #[must_use]
    pub fn recovered(self, now: Timestamp) -> Self {
        Self(self.0.into_iter().map(|(id, duty)| (id, duty.recovered(now))).collect())
    }

    /// Says that a person wants duty of the pair of `backup` to come to `side`, where none of the two
    /// is found running.
    pub fn aim(&mut self, backup: &Id, side: Side, now: Timestamp) {
        let duty = self.0.entry(backup.clone()).or_insert_with(|| Duty::new(now));
        (duty.serving, duty.cause) = (side, Cause::Asked);
    }

    /// Takes over from `other` what it knows of the pair of `backup`.
    pub fn take_over(&mut self, other: &Self, backup: &Id) {
        if let Some(duty) = other.0.get(backup) {
            self.0.insert(backup.clone(), duty.clone());
        }
    }

    /// The duty of the pair of `backup`.
    #[must_use]
    pub fn of(&self, backup: &Id) -> Option<&Duty> {
        self.0.get(backup)
    }

    /// Takes one more look into account, for each of `pairs`, and puts who should run into
    /// `desired`. What there is to tell, each with the backup of the pair that it is about.
    pub fn decide(
        &mut self,
        pairs: &[Pair],
        desired: &mut Desired,
        observed: &Observed,
        circumstances: &Circumstances<'_>,
        now: Timestamp,
    ) -> Vec<(Id, News)> {
        self.0.retain(|id, _| pairs.iter().any(|it| it.backup == *id));
        let mut all_news = Vec::new();
        for pair in pairs {
            let look = look(pair, desired, observed, circumstances);
            let duty = self.0.remove(&pair.backup).unwrap_or_else(|| Duty::new(now));
            let (duty, news) = step(duty, &pair.rules, &look, now);
            all_news.extend(news.into_iter().map(|it| (pair.backup.clone(), it)));
            for side in [Side::Primary, Side::Backup] {
                want(pair, side, &duty, &look, desired);
            }
            self.0.insert(pair.backup.clone(), duty);
        }
        all_news
    }

    /// What of `pairs` is not to run, as far as that is decided, or not decided yet.
    pub fn off_duty<'a>(&'a self, pairs: &'a [Pair]) -> impl Iterator<Item = &'a Id> {
        let off = |pair: &'a Pair| {
            let phase = self.of(&pair.backup).map_or(Phase::Recover, |it| it.phase);
            let sides = [Side::Primary, Side::Backup].into_iter();
            let off = sides.filter(move |side| {
                pair.rules.exclusive
                    && !matches!(phase, Phase::On(it) | Phase::Start(it) if it == *side)
            });
            off.map(|side| pair.id(side))
        };
        pairs.iter().flat_map(off)
    }

    /// When there may be something to do by the clock alone.
    #[must_use]
    pub fn wake_at(&self, pairs: &[Pair], now: Timestamp) -> Option<Timestamp> {
        let wakes = |pair: &Pair| self.of(&pair.backup)?.wakes_at(&pair.rules, now);
        pairs.iter().filter_map(wakes).min()
    }

    /// Says of the steps of `plan` by which duty moves that this is why they are made.
    pub(super) fn tell_reasons(&self, pairs: &[Pair], plan: &mut Plan) {
        for step in plan.lanes.iter_mut().flatten() {
            let Some(pair) = pairs.iter().find(|it| it.rules.exclusive && it.has(&step.id)) else {
                continue;
            };
            let Some(duty) = self.of(&pair.backup) else { continue };
            let side = if pair.primary == step.id { Side::Primary } else { Side::Backup };
            match (&step.reason, duty.phase) {
                (Reason::NotRunning { .. }, Phase::Start(it)) if it == side => {
                    step.reason = Reason::OnDuty;
                }
                (Reason::ShouldBeOff, Phase::Fence(it)) if it == side => {
                    step.reason = Reason::OffDuty;
                }
                _ => {}
            }
        }
    }
}

/// What is seen of a pair.
#[must_use]
pub fn look(
    pair: &Pair,
    desired: &Desired,
    observed: &Observed,
    circumstances: &Circumstances<'_>,
) -> Look {
    let sight = |side| {
        let id = pair.id(side);
        if observed.is_unseen(id, desired) || (circumstances.in_hand)(id) {
            return Sight::Unknown;
        }
        if let Some(reason) = desired.impossible.get(id) {
            return Sight::Lost { how: format!("can't be made: {reason}") };
        }
        let ours = desired.wanted.get(id).is_some_and(|it| it.body.is_some());
        Sight::of(id, observed, ours)
    };
    let either = |is: &dyn Fn(&Id) -> bool| is(&pair.primary) || is(&pair.backup);
    Look {
        sight: Both { primary: sight(Side::Primary), backup: sight(Side::Backup) },
        settled: (circumstances.settled)(&pair.primary) && (circumstances.settled)(&pair.backup),
        storm: either(circumstances.storm),
        paused: either(circumstances.paused),
        precheck: (circumstances.precheck)(&pair.backup),
        asked: (circumstances.asked)(&pair.backup),
    }
}

/// Puts whether a side should run into what is desired.
fn want(pair: &Pair, side: Side, duty: &Duty, look: &Look, desired: &mut Desired) {
    let run = match duty.wants(side, &pair.rules, look) {
        Want::On => Run::On,
        Want::Off => Run::Off,
        Want::AsIs => Run::AsIs,
    };
    let id = pair.id(side);
    let called = duty.is_starting(side);
    match desired.wanted.get_mut(id) {
        Some(wanted) if wanted.body.is_some() => {
            wanted.run = run;
            wanted.called = called;
        }
        // One that is not ours: only whether it runs, and only where we may say so.
        _ if run == Run::AsIs || !pair.rules.exclusive || desired.impossible.contains_key(id) => {
            // Nor what the look before had to say of it.
            desired.wanted.remove(id);
        }
        _ => {
            desired.wanted.insert(id.clone(), Wanted { called, ..Wanted::not_ours(run) });
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
