//! The whole loop of decisions, for a day of virtual time at a time: the product's own reconciler
//! against a world where everything goes wrong that does, with what may never happen checked after
//! each event.
//!
//! `SIMULATION_SEEDS=5000` runs more days, `SIMULATION_SEED=123` one of them, and with
//! `SIMULATION_TRACE=1` and `--nocapture` it tells all that happens in it. `SIMULATION_DAYS=250` makes the life of
//! each world so much longer.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
// What a failed test tells is read by people.
#![allow(clippy::print_stderr)]
// Each is something that a process may have.
#![allow(clippy::struct_excessive_bools)]
// A look that names no provider is one at all.
#![allow(clippy::option_option)]

mod check;
mod controller;
mod faults;
mod process;
mod rng;
mod scene;
mod world;

use check::Checks;
use controller::Controller;
use process::Runner;
use redundancy::core::{change::Step, id::Id, reconciler::Failed};
use scene::Config;
use world::{Event, HOUR, MINUTE, World};

/// How many days are simulated where nobody says otherwise.
const SEEDS: u64 = 12;

const DAY: i64 = 24 * HOUR;

/// What is wrong with the controller, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutant {
    /// Nothing.
    None,
    /// Nothing, on a day when more goes wrong.
    OnlyHarsh,
    /// What crashed counts as stopped.
    TakesACrashForAStop,
    /// What crashes again and again counts as given up, although PM2 goes on with it.
    TakesALoopForTheEnd,
    /// A provider that does not answer has nothing.
    TakesSilenceForNothing,
}

/// What a day came to.
#[derive(Debug, Default)]
struct Day {
    looks: u64,
    changes: u64,
    failovers: u64,
    memory: usize,
    busiest: (u64, u64),
}

struct Simulation {
    /// How long it goes on. The last hour is calm.
    end: i64,
    world: World,
    config: Config,
    controller: Controller,
    checks: Checks,
    mutant: Mutant,
    calm: bool,
    /// Where duty was, in words.
    phases: Option<Vec<String>>,
    busiest: (u64, u64),
}

impl Simulation {
    fn new(seed: u64, days: u64, mutant: Mutant) -> Self {
        let end = DAY * i64::try_from(days).unwrap();
        let calm = end - HOUR;
        let mut world = World::new(seed, scene::processes());
        let config = Config::new(&mut world.rng);
        // Primaries that are not of the config run already; all else is made.
        for process in 0..world.processes.len() {
            if !world.processes[process].ours {
                world.start(process, "a person, long ago");
            }
        }
        // Some days are calmer than others.
        let faults = match mutant {
            Mutant::None => *world.rng.pick(&[5, 20, 60, 150]),
            // What is to go wrong goes wrong soon.
            _ => 400,
        };
        for _ in 0..faults * days {
            let at = world.rng.between(MINUTE, calm);
            world.after(at, Event::Fault);
        }
        world.after(1, Event::Begins);
        world.after(calm, Event::Calm);
        Self {
            end,
            world,
            config,
            controller: Controller::default(),
            checks: Checks::default(),
            mutant,
            calm: false,
            phases: None,
            busiest: (0, 0),
        }
    }

    /// Looks, decides, and takes in hand what there is to do.
    fn pass(&mut self, scope: Option<usize>) -> Result<(), String> {
        let before = self.controller.journal.clone();
        let phases = self.phases.take();
        let (rules, decision) =
            self.controller.decide(&self.world, &self.config, self.mutant, scope);
        self.phases = if self.controller.journal == before {
            phases
        } else {
            Some(self.tell_duty(phases.as_ref()))
        };
        self.check_decision(&rules, &decision, &before)?;
        let wake_at = decision.wake_at;
        if !decision.plan.lanes.is_empty() {
            for step in decision.plan.steps() {
                let Step { id, change, reason } = step;
                self.world.say(format_args!("  to do: {} {id}: {reason}", change.verb()));
            }
            self.controller.take(&mut self.world, decision.plan.lanes, decision.in_order);
            // Somebody kills it just then.
            let kills = if self.mutant == Mutant::None { 2 } else { 10 };
            if !self.calm && self.world.rng.percent(kills) {
                self.kill();
                return Ok(());
            }
        }
        self.controller.sleep(&mut self.world, wake_at);
        Ok(())
    }

    /// Tells where duty is, where that has changed.
    fn tell_duty(&mut self, before: Option<&Vec<String>>) -> Vec<String> {
        let duties = self.controller.reconciler.duties();
        let of = |backup: &Id| {
            let duty = duties.of(backup)?;
            Some(format!("  duty of {backup}: {:?}, because {}", duty.phase, duty.cause))
        };
        let now: Vec<String> =
            self.config.all_pairs.iter().filter_map(|it| of(&it.backup)).collect();
        for line in &now {
            if !before.into_iter().flatten().any(|it| it == line) {
                self.world.say(line);
            }
        }
        now
    }

    /// The next step of a lane has been made, or has failed.
    fn effect(&mut self, lane: u64) -> Result<(), String> {
        let Some(hand) = self.controller.hands.get(&lane) else { return Ok(()) };
        let (nth, steps) = (hand.step, hand.lane.len());
        let step = hand.lane[nth].clone();
        let process = self.world.index(&step.id);
        let pm2 = self.world.processes[process].runner == Runner::Pm2;
        let result = if pm2 && self.world.is_blind(1) {
            self.late(process, &step.change);
            Err(("no answer in time".to_owned(), true))
        } else if !self.calm && self.world.rng.percent(2) {
            Err(("a passing failure".to_owned(), false))
        } else {
            self.world.make(process, &step.change).map_err(|how| (how, false))
        };
        let how = match result {
            Ok(()) if nth + 1 < steps => {
                self.controller.hands.get_mut(&lane).unwrap().step += 1;
                let after = self.world.length(&step);
                self.world.after(after, Event::Effect { lane });
                return Ok(());
            }
            Ok(()) => None,
            Err((how, may_come_late)) => {
                let (now, it) = (self.world.now, &mut self.world.processes[process]);
                it.failed_at.push(now);
                self.world.say(format_args!("{} of {} fails: {how}", step.change.verb(), step.id));
                Some(Failed { how, may_come_late })
            }
        };
        match self.controller.finish(&mut self.world, lane, how) {
            Some(scope) => self.pass(scope),
            None => Ok(()),
        }
    }

    fn happens(&mut self, event: Event) -> Result<(), String> {
        let up = self.controller.up;
        match event {
            Event::Dies { process, run } => {
                let it = &self.world.processes[process];
                if it.run == run && (it.broken || it.every.is_some()) {
                    self.world.die(process);
                }
            }
            Event::DaemonRestarts { process, run } => self.world.daemon_restarts(process, run),
            Event::Late { process, nth } => {
                if self.world.is_blind(1) {
                    let left = self.world.blind_until[1] - self.world.now;
                    let after = left + self.world.rng.between(0, 2500);
                    self.world.after(after, Event::Late { process, nth });
                } else if let Some(change) = self.world.late[nth].take() {
                    let id = self.world.processes[process].id.clone();
                    self.world.say(format_args!("late: {} of {id}", change.verb()));
                    let _ = self.world.make(process, &change);
                }
            }
            Event::Effect { lane } => return self.effect(lane),
            Event::Look(scope) if up => return self.pass(scope),
            Event::Timer { nth } if self.controller.is_due(&self.world, nth) => {
                return self.pass(None);
            }
            Event::Sees { provider } if up => return self.pass(Some(provider)),
            Event::Begins if !up => {
                self.world.say("a controller begins");
                self.controller.begin(&self.world);
                return self.pass(None);
            }
            Event::Fault => self.fault(),
            Event::Mended { process } => self.world.mend(process),
            // A new config waits until nothing is in hand.
            Event::ConfigEdit { nth } if up && !self.controller.hands.is_empty() => {
                self.world.after(500, Event::ConfigEdit { nth });
            }
            Event::ConfigEdit { nth } if !self.calm => self.edit(nth),
            // Nobody is there, or nobody waits for it any more.
            Event::Look(_)
            | Event::Timer { .. }
            | Event::Sees { .. }
            | Event::Begins
            | Event::ConfigEdit { .. } => {}
            Event::Calm => self.calm(),
        }
        Ok(())
    }

    fn live(&mut self) -> Result<Day, String> {
        loop {
            let event = self.world.next();
            self.happens(event)?;
            self.check_world()?;
            if self.world.now < self.end {
                continue;
            }
            let (rules, decision) =
                self.controller.decide(&self.world, &self.config, self.mutant, None);
            match self.check_end(&rules, &decision) {
                Ok(()) => break,
                // Duty may be on its way just then.
                Err(_) if self.world.now < self.end + 10 * MINUTE => {
                    self.controller.take(&mut self.world, decision.plan.lanes, decision.in_order);
                    self.controller.sleep(&mut self.world, decision.wake_at);
                }
                Err(wrong) => return Err(wrong),
            }
        }
        Ok(Day {
            looks: self.controller.looks,
            changes: self.controller.changes,
            failovers: self.checks.moves,
            memory: self.checks.memory,
            busiest: self.busiest,
        })
    }
}

/// Lives through the day of `seed`; what was wrong with it, and how it came to that.
fn day(seed: u64, mutant: Mutant) -> Result<Day, String> {
    days(seed, number("SIMULATION_DAYS").unwrap_or(1), mutant)
}

fn days(seed: u64, days: u64, mutant: Mutant) -> Result<Day, String> {
    let mut simulation = Simulation::new(seed, days, mutant);
    simulation.live().map_err(|wrong| {
        format!(
            "{wrong}\n\nThe last that happened:\n{}\n\nThe world then:\n{}\n\nAgain: \
             SIMULATION_SEED={seed} cargo test --test simulation",
            simulation.world.told(),
            check::ending(&simulation.world)
        )
    })
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn whatever_goes_wrong_in_a_day_it_ends_well() {
    let (first_seed, last) = match number("SIMULATION_SEED") {
        Some(seed) => (seed, seed + 1),
        None => {
            let first = number("SIMULATION_FROM").unwrap_or(0);
            (first, first + number("SIMULATION_SEEDS").unwrap_or(SEEDS))
        }
    };
    let mut all = Day::default();
    let mut wrong: Vec<String> = Vec::new();
    for seed in first_seed..last {
        match day(seed, Mutant::None) {
            Ok(day) => {
                all.looks = all.looks.max(day.looks);
                all.changes = all.changes.max(day.changes);
                all.failovers += day.failovers;
                all.memory = all.memory.max(day.memory);
                all.busiest.0 = all.busiest.0.max(day.busiest.0);
                all.busiest.1 = all.busiest.1.max(day.busiest.1);
            }
            Err(it) => {
                let first = it.lines().next().unwrap_or_default();
                eprintln!("seed {seed}: {first}");
                wrong.push(it);
            }
        }
    }
    if let Some(first) = wrong.first() {
        panic!("{} of {} days went wrong. The first: {first}", wrong.len(), last - first_seed);
    }
    eprintln!("the most of a day, but for failovers, which are of all: {all:?}");
}

#[test]
fn what_is_remembered_of_many_days_is_no_more_than_of_a_few() {
    let memory = |length| {
        let lives = (0..3).map(|seed| days(seed, length, Mutant::None).unwrap().memory);
        lives.max().unwrap()
    };
    let (few, many) = (memory(2), memory(8));
    assert!(many < 2 * few, "{few} bytes became {many}");
}

#[test]
fn the_same_seed_is_the_same_day() {
    let told = |seed| format!("{:?}", day(seed, Mutant::None).map_err(|it| it.lines().count()));
    assert_eq!(told(3), told(3));
}

/// A simulation that finds nothing wrong with these would find nothing wrong with anything.
#[test]
fn what_is_wrong_on_purpose_is_found() {
    use Mutant::{TakesACrashForAStop, TakesALoopForTheEnd, TakesSilenceForNothing};
    for mutant in [TakesACrashForAStop, TakesALoopForTheEnd, TakesSilenceForNothing] {
        let found = (0..SEEDS).find_map(|seed| Some((seed, day(seed, mutant).err()?)));
        let Some((seed, found)) = found else { panic!("{mutant:?} is not found") };
        eprintln!("{mutant:?}, day {seed}: {}", found.lines().next().unwrap_or_default());
    }
    for seed in 0..2 {
        // With as much going wrong, but with nothing wrong on purpose.
        assert_eq!(day(seed, Mutant::OnlyHarsh).err(), None);
    }
}
