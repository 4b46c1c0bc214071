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

/// How far back the one question for the runs of all workflows goes at least. What is older is asked
/// for workflow by workflow.
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
    /// Whether there are more workflows than were read.
    cut: bool,
}

impl Seen {
    /// Why nothing can be said of the workflow file at `path`, if that is so.
    pub(in super::super) fn why_unseen(&self, path: &str) -> Option<String> {
        match self.workflows.get(path) {
            Some(workflow) if workflow.is_told() => None,
            Some(_) => Some(format!("GitHub is being asked for the runs of {path}")),
            None if self.cut => {
                let read = self.workflows.len();
                Some(format!(
                    "GitHub has more workflows than are read ({read}), and {path} may be one"
                ))
            }
            None => None,
        }
    }

    /// Since when there may be runs that this does not know of: also those that began while GitHub could
    /// not be asked.
    fn unknown_since(&self, now: Timestamp) -> Timestamp {
        match self.branch_asked {
            Some(asked) if !self.workflows.is_empty() => (now - RECENT).min(asked),
            _ => now - FIRST,
        }
    }
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
    let workflows = client.workflows().await?;
    seen.cut = !workflows.complete;
    for workflow in workflows.items {
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
    let begun = before.unknown_since(now);
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
        // What is older and may still change is in no answer to that question.
        let is_active = |it: &Run| matches!(it.verdict, Verdict::Active { .. });
        let last = self.runs.iter().find(|it| it.verdict != Verdict::None);
        let open = last.into_iter().filter(|it| it.verdict != Verdict::Success);
        let mut open = open.chain(self.runs.iter().filter(|it| is_active(it)));
        !open.any(|it| it.created < begun)
            && self.is_told()
            && self.asked.is_none_or(|it| is_fresh(it, now))
    }

    /// Whether enough was asked to say how it does: it was asked for by itself, or the last time that its
    /// schedule worked is known, and all that happened since.
    fn is_told(&self) -> bool {
        let worked = |it: &Run| it.planned && it.verdict == Verdict::Success;
        self.asked.is_some() || self.runs.iter().any(worked)
    }
}

/// Whether what was asked for then needs no asking yet.
fn is_fresh(asked: Timestamp, now: Timestamp) -> bool {
    now.duration_since(asked).abs() < signed(REFRESH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(hour)
    }

    fn run(number: u64, hour: i64, verdict: Verdict) -> Run {
        let at = at(hour);
        Run { number, attempt: 1, planned: true, created: at, begun: at, changed: at, verdict }
    }

    fn failure() -> Verdict {
        Verdict::Failure { how: "failed".to_owned() }
    }

    fn active() -> Verdict {
        Verdict::Active { how: "has been running".to_owned(), working: true }
    }

    fn workflow(asked: Option<Timestamp>, runs: Vec<Run>) -> Workflow {
        let mut workflow =
            Workflow { id: WorkflowId(1), disabled: None, since: at(0), runs: Vec::new(), asked };
        for run in runs {
            workflow.note(run);
        }
        workflow
    }

    #[test]
    fn what_began_while_github_could_not_be_asked_is_asked_for() {
        let seen = |asked: Option<i64>| Seen {
            branch_asked: asked.map(at),
            workflows: [("ci.yml".to_owned(), workflow(None, Vec::new()))].into(),
            ..Seen::default()
        };
        assert_eq!(seen(None).unknown_since(at(100)), at(74));
        assert_eq!(seen(Some(99)).unknown_since(at(100)), at(97));
        assert_eq!(seen(Some(60)).unknown_since(at(100)), at(60));
        // By a clock that was set back, it was asked in times to come.
        assert_eq!(seen(Some(200)).unknown_since(at(100)), at(97));
    }

    #[test]
    fn an_old_run_that_may_still_change_is_asked_for_until_it_does_not() {
        let now = at(100);
        let is_known =
            |asked: Option<i64>, runs| workflow(asked.map(at), runs).is_known(at(97), now);
        let well = || run(1, 76, Verdict::Success);
        for asked in [None, Some(100)] {
            assert!(is_known(asked, vec![well()]));
            assert!(is_known(asked, vec![well(), run(2, 99, failure())]));
            assert!(!is_known(asked, vec![well(), run(2, 90, failure())]));
            assert!(!is_known(asked, vec![well(), run(2, 90, active())]));
            assert!(!is_known(asked, vec![run(2, 90, active()), run(3, 99, Verdict::Success)]));
        }
        assert!(!is_known(Some(98), vec![well()]), "it is asked for once an hour");
        assert!(!is_known(None, Vec::new()));
    }

    #[test]
    fn of_what_was_not_asked_for_nothing_is_said() {
        let mut seen = Seen::default();
        seen.workflows.insert("new.yml".to_owned(), workflow(None, Vec::new()));
        seen.workflows.insert("old.yml".to_owned(), workflow(Some(at(1)), Vec::new()));
        assert!(seen.why_unseen("new.yml").is_some());
        assert_eq!((seen.why_unseen("old.yml"), seen.why_unseen("gone.yml")), (None, None));
        seen.cut = true;
        assert!(seen.why_unseen("gone.yml").is_some());
    }
}
