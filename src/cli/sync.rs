//! `sync`: keeps the checkout of the current folder in step with its remote.

use std::{
    fmt::Write,
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use super::{
    args::some_time,
    open::{self, block_on},
    output::{self, BOLD, DIM, count, visible},
    watch::log_to_stderr,
};
use crate::{
    config::{self, Project, units::Span},
    journal::{Entry, Journal, Kind},
    sync::{self, Event, Kept, Options, Strategy},
};

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(super) struct SyncOptions {
    /// The remote [default: origin]
    #[arg(long, value_name = "NAME", env = "AUTO_SYNC_REMOTE", hide_env_values = true)]
    remote: Option<String>,
    /// The branch, which must be checked out [default: main]
    #[arg(long, value_name = "NAME", env = "AUTO_SYNC_BRANCH", hide_env_values = true)]
    branch: Option<String>,
    /// hardreset makes the checkout equal to the remote; rebase and merge bring own commits
    /// together with the remote's and push them; ff-only only moves forward [default: hardreset]
    #[arg(long, value_parser = strategy, env = "AUTO_SYNC_STRATEGY", hide_env_values = true)]
    strategy: Option<Strategy>,
    /// Before a hard reset, also put untracked files away that are not ignored [default: true]
    #[arg(long, value_name = "YES", value_parser = on_or, num_args = 0..=1, require_equals = true,
        default_value = "1", hide_default_value = true, default_missing_value = "1",
        env = "AUTO_SYNC_CLEAN", hide_env_values = true,
        action = clap::ArgAction::Set)]
    clean: bool,
    /// Leave untracked files where they are, unless something incoming needs the place
    #[arg(long)]
    no_clean: bool,
    /// Run `git gc` at the end
    #[arg(long, value_name = "YES", value_parser = off_or, num_args = 0..=1, require_equals = true,
        default_value = "0", hide_default_value = true, default_missing_value = "1",
        env = "AUTO_SYNC_GC", hide_env_values = true, action = clap::ArgAction::Set)]
    gc: bool,
    /// Do it again and again, with so much time in between (like 5m), until SIGTERM or SIGINT
    #[arg(long, value_name = "TIME", value_parser = some_time)]
    pub(super) every: Option<Span>,
    /// How long one run of git may take
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = some_time)]
    pub(super) timeout: Span,
    /// Show what is kept and how it comes back; do nothing else
    #[arg(long, conflicts_with = "every")]
    pub(super) list: bool,
}

impl SyncOptions {
    pub(super) fn asked(&self) -> sync::Options {
        // A variable that is set to nothing counts as one that is not set.
        let or = |given: &Option<String>, default: &str| match given.as_deref() {
            None | Some("") => default.to_owned(),
            Some(given) => given.to_owned(),
        };
        sync::Options {
            remote: or(&self.remote, "origin"),
            branch: or(&self.branch, "main"),
            strategy: self.strategy.unwrap_or(Strategy::HardReset),
            clean: self.clean && !self.no_clean,
            gc: self.gc,
            limit: self.timeout.0,
            spare: Vec::new(),
        }
    }
}

pub(super) fn run(config: Option<&Path>, options: &SyncOptions) -> anyhow::Result<ExitCode> {
    let here = std::env::current_dir().context("the current folder is gone")?;
    if options.list {
        return list(&here, options.timeout.0);
    }
    let config = config.map(Path::to_owned).or_else(|| config::find(&here));
    let ask = Ask { options: options.asked(), here, config, every: options.every.map(|it| it.0) };
    block_on(ask.until_done())?
}

/// What is asked, and where.
#[derive(Clone)]
struct Ask {
    options: Options,
    here: std::path::PathBuf,
    config: Option<std::path::PathBuf>,
    every: Option<Duration>,
}

impl Ask {
    async fn until_done(self) -> anyhow::Result<ExitCode> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        let mut terminate = listen(SignalKind::terminate())?;
        let mut interrupt = listen(SignalKind::interrupt())?;
        let stop = Arc::new(AtomicBool::new(false));
        let signalled = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            stop.store(true, Ordering::Relaxed);
        };
        tokio::pin!(signalled);
        let turn = || {
            let (ask, stop) = (self.clone(), Arc::clone(&stop));
            tokio::task::spawn_blocking(move || ask.once(&stop))
        };
        // The run in hand goes on to its end; only its waiting for the remote does not.
        let Some(every) = self.every else {
            let mut turn = turn();
            let ended = tokio::select! {
                ended = &mut turn => ended,
                () = &mut signalled => turn.await,
            };
            output::print(&format!("{}\n", ended.context("the sync was broken off")??))?;
            return Ok(ExitCode::SUCCESS);
        };
        log_to_stderr();
        info!("following {} every {}", self.options.upstream(), config::units::Span(every));
        let mut last = String::new();
        loop {
            let mut turn = turn();
            let (ended, stopped) = tokio::select! {
                ended = &mut turn => (ended, false),
                () = &mut signalled => (turn.await, true),
            };
            match ended.context("the sync was broken off").and_then(|it| it) {
                Ok(done) if done == last => {}
                Ok(done) => {
                    info!("{done}");
                    last = done;
                }
                Err(_) if stopped => {}
                Err(failed) => {
                    error!("{}", visible(&output::whole(&failed)));
                    last.clear();
                }
            }
            let stopped = stopped
                || tokio::select! {
                    () = tokio::time::sleep(every) => false,
                    () = &mut signalled => true,
                };
            if stopped {
                info!("told to stop");
                return Ok(ExitCode::SUCCESS);
            }
        }
    }

    /// One run, and what came of it in a line.
    fn once(mut self, stop: &Arc<AtomicBool>) -> anyhow::Result<String> {
        let project = self.config.as_deref().and_then(|it| config::load_or_default(it).ok());
        if let Some(project) = &project {
            self.options.spare = vec![project.state_dir(), project.log_dir()];
        }
        let looped = self.every.is_some();
        let mut tell = |event| {
            let (text, kept_anew) = match &event {
                Event::Kept(kept) => (told(kept), kept.anew),
                Event::Note(text) => (text.clone(), false),
            };
            match (looped, &event) {
                // It was told when it was kept; a turn that fails again keeps the same again.
                (true, Event::Kept(_)) if !kept_anew => {}
                (true, _) => warn!("{}", visible(&text)),
                (false, _) => output::remark(&format!("{}\n", visible(&text))),
            }
            if let Some(project) = project.as_ref().filter(|_| kept_anew)
                && let Err(error) = write_down(project, text)
            {
                let error = output::whole(&error);
                let text = format!("the journal does not say what was kept: {error}");
                if looped { warn!("{text}") } else { output::remark(&format!("warning: {text}\n")) }
            }
        };
        let done = sync::run(&self.here, &self.options, stop, &mut tell)?;
        Ok(done.describe(&self.options))
    }
}

fn write_down(project: &Project, text: String) -> anyhow::Result<()> {
    let state_dir = open::state_dir(project)?;
    let (mut journal, damaged) = Journal::open(&Journal::file(&state_dir))?;
    let entry = |text| Entry { at: Timestamp::now(), kind: Kind::Controller, id: None, text };
    let entries: Vec<_> = damaged.into_iter().chain([text]).map(entry).collect();
    Ok(journal.write(&entries)?)
}

/// What is kept and how it comes back, in a line.
fn told(kept: &Kept) -> String {
    let mut parts = Vec::new();
    if let Some(commits) = &kept.commits {
        let number = count(commits.count, "commit");
        parts.push(format!("{number} (`{}`)", commits.way_back(kept)));
    }
    if let Some(work) = &kept.work {
        parts.push(format!("{} (`{}`)", work_in_words(work), work.way_back()));
    }
    let kept = if kept.anew { "sync kept" } else { "sync had kept already" };
    format!("{kept} {}", parts.join(" and "))
}

fn work_in_words(work: &sync::Work) -> String {
    let changed = count(work.changed, "changed file");
    let untracked = count(work.untracked, "untracked file");
    match (work.changed, work.untracked) {
        (0, _) => untracked,
        (_, 0) => changed,
        _ => format!("{changed} and {untracked}"),
    }
}

fn list(here: &Path, limit: Duration) -> anyhow::Result<ExitCode> {
    let all = sync::list(here, limit)?;
    if all.is_empty() {
        output::print("nothing is kept here\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for kept in &all {
        let when = kept.when().map_or_else(|| "at an unknown time".to_owned(), |it| it.to_string());
        let _ = writeln!(text, "{BOLD}{}{BOLD:#}  {DIM}kept {when}{DIM:#}", kept.name);
        if let Some(commits) = &kept.commits {
            let number = count(commits.count, "commit");
            let _ = writeln!(text, "  {number} that no remote has; the last: {}", commits.subject);
            let _ = writeln!(text, "    back on a branch:  {}", commits.way_back(kept));
        }
        if let Some(work) = &kept.work {
            let _ = writeln!(text, "  {}, not committed", work_in_words(work));
            let _ = writeln!(text, "    back on what is checked out:  {}", work.way_back());
            let _ = writeln!(text, "    back just as it was:  {}", work.exact_way_back(kept));
        }
    }
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn strategy(text: &str) -> Result<Strategy, sync::StrategyError> {
    if text.is_empty() { Ok(Strategy::HardReset) } else { text.parse() }
}

/// A switch that is on when its variable is set to nothing.
fn on_or(text: &str) -> Result<bool, &'static str> {
    if text.is_empty() { Ok(true) } else { switch(text) }
}

/// A switch that is off when its variable is set to nothing.
fn off_or(text: &str) -> Result<bool, &'static str> {
    if text.is_empty() { Ok(false) } else { switch(text) }
}

fn switch(text: &str) -> Result<bool, &'static str> {
    match &*text.to_ascii_lowercase() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("1, true and yes turn it on; 0, false and no turn it off"),
    }
}
