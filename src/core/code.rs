//! Code that runs only when somebody calls it, such as a function: what is known of it without
//! calling it, and what is known of it at the place where it is called.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{health::Health, route::Router};

/// Code as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// How it does.
    pub state: State,
    /// What is known of it at the place where it is called, where anybody has looked there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
    /// What passes the calls of it on to its backup.
    #[serde(default, skip_serializing_if = "Router::is_none")]
    pub router: Router,
    /// What else a person should know of it, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How code does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// As it is now, nobody has tried it.
    Untested,
    /// As it is now, it has passed its test.
    Passed {
        /// When.
        at: Timestamp,
    },
    /// As it is now, it has not passed its test.
    Failed {
        /// When.
        at: Timestamp,
        /// What went wrong.
        why: String,
    },
    /// It can't work, which shows without trying it.
    Broken {
        /// What is wrong, with the place.
        how: String,
    },
}

/// What is known of code at the place where it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "live", rename_all = "snake_case")]
pub enum Live {
    /// What is served there has none of this name.
    NotServed,
    /// It is there, and nobody has called it to see.
    Served,
    /// It answers as it should.
    Answers {
        /// Since when, without a worse answer in between, or none at all; where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Timestamp>,
    },
    /// It answers, and not as it should.
    Odd {
        /// How: `answers 404, and 200 is expected`.
        how: String,
    },
    /// It does not do its work.
    Fails {
        /// How: `answers 502`.
        how: String,
        /// Since when, without a better answer in between.
        since: Timestamp,
        /// How often in a row.
        #[serde(default)]
        times: u32,
    },
    /// It could not be asked.
    Unreached {
        /// Why.
        how: String,
    },
}

impl Code {
    /// Code of which only that is known.
    #[must_use]
    pub const fn only(live: Live) -> Self {
        Self { state: State::Untested, live: Some(live), router: Router::None, notes: Vec::new() }
    }

    /// Its health: by its test, by what it answers, and never better than either.
    #[must_use]
    pub fn health(&self) -> Health {
        match (&self.state, &self.live) {
            (State::Failed { .. } | State::Broken { .. }, _)
            | (_, Some(Live::Odd { .. } | Live::Fails { .. })) => Health::Unhealthy,
            (_, Some(Live::Answers { .. })) | (State::Passed { .. }, None | Some(Live::Served)) => {
                Health::Healthy
            }
            (State::Untested, None | Some(Live::Served))
            | (_, Some(Live::NotServed | Live::Unreached { .. })) => Health::Unknown,
        }
    }

    /// The state in one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match (&self.state, &self.live) {
            (State::Broken { .. }, _) => "broken",
            (State::Failed { .. }, _) | (_, Some(Live::Odd { .. } | Live::Fails { .. })) => {
                "failing"
            }
            (_, Some(Live::NotServed)) => "not in effect yet",
            (_, Some(Live::Answers { .. })) => "answers",
            (State::Passed { .. }, _) => "tested",
            (State::Untested, None) => "untested",
            (State::Untested, Some(Live::Served)) => "deployed",
            (State::Untested, Some(Live::Unreached { .. })) => "unseen",
        }
    }

    /// Since when it is so, where that is known.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        match (&self.state, &self.live) {
            (State::Failed { at, .. }, _)
            | (State::Passed { at }, None | Some(Live::Served | Live::Unreached { .. })) => {
                Some(*at)
            }
            (_, Some(Live::Fails { since, .. })) => Some(*since),
            (State::Untested | State::Passed { .. }, Some(Live::Answers { since })) => *since,
            (State::Passed { .. }, Some(Live::NotServed | Live::Odd { .. }))
            | (State::Untested | State::Broken { .. }, _) => None,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match (&self.state, &self.live) {
            (State::Failed { why: what, .. } | State::Broken { how: what }, _)
            | (_, Some(Live::Odd { how: what } | Live::Unreached { how: what })) => {
                write!(f, ": {what}")?;
            }
            (_, Some(Live::Fails { how, .. })) => write!(f, ": it {how} on the live site")?,
            (State::Untested | State::Passed { .. }, _) => {}
        }
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_called_healthy_that_nobody_saw_work() {
        let at = Timestamp::UNIX_EPOCH;
        let fails = Live::Fails { how: "answers 502".to_owned(), since: at, times: 1 };
        let answers = || Some(Live::Answers { since: None });
        let code = |state, live| Code { state, live, router: Router::None, notes: Vec::new() };
        let broken = || State::Broken { how: "x.js:1: a mistake".to_owned() };
        for (code, health, text) in [
            (code(State::Untested, None), Health::Unknown, "untested"),
            (code(State::Untested, Some(Live::Served)), Health::Unknown, "deployed"),
            (code(State::Passed { at }, Some(Live::Served)), Health::Healthy, "tested"),
            (
                code(State::Passed { at }, Some(Live::NotServed)),
                Health::Unknown,
                "not in effect yet",
            ),
            (code(State::Untested, answers()), Health::Healthy, "answers"),
            (
                code(State::Passed { at }, Some(fails)),
                Health::Unhealthy,
                "failing: it answers 502 on the live site",
            ),
            (code(broken(), answers()), Health::Unhealthy, "broken: x.js:1: a mistake"),
        ] {
            assert_eq!((code.health(), code.to_string().as_str()), (health, text));
        }
    }

    #[test]
    fn since_when_is_told_of_what_is_told() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let passed = || State::Passed { at: at(1) };
        let answers = |since: Option<i64>| Some(Live::Answers { since: since.map(at) });
        for (state, live, since) in [
            (passed(), None, Some(1)),
            (passed(), answers(Some(5)), Some(5)),
            (passed(), answers(None), None),
            (State::Untested, answers(Some(5)), Some(5)),
            (State::Failed { at: at(1), why: String::new() }, answers(Some(5)), Some(1)),
            (State::Broken { how: String::new() }, answers(Some(5)), None),
        ] {
            let code = Code { state, live, router: Router::None, notes: Vec::new() };
            assert_eq!(code.since(), since.map(at), "{code}");
        }
    }
}
