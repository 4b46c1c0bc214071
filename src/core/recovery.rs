//! Recovery: what follows when a process has ended.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{backoff::Backoff, span::after};

/// How a run ended. As text it completes a sentence: "the process …".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal of this number.
    Signal(i32),
    /// Nobody was there to see how: whoever had started it was gone by then.
    Unseen,
    /// It never began, for this reason.
    NotStarted(String),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(number) => match signal_name(*number) {
                Some(name) => write!(f, "was ended by {name}"),
                None => write!(f, "was ended by signal {number}"),
            },
            Self::Unseen => f.write_str("ended"),
            Self::NotStarted(why) => write!(f, "could not be started: {why}"),
        }
    }
}

/// The signals that end processes in practice, by their number on Linux.
fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => return None,
    })
}

/// When an ended process is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// However it ended.
    Always,
    /// Unless it exited with code 0.
    OnFailure,
    /// Never.
    Never,
}

/// The rules of one process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// When it is started again.
    pub restart: Restart,
    /// Restarts in a row before it is given up.
    pub max_restarts: u32,
    /// A run shorter than this is a failure; any other ends the row of failures.
    pub min_uptime: Duration,
    /// The rest before each restart of a row.
    pub backoff: Backoff,
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub exit: Exit,
    /// When that was seen.
    pub at: Timestamp,
    /// How long it had run, in milliseconds.
    pub uptime_ms: u64,
}

/// What to do about a process that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Start it again, not before this time.
    Restart(Timestamp),
    /// Leave it: it has done its work.
    Finished,
    /// Leave it: it failed too often, and a person has to look.
    GivenUp,
}

/// What to do, and the failures in a row up to now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub next: Next,
    /// The failures in a row, this run included.
    pub failures: u32,
}

/// Decides what follows a run that has ended, the `failures` before it being in a row.
///
/// A run whose end nobody saw counts as one that failed: a restart too many is better than a
/// process that stays down. Where the clock was set back since, it has rested: counted from each look
/// anew, its rest would last until the clock is there again.
#[must_use]
pub fn decide(policy: &Policy, ended: &Ended, failures: u32, now: Timestamp) -> Decision {
    let began = !matches!(ended.exit, Exit::NotStarted(_));
    let long = began && Duration::from_millis(ended.uptime_ms) >= policy.min_uptime;
    let failures = if long { 0 } else { failures.saturating_add(1) };
    let restarts = match (policy.restart, &ended.exit) {
        (Restart::Never, Exit::NotStarted(_)) => {
            return Decision { next: Next::GivenUp, failures };
        }
        (Restart::Always, _) => true,
        (Restart::OnFailure, exit) => *exit != Exit::Code(0),
        (Restart::Never, _) => false,
    };
    let next = if !restarts {
        Next::Finished
    } else if failures > policy.max_restarts {
        Next::GivenUp
    } else {
        let rested = after(ended.at, policy.backoff.rest(failures));
        Next::Restart(if ended.at > now { now } else { rested })
    };
    Decision { next, failures }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn policy(restart: Restart) -> Policy {
        let second = Duration::from_secs(1);
        let backoff = Backoff { initial: second, factor: 2.0, max: 10 * second };
        Policy { restart, max_restarts: 3, min_uptime: second, backoff }
    }

    fn ended(exit: Exit, uptime_ms: u64) -> Ended {
        Ended { exit, at: NOW, uptime_ms }
    }

    fn next(restart: Restart, exit: Exit) -> Next {
        decide(&policy(restart), &ended(exit, 5000), 0, NOW).next
    }

    #[test]
    fn the_policy_says_which_exits_are_restarted() {
        let now = Next::Restart(NOW);
        assert_eq!(next(Restart::Always, Exit::Code(0)), now);
        assert_eq!(next(Restart::OnFailure, Exit::Code(0)), Next::Finished);
        assert_eq!(next(Restart::OnFailure, Exit::Code(1)), now);
        assert_eq!(next(Restart::OnFailure, Exit::Signal(9)), now);
        assert_eq!(next(Restart::OnFailure, Exit::Unseen), now);
        assert_eq!(next(Restart::Never, Exit::Code(1)), Next::Finished);
    }

    #[test]
    fn what_never_began_is_not_taken_for_finished() {
        let missing = || Exit::NotStarted("no such program".into());
        assert_eq!(next(Restart::Never, missing()), Next::GivenUp);
        let decision = decide(&policy(Restart::Always), &ended(missing(), u64::MAX), 1, NOW);
        assert_eq!(decision.failures, 2);
    }

    #[test]
    fn a_row_of_short_runs_rests_longer_and_longer_and_is_given_up() {
        let policy = policy(Restart::Always);
        let mut failures = 0;
        let mut rests = Vec::new();
        loop {
            let decision = decide(&policy, &ended(Exit::Code(1), 10), failures, NOW);
            failures = decision.failures;
            match decision.next {
                Next::Restart(at) => rests.push(at.as_second()),
                Next::GivenUp => break,
                Next::Finished => panic!("it failed"),
            }
        }
        assert_eq!(rests, [0, 1, 2]);
        assert_eq!(failures, 4);
    }

    #[test]
    fn a_long_run_ends_the_row_and_is_restarted_at_once() {
        let decision = decide(&policy(Restart::Always), &ended(Exit::Signal(9), 1000), 3, NOW);
        assert_eq!(decision, Decision { next: Next::Restart(NOW), failures: 0 });
    }

    #[test]
    fn a_clock_set_back_keeps_nothing_down() {
        let ended = Ended { at: NOW + SignedDuration::from_hours(1), ..ended(Exit::Code(1), 0) };
        let next = decide(&policy(Restart::Always), &ended, 2, NOW).next;
        assert_eq!(next, Next::Restart(NOW), "and not a rest after each look anew");
    }

    #[test]
    fn an_exit_reads_as_a_sentence() {
        assert_eq!(Exit::Code(3).to_string(), "exited with code 3");
        assert_eq!(Exit::Signal(9).to_string(), "was ended by SIGKILL");
        assert_eq!(Exit::Signal(42).to_string(), "was ended by signal 42");
    }

    #[test]
    fn the_signals_that_end_processes_have_the_names_that_the_system_gives_them() {
        for number in 1..=15 {
            let name = nix::sys::signal::Signal::try_from(number).unwrap().as_str();
            assert_eq!(Exit::Signal(number).to_string(), format!("was ended by {name}"));
        }
    }

    fn exits() -> impl Strategy<Value = Exit> {
        prop_oneof![
            (0i32..256).prop_map(Exit::Code),
            (1i32..65).prop_map(Exit::Signal),
            Just(Exit::Unseen),
            Just(Exit::NotStarted("why".into())),
        ]
    }

    proptest! {
        #[test]
        fn no_rest_is_longer_than_the_limit_wherever_the_clock_goes(
            exit in exits(), uptime_ms in any::<u64>(), failures in any::<u32>(),
            seen in -1_000_000i64..1_000_000, now in -1_000_000i64..1_000_000,
        ) {
            let at = Timestamp::from_second(seen).unwrap();
            let now = Timestamp::from_second(now).unwrap();
            let policy = Policy { max_restarts: u32::MAX, ..policy(Restart::Always) };
            let decision = decide(&policy, &Ended { exit, at, uptime_ms }, failures, now);
            match decision.next {
                Next::Restart(start) => {
                    let rest = SignedDuration::try_from(policy.backoff.max).unwrap();
                    prop_assert!(start <= now + rest);
                    prop_assert!(start >= at.min(now));
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }

        #[test]
        fn given_up_means_more_failures_than_restarts_allowed(
            exit in exits(), uptime_ms in 0u64..2000, failures in 0u32..10, max_restarts in 0u32..10,
        ) {
            let policy = Policy { max_restarts, ..policy(Restart::Always) };
            let decision = decide(&policy, &ended(exit, uptime_ms), failures, NOW);
            prop_assert_eq!(decision.next == Next::GivenUp, decision.failures > max_restarts);
        }
    }
}
