//! `watch`: the loop, with its log on standard error. In the background that is a file, and nobody looks on:
//! only what can't be in the logs goes there.

use std::{
    io::{self, IsTerminal},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, filter::filter_fn, fmt::format, layer::SubscriberExt, util::SubscriberInitExt,
};

use super::{
    args::WatchOptions,
    open::{block_on, find},
    output,
};
use crate::{
    config::LoadError,
    controller::{
        logs::Logs,
        self_update::{self, Next},
        stopped::Starter,
        watch,
    },
};

pub(super) fn run(path: Option<&Path>, options: &WatchOptions) -> anyhow::Result<ExitCode> {
    let path = find(path)?;
    let logs = log_to_stderr_and_files(options.unless_stopped)?;
    // Before the config and the journal are read: a version that can't read them may be on trial.
    let begun = self_update::begin(&path);
    // Who takes a watch over has not been asked to begin one.
    let by_nobody = options.unless_stopped || begun.goes_on;
    let starter = if by_nobody { Starter::Monitor } else { Starter::Person };
    let trial = begun.trial.clone();
    match (block_on(watch::run(path, starter, logs, begun))?, trial) {
        (Ok(None), _) => Ok(ExitCode::SUCCESS),
        (Ok(Some(next)), _) => Err(become_it(next)),
        (Err(error), Some((ledger, trial))) if !error.is_of_another_watch() => {
            let why = format!("it can't begin: {error}");
            output::error(&told(error));
            Err(become_it(Next::Undo(ledger, trial, why)))
        }
        (Err(error), _) => Err(told(error)),
    }
}

/// Shown with its lines, as by any other verb.
fn told(error: watch::Error) -> anyhow::Error {
    match error {
        watch::Error::Config(error) => LoadError::into(error),
        error => error.into(),
    }
}

fn become_it(next: Next) -> anyhow::Error {
    let (program, error) = next.become_it();
    anyhow::Error::new(error)
        .context(format!("the watch has ended: cannot run {}", program.display()))
}

/// The same as [`log_to_stderr`], and to the files of the logs once the config is known. In the background
/// nothing is said twice, so that the bound on the logs is one on all that is written.
fn log_to_stderr_and_files(in_background: bool) -> anyhow::Result<Logs> {
    let (logs, to_files) = Logs::new().context("cannot begin a thread for the logs")?;
    let elsewhere = logs.elsewhere();
    // What a line is about is in its text already, for people.
    let fields = format::debug_fn(|writer, field, value| match field.name() {
        "provider" | "look" => Ok(()),
        "message" => write!(writer, "{value:?}"),
        name => write!(writer, " {name}={value:?}"),
    });
    let to_stderr = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(coloured())
        .with_target(false)
        .fmt_fields(fields)
        .with_filter(
            filter_fn(move |it| {
                let is_shown = it.is_event() && *it.level() <= Level::INFO;
                is_shown && (!in_background || elsewhere(it))
            })
            .with_max_level_hint(LevelFilter::INFO),
        );
    tracing_subscriber::registry().with(to_stderr).with(to_files).init();
    Ok(logs)
}

/// Sends what is logged to standard error, for somebody who reads it later.
pub(super) fn log_to_stderr() {
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(coloured())
        .with_target(false)
        .init();
}

/// Sends what is logged to standard error, for somebody who looks on.
pub(super) fn log_to_onlooker() {
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(coloured());
    log.with_target(false).without_time().init();
}

fn coloured() -> bool {
    io::stderr().is_terminal() && output::may_be_coloured()
}
