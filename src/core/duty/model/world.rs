//! The world of the model: two processes, the commands on their way to them, and a controller that
//! looks, takes the product's own step, and sends commands, among faults of which there are only so
//! many.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::{
    Asked, Both, Cause, Duty, HandBack, Look, Phase, Rules, Side, Want, is_stopped, step,
};
use crate::core::evidence::{AGAIN, Patience, Sight};

pub(super) const SIDES: [Side; 2] = [Side::Primary, Side::Backup];

/// The clock of the model stands still: what was before gets older instead.
const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// As long as a failure takes to count again.
const TICK: SignedDuration = AGAIN;

fn ticks(count: u32) -> Duration {
    Duration::from_secs(5) * count
}

/// Small rules, so that everything that takes time takes only a few ticks.
pub(super) fn rules() -> Rules {
    Rules {
        exclusive: true,
        controls_primary: true,
        patience: Patience { fall: 2, calm: ticks(1) },
        settle: ticks(1),
        hold: ticks(1),
        hand_back: HandBack::Auto,
        budget: 2,
        window: ticks(4),
        fence: ticks(2),
    }
}

/// What a side really does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Run {
    Runs,
    /// It crashed, and whoever runs it may start it again at any moment.
    Crashed,
    /// It crashed, and is not started again by whoever runs it.
    GivenUp,
    Off,
    /// A person stopped it.
    ByHand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub run: Run,
    /// Whether it does not do its work, also when it runs.
    pub broken: bool,
    /// Tells its failures apart, of which two at most are remembered anywhere.
    odd: bool,
}

impl Process {
    fn may_run(self) -> bool {
        matches!(self.run, Run::Runs | Run::Crashed)
    }

    fn fails(&mut self) {
        self.odd = !self.odd;
    }
}

/// A start or a stop on its way to whoever runs a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Command {
    pub side: Side,
    pub start: bool,
    /// Whether an earlier controller sent it: this one does not know of it.
    old: bool,
}

/// How often something may still go wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Faults {
    /// A side crashes.
    pub crashes: u8,
    /// A side stops doing its work, for good or until it is mended.
    pub breaks: u8,
    /// A probe says of a side that does well that it does not.
    pub lies: u8,
    /// A command never takes effect.
    pub losses: u8,
    /// The controller ends, and another one begins.
    pub controllers: u8,
    /// A person starts or stops a side by other means.
    pub by_hand: u8,
    /// A person asks for a move.
    pub asks: u8,
    /// A person pauses the pair.
    pub pauses: u8,
}

/// A person started a side although the other one ran, or may by our act: from then on both may run,
/// until what was started was seen and at most one of them may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct ByPerson {
    holds: bool,
    unseen: [bool; 2],
}

/// A rule that a transition broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Broken {
    StartWithoutProof,
    StoppedTheOnlyRunner,
    StartedWhatAPersonStopped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub duty: Duty,
    pub sides: Both<Process>,
    pub commands: Vec<Command>,
    pub paused: bool,
    pub left: Faults,
    by_person: ByPerson,
    /// Whether a side was off when it was seen last, and we have not started it since.
    proven_off: Both<bool>,
    /// A side on duty that a person stopped, as long as nothing asks for it again.
    rests: Option<Side>,
    pub broken: Option<Broken>,
    /// Only for the controller that acts on changes alone.
    last: Option<Both<Sight>>,
}

/// What the look makes of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Eye {
    Sees,
    Lies,
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
    /// It acts only where the look differs from the one before.
    EdgeOnly,
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
                let lies = [primary, backup].iter().filter(|it| **it == Eye::Lies).count();
                if lies <= usize::from(left.lies) {
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
                self.look(&mut next, Both { primary, backup }, asked);
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
    fn look(&self, state: &mut State, eyes: Both<Eye>, asked: Option<Asked>) {
        let seen = |side| seen(state, side, *eyes.of(side));
        let seen = Both { primary: seen(Side::Primary), backup: seen(Side::Backup) };
        for side in SIDES {
            state.left.lies -= u8::from(*eyes.of(side) == Eye::Lies);
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
        for side in SIDES {
            self.command(state, side, &seen, &look, &before);
        }
    }

    /// What the decision is told of what was seen: the same, unless the controller is wrong.
    fn told(&self, seen: &Both<Sight>, state: &State) -> Both<Sight> {
        let told = |side: Side| match (self.mutant, state.duty.phase) {
            (Mutant::NoFence, Phase::Fence(fenced)) if fenced == side => Sight::Off,
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

impl State {
    /// Whether a side runs, or may without anything more being done.
    fn may_run(&self, side: Side) -> bool {
        self.sides.of(side).may_run() || self.commands.iter().any(|it| it.side == side && it.start)
    }

    /// What a person began is over as soon as it was seen and at most one of them may run.
    fn forgive(&mut self) {
        // Who says that a side is stopped answers for it, until it is seen.
        let is_seen = self.by_person.unseen == [false; 2] && self.duty.assumed_stopped.is_none();
        if is_seen && !SIDES.iter().all(|side| self.may_run(*side)) {
            self.by_person.holds = false;
        }
    }

    /// Whether both run and no person began that.
    pub(super) fn both_run(&self) -> bool {
        SIDES.iter().all(|side| self.sides.of(*side).run == Run::Runs) && !self.by_person.holds
    }

    /// Whether all is as it should be: one side is on duty, does its work, and is alone.
    pub(super) fn is_served(&self) -> bool {
        let Phase::On(side) = self.duty.phase else { return false };
        let (mine, other) = (self.sides.of(side), self.sides.of(side.other()));
        mine.run == Run::Runs && !mine.broken && !self.may_run(side.other()) && !other.may_run()
    }

    pub(super) fn can_be_served(&self) -> bool {
        SIDES.iter().any(|side| !self.sides.of(*side).broken)
    }
}

/// Whether it would be a person's own stop that a person's start of `side` undoes.
fn undoes_stop(state: &State, side: Side) -> bool {
    state.duty.phase == Phase::On(side) && state.sides.of(side).run == Run::ByHand
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
    if process.run == Run::Runs && !process.broken {
        eyes.push(Eye::Lies);
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

fn is_in_hand(state: &State, side: Side) -> bool {
    state.commands.iter().any(|it| it.side == side && !it.old)
}

fn seen(state: &State, side: Side, eye: Eye) -> Sight {
    let failure = |second| Timestamp::constant(second, 0);
    let ill = |occasion| Sight::Ill { occasion, proven: false, how: String::new() };
    let process = state.sides.of(side);
    if eye == Eye::Blind || is_in_hand(state, side) {
        return Sight::Unknown;
    }
    match process.run {
        Run::Runs if eye == Eye::Lies => ill(failure(10 + i64::from(state.left.lies))),
        Run::Runs if !process.broken => Sight::Well { crashes: 0 },
        Run::Runs | Run::Crashed => ill(failure(i64::from(process.odd))),
        Run::GivenUp => Sight::Lost { how: String::new() },
        Run::Off => Sight::Off,
        Run::ByHand => Sight::StoppedByHand,
    }
}

/// The same duty, one tick later where the clock `ticked`. What makes no difference to a decision,
/// or not any more, is left out, so that there are only so many.
fn aged(duty: Duty, rules: &Rules, ticked: bool) -> Duty {
    let older = |at: Timestamp, most: Duration| {
        let age = NOW.duration_since(at) + if ticked { TICK } else { SignedDuration::ZERO };
        NOW - age.min(SignedDuration::try_from(most).unwrap())
    };
    let evidence = |it: crate::core::evidence::Evidence| {
        it.aged(ticked, rules.patience.fall, |at| older(at, rules.settle.max(rules.patience.calm)))
    };
    let longest_hold = rules.hold * 2_u32.pow(rules.budget.saturating_sub(1));
    let since = match duty.phase {
        Phase::Fence(_) => older(duty.since, rules.fence),
        Phase::On(Side::Backup) | Phase::Recover => older(duty.since, longest_hold),
        _ => NOW,
    };
    let failovers = duty.failovers.iter().map(|it| older(*it, rules.window));
    // A hold is as long as the failovers of a day make it: here, those of a window.
    let failovers = failovers.filter(|it| NOW.duration_since(*it).unsigned_abs() < rules.window);
    let cause = if duty.cause.is_by_person() { Cause::Asked } else { Cause::Beginning };
    let matters = |side: Side| {
        *duty.stopped.of(side)
            && matches!(duty.phase, Phase::On(it) | Phase::Start(it) if it != side)
    };
    Duty {
        since,
        stopped: Both { primary: matters(Side::Primary), backup: matters(Side::Backup) },
        cause,
        evidence: Both {
            primary: evidence(duty.evidence.primary),
            backup: evidence(duty.evidence.backup),
        },
        failovers: failovers.collect(),
        stuck: None,
        ..duty
    }
}
