//! A group of processes, and its end.

use std::{io, process::ExitStatus, time::Duration};

use rustix::{
    io::Errno,
    process::{
        Pid, Signal, WaitId, WaitIdOptions, kill_process_group, test_kill_process_group, waitid,
    },
};
use tokio::{
    process::Child,
    time::{sleep, timeout},
};

use super::node::NODE;

/// Time between two looks at what is about to end.
const MOMENT: Duration = Duration::from_millis(10);

/// A group of processes, which ends with this value.
pub(super) struct Group(pub(super) Option<Pid>);

impl Group {
    /// The group that `process` leads. It must not have been waited for.
    pub(super) fn of(process: &Child) -> Self {
        Self(process.id().and_then(|it| Pid::from_raw(it.cast_signed())))
    }

    fn kill(&mut self) -> Option<Pid> {
        let group = self.0.take()?;
        if let Err(error) = kill_process_group(group, Signal::KILL)
            && error != Errno::SRCH
        {
            tracing::warn!("cannot end process group {}: {error}", group.as_raw_nonzero());
        }
        Some(group)
    }

    /// Ends all of it, and gives how `process`, which leads it, ended.
    pub(super) async fn end(&mut self, process: &mut Child) -> io::Result<ExitStatus> {
        let group = self.kill();
        let status = timeout(NODE, process.wait()).await;
        let status = status.map_err(|_| io::Error::other("it can't be ended"))??;
        // Those that are killed are gone a moment later.
        for _ in 0..200 {
            let Some(group) = group else { break };
            if test_kill_process_group(group).is_err() {
                break;
            }
            sleep(MOMENT).await;
        }
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = self.kill();
    }
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
