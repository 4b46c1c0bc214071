//! `apply`: plans, asks, and makes the changes.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    pin::pin,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use jiff::Timestamp;

use super::{
    choice::{self, Choice},
    document::Document,
    human::{self, Of},
    open::{self, Project, block_on},
    output::{self, BOLD, GREEN, RED, YELLOW, count, exit_code, visible},
    watch::log_to_onlooker,
};
use crate::{
    controller::{
        Controller, Manner, Outcome, Progress, Stop, World,
        generations::Generations,
        lock::{self, Lock, LockError},
        signals::Signals,
    },
    core::{
        change::Why,
        generation::By,
        plan::{Asker, Plan, Revised},
    },
    journal::Journal,
};

#[derive(Debug, clap::Args)]
pub(super) struct ApplyOptions {
    /// A plan saved by `plan --out`: only what it holds is done, and only where the world has not
    /// moved since
    #[arg(value_name = "FILE", conflicts_with_all = ["target", "exclude", "adopt", "overwrite", "allow_deletions"])]
    pub(super) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(super) choice: Choice,
    /// Do not ask
    #[arg(long, short)]
    pub(super) yes: bool,
}

/// How long to wait for another program that is making changes.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

pub(super) fn run(project: &Project, options: &ApplyOptions) -> anyhow::Result<ExitCode> {
    log_to_onlooker();
    block_on(apply(project, options))?
}

async fn apply(project: &Project, options: &ApplyOptions) -> anyhow::Result<ExitCode> {
    project.tell_notes();
    let controller = project.controller();
    let saved = options.plan.as_deref().map(Document::read).transpose()?;
    let (plan, consent) = match saved {
        Some(Document { plan, consent, made_at, .. }) => {
            output::remark(&format!("This plan was made at {made_at:.0}.\n"));
            (plan, consent)
        }
        None => {
            let now = Timestamp::now();
            let world = controller.look_around(now).await;
            choice::check(&options.choice, &world)?;
            let consent = options.choice.consent();
            let plan = world.plan(Asker::Person, &consent, now);
            (choice::part(plan, &options.choice), consent)
        }
    };
    // What was saved says nothing of what is there now.
    let of = if options.plan.is_some() { Of::Part } else { options.choice.of() };
    output::print(&human::plan_of(of, &plan))?;
    // What could not be seen may need changes too, and what was asked for by name is left alone:
    // nobody shall take either for done.
    let missed = plan.held.iter().any(|held| match held.why {
        Why::Blind { .. } => true,
        Why::TooManyDeletions { .. } => options.choice.allow_deletions > 0,
        _ => options.choice.names(&held.id),
    });
    if plan.lanes.is_empty() {
        return Ok(exit_code(!missed));
    }
    if !output::agreed("\nMake these changes?", options.yes, "makes the changes")? {
        return Ok(ExitCode::FAILURE);
    }
    let work = Work { controller: &controller, config: &project.loaded.text, by: By::Apply };
    let (lock, journal) = begin(&controller, "apply").await?;
    let done = work
        .carry_out(plan, |world, now| world.plan(Asker::Person, &consent, now), &journal)
        .await?;
    drop(lock);
    Ok(exit_code(done && !missed))
}

/// Who makes changes, and by which config.
pub(super) struct Work<'a> {
    pub(super) controller: &'a Controller,
    /// The text of the config.
    pub(super) config: &'a str,
    pub(super) by: By,
}

impl Work<'_> {
    /// Makes the changes of `plan` that still fit the world, for which `make` plans anew, and tells of
    /// each. True when all of them are done. Only under the lock that [`begin`] takes.
    pub(super) async fn carry_out(
        &self,
        plan: Plan,
        make: impl Fn(&mut World, Timestamp) -> Plan,
        journal: &RefCell<Journal>,
    ) -> anyhow::Result<bool> {
        // The question may have been open for long, and the plan may be an old one.
        let now = Timestamp::now();
        let mut world = self.controller.look_around(now).await;
        let fresh = make(&mut world, now);
        let Revised { plan, moved, settled } = plan.against(&fresh, &world.observed);
        for id in &settled {
            output::remark(&format!("settled  {BOLD}{id}{BOLD:#} is as planned by now\n"));
        }
        for id in &moved {
            output::remark(&format!(
                "{YELLOW}refused{YELLOW:#}  {BOLD}{id}{BOLD:#}: it is no longer as it was when the plan was made\n"
            ));
        }
        let all = self.carry_out_as_it_is(&plan, Manner::Together, journal).await?;
        if !moved.is_empty() {
            output::remark(
                "`redundancy plan` shows what would be done with the refused ones now.\n",
            );
        }
        Ok(all && moved.is_empty())
    }

    /// Carries `plan` out with a line for each change, until Ctrl-C. True when all of it is done.
    pub(super) async fn carry_out_as_it_is(
        &self,
        plan: &Plan,
        manner: Manner,
        journal: &RefCell<Journal>,
    ) -> anyhow::Result<bool> {
        let generations = Generations::of(&self.controller.project().state_dir());
        let kept = generations.keep(self.by, self.config, plan.steps(), Timestamp::now());
        let generation = kept.unwrap_or_else(|error| {
            output::remark(&format!("what is replaced now can't be put back: {error}\n"));
            None
        });
        carry_out_here(self.controller, plan, manner, journal, generation).await
    }
}

/// Carries `plan`, which is this `generation` if it is one, out with a line for each change, until Ctrl-C.
/// True when all of it is done.
pub(super) async fn carry_out_here(
    controller: &Controller,
    plan: &Plan,
    manner: Manner,
    journal: &RefCell<Journal>,
    generation: Option<u64>,
) -> anyhow::Result<bool> {
    let stop = Stop::default();
    let work = controller.carry_out(plan, manner, journal, &stop, |progress| {
        // Told as it happens; a reader that went away stops nothing.
        let _ = output::print(&line(&progress));
    });
    let outcomes = until_done(work, &stop).await?;
    output::print(&sum(&outcomes, generation))?;
    Ok(outcomes.iter().all(Outcome::is_complete))
}

/// Takes the lock of whoever makes changes, waiting for another one, and opens the journal.
pub(super) async fn begin(
    controller: &Controller,
    verb: &str,
) -> anyhow::Result<(Lock, RefCell<Journal>)> {
    let state_dir = open::state_dir(controller.project())?;
    let lock = wait_for_lock(&lock::apply_file(&state_dir), verb).await?;
    Ok((lock, RefCell::new(open::journal(&state_dir)?)))
}

async fn wait_for_lock(path: &Path, verb: &str) -> anyhow::Result<Lock> {
    let deadline = tokio::time::Instant::now() + LONGEST_WAIT;
    let mut told = false;
    loop {
        match Lock::take(path, verb, Timestamp::now()) {
            Ok(lock) => return Ok(lock),
            Err(held @ LockError::Held(_)) if tokio::time::Instant::now() >= deadline => {
                bail!("changes are being made by {held}; nothing was changed here");
            }
            Err(held @ LockError::Held(_)) => {
                if !told {
                    output::remark(&format!("waiting for {held}, which is making changes\n"));
                }
                told = true;
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Goes on with `work` to its end, also when a signal says that nothing more is to be begun.
pub(super) async fn until_done<T>(work: impl Future<Output = T>, stop: &Stop) -> anyhow::Result<T> {
    let mut signals = Signals::new().context("cannot listen for signals")?;
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok(done),
            () = signals.received() => {}
        }
        if !stop.asked() {
            output::remark("stopping after the changes in hand\n");
        }
        stop.ask();
    }
}

fn line(progress: &Progress<'_>) -> String {
    match progress {
        Progress::Done(step) => {
            let verb = step.change.verb();
            format!("{GREEN}done{GREEN:#}     {verb:7} {BOLD}{}{BOLD:#}\n", step.id)
        }
        Progress::Failed(step, why) => {
            let (verb, why) = (step.change.verb(), visible(&why.to_string()));
            format!("{RED}failed{RED:#}   {verb:7} {BOLD}{}{BOLD:#}: {why}\n", step.id)
        }
        Progress::NotBegun(step) => {
            let verb = step.change.verb();
            format!("{YELLOW}not done{YELLOW:#} {verb:7} {BOLD}{}{BOLD:#}\n", step.id)
        }
        Progress::JournalFailed(why) => {
            format!("{YELLOW}the journal was not written{YELLOW:#}: {}\n", visible(why))
        }
    }
}

fn sum(outcomes: &[Outcome<'_>], generation: Option<u64>) -> String {
    let done: usize = outcomes.iter().map(|it| it.done).sum();
    let all: usize = outcomes.iter().map(|it| it.lane.len()).sum();
    if done == all {
        let this = generation.map(|it| format!(" This is generation {it}.")).unwrap_or_default();
        return format!("\n{} done.{this}\n", count(done, "change"));
    }
    let incomplete = outcomes.iter().filter(|it| !it.is_complete());
    let ids: Vec<String> = incomplete.map(|it| it.lane[0].id.to_string()).collect();
    format!("\n{done} of {} done; not as planned: {}.\n", count(all, "change"), ids.join(", "))
}
