//! Words that GitHub has a list of, and may have a longer one tomorrow.

use crate::http::words::words;

words! {
    /// Whether a workflow runs when its time comes.
    State {
        /// It does.
        Active = "active",
        /// Its file is gone from the default branch.
        Deleted = "deleted",
        /// The repository is a fork, where schedules are off until somebody turns them on.
        DisabledFork = "disabled_fork",
        /// GitHub turned it off: 60 days without activity in the repository.
        DisabledInactivity = "disabled_inactivity",
        /// A person turned it off.
        DisabledManually = "disabled_manually",
    }
}

words! {
    /// How far a run is.
    Status {
        /// It waits for a machine.
        Queued = "queued",
        /// It was asked for.
        Requested = "requested",
        /// It waits for its concurrency group.
        Pending = "pending",
        /// It waits for a person, or for a rule of an environment.
        Waiting = "waiting",
        /// It runs.
        InProgress = "in_progress",
        /// It has ended, and has a conclusion.
        Completed = "completed",
    }
}

words! {
    /// How a run ended.
    Conclusion {
        /// Well.
        Success = "success",
        /// A job failed.
        Failure = "failure",
        /// It took longer than it may.
        TimedOut = "timed_out",
        /// It could not begin: the file is wrong.
        StartupFailure = "startup_failure",
        /// Somebody, or a newer run, ended it.
        Cancelled = "cancelled",
        /// All of its jobs had a condition that did not hold.
        Skipped = "skipped",
        /// Neither well nor badly.
        Neutral = "neutral",
        /// GitHub gave up waiting for it.
        Stale = "stale",
        /// A person has to allow it first.
        ActionRequired = "action_required",
    }
}

words! {
    /// Whether a pull request waits to be merged.
    PullState {
        /// It does.
        Open = "open",
        /// It was merged, or somebody decided against it.
        Closed = "closed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_new_are_kept() {
        let read = |json: &str| serde_json::from_str::<Conclusion>(json).unwrap();
        assert_eq!(read(r#""timed_out""#), Conclusion::TimedOut);
        assert_eq!(read(r#""exploded""#), Conclusion::Other("exploded".to_owned()));
        for word in ["success", "exploded"] {
            assert_eq!(Conclusion::from(word.to_owned()).to_string(), word);
        }
    }
}
