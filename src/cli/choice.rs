//! What `--target`, `--exclude`, `--adopt` and `--overwrite` come to.

use std::{collections::BTreeSet, fmt::Write as _};

use anyhow::bail;

use super::human::Of;
use crate::{
    controller::{World, standing},
    core::{
        id::Id,
        plan::{Consent, Plan},
    },
};

/// Which resources, and what is allowed.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Choice {
    /// Only this resource; may be given several times
    #[arg(long, value_name = "ID")]
    pub(super) target: Vec<Id>,
    /// Not this resource; may be given several times
    #[arg(long, value_name = "ID")]
    pub(super) exclude: Vec<Id>,
    /// Make this one ours although it carries no mark of ours; may be given several times
    #[arg(long, value_name = "ID")]
    pub(super) adopt: Vec<Id>,
    /// Overwrite what was edited by hand in this one; may be given several times
    #[arg(long, value_name = "ID")]
    pub(super) overwrite: Vec<Id>,
    /// Allow up to N deletions, where more than a quarter of all or the last one of a provider
    /// would go
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(super) allow_deletions: usize,
}

impl Choice {
    /// Whether it is asked for by its name.
    pub(super) fn names(&self, id: &Id) -> bool {
        [&self.target, &self.adopt, &self.overwrite].into_iter().any(|it| it.contains(id))
    }

    /// Whether the rest is left out.
    pub(super) fn of(&self) -> Of {
        if self.target.is_empty() && self.exclude.is_empty() { Of::All } else { Of::Part }
    }

    /// The same on a command line, each after a blank.
    pub(super) fn in_words(&self) -> String {
        let named = [
            ("--target", &self.target),
            ("--exclude", &self.exclude),
            ("--adopt", &self.adopt),
            ("--overwrite", &self.overwrite),
        ];
        let mut words = String::new();
        for (option, ids) in named {
            for id in ids {
                let _ = write!(words, " {option} {id}");
            }
        }
        if self.allow_deletions > 0 {
            let _ = write!(words, " --allow-deletions {}", self.allow_deletions);
        }
        words
    }

    pub(super) fn consent(&self) -> Consent {
        Consent {
            adopt: self.adopt.iter().cloned().collect(),
            overwrite: self.overwrite.iter().cloned().collect(),
            deletions: self.allow_deletions,
        }
    }
}

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
