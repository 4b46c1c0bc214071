//! One look at GitHub: which workflows it knows, and their runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    super::api::{Client, Error, WorkflowId},
    runs,
};
use crate::core::{
    job::{By, Run, Verdict},
    span::signed,
};

/// How far back the one question for the runs of all workflows goes. What is older is asked for
/// workflow by workflow, once.
const RECENT: Duration = Duration::from_hours(3);

/// The same, the first time: what runs each day is in it.
const FIRST: Duration = Duration::from_hours(26);

/// After so long a workflow is asked for by itself again: somebody may have tried an old run again.
const REFRESH: Duration = Duration::from_hours(1);

/// How many runs of one workflow are looked at.
const RUNS_OF_ONE: u8 = 30;

/// The event of a run that a schedule began.
pub(super) const SCHEDULE: &str = "schedule";

/// How many runs of one workflow are remembered.
const MOST_RUNS: usize = 200;

/// What GitHub knows of one workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Workflow {
    /// Its name in the API.
    pub(in super::super) id: WorkflowId,
    /// Who disabled it, if it is.
    pub(in super::super) disabled: Option<By>,
    /// When it came to be or was last switched.
    pub(in super::super) since: Timestamp,
    /// Its runs, the latest first.
    pub(in super::super) runs: Vec<Run>,
    /// When it was asked for by itself.
    asked: Option<Timestamp>,
}

/// What GitHub knows of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Seen {
    /// The branch whose schedules run.
    pub(in super::super) branch: String,
    /// When that was asked for.
    branch_asked: Option<Timestamp>,
    /// The workflows, by the path of their file.
    pub(in super::super) workflows: BTreeMap<String, Workflow>,
}

/// Looks at GitHub. `before` is what was seen the last time; `wanted` are the paths of the files
/// whose runs matter.
pub(super) async fn poll(
    client: &Client,
    before: &Seen,
    wanted: &BTreeSet<String>,
    now: Timestamp,
) -> Result<Seen, Error> {
    // Each answer that has not changed since the last time costs nothing.
    let mut seen = match before.branch_asked {
        Some(asked) if is_fresh(asked, now) => {
            let (branch, branch_asked) = (before.branch.clone(), before.branch_asked);
            Seen { branch, branch_asked, ..Seen::default() }
        }
        _ => {
            let branch = client.about().await?.default_branch;
            Seen { branch, branch_asked: Some(now), ..Seen::default() }
        }
    };
    for workflow in client.workflows().await?.items {
        if workflow.state == super::super::api::State::Deleted {
            continue;
        }
        let known = before.workflows.get(&workflow.path).filter(|it| it.id == workflow.id);
        let fresh = Workflow {
            id: workflow.id,
            disabled: runs::disabled(&workflow.state),
            since: workflow.created_at.max(workflow.updated_at),
            runs: known.map(|it| it.runs.clone()).unwrap_or_default(),
            asked: known.and_then(|it| it.asked),
        };
        seen.workflows.insert(workflow.path, fresh);
    }
    let begun = now - if before.workflows.is_empty() { FIRST } else { RECENT };
    let recent = client.runs(&seen.branch, begun).await?;
    for run in &recent.items {
        let workflow = seen.workflows.values_mut().find(|it| it.id == run.workflow_id);
        if let (Some(workflow), Some(run)) = (workflow, runs::read(run)) {
            workflow.note(run);
        }
    }
    for path in wanted {
        let branch = seen.branch.clone();
        let Some(workflow) = seen.workflows.get_mut(path) else { continue };
        if recent.complete && workflow.is_known(begun, now) {
            continue;
        }
        let mut asked = client.runs_of(workflow.id, &branch, RUNS_OF_ONE).await?;
        if asked.len() == usize::from(RUNS_OF_ONE) && !asked.iter().any(|it| it.event == SCHEDULE) {
            // Much else begins it, and what its schedule began is further back.
            let planned = client.runs_of_event(workflow.id, &branch, SCHEDULE, RUNS_OF_ONE).await?;
            asked.extend(planned);
        }
        for run in asked.iter().filter_map(runs::read) {
            workflow.note(run);
        }
        workflow.asked = Some(now);
    }
    Ok(seen)
}

impl Workflow {
    /// Notes a run, in place of what was known of it.
    fn note(&mut self, run: Run) {
        self.runs.retain(|it| it.number != run.number);
        let at =
            self.runs.partition_point(|it| (it.created, it.number) > (run.created, run.number));
        self.runs.insert(at, run);
        self.runs.truncate(MOST_RUNS);
    }

    /// Whether the question for the runs of all since `begun` has told all that matters of it.
    fn is_known(&self, begun: Timestamp, now: Timestamp) -> bool {
        match self.asked {
            // The last time that its schedule worked is known, and all that happened since.
            None => self.runs.iter().any(|it| it.planned && it.verdict == Verdict::Success),
            Some(asked) => {
                // What is older and may still change is in no answer to that question.
                let last = self.runs.iter().find(|it| it.verdict != Verdict::None);
                let open =
                    last.is_some_and(|it| it.created < begun && it.verdict != Verdict::Success);
                !open && is_fresh(asked, now)
            }
        }
    }
}

/// Whether what was asked for then needs no asking yet.
fn is_fresh(asked: Timestamp, now: Timestamp) -> bool {
    now.duration_since(asked).abs() < signed(REFRESH)
}
