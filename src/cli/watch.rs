//! `watch`: the loop, with its log on standard error.

use std::{
    io::{self, IsTerminal},
    path::Path,
    process::ExitCode,
};

use super::open::{block_on, find};
use crate::{config::LoadError, controller::watch};

pub(super) fn run(path: Option<&Path>) -> anyhow::Result<ExitCode> {
    let path = find(path)?;
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_target(false)
        .init();
    match block_on(watch::run(path))? {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // Shown with its lines, as by any other verb.
        Err(watch::Error::Config(error)) => Err(LoadError::into(error)),
        Err(error) => Err(error.into()),
    }
}
