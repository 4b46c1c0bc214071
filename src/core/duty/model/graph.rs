//! Everything that can happen in a world, from the nearest to the farthest, so that what is found
//! first is found by the shortest way.

use std::{
    collections::{HashMap, VecDeque},
    fmt::Write as _,
    rc::Rc,
};

use super::{
    state::State,
    world::{Action, World, is_benign},
};

/// A property that was found broken, and the shortest way there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub property: &'static str,
    pub steps: usize,
    pub trace: String,
}

pub(super) type Property = (&'static str, fn(&World, &State) -> bool);

/// All states of a world, by their distance from its beginning.
pub(super) struct Graph {
    states: Vec<Rc<State>>,
    /// How each was reached first.
    parents: Vec<Option<(u32, Action)>>,
    /// From where each is reached by what is no fault.
    benign: Vec<Vec<u32>>,
}

impl Graph {
    /// Explores `world` until everything is known, or a state breaks one of `properties`.
    pub(super) fn explore(world: &World, properties: &[Property]) -> Result<Self, Found> {
        let mut graph = Self { states: Vec::new(), parents: Vec::new(), benign: Vec::new() };
        let mut known = HashMap::new();
        for state in world.first() {
            graph.add(&mut known, state, None);
        }
        let mut index = 0;
        while let Some(state) = graph.states.get(index).cloned() {
            for (name, holds) in properties {
                if !holds(world, &state) {
                    return Err(graph.found(name, index));
                }
            }
            let from = u32::try_from(index).unwrap();
            for action in world.may(&state) {
                let next = world.after(&state, action);
                if next == *state {
                    continue;
                }
                let to = graph.add(&mut known, next, Some((from, action)));
                if is_benign(&state, action) {
                    graph.benign[to as usize].push(from);
                }
            }
            index += 1;
        }
        Ok(graph)
    }

    fn add(
        &mut self,
        known: &mut HashMap<Rc<State>, u32>,
        state: State,
        parent: Option<(u32, Action)>,
    ) -> u32 {
        if let Some(index) = known.get(&state) {
            return *index;
        }
        let (index, state) = (u32::try_from(self.states.len()).unwrap(), Rc::new(state));
        known.insert(state.clone(), index);
        self.states.push(state);
        self.parents.push(parent);
        self.benign.push(Vec::new());
        index
    }

    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// The nearest state that should lead to a good end without a further fault, and can't.
    pub(super) fn stuck(&self) -> Option<Found> {
        let mut leads = vec![false; self.states.len()];
        let mut queue = VecDeque::new();
        for (index, state) in self.states.iter().enumerate() {
            if state.is_served() {
                leads[index] = true;
                queue.push_back(index);
            }
        }
        while let Some(index) = queue.pop_front() {
            for from in self.benign[index].iter().map(|it| *it as usize) {
                if !leads[from] {
                    leads[from] = true;
                    queue.push_back(from);
                }
            }
        }
        let is_stuck = |index: &usize| !leads[*index] && self.states[*index].can_be_served();
        let stuck: Vec<_> = (0..self.states.len()).filter(is_stuck).collect();
        let mut found = self.found("INV4 there is a way back", *stuck.first()?);
        let _ = writeln!(found.trace, "… and {} states like that", stuck.len());
        Some(found)
    }

    fn found(&self, property: &'static str, index: usize) -> Found {
        let mut way = Vec::new();
        let mut at = index;
        while let Some((from, action)) = self.parents[at] {
            way.push((action, self.states[at].clone()));
            at = from as usize;
        }
        way.reverse();
        let mut trace = format!("{property}, broken after {} steps:\n", way.len());
        let _ = writeln!(trace, "  from {}", short(&self.states[at]));
        for (action, state) in &way {
            let _ = writeln!(trace, "  {action:?}\n      {}", short(state));
        }
        let _ = writeln!(trace, "  {:?}", self.states[index]);
        Found { property, steps: way.len(), trace }
    }
}

fn short(state: &State) -> String {
    let (primary, backup) = (&state.sides.primary, &state.sides.backup);
    let broken = |is: bool| if is { " broken" } else { "" };
    let commands: Vec<_> = (state.commands.iter())
        .map(|it| format!("{} {}", if it.start { "start" } else { "stop" }, it.side))
        .collect();
    format!(
        "{:?}, primary {:?}{}, backup {:?}{}, on the way: {commands:?}",
        state.duty.phase,
        primary.run,
        broken(primary.broken),
        backup.run,
        broken(backup.broken)
    )
}
