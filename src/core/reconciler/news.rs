//! What there is to tell of a decision.

use std::fmt;

use crate::core::{duty, emergency::Declared, id::Id, job, storm};

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Of the duty of a pair.
    Duty {
        /// Its backup.
        backup: Id,
        /// What.
        news: duty::News,
    },
    /// Of the backup of a job.
    Job {
        /// The backup.
        backup: Id,
        /// What.
        news: job::News,
    },
    /// Most of what a provider has went bad at once, or that is over.
    Storm(storm::News),
    /// Too few components are healthy.
    Emergency(Declared),
}

impl News {
    /// Whether a person should hear of it at once.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        match self {
            Self::Duty { news, .. } => news.is_alert(),
            Self::Job { news, .. } => news.is_alert(),
            Self::Storm(news) => news.is_alert(),
            Self::Emergency(_) => true,
        }
    }

    /// What it is about, where that is one resource.
    #[must_use]
    pub fn id(&self) -> Option<&Id> {
        match self {
            Self::Duty { backup, .. } | Self::Job { backup, .. } => Some(backup),
            Self::Storm(_) | Self::Emergency(_) => None,
        }
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duty { backup, news } => news.about(backup).fmt(f),
            Self::Job { news, .. } => news.fmt(f),
            Self::Storm(news) => news.fmt(f),
            Self::Emergency(declared) => declared.fmt(f),
        }
    }
}
