//! Components: how each provider does itself, apart from its resources.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::Name;

/// What only a watch knows of a provider, because it asks again and again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watched {
    /// Since when it could not be asked, if it can't be.
    pub not_asked_since: Option<Timestamp>,
    /// Until when it is left in peace, because it broke down while it was asked.
    pub rests_until: Option<Timestamp>,
    /// Until when nobody heeds that it calls for a look, because it does so without end.
    pub deaf_until: Option<Timestamp>,
    /// How often a mistake of this program broke it off and it was begun anew.
    pub begun_anew: u32,
}

/// Whether a provider does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It says what it sees.
    Working,
    /// It could not be asked.
    NotAsked,
    /// It broke down, and the watch leaves it in peace for a while.
    Resting,
}

/// How one provider does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Component {
    /// Its name.
    pub provider: Name,
    /// Whether it does its work.
    pub state: State,
    /// Why it could not be asked just now.
    pub why: Option<String>,
    /// Since when the watch could not ask it.
    pub since: Option<Timestamp>,
    /// Until when the watch leaves it in peace.
    pub until: Option<Timestamp>,
    /// Until when the watch does not heed that it calls for a look, because it does so without end.
    pub deaf_until: Option<Timestamp>,
    /// How often the watch had to begin it anew; not known without one.
    pub begun_anew: Option<u32>,
}

impl Component {
    /// How `provider` does by what was seen just now, and by what the watch knows, if there is one.
    #[must_use]
    pub fn of(
        provider: Name,
        blind: Option<String>,
        watched: Option<&Watched>,
        now: Timestamp,
    ) -> Self {
        let to_come = |at: Option<Timestamp>| at.filter(|it| *it > now);
        let until = to_come(watched.and_then(|it| it.rests_until));
        let since = watched.and_then(|it| it.not_asked_since);
        let state = if until.is_some() {
            State::Resting
        } else if blind.is_some() || since.is_some() {
            State::NotAsked
        } else {
            State::Working
        };
        let deaf_until = to_come(watched.and_then(|it| it.deaf_until));
        let begun_anew = watched.map(|it| it.begun_anew);
        Self { provider, state, why: blind, since, until, deaf_until, begun_anew }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = |f: &mut fmt::Formatter<'_>| match self.since {
            Some(since) => write!(f, " since {since:.0}"),
            None => Ok(()),
        };
        match (self.state, self.until) {
            (State::Resting, Some(until)) => {
                write!(f, "broke down, and the watch leaves it in peace until {until:.0}")?;
            }
            // The watch can't, and whoever looks just now can.
            (State::NotAsked | State::Resting, _) if self.why.is_none() => {
                f.write_str("could not be asked by the watch")?;
                since(f)?;
            }
            (State::NotAsked | State::Resting, _) => {
                f.write_str("could not be asked")?;
                since(f)?;
            }
            (State::Working, _) => f.write_str("works")?,
        }
        if let Some(times) = self.begun_anew.filter(|it| *it > 0) {
            let times = if times == 1 { "once".to_owned() } else { format!("{times} times") };
            write!(f, ", was begun anew {times}")?;
        }
        if let Some(until) = self.deaf_until {
            write!(f, ", calls for a look without end and is not heeded until {until:.0}")?;
        }
        match &self.why {
            Some(why) => write!(f, ": {why}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(n).unwrap()
    }

    fn said(blind: Option<&str>, watched: Option<&Watched>) -> String {
        let blind = blind.map(str::to_owned);
        Component::of(Name::literal("p"), blind, watched, second(100)).to_string()
    }

    #[test]
    fn what_only_a_watch_knows_is_not_guessed() {
        let quiet = Watched::default();
        assert_eq!(said(None, None), "works");
        assert_eq!(said(None, Some(&quiet)), "works");
        assert_eq!(said(Some("no answer"), None), "could not be asked: no answer");
        let none = Component::of(Name::literal("p"), None, None, second(100));
        assert_eq!(none.begun_anew, None);
        let since = Watched { not_asked_since: Some(second(40)), ..quiet };
        assert_eq!(
            said(Some("no answer"), Some(&since)),
            "could not be asked since 1970-01-01T00:00:40Z: no answer"
        );
        assert_eq!(
            said(None, Some(&since)),
            "could not be asked by the watch since 1970-01-01T00:00:40Z"
        );
        let rests = Watched { rests_until: Some(second(200)), begun_anew: 2, ..since };
        assert_eq!(
            said(None, Some(&rests)),
            "broke down, and the watch leaves it in peace until 1970-01-01T00:03:20Z, was begun anew 2 times"
        );
        let over =
            Watched { rests_until: Some(second(100)), deaf_until: Some(second(100)), ..quiet };
        assert_eq!(said(None, Some(&over)), "works");
        let deaf = Watched { deaf_until: Some(second(130)), begun_anew: 1, ..quiet };
        assert_eq!(
            said(None, Some(&deaf)),
            "works, was begun anew once, calls for a look without end and is not heeded until \
             1970-01-01T00:02:10Z"
        );
    }
}
