//! `stop`: ends the watch, then the processes that this tool runs itself; with `--force` also those that it
//! has others run, whether they answer or not.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use jiff::Timestamp;
use rustix::process::Signal;

use super::{
    apply::{begin, carry_out_here},
    open::{Project, block_on, shown},
    output,
};
use crate::{
    controller::{Controller, Manner, holding::Holding, lock, make_state_dir, stopped},
    core::{
        change::{Change, Reason, Step},
        id::Id,
        plan::Plan,
        resource::Status,
    },
};

#[derive(Debug, clap::Args)]
pub(super) struct StopOptions {
    /// End also what PM2 runs for this project, and kill what does not end: nothing that carries
    /// its mark is alive afterwards, whoever answers
    #[arg(long)]
    pub(super) force: bool,
}

/// How long a watch may take to finish the change in hand.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// The same for who forces it, until it is killed.
const SHORT_WAIT: Duration = Duration::from_secs(10);

/// How long somebody is waited for who was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Long, and then this fails.
    Long,
    /// Not long, and then it is killed.
    Short,
}

pub(super) fn run(project: &Project, options: &StopOptions) -> anyhow::Result<ExitCode> {
    let state_dir = project.loaded.project.state_dir();
    leave_word(&state_dir);
    let controller = project.controller();
    block_on(async {
        if !options.force {
            end_watch(&lock::watch_file(&state_dir), Patience::Long).await?;
            return stop_processes(&controller, false).await;
        }
        // What of this fails is said, and the rest is done all the same.
        let mut all = true;
        let mut or_tell = |done: anyhow::Result<()>| {
            if let Err(error) = done {
                output::error(&error);
                all = false;
            }
        };
        or_tell(end_watch(&lock::watch_file(&state_dir), Patience::Short).await);
        or_tell(end(&lock::apply_file(&state_dir), Patience::Short).await.map(drop));
        match stop_processes(&controller, true).await {
            // What could not be stopped is killed next.
            Ok(_) => {}
            Err(error) => {
                output::remark(&format!("{}; killing what is left\n", output::whole(&error)));
            }
        }
        for (provider, killed) in controller.kill_all().await {
            match killed {
                Ok(true) => output::remark(&format!("{provider}: what was left is killed\n")),
                Ok(false) => {}
                Err(error) => or_tell(Err(error.into())),
            }
        }
        Ok(output::exit_code(all))
    })?
}

/// Tells the monitor that the watch is to stay off. First of all, so that it starts none between.
fn leave_word(state_dir: &Path) {
    let left = make_state_dir(state_dir).and_then(|()| stopped::say(state_dir, Timestamp::now()));
    if let Err(error) = left {
        let file = stopped::file(state_dir);
        output::remark(&format!(
            "{} was not written, so a monitor would start the watch again: {error}\n",
            file.display()
        ));
    }
}

/// Asks the watch to end and waits until it has.
pub(super) async fn end_watch(lock: &Path, patience: Patience) -> anyhow::Result<()> {
    match end(lock, patience).await? {
        None => output::remark("no watch is running\n"),
        Some(pid) => output::print(&format!("the watch has ended (pid {pid})\n"))?,
    }
    Ok(())
}

/// Asks whoever holds a lock to end and waits until it has; its pid, if there was anybody.
async fn end(lock: &Path, patience: Patience) -> anyhow::Result<Option<u32>> {
    let holding =
        Holding::of(lock).with_context(|| format!("cannot end who has {}", shown(lock)))?;
    let Some(holding) = holding else { return Ok(None) };
    let holder = &holding.holder;
    let signal = |signal| holding.signal(signal).with_context(|| format!("cannot end {holder}"));
    signal(Signal::TERM)?;
    let wait = match patience {
        Patience::Long => LONGEST_WAIT,
        Patience::Short => SHORT_WAIT,
    };
    if holding.ended(wait).await {
        return Ok(Some(holder.pid));
    }
    if patience == Patience::Short {
        signal(Signal::KILL)?;
        if holding.ended(wait).await {
            return Ok(Some(holder.pid));
        }
    }
    bail!("{holder} was asked to end and has not within {} s", wait.as_secs())
}

/// Stops the processes that this tool runs itself, and with `others` also those that it has others run.
async fn stop_processes(controller: &Controller, others: bool) -> anyhow::Result<ExitCode> {
    let (_lock, journal) = begin(controller, "stop").await?;
    let observed = controller.look_around(Timestamp::now()).await.observed;
    let ends = |id: &Id| others || controller.supervises(&id.provider);
    let not_asked = observed.blind.iter().filter(|(name, _)| controller.supervises(name));
    for (provider, why) in not_asked {
        let what = format!("what {provider} runs could not be seen, so it was not ended: {why}");
        if !others {
            bail!(what);
        }
        output::remark(&format!("{what}\n"));
    }
    let ours = observed.found.iter().filter(|(_, actual)| actual.mark.is_some());
    let (ended, left): (Vec<_>, Vec<_>) =
        ours.filter(|(_, actual)| is_on(&actual.status)).partition(|(id, _)| ends(id));
    let stop = |id: &Id| vec![Step { id: id.clone(), change: Change::Stop, reason: Reason::Asked }];
    let plan =
        Plan { lanes: ended.into_iter().map(|(id, _)| stop(id)).collect(), held: Vec::new() };
    let all = if plan.lanes.is_empty() {
        output::print("this tool itself runs nothing\n")?;
        true
    } else {
        carry_out_here(controller, &plan, Manner::Together, &journal, None).await?
    };
    let runs = |status: &Status| !matches!(status, Status::Down { .. });
    let left = left.into_iter().filter(|(_, it)| runs(&it.status));
    let left: Vec<String> = left.map(|(id, _)| id.to_string()).collect();
    if !left.is_empty() {
        output::remark(&format!(
            "run by others, and left as they are: {} (`redundancy stop --force` ends them too)\n",
            left.join(", ")
        ));
    }
    Ok(output::exit_code(all))
}

/// Whether it runs or would be started.
fn is_on(status: &Status) -> bool {
    match status {
        Status::Running { .. }
        | Status::Unwell { .. }
        | Status::Scheduled { .. }
        | Status::Down { .. } => true,
        Status::Present
        | Status::Finished { .. }
        | Status::Failed { .. }
        | Status::Stopped
        | Status::StoppedByHand
        | Status::Job(_)
        | Status::Code(_)
        | Status::Release(_) => false,
    }
}
