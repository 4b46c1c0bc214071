//! What the repository is like, and what happened.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Fault, Reply, Request, TOKEN, git::Git, pulls::Pull, routes};

/// All permissions of a fine-grained token that anything here takes.
const ALL: [&str; 5] =
    ["metadata:read", "actions:write", "contents:write", "workflows:write", "pull_requests:write"];

pub(crate) struct World {
    /// Where people reach it: what stands in links.
    pub(crate) public: String,
    /// Whether it is GitHub Enterprise Server, at `/api/v3`.
    pub(crate) enterprise: bool,
    pub(crate) default_branch: String,
    pub(crate) archived: bool,
    /// GitHub's clock, as far as runs are concerned. It goes on only when a test says so.
    pub(crate) now: Timestamp,
    pub(crate) workflows: Vec<Workflow>,
    pub(crate) runs: Vec<Run>,
    pub(crate) git: Git,
    pub(crate) pulls: Vec<Pull>,
    /// What each token may do.
    pub(crate) tokens: BTreeMap<String, BTreeSet<String>>,
    pub(crate) hour: Option<Hour>,
    /// The longest page, whatever is asked for.
    pub(crate) page: usize,
    /// How the next runs of a workflow end that are started by an API; none: they wait.
    pub(crate) outcomes: BTreeMap<u64, VecDeque<String>>,
    /// Of how many dispatches from now on the answer is lost, though they are made.
    pub(crate) loses_starts: usize,
    pub(super) last_id: u64,
}

/// The requests that an hour has, for `x-ratelimit`.
#[derive(Clone, Copy)]
pub(crate) struct Hour {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// By the clock of this machine.
    pub(crate) reset: Timestamp,
}

pub(crate) struct Workflow {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) state: String,
    /// The inputs of its `workflow_dispatch`, if it has that.
    pub(crate) dispatch: Option<Vec<Input>>,
}

#[derive(Clone)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) required: bool,
}

#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) workflow: u64,
    pub(crate) attempt: u32,
    pub(crate) event: String,
    pub(crate) status: String,
    pub(crate) conclusion: Option<String>,
    pub(crate) branch: String,
    pub(crate) created: Timestamp,
    pub(crate) started: Timestamp,
    pub(crate) updated: Timestamp,
    /// What it was dispatched with.
    pub(crate) inputs: BTreeMap<String, String>,
}

impl World {
    pub(super) fn new(public: &str) -> Self {
        let mut world = Self {
            public: public.to_owned(),
            enterprise: false,
            default_branch: "main".to_owned(),
            archived: false,
            now: "2026-03-02T12:00:00Z".parse().unwrap(),
            workflows: Vec::new(),
            runs: Vec::new(),
            git: Git::default(),
            pulls: Vec::new(),
            tokens: BTreeMap::new(),
            hour: Some(Hour {
                limit: 5000,
                remaining: 4990,
                reset: Timestamp::now() + SignedDuration::from_mins(40),
            }),
            page: 100,
            outcomes: BTreeMap::new(),
            loses_starts: 0,
            last_id: 1000,
        };
        world.allow(TOKEN, &ALL);
        world.push("main", &[("README.md", Some("An app.\n"))], "Begin");
        world
    }

    /// Gives a token these permissions, and no others.
    pub(crate) fn allow(&mut self, token: &str, permissions: &[&str]) {
        let permissions = permissions.iter().map(|it| (*it).to_owned()).collect();
        self.tokens.insert(token.to_owned(), permissions);
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// A workflow that can be dispatched, without inputs. Its id.
    pub(crate) fn add_workflow(&mut self, name: &str, path: &str) -> u64 {
        let id = self.next_id();
        self.workflows.push(Workflow {
            id,
            name: name.to_owned(),
            path: path.to_owned(),
            state: "active".to_owned(),
            dispatch: Some(Vec::new()),
        });
        id
    }

    pub(crate) fn workflow(&mut self, id: u64) -> &mut Workflow {
        self.workflows.iter_mut().find(|it| it.id == id).unwrap()
    }

    pub(crate) fn set_state(&mut self, workflow: u64, state: &str) {
        state.clone_into(&mut self.workflow(workflow).state);
    }

    /// A run on the default branch that waits since `at`. Its id.
    pub(crate) fn add_run(&mut self, workflow: u64, event: &str, at: Timestamp) -> u64 {
        let id = self.next_id();
        self.runs.push(Run {
            id,
            workflow,
            attempt: 1,
            event: event.to_owned(),
            status: "queued".to_owned(),
            conclusion: None,
            branch: self.default_branch.clone(),
            created: at,
            started: at,
            updated: at,
            inputs: BTreeMap::new(),
        });
        id
    }

    pub(crate) fn run(&mut self, id: u64) -> &mut Run {
        self.runs.iter_mut().find(|it| it.id == id).unwrap()
    }

    /// Ends a run.
    pub(crate) fn complete(&mut self, run: u64, conclusion: &str, at: Timestamp) {
        let run = self.run(run);
        "completed".clone_into(&mut run.status);
        run.conclusion = Some(conclusion.to_owned());
        run.updated = at;
    }

    /// Ends a run that was just started by the API, if the test has said how.
    pub(super) fn play(&mut self, run: u64) {
        let (workflow, now) = (self.run(run).workflow, self.now);
        if let Some(end) = self.outcomes.get_mut(&workflow).and_then(VecDeque::pop_front) {
            self.complete(run, &end, now);
        }
    }
}

impl crate::server::World for World {
    fn fault(&mut self, request: &Request) -> Option<Fault> {
        if !request.target.ends_with("/dispatches") {
            return None;
        }
        self.loses_starts = self.loses_starts.checked_sub(1)?;
        routes::answer(self, request);
        Some(Fault::Reset)
    }

    /// What it is about, and what GitHub does with every answer.
    fn answer(&mut self, request: &Request) -> Reply {
        let reply = match &self.hour {
            Some(hour) if hour.remaining == 0 && Timestamp::now() < hour.reset => {
                Reply::error(403, "API rate limit exceeded for user ID 1.")
            }
            _ => routes::answer(self, request),
        };
        let mut reply = reply.or_unchanged(request);
        if let Some(hour) = &mut self.hour {
            if reply.status != 304 {
                hour.remaining = hour.remaining.saturating_sub(1);
            }
            reply.headers.push(("x-ratelimit-limit", hour.limit.to_string()));
            reply.headers.push(("x-ratelimit-remaining", hour.remaining.to_string()));
            reply.headers.push(("x-ratelimit-reset", hour.reset.as_second().to_string()));
        }
        reply
    }
}

impl Reply {
    /// GitHub's form of an error.
    pub(super) fn error(status: u16, message: &str) -> Self {
        let docs = "https://docs.github.com/rest";
        Self::json(status, json!({ "message": message, "documentation_url": docs }))
    }
}
