//! A group of processes that ends with the value that stands for it: what is waited for no longer leaves nothing
//! behind of what it began.

use std::{
    io,
    process::{Output, Stdio},
    time::Duration,
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process_group},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
    time::timeout,
};

/// A group of processes, all of which end with this value.
#[derive(Debug)]
pub(crate) struct Group(Option<Pid>);

impl Group {
    /// The group that `leader` leads, begun with `process_group(0)`. Nobody may have waited for it.
    pub(crate) fn of(leader: &Child) -> Self {
        Self(leader.id().and_then(|it| Pid::from_raw(it.cast_signed())))
    }

    /// Its number, which is that of its leader.
    pub(crate) fn leader(&self) -> Option<Pid> {
        self.0
    }

    /// Lets what may be left of it go on. To be called when its leader was waited for: its number may be
    /// another's from then on.
    pub(crate) fn release(&mut self) {
        self.0 = None;
    }

    /// Ends all of it.
    pub(crate) fn kill(&mut self) {
        if let Some(group) = self.0.take()
            && let Err(error) = kill_process_group(group, Signal::KILL)
            && error != Errno::SRCH
        {
            tracing::warn!("cannot end process group {}: {error}", group.as_raw_nonzero());
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command in a group of its own, and gives how it ended and what it said. None where it has not ended
/// within `limit`: then all of it is ended, as it is when nobody waits for this any more.
pub(crate) async fn output(command: &mut Command, limit: Duration) -> io::Result<Option<Output>> {
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut leader = command.spawn()?;
    let mut group = Group::of(&leader);
    let (out, err) = (leader.stdout.take(), leader.stderr.take());
    let said = async {
        // Only then is it waited for: its number stays its own until it has said all.
        let (stdout, stderr) = tokio::try_join!(all(out), all(err))?;
        let status = leader.wait().await?;
        group.release();
        Ok(Output { status, stdout, stderr })
    };
    timeout(limit, said).await.ok().transpose()
}

async fn all(said: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    if let Some(mut said) = said {
        said.read_to_end(&mut text).await?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Instant};

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn what_ends_in_time_says_how() {
        let hour = Duration::from_hours(1);
        let said = output(&mut shell("echo out; echo err >&2; exit 3"), hour).await;
        let Output { status, stdout, stderr } = said.unwrap().unwrap();
        assert_eq!((status.code(), &*stdout, &*stderr), (Some(3), &b"out\n"[..], &b"err\n"[..]));
        let late = output(&mut shell("sleep 1000"), Duration::from_millis(1)).await.unwrap();
        assert!(late.is_none());
        assert!(output(&mut Command::new("/is/not/there"), hour).await.is_err());
    }

    #[tokio::test]
    async fn what_nobody_waits_for_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("pids");
        let mut command = shell("sleep 1000 & echo $$ $! >new; mv new pids; wait");
        let until = Instant::now() + Duration::from_mins(1);
        let wait_for = async |is_so: &dyn Fn() -> bool, what: &str| {
            while !is_so() {
                assert!(Instant::now() < until, "waited in vain for {what}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let is_there = || place.exists();
        let has_begun = wait_for(&is_there, "its beginning");
        tokio::select! {
            said = output(command.current_dir(&folder), Duration::from_hours(1)) => panic!("{said:?}"),
            () = has_begun => {}
        }
        let pids = fs::read_to_string(&place).unwrap();
        assert_eq!(pids.split_whitespace().count(), 2);
        let is_gone = |pid: &str| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
            stat.map_or(true, |it| it.contains(") Z "))
        };
        wait_for(&|| pids.split_whitespace().all(is_gone), "the end of all").await;
    }
}
