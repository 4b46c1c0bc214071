//! Alerts: what a person should hear of although nobody looks, when, and how often.
//!
//! [`level`] says what is so now. [`Book`] remembers what was told of it, and says what is to be told:
//! that it is so, again after a while that it still is, and that it is over.

mod book;
mod level;

use std::{fmt, str::FromStr, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    book::{Book, Loss, Open, Policy},
    level::{Level, Seen, begun_after_crash, of_news, undone},
};
use super::span::signed;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A resource does not do its work, and nothing more is tried.
    Failed,
    /// A resource does not do its work, and has not for long, although it is tried again or may mend
    /// itself.
    Unwell,
    /// A backup does the work of its primary. That it ends is the hand-back.
    Failover,
    /// A side of a pair could not be proven stopped, so the other one is not started.
    Blocked,
    /// Duty of a pair should move and does not.
    Stuck,
    /// Too few components were healthy: all that is not was started again.
    Emergency,
    /// Most of what a provider has went bad in one look.
    Storm,
    /// Most changes at a provider failed, so nothing is changed there.
    Breaker,
    /// A provider can't be asked, and has not been for long.
    Blind,
    /// The controller began after one that did not end as it should.
    Crash,
    /// A newer version of this program did not do well, and the one before goes on.
    Undone,
    /// More was to be told than may be told in an hour.
    More,
    /// A person asked for it, to see whether alerts arrive.
    Test,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::Failed,
        Self::Unwell,
        Self::Failover,
        Self::Blocked,
        Self::Stuck,
        Self::Emergency,
        Self::Storm,
        Self::Breaker,
        Self::Blind,
        Self::Crash,
        Self::Undone,
        Self::More,
        Self::Test,
    ];

    /// The word for it, in messages and on the screen.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unwell => "unwell",
            Self::Failover => "failover",
            Self::Blocked => "blocked",
            Self::Stuck => "stuck",
            Self::Emergency => "emergency",
            Self::Storm => "storm",
            Self::Breaker => "breaker",
            Self::Blind => "blind",
            Self::Crash => "crash",
            Self::Undone => "undone",
            Self::More => "more",
            Self::Test => "test",
        }
    }

    /// How long it has to be so before it is told. Networks fail for a minute now and then, and most of
    /// what is unwell is mended without a person.
    fn patience(self) -> Duration {
        match self {
            Self::Blind => Duration::from_mins(5),
            Self::Unwell => Duration::from_mins(15),
            _ => Duration::ZERO,
        }
    }
}

/// How much it matters.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    #[default]
    Info,
    /// A person should look today.
    Warning,
    /// Something does not do its work.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

/// By what two alerts are the same one: `failed:embedded/web`, or `emergency` alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key {
    /// What it is about.
    pub kind: Kind,
    /// Which resource or provider, where it is about one; else empty.
    pub about: String,
}

impl Key {
    /// The key of an alert of this kind about something that prints so.
    pub fn new(kind: Kind, about: impl fmt::Display) -> Self {
        Self { kind, about: about.to_string() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.word())?;
        if self.about.is_empty() { Ok(()) } else { write!(f, ":{}", self.about) }
    }
}

/// A text that is no [`Key`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key of an alert begins with its kind, like `failed:embedded/web`")]
pub struct KeyError;

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (word, about) = text.split_once(':').unwrap_or((text, ""));
        let kind = Kind::ALL.into_iter().find(|it| it.word() == word).ok_or(KeyError)?;
        Ok(Self::new(kind, about))
    }
}

impl TryFrom<String> for Key {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

/// Something that a person should hear of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// By what it is the same one as before.
    pub key: Key,
    /// How much it matters.
    pub severity: Severity,
    /// What is so, in words for people.
    pub text: String,
    /// Since when it is so, as far as it was seen.
    pub since: Timestamp,
}

impl Alert {
    /// Whether it has been so for long enough to be told.
    fn has_lasted(&self, now: Timestamp) -> bool {
        now.duration_since(self.since) >= signed(self.key.kind.patience())
    }
}

/// Why an alert is told now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// It is so.
    Firing,
    /// It is still so.
    Reminder,
    /// It is over.
    Resolved,
    /// It happened, and there is no end to it.
    Event,
}

impl What {
    /// The word for it, in messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Reminder => "reminder",
            Self::Resolved => "resolved",
            Self::Event => "event",
        }
    }
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Why it is told now.
    pub what: What,
    /// What is told.
    pub alert: Alert,
    /// When it was decided to tell it.
    pub at: Timestamp,
    /// How many more were to be told before, and were not, because there were too many.
    pub more: u32,
}

impl Message {
    /// The one by which a person sees whether alerts arrive.
    #[must_use]
    pub fn test(now: Timestamp) -> Self {
        let alert = Alert {
            key: Key::new(Kind::Test, ""),
            severity: Severity::Critical,
            text: "this is a test: alerts arrive here".to_owned(),
            since: now,
        };
        Self { what: What::Event, alert, at: now, more: 0 }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Alert { key: Key { kind, about }, text, since, .. } = &self.alert;
        let about = if about.is_empty() { String::new() } else { format!("{about}: ") };
        match self.what {
            What::Firing | What::Event => write!(f, "{about}{text}")?,
            What::Reminder => write!(f, "{about}still so, since {since:.0}: {text}")?,
            What::Resolved if *kind == Kind::Failover => {
                write!(f, "{about}hand-back: the primary does its work again")?;
            }
            What::Resolved => write!(f, "{about}over; it was: {text}")?,
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, " ({more} more were not sent: too many within an hour)"),
        }
    }
}

#[cfg(test)]
mod tests;
