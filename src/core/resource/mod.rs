//! Resources: what is wanted and what is there, in one form for every provider.

mod body;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::body::{Body, Value};
use super::{
    code::Code,
    digest::Digest,
    id::{Id, Name},
    job::{Call, Job},
    release::Release,
};

/// What says that a resource is ours. It lives on the resource itself, so there is no state file
/// to lose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The digest of the [`Body`] as we last wrote it: tells a change of the config from one that
    /// somebody else made.
    pub written: Digest,
    /// What the resource stands in for, by the name that its provider uses.
    pub backs_up: Option<String>,
}

/// How a resource is doing, as its provider saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Status {
    /// A file is where it should be. That says nothing about whether it works.
    Present,
    /// A process runs.
    Running {
        /// Its process id.
        pid: u32,
        /// When it started.
        since: Timestamp,
    },
    /// A process runs and does not do its work: it is frozen, or needs too much.
    Unwell {
        /// Its process id.
        pid: u32,
        /// When it started.
        since: Timestamp,
        /// What is wrong with it: `is frozen`.
        how: String,
        /// Whether a row of answers stands behind that, and not one look alone.
        proven: bool,
    },
    /// Its schedule will start it.
    Scheduled {
        /// When.
        next: Timestamp,
    },
    /// It ended and shall be started again.
    Down {
        /// When that was seen.
        at: Timestamp,
        /// How it ended: `exited with code 1`.
        how: String,
        /// The earliest time of the next start.
        retry_at: Timestamp,
    },
    /// It ended, and its restart policy leaves it so.
    Finished {
        /// When that was seen.
        at: Timestamp,
        /// How it ended.
        how: String,
        /// Whether it ended as one that has done its work.
        well: bool,
    },
    /// It ended too often; a person has to look.
    Failed {
        /// When it was given up.
        at: Timestamp,
        /// What happened.
        how: String,
    },
    /// It is off on purpose.
    Stopped,
    /// It is off because a person stopped it, by other means than this tool.
    StoppedByHand,
    /// It works in runs of its own, and this is what they tell.
    Job(Box<Job>),
    /// It is code that works when it is called, and this is what is known without calling it.
    Code(Code),
    /// It serves one release of all there is, and this is how that does.
    Release(Release),
}

impl Status {
    /// The status in one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Running { .. } => "running",
            Self::Unwell { .. } => "unwell",
            Self::Scheduled { .. } => "scheduled",
            Self::Down { .. } => "down",
            Self::Finished { .. } => "finished",
            Self::Failed { .. } => "failed",
            Self::Stopped | Self::StoppedByHand => "stopped",
            Self::Job(job) => job.word(),
            Self::Code(code) => code.word(),
            Self::Release(release) => release.word(),
        }
    }

    /// Since when it is so, where its provider knows.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        match self {
            Self::Running { since, .. } | Self::Unwell { since, .. } => Some(*since),
            Self::Down { at, .. } | Self::Finished { at, .. } | Self::Failed { at, .. } => {
                Some(*at)
            }
            Self::Job(job) => job.since(),
            Self::Code(code) => code.since(),
            Self::Release(release) => release.since(),
            Self::Present | Self::Scheduled { .. } | Self::Stopped | Self::StoppedByHand => None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job(job) => return job.fmt(f),
            Self::Code(code) => return code.fmt(f),
            Self::Release(release) => return release.fmt(f),
            _ => f.write_str(self.word())?,
        }
        match self {
            Self::Running { pid, .. } => write!(f, ", pid {pid}"),
            Self::Unwell { pid, how, .. } => write!(f, ", pid {pid}: {how}"),
            Self::Scheduled { next } => write!(f, " for {next:.0}"),
            Self::Down { how, .. } | Self::Finished { how, .. } | Self::Failed { how, .. } => {
                write!(f, ": {how}")
            }
            Self::StoppedByHand => f.write_str(" by hand"),
            Self::Present | Self::Stopped | Self::Job(_) | Self::Code(_) | Self::Release(_) => {
                Ok(())
            }
        }
    }
}

/// What a running resource uses and has been through: told to people, compared with nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vitals {
    /// How often it was started again.
    pub restarts: u64,
    /// How often it was heard to crash, by somebody who goes on listening. Some are started again
    /// before anybody looks.
    #[serde(default)]
    pub crashes: u64,
    /// Its memory, in bytes.
    pub memory: Option<u64>,
    /// Its share of one processor, in thousandths.
    pub cpu: Option<u32>,
    /// How its last run ended: `exited with code 1`.
    pub last_exit: Option<String>,
}

/// A resource as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actual {
    /// What it consists of.
    pub body: Body,
    /// How it does.
    pub status: Status,
    /// Whether it is ours.
    pub mark: Option<Mark>,
    /// What it uses, where its provider tells.
    pub vitals: Option<Vitals>,
}

/// Whether a wanted resource should be doing its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Run {
    /// On: running, waiting for its schedule, or, for a file, simply there.
    On,
    /// There, and not running: a backup that is not on duty, or one switched off in the config.
    Off,
    /// Not decided yet: it is neither made nor changed, neither started nor stopped.
    AsIs,
}

/// Field of a body of files that were generated: the digest of everything that they were generated from.
/// While it stays the same, generating anew would come to the same text.
pub const MADE_FROM: &str = "made_from";

/// A resource as the config wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What it shall consist of. None: that is not ours to say, only whether it runs.
    pub body: Option<Body>,
    /// Whether it shall run.
    pub run: Run,
    /// Whether it is started again even when a person stopped it.
    pub insist: bool,
    /// Whether duty calls it just now: then it is started whoever stopped it.
    pub called: bool,
    /// What it is to do now, where it works in runs of its own.
    pub call: Option<Call>,
    /// What it stands in for, by the name that its provider uses.
    pub backs_up: Option<String>,
    /// Fields that may change while it runs; a difference in any other field needs a restart.
    pub hot_fields: &'static [&'static str],
}

impl Wanted {
    /// Whether it is a text that follows from its primary's, as that of a backup does, and that of what
    /// stands in front of a primary.
    #[must_use]
    pub fn is_made_from_primary(&self) -> bool {
        let is_made = |it: &Body| !it.files.is_empty() && it.fields.contains_key(MADE_FROM);
        self.body.as_ref().is_some_and(is_made)
    }

    /// Something of ours, to consist of `body`.
    #[must_use]
    pub fn ours(body: Body, run: Run) -> Self {
        Self { body: Some(body), ..Self::not_ours(run) }
    }

    /// Something that is not ours to make: only whether it runs is wanted.
    #[must_use]
    pub fn not_ours(run: Run) -> Self {
        Self {
            body: None,
            run,
            insist: false,
            called: false,
            call: None,
            backs_up: None,
            hot_fields: &[],
        }
    }
}

/// What one provider wants, given the config and what it saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// What shall be there.
    pub wanted: BTreeMap<Name, Wanted>,
    /// What is asked for and can't be made, with the reason. If it exists it is kept.
    pub impossible: BTreeMap<Name, String>,
    /// What is asked for and could not be seen although the rest could, with the reason. Nobody
    /// knows whether it is there.
    pub unseen: BTreeMap<Name, String>,
    /// What would be made anew if what it is made from were known to work, with what is known of
    /// that. It is wanted as it is.
    pub unproven: BTreeMap<Name, String>,
}

/// What the config asks for, of all providers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// What shall be there.
    pub wanted: BTreeMap<Id, Wanted>,
    /// What is asked for and can't be made, with the reason. If it exists it is kept.
    pub impossible: BTreeMap<Id, String>,
    /// What is asked for and could not be seen although the rest could, with the reason. Nobody
    /// knows whether it is there.
    pub unseen: BTreeMap<Id, String>,
    /// What would be made anew if what it is made from were known to work, with what is known of
    /// that. It is wanted as it is.
    pub unproven: BTreeMap<Id, String>,
}

impl Desired {
    /// Replaces what `provider` wants.
    pub fn set(&mut self, provider: &Name, wishes: Wishes) {
        let id = |name| Id::new(provider.clone(), name);
        self.wanted.retain(|id, _| id.provider != *provider);
        self.impossible.retain(|id, _| id.provider != *provider);
        self.unseen.retain(|id, _| id.provider != *provider);
        self.unproven.retain(|id, _| id.provider != *provider);
        self.wanted.extend(wishes.wanted.into_iter().map(|(name, it)| (id(name), it)));
        self.impossible.extend(wishes.impossible.into_iter().map(|(name, it)| (id(name), it)));
        self.unseen.extend(wishes.unseen.into_iter().map(|(name, it)| (id(name), it)));
        self.unproven.extend(wishes.unproven.into_iter().map(|(name, it)| (id(name), it)));
    }

    /// What the wanted resource `backup` stands in for, if it stands in for anything: something of its
    /// own provider, where that is not named.
    #[must_use]
    pub fn primary_of(&self, backup: &Id) -> Option<Id> {
        let primary = self.wanted.get(backup)?.backs_up.as_deref()?;
        let here = || Some(Id::new(backup.provider.clone(), primary.parse().ok()?));
        primary.parse().ok().or_else(here)
    }

    /// What is wanted to stand in for `primary`, if anything is.
    #[must_use]
    pub fn backup_of(&self, primary: &Id) -> Option<&Id> {
        self.wanted.keys().find(|it| self.primary_of(it).as_ref() == Some(primary))
    }
}

/// What one provider found, primaries and leftovers of ours included.
pub type Sightings = BTreeMap<Name, Actual>;

/// What was seen of all providers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// What is there.
    pub found: BTreeMap<Id, Actual>,
    /// The providers that could not be asked, and why. Nothing is known about what they hold.
    pub blind: BTreeMap<Name, String>,
    /// The providers of which something could not be seen although the rest could, and why.
    pub unseen: BTreeMap<Name, String>,
    /// What runs and has a probe that says neither that it does its work nor that it does not, as it has
    /// not been asked often enough yet.
    pub unproven: BTreeSet<Id>,
    /// What was ours at the providers that can't be asked, when they last could be.
    pub lost_sight_of: BTreeSet<Id>,
}

impl Observed {
    /// Whether nobody can see how `id` is, in view of what was asked for: its provider could not be asked,
    /// or did not tell.
    #[must_use]
    pub fn is_unseen(&self, id: &Id, desired: &Desired) -> bool {
        self.blind.contains_key(&id.provider) || desired.unseen.contains_key(id)
    }

    /// Replaces what is known of `provider`: what it found, or why it could not be asked.
    pub fn set(&mut self, provider: &Name, look: Result<Sightings, String>) {
        let before = self.found.extract_if(.., |id, _| id.provider == *provider);
        let ours = before.filter(|(_, it)| it.mark.is_some()).map(|(id, _)| id);
        self.lost_sight_of.extend(ours);
        self.blind.remove(provider);
        match look {
            Ok(found) => {
                self.lost_sight_of.retain(|id| id.provider != *provider);
                let id = |name| Id::new(provider.clone(), name);
                self.found.extend(found.into_iter().map(|(name, actual)| (id(name), actual)));
            }
            Err(why) => {
                self.blind.insert(provider.clone(), why);
            }
        }
    }
}

#[cfg(test)]
mod tests;
