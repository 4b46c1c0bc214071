//! What can happen in the world of the model: two processes, the commands on their way to them, and a controller that
//! looks, takes the product's own step, and sends commands, among faults of which there are only so
//! many.

use super::{
    super::{Asked, Both, Duty, Look, Phase, Rules, Side, Want, is_stopped, step},
    state::{
        Broken, ByPerson, Command, Faults, NOW, Process, Run, SIDES, State, aged, is_in_hand,
        rules, seen, undoes_stop,
    },
};
use crate::core::evidence::Sight;

/// What the look makes of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Eye {
    Sees,
    Lies,
    /// It runs, and its probe has not answered yet.
    Early,
    Blind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Action {
    Tick,
    Look { primary: Eye, backup: Eye, asked: Option<Asked> },
    Executes(Command),
    IsLost(Command),
    Crashes(Side),
    IsGivenUp(Side),
    StartsByItself(Side),
    Breaks(Side),
    IsMended(Side),
    PersonStarts(Side),
    PersonStops(Side),
    ControllerCrashes { journal_is_lost: bool },
    Pause,
    Resume,
}

/// What is wrong with the controller, to see that the model would find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutant {
    None,
    /// The side that goes off duty is taken for off.
    NoFence,
    /// A crashed side is taken for off.
    CrashIsStop,
    /// A new controller does not wait for what an earlier one has sent.
    NoDrain,
    /// It takes the other side for stopped, as it once was.
    Forgets,
    /// It acts only where the look differs from the one before.
    EdgeOnly,
    /// It takes what runs for what has answered its probe.
    Credulous,
}

#[derive(Debug, Clone)]
pub(super) struct World {
    pub rules: Rules,
    pub faults: Faults,
    pub mutant: Mutant,
}

impl World {
    pub(super) fn new(faults: Faults) -> Self {
        Self { rules: rules(), faults, mutant: Mutant::None }
    }

    pub(super) fn first(&self) -> Vec<State> {
        let state = |primary| State {
            duty: Duty::new(NOW),
            sides: Both {
                primary: Process { run: primary, broken: false, odd: false },
                backup: Process { run: Run::Off, broken: false, odd: false },
            },
            commands: Vec::new(),
            paused: false,
            left: self.faults,
            by_person: ByPerson::default(),
            proven_off: Both::default(),
            rests: None,
            broken: None,
            last: None,
        };
        vec![state(Run::Runs), state(Run::Off)]
    }

    pub(super) fn may(&self, state: &State) -> Vec<Action> {
        let left = &state.left;
        let mut actions = vec![Action::Tick];
        for primary in eyes(state, Side::Primary) {
            for backup in eyes(state, Side::Backup) {
                let many = |eye| [primary, backup].iter().filter(|it| **it == eye).count();
                if many(Eye::Lies) <= usize::from(left.lies)
                    && many(Eye::Early) <= usize::from(left.unproven)
                {
                    for asked in asks(state) {
                        actions.push(Action::Look { primary, backup, asked });
                    }
                }
            }
        }
        for command in &state.commands {
            actions.push(Action::Executes(*command));
            if left.losses > 0 {
                actions.push(Action::IsLost(*command));
            }
        }
        for side in SIDES {
            let it = state.sides.of(side);
            let ours = side == Side::Backup || self.rules.controls_primary;
            let mut may = |can: bool, action| {
                if can {
                    actions.push(action);
                }
            };
            may(it.run == Run::Runs && left.crashes > 0, Action::Crashes(side));
            may(it.run == Run::Crashed, Action::IsGivenUp(side));
            may(it.run == Run::Crashed, Action::StartsByItself(side));
            may(!it.broken && left.breaks > 0, Action::Breaks(side));
            may(it.broken, Action::IsMended(side));
            // That a person undoes an own stop is no fault, and can always be.
            let starts = left.by_hand > 0 || (undoes_stop(state, side) && ours);
            may(it.run != Run::Runs && starts, Action::PersonStarts(side));
            may(it.may_run() && left.by_hand > 0, Action::PersonStops(side));
        }
        if left.controllers > 0 {
            actions.push(Action::ControllerCrashes { journal_is_lost: false });
            actions.push(Action::ControllerCrashes { journal_is_lost: true });
        }
        if state.paused {
            actions.push(Action::Resume);
        } else if left.pauses > 0 {
            actions.push(Action::Pause);
        }
        actions
    }

    pub(super) fn after(&self, state: &State, action: Action) -> State {
        let mut next = state.clone();
        let mut ticked = false;
        match action {
            Action::Tick => ticked = true,
            Action::Look { primary, backup, asked } => {
                next.left.asks -= u8::from(asked.is_some());
                if asked.is_some() {
                    next.rests = None;
                }
                self.look(&mut next, &Both { primary, backup }, asked);
            }
            Action::Executes(command) => {
                next.commands.retain(|it| *it != command);
                let it = next.sides.of_mut(command.side);
                it.run = match it.run {
                    _ if command.start => Run::Runs,
                    Run::ByHand => Run::ByHand,
                    _ => Run::Off,
                };
            }
            Action::IsLost(command) => {
                next.left.losses -= 1;
                next.commands.retain(|it| *it != command);
            }
            Action::Crashes(side) => {
                next.left.crashes -= 1;
                next.sides.of_mut(side).run = Run::Crashed;
                next.sides.of_mut(side).fails();
            }
            Action::IsGivenUp(side) => next.sides.of_mut(side).run = Run::GivenUp,
            Action::StartsByItself(side) => next.sides.of_mut(side).run = Run::Runs,
            Action::Breaks(side) => {
                next.left.breaks -= 1;
                next.sides.of_mut(side).broken = true;
                next.sides.of_mut(side).fails();
            }
            Action::IsMended(side) => next.sides.of_mut(side).broken = false,
            Action::PersonStarts(side) => {
                next.left.by_hand -= u8::from(!undoes_stop(state, side));
                let on_duty =
                    matches!(next.duty.phase, Phase::On(it) | Phase::Start(it) if it != side);
                // Also who said before that it is stopped, and now starts it.
                let is_assumed = next.duty.assumed_stopped == Some(side);
                let may_run = next.may_run(side.other());
                if on_duty || is_assumed || may_run || next.by_person.holds {
                    next.by_person.holds = true;
                    next.by_person.unseen[side as usize] = true;
                }
                next.sides.of_mut(side).run = Run::Runs;
                next.rests = None;
            }
            Action::PersonStops(side) => {
                let is_alone = !next.may_run(side.other()) && next.commands.is_empty();
                next.rests = (next.duty.phase == Phase::On(side) && is_alone).then_some(side);
                next.left.by_hand -= 1;
                next.sides.of_mut(side).run = Run::ByHand;
            }
            Action::ControllerCrashes { journal_is_lost } => {
                next.left.controllers -= 1;
                next.duty = if journal_is_lost { Duty::new(NOW) } else { next.duty.recovered(NOW) };
                for command in &mut next.commands {
                    command.old = true;
                }
                if journal_is_lost && next.rests == Some(Side::Backup) {
                    // Nobody knows any more that it was the backup's turn.
                    next.rests = None;
                }
                next.last = None;
            }
            Action::Pause => {
                next.left.pauses -= 1;
                next.paused = true;
            }
            Action::Resume => next.paused = false,
        }
        next.forgive();
        next.commands.sort_unstable();
        next.commands.dedup();
        next.duty = aged(next.duty, &self.rules, ticked);
        next
    }

    /// One round of the controller.
    fn look(&self, state: &mut State, eyes: &Both<Eye>, asked: Option<Asked>) {
        let seen = |side| seen(state, side, *eyes.of(side));
        let seen = Both { primary: seen(Side::Primary), backup: seen(Side::Backup) };
        for side in SIDES {
            state.left.lies -= u8::from(*eyes.of(side) == Eye::Lies);
            state.left.unproven -= u8::from(*eyes.of(side) == Eye::Early);
            let sight = seen.of(side);
            if *sight != Sight::Unknown {
                let is_assumed = state.duty.assumed_stopped == Some(side) && !sight.is_well();
                *state.proven_off.of_mut(side) = is_assumed || is_stopped(sight, side, &self.rules);
                state.by_person.unseen[side as usize] = false;
            }
        }
        if asked == Some(Asked::AssumeStopped) {
            *state.proven_off.of_mut(state.duty.serving.other()) = true;
        }
        state.forgive();
        if self.mutant == Mutant::EdgeOnly {
            if state.last.as_ref() == Some(&seen) {
                return;
            }
            state.last = Some(seen.clone());
        }
        let settled = self.mutant == Mutant::NoDrain || !state.commands.iter().any(|it| it.old);
        let look = Look {
            sight: self.told(&seen, state),
            settled,
            storm: false,
            paused: state.paused,
            precheck: None,
            asked,
        };
        let before = state.duty.clone();
        (state.duty, _) = step(before.clone(), &self.rules, &look, NOW);
        if let (Phase::Start(_), Phase::On(side)) = (before.phase, state.duty.phase)
            && *eyes.of(side) == Eye::Early
        {
            state.broken = Some(Broken::CalledOnDutyUnproven);
        }
        if self.mutant == Mutant::Forgets {
            state.duty.stopped = Both { primary: true, backup: true };
        }
        for side in SIDES {
            self.command(state, side, &seen, &look, &before);
        }
    }

    /// What the decision is told of what was seen: the same, unless the controller is wrong.
    fn told(&self, seen: &Both<Sight>, state: &State) -> Both<Sight> {
        let told = |side: Side| match (self.mutant, state.duty.phase) {
            (Mutant::NoFence, Phase::Fence(fenced)) if fenced == side => Sight::Off,
            (Mutant::Credulous, _) if seen.of(side).is_well() => {
                Sight::Well { crashes: 0, proven: true }
            }
            (Mutant::CrashIsStop, _) if state.sides.of(side).run == Run::Crashed => Sight::Off,
            _ => seen.of(side).clone(),
        };
        Both { primary: told(Side::Primary), backup: told(Side::Backup) }
    }

    /// Sends what brings a side to where the duty wants it, as the ordinary plan does.
    fn command(
        &self,
        state: &mut State,
        side: Side,
        seen: &Both<Sight>,
        look: &Look,
        before: &Duty,
    ) {
        let duty = &state.duty;
        let start = match (duty.wants(side, &self.rules, look), seen.of(side)) {
            (Want::On, Sight::Off | Sight::Lost { .. }) => true,
            (Want::On, Sight::Ill { .. }) => state.sides.of(side).run != Run::Runs,
            (Want::On, Sight::StoppedByHand) => duty.is_starting(side),
            (Want::Off, Sight::Well { .. } | Sight::Ill { .. } | Sight::Lost { .. }) => false,
            _ => return,
        };
        if start != (duty.wants(side, &self.rules, look) == Want::On) {
            // It runs, and is only started anew.
            return;
        }
        let other = side.other();
        if start {
            if !*state.proven_off.of(other) && !state.by_person.holds {
                state.broken = Some(Broken::StartWithoutProof);
            }
            *state.proven_off.of_mut(side) = false;
            if state.rests == Some(side) {
                state.broken = Some(Broken::StartedWhatAPersonStopped);
            }
            state.rests = None;
        } else {
            let had_duty = matches!(before.phase, Phase::On(it) | Phase::Start(it) if it == side);
            let is_spent = before.failovers_within(&self.rules, NOW) >= self.rules.budget;
            // What may come back, and could not be stopped then, is as good as running.
            let comes_back = !self.rules.controls_primary && state.sides.of(other).may_run();
            let is_only = state.sides.of(side).run == Run::Runs
                && state.sides.of(other).run != Run::Runs
                && !comes_back
                && look.asked.is_none();
            if had_duty && is_spent && is_only {
                state.broken = Some(Broken::StoppedTheOnlyRunner);
            }
        }
        state.commands.push(Command { side, start, old: false });
    }
}

/// Whether an action is no fault, so that a good end may count on it.
pub(super) fn is_benign(state: &State, action: Action) -> bool {
    match action {
        Action::Tick | Action::Executes(_) | Action::Resume => true,
        Action::Look { primary, backup, asked } => {
            primary == Eye::Sees && backup == Eye::Sees && asked.is_none()
        }
        Action::PersonStarts(side) => undoes_stop(state, side),
        _ => false,
    }
}

fn eyes(state: &State, side: Side) -> Vec<Eye> {
    let process = state.sides.of(side);
    // What is being changed is not seen anyway.
    if is_in_hand(state, side) {
        return vec![Eye::Sees];
    }
    let mut eyes = vec![Eye::Sees, Eye::Blind];
    if process.run == Run::Runs {
        eyes.push(Eye::Early);
        if !process.broken {
            eyes.push(Eye::Lies);
        }
    }
    eyes
}

/// What a person may ask in this look. Who says that a side is stopped is right.
fn asks(state: &State) -> Vec<Option<Asked>> {
    let mut asks = vec![None];
    if state.left.asks > 0 {
        asks.extend([Some(Asked::FailOver), Some(Asked::HandBack)]);
        let fenced = state.duty.serving.other();
        if state.duty.phase == Phase::Blocked && !state.may_run(fenced) {
            asks.push(Some(Asked::AssumeStopped));
        }
    }
    asks
}
