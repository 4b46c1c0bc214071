//! The end of a group of processes that runs a trial.

use std::{io, process::ExitStatus, time::Duration};

use rustix::process::{Pid, WaitId, WaitIdOptions, test_kill_process_group, waitid};
use tokio::{
    process::Child,
    time::{sleep, timeout},
};

use super::node::NODE;
use crate::group::Group;

/// Time between two looks at what is about to end.
const MOMENT: Duration = Duration::from_millis(10);

/// Ends all of `group`, and gives how `process`, which leads it, ended.
pub(super) async fn end(group: &mut Group, process: &mut Child) -> io::Result<ExitStatus> {
    let number = group.leader();
    group.kill();
    let status = timeout(NODE, process.wait()).await;
    let status = status.map_err(|_| io::Error::other("it can't be ended"))??;
    // Those that are killed are gone a moment later.
    for _ in 0..200 {
        let Some(number) = number else { break };
        if test_kill_process_group(number).is_err() {
            break;
        }
        sleep(MOMENT).await;
    }
    Ok(status)
}

/// Waits until a process has ended, and leaves it to be waited for by its parent. Not for ever: it may
/// have closed what it was heard by.
pub(super) async fn wait_for_end(pid: Pid) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    for _ in 0..200 {
        match waitid(WaitId::Pid(pid), options) {
            Ok(None) => sleep(MOMENT).await,
            Ok(Some(_)) | Err(_) => return,
        }
    }
}
