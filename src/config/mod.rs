//! `redundancy.toml`: what the user asks for.

pub mod model;
pub mod patterns;
pub mod units;

pub use model::Config;

use std::path::{Path, PathBuf};

/// A config and where it belongs.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder of `redundancy.toml`: every relative path starts here.
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

    /// `path` as the config means it: relative to the project.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }
}
