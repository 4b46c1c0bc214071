//! The places where resources live, one folder each, and what they have in common.

mod each;
pub mod embedded;
pub mod files;
pub mod github;
pub mod netlify;
pub mod pm2;
mod polled;
mod process;

pub(crate) use process::kernel::ProcessId;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::{
    config::{Project, model::Runner},
    core::{
        change::Change,
        checkup::Finding,
        id::Name,
        reconciler::Failed,
        report::Budget,
        resource::{Sightings, Wishes},
        trial::Trial,
    },
    http,
};

/// What the providers are called.
pub const NAMES: [&str; 4] = ["embedded", "github", "netlify", "pm2"];

/// A place where resources live.
///
/// Looking and acting are apart, and what is wanted is decided between them by a pure function.
pub trait Provider: Send + Sync {
    /// The first half of its resources' ids.
    fn name(&self) -> &Name;

    /// What its resources are, in one word for people: `process`, `workflow`.
    fn kind(&self) -> &'static str;

    /// Whether its resources run only because this program runs them, so that `stop` ends them.
    fn supervises(&self) -> bool {
        false
    }

    /// Tells it that whoever looks does so again and again, and when it is woken: a look need not
    /// wait for what takes long.
    fn never_wait(&mut self) {}

    /// Takes over a new config. What runs goes on running.
    fn configure(&mut self, project: &Project);

    /// Looks at everything there, primaries and leftovers of ours too. Changes nothing.
    fn observe(&self, now: Timestamp) -> BoxFuture<'_, Result<Sightings, Error>>;

    /// What of its resources could not be seen at the last look although the rest could, and why.
    fn unseen(&self) -> Option<String> {
        None
    }

    /// What people should know of its resources beside how each does: what waits for them, and where.
    fn remark(&self) -> Option<String> {
        None
    }

    /// Whether changes that are begun together are made as one, so that all of them should be.
    fn gathers(&self) -> bool {
        false
    }

    /// What the config asks for, given what was seen (patterns expand here). Pure.
    fn desire(&self, seen: &Sightings) -> Wishes;

    /// Makes one change. Making it twice does no harm. One attempt: trying again is the next
    /// pass's business.
    fn apply<'a>(
        &'a self,
        name: &'a Name,
        change: &'a Change,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// Makes sure that something could be made here, as far as that can be told beforehand.
    fn make_ready(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Tries out the resources called `names`, or all that can be tried where it is given none, without
    /// having them do their work. What has passed as it is now is not tried again, unless `anew`.
    fn test<'a>(
        &'a self,
        names: &'a [Name],
        _anew: bool,
        _now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Trial>, Error>> {
        let why = format!("{} has nothing to test: only functions are tested", self.name());
        let trials = names.iter().map(|name| Trial::none(name.clone(), why.clone())).collect();
        Box::pin(std::future::ready(Ok(trials)))
    }

    /// Whether the machine has what its resources need beside what a look finds out. Changes nothing.
    fn checkup(&self) -> BoxFuture<'_, Vec<Finding>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    /// Kills whatever runs under a mark of ours, also where whoever runs it does not answer. Whether there was
    /// anything.
    fn kill_all(&self) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(std::future::ready(Ok(false)))
    }

    /// Tells it which of its resources are off duty: whatever starts others again by itself leaves
    /// these stopped.
    fn keep_off(&self, _names: &BTreeSet<Name>) {}

    /// How long after it is seen again a command that was given to it by a program that is gone, or that
    /// waits for its answer no longer, may still take effect. Nothing, where commands end with whoever gave
    /// them.
    fn drain(&self) -> Duration {
        Duration::ZERO
    }

    /// How many requests its service counts, where an answer has told and that is not over. Asks and waits for
    /// nobody.
    fn budget(&self, _now: Timestamp) -> Option<Budget> {
        None
    }

    /// The files that the output of a resource goes to.
    fn logs(&self, _name: &Name) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Resolves when there may be something new to see. Carries no facts, only "look now".
    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// What to look after: a change of one of these files, or in one of these folders, is a reason
    /// to look.
    fn places(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// The project as it can be run here: where PM2 can't be had, and the config says so, its processes
/// are run without it.
#[must_use]
pub fn as_possible(project: &Project) -> Project {
    let mut project = project.clone();
    if project.config.pm2.fall_back_to_embedded && !pm2::can_be_had(&project) {
        for process in &mut project.config.process {
            process.runner = Some(Runner::Embedded);
        }
    }
    project
}

/// What a service told of its limits, as reports have it.
fn counted(provider: &Name, it: http::limits::Budget) -> Budget {
    let used = it.limit.saturating_sub(it.remaining);
    Budget { provider: provider.clone(), used, limit: it.limit, until: it.reset }
}

/// Every provider that there is, ready for the config of `project`.
#[must_use]
pub fn all(project: &Project) -> Vec<Box<dyn Provider>> {
    vec![
        Box::new(embedded::Embedded::new(project)),
        Box::new(github::Github::new(project)),
        Box::new(netlify::Netlify::new(project)),
        Box::new(pm2::Pm2::new(project)),
    ]
}

/// The variables by which a process is known to whoever runs it, and speaks to it. What is started by such a process
/// and is to outlive it must not have them: it would be taken for the process, and ended with it.
pub fn marks() -> impl Iterator<Item = &'static str> {
    let marks = [process::mark::MARK].into_iter().chain(pm2::MARKS.iter().copied());
    marks.chain(process::OF_THE_SERVICE_MANAGER)
}

/// What went wrong, by what helps against it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The next pass may fare better: a full disk, a time-out, a busy service.
    #[error("{0}")]
    Passing(String),
    /// Only a person can help: a wrong path, a missing program, a refused token.
    #[error("{0}")]
    Refused(String),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { how: error.to_string(), may_come_late: matches!(error, Error::Passing(_)) }
    }
}

impl From<http::Error> for Error {
    fn from(error: http::Error) -> Self {
        if error.is_passing() {
            Self::Passing(error.to_string())
        } else {
            Self::Refused(error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_provider_is_among_the_names() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("redundancy.toml");
        std::fs::write(&file, "[controller]\n").unwrap();
        let project = crate::config::load(&file).unwrap().project;
        let all = super::all(&super::as_possible(&project));
        let mut names: Vec<&str> = all.iter().map(|it| it.name().as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, super::NAMES);
    }
}
