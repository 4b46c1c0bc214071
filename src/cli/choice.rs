//! What `--target`, `--exclude`, `--adopt` and `--overwrite` come to.

use std::collections::BTreeSet;

use anyhow::bail;

use super::args::Choice;
use crate::{
    controller::{World, standing},
    core::{id::Id, plan::Plan},
};

/// The part of `plan` that was chosen.
pub(super) fn part(plan: Plan, choice: &Choice) -> Plan {
    let targeted = |id: &Id| choice.target.is_empty() || choice.target.contains(id);
    plan.only(|id| targeted(id) && !choice.exclude.contains(id))
}

/// Refuses ids that nothing has: a slip there would quietly do nothing, or too much.
pub(super) fn check(choice: &Choice, world: &World) -> anyhow::Result<()> {
    let named = [&choice.target, &choice.exclude, &choice.adopt, &choice.overwrite];
    named.into_iter().flatten().try_for_each(|id| check_id(id, world))
}

/// Refuses an id that nothing has.
pub(super) fn check_id(id: &Id, world: &World) -> anyhow::Result<()> {
    let known = standing::ids(world);
    // Of a provider that could not be asked nothing is known.
    let blind = world.observed.blind.contains_key(&id.provider);
    if !blind && !known.contains(id) {
        bail!("{}", unknown(id, &known));
    }
    Ok(())
}

fn unknown(id: &Id, known: &BTreeSet<&Id>) -> String {
    let text = id.to_string();
    let near = known.iter().map(|it| (strsim::jaro_winkler(&text, &it.to_string()), it));
    match near.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((likeness, near)) if likeness > 0.8 => {
            format!("there is no resource {id}; did you mean {near}?")
        }
        _ => format!("there is no resource {id}; `redundancy status` lists them"),
    }
}
