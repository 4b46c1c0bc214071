//! `start` and `restart`: a watch in the background.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};

use super::{
    open::{self, Project, block_on, shown},
    output,
    stop::{Patience, end_watch},
};
use crate::{
    config::logs::Subject,
    controller::{
        background,
        heartbeat::Heartbeat,
        lock::{self, Holder, Lock},
        stopped,
    },
};

/// How long the first look may take until nobody waits for it any more.
const LONGEST_LOOK: Duration = Duration::from_mins(2);

/// How long to wait between two looks whether it is done.
const PAUSE: Duration = Duration::from_millis(20);

/// `start`.
pub(super) fn run(project: &Project) -> anyhow::Result<ExitCode> {
    // What one that was killed was just starting may have its lock for a moment.
    if let Some(watch) = Lock::holder(&lock_of(project)).filter(Holder::lives) {
        output::print(&format!("a watch is running already (pid {})\n", watch.pid))?;
        return Ok(ExitCode::SUCCESS);
    }
    project.tell_notes();
    block_on(begin(project, &this_program()?))?
}

/// `restart`.
pub(super) fn again(project: &Project) -> anyhow::Result<ExitCode> {
    again_as(project, &this_program()?)
}

/// `restart`, with the new watch run by `program`.
pub(super) fn again_as(project: &Project, program: &Path) -> anyhow::Result<ExitCode> {
    project.tell_notes();
    block_on(async {
        end_watch(&lock_of(project), Patience::Long).await?;
        begin(project, program).await
    })?
}

fn this_program() -> anyhow::Result<PathBuf> {
    env::current_exe().context("cannot find out which program this is")
}

fn lock_of(project: &Project) -> PathBuf {
    lock::watch_file(&project.loaded.project.state_dir())
}

async fn begin(project: &Project, program: &Path) -> anyhow::Result<ExitCode> {
    let path = std::path::absolute(&project.path)?;
    let project = &project.loaded.project;
    let state_dir = open::state_dir(project)?;
    // A person begins it, and the program in between could not know.
    stopped::take_back(&state_dir).context("cannot take back that the watch was ended")?;
    let begun = background::begin_apart(program, &path).await;
    begun.map_err(|why| anyhow!("there is no watch: {why}"))?;
    let last_words = shown(&background::log(project).file);
    let log = |it: Subject| shown(&project.log_dir().join(format!("{}.log", it.file())));
    let pid = first_look(&state_dir, &log(Subject::All), &last_words).await?;
    let mut said =
        format!("the watch is running (pid {pid}) and has looked at everything\nits logs:\n");
    for subject in Subject::EACH {
        let about = match subject {
            Subject::All => "all else",
            Subject::Pm2 => "PM2",
            Subject::GitHub => "GitHub",
            Subject::Netlify => "Netlify",
        };
        said.extend(["  ", &log(subject), " (", about, ")\n"]);
    }
    said.extend(["  ", &last_words, " (what can't be written there)\n"]);
    output::print(&said)?;
    Ok(ExitCode::SUCCESS)
}

/// Waits until the watch has completed its first look; its pid.
async fn first_look(state_dir: &Path, log: &str, last_words: &str) -> anyhow::Result<u32> {
    let lock = lock::watch_file(state_dir);
    let begun = Instant::now();
    while let Some(watch) = Lock::holder(&lock) {
        if Heartbeat::read(state_dir).is_some_and(|it| it.pid == watch.pid) {
            return Ok(watch.pid);
        }
        if begun.elapsed() >= LONGEST_LOOK {
            bail!(
                "the watch is running (pid {}) and has not completed its first look within {} s; \
                 what it does is in {log}",
                watch.pid,
                LONGEST_LOOK.as_secs()
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("the watch ended at once; why is at the end of {last_words}")
}
