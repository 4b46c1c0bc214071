//! Which backups stand in for their primaries: remembered, so that it is told when it begins and
//! when it ends.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::core::{
    health::Health,
    id::Id,
    resource::{Desired, Observed, Status},
};

/// The backups that stand in, by their ids. They outlive the controller, in the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Covers(BTreeMap<Id, Cover>);

/// A backup that stands in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cover {
    /// For whom.
    pub primary: Id,
    /// Since when.
    pub since: Timestamp,
    /// What was wrong with the primary then.
    pub how: String,
}

/// What there is to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A backup stands in.
    StandsIn(Cover),
    /// Its primary does its work again.
    HandsBack {
        /// The primary.
        primary: Id,
    },
}

impl Covers {
    /// Brings them up to what was seen; what is new, each with its backup.
    ///
    /// A backup stands in until its primary is seen to be well: what could not be seen, or waits for
    /// its next run, hands nothing back.
    pub fn see(
        &mut self,
        desired: &Desired,
        observed: &Observed,
        now: Timestamp,
    ) -> Vec<(Id, News)> {
        let mut news = Vec::new();
        self.0.retain(|id, _| desired.wanted.contains_key(id) || !observed.found.contains_key(id));
        for (id, wanted) in &desired.wanted {
            let Some(primary) = desired.primary_of(id) else { continue };
            let Some(Status::Job(job)) = observed.found.get(&primary).map(|it| &it.status) else {
                continue;
            };
            if wanted.called && !self.0.contains_key(id) {
                let cover = Cover { primary, since: now, how: job.to_string() };
                self.0.insert(id.clone(), cover.clone());
                news.push((id.clone(), News::StandsIn(cover)));
            } else if job.health() == Health::Healthy && self.0.remove(id).is_some() {
                news.push((id.clone(), News::HandsBack { primary }));
            }
        }
        news
    }

    /// Whether some backup stands in for `primary`.
    #[must_use]
    pub fn stand_in_for(&self, primary: &Id) -> bool {
        self.0.values().any(|it| it.primary == *primary)
    }

    /// What is known of the standing-in of a backup, if it stands in.
    #[must_use]
    pub fn of(&self, backup: &Id) -> Option<&Cover> {
        self.0.get(backup)
    }
}

impl News {
    /// Whether a person should hear of it at once.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        matches!(self, Self::StandsIn(_))
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandsIn(Cover { primary, how, .. }) => {
                write!(f, "stands in for {primary} ({how})")
            }
            Self::HandsBack { primary } => {
                write!(f, "hands back to {primary}, which is well again")
            }
        }
    }
}
