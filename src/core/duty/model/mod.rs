//! Goes through everything that can happen to one exclusive pair, with the product's own
//! [`step`](super::step) and [`Duty::wants`](super::Duty::wants) as the decision.

mod graph;
mod world;

use stateright::{Checker, Model};

use self::{
    graph::{Found, Graph, Property},
    world::{Action, Broken, Faults, Mutant, Run, State, World},
};
use super::Side;

const PROPERTIES: &[Property] = &[
    ("INV1 never both by our act", |_, state| !state.both_run()),
    ("INV2 no start without proof", |_, state| state.broken != Some(Broken::StartWithoutProof)),
    ("INV3 one lie moves nothing", one_lie_moves_nothing),
    ("a spent budget stops no only runner", |_, state| {
        state.broken != Some(Broken::StoppedTheOnlyRunner)
    }),
    ("a person's stop is not undone", |_, state| {
        state.broken != Some(Broken::StartedWhatAPersonStopped)
    }),
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

/// The first property that is broken, by the shortest way there.
fn broken(world: &World) -> Option<Found> {
    match Graph::explore(world, PROPERTIES) {
        Ok(graph) => graph.stuck(),
        Err(found) => Some(found),
    }
}

#[track_caller]
fn holds(name: &str, world: &World) -> usize {
    let begun = std::time::Instant::now();
    let graph = Graph::explore(world, PROPERTIES).unwrap_or_else(|it| panic!("{}", it.trace));
    println!("{name}: {} states, {:?}", graph.states.len(), begun.elapsed());
    if let Some(found) = graph.stuck() {
        panic!("{}", found.trace);
    }
    graph.states.len()
}

#[test]
fn processes_that_fail() {
    let faults = Faults { crashes: 2, breaks: 1, lies: 1, ..Faults::default() };
    holds("failing", &World::new(faults));
}

#[test]
fn controllers_and_commands_that_fail() {
    let faults = Faults { crashes: 1, lies: 1, losses: 1, controllers: 1, ..Faults::default() };
    holds("controllers", &World::new(faults));
}

#[test]
fn people() {
    let faults = Faults { crashes: 1, by_hand: 1, asks: 1, pauses: 1, ..Faults::default() };
    holds("people", &World::new(faults));
}

#[test]
fn people_and_controllers() {
    let faults = Faults { crashes: 1, by_hand: 2, controllers: 1, ..Faults::default() };
    holds("people and controllers", &World::new(faults));
}
