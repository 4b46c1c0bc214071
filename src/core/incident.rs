//! Incidents: how often what failed is tried again before a person is called.
//!
//! An incident begins with the first attempt at recovery and ends when the resource has been well
//! for long enough. Within it there are so many attempts and no more, each after a longer rest.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    backoff::Backoff,
    change::{Held, Reason, Step, Why},
    digest::Digest,
    id::Id,
    plan::Plan,
    span::{after, signed},
};

/// The rules of recovery.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Attempts an incident.
    pub attempts: u32,
    /// The longest rest before each.
    pub backoff: Backoff,
    /// How long a resource has to be well for its incident to be over.
    pub calm: Duration,
}

/// The incidents that are not over. They outlive the controller, in the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incidents(BTreeMap<Id, Incident>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Incident {
    /// How often recovery was tried.
    attempts: u32,
    /// When it was tried last.
    at: Timestamp,
    /// When it was first seen to have failed after that.
    #[serde(default)]
    failed_at: Option<Timestamp>,
    /// Since when the resource has been well, if it is.
    well_since: Option<Timestamp>,
}

impl Incidents {
    /// Brings the incidents up to what was seen at `now`: those of resources that have been well
    /// for long enough are over. A resource that could not be seen is neither well nor unwell.
    pub fn see(&mut self, well: impl Fn(&Id) -> Option<bool>, policy: &Policy, now: Timestamp) {
        self.0.retain(|id, incident| {
            // Where the clock was set back, a rest and a calm begin now.
            incident.at = incident.at.min(now);
            incident.failed_at = incident.failed_at.map(|it| it.min(now));
            match well(id) {
                None => true,
                Some(false) => {
                    incident.well_since = None;
                    incident.failed_at.get_or_insert(now);
                    true
                }
                Some(true) => {
                    let since = incident.well_since.map_or(now, |it| it.min(now));
                    incident.well_since = Some(since);
                    now.duration_since(since) < signed(policy.calm)
                }
            }
        });
    }

    /// Forgets the incidents of what is not wanted, or not wanted to run, any more.
    pub fn keep_only(&mut self, wanted: impl Fn(&Id) -> bool) {
        self.0.retain(|id, _| wanted(id));
    }

    /// Holds the recoveries of `plan` that rest, and those that were tried often enough.
    pub fn hold(&self, plan: &mut Plan, policy: &Policy, now: Timestamp) {
        plan.lanes.retain(|lane| {
            let Some(how) = recovers(lane) else { return true };
            let id = &lane[0].id;
            let why = match self.0.get(id) {
                _ if policy.attempts == 0 => Why::GivenUp { how: how.to_owned() },
                Some(it) if it.attempts >= policy.attempts => {
                    Why::GivenUp { how: format!("{how}; attempts at recovery: {}", it.attempts) }
                }
                Some(it) => {
                    let until = it.next(id, &policy.backoff, now);
                    if until <= now {
                        return true;
                    }
                    Why::Resting { how: how.to_owned(), until }
                }
                None => return true,
            };
            plan.held.push(Held { id: id.clone(), why });
            false
        });
        plan.held.sort_by(|a, b| a.id.cmp(&b.id));
    }

    /// How often recovery of a resource was tried in the incident that it is in, and when last.
    #[must_use]
    pub fn tried(&self, id: &Id) -> Option<(u32, Timestamp)> {
        self.0.get(id).map(|it| (it.attempts, it.at))
    }

    /// Notes that a lane is about to be tried. True when it is an attempt at recovery.
    pub fn note(&mut self, lane: &[Step], now: Timestamp) -> bool {
        if recovers(lane).is_none() {
            return false;
        }
        let fresh = Incident { attempts: 0, at: now, failed_at: None, well_since: None };
        let incident = self.0.entry(lane[0].id.clone()).or_insert(fresh);
        incident.attempts = incident.attempts.saturating_add(1);
        incident.at = now;
        incident.failed_at = None;
        incident.well_since = None;
        true
    }
}

impl Incident {
    /// The earliest time of the next attempt: after a part of the whole rest, counted from the
    /// failure, so that what failed together is not tried together.
    fn next(&self, id: &Id, backoff: &Backoff, now: Timestamp) -> Timestamp {
        // `rest` counts failures: the one that began it all, and each attempt.
        let whole = backoff.rest(self.attempts.saturating_add(1));
        let rest = whole.mul_f64(share(id, self.attempts, self.at));
        let failed_at = self.failed_at.unwrap_or(self.at).min(now);
        after(failed_at, rest)
    }
}

/// A number from 0 to 1 that looks random, and is the same for the same attempt: a plan that is
/// made twice says the same.
fn share(id: &Id, attempts: u32, at: Timestamp) -> f64 {
    let digest = Digest::of([id.to_string(), attempts.to_string(), at.to_string()]).to_string();
    let number = digest.get(..8).and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or(0);
    f64::from(number) / f64::from(u32::MAX)
}

/// How what a lane recovers has failed, if it is a recovery.
fn recovers(lane: &[Step]) -> Option<&str> {
    lane.iter().find_map(|step| match &step.reason {
        Reason::Recovery { how } => Some(how.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::change::Change;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    const POLICY: Policy = Policy {
        attempts: 3,
        backoff: Backoff {
            initial: Duration::from_secs(10),
            factor: 2.0,
            max: Duration::from_mins(1),
        },
        calm: Duration::from_mins(2),
    };

    fn plan() -> Plan {
        let step = Step {
            id: "p/x".parse().unwrap(),
            change: Change::Start,
            reason: Reason::Recovery { how: "exited with code 1".to_owned() },
        };
        Plan { lanes: vec![vec![step]], held: Vec::new() }
    }

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(n).unwrap()
    }

    /// Tries whatever may be tried in each of `seconds`; the seconds in which it was.
    fn tried(incidents: &mut Incidents, seconds: std::ops::Range<i64>) -> Vec<i64> {
        let mut tried = Vec::new();
        for now in seconds {
            incidents.see(|_| Some(false), &POLICY, second(now));
            let mut plan = plan();
            incidents.hold(&mut plan, &POLICY, second(now));
            if let [lane] = plan.lanes.as_slice() {
                assert!(incidents.note(lane, second(now)));
                tried.push(now);
            }
        }
        tried
    }

    #[test]
    fn what_fails_is_tried_three_times_and_then_a_person_is_called() {
        let mut incidents = Incidents::default();
        let tried = tried(&mut incidents, 0..100);
        assert_eq!(tried.len(), 3, "{tried:?}");
        assert_eq!(tried[0], 0, "the first attempt rests nothing");
        assert!(tried[1] <= 11 && tried[2] - tried[1] <= 21, "{tried:?}");
        let x = "p/x".parse().unwrap();
        assert_eq!(incidents.tried(&x), Some((3, second(tried[2]))));
        assert_eq!(incidents.tried(&"p/y".parse().unwrap()), None);
        let mut plan = plan();
        incidents.hold(&mut plan, &POLICY, second(1_000_000));
        let how = "exited with code 1; attempts at recovery: 3".to_owned();
        assert_eq!(plan.held[0].why, Why::GivenUp { how });
    }

    #[test]
    fn only_a_calm_that_lasts_ends_an_incident() {
        let mut incidents = Incidents::default();
        tried(&mut incidents, 0..100);
        let after = |well: &[(i64, Option<bool>)]| {
            let mut incidents = incidents.clone();
            for (at, well) in well {
                incidents.see(|_| *well, &POLICY, second(*at));
            }
            incidents.0.is_empty()
        };
        assert!(after(&[(100, Some(true)), (220, Some(true))]));
        assert!(!after(&[(100, Some(true)), (219, Some(true))]));
        assert!(!after(&[(100, Some(true)), (150, Some(false)), (220, Some(true))]));
        assert!(!after(&[(100, None), (1000, None)]), "what can't be seen is not well");
        assert!(!after(&[(1000, Some(true)), (10, Some(true)), (20, Some(true))]), "a clock back");
    }

    #[test]
    fn a_rest_begins_with_the_failure_and_not_with_the_attempt() {
        let mut incidents = Incidents::default();
        incidents.note(&plan().lanes[0], second(0));
        incidents.see(|_| Some(true), &POLICY, second(1));
        incidents.see(|_| Some(false), &POLICY, second(100));
        let incident = &incidents.0.values().next().unwrap();
        let next = incident.next(&"p/x".parse().unwrap(), &POLICY.backoff, second(100));
        assert!(next > second(100) && next <= second(110), "{next}");
    }

    #[test]
    fn a_rest_is_over_at_its_end_and_ends_at_another_time_for_another_resource() {
        let mut incidents = Incidents::default();
        incidents.note(&plan().lanes[0], second(0));
        let why = |incidents: &Incidents, now| {
            let mut plan = plan();
            incidents.hold(&mut plan, &POLICY, now);
            plan.held.pop().map(|it| it.why)
        };
        let Some(Why::Resting { until, .. }) = why(&incidents, second(0)) else {
            panic!("it rests")
        };
        assert!(why(&incidents, until - SignedDuration::from_nanos(1)).is_some());
        assert_eq!(why(&incidents, until), None);
        let share = |id: &str| share(&id.parse().unwrap(), 1, second(0));
        assert!(share("p/x") < 1.0 && (share("p/x") - share("p/y")).abs() > 0.01);
        incidents.keep_only(|_| true);
        assert!(why(&incidents, second(0)).is_some());
        incidents.keep_only(|_| false);
        assert_eq!(why(&incidents, second(0)), None, "it is not wanted any more");
    }

    #[test]
    fn a_clock_set_back_ends_no_recovery() {
        let mut incidents = Incidents::default();
        assert_eq!(tried(&mut incidents, 1_000_000..1_000_001).len(), 1);
        assert_eq!(tried(&mut incidents, 0..100).len(), 2, "the other attempts are made too");
    }

    #[test]
    fn incidents_outlive_the_program() {
        let mut incidents = Incidents::default();
        tried(&mut incidents, 0..100);
        let text = serde_json::to_string(&incidents).unwrap();
        assert_eq!(serde_json::from_str::<Incidents>(&text).unwrap(), incidents);
    }

    #[test]
    fn other_changes_are_not_counted() {
        let mut other = plan();
        other.lanes[0][0].reason = Reason::Missing;
        let mut incidents = Incidents::default();
        assert!(!incidents.note(&other.lanes[0], second(0)));
        let before = other.clone();
        incidents.hold(&mut other, &Policy { attempts: 0, ..POLICY }, second(0));
        assert_eq!(other, before);
    }

    proptest! {
        #[test]
        fn no_rest_is_longer_than_the_limit_wherever_the_clock_goes(
            attempts in 1u32..100, at in -1_000_000i64..1_000_000, now in -1_000_000i64..1_000_000,
        ) {
            let incident = Incident { attempts, at: second(at), failed_at: None, well_since: None };
            let next = incident.next(&"p/x".parse().unwrap(), &POLICY.backoff, second(now));
            prop_assert!(next >= second(at.min(now)));
            prop_assert!(next <= second(now) + signed(POLICY.backoff.max));
        }
    }
}
