//! Watching workflows run: what GitHub tells of their runs, asked for again and again in the
//! background, so that whoever looks never waits for GitHub twice.

mod poll;
mod repository;
mod runs;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

pub(super) use self::poll::{Seen, Workflow};
use super::api::{Client, Error as ApiError, Repository, RunId, WorkflowId};
use crate::http::limits;
use crate::{
    config::{Project, model as config},
    core::{
        job::{Run, Verdict},
        span::after,
    },
    provider::{Error, files::read::relative, polled::Polled},
};

/// How long a run that was asked for may take to show.
const SHOWS_WITHIN: Duration = Duration::from_mins(10);

/// What is asked for the files whose runs matter, and by whom.
type Asking = (Polled<BTreeSet<String>, Seen>, Arc<Client>);

/// The runs of the workflows of a project.
#[derive(Debug, Clone)]
pub(super) struct Watching {
    polled: Result<Asking, String>,
    config: config::Github,
    /// Where the project is in its repository, with a `/` at the end where it is not at the top.
    place: String,
    pending: Arc<Mutex<Pending>>,
}

/// What was asked for and has not shown yet.
#[derive(Debug, Default)]
struct Pending {
    /// When a run of a workflow was asked for.
    asked: BTreeMap<WorkflowId, Timestamp>,
    /// When a run was run again, and its attempt before.
    again: BTreeMap<u64, (u32, Timestamp)>,
}

impl Pending {
    /// Forgets what has shown.
    fn forget(&mut self, seen: &Seen) {
        self.asked.retain(|id, at| !has_shown(seen, *id, *at));
        self.again.retain(|run, (attempt, _)| attempts(seen, *run) <= Some(*attempt));
    }
}

impl Watching {
    /// The runs of the workflows of `project`. Sends nothing yet.
    pub(super) fn new(project: &Project) -> Self {
        let config = &project.config.github;
        let pending = Arc::<Mutex<Pending>>::default();
        let polled = client(project).map(|client| {
            let client = Arc::new(client);
            (polled(Arc::clone(&client), config, Arc::clone(&pending)), client)
        });
        Self { polled, config: config.clone(), place: place(&project.root), pending }
    }

    /// Whether it looks at the same as `other`, in the same way.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (&self.config, &self.place, self.repository())
            == (&other.config, &other.place, other.repository())
    }

    /// The repository that it looks at, where it can.
    fn repository(&self) -> Option<&Repository> {
        self.polled.as_ref().ok().map(|(_, client)| client.repository())
    }

    /// What speaks to GitHub, or why nothing can.
    pub(super) fn speaks_by(&self) -> Result<Arc<Client>, String> {
        self.polled.as_ref().map(|(_, client)| Arc::clone(client)).map_err(Clone::clone)
    }

    /// What is left of this hour's requests, if an answer has told.
    pub(super) fn budget(&self, now: Timestamp) -> Option<limits::Budget> {
        self.polled.as_ref().ok()?.1.budget(now)
    }

    /// How GitHub calls the file that is at `path` in the project.
    pub(super) fn at_github(&self, path: &str) -> String {
        format!("{}{path}", self.place)
    }

    /// What GitHub knows of the workflow files at the paths `wanted`, or why that is not known. Waits
    /// for it only the first time, and not beyond `deadline`.
    pub(super) async fn look(
        &self,
        wanted: BTreeSet<String>,
        deadline: Instant,
    ) -> Result<Arc<Seen>, String> {
        let (polled, _) = self.polled.as_ref().map_err(Clone::clone)?;
        if wanted.is_empty() {
            return Ok(Arc::default());
        }
        polled.look(wanted, |before, wanted| !wanted.is_subset(before), deadline).await
    }

    /// Resolves when GitHub has told something new.
    pub(super) async fn woken(&self) {
        match &self.polled {
            Ok((polled, _)) => polled.woken().await,
            Err(_) => std::future::pending().await,
        }
    }

    /// The runs of a workflow, with what was asked for and has not shown yet.
    pub(super) fn runs(&self, workflow: &Workflow, now: Timestamp) -> Vec<Run> {
        let pending = self.pending();
        let is_due = |at: Timestamp| at <= now && now < after(at, SHOWS_WITHIN);
        let verdict = Verdict::Active { how: "has been asked for".to_owned(), working: false };
        let mut runs = workflow.runs.clone();
        for run in &mut runs {
            if let Some((attempt, at)) = pending.again.get(&run.number).copied()
                && is_due(at)
                && run.attempt == attempt
            {
                let attempt = attempt.saturating_add(1);
                *run = Run { attempt, begun: at, verdict: verdict.clone(), ..run.clone() };
            }
        }
        if let Some(at) = pending.asked.get(&workflow.id).copied().filter(|at| is_due(*at)) {
            let (number, attempt, planned) = (0, 1, false);
            runs.push(Run {
                number,
                attempt,
                planned,
                created: at,
                begun: at,
                changed: at,
                verdict,
            });
        }
        runs
    }

    /// Runs the failed jobs of the last run of the workflow at `path` again.
    pub(super) async fn run_again(&self, path: &str) -> Result<(), Error> {
        let (polled, client) = self.polled()?;
        let known = polled.known();
        let runs = known.workflows.get(path).map(|it| it.runs.as_slice()).unwrap_or_default();
        let Some(run) = runs.iter().find(|it| it.verdict != Verdict::None) else {
            return Err(Error::Passing(format!("GitHub knows no run of {path} yet")));
        };
        let at = Timestamp::now();
        let done = client.rerun_failed_jobs(RunId(run.number)).await;
        polled.look_soon();
        done?;
        self.pending().again.insert(run.number, (run.attempt, at));
        Ok(())
    }

    /// Starts a workflow.
    pub(super) async fn start(
        &self,
        path: &str,
        inputs: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let (polled, client) = self.polled()?;
        let (known, id) = self.known(path)?;
        let at = Timestamp::now();
        let done = client.dispatch(id, &known.branch, inputs).await;
        // Where only the answer was lost, it may have begun: to start it twice is worse than to wait
        // whether it shows.
        if done.as_ref().map_or_else(ApiError::may_be_done, |_| true) {
            self.pending().asked.insert(id, at);
        }
        polled.look_soon();
        Ok(done.map(drop)?)
    }

    /// Turns a workflow on.
    pub(super) async fn enable(&self, path: &str) -> Result<(), Error> {
        let (polled, client) = self.polled()?;
        let (_, id) = self.known(path)?;
        let done = client.enable(id).await;
        polled.look_soon();
        Ok(done?)
    }

    fn polled(&self) -> Result<&Asking, Error> {
        self.polled.as_ref().map_err(|why| Error::Refused(why.clone()))
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        locked(&self.pending)
    }

    /// What was known last, and the workflow at `path`.
    fn known(&self, path: &str) -> Result<(Arc<Seen>, WorkflowId), Error> {
        let known = self.polled()?.0.known();
        let id = known.workflows.get(path).map(|it| it.id);
        let id = id.ok_or_else(|| Error::Passing(format!("GitHub does not know {path} yet")))?;
        Ok((known, id))
    }
}

fn locked(pending: &Mutex<Pending>) -> MutexGuard<'_, Pending> {
    // Nothing in here can be left half-done by a panic.
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

fn polled(
    client: Arc<Client>,
    config: &config::Github,
    pending: Arc<Mutex<Pending>>,
) -> Polled<BTreeSet<String>, Seen> {
    Polled::new("GitHub", config.poll_every.0, move |before, wanted| {
        let (client, pending) = (Arc::clone(&client), Arc::clone(&pending));
        Box::pin(async move {
            let seen = poll::poll(&client, &before, &wanted, Timestamp::now()).await;
            let seen = seen.map_err(|error| error.to_string())?;
            locked(&pending).forget(&seen);
            Ok(seen)
        })
    })
}

fn place(root: &std::path::Path) -> String {
    let place = relative(&repository::place(root));
    if place.is_empty() { place } else { place + "/" }
}

fn client(project: &Project) -> Result<Client, String> {
    let config = &project.config.github;
    let token = repository::token(config)?;
    let repository = repository::of(project)?;
    Client::new(&config.api_url, Some(token), repository).map_err(|error| error.to_string())
}

/// Whether the run of `id` that was asked for at `at` is among those seen. GitHub's clock may be a
/// little behind.
fn has_shown(seen: &Seen, id: WorkflowId, at: Timestamp) -> bool {
    let slow = jiff::SignedDuration::from_mins(1);
    let workflow = seen.workflows.values().find(|it| it.id == id);
    workflow.is_some_and(|it| it.runs.iter().any(|it| !it.planned && it.created >= at - slow))
}

/// Which attempt of a run was seen, if any.
fn attempts(seen: &Seen, run: u64) -> Option<u32> {
    let mut runs = seen.workflows.values().flat_map(|it| &it.runs);
    runs.find(|it| it.number == run).map(|it| it.attempt)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn another_repository_of_the_checkout_is_something_else_to_look_at() {
        let dir = tempfile::tempdir().unwrap();
        // Whatever is in that variable is sent nowhere.
        let (config, _) = crate::config::parse("[github]\ntoken_env = 'PATH'\n").unwrap();
        let project = Project { root: dir.path().to_owned(), config };
        let come_from = |url: &str| {
            fs::create_dir_all(dir.path().join(".git")).unwrap();
            let config = format!("[remote \"origin\"]\n\turl = {url}\n");
            fs::write(dir.path().join(".git/config"), config).unwrap();
            Watching::new(&project)
        };
        let nowhere = Watching::new(&project);
        let (one, other) =
            (come_from("https://github.com/a/one"), come_from("https://github.com/a/other"));
        assert!(!nowhere.is_like(&one) && !one.is_like(&other));
        assert!(other.is_like(&Watching::new(&project)));
    }
}
