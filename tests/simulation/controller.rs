//! The controller of a simulation: the product's own reconciler, driven as the watch drives it.

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use jiff::Timestamp;
use redundancy::core::{
    change::Step,
    duty,
    id::Id,
    pause::Pauses,
    reconciler::{Decision, Failed, Given, Memory, Reconciler, Rules},
    resource::{Desired, Observed, Status},
};

use crate::{
    Mutant,
    scene::Config,
    world::{Event, HOUR, MINUTE, World, name},
};

/// How often everything is looked at, whatever happens.
const LOOK_EVERY: i64 = 5 * MINUTE;

/// As the watch has it.
const LONGEST_SLEEP: i64 = MINUTE;

/// How long a late command of PM2 may take.
pub(crate) const DRAIN: i64 = 3000;

/// A lane that is being carried out.
#[derive(Debug)]
pub(crate) struct Hand {
    pub(crate) lane: Vec<Step>,
    pub(crate) step: usize,
    /// Whether it is being carried out, and not only to be.
    pub(crate) begun: bool,
}

#[derive(Default)]
pub(crate) struct Controller {
    pub(crate) up: bool,
    pub(crate) reconciler: Reconciler,
    pub(crate) desired: Desired,
    pub(crate) observed: Observed,
    pub(crate) hands: BTreeMap<u64, Hand>,
    /// Lanes that wait for the one before them.
    waiting: VecDeque<u64>,
    lanes: u64,
    pub(crate) asked: BTreeMap<Id, duty::Asked>,
    pub(crate) forgive: bool,
    pub(crate) pauses: Pauses,
    /// When each of them ends, whatever the clock does.
    pub(crate) paused_until: Vec<(Option<Id>, i64)>,
    /// What outlives it.
    pub(crate) journal: String,
    touched: [bool; 2],
    looked_at: i64,
    pub(crate) seen_at: [i64; 2],
    timer: u64,
    pub(crate) looks: u64,
    pub(crate) changes: u64,
}

impl Controller {
    /// Begins, with what an earlier one remembered.
    pub(crate) fn begin(&mut self, world: &World) {
        let memory: Memory = serde_json::from_str(&self.journal).unwrap_or_default();
        self.reconciler = Reconciler::new(memory, world.wall());
        (self.desired, self.observed) = (Desired::default(), Observed::default());
        self.waiting.clear();
        (self.up, self.looked_at, self.touched) = (true, world.now, [false; 2]);
        self.begin_pauses_anew(world);
    }

    /// Where the clock was set back, a pause begins anew with each controller, and with the first look.
    fn begin_pauses_anew(&mut self, world: &World) {
        for pause in self.pauses.iter().filter(|it| world.wall() < it.since) {
            let length = pause.until.duration_since(pause.since).as_millis();
            let until = world.now + i64::try_from(length).unwrap();
            self.paused_until.push((pause.id.clone(), until));
        }
    }

    /// Whether a person asked that something be left alone.
    pub(crate) fn is_paused(&self, id: &Id, world: &World) -> bool {
        let concerns = |it: &Option<Id>| it.as_ref().is_none_or(|it| it == id);
        self.pauses.of(id, world.wall()).is_some()
            && self.paused_until.iter().any(|(it, until)| concerns(it) && *until > world.now)
    }

    /// Whether that was so on a clock that has run evenly since, so that nothing may be done.
    pub(crate) fn must_be_left(&self, id: &Id, world: &World) -> bool {
        let jumped = world.jumped_at.is_some_and(|it| {
            self.pauses.iter().any(|pause| world.wall() < pause.since) || world.now - it < HOUR
        });
        self.is_paused(id, world) && !jumped
    }

    /// Looks and decides.
    pub(crate) fn decide(
        &mut self,
        world: &World,
        config: &Config,
        mutant: Mutant,
        scope: Option<usize>,
    ) -> (Rc<Rules>, Decision) {
        // What was changed since the last look is looked at too.
        let touched = std::mem::take(&mut self.touched);
        let in_scope = |it: &usize| scope.is_none_or(|one| one == *it) || touched[*it];
        for provider in [0, 1].into_iter().filter(in_scope) {
            let mut seen = world.look(provider);
            if mutant == Mutant::TakesSilenceForNothing && seen.is_err() {
                seen = Ok(BTreeMap::new());
            }
            if let (Mutant::TakesACrashForAStop, Ok(seen)) = (mutant, &mut seen) {
                for it in seen.values_mut().filter(|it| matches!(it.status, Status::Down { .. })) {
                    it.status = Status::Stopped;
                }
            }
            if let (Mutant::TakesALoopForTheEnd, Ok(seen)) = (mutant, &mut seen) {
                for it in &world.processes {
                    let seen =
                        seen.get_mut(&it.id.name).filter(|_| it.runs() && it.loops(world.now));
                    if let (Some(seen), 1) = (seen, crate::world::provider(&it.id)) {
                        let how = "crashes again and again".to_owned();
                        seen.status = Status::Failed { at: world.wall(), how };
                    }
                }
            }
            if seen.is_ok() {
                self.seen_at[provider] = world.now;
            }
            self.desired.set(&name(provider), config.wishes(provider));
            self.observed.set(&name(provider), seen);
        }
        self.looks += 1;
        let now = world.wall();
        self.begin_pauses_anew(world);
        // As the watch keeps them in its journal.
        self.pauses.prune(now);
        self.reconciler.pause(self.pauses.clone());
        if std::mem::take(&mut self.forgive) {
            self.reconciler.forgive(|_| true);
        }
        let asked = std::mem::take(&mut self.asked);
        let in_hand =
            |id: &Id| self.hands.values().any(|it| it.lane.iter().any(|step| step.id == *id));
        let can_work = |id: &Id| {
            let pair = config.all_pairs.iter().find(|it| it.backup == *id)?;
            let it = &world.processes[world.index(&pair.primary)];
            Some(!it.broken && !it.unstartable)
        };
        let drain = u64::try_from(DRAIN).unwrap();
        let given = Given {
            in_hand: &in_hand,
            drain: &|id| {
                let late = id.provider.as_str() == "pm2";
                std::time::Duration::from_millis(if late { drain } else { 0 })
            },
            precheck: &can_work,
            asked: &asked,
        };
        let rules = config.rules();
        let decision =
            self.reconciler.decide(&mut self.desired, &self.observed, &rules, &given, now);
        self.remember();
        (rules, decision)
    }

    pub(crate) fn remember(&mut self) {
        self.journal = serde_json::to_string(self.reconciler.memory()).unwrap();
    }

    /// Takes lanes in hand.
    pub(crate) fn take(&mut self, world: &mut World, lanes: Vec<Vec<Step>>, in_order: bool) {
        self.reconciler.begin(&lanes, world.wall());
        self.remember();
        for lane in lanes {
            self.lanes += 1;
            self.changes += 1;
            self.hands.insert(self.lanes, Hand { lane, step: 0, begun: false });
            self.waiting.push_back(self.lanes);
            if !in_order {
                self.begin_next(world);
            }
        }
        self.begin_next(world);
    }

    /// Begins the next lane that waits.
    fn begin_next(&mut self, world: &mut World) {
        let next = self.waiting.pop_front();
        if let Some((lane, hand)) = next.and_then(|it| Some((it, self.hands.get_mut(&it)?))) {
            hand.begun = true;
            let after = world.length(&hand.lane[0]);
            world.after(after, Event::Effect { lane });
        }
    }

    /// Notes that a lane is over. Of which provider to look, when it was the last.
    pub(crate) fn finish(
        &mut self,
        world: &mut World,
        lane: u64,
        failed: Option<Failed>,
    ) -> Option<Option<usize>> {
        let hand = self.hands.remove(&lane)?;
        let done = if failed.is_some() { hand.step } else { hand.lane.len() };
        self.reconciler.finish(&hand.lane, done, failed, world.wall());
        self.remember();
        self.begin_next(world);
        for step in &hand.lane {
            self.touched[crate::world::provider(&step.id)] = true;
        }
        if !self.hands.is_empty() {
            return None;
        }
        Some(match std::mem::take(&mut self.touched) {
            [true, false] => Some(0),
            [false, true] => Some(1),
            _ => None,
        })
    }

    /// Sleeps until there may be something to do.
    pub(crate) fn sleep(&mut self, world: &mut World, wake_at: Option<Timestamp>) {
        let mut left = (self.looked_at + LOOK_EVERY - world.now).max(1);
        if let Some(at) = wake_at {
            let due = at.duration_since(world.wall()).as_millis();
            // A look takes a moment, also where it is overdue.
            left = left.min(i64::try_from(due).unwrap().clamp(1, LONGEST_SLEEP));
        }
        self.timer += 1;
        world.after(left, Event::Timer { nth: self.timer });
    }

    /// Whether this is the timer that it set last.
    pub(crate) fn is_due(&mut self, world: &World, nth: u64) -> bool {
        let due = self.up && nth == self.timer;
        if due {
            self.looked_at = world.now;
        }
        due
    }
}
