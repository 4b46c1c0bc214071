//! Changes: what a plan consists of, each with its reason, and what it leaves alone and why.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    id::{Id, Name},
    resource::{Body, Run},
};

/// One change of one resource. Making it twice does no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Change {
    /// Make what is not there.
    Create {
        /// What it shall consist of.
        to: Body,
        /// Whether it shall run at once.
        run: Run,
        /// What it stands in for, as its mark will say.
        backs_up: Option<String>,
    },
    /// Change what it consists of.
    Update {
        /// What was seen.
        from: Body,
        /// What it shall consist of.
        to: Body,
        /// What it stands in for, as its mark will say.
        backs_up: Option<String>,
        /// Whether it is running and has to be restarted for that.
        restart: bool,
    },
    /// Remove it, stopping it first.
    Delete {
        /// What was seen.
        from: Body,
    },
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop what runs and does not do its work, and start it again.
    Restart,
}

impl Change {
    /// The change in one word.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::Delete { .. } => "delete",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }
}

/// Why a change is planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// The config asks for it, and it is not there.
    Missing,
    /// The config has changed since we wrote it.
    ConfigChanged,
    /// It is made from its primary, and that, or the config, has changed since we wrote it.
    OutOfDate,
    /// Somebody else changed it since we wrote it.
    ChangedByHand,
    /// Both of the last two.
    ChangedOnBothSides,
    /// A person asked for it to become ours.
    Adopted,
    /// A person asked for its hand-made changes to be overwritten.
    Overwritten,
    /// The config no longer asks for it.
    Removed,
    /// It should run and does not.
    NotRunning {
        /// How it is instead.
        how: String,
    },
    /// It failed, and whoever runs it gave it up: a further attempt.
    Recovery {
        /// How it failed.
        how: String,
    },
    /// It should be off and is not.
    ShouldBeOff,
    /// It does the work once instead of its primary.
    StandsIn {
        /// Of whom, and why: `ci.yml, which failed`.
        how: String,
    },
    /// Its pair's duty comes to it.
    OnDuty,
    /// Its pair's duty goes to the other one.
    OffDuty,
    /// It says who is on duty, and that is another one from now on.
    DutyMoves {
        /// Whose duty, where to, and why.
        how: String,
    },
    /// Its schedule says that it is time.
    Due,
    /// A person asked for it on the command line.
    Asked,
    /// Too few of all components are healthy, and it is one of those that are not.
    Emergency {
        /// How it is: `exited with code 1`.
        how: String,
    },
}

/// Where a difference comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Somebody asked for it, in the config or on the command line.
    Config,
    /// Nobody asked for it: the world moved.
    Drift,
}

impl Reason {
    /// Where the difference comes from.
    #[must_use]
    pub fn origin(&self) -> Origin {
        match self {
            Self::Missing
            | Self::ConfigChanged
            | Self::OutOfDate
            | Self::ChangedOnBothSides
            | Self::Adopted
            | Self::Overwritten
            | Self::Removed
            | Self::Due
            | Self::Asked => Origin::Config,
            Self::ChangedByHand
            | Self::NotRunning { .. }
            | Self::Recovery { .. }
            | Self::Emergency { .. }
            | Self::ShouldBeOff
            | Self::StandsIn { .. }
            | Self::DutyMoves { .. }
            | Self::OnDuty
            | Self::OffDuty => Origin::Drift,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the config asks for it and it is not there",
            Self::ConfigChanged => "the config has changed",
            Self::OutOfDate => "out of date: its primary, or the config, has changed",
            Self::ChangedByHand => "drift: somebody changed it",
            Self::ChangedOnBothSides => "the config and somebody by hand have changed it",
            Self::Adopted => "you asked to adopt it",
            Self::Overwritten => "you asked to overwrite the changes made by hand",
            Self::Removed => "the config no longer asks for it",
            Self::NotRunning { how } => return write!(f, "drift: it should run, and {how}"),
            Self::Recovery { how } => return write!(f, "recovery: it {how}"),
            Self::StandsIn { how } => return write!(f, "it stands in for {how}"),
            Self::DutyMoves { how } => return write!(f, "duty moves: {how}"),
            Self::Emergency { how } => return write!(f, "emergency recovery: it {how}"),
            Self::ShouldBeOff => "it should be off",
            Self::OnDuty => "it comes on duty",
            Self::OffDuty => "it goes off duty",
            Self::Due => "its schedule says now",
            Self::Asked => "you asked for it",
        })
    }
}

/// A change that is planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What is changed.
    pub id: Id,
    /// The change.
    #[serde(flatten)]
    pub change: Change,
    /// Why.
    #[serde(flatten)]
    pub reason: Reason,
}

/// Something that is left as it is although it differs, or although nobody knows whether it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What is left alone.
    pub id: Id,
    /// Why.
    #[serde(flatten)]
    pub why: Why,
}

/// Why a resource is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// Its provider could not be asked, so nothing is known.
    Blind {
        /// What went wrong.
        reason: String,
    },
    /// Something of that name is there and is not ours.
    NotOurs,
    /// It is ours, and somebody has edited it since we wrote it.
    EditedByHand {
        /// What it consists of now.
        from: Body,
        /// What we would make of it; nothing where it would be removed.
        to: Body,
    },
    /// The config asks for something that can't be made.
    Impossible {
        /// What is in the way.
        reason: String,
    },
    /// What it is made from has changed, and is not known to work as it is now.
    NotProven {
        /// What is known of it: `send-mail has changed and has not passed its test yet`.
        how: String,
    },
    /// The plan would delete too much at once.
    TooManyDeletions {
        /// How many resources the plan would delete.
        deletions: usize,
        /// How many are managed now.
        managed: usize,
    },
    /// It ended, and waits before it is started again.
    Resting {
        /// How it ended.
        how: String,
        /// When it will be started.
        until: Timestamp,
    },
    /// It ended too often and was given up.
    GivenUp {
        /// What happened.
        how: String,
    },
    /// A person stopped it, and the config does not say that it has to run all the same.
    StoppedByHand,
    /// Which of its pair should run is not decided.
    Undecided,
    /// A person asked that it be left alone for a while.
    Paused {
        /// How long.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// Most of what was lately tried at a provider failed, so nothing is tried there for a while.
    BreakerOpen {
        /// The provider.
        provider: Name,
        /// How many of the changes failed.
        failed: u32,
        /// Of how many that were tried.
        tried: u32,
        /// When it may be tried again.
        until: Timestamp,
    },
    /// That while is over, and one other change is made there before this one: to see whether the
    /// provider works again.
    BreakerHalfOpen {
        /// The provider.
        provider: Name,
    },
}

impl Why {
    /// Whether a person has to do something about it. Resting ends by itself.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        match self {
            Self::Blind { .. }
            | Self::NotOurs
            | Self::EditedByHand { .. }
            | Self::Impossible { .. }
            | Self::NotProven { .. }
            | Self::TooManyDeletions { .. }
            | Self::GivenUp { .. }
            | Self::StoppedByHand => true,
            Self::Resting { .. }
            | Self::Undecided
            | Self::Paused { .. }
            | Self::BreakerOpen { .. }
            | Self::BreakerHalfOpen { .. } => false,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blind { reason } => write!(f, "its provider could not be asked: {reason}"),
            Self::NotOurs => f.write_str("something of that name is there and is not ours"),
            Self::EditedByHand { .. } => f.write_str("somebody has edited it since we wrote it"),
            Self::Impossible { reason } => f.write_str(reason),
            Self::NotProven { how } => write!(f, "{how}; until then it stays as it is"),
            Self::TooManyDeletions { deletions, managed } => {
                write!(f, "{deletions} of the {managed} managed resources would be deleted at once")
            }
            Self::Resting { how, until } => {
                write!(f, "{how}; it rests and is tried again at {until:.0}")
            }
            Self::GivenUp { how } => write!(f, "given up: {how}"),
            Self::StoppedByHand => f.write_str("somebody stopped it by hand"),
            Self::Undecided => f.write_str("which of its pair should run is not decided yet"),
            Self::Paused { until, reason } => {
                write!(f, "paused until {until:.0}")?;
                if reason.is_empty() { Ok(()) } else { write!(f, ": {reason}") }
            }
            Self::BreakerOpen { provider, failed, tried, until } => write!(
                f,
                "{failed} of the last {tried} changes at {provider} failed; it rests until \
                 {until:.0}"
            ),
            Self::BreakerHalfOpen { provider } => {
                write!(f, "one change at a time is tried at {provider} until one works")
            }
        }
    }
}
