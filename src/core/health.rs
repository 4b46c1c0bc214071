//! Health: what is known about how a resource does, in five honest words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    id::Id,
    resource::{Desired, Observed, Run, Status},
};

/// How a resource does. What could not be seen is [`Health::Unknown`], never healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It does its work.
    Healthy,
    /// Off on purpose.
    Stopped,
    /// Nobody could see.
    Unknown,
    /// It does not do its work; recovery is possible.
    Unhealthy,
    /// It does not do its work, and a person has to look.
    Failed,
}

impl Health {
    /// All of them, the best first.
    pub const ALL: [Self; 5] =
        [Self::Healthy, Self::Stopped, Self::Unknown, Self::Unhealthy, Self::Failed];

    /// The health of something that should be as `wanted` says and was seen in `status`, if it was
    /// seen at all.
    #[must_use]
    pub fn of(wanted: Run, status: Option<&Status>) -> Self {
        match (wanted, status) {
            // A file that exists says nothing about whether it works when it is needed.
            (_, None | Some(Status::Present)) => Self::Unknown,
            (_, Some(Status::Job(job))) => job.health(),
            (_, Some(Status::Code(code))) => code.health(),
            (_, Some(Status::Release(release))) => release.health(),
            (Run::On | Run::AsIs, Some(Status::Running { .. } | Status::Scheduled { .. })) => {
                Self::Healthy
            }
            (_, Some(Status::Finished { well: true, .. } | Status::StoppedByHand))
            | (Run::Off | Run::AsIs, Some(Status::Stopped)) => Self::Stopped,
            (Run::On, Some(Status::Stopped))
            | (Run::On | Run::AsIs, Some(Status::Down { .. } | Status::Unwell { .. }))
            | (Run::Off, Some(_)) => Self::Unhealthy,
            (
                Run::On | Run::AsIs,
                Some(Status::Failed { .. } | Status::Finished { well: false, .. }),
            ) => Self::Failed,
        }
    }

    /// The health of something that should be as `wanted` says, in view of what was seen of it. What runs and
    /// has not answered its probe yet is not known to do its work.
    #[must_use]
    pub fn seen(wanted: Run, observed: &Observed, id: &Id) -> Self {
        match Self::of(wanted, observed.found.get(id).map(|it| &it.status)) {
            Self::Healthy if observed.unproven.contains(id) => Self::Unknown,
            health => health,
        }
    }

    /// The health of a resource in view of all that was seen.
    #[must_use]
    pub fn in_view(desired: &Desired, observed: &Observed, id: &Id) -> Self {
        let wanted = desired.wanted.get(id);
        match observed.found.get(id) {
            Some(_) => Self::seen(wanted.map_or(Run::On, |it| it.run), observed, id),
            None if observed.is_unseen(id, desired) => Self::Unknown,
            // It can't be made.
            None if wanted.is_none() => Self::Failed,
            // It is missing.
            None => Self::Unhealthy,
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Healthy => "healthy",
            Self::Stopped => "stopped",
            Self::Unknown => "unknown",
            Self::Unhealthy => "unhealthy",
            Self::Failed => "failed",
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::core::resource::{Actual, Body};

    #[test]
    fn each_health_has_its_word() {
        let words = Health::ALL.map(|it| it.to_string());
        assert_eq!(words, ["healthy", "stopped", "unknown", "unhealthy", "failed"]);
        assert_eq!(format!("{:8}|", Health::Failed), "failed  |");
    }

    #[test]
    fn what_has_yet_to_answer_is_not_known_to_be_well_and_may_be_known_to_be_unwell() {
        let id: Id = "p/w".parse().unwrap();
        let seen = |status, unproven: bool| {
            let actual = Actual { body: Body::default(), status, mark: None, vitals: None };
            let observed = Observed {
                found: [(id.clone(), actual)].into(),
                unproven: unproven.then(|| id.clone()).into_iter().collect(),
                ..Observed::default()
            };
            Health::seen(Run::On, &observed, &id)
        };
        let since = Timestamp::UNIX_EPOCH;
        let running = || Status::Running { pid: 1, since };
        assert_eq!(seen(running(), false), Health::Healthy);
        assert_eq!(seen(running(), true), Health::Unknown);
        let how = "fails its probe".to_owned();
        let unwell = Status::Unwell { pid: 1, since, how, proven: true };
        assert_eq!(seen(unwell, true), Health::Unhealthy);
        assert_eq!(Health::seen(Run::On, &Observed::default(), &id), Health::Unknown);
    }
}
