//! Stopping a process and all that it has started, and proving that nothing is left.

use std::{collections::HashSet, io, os::fd::OwnedFd, time::Duration};

use futures_util::future::join_all;
use rustix::process::Signal;
use tokio::{io::unix::AsyncFd, time::Instant};

use super::{
    Embedded,
    kernel::{self, ProcessId, failed},
    mark::Member,
};
use crate::{core::id::Name, provider::Error};

/// How a process is asked to stop, and how long it may take.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    pub(super) signal: Signal,
    pub(super) timeout: Duration,
}

/// How often what is left is killed: something may be started between a look and a kill.
const KILLS: u32 = 5;

/// How long a killed process may take to be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(2);

impl Embedded {
    /// Ends every process that carries the mark of `name`, and the group of its `leader`: first by
    /// the signal that it asked for, then, when its time is over, by SIGKILL. When this succeeds,
    /// a look through all processes has found none left.
    pub(super) async fn end_all(
        &self,
        name: &Name,
        leader: Option<&ProcessId>,
        manner: Manner,
    ) -> Result<(), Error> {
        let stopped = self.ask_and_kill(name, leader, manner).await;
        self.running.doubt(name);
        let left = stopped.map_err(|error| failed(&format!("stop {name}"), &error))?;
        if left.is_empty() {
            return Ok(());
        }
        let pids: Vec<String> = left.iter().map(|it| it.pid.to_string()).collect();
        Err(Error::Passing(format!(
            "cannot stop {name}: even after SIGKILL there is still process {}; look at what it \
             waits for (`cat /proc/PID/wchan`)",
            pids.join(", ")
        )))
    }

    /// What is left in the end.
    async fn ask_and_kill(
        &self,
        name: &Name,
        leader: Option<&ProcessId>,
        manner: Manner,
    ) -> io::Result<Vec<Member>> {
        let deadline = Instant::now() + manner.timeout;
        let mut asked = HashSet::new();
        while Instant::now() < deadline {
            let (group, members) = self.members(name, leader)?;
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
            let (group, members) = self.members(name, leader)?;
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
        self.members(name, leader).map(|(_, members)| members)
    }

    /// What lives under the mark of `name` or in its leader's group, and that group's number if it
    /// is still the leader's.
    fn members(
        &self,
        name: &Name,
        leader: Option<&ProcessId>,
    ) -> io::Result<(Option<i32>, Vec<Member>)> {
        let group = match leader {
            Some(leader) if kernel::owns_its_group(leader)? => Some(leader.pid),
            _ => None,
        };
        let mut members = self.scan(group)?;
        members.retain(|it| {
            Some(it.stat.group) == group || it.mark.as_ref().is_some_and(|(of, _)| of == name)
        });
        Ok((group, members))
    }
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
