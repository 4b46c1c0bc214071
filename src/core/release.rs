//! Releases: what a place serves as a whole, and whether an earlier one is to be served again.
//!
//! Putting an earlier release back undoes everything that came with the later one, so [`decide`] asks
//! for much before: what fails has to have failed often and for long, the earlier release has to be well
//! at the same moment, nobody may have put anything back or held anything fast, and what is served has
//! to have had time to begin. It follows from what is seen alone: after it was done once, an
//! earlier release is served, and so it is not done again until somebody serves a newer one.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    health::Health,
    span::{after, signed},
};

/// A place that serves one release, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// What is served, by the name that its place gives it.
    pub id: Option<String>,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// How it does.
    pub state: State,
    /// Whether somebody wants it to stay served, whatever is made.
    pub locked: bool,
}

/// How a release does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// It is served.
    Served,
    /// Nothing is served.
    Nothing,
    /// It is served, and something of it fails.
    Fails {
        /// What, and how: `send-mail answers 502`.
        how: String,
        /// Since when.
        since: Timestamp,
    },
    /// It is served, and a newer one could not be made.
    NotMade {
        /// The newer one.
        id: String,
        /// What went wrong with it.
        how: String,
    },
    /// It is served, and a newer one does not come to its end.
    Stuck {
        /// The newer one.
        id: String,
        /// How far it is.
        how: String,
        /// Since when.
        since: Timestamp,
    },
}

impl Release {
    /// Its health.
    #[must_use]
    pub fn health(&self) -> Health {
        match self.state {
            State::Served => Health::Healthy,
            State::Nothing => Health::Unknown,
            State::Fails { .. } | State::NotMade { .. } | State::Stuck { .. } => Health::Unhealthy,
        }
    }

    /// The state in one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.state {
            State::Served => "published",
            State::Nothing => "not in effect yet",
            State::Fails { .. } => "failing",
            State::NotMade { .. } => "not made",
            State::Stuck { .. } => "stuck",
        }
    }

    /// Since when it is so, where that is known.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        match self.state {
            State::Served => self.since,
            State::Fails { since, .. } | State::Stuck { since, .. } => Some(since),
            State::Nothing | State::NotMade { .. } => None,
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        let served = self.id.as_deref().unwrap_or("nothing");
        match &self.state {
            State::Served => write!(f, ": deploy {served}")?,
            State::Nothing => write!(f, ": nothing is published")?,
            State::Fails { how, .. } => write!(f, ": {how}, in deploy {served}")?,
            State::NotMade { id, how } => {
                write!(f, ": deploy {id} failed ({how}); {served} is published")?;
            }
            State::Stuck { id, how, since } => {
                write!(f, ": deploy {id} is {how} since {since:.0}; {served} is published")?;
            }
        }
        if self.locked { f.write_str(", locked") } else { Ok(()) }
    }
}

/// What may be done about a release of which something fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Whether an earlier one may be served again.
    pub restore: bool,
    /// How often in a row something has to have failed.
    pub fall: u32,
    /// For how long it has to have failed.
    pub after: Duration,
    /// How long what is served has to have been served.
    pub cool_down: Duration,
}

/// Something that fails now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What, and how: `send-mail answers 502`.
    pub how: String,
    /// How often in a row.
    pub times: u32,
    /// Since when.
    pub since: Timestamp,
}

/// What is known of the release that is served and of the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence<'a> {
    /// What fails.
    pub failures: &'a [Failure],
    /// Since when the release is served.
    pub served: Option<Timestamp>,
    /// Whether it is the newest that could be.
    pub is_newest: bool,
    /// Whether somebody wants it to stay.
    pub locked: bool,
    /// The last good one before it.
    pub good: Option<Good<'a>>,
}

/// A release that was good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Good<'a> {
    /// Its name.
    pub id: &'a str,
    /// Whether what fails is well in it, where it was asked at the same time.
    pub is_well: Option<bool>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: nothing fails, or not often and long enough.
    Nothing,
    /// Nothing yet.
    Wait,
    /// A person has to look.
    Alert {
        /// What fails, and why nothing is done about it.
        how: String,
    },
    /// An earlier release is to be served again.
    Restore {
        /// Which.
        id: String,
        /// What fails.
        how: String,
    },
}

/// What is to be done about what fails.
#[must_use]
pub fn decide(evidence: &Evidence<'_>, policy: &Policy, now: Timestamp) -> Decision {
    let is_proven = |it: &&Failure| {
        it.times >= policy.fall && it.since <= now && now >= after(it.since, policy.after)
    };
    let proven: Vec<&str> =
        evidence.failures.iter().filter(is_proven).map(|it| it.how.as_str()).collect();
    if proven.is_empty() {
        return Decision::Nothing;
    }
    let how = proven.join(", ");
    let alert = |why: &str| Decision::Alert { how: format!("{how}; {why}") };
    if !policy.restore {
        return alert("it is left to you: `recover = \"alert\"`");
    }
    if evidence.locked {
        return alert("the published deploy is locked, so no other one is published");
    }
    if !evidence.is_newest {
        return alert("an earlier deploy is published already, and none before it will be");
    }
    let Some(served) = evidence.served else {
        return alert("since when it is published is not known");
    };
    // One that is published by a clock that runs ahead is as new.
    if now.duration_since(served) < signed(policy.cool_down) {
        return Decision::Wait;
    }
    match &evidence.good {
        None => alert("there is no earlier deploy that was good"),
        Some(Good { is_well: None, .. }) => Decision::Wait,
        Some(Good { id, is_well: Some(false) }) => {
            alert(&format!("the last good deploy, {id}, does not answer better"))
        }
        Some(Good { id, is_well: Some(true) }) => Decision::Restore { id: (*id).to_owned(), how },
    }
}

#[cfg(test)]
mod tests;
