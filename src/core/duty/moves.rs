//! Where duty goes next, by its phase.

use jiff::Timestamp;

use super::{Asked, Cause, Duty, HandBack, Look, Phase, Rules, Side, Stuck, is_stopped};
use crate::core::{
    evidence::{Evidence, Sight},
    span::signed,
};

/// A move to another phase.
pub(super) struct Move {
    pub(super) to: Phase,
    pub(super) cause: Cause,
    /// Whether it is a failover, of which there are only so many.
    pub(super) counts: bool,
    /// Whether a person said that the other side is stopped.
    pub(super) assumes: bool,
}

impl Move {
    pub(super) fn new(to: Phase, cause: Cause) -> Self {
        Self { to, cause, counts: false, assumes: false }
    }

    /// Away from a side that fails.
    fn failover(from: Side, evidence: &Evidence) -> Self {
        let cause = Cause::Failing { side: from, how: evidence.how().to_owned() };
        Self { counts: true, ..Self::new(Phase::Fence(from), cause) }
    }
}

impl Duty {
    /// Where duty goes next, if it does; or what keeps it from going where it should.
    pub(super) fn next_move(
        &self,
        rules: &Rules,
        look: &Look,
        asked: Option<Asked>,
        now: Timestamp,
    ) -> Result<Option<Move>, Stuck> {
        let go = |to, cause| Ok(Some(Move::new(to, cause)));
        match self.phase {
            Phase::Recover => Ok(self.recover(rules, look)),
            Phase::On(side) if !rules.exclusive => self.beside(side, rules, look),
            // The mode of the pair was changed meanwhile.
            _ if !rules.exclusive => go(Phase::On(self.serving), self.cause.clone()),
            Phase::On(side) => self.on(side, rules, look, asked, now),
            Phase::Fence(side) => {
                if self.is_off(side, rules, look) {
                    go(Phase::Start(side.other()), self.cause.clone())
                } else if now.duration_since(self.since) >= signed(rules.fence) {
                    go(Phase::Blocked, self.cause.clone())
                } else {
                    Ok(None)
                }
            }
            Phase::Blocked => {
                let fenced = self.serving.other();
                if self.is_off(fenced, rules, look) {
                    go(Phase::Start(self.serving), self.cause.clone())
                } else {
                    match (asked, self.serving) {
                        (Some(Asked::AssumeStopped), serving)
                            if !look.sight.of(fenced).is_well() =>
                        {
                            let to = Move::new(Phase::Start(serving), Cause::AssumedStopped);
                            Ok(Some(Move { assumes: true, ..to }))
                        }
                        // Back to the one that runs on.
                        (Some(Asked::HandBack), Side::Backup)
                        | (Some(Asked::FailOver), Side::Primary) => {
                            go(Phase::Fence(self.serving), Cause::Asked)
                        }
                        _ => Ok(None),
                    }
                }
            }
            Phase::Start(side) => self.starting(side, rules, look, now),
            Phase::Paused => Ok(None),
        }
    }

    pub(super) fn is_off(&self, side: Side, rules: &Rules, look: &Look) -> bool {
        self.assumed_stopped == Some(side) || is_stopped(look.sight.of(side), side, rules)
    }

    /// Whether a side runs, or may by itself, although a person may have said that it is stopped.
    fn may_run(&self, side: Side, look: &Look) -> bool {
        self.assumed_stopped != Some(side) && look.sight.of(side).may_run()
    }

    /// By what is seen alone; what was before only breaks ties, and says what a person did.
    fn recover(&self, rules: &Rules, look: &Look) -> Option<Move> {
        let go = |to| Some(Move::new(to, self.cause.clone()));
        if !look.settled {
            return None;
        }
        let is_seen =
            |side| self.assumed_stopped == Some(side) || *look.sight.of(side) != Sight::Unknown;
        if !is_seen(Side::Primary) || !is_seen(Side::Backup) {
            return None;
        }
        if !rules.exclusive {
            return go(Phase::On(self.serving));
        }
        let may_run = |side| self.may_run(side, look);
        let runs = match (may_run(Side::Primary), may_run(Side::Backup)) {
            (true, true) => return Some(both_run(rules, look, self.serving)),
            (true, false) => Side::Primary,
            (false, true) => Side::Backup,
            (false, false) => {
                // A stop by a person stays one, unless duty was on its way here.
                let was_on_its_way = self.arrived.is_some_and(|it| it != self.serving);
                let is_meant = stopped_on_purpose(look.sight.of(self.serving)) && !was_on_its_way;
                return go(if is_meant {
                    Phase::On(self.serving)
                } else {
                    Phase::Fence(self.serving.other())
                });
            }
        };
        let is_by_hand = runs != self.serving && self.arrived == Some(self.serving);
        let cause = if is_by_hand { Cause::ByHand { side: runs } } else { self.cause.clone() };
        Some(Move::new(Phase::On(runs), cause))
    }

    /// A pair that runs side by side: duty only says on whom the work rests.
    fn beside(&self, side: Side, rules: &Rules, look: &Look) -> Result<Option<Move>, Stuck> {
        let failing = |side: Side| {
            let sight = look.sight.of(side);
            *sight != Sight::Unknown && self.evidence.of(side).is_failing(rules.patience)
        };
        let well = |side: Side| look.sight.of(side).is_proven() && !failing(side);
        match side {
            Side::Primary if failing(side) && look.storm => Err(Stuck::Storm),
            Side::Primary if failing(side) && well(Side::Backup) => {
                let to = Phase::On(Side::Backup);
                Ok(Some(Move { to, ..Move::failover(side, self.evidence.of(side)) }))
            }
            Side::Backup if well(Side::Primary) => {
                Ok(Some(Move::new(Phase::On(Side::Primary), Cause::HandBack)))
            }
            _ => Ok(None),
        }
    }

    fn on(
        &self,
        side: Side,
        rules: &Rules,
        look: &Look,
        asked: Option<Asked>,
        now: Timestamp,
    ) -> Result<Option<Move>, Stuck> {
        let go = |to, cause| Ok(Some(Move::new(to, cause)));
        let other = side.other();
        let mine = look.sight.of(side);
        if let (Side::Primary, Some(Asked::FailOver)) | (Side::Backup, Some(Asked::HandBack)) =
            (side, asked)
        {
            // Never the only one that runs, for one that is not there to be started.
            return match look.sight.of(other) {
                Sight::Gone => Err(Stuck::OtherBroken),
                Sight::Unknown => Ok(None),
                _ => go(Phase::Fence(side), Cause::Asked),
            };
        }
        if self.may_run(other, look) {
            return Ok(match mine {
                Sight::Unknown => None,
                _ if mine.may_run() => Some(both_run(rules, look, side)),
                // A person moved it.
                _ => Some(Move::new(Phase::Fence(side), Cause::ByHand { side: other })),
            });
        }
        if *mine == Sight::Unknown {
            return Ok(None);
        }
        let evidence = self.evidence.of(side);
        let fails = match side {
            Side::Primary => evidence.is_failing(rules.patience),
            // A primary that was flapping is no better place than a backup that is.
            Side::Backup => evidence.has_fallen(rules.patience),
        };
        if fails && !stopped_on_purpose(mine) {
            return self.leave(side, rules, look, now);
        }
        if side == Side::Primary {
            return Ok(None);
        }
        self.hand_back(rules, look, now)
    }

    /// Duty goes from a failing side to the other one, where that may be.
    fn leave(
        &self,
        side: Side,
        rules: &Rules,
        look: &Look,
        now: Timestamp,
    ) -> Result<Option<Move>, Stuck> {
        let other = look.sight.of(side.other());
        if *other == Sight::Unknown {
            return Ok(None);
        }
        if look.storm {
            return Err(Stuck::Storm);
        }
        if matches!(other, Sight::Lost { .. } | Sight::Gone)
            || self.assumed_stopped == Some(side.other())
            || (side == Side::Backup && !rules.controls_primary)
        {
            return Err(Stuck::OtherBroken);
        }
        if side == Side::Primary && !rules.controls_primary && !self.is_off(side, rules, look) {
            return Err(Stuck::NoControl);
        }
        // What is not there can't be started again where it is, and duty can't come back to it.
        let can_stay = *look.sight.of(side) != Sight::Gone;
        if can_stay && self.failovers_within(rules, now) >= rules.budget {
            return Err(Stuck::BudgetSpent);
        }
        Ok(Some(Move::failover(side, self.evidence.of(side))))
    }

    /// The hand-back that nobody asked for, when it is time.
    fn hand_back(&self, rules: &Rules, look: &Look, now: Timestamp) -> Result<Option<Move>, Stuck> {
        let can_start =
            matches!(look.sight.primary, Sight::Off | Sight::StoppedByHand | Sight::Absent);
        if !rules.controls_primary || !can_start {
            return Ok(None);
        }
        if self.hold_ends_at(rules).is_none_or(|it| it > now)
            || look.precheck == Some(false)
            || self.evidence.primary.is_flapping()
        {
            return Ok(None);
        }
        if self.cause.is_by_person() || rules.hand_back == HandBack::Manual {
            return Err(Stuck::WaitsForPerson);
        }
        // Kept for the way back.
        let affordable = self.failovers_within(rules, now) < rules.budget;
        if look.storm || !affordable || !rules.hand_back.allows(now) {
            return Ok(None);
        }
        Ok(Some(Move::new(Phase::Fence(Side::Backup), Cause::HandBack)))
    }

    fn starting(
        &self,
        side: Side,
        rules: &Rules,
        look: &Look,
        now: Timestamp,
    ) -> Result<Option<Move>, Stuck> {
        let go = |to, cause| Ok(Some(Move::new(to, cause)));
        let other = side.other();
        if self.may_run(other, look) {
            // Somebody started it since it was proven stopped.
            return Ok(Some(if look.sight.of(side).may_run() {
                both_run(rules, look, side)
            } else if other == Side::Primary
                && (look.sight.primary.is_well() || !rules.controls_primary)
            {
                Move::new(Phase::Fence(side), Cause::ByHand { side: other })
            } else {
                Move::new(Phase::Fence(other), self.cause.clone())
            }));
        }
        let mine = look.sight.of(side);
        let evidence = self.evidence.of(side);
        // However it was before, it has its own chance now.
        if *mine != Sight::Unknown && evidence.has_fallen(rules.patience) && !mine.is_well() {
            return self.leave(side, rules, look, now);
        }
        let settled = evidence
            .well_since()
            .is_some_and(|since| now.duration_since(since) >= signed(rules.settle));
        // One that a person stopped as soon as it had come up is no failure.
        let is_let_be = *mine == Sight::StoppedByHand && evidence.was_well();
        if (mine.is_proven() && settled) || *mine == Sight::Done || is_let_be {
            return go(Phase::On(side), self.cause.clone());
        }
        Ok(None)
    }
}

/// Both run: the primary keeps duty where it does well, or where nothing may stop it, else the backup
/// where that does well, else the one that has it.
fn both_run(rules: &Rules, look: &Look, serving: Side) -> Move {
    let keeps = if look.sight.primary.is_well() || !rules.controls_primary {
        Side::Primary
    } else if look.sight.backup.is_well() {
        Side::Backup
    } else {
        serving
    };
    Move::new(Phase::Fence(keeps.other()), Cause::BothRan { keeps })
}

/// What a person stopped, or what has done its work, is no failure.
fn stopped_on_purpose(sight: &Sight) -> bool {
    matches!(sight, Sight::StoppedByHand | Sight::Done)
}
