//! Goes through everything that can happen to one exclusive pair, with the product's own
//! [`step`](super::step) and [`Duty::wants`](super::Duty::wants) as the decision.

mod graph;
mod state;
mod world;

use stateright::{Checker, Model};

use self::{
    graph::{Graph, Property},
    state::{Broken, Faults, State},
    world::{Action, Mutant, World},
};
use super::Side;

/// What no controller may ever do, in any world.
const SAFETY: &[Property] = PROPERTIES.split_at(PROPERTIES.len() - 1).0;

const PROPERTIES: &[Property] = &[
    ("INV1 never both by our act", |_, state| !state.both_run()),
    ("INV2 no start without proof", |_, state| state.broken != Some(Broken::StartWithoutProof)),
    ("a spent budget stops no only runner", |_, state| {
        state.broken != Some(Broken::StoppedTheOnlyRunner)
    }),
    ("a person's stop is not undone", |_, state| {
        state.broken != Some(Broken::StartedWhatAPersonStopped)
    }),
    ("nobody is on duty who has yet to answer", |_, state| {
        state.broken != Some(Broken::CalledOnDutyUnproven)
    }),
    ("INV3 one lie moves nothing", one_lie_moves_nothing),
];

/// As long as nothing but the eye was at fault, and that once, duty is where it was.
fn one_lie_moves_nothing(world: &World, state: &State) -> bool {
    let (all, left) = (world.faults, state.left);
    let only_one_lie = Faults {
        lies: all.lies.saturating_sub(1).max(left.lies),
        controllers: left.controllers,
        pauses: left.pauses,
        ..all
    };
    left != only_one_lie || (state.duty.serving == Side::Primary && state.duty.failovers.is_empty())
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        self.first()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(self.may(state));
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        Some(self.after(state, action)).filter(|it| it != state)
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        PROPERTIES.iter().map(|(name, holds)| stateright::Property::always(name, *holds)).collect()
    }
}

/// Goes through all of a world, and says how much that was.
#[expect(clippy::print_stdout, reason = "for those who ask for it")]
#[track_caller]
fn explore(name: &str, world: &World, properties: &[Property]) -> Graph {
    let graph = Graph::explore(world, properties).unwrap_or_else(|it| panic!("{}", it.trace));
    println!("{name}: {} states", graph.len());
    graph
}

#[track_caller]
fn holds(name: &str, faults: Faults) {
    if let Some(found) = explore(name, &World::new(faults), PROPERTIES).stuck() {
        panic!("{}", found.trace);
    }
}

#[test]
fn processes_fail() {
    holds("processes", Faults { crashes: 2, breaks: 1, lies: 1, ..Faults::default() });
}

#[test]
fn probes_have_yet_to_answer() {
    holds("probes", Faults { crashes: 1, breaks: 1, unproven: 2, ..Faults::default() });
}

#[test]
fn controllers_and_commands_fail() {
    let faults = Faults { crashes: 1, lies: 1, losses: 1, controllers: 2, ..Faults::default() };
    holds("controllers", faults);
}

#[test]
fn people_ask() {
    holds("people who ask", Faults { crashes: 1, by_hand: 1, asks: 1, ..Faults::default() });
}

#[test]
fn people_pause() {
    holds("people who pause", Faults { crashes: 1, by_hand: 1, pauses: 1, ..Faults::default() });
}

#[test]
fn people_do_it_by_hand() {
    let faults = Faults { crashes: 1, by_hand: 2, controllers: 1, ..Faults::default() };
    holds("people", faults);
}

/// Nothing can be promised but that the two never run at once: whether the primary runs is not ours
/// to say.
#[test]
fn a_primary_that_may_not_be_stopped() {
    let faults = Faults { crashes: 1, by_hand: 1, asks: 1, ..Faults::default() };
    let mut world = World::new(faults);
    world.rules.controls_primary = false;
    explore("not controlled", &world, SAFETY);
}

/// A second opinion on how the graph is explored.
#[test]
fn stateright_sees_the_same() {
    let faults = Faults { crashes: 1, lies: 1, losses: 1, controllers: 1, ..Faults::default() };
    let world = World::new(faults);
    let states = explore("once more", &world, PROPERTIES).len();
    let checker = world.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    assert_eq!(checker.unique_state_count(), states);
}

/// The property that a wrong controller breaks first, among `properties` and that there is a way
/// back; with what it takes for that.
#[expect(clippy::print_stdout, reason = "for those who ask for it")]
#[track_caller]
fn breaks(world: &World, property: &str, properties: &[Property]) {
    let found = match Graph::explore(world, properties) {
        Ok(graph) => graph.stuck().expect("the model finds what is wrong with it"),
        Err(found) => found,
    };
    println!("{:?}: {} in {} steps", world.mutant, found.property, found.steps);
    assert!(found.property.starts_with(property), "not {property}, but {}", found.trace);
}

fn mutant(mutant: Mutant, faults: Faults) -> World {
    World { mutant, ..World::new(faults) }
}

#[test]
fn without_a_fence_both_run() {
    let world = mutant(Mutant::NoFence, Faults { breaks: 1, ..Faults::default() });
    breaks(&world, "INV2", PROPERTIES);
    breaks(&world, "INV1", &PROPERTIES[..1]);
}

#[test]
fn with_a_crash_taken_for_a_stop_both_run() {
    let world = mutant(Mutant::CrashIsStop, Faults { crashes: 1, ..Faults::default() });
    breaks(&world, "INV2", PROPERTIES);
    breaks(&world, "INV1", &PROPERTIES[..1]);
}

#[test]
fn with_commands_of_an_earlier_controller_on_their_way_both_run() {
    let faults = Faults { crashes: 1, controllers: 1, ..Faults::default() };
    breaks(&mutant(Mutant::NoDrain, faults), "INV1", PROPERTIES);
}

#[test]
fn without_a_memory_of_the_other_one_both_run() {
    let world = mutant(Mutant::Forgets, Faults { crashes: 1, by_hand: 1, ..Faults::default() });
    breaks(&world, "INV2", PROPERTIES);
}

#[test]
fn believing_at_once_one_lie_moves_duty() {
    let mut world = World::new(Faults { lies: 1, ..Faults::default() });
    world.rules.patience.fall = 1;
    breaks(&world, "INV3", PROPERTIES);
}

#[test]
fn acting_on_changes_alone_it_is_stuck() {
    let faults = Faults { crashes: 1, losses: 1, ..Faults::default() };
    breaks(&mutant(Mutant::EdgeOnly, faults), "INV4", PROPERTIES);
}

#[test]
fn believing_that_what_runs_does_its_work_duty_comes_too_early() {
    let faults = Faults { unproven: 1, ..Faults::default() };
    breaks(&mutant(Mutant::Credulous, faults), "nobody is on duty", PROPERTIES);
}
