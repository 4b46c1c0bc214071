//! The project that a verb works on, and the verbs that only look at its config.

use std::{
    future::Future,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;

use super::output;
use crate::{
    config::{self, LoadError, Loaded, render},
    controller::{Controller, make_state_dir},
    core::digest::Digest,
    journal::Journal,
};

/// A config that was found, and what it says.
pub(super) struct Project {
    pub(super) path: PathBuf,
    pub(super) loaded: Loaded,
}

impl Project {
    /// The project of the config at `path`, or of the one found from the current folder upwards.
    pub(super) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let path = find(path)?;
        let loaded = config::load(&path)?;
        Ok(Self { path, loaded })
    }

    /// As [`Project::open`], also with a broken config: for verbs that go by what is recorded, and
    /// must work in trouble most of all.
    pub(super) fn open_even_if_broken(path: Option<&Path>) -> anyhow::Result<Self> {
        let path = find(path)?;
        let error = match config::load(&path) {
            Ok(loaded) => return Ok(Self { path, loaded }),
            Err(error) => error,
        };
        let project = config::by_default(&path)?;
        if !project.state_dir().is_dir() {
            return Err(error.into());
        }
        output::remark(&format!(
            "{error}; going by what is recorded in {}\n",
            shown(&project.state_dir())
        ));
        let digest = Digest::of([""; 0]);
        let loaded = Loaded { project, digest, notes: Vec::new(), text: String::new() };
        Ok(Self { path, loaded })
    }

    pub(super) fn controller(&self) -> Controller {
        Controller::new(self.loaded.project.clone())
    }

    /// Tells what the writer of the config should know.
    pub(super) fn tell_notes(&self) {
        let Loaded { text, notes, .. } = &self.loaded;
        let path = shown(&self.path);
        output::remark(&render::notes(&path, text, notes, render::Style::Coloured));
    }
}

/// Where the config is.
pub(super) fn find(path: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(path) = path {
        return Ok(path.to_owned());
    }
    let here = std::env::current_dir().context("the current folder is gone")?;
    config::find(&here).ok_or_else(|| LoadError::Missing(here.join(config::FILE_NAME)).into())
}

/// The folder of what the tool keeps for itself, made where it is not there.
pub(super) fn state_dir(project: &config::Project) -> anyhow::Result<PathBuf> {
    let folder = project.state_dir();
    make_state_dir(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(folder)
}

/// The journal in that folder, to be written; what became of one that was damaged is told.
pub(super) fn journal(state_dir: &Path) -> anyhow::Result<Journal> {
    let (journal, damaged) = Journal::open(&Journal::file(state_dir))?;
    if let Some(damaged) = damaged {
        output::remark(&format!("{damaged}\n"));
    }
    Ok(journal)
}

/// A path as people write it: from the current folder where it is in there.
pub(super) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let path = here.as_deref().and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path);
    path.display().to_string()
}

/// Runs a future to its end, on this thread.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("cannot start the event loop")?.block_on(future))
}

/// `validate`: the config is sound, or it would not have been opened.
pub(super) fn validate(project: &Project) -> anyhow::Result<ExitCode> {
    project.tell_notes();
    let config = &project.loaded.project.config;
    let entries = [
        output::count_of(config.process.len(), "process", "processes"),
        output::count_of(config.workflow.len(), "workflow entry", "workflow entries"),
        output::count_of(config.function.len(), "function entry", "function entries"),
    ];
    output::print(&format!("{} is sound: {}\n", shown(&project.path), entries.join(", ")))?;
    Ok(ExitCode::SUCCESS)
}

/// `schema`: prints it.
pub(super) fn schema() -> anyhow::Result<ExitCode> {
    let text = serde_json::to_string_pretty(&config::schema())?;
    output::print(&format!("{text}\n"))?;
    Ok(ExitCode::SUCCESS)
}
