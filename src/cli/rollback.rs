//! `rollback`: goes back to an earlier generation.

use std::{path::Path, process::ExitCode};

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;

use super::{
    apply::{Work, begin},
    generations::config_diff,
    human,
    open::{Project, block_on},
    output::{self, exit_code},
    watch::log_to_onlooker,
};
use crate::{
    config::{self, LoadError},
    controller::{Controller, World, generations::Generations},
    core::{
        change::{Reason, Why},
        generation::{self, By, Generation},
        id::Id,
        plan::{Asker, Consent},
    },
    disk::replace_text,
};

#[derive(Debug, clap::Args)]
pub(super) struct RollbackOptions {
    /// Which generation [default: the one before the newest]
    #[arg(value_name = "N")]
    number: Option<u64>,
    /// Overwrite what was edited by hand in this one; may be given several times
    #[arg(long, value_name = "ID")]
    overwrite: Vec<Id>,
    /// Allow up to N deletions, where more than a quarter of all or the last one of a provider
    /// would go
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    allow_deletions: usize,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn run(project: &Project, options: &RollbackOptions) -> anyhow::Result<ExitCode> {
    log_to_onlooker();
    block_on(rollback(project, options))?
}

async fn rollback(project: &Project, options: &RollbackOptions) -> anyhow::Result<ExitCode> {
    let state_dir = project.loaded.project.state_dir();
    let generations = Generations::of(&state_dir);
    let Past { number, then, later } = past(&generations, options.number)?;
    let present = present(&project.path)?;
    let loaded = config::load_text(&project.path, then.config.clone());
    let loaded =
        loaded.with_context(|| format!("redundancy.toml as it was in generation {number}"))?;
    ensure!(
        loaded.project.state_dir() == state_dir,
        "generation {number} has another `controller.state_dir`; this is changed by hand, with the watch \
         ended and the folder moved"
    );
    let controller = Controller::new(loaded.project);
    let before = generation::before(later.iter());
    let consent = Consent {
        overwrite: options.overwrite.iter().cloned().collect(),
        deletions: options.allow_deletions,
        ..Consent::default()
    };
    let make = |world: &mut World, now| {
        let asked = generation::put_back(&mut world.desired, &before);
        let mut plan = world.plan(Asker::Person, &consent, now);
        for step in plan.lanes.iter_mut().flatten().filter(|it| asked.contains(&it.id)) {
            step.reason = Reason::Asked;
        }
        plan
    };
    let now = Timestamp::now();
    let plan = make(&mut controller.look_around(now).await, now);
    let config_changes = present.as_deref() != Some(&*then.config);
    output::print(&config_diff(present.as_deref().unwrap_or_default(), &then.config))?;
    output::print(&human::whole_plan(&plan))?;
    let held = plan.held.iter().any(|it| matches!(it.why, Why::Blind { .. }));
    if plan.lanes.is_empty() && !config_changes {
        let rest = if plan.held.is_empty() { "Everything" } else { "All but what is left alone" };
        output::print(&format!("{rest} is as in generation {number}.\n"))?;
        return Ok(exit_code(!held));
    }
    let question = format!("\nGo back to generation {number}?");
    if !output::agreed(&question, options.yes, "goes back")? {
        return Ok(ExitCode::FAILURE);
    }
    let (_lock, journal) = begin(&controller, "rollback").await?;
    if config_changes {
        let newest = later.last().unwrap_or(&then);
        put_config_back(project, &generations, present, newest, &then.config)?;
    }
    let work = Work { controller: &controller, config: &then.config, by: By::Rollback(number) };
    if plan.lanes.is_empty() {
        let kept = generations.keep_config(work.by, work.config, Timestamp::now())?;
        output::print(&format!(
            "\nredundancy.toml is as in generation {number}. This is generation {kept}.\n"
        ))?;
        return Ok(exit_code(!held));
    }
    let done = work.carry_out(plan, make, &journal).await?;
    Ok(exit_code(done && !held))
}

/// Where to go back to, and what was done since then.
struct Past {
    number: u64,
    then: Generation,
    later: Vec<Generation>,
}

fn past(generations: &Generations, asked: Option<u64>) -> anyhow::Result<Past> {
    let numbers = generations.numbers()?;
    let number = match (asked, numbers.as_slice()) {
        (Some(number), _) => number,
        (None, [.., before, _]) => *before,
        (None, [only]) => bail!(
            "generation {only} is the only one that is kept, so there is none before it; `redundancy \
             rollback {only}` undoes what was done to redundancy.toml since then"
        ),
        (None, []) => bail!("nothing was changed yet: each apply becomes a generation"),
    };
    let then = generations.read(number)?;
    let later = numbers.into_iter().filter(|it| *it > number).map(|it| generations.read(it));
    let later = later.collect::<Result<_, _>>()?;
    Ok(Past { number, then, later })
}

/// The text of the config as it is, if it is there.
fn present(path: &Path) -> anyhow::Result<Option<String>> {
    match config::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(LoadError::Missing(_)) => Ok(None),
        Err(error) => Err(error).context("it can't be kept, so nothing takes its place"),
    }
}

/// Gives redundancy.toml the text `to`, and keeps the text `present` where the `newest` generation is of
/// another one.
fn put_config_back(
    project: &Project,
    generations: &Generations,
    present: Option<String>,
    newest: &Generation,
    to: &str,
) -> anyhow::Result<()> {
    if let Some(edited) = present.filter(|it| *it != newest.config) {
        let number = generations.keep_config(By::Edit, &edited, Timestamp::now())?;
        output::remark(&format!("redundancy.toml as it was is generation {number}\n"));
    }
    replace_text(&project.path, to)
        .with_context(|| format!("cannot write {}", project.path.display()))
}
