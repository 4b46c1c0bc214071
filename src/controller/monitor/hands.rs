//! What the monitor does about the watch: ending one that hangs, and having one started.

use std::{
    io::{self, Read},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rustix::process::Signal;
use tracing::error;

use super::{Monitor, Topic};
use crate::controller::{
    holding::Holding,
    lock::{self, Lock},
};

/// How long a watch that hangs may take to end after SIGTERM, and after SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

/// How long the start of a watch may take, all in all.
const LONGEST_START: Duration = Duration::from_mins(2);

impl Monitor {
    /// Ends the watch `hanging`, if there is one, and starts another. Whether that succeeded.
    pub(super) async fn act(&mut self, hanging: Option<u32>) -> bool {
        self.said.remove(&Topic::Watch);
        let ended = match hanging {
            Some(pid) => self.end(pid).await,
            None => Ok(()),
        };
        let started = match ended {
            Ok(()) => self.start().await,
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

    /// Starts a watch that does not depend on this program, and waits until it stands.
    async fn start(&self) -> Result<(), String> {
        let spawned = Command::new(&self.program)
            .args(["begin", "--config"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let failed = |error: io::Error| format!("cannot run {}: {error}", self.program.display());
        let mut child = spawned.map_err(failed)?;
        let begun = Instant::now();
        let how = loop {
            if let Some(how) = child.try_wait().map_err(failed)? {
                break how;
            }
            if begun.elapsed() >= LONGEST_START {
                // It may have ended by itself just now.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it took more than {} s", LONGEST_START.as_secs()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        if how.success() {
            return Ok(());
        }
        let mut said = Vec::new();
        if let Some(errors) = child.stderr.take() {
            // What could be read says more than that it could not be read to its end.
            let _ = errors.take(4096).read_to_end(&mut said);
        }
        let said = String::from_utf8_lossy(&said);
        let said = said.trim().trim_start_matches("error: ");
        Err(if said.is_empty() { how.to_string() } else { said.to_owned() })
    }
}
