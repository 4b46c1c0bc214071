//! `redundancy.toml`: what the user asks for.
//!
//! The way of a file: [`find`] → [`load`] (the file system) → [`parse`] (the text: TOML, then the
//! types of [`model`], then what they can't say, in `check`) → a [`Project`], or every problem of
//! the file at once. [`render`] shows problems to people.

pub mod alerts;
mod check;
mod deep;
pub mod discover;
mod env_files;
mod failover;
mod function_test;
pub mod init;
mod load;
pub mod logs;
pub mod metrics;
pub mod model;
mod netlify;
mod pairs;
mod parse;
pub mod patterns;
pub mod pm2;
pub mod probe;
pub mod problem;
mod process;
pub mod render;
mod schema;
mod secrets;
mod table;
mod tree;
pub mod units;
pub mod update;
mod wording;
mod workflow;

pub(crate) use check::github_cron;
pub(crate) use deep::with_room;
pub use load::{
    FILE_NAME, LoadError, Loaded, by_default, find, load, load_or_default, load_text, read,
};
pub use model::Config;
pub use pairs::{pairs, prechecks};
pub use parse::parse;
pub use problem::{Note, Problem};
pub use schema::schema;

use std::path::PathBuf;

/// The text of a config as it may be shown: without tokens and values of `env`.
#[must_use]
pub fn redacted(text: &str) -> String {
    secrets::redacted(text)
}

/// A config and where it belongs.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// The folder of `redundancy.toml`: every relative path starts here. Absolute and canonical.
    pub root: PathBuf,
    /// What the file says.
    pub config: Config,
}

impl Project {
    /// The folder of what the tool keeps for itself: journal, locks, records of processes.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.root.join(&self.config.controller.state_dir)
    }

    /// The folder of the logs.
    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        self.root.join(&self.config.controller.log_dir)
    }
}
