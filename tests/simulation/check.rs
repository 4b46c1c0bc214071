//! What may never happen, and what must.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use redundancy::core::{
    change::{Change, Step, Why},
    duty::{Cause, Duty, Phase, Side},
    failover::Pair,
    id::Id,
    reconciler::{Decision, Memory, Rules},
};
use serde_json::Value;

use crate::{
    Simulation,
    process::State,
    world::{HOUR, MINUTE, SECOND, World, provider},
};

/// How long both of an exclusive pair may run after a person started one, while they can be seen and
/// stopped.
const BOTH: i64 = 15 * MINUTE;

/// How long nothing of a pair may run although it could.
const NOTHING: i64 = 15 * MINUTE;

/// More looks than this within ten minutes, beside those for what happened, or more changes, are a
/// busy loop.
const MOST_LOOKS: u64 = 100;
const MOST_CHANGES: u64 = 600;

/// More than this to remember grows for ever.
const MOST_MEMORY: usize = 12_000;

#[derive(Default)]
pub(crate) struct Checks {
    /// Whether both of a pair ran after the last event, whether that counts, and since when it does.
    both: BTreeMap<Id, (bool, bool, i64)>,
    /// Since when nothing of a pair runs although it could.
    nothing: BTreeMap<Id, i64>,
    /// The failovers of each pair, as long as the clock runs evenly.
    failovers: BTreeMap<Id, Vec<i64>>,
    /// What needs a person, as of the last look.
    needs_a_person: BTreeSet<Id>,
    /// When the last decision was made.
    wall: Option<Timestamp>,
    window: (i64, u64, u64),
    pub(crate) moves: u64,
    pub(crate) memory: usize,
}

impl Checks {
    /// The account of failovers begins anew: the clock jumped, or what was remembered is gone.
    pub(crate) fn forget_failovers(&mut self) {
        self.failovers.clear();
    }
}

fn wrong<T>(what: impl Into<String>) -> Result<T, String> {
    Err(what.into())
}

impl Simulation {
    /// Whether the controller can see and act on a pair, so that time counts against it.
    fn counts(&self, pair: &Pair) -> bool {
        let (world, controller) = (&self.world, &self.controller);
        controller.up
            && [&pair.primary, &pair.backup].into_iter().all(|id| {
                let it = &world.processes[world.index(id)];
                !world.is_blind(provider(id))
                    && !controller.is_paused(id, world)
                    // It is not ours to start.
                    && (pair.rules.controls_primary || *id != pair.primary || it.state != State::ByHand)
                    && !self.checks.needs_a_person.contains(id)
                    && !(it.unstoppable || it.unstartable || it.broken || it.frozen || it.bad_probe)
            })
    }

    /// After each event.
    pub(crate) fn check_world(&mut self) -> Result<(), String> {
        let now = self.world.now;
        let rules = self.config.rules();
        // Of a pair that is parallel meanwhile, nothing is remembered.
        let exclusive =
            |id: &Id| rules.pairs.iter().any(|it| it.rules.exclusive && it.backup == *id);
        self.checks.both.retain(|id, _| exclusive(id));
        for pair in rules.pairs.iter().filter(|it| it.rules.exclusive) {
            let [primary, backup] = [&pair.primary, &pair.backup].map(|it| self.world.index(it));
            let runs = [primary, backup].map(|it| self.world.processes[it].runs());
            let both = runs == [true; 2];
            let counts = self.counts(pair);
            let (before, counted, since) =
                self.checks.both.get(&pair.backup).copied().unwrap_or((false, false, now));
            // Also where nothing happened for long while it did not count.
            let since = if both && before && counts && counted { since } else { now };
            self.checks.both.insert(pair.backup.clone(), (both, counts, since));
            let excused = [primary, backup].iter().any(|it| self.world.processes[*it].by_person);
            if both && !before && !excused {
                return wrong(format!(
                    "both of an exclusive pair run by our act: {} and {}",
                    pair.primary, pair.backup
                ));
            }
            if now - since > BOTH {
                let pair = &pair.backup;
                return wrong(format!(
                    "both of the pair of {pair} go on running, and nobody ends it"
                ));
            }
            // A person's act is over when only one runs and the controller has seen that.
            let [p, b] = [&pair.primary, &pair.backup].map(provider);
            let seen = self.controller.seen_at[p].min(self.controller.seen_at[b]);
            let stopped = |it: &usize| {
                let state = &self.world.processes[*it].state;
                matches!(state, State::Off | State::ByHand | State::Absent)
            };
            let over = [primary, backup].iter().any(stopped);
            if over && excused && self.controller.hands.is_empty() && seen == now {
                self.world.processes[primary].by_person = false;
                self.world.processes[backup].by_person = false;
            }
            if runs == [false; 2] && counts {
                let since = *self.checks.nothing.entry(pair.backup.clone()).or_insert(now);
                // A foreign primary that is not ours to start is no runner.
                if now - since > NOTHING {
                    let duty = self.controller.reconciler.duties().of(&pair.backup);
                    return wrong(format!(
                        "nothing of the pair of {} runs, and nobody starts it: {:?}, stuck {:?}",
                        pair.backup,
                        duty.map(|it| it.phase),
                        duty.and_then(Duty::stuck)
                    ));
                }
            } else {
                self.checks.nothing.remove(&pair.backup);
            }
        }
        self.check_pace()
    }

    fn check_pace(&mut self) -> Result<(), String> {
        let (now, changes) = (self.world.now, self.controller.changes);
        // Each thing that happens and each change may be looked at.
        let looks = self.controller.looks.saturating_sub(self.world.happened + 2 * changes);
        let (since, l, c) = self.checks.window;
        let (looked, changed) = (looks.saturating_sub(l), changes - c);
        if looked > MOST_LOOKS || changed > MOST_CHANGES {
            return wrong(format!(
                "a busy loop: {looked} looks for nothing and {changed} changes within {} s",
                (now - since) / SECOND
            ));
        }
        if now - since >= 10 * MINUTE {
            self.checks.window = (now, looks, changes);
            self.busiest = (self.busiest.0.max(looked), self.busiest.1.max(changed));
        }
        Ok(())
    }

    /// After each decision.
    pub(crate) fn check_decision(
        &mut self,
        rules: &Rules,
        decision: &Decision,
        before: &str,
    ) -> Result<(), String> {
        let needy = decision.plan.held.iter().filter(|it| it.why.needs_a_person());
        let needy = needy.filter(|it| !matches!(it.why, Why::Blind { .. }));
        self.checks.needs_a_person = needy.map(|it| it.id.clone()).collect();
        self.check_memory(rules, before)?;
        self.checks.wall = Some(self.world.wall());
        if decision.wake_at.is_some_and(|it| it <= self.world.wall()) {
            return wrong("it wakes for what is past: a busy loop, where that is not done");
        }
        for step in decision.plan.steps() {
            self.check_step(rules, step)?;
        }
        Ok(())
    }

    fn check_step(&self, rules: &Rules, step: &Step) -> Result<(), String> {
        let (world, id) = (&self.world, &step.id);
        let pair = rules.pairs.iter().find(|it| it.has(id));
        if self.controller.observed.blind.contains_key(&id.provider) {
            return wrong(format!("{id} is changed although it can't be seen"));
        }
        let paused = |id| self.controller.must_be_left(id, world);
        let pair_paused = pair
            .filter(|it| it.rules.exclusive)
            .is_some_and(|it| paused(&it.primary) || paused(&it.backup));
        if paused(id) || pair_paused {
            return wrong(format!("{id} is changed although it is paused"));
        }
        let it = &world.processes[world.index(id)];
        if !it.ours {
            let runs = matches!(step.change, Change::Start | Change::Stop);
            let controlled = pair.is_some_and(|it| it.rules.controls_primary);
            // One that was removed by hand is created only where it is ours.
            let created = matches!(step.change, Change::Create { .. }) && self.config.asks_for(id);
            if !created && !(controlled && (runs || step.change == Change::Restart)) {
                return wrong(format!("{id} is not ours, and is to {}", step.change.verb()));
            }
        }
        let well_for_long = it.is_well()
            && it.failed_at.last().is_none_or(|at| world.now - at > 10 * MINUTE)
            && world.now - it.long_ill_until > 10 * MINUTE;
        if step.change == Change::Restart && well_for_long {
            return wrong(format!("{id} does well and is to be restarted"));
        }
        if step.change != Change::Stop || !self.config.asks_for(id) {
            return Ok(());
        }
        let Some(pair) = pair.filter(|it| it.rules.exclusive) else {
            return wrong(format!("{id} is to be stopped, and nothing wants that"));
        };
        let side = if pair.primary == *id { Side::Primary } else { Side::Backup };
        let other = &world.processes[world.index(pair.id(side.other()))];
        let Some(duty) = self.controller.reconciler.duties().of(&pair.backup) else {
            return wrong(format!("{id} is to be stopped, and its pair has no duty"));
        };
        let moves = match duty.phase {
            Phase::Fence(it) => it == side,
            Phase::Blocked => duty.serving != side,
            Phase::On(it) | Phase::Start(it) => it != side,
            Phase::Recover | Phase::Paused => false,
        };
        let because = match &duty.cause {
            // The first two by a look that is some moments old.
            Cause::BothRan { .. }
            | Cause::ByHand { .. }
            | Cause::Asked
            | Cause::AssumedStopped
            | Cause::HandBack => true,
            Cause::Failing { side: failed, .. } => {
                *failed == side || other.runs() || !well_for_long
            }
            Cause::Beginning => other.runs() || !well_for_long,
        };
        if moves && because {
            return Ok(());
        }
        wrong(format!("{id} runs alone and is to be stopped: {:?}, {:?}", duty.phase, duty.cause))
    }

    fn check_memory(&mut self, rules: &Rules, before: &str) -> Result<(), String> {
        let text = &self.controller.journal;
        if text == before {
            return Ok(());
        }
        let memory = self.controller.reconciler.memory();
        let back: Memory = serde_json::from_str(text).map_err(|it| it.to_string())?;
        let same = back.duties == memory.duties && back.incidents == memory.incidents;
        let same = same && back.breakers == memory.breakers && back.in_hand == memory.in_hand;
        // Of an emergency, since when things are bad is not kept, on purpose.
        if !same || serde_json::to_string(&back).unwrap() != *text {
            return wrong(format!("what is remembered reads back otherwise: {text}"));
        }
        self.checks.memory = self.checks.memory.max(text.len());
        if text.len() > MOST_MEMORY {
            return wrong(format!("what is remembered has {} bytes", text.len()));
        }
        let (new, old) = (counted(text), counted(before));
        for pair in &rules.pairs {
            let id = &pair.backup;
            let wall = self.world.wall();
            let last = new.get(id).and_then(|it| it.0.last());
            // A clock that was set back moves the failovers before it.
            if wall < self.checks.wall.unwrap_or(wall) {
                continue;
            }
            let phase = |of: &BTreeMap<Id, Counted>| of.get(id).map(|it| it.1.clone());
            if last != Some(&wall) || phase(&new) == phase(&old) {
                continue;
            }
            let phase = memory.duties.of(id).map(|it| (it.phase, it.cause.clone()));
            let Some((phase, Cause::Failing { side, how })) = phase else { continue };
            self.checks.moves += 1;
            self.world.say(format_args!("failover of {id}: {phase:?}, the {side} {how}"));
            let now = self.world.now;
            let failed = &self.world.processes[self.world.index(pair.id(side))];
            if !failed.has_failed(pair.rules.patience.fall, now) {
                return wrong(format!(
                    "duty is taken from {} although it did not fail: {how}",
                    failed.id
                ));
            }
            if !pair.rules.exclusive {
                // Nothing is stopped or started for it.
                continue;
            }
            if failed.state == State::Absent {
                // There is nothing to go back to, so the budget does not hold it.
                continue;
            }
            let all = self.checks.failovers.entry(id.clone()).or_default();
            all.retain(|at| now - at < HOUR);
            all.push(now);
            if all.len() > usize::try_from(pair.rules.budget).unwrap() {
                return wrong(format!("{} failovers of {id} within an hour", all.len()));
            }
        }
        Ok(())
    }

    /// At the end, when nothing has gone wrong for long.
    pub(crate) fn check_end(&self, rules: &Rules, decision: &Decision) -> Result<(), String> {
        if !decision.plan.is_empty() || !self.controller.hands.is_empty() {
            return wrong(format!("the plan does not become empty: {:?}", decision.plan));
        }
        for pair in &rules.pairs {
            let well = |id| self.world.processes[self.world.index(id)].is_well();
            let sides = [well(&pair.primary), well(&pair.backup)];
            let count = sides.into_iter().filter(|it| *it).count();
            let duty = self.controller.reconciler.duties().of(&pair.backup);
            let phase = duty.map(|it| it.phase);
            let right = match phase {
                Some(Phase::On(Side::Primary)) => sides[0],
                Some(Phase::On(Side::Backup)) => sides[1],
                _ => false,
            };
            let expected = if pair.rules.exclusive { 1 } else { 2 };
            if count != expected || !right {
                return wrong(format!(
                    "in the end {phase:?} of {}, and well: {sides:?}",
                    pair.backup
                ));
            }
        }
        Ok(())
    }
}

/// The failovers that a memory counts of a pair, and its phase.
type Counted = (Vec<Timestamp>, Value);

fn counted(memory: &str) -> BTreeMap<Id, Counted> {
    let value: Value = serde_json::from_str(memory).unwrap_or_default();
    let duties = value["duties"].as_object().cloned().unwrap_or_default();
    let failovers =
        |it: &Value| serde_json::from_value(it["failovers"].clone()).unwrap_or_default();
    let of =
        |(id, it): (&String, &Value)| (id.parse().unwrap(), (failovers(it), it["phase"].clone()));
    duties.iter().map(of).collect()
}

/// How a world ends, in words.
pub(crate) fn ending(world: &World) -> String {
    let lines = world.processes.iter().map(|it| {
        let ails = [
            (it.broken, "broken"),
            (it.frozen, "frozen"),
            (it.bad_probe, "fails its probe"),
            (it.unstoppable, "can't be stopped"),
            (it.unstartable, "can't be started"),
            (it.by_person, "by a person"),
        ];
        let ails: Vec<&str> = ails.into_iter().filter(|it| it.0).map(|it| it.1).collect();
        format!("  {:22} {:?} {}", it.id.to_string(), it.state, ails.join(", "))
    });
    lines.collect::<Vec<_>>().join("\n")
}
