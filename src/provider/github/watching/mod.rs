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
use tokio::{sync::Notify, time::Instant};

pub(super) use self::poll::{Seen, Workflow};
use super::api::{Client, RunId, WorkflowId};
use crate::{
    config::{Project, model as config},
    core::{
        job::{Run, Verdict},
        span::after,
    },
    provider::{Error, files::read::relative},
};

/// How long whoever looks for the first time waits for GitHub.
pub(super) const PATIENCE: Duration = Duration::from_secs(25);

/// How soon GitHub is asked again after something was changed there: a run takes a while to show.
const SOON: Duration = Duration::from_secs(5);

/// How long a run that was asked for may take to show.
const SHOWS_WITHIN: Duration = Duration::from_mins(10);

/// The runs of the workflows of a project.
#[derive(Debug, Clone)]
pub(super) struct Watching {
    client: Result<Arc<Client>, String>,
    config: config::Github,
    /// Where the project is in its repository, with a `/` at the end where it is not at the top.
    place: String,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something new.
    news: Notify,
    /// A look has ended.
    done: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// What was seen last, or why nothing could be.
    seen: Option<Result<Arc<Seen>, String>>,
    /// The same, from when something could be seen last.
    known: Arc<Seen>,
    /// The files whose runs matter.
    wanted: BTreeSet<String>,
    /// When to look again.
    due: Option<Instant>,
    looking: bool,
    /// When a run of a workflow was asked for that has not shown yet.
    asked: BTreeMap<WorkflowId, Timestamp>,
    /// When a run was run again, and its attempt before: the next one has not shown yet.
    again: BTreeMap<u64, (u32, Timestamp)>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can be left half-done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watching {
    /// The runs of the workflows of `project`. Sends nothing yet.
    pub(super) fn new(project: &Project) -> Self {
        let config = &project.config.github;
        Self {
            client: client(project).map(Arc::new),
            config: config.clone(),
            place: place(&project.root),
            shared: Arc::default(),
        }
    }

    /// Whether it looks at the same as `other`, in the same way.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (&self.config, &self.place) == (&other.config, &other.place)
    }

    /// What speaks to GitHub, or why nothing can.
    pub(super) fn speaks_by(&self) -> Result<Arc<Client>, String> {
        self.client.clone()
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
        let client = self.client.clone()?;
        if wanted.is_empty() {
            return Ok(Arc::default());
        }
        {
            let mut state = self.shared.state();
            if !wanted.is_subset(&state.wanted) {
                state.due = None;
            }
            state.wanted = wanted;
        }
        loop {
            let done = self.shared.done.notified();
            self.look_if_due(&client);
            if let Some(seen) = self.shared.state().seen.clone() {
                return seen;
            }
            if tokio::time::timeout_at(deadline, done).await.is_err() {
                return Err(slow());
            }
        }
    }

    /// Begins a look in the background, if it is time and none goes on.
    fn look_if_due(&self, client: &Arc<Client>) {
        let (before, wanted) = {
            let mut state = self.shared.state();
            let due = state.due.is_none_or(|due| due <= Instant::now());
            if state.looking || !due {
                return;
            }
            state.looking = true;
            (Arc::clone(&state.known), state.wanted.clone())
        };
        let (client, every) = (Arc::clone(client), self.config.poll_every.0);
        let mut end = End { shared: Arc::clone(&self.shared), wanted, every, seen: None };
        tokio::spawn(async move {
            let seen = poll::poll(&client, &before, &end.wanted, Timestamp::now()).await;
            end.seen = Some(seen.map(Arc::new).map_err(|error| error.to_string()));
            drop(end);
        });
    }

    /// Resolves when GitHub has told something new.
    pub(super) async fn woken(&self) {
        let Ok(client) = &self.client else { return std::future::pending().await };
        loop {
            let due = {
                let state = self.shared.state();
                // Nobody has looked yet, so nothing can be new.
                let idle = state.wanted.is_empty() || state.looking;
                state.due.filter(|_| !idle)
            };
            tokio::select! {
                () = self.shared.news.notified() => return,
                () = self.shared.done.notified() => {}
                () = sleep_until(due) => self.look_if_due(client),
            }
        }
    }

    /// The runs of a workflow, with what was asked for and has not shown yet.
    pub(super) fn runs(&self, workflow: &Workflow, now: Timestamp) -> Vec<Run> {
        let state = self.shared.state();
        let is_due = |at: Timestamp| at <= now && now < after(at, SHOWS_WITHIN);
        let verdict = Verdict::Active { how: "has been asked for".to_owned(), working: false };
        let mut runs = workflow.runs.clone();
        for run in &mut runs {
            if let Some((attempt, at)) = state.again.get(&run.number).copied()
                && is_due(at)
                && run.attempt == attempt
            {
                let attempt = attempt.saturating_add(1);
                *run = Run { attempt, begun: at, verdict: verdict.clone(), ..run.clone() };
            }
        }
        if let Some(at) = state.asked.get(&workflow.id).copied().filter(|at| is_due(*at)) {
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
        let known = Arc::clone(&self.shared.state().known);
        let runs = known.workflows.get(path).map(|it| it.runs.as_slice()).unwrap_or_default();
        let Some(run) = runs.iter().find(|it| it.verdict != Verdict::None) else {
            return Err(Error::Passing(format!("GitHub knows no run of {path} yet")));
        };
        let at = Timestamp::now();
        let done = self.client()?.rerun_failed_jobs(RunId(run.number)).await;
        self.look_soon();
        done?;
        self.shared.state().again.insert(run.number, (run.attempt, at));
        Ok(())
    }

    /// Starts a workflow.
    pub(super) async fn start(
        &self,
        path: &str,
        inputs: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let (known, id) = self.known(path)?;
        let at = Timestamp::now();
        self.client()?.dispatch(id, &known.branch, inputs).await?;
        self.shared.state().asked.insert(id, at);
        self.look_soon();
        Ok(())
    }

    /// Turns a workflow on.
    pub(super) async fn enable(&self, path: &str) -> Result<(), Error> {
        let (_, id) = self.known(path)?;
        let done = self.client()?.enable(id).await;
        self.look_soon();
        Ok(done?)
    }

    fn client(&self) -> Result<&Arc<Client>, Error> {
        self.client.as_ref().map_err(|why| Error::Refused(why.clone()))
    }

    /// What was known last, and the workflow at `path`.
    fn known(&self, path: &str) -> Result<(Arc<Seen>, WorkflowId), Error> {
        let known = Arc::clone(&self.shared.state().known);
        let id = known.workflows.get(path).map(|it| it.id);
        let id = id.ok_or_else(|| Error::Passing(format!("GitHub does not know {path} yet")))?;
        Ok((known, id))
    }

    fn look_soon(&self) {
        self.shared.state().due = Some(Instant::now() + SOON.min(self.config.poll_every.0));
    }
}

/// Why nothing is known yet.
pub(super) fn slow() -> String {
    "GitHub is being asked and has not answered yet".to_owned()
}

fn place(root: &std::path::Path) -> String {
    let place = relative(&repository::place(root));
    if place.is_empty() { place } else { place + "/" }
}

/// The end of a look, however it ends: what was seen is noted when this is dropped.
struct End {
    shared: Arc<Shared>,
    wanted: BTreeSet<String>,
    every: Duration,
    seen: Option<Result<Arc<Seen>, String>>,
}

impl Drop for End {
    fn drop(&mut self) {
        let broken_off = || Err("the last look at GitHub broke off".to_owned());
        let seen = self.seen.take().unwrap_or_else(broken_off);
        let mut state = self.shared.state();
        if let Ok(seen) = &seen {
            state.known = Arc::clone(seen);
            state.asked.retain(|id, at| !has_shown(seen, *id, *at));
            state.again.retain(|run, (attempt, _)| attempts(seen, *run) <= Some(*attempt));
        }
        let is_new = state.seen.as_ref() != Some(&seen);
        state.seen = Some(seen);
        state.looking = false;
        // What was asked for while GitHub was asked is asked for at once.
        state.due = (self.wanted == state.wanted).then(|| Instant::now() + self.every);
        drop(state);
        self.shared.done.notify_waiters();
        if is_new {
            self.shared.news.notify_one();
        }
    }
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

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
