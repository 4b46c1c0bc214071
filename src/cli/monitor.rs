//! `monitor`: looks after the watch; and `begin`, by which it starts one.

use std::{env, path::Path, process::ExitCode};

use anyhow::Context;

use super::{
    open::{block_on, find},
    watch::log_to_stderr,
};
use crate::{
    config::{
        self, LoadError,
        units::{Span, SpanError},
    },
    controller::{
        background,
        monitor::{self, Options},
    },
};

#[derive(Debug, clap::Args)]
pub(super) struct MonitorOptions {
    /// Time between two looks at the watch
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = pause)]
    pub(super) every: Span,
    /// How long the watch may give no sign of life, never less than twice `controller.look_every`
    /// [default: three times that, and a minute]
    #[arg(long, value_name = "TIME", value_parser = pause)]
    pub(super) hung_after: Option<Span>,
    /// Look once: exit with 0 when the watch does well or was started, with 1 otherwise
    #[arg(long)]
    pub(super) once: bool,
}

pub(super) fn run(path: Option<&Path>, options: &MonitorOptions) -> anyhow::Result<ExitCode> {
    let path = find(path)?;
    // Asked now: a newer version may be put in the place of this one while it runs.
    let program = env::current_exe().context("cannot find out which program this is")?;
    log_to_stderr();
    let options = Options {
        every: options.every.0,
        hung_after: options.hung_after.map(|it| it.0),
        once: options.once,
    };
    match block_on(monitor::run(&path, program, options))? {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        Err(monitor::Error::Config(error)) => Err(LoadError::into(error)),
        Err(error) => Err(error.into()),
    }
}

/// `begin`: a watch in the background. This program ends as soon as that one stands.
pub(super) fn begin(path: Option<&Path>) -> anyhow::Result<ExitCode> {
    let path = std::path::absolute(find(path)?)?;
    let program = env::current_exe().context("cannot find out which program this is")?;
    // What is wrong with the config, the watch says in its log.
    let project = config::load_or_default(&path)?;
    background::begin(&program, &path, &project)?;
    Ok(ExitCode::SUCCESS)
}

/// A time that is long enough not to be busy with nothing else.
fn pause(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|error: SpanError| error.to_string())?;
    if span < Span::millis(100) { Err("at least 100ms".to_owned()) } else { Ok(span) }
}
