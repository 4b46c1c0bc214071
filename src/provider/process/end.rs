//! Ending processes, and proving that nothing is left of them.

use std::{collections::HashSet, io, os::fd::OwnedFd, time::Duration};

use futures_util::future::join_all;
use rustix::process::Signal;
use tokio::{io::unix::AsyncFd, time::Instant};

use super::{
    kernel,
    mark::{self, Member},
};
use crate::{core::digest::Digest, provider::Error};

/// How a process is asked to stop, and how long it may take.
#[derive(Clone, Copy)]
pub(in crate::provider) struct Manner {
    pub(in crate::provider) signal: Signal,
    pub(in crate::provider) timeout: Duration,
}

/// What there is to be ended: the number of a process group, if it is known, and every process,
/// those of the group among them.
pub(in crate::provider) type Left = (Option<i32>, Vec<Member>);

/// How often what is left is killed: something may be started between a look and a kill.
const KILLS: u32 = 5;

/// How long a killed process may take to be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);

/// Longer than any process is waited for.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);

/// Ends every process that `left` finds: first by the signal that it asked for, then, when its
/// time is over, by SIGKILL. When this succeeds, `left` has found none. `what` is for the error.
pub(in crate::provider) async fn end(
    what: &str,
    left: impl Fn() -> io::Result<Left>,
    manner: Manner,
) -> Result<(), Error> {
    let ended = ask_and_kill(left, manner).await;
    let remain = ended.map_err(|error| kernel::failed(&format!("stop {what}"), &error))?;
    if remain.is_empty() {
        return Ok(());
    }
    let pids: Vec<String> = remain.iter().map(|it| it.pid.to_string()).collect();
    Err(Error::Passing(format!(
        "cannot stop {what}: even after SIGKILL there is still process {}; look at what it waits \
         for (`cat /proc/PID/wchan`)",
        pids.join(", ")
    )))
}

/// Kills every process under a mark of `scope`, but not those that this program itself was started by. When
/// this succeeds, there is none. Whether there was any.
pub(in crate::provider) async fn kill_all(what: &str, scope: Digest) -> Result<bool, Error> {
    let through_proc = |error| kernel::failed("look through /proc", &error);
    let above = kernel::ancestors().map_err(through_proc)?;
    let left = || {
        let mut members = mark::scan(scope, None)?;
        members.retain(|it| !above.contains(&it.pid));
        Ok((None, members))
    };
    let was_any = !left().map_err(through_proc)?.1.is_empty();
    end(what, left, Manner { signal: Signal::KILL, timeout: Duration::ZERO }).await?;
    Ok(was_any)
}

/// What is left in the end.
async fn ask_and_kill(
    left: impl Fn() -> io::Result<Left>,
    manner: Manner,
) -> io::Result<Vec<Member>> {
    let now = Instant::now();
    let deadline = now.checked_add(manner.timeout).unwrap_or_else(|| now + FOR_EVER);
    let mut asked = HashSet::new();
    while Instant::now() < deadline {
        let (group, members) = left()?;
        if members.is_empty() {
            return Ok(members);
        }
        let handles = handles(&members)?;
        if let Some(group) = group.filter(|_| asked.is_empty()) {
            kernel::signal_group(group, manner.signal)?;
            asked.extend(members.iter().filter(|it| it.stat.group == group).map(key));
        }
        for (member, handle) in &handles {
            if asked.insert(key(member)) {
                kernel::signal(handle, manner.signal)?;
            }
        }
        wait(handles, deadline).await?;
    }
    for _ in 0..KILLS {
        let (group, members) = left()?;
        if members.is_empty() {
            return Ok(members);
        }
        let handles = handles(&members)?;
        if let Some(group) = group {
            kernel::signal_group(group, Signal::KILL)?;
        }
        for (_, handle) in &handles {
            kernel::signal(handle, Signal::KILL)?;
        }
        wait(handles, Instant::now() + KILL_TIMEOUT).await?;
    }
    left().map(|(_, members)| members)
}

fn key(member: &Member) -> (i32, u64) {
    (member.pid, member.stat.start)
}

/// A handle for each that is still there.
fn handles(members: &[Member]) -> io::Result<Vec<(&Member, OwnedFd)>> {
    let open = |it| kernel::open(key(it).0, key(it).1).map(|handle| handle.map(|h| (it, h)));
    members.iter().filter_map(|it| open(it).transpose()).collect()
}

/// Waits until all have ended, or until `deadline`.
async fn wait(handles: Vec<(&Member, OwnedFd)>, deadline: Instant) -> io::Result<()> {
    let handles = handles.into_iter().map(|(_, it)| kernel::await_end(it));
    let handles = handles.collect::<io::Result<Vec<_>>>()?;
    let all_ended = join_all(handles.iter().map(AsyncFd::readable));
    match tokio::time::timeout_at(deadline, all_ended).await {
        Ok(ended) => ended.into_iter().try_for_each(|it| it.map(drop)),
        // What is left is killed next.
        Err(_) => Ok(()),
    }
}
