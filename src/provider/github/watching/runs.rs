//! From a run as GitHub tells of it to what it says of a job.

use super::{
    super::api::{self, Conclusion, Status},
    poll::SCHEDULE,
};
use crate::core::job::{By, Run, Verdict};

/// What a run says, if it says anything of how the workflow does on its branch: that of a proposal
/// does not, whose branch may be called the same.
pub(super) fn read(run: &api::Run) -> Option<Run> {
    if run.event.starts_with("pull_request") || run.event == "merge_group" {
        return None;
    }
    Some(Run {
        number: run.id.0,
        attempt: run.run_attempt,
        planned: run.event == SCHEDULE,
        created: run.created_at,
        begun: run.run_started_at.unwrap_or(run.created_at),
        changed: run.updated_at,
        verdict: verdict(run),
    })
}

fn verdict(run: &api::Run) -> Verdict {
    let failed = |how: &str| Verdict::Failure { how: how.to_owned() };
    let active = |how: &str, working| Verdict::Active { how: how.to_owned(), working };
    let Some(conclusion) = &run.conclusion else {
        return match &run.status {
            Some(Status::InProgress) => active("has been running", true),
            Some(Status::Waiting) => active("has been waiting for an approval", false),
            Some(Status::Pending) => active("has been waiting for its turn", false),
            Some(Status::Queued | Status::Requested) | None => active("has been queued", false),
            // Ended, and GitHub does not say how yet.
            Some(Status::Completed) => Verdict::None,
            Some(Status::Other(word)) => active(&format!("has been {word}"), false),
        };
    };
    match conclusion {
        Conclusion::Success => Verdict::Success,
        Conclusion::Failure => failed("failed"),
        Conclusion::TimedOut => failed("timed out"),
        Conclusion::StartupFailure => failed("could not start"),
        Conclusion::ActionRequired => active("has been waiting for an approval", false),
        Conclusion::Cancelled
        | Conclusion::Skipped
        | Conclusion::Neutral
        | Conclusion::Stale
        | Conclusion::Other(_) => Verdict::None,
    }
}

/// Who disabled a workflow, if it is.
pub(super) fn disabled(state: &api::State) -> Option<By> {
    match state {
        api::State::DisabledManually => Some(By::Person),
        api::State::DisabledInactivity => Some(By::Inactivity),
        api::State::DisabledFork => Some(By::Fork),
        api::State::Active | api::State::Deleted | api::State::Other(_) => None,
    }
}
