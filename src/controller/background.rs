//! A watch that is begun in the background, by a program that ends as soon as the watch stands: so
//! the watch has no parent that could take it along when it is ended.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use super::{
    holding::File,
    lock::{self, Lock},
};
use crate::{
    config::{Project, logs::OF_THE_WATCH},
    disk::{Log, LogLimits},
    provider,
};

/// How long a watch may take until it holds its lock.
const LONGEST_START: Duration = Duration::from_mins(1);

/// After this, a watch that has the lock open and is not named in there could not write its name.
const NAMED_BY: Duration = Duration::from_secs(5);

/// How much of the log of the watch is kept.
const LIMITS: LogLimits = LogLimits { max_size: 10 * 1024 * 1024, keep: 3 };

/// Why there is no watch.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its log can't be opened.
    #[error("cannot open the log of the watch, {}: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It can't be started.
    #[error("cannot run {}: {source}", program.display())]
    Program {
        /// What should run.
        program: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It ended at once.
    #[error("the watch ended at once ({how}); why is at the end of {log}", log = .log.display())]
    Ended {
        /// How.
        how: ExitStatus,
        /// Where its last words are.
        log: PathBuf,
    },
    /// It has not come to its lock.
    #[error(
        "the watch has not begun within {} s and was ended again; what it said is in {log}",
        LONGEST_START.as_secs(), log = .log.display()
    )]
    TooSlow {
        /// Where its last words are.
        log: PathBuf,
    },
}

/// The log of a watch in the background.
#[must_use]
pub(crate) fn log(project: &Project) -> Log {
    Log::of(&project.log_dir(), OF_THE_WATCH, LIMITS)
}

/// Begins the watch of the config at `config`, and waits until it holds its lock; its pid.
///
/// # Errors
/// When it does not come to that.
pub fn begin(program: &Path, config: &Path, project: &Project) -> Result<u32, Error> {
    // Out of reach of the signals that a terminal sends to all. Who leads a group already can't
    // leave it, and has nobody to leave.
    let _ = rustix::process::setsid();
    let log = log(project);
    let path = log.file.clone();
    let open = || log.open().and_then(|output| Ok((output.try_clone()?, output)));
    let (output, errors) = open().map_err(|source| Error::Log { path: path.clone(), source })?;
    let mut watch = Command::new(program);
    for mark in provider::marks() {
        watch.env_remove(mark);
    }
    let spawned = watch
        .args(["watch", "--unless-stopped", "--config"])
        .arg(config)
        .current_dir(&project.root)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn();
    let failed = |source| Error::Program { program: program.to_owned(), source };
    let mut child = spawned.map_err(failed)?;
    let lock = lock::watch_file(&project.state_dir());
    let begun = Instant::now();
    loop {
        if let Some(how) = child.try_wait().map_err(failed)? {
            return Err(Error::Ended { how, log: path });
        }
        if holds(child.id(), &lock, begun) {
            return Ok(child.id());
        }
        if begun.elapsed() >= LONGEST_START {
            // It may have ended by itself just now.
            let _ = child.kill();
            let _ = child.wait();
            return Err(Error::TooSlow { log: path });
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Has `program` begin the watch of the config at `config`, in a process between, so that the watch does not
/// depend on this one. Waits until it holds its lock.
///
/// # Errors
/// Why there is none.
pub async fn begin_apart(program: &Path, config: &Path) -> Result<(), String> {
    let spawned = Command::new(program)
        .args(["begin", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let failed = |error: io::Error| format!("cannot run {}: {error}", program.display());
    let mut child = spawned.map_err(failed)?;
    let begun = Instant::now();
    let how = loop {
        if let Some(how) = child.try_wait().map_err(failed)? {
            break how;
        }
        if begun.elapsed() >= 2 * LONGEST_START {
            // It may have ended by itself just now.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("it took more than {} s", 2 * LONGEST_START.as_secs()));
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

/// Whether `pid` has taken the lock. Does not try the lock, which could be in its way.
fn holds(pid: u32, lock: &Path, begun: Instant) -> bool {
    // A number written by a watch of old may be its number again.
    let named = Lock::last(lock).is_some_and(|it| it.pid == pid);
    (named || begun.elapsed() >= NAMED_BY)
        && File::at(lock).and_then(|it| it.is_open_in(pid)).unwrap_or(false)
}
