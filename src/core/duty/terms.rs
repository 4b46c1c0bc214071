//! The terms in which the duty of a pair is told: its sides, where duty is, what a look says of it, and
//! what people may ask.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::core::evidence::Sight;

/// One of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The automation that there was first.
    Primary,
    /// Its stand-in.
    Backup,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Primary => Self::Backup,
            Self::Backup => Self::Primary,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Primary => "primary",
            Self::Backup => "backup",
        })
    }
}

/// What both sides of a pair have one of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Both<T> {
    /// The primary's.
    pub primary: T,
    /// The backup's.
    pub backup: T,
}

impl<T> Both<T> {
    /// The one of `side`.
    pub fn of(&self, side: Side) -> &T {
        match side {
            Side::Primary => &self.primary,
            Side::Backup => &self.backup,
        }
    }

    /// The one of `side`, to be changed.
    pub fn of_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Primary => &mut self.primary,
            Side::Backup => &mut self.backup,
        }
    }
}

/// Where duty is, or where it is on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not known yet: what runs is found out first.
    #[default]
    Recover,
    /// This side is on duty.
    On(Side),
    /// This side goes off duty: it is stopped, and that is to be proven.
    Fence(Side),
    /// This side comes on duty: it is started, and has to be well for a while.
    Start(Side),
    /// The side that should go off duty could not be proven stopped. Nothing is started.
    Blocked,
    /// A person asked that nothing be moved.
    Paused,
}

/// What keeps duty from moving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stuck {
    /// So many failovers within the window are all that is allowed.
    BudgetSpent,
    /// The other side is broken too, or not there.
    OtherBroken,
    /// Most of what its provider has went bad at once: that is rather the fault of the look.
    Storm,
    /// Nothing allows to stop the primary.
    NoControl,
    /// The hand-back waits for a person.
    WaitsForPerson,
}

/// What is seen of a pair in one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Each side.
    pub sight: Both<Sight>,
    /// Whether no earlier command can still take effect.
    pub settled: bool,
    /// Whether what looks bad may be the fault of the look.
    pub storm: bool,
    /// Whether a person asked that nothing be moved.
    pub paused: bool,
    /// Whether the stopped primary is known to be able to work, where something can tell.
    pub precheck: Option<bool>,
    /// What a person asked for.
    pub asked: Option<Asked>,
}

/// What a person can ask of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// Duty to the backup.
    FailOver,
    /// Duty to the primary.
    HandBack,
    /// What could not be proven stopped is stopped: the person knows.
    AssumeStopped,
}

/// Whether a side should run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Want {
    /// It should.
    On,
    /// It should not.
    Off,
    /// That is not decided: it is neither started nor stopped.
    AsIs,
}
