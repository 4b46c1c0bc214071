//! `watch`: the loop, with its log on standard error.

use std::{
    io::{self, IsTerminal},
    path::Path,
    process::ExitCode,
};

use super::{
    args::WatchOptions,
    open::{block_on, find},
};
use crate::{
    config::LoadError,
    controller::{stopped::Starter, watch},
};

pub(super) fn run(path: Option<&Path>, options: &WatchOptions) -> anyhow::Result<ExitCode> {
    let path = find(path)?;
    log_to_stderr();
    let starter = if options.unless_stopped { Starter::Monitor } else { Starter::Person };
    match block_on(watch::run(path, starter))? {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // Shown with its lines, as by any other verb.
        Err(watch::Error::Config(error)) => Err(LoadError::into(error)),
        Err(error) => Err(error.into()),
    }
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
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
