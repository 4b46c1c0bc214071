//! `stop`: ends the watch, then the processes that this tool runs itself.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use jiff::Timestamp;
use rustix::process::Signal;

use super::{
    apply::{begin, carry_out_here},
    open::{Project, block_on},
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

/// How long a watch may take to finish the change in hand.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

pub(super) fn run(project: &Project) -> anyhow::Result<ExitCode> {
    let state_dir = project.loaded.project.state_dir();
    leave_word(&state_dir);
    block_on(async {
        end_watch(&lock::watch_file(&state_dir)).await?;
        stop_processes(&project.controller()).await
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
async fn end_watch(lock: &Path) -> anyhow::Result<()> {
    let Some(watch) = Holding::of(lock).context("cannot end the watch")? else {
        output::remark("no watch is running\n");
        return Ok(());
    };
    let holder = &watch.holder;
    watch.signal(Signal::TERM).with_context(|| format!("cannot end {holder}"))?;
    if !watch.ended(LONGEST_WAIT).await {
        bail!("{holder} was asked to end and has not within {} s", LONGEST_WAIT.as_secs());
    }
    output::print(&format!("the watch has ended (pid {})\n", holder.pid))
}

async fn stop_processes(controller: &Controller) -> anyhow::Result<ExitCode> {
    let (_lock, journal) = begin(controller, "stop").await?;
    let observed = controller.look_around(Timestamp::now()).await.observed;
    let unseen = observed.blind.iter().find(|(name, _)| controller.supervises(name));
    if let Some((provider, why)) = unseen {
        bail!("what {provider} runs could not be seen, so it was not ended: {why}");
    }
    let ours = observed.found.iter().filter(|(id, actual)| {
        actual.mark.is_some() && controller.supervises(&id.provider) && is_on(&actual.status)
    });
    let stop = |id: &Id| vec![Step { id: id.clone(), change: Change::Stop, reason: Reason::Asked }];
    let plan = Plan { lanes: ours.map(|(id, _)| stop(id)).collect(), held: Vec::new() };
    let all = if plan.lanes.is_empty() {
        output::print("this tool itself runs nothing\n")?;
        true
    } else {
        carry_out_here(controller, &plan, Manner::Together, &journal).await?
    };
    let others = observed.found.iter().filter(|(id, actual)| {
        let runs = matches!(
            actual.status,
            Status::Running { .. } | Status::Unwell { .. } | Status::Scheduled { .. }
        );
        actual.mark.is_some() && !controller.supervises(&id.provider) && runs
    });
    let others: Vec<String> = others.map(|(id, _)| id.to_string()).collect();
    if !others.is_empty() {
        output::remark(&format!("run by others, and left as they are: {}\n", others.join(", ")));
    }
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
