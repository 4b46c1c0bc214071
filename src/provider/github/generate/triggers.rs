//! What starts a backup: its own schedule, and a person, with the inputs of the primary.

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use super::{
    Request, keys,
    source::{Refusal, Source},
};
use crate::{
    config::{
        github_cron,
        model::{Input, Workflow, WorkflowMode},
    },
    provider::github::timetable::{Entry, Timetable, events},
};

/// What GitHub takes at most for one start by hand.
const MOST_INPUTS: usize = 25;

/// `on` of a backup.
#[derive(Debug)]
pub(super) struct Triggers {
    /// `workflow_dispatch`.
    pub(super) dispatch: Value,
    /// Whether that is as the primary has it.
    pub(super) kept: bool,
    /// The only entry of `schedule`.
    pub(super) schedule: Entry,
    /// What a reader of the backup should know.
    pub(super) notes: Vec<String>,
}

impl Triggers {
    /// `on` as a tree.
    pub(super) fn tree(&self) -> Value {
        let Entry { cron, zone } = &self.schedule;
        let mut entry = Mapping::from_iter([(keys::CRON.into(), cron.as_str().into())]);
        if let Some(zone) = zone {
            entry.insert(keys::TIMEZONE.into(), zone.as_str().into());
        }
        Value::Mapping(Mapping::from_iter([
            (keys::DISPATCH.into(), self.dispatch.clone()),
            (keys::SCHEDULE.into(), Value::Sequence(vec![Value::Mapping(entry)])),
        ]))
    }

    /// The same with nothing to be given by hand.
    pub(super) fn without_inputs(self) -> Self {
        Self { dispatch: Value::Null, kept: false, ..self }
    }
}

/// Whether other workflows start this one and nothing else does.
pub(super) fn is_only_called(tree: &Mapping) -> bool {
    events(tree.get(keys::ON)) == [keys::CALL]
}

/// The triggers of the backup: those of the primary by which it is started by hand, and one
/// schedule. What else starts the primary would start both.
pub(super) fn triggers(source: &Source<'_>, request: &Request<'_>) -> Result<Triggers, Refusal> {
    let on = source.tree.get(keys::ON);
    let refuse = |why: &str| Err(Refusal::at(source.line(&[keys::ON]), why));
    match events(on).as_slice() {
        [] if matches!(on, None | Some(Value::Null)) => {
            return refuse("it has no `on`, so nothing starts it");
        }
        [] => return refuse("its `on` names no event"),
        [keys::CALL] => {
            let why = "only other workflows start it (`workflow_call`); back up these instead";
            return refuse(why);
        }
        _ => {}
    }
    let mut notes = Vec::new();
    let own = on.and_then(|it| it.get(keys::DISPATCH));
    let called = on.and_then(|it| it.get(keys::CALL)?.get(keys::INPUTS)?.as_mapping());
    let folded = called.and_then(|called| folded(own, called, &mut notes));
    let kept = folded.is_none();
    if !kept {
        source.writable_at(keys::ON)?;
    }
    let dispatch = folded.or_else(|| own.cloned()).unwrap_or(Value::Null);
    if request.settings.workflow.mode == WorkflowMode::Copy {
        given(&dispatch, request, &mut notes)
            .map_err(|why| Refusal::at(source.line(&[keys::ON]), why))?;
    }
    Ok(Triggers { dispatch, kept, schedule: schedule(source, request, &mut notes), notes })
}

/// Holds the values that the config gives for a start of the backup against what it takes.
fn given(dispatch: &Value, request: &Request<'_>, notes: &mut Vec<String>) -> Result<(), String> {
    let known = dispatch.get(keys::INPUTS).and_then(Value::as_mapping);
    let given = &request.settings.workflow.inputs;
    for (name, about) in known.into_iter().flatten() {
        let Some(name) = name.as_str() else { continue };
        if is_needed(about) && !given.contains_key(name) {
            notes.push(format!(
                "the input `{name}` is required: the tool starts this only with a value for it in \
                 redundancy.toml, `inputs`"
            ));
        }
    }
    unknown(given, known, keys::DISPATCH)
}

/// Whether nothing starts without a value for this input.
pub(super) fn is_needed(input: &Value) -> bool {
    input.get("required").and_then(Value::as_bool) == Some(true) && input.get("default").is_none()
}

/// Refuses values for inputs that are not there.
pub(super) fn unknown(
    given: &BTreeMap<String, Input>,
    known: Option<&Mapping>,
    event: &str,
) -> Result<(), String> {
    let is_known = |name: &str| known.is_some_and(|known| known.contains_key(name));
    match given.keys().find(|it| !is_known(it)) {
        Some(name) => {
            Err(format!("redundancy.toml gives the input `{name}`, which `{event}` does not have"))
        }
        None => Ok(()),
    }
}

/// When the backup runs by itself.
fn schedule(source: &Source<'_>, request: &Request<'_>, notes: &mut Vec<String>) -> Entry {
    let timetable = Timetable::of_tree(&source.tree);
    for entry in timetable.unreadable() {
        let zone = entry.zone.as_deref().map(|it| format!(" in {it:?}")).unwrap_or_default();
        notes.push(format!("the schedule {:?}{zone} of the primary can't be read", entry.cron));
    }
    let Workflow { schedule, guard, .. } = &request.settings.workflow;
    let entry = match github_cron::frequency(schedule) {
        None => Entry { cron: schedule.clone(), zone: None },
        Some(frequency) => {
            let repository = request.settings.repository.as_deref().unwrap_or_default();
            timetable.place(frequency, &[repository, request.path])
        }
    };
    if !guard && timetable.is_rarer_than(&entry) {
        notes.push(format!("without a guard, this works more often than {}", request.file));
    }
    entry
}

/// `workflow_dispatch` with the inputs of `workflow_call` in it, so that a person can give what
/// the jobs read; none where there is nothing to add.
fn folded(own: Option<&Value>, called: &Mapping, notes: &mut Vec<String>) -> Option<Value> {
    let mut dispatch = own.and_then(Value::as_mapping).cloned().unwrap_or_default();
    let mut inputs =
        dispatch.get(keys::INPUTS).and_then(Value::as_mapping).cloned().unwrap_or_default();
    let before = inputs.len();
    for (name, input) in called {
        if inputs.contains_key(name) {
            continue;
        }
        let shown = name.as_str().unwrap_or_default();
        if inputs.len() == MOST_INPUTS {
            notes.push(format!("the input `{shown}` is not here: GitHub takes {MOST_INPUTS}"));
            continue;
        }
        // Not `required`: the schedule gives none either.
        let mut kept = Mapping::new();
        for key in ["description", "type", "default"] {
            let Some(value) = input.get(key) else { continue };
            if value.as_str().is_some_and(|it| it.contains("${{")) {
                notes.push(format!("the input `{shown}` has no {key} here: it is an expression"));
                continue;
            }
            kept.insert(key.into(), value.clone());
        }
        inputs.insert(name.clone(), Value::Mapping(kept));
    }
    if inputs.len() == before {
        return None;
    }
    dispatch.insert(keys::INPUTS.into(), Value::Mapping(inputs));
    Some(Value::Mapping(dispatch))
}

/// Whether `on` names an event.
pub(super) fn has(on: Option<&Value>, event: &str) -> bool {
    events(on).contains(&event)
}
