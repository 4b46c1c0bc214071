//! `stop`: ends the watch, then the processes that this tool runs itself.

use std::{
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use jiff::Timestamp;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{
    apply::{begin, carry_out_here},
    open::{Project, block_on},
    output,
};
use crate::{
    controller::{
        Controller,
        lock::{self, Lock},
    },
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
    end_watch(&lock::watch_file(&state_dir))?;
    block_on(stop_processes(&project.controller()))?
}

/// Asks the watch to end and waits until it has.
fn end_watch(lock: &Path) -> anyhow::Result<()> {
    let Some(holder) = Lock::holder(lock) else {
        output::remark("no watch is running\n");
        return Ok(());
    };
    let pid = i32::try_from(holder.pid).ok().and_then(Pid::from_raw);
    let pid = pid.with_context(|| format!("{} is not the number of a process", holder.pid))?;
    let failed = || format!("cannot end {holder}");
    let watch = pidfd_open(pid, PidfdFlags::empty()).with_context(failed)?;
    // Between reading the lock and opening the process it may have ended, and its number may be
    // another's by now. While the lock is still held by the same one, it is not.
    if Lock::holder(lock).as_ref() != Some(&holder) {
        return Ok(());
    }
    pidfd_send_signal(&watch, Signal::TERM).with_context(failed)?;
    let deadline = Instant::now() + LONGEST_WAIT;
    while Lock::holder(lock).as_ref() == Some(&holder) {
        if Instant::now() >= deadline {
            bail!("{holder} was asked to end and has not within {} s", LONGEST_WAIT.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
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
    if plan.lanes.is_empty() {
        output::print("nothing of ours is running\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let all = carry_out_here(controller, &plan, &journal).await?;
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
        | Status::StoppedByHand => false,
    }
}
