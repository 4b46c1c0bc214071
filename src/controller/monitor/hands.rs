//! What the monitor does about the watch: ending one that hangs, and having one started.

use std::time::Duration;

use jiff::Timestamp;
use rustix::process::Signal;
use tracing::error;

use super::{Monitor, Topic};
use crate::controller::{
    background,
    holding::Holding,
    lock::{self, Lock},
};

/// How long a watch that hangs may take to end after SIGTERM, and after SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

impl Monitor {
    /// Ends the watch `hanging`, if there is one, and starts another. Whether that succeeded.
    pub(super) async fn act(&mut self, hanging: Option<u32>) -> bool {
        self.said.remove(&Topic::Watch);
        let ended = match hanging {
            Some(pid) => self.end(pid).await,
            None => Ok(()),
        };
        let started = match ended {
            Ok(()) => background::begin_apart(&self.program, &self.config).await,
            Err(why) => Err(why),
        };
        self.attempts.tried(Timestamp::now());
        match &started {
            Ok(()) => self.note("a new watch is running"),
            Err(why) => {
                let text = format!("there is no new watch: {why}");
                error!("{text}");
                self.journal(text);
            }
        }
        started.is_ok()
    }

    /// Ends a watch that hangs. What it runs goes on running.
    async fn end(&self, pid: u32) -> Result<(), String> {
        let path = lock::watch_file(&self.project.state_dir());
        let watch = match Holding::of(&path).map_err(|error| error.to_string())? {
            None => return Ok(()),
            Some(watch) if watch.holder.pid == pid => watch,
            Some(another) => return Err(format!("{} was quicker", another.holder)),
        };
        watch.signal(Signal::TERM).map_err(|error| error.to_string())?;
        // One that woke up and finishes what it has in hand touches its lock.
        if watch.ended_unless(GRACE, || Lock::touched(&path)).await {
            self.note(&format!("the watch, pid {pid}, ended after SIGTERM"));
            return Ok(());
        }
        watch.signal(Signal::KILL).map_err(|error| error.to_string())?;
        if watch.ended(GRACE).await {
            self.note(&format!("the watch, pid {pid}, ended after SIGKILL only"));
            return Ok(());
        }
        Err(format!(
            "even SIGKILL has not ended pid {pid}; see what it waits for (`cat /proc/{pid}/wchan`)"
        ))
    }
}
