//! What there is in the world of the model at one moment, and how it is kept finite.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    super::{Both, Cause, Duty, HandBack, Phase, Rules, Side},
    world::Eye,
};
use crate::core::evidence::{AGAIN, Evidence, Patience, Sight};

pub(super) const SIDES: [Side; 2] = [Side::Primary, Side::Backup];

/// The clock of the model stands still: what was before gets older instead.
pub(super) const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

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
    pub odd: bool,
}

impl Process {
    pub(super) fn may_run(self) -> bool {
        matches!(self.run, Run::Runs | Run::Crashed)
    }

    pub(super) fn fails(&mut self) {
        self.odd = !self.odd;
    }
}

/// A start or a stop on its way to whoever runs a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Command {
    pub side: Side,
    pub start: bool,
    /// Whether an earlier controller sent it: this one does not know of it.
    pub old: bool,
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
    /// A side that runs has not answered its probe yet.
    pub unproven: u8,
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
pub(super) struct ByPerson {
    pub holds: bool,
    pub unseen: [bool; 2],
}

/// A rule that a transition broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Broken {
    StartWithoutProof,
    StoppedTheOnlyRunner,
    StartedWhatAPersonStopped,
    CalledOnDutyUnproven,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub duty: Duty,
    pub sides: Both<Process>,
    pub commands: Vec<Command>,
    pub paused: bool,
    pub left: Faults,
    pub by_person: ByPerson,
    /// Whether a side was off when it was seen last, and we have not started it since.
    pub proven_off: Both<bool>,
    /// A side on duty that a person stopped, as long as nothing asks for it again.
    pub rests: Option<Side>,
    pub broken: Option<Broken>,
    /// Only for the controller that acts on changes alone.
    pub last: Option<Both<Sight>>,
}

impl State {
    /// Whether a side runs, or may without anything more being done.
    pub(super) fn may_run(&self, side: Side) -> bool {
        self.sides.of(side).may_run() || self.commands.iter().any(|it| it.side == side && it.start)
    }

    /// What a person began is over as soon as it was seen and at most one of them may run.
    pub(super) fn forgive(&mut self) {
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
pub(super) fn undoes_stop(state: &State, side: Side) -> bool {
    state.duty.phase == Phase::On(side) && state.sides.of(side).run == Run::ByHand
}

pub(super) fn is_in_hand(state: &State, side: Side) -> bool {
    state.commands.iter().any(|it| it.side == side && !it.old)
}

pub(super) fn seen(state: &State, side: Side, eye: Eye) -> Sight {
    let failure = |second| Timestamp::constant(second, 0);
    let ill = |occasion| Sight::Ill { occasion, proven: false, how: String::new() };
    let process = state.sides.of(side);
    if eye == Eye::Blind || is_in_hand(state, side) {
        return Sight::Unknown;
    }
    match process.run {
        Run::Runs if eye == Eye::Lies => ill(failure(10 + i64::from(state.left.lies))),
        Run::Runs if eye == Eye::Early => Sight::Well { crashes: 0, proven: false },
        Run::Runs if !process.broken => Sight::Well { crashes: 0, proven: true },
        Run::Runs | Run::Crashed => ill(failure(i64::from(process.odd))),
        Run::GivenUp => Sight::Lost { how: String::new() },
        Run::Off => Sight::Off,
        Run::ByHand => Sight::StoppedByHand,
    }
}

/// The same duty, one tick later where the clock `ticked`. What makes no difference to a decision,
/// or not any more, is left out, so that there are only so many.
pub(super) fn aged(duty: Duty, rules: &Rules, ticked: bool) -> Duty {
    let older = |at: Timestamp, most: Duration| {
        let age = NOW.duration_since(at) + if ticked { TICK } else { SignedDuration::ZERO };
        NOW - age.min(SignedDuration::try_from(most).unwrap())
    };
    let evidence = |it: Evidence| {
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
