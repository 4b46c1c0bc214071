//! Trials: whether what works only when it is called would work, found out by trying it where it does
//! no harm.

use jiff::Timestamp;
use serde::Serialize;

use super::id::Name;

/// What came of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It works.
    Passed,
    /// It could not be tried, so nobody knows.
    NotTested,
    /// It does not work.
    Failed,
}

impl Outcome {
    /// The outcome in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::NotTested => "not tested",
            Self::Failed => "failed",
        }
    }
}

/// The trial of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// Its name.
    pub name: Name,
    /// What came of it.
    pub outcome: Outcome,
    /// What was found, with the place.
    pub why: String,
    /// When it was tried: now, or earlier when nothing of it has changed since.
    pub at: Option<Timestamp>,
}

impl Trial {
    /// One that did not take place.
    #[must_use]
    pub fn none(name: Name, why: String) -> Self {
        Self { name, outcome: Outcome::NotTested, why, at: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_tried_is_told_apart_from_what_failed() {
        let none = Trial::none(Name::literal("a"), "there is no test".to_owned());
        let outcomes = [Outcome::Passed, none.outcome, Outcome::Failed];
        assert_eq!(outcomes.map(Outcome::words), ["passed", "not tested", "failed"]);
    }
}
