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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::core::{
        duty::{Cause, Side},
        emergency::Share,
    };

    #[test]
    fn what_a_person_should_hear_of_at_once_is_told_apart_with_what_it_is_about() {
        let backup: Id = "p/b".parse().unwrap();
        let duty = |news| News::Duty { backup: backup.clone(), news };
        let how = "was killed".to_owned();
        let cause = Cause::Failing { side: Side::Primary, how };
        let (share, since) = (Share { healthy: 1, known: 4 }, Timestamp::UNIX_EPOCH);
        let handed =
            job::News::HandsBack { primary: "p/a".parse().unwrap(), why: None, by_person: false };
        for (news, is_alert, of, told) in [
            (
                duty(duty::News::Moves { to: Side::Backup, cause }),
                true,
                Some(&backup),
                "duty goes to the backup: the primary was killed",
            ),
            (duty(duty::News::Paused), false, Some(&backup), "paused: nothing is changed"),
            (
                News::Job { backup: backup.clone(), news: handed },
                false,
                Some(&backup),
                "hands back to p/a, which is well again",
            ),
            (
                News::Emergency(Declared { share, since }),
                true,
                None,
                "emergency: only 1 of 4 components are healthy, and too few have been since",
            ),
        ] {
            assert_eq!((news.is_alert(), news.id()), (is_alert, of), "{news:?}");
            assert!(news.to_string().starts_with(told), "{news}");
        }
    }
}
