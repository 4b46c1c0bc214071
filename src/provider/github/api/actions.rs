//! Workflows and their runs: <https://docs.github.com/en/rest/actions>.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::json;

use super::{
    Client, Error, Listed,
    words::{Conclusion, State, Status},
};
use crate::http::{
    pages::{self, Page},
    transport::Call,
};

const READ: &str = "the permission Actions: read (a classic token: repo)";
const WRITE: &str = "the permission Actions: write (a classic token: repo)";
const METADATA: &str = "the permission Metadata: read (a classic token: repo)";

/// The name of a workflow in the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct WorkflowId(pub u64);

/// The name of a run in the API. A run that is run again keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub u64);

/// What matters of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct About {
    /// The only branch whose schedules run.
    pub default_branch: String,
    /// Whether it can only be read.
    #[serde(default)]
    pub archived: bool,
    /// Whether it is a fork.
    #[serde(default)]
    pub fork: bool,
    /// Whether only some people see it.
    #[serde(default)]
    pub private: bool,
}

/// A workflow that GitHub knows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Workflow {
    /// Its name in the API.
    pub id: WorkflowId,
    /// Its name for people: not always one of a kind.
    pub name: String,
    /// Its file, from the root of the repository.
    pub path: String,
    /// Whether it runs when its time comes.
    pub state: State,
    /// When GitHub began to know it.
    pub created_at: Timestamp,
    /// When it was turned on or off last, or renamed.
    pub updated_at: Timestamp,
}

/// A run of a workflow: its last attempt.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Run {
    /// Its name in the API.
    pub id: RunId,
    /// Whose run it is.
    pub workflow_id: WorkflowId,
    /// 1, and one more each time that it is run again.
    #[serde(default = "first")]
    pub run_attempt: u32,
    /// What started it: `schedule`, `push`, `workflow_dispatch`.
    pub event: String,
    /// How far it is. GitHub may not know yet.
    #[serde(default)]
    pub status: Option<Status>,
    /// How it ended, if it has.
    #[serde(default)]
    pub conclusion: Option<Conclusion>,
    /// The branch it is of.
    #[serde(default)]
    pub head_branch: Option<String>,
    /// The commit it is of.
    pub head_sha: String,
    /// When its first attempt was asked for.
    pub created_at: Timestamp,
    /// When this attempt began.
    #[serde(default)]
    pub run_started_at: Option<Timestamp>,
    /// When something of it changed last; of one that has ended, when that was.
    pub updated_at: Timestamp,
    /// Where a person sees it.
    pub html_url: String,
}

fn first() -> u32 {
    1
}

#[derive(Deserialize)]
struct Workflows {
    workflows: Vec<Workflow>,
}

impl Page for Workflows {
    type Item = Workflow;

    fn items(self) -> Vec<Workflow> {
        self.workflows
    }
}

#[derive(Deserialize)]
struct Runs {
    workflow_runs: Vec<Run>,
}

impl Page for Runs {
    type Item = Run;

    fn items(self) -> Vec<Run> {
        self.workflow_runs
    }
}

impl Client {
    /// What matters of the repository.
    pub async fn about(&self) -> Result<About, Error> {
        let task = format!("look at {}", self.repository());
        Ok(self.transport.get(&Call::ask(self.url(&[]), task, METADATA)).await?.0)
    }

    /// Every workflow of the repository, also of files that are gone.
    pub async fn workflows(&self) -> Result<Listed<Workflow>, Error> {
        let mut url = self.url(&["actions", "workflows"]);
        url.query_pairs_mut().append_pair("per_page", "100");
        let task = format!("list the workflows of {}", self.repository());
        pages::all::<Workflows, _>(&self.transport, Call::ask(url, task, READ), |it| it.id.0).await
    }

    /// The runs of all workflows on `branch` since the beginning of the hour of `since`, the newest
    /// first. A fork's pull request from a branch of that name is among them: `event` tells.
    ///
    /// Whole hours, so that the question stays the same for an hour, and its answer mostly free.
    pub async fn runs(&self, branch: &str, since: Timestamp) -> Result<Listed<Run>, Error> {
        let mut url = self.url(&["actions", "runs"]);
        let hour = since.as_second() - since.as_second().rem_euclid(3600);
        let since = Timestamp::from_second(hour).unwrap_or(since);
        runs_on(&mut url, branch, 100);
        url.query_pairs_mut().append_pair("created", &format!(">={since}"));
        let task = format!("list the runs of {}", self.repository());
        pages::all::<Runs, _>(&self.transport, Call::ask(url, task, READ), |it| it.id.0).await
    }

    /// The last runs of one workflow on `branch`, however old, the newest first: `most` of them, at
    /// most 100. A fork's pull request from a branch of that name is among them.
    pub async fn runs_of(
        &self,
        workflow: WorkflowId,
        branch: &str,
        most: u8,
    ) -> Result<Vec<Run>, Error> {
        self.last_runs(workflow, branch, None, most).await
    }

    /// As [`Self::runs_of`], but only those that `event` started: `schedule`, `workflow_dispatch`.
    pub async fn runs_of_event(
        &self,
        workflow: WorkflowId,
        branch: &str,
        event: &str,
        most: u8,
    ) -> Result<Vec<Run>, Error> {
        self.last_runs(workflow, branch, Some(event), most).await
    }

    async fn last_runs(
        &self,
        workflow: WorkflowId,
        branch: &str,
        event: Option<&str>,
        most: u8,
    ) -> Result<Vec<Run>, Error> {
        let mut url = self.url(&["actions", "workflows", &workflow.0.to_string(), "runs"]);
        runs_on(&mut url, branch, most.clamp(1, 100));
        if let Some(event) = event {
            url.query_pairs_mut().append_pair("event", event);
        }
        let task = format!("list the runs of workflow {} of {}", workflow.0, self.repository());
        let (page, _) = self.transport.get::<Runs>(&Call::ask(url, task, READ)).await?;
        Ok(page.workflow_runs)
    }

    /// Runs the failed jobs of a run again, and what depends on them.
    pub async fn rerun_failed_jobs(&self, run: RunId) -> Result<(), Error> {
        let url = self.url(&["actions", "runs", &run.0.to_string(), "rerun-failed-jobs"]);
        let task = format!("run the failed jobs of run {} of {} again", run.0, self.repository());
        self.transport.change(&Call::change(Method::POST, url, None, task, WRITE)).await.map(drop)
    }

    /// Starts a workflow by hand. The run that began, where GitHub says which: GitHub Enterprise
    /// Server does not.
    pub async fn dispatch(
        &self,
        workflow: WorkflowId,
        branch: &str,
        inputs: &BTreeMap<String, String>,
    ) -> Result<Option<RunId>, Error> {
        #[derive(Deserialize)]
        struct Began {
            workflow_run_id: RunId,
        }
        let url = self.url(&["actions", "workflows", &workflow.0.to_string(), "dispatches"]);
        let mut body = json!({ "ref": branch });
        if !inputs.is_empty() {
            body["inputs"] = json!(inputs);
        }
        // Server refuses fields that it doesn't know.
        if !self.is_enterprise() {
            body["return_run_details"] = json!(true);
        }
        let task = format!("dispatch workflow {} of {}", workflow.0, self.repository());
        let call = Call::change(Method::POST, url, Some(body), task, WRITE);
        let answer = self.transport.change(&call).await?;
        if answer.status == 204 {
            return Ok(None);
        }
        // It has begun, whatever the answer looks like.
        Ok(serde_json::from_slice(&answer.body).ok().map(|it: Began| it.workflow_run_id))
    }

    /// Turns a workflow on that is turned off.
    pub async fn enable(&self, workflow: WorkflowId) -> Result<(), Error> {
        let url = self.url(&["actions", "workflows", &workflow.0.to_string(), "enable"]);
        let task = format!("enable workflow {} of {}", workflow.0, self.repository());
        self.transport.change(&Call::change(Method::PUT, url, None, task, WRITE)).await.map(drop)
    }
}

fn runs_on(url: &mut Url, branch: &str, most: u8) {
    // What is excluded is the list of pull requests within each run, not the run.
    url.query_pairs_mut()
        .append_pair("branch", branch)
        .append_pair("exclude_pull_requests", "true")
        .append_pair("per_page", &most.to_string());
}
