//! Duty: which of a pair does the work, and how it passes from one to the other.
//!
//! [`step`] is the whole of it: a pure function of what was before, what is seen and the time. It
//! starts and stops nothing. [`Duty::wants`] says who should run in view of it, and the ordinary plan
//! does the rest.
//!
//! An exclusive pair never runs at once by our act: the one that goes off duty is stopped, and a look
//! has to find it stopped, before the other is started. What crashed is not stopped: it may come back
//! by itself. What can't be seen says nothing. A stop that can't be proven ends in
//! [`Phase::Blocked`], never in a start.

#[cfg(test)]
mod model;
mod moves;
mod news;
mod rules;
mod terms;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::{moves::Move, rules::REMEMBERED};
pub use self::{
    news::{Cause, News},
    rules::{HandBack, Rules},
    terms::{Asked, Both, Look, Phase, Side, Stuck, Want},
};
use super::{
    evidence::{Evidence, Sight},
    span::{after, signed},
};

/// The duty of one pair.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Duty {
    /// Where it is.
    pub phase: Phase,
    /// Since when it is there.
    pub since: Timestamp,
    /// Who has duty, or is to get it.
    pub serving: Side,
    /// Why it is where it is.
    pub cause: Cause,
    /// What speaks for and against each side.
    pub evidence: Both<Evidence>,
    /// The failovers that are remembered, the oldest first.
    failovers: Vec<Timestamp>,
    /// A side that a person said is stopped, until that is seen.
    assumed_stopped: Option<Side>,
    /// What keeps duty from moving although it should, told once.
    stuck: Option<Stuck>,
    /// Whether each side was stopped when it was seen last.
    #[serde(default)]
    stopped: Both<bool>,
    /// Who was on duty last. Not `serving`: duty is on its way, or somebody else moved it.
    #[serde(default)]
    arrived: Option<Side>,
}

/// The most moves within one step. Each of them leads on; the limit is a net.
const MOST_MOVES: usize = 8;

/// The next state of a pair's duty, given what is seen of it at `now`, and what there is to tell.
///
/// Whether it moved or not, a step with the same look does no harm: what should be is read from the
/// state, not from the step.
#[must_use]
pub fn step(mut duty: Duty, rules: &Rules, look: &Look, now: Timestamp) -> (Duty, Vec<News>) {
    let mut news = Vec::new();
    duty.since = duty.since.min(now);
    for at in &mut duty.failovers {
        *at = (*at).min(now);
    }
    duty.failovers.retain(|at| now.duration_since(*at) < REMEMBERED.max(signed(rules.window)));
    if look.paused {
        if duty.phase != Phase::Paused {
            duty.enter(Move::new(Phase::Paused, duty.cause.clone()), now, &mut news);
        }
        return (duty, news);
    }
    if duty.phase == Phase::Paused {
        duty.enter(Move::new(Phase::Recover, duty.cause.clone()), now, &mut news);
    }
    for side in [Side::Primary, Side::Backup] {
        if *look.sight.of(side) != Sight::Unknown {
            *duty.stopped.of_mut(side) = is_stopped(look.sight.of(side), side, rules);
        }
    }
    for side in [Side::Primary, Side::Backup] {
        let sight = duty.expected(side, look, rules);
        duty.evidence.of_mut(side).see(&sight, rules.patience, now);
    }
    // Now it is known.
    if duty.assumed_stopped.is_some_and(|side| {
        let sight = look.sight.of(side);
        sight.is_well() || is_stopped(sight, side, rules)
    }) {
        duty.assumed_stopped = None;
    }
    let mut stuck = None;
    let mut asked = look.asked;
    for _ in 0..MOST_MOVES {
        match duty.next_move(rules, look, asked, now) {
            Ok(Some(step)) => duty.enter(step, now, &mut news),
            Ok(None) => break,
            Err(why) => {
                stuck = Some(why);
                break;
            }
        }
        // It was done.
        asked = None;
    }
    if stuck != duty.stuck {
        news.extend(stuck.map(|why| duty.stuck_news(why)));
        duty.stuck = stuck;
    }
    (duty, news)
}

/// Whether a side was seen to be stopped for good, so that the other one may be started.
fn is_stopped(sight: &Sight, side: Side, rules: &Rules) -> bool {
    match sight {
        Sight::Off | Sight::StoppedByHand | Sight::Absent | Sight::Gone => true,
        // It has ended. What it left behind is ended by a stop, where we may.
        Sight::Lost { .. } | Sight::Done => side == Side::Primary && !rules.controls_primary,
        Sight::Well { .. } | Sight::Ill { .. } | Sight::Unknown => false,
    }
}

impl Duty {
    /// The duty of a pair of which nothing is known yet.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            phase: Phase::Recover,
            since: now,
            serving: Side::Primary,
            cause: Cause::Beginning,
            evidence: Both::default(),
            failovers: Vec::new(),
            assumed_stopped: None,
            stuck: None,
            stopped: Both::default(),
            arrived: None,
        }
    }

    /// The same, for a controller that has just begun: what runs is found out first.
    #[must_use]
    pub fn recovered(mut self, now: Timestamp) -> Self {
        if self.phase != Phase::Paused {
            self.phase = Phase::Recover;
        }
        // It is no longer ago, and no less: a restart prolongs no hold.
        self.since = self.since.min(now);
        self
    }

    /// Whether a side should run, in view of what was seen in the last look.
    #[must_use]
    pub fn wants(&self, side: Side, rules: &Rules, look: &Look) -> Want {
        if matches!(self.phase, Phase::Recover | Phase::Paused) {
            return Want::AsIs;
        }
        if !rules.exclusive {
            return Want::On;
        }
        if side == Side::Primary && !rules.controls_primary {
            return Want::AsIs;
        }
        match self.phase {
            Phase::Fence(fenced) if side == fenced => Want::Off,
            Phase::Blocked if side != self.serving => Want::Off,
            // It gets no second one beside it that ran when it was seen last.
            Phase::On(on) if side == on => {
                let is_alone =
                    self.assumed_stopped == Some(side.other()) || *self.stopped.of(side.other());
                if is_alone || look.sight.of(side).is_well() { Want::On } else { Want::AsIs }
            }
            // Proven by this very look, or not started.
            Phase::Start(starts) if side == starts && self.is_off(side.other(), rules, look) => {
                Want::On
            }
            // Never the only one that may be running.
            Phase::On(on) | Phase::Start(on)
                if side != on && *look.sight.of(on) != Sight::Unknown =>
            {
                Want::Off
            }
            _ => Want::AsIs,
        }
    }

    /// Whether a side is to be started now, whoever stopped it before.
    #[must_use]
    pub fn is_starting(&self, side: Side) -> bool {
        // What came up and was stopped since, a person stopped.
        self.phase == Phase::Start(side) && !self.evidence.of(side).was_well()
    }

    /// What the look says of a side, in view of what it should do: what should run and is off does
    /// not do its work. What waits for the other one to be proven stopped is not to blame.
    fn expected(&self, side: Side, look: &Look, rules: &Rules) -> Sight {
        let sight = look.sight.of(side);
        let has_duty = matches!(self.phase, Phase::On(it) | Phase::Start(it) if it == side);
        let is_left_alone = side == Side::Primary && !rules.controls_primary;
        let should_run = !rules.exclusive
            || has_duty && (is_left_alone || self.wants(side, rules, look) == Want::On);
        match sight {
            Sight::Off | Sight::Absent if should_run && self.phase != Phase::Recover => {
                Sight::Ill {
                    occasion: self.since,
                    proven: false,
                    how: "was not started".to_owned(),
                }
            }
            other => other.clone(),
        }
    }

    fn enter(&mut self, step: Move, now: Timestamp, news: &mut Vec<News>) {
        let Move { to, cause, counts, assumes } = step;
        let from = self.phase;
        // A controller that begins anew prolongs no hold.
        if (from, to) != (Phase::Recover, Phase::On(self.serving)) {
            self.since = now;
        }
        (self.phase, self.cause) = (to, cause);
        self.serving = match to {
            Phase::On(side) | Phase::Start(side) => side,
            Phase::Fence(side) => side.other(),
            Phase::Recover | Phase::Blocked | Phase::Paused => self.serving,
        };
        if let Phase::Start(side) = to {
            self.evidence.of_mut(side).begin(now);
            *self.stopped.of_mut(side) = false;
            if assumes {
                self.assumed_stopped = Some(side.other());
            } else if self.assumed_stopped == Some(side) {
                self.assumed_stopped = None;
            }
        }
        if let Phase::On(side) = to {
            // What was wrong with it when it was not on duty, or before it came up, is over.
            if self.arrived != Some(side) || from == Phase::Start(side) {
                self.evidence.of_mut(side).arrive();
            }
            self.arrived = Some(side);
        }
        if counts {
            self.failovers.push(now);
        }
        news.extend(News::of(from, self));
    }

    /// The failovers that count against the budget.
    #[must_use]
    pub fn failovers_within(&self, rules: &Rules, now: Timestamp) -> u32 {
        let recent = |at: &&Timestamp| now.duration_since(**at) < signed(rules.window);
        u32::try_from(self.failovers.iter().filter(recent).count()).unwrap_or(u32::MAX)
    }

    /// When the hold of a backup on duty ends.
    #[must_use]
    pub fn hold_ends_at(&self, rules: &Rules) -> Option<Timestamp> {
        let on_duty = self.phase == Phase::On(Side::Backup);
        let hold = rules.hold_after(self.failovers.len());
        on_duty.then(|| self.since.checked_add(hold).unwrap_or(Timestamp::MAX))
    }

    pub(crate) fn stuck_news(&self, why: Stuck) -> News {
        News::Stuck {
            why,
            side: self.serving,
            how: self.evidence.of(self.serving).how().to_owned(),
        }
    }

    /// What keeps duty from moving although it should, if anything does.
    #[must_use]
    pub fn stuck(&self) -> Option<Stuck> {
        self.stuck
    }

    /// When there may be something to do by the clock alone.
    #[must_use]
    pub fn wakes_at(&self, rules: &Rules, now: Timestamp) -> Option<Timestamp> {
        let mine = self.evidence.of(self.serving);
        // Once it counts as failing, that it goes on being so changes nothing.
        let failing = mine.counts_again_at().filter(|_| !mine.has_fallen(rules.patience));
        let by_phase = match self.phase {
            Phase::Fence(_) => Some(after(self.since, rules.fence)),
            Phase::Start(_) => mine.well_since().map(|it| after(it, rules.settle)),
            Phase::On(Side::Backup) => {
                self.hold_ends_at(rules).and_then(|it| rules.hand_back.next(it.max(now)))
            }
            Phase::On(Side::Primary) | Phase::Recover | Phase::Blocked | Phase::Paused => None,
        };
        let budget = self.failovers.iter().map(|it| after(*it, rules.window));
        let budget = budget.filter(|it| *it > now).min();
        by_phase.into_iter().chain(failing).filter(|it| *it > now).chain(budget).min()
    }
}
