//! Code that runs only when somebody calls it, such as a function: what is known of it without
//! calling it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::health::Health;

/// Code as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// How it does.
    pub state: State,
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

impl Code {
    /// Its health.
    #[must_use]
    pub fn health(&self) -> Health {
        match self.state {
            State::Untested => Health::Unknown,
            State::Passed { .. } => Health::Healthy,
            State::Failed { .. } | State::Broken { .. } => Health::Unhealthy,
        }
    }

    /// The state in one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.state {
            State::Untested => "untested",
            State::Passed { .. } => "tested",
            State::Failed { .. } => "failing",
            State::Broken { .. } => "broken",
        }
    }

    /// Since when it is so, where that is known.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        match self.state {
            State::Passed { at } | State::Failed { at, .. } => Some(at),
            State::Untested | State::Broken { .. } => None,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match &self.state {
            State::Failed { why: what, .. } | State::Broken { how: what } => write!(f, ": {what}")?,
            State::Untested | State::Passed { .. } => {}
        }
        self.notes.iter().try_for_each(|note| write!(f, "; {note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::resource::{Run, Status};

    #[test]
    fn only_what_was_tried_is_well() {
        let at = Timestamp::UNIX_EPOCH;
        let told = |state, notes: &[&str]| {
            let notes = notes.iter().map(|it| (*it).to_owned()).collect();
            let status = Status::Code(Code { state, notes });
            let health = Health::of(Run::On, Some(&status));
            format!("{} {health} {status}", status.word())
        };
        let why = || "it throws at a.js:3".to_owned();
        insta::assert_snapshot!([
            told(State::Untested, &["it is odd", "it is old"]),
            told(State::Passed { at }, &[]),
            told(State::Failed { at, why: why() }, &["it is odd"]),
            told(State::Broken { how: why() }, &[]),
        ].join("\n"), @r"
        untested unknown untested; it is odd; it is old
        tested healthy tested
        failing unhealthy failing: it throws at a.js:3; it is odd
        broken unhealthy broken: it throws at a.js:3
        ");
    }
}
