//! Retries: a change that did not work, or did not hold, rests before it is made again.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    backoff::Backoff,
    change::{Held, Step, Why},
    id::Id,
    plan::Plan,
    span,
};

/// What the watch tried lately and is still planned.
#[derive(Debug, Clone, Default)]
pub struct Attempts(BTreeMap<Id, Attempt>);

#[derive(Debug, Clone)]
struct Attempt {
    lane: Vec<Step>,
    /// Attempts at exactly this in a row.
    count: u32,
    at: Timestamp,
    how: String,
}

impl Attempts {
    /// Holds the lanes of `plan` whose time to be tried again has not come, and forgets what is no
    /// longer planned: that worked, or nobody wants it any more. A lane that differs from the one
    /// tried before is tried at once. What `is_kept` is not planned, and not forgotten: it is in hand
    /// just now, or could not be seen.
    pub fn hold_resting(
        &mut self,
        plan: &mut Plan,
        is_kept: impl Fn(&Id) -> bool,
        backoff: &Backoff,
        now: Timestamp,
    ) {
        let planned: BTreeMap<&Id, &Vec<Step>> =
            plan.lanes.iter().map(|lane| (&lane[0].id, lane)).collect();
        self.0.retain(|id, attempt| is_kept(id) || planned.get(id) == Some(&&attempt.lane));
        plan.lanes.retain(|lane| {
            let id = &lane[0].id;
            let Some(attempt) = self.0.get_mut(id) else { return true };
            // Where the clock was set back, the rest begins now.
            attempt.at = attempt.at.min(now);
            let until = span::after(attempt.at, backoff.rest(attempt.count));
            if until <= now {
                return true;
            }
            plan.held.push(Held {
                id: id.clone(),
                why: Why::Resting { how: attempt.how.clone(), until },
            });
            false
        });
        plan.held.sort_by(|a, b| a.id.cmp(&b.id));
    }

    /// Forgets the attempts at all but what `keep` says.
    pub fn keep_only(&mut self, keep: impl Fn(&Id) -> bool) {
        self.0.retain(|id, _| keep(id));
    }

    /// Notes that a lane was tried, and in words what came of it.
    pub fn note(&mut self, lane: &[Step], now: Timestamp, how: String) {
        let Some(id) = lane.first().map(|step| step.id.clone()) else { return };
        let before = self.0.get(&id).map_or(0, |attempt| attempt.count);
        self.0.insert(
            id,
            Attempt { lane: lane.to_vec(), count: before.saturating_add(1), at: now, how },
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::core::change::{Change, Reason};

    const BACKOFF: Backoff =
        Backoff { initial: Duration::from_secs(1), factor: 2.0, max: Duration::from_mins(1) };

    fn plan(how: &str) -> Plan {
        let step = Step {
            id: "p/x".parse().unwrap(),
            change: Change::Start,
            reason: Reason::NotRunning { how: how.to_owned() },
        };
        Plan { lanes: vec![vec![step]], held: Vec::new() }
    }

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(n).unwrap()
    }

    #[test]
    fn what_fails_again_and_again_rests_longer() {
        let mut attempts = Attempts::default();
        let mut tried = Vec::new();
        for now in 0..20 {
            let mut plan = plan("is stopped");
            attempts.hold_resting(&mut plan, |_| false, &BACKOFF, second(now));
            if let [lane] = plan.lanes.as_slice() {
                attempts.note(lane, second(now), "no".to_owned());
                tried.push(now);
            } else {
                assert!(matches!(plan.held[0].why, Why::Resting { .. }));
            }
        }
        assert_eq!(tried, [0, 1, 2, 4, 8, 16]);
    }

    #[test]
    fn another_change_is_tried_at_once_and_a_success_is_forgotten() {
        let mut attempts = Attempts::default();
        for _ in 0..5 {
            attempts.note(&plan("is stopped").lanes[0], second(100), "no".to_owned());
        }
        let (mut same, mut other) = (plan("is stopped"), plan("exited with code 1"));
        attempts.clone().hold_resting(&mut other, |_| false, &BACKOFF, second(100));
        assert_eq!(other.lanes.len(), 1);
        attempts.hold_resting(&mut Plan::default(), |_| false, &BACKOFF, second(100));
        attempts.hold_resting(&mut same, |_| false, &BACKOFF, second(100));
        assert_eq!(same.lanes.len(), 1);
    }

    #[test]
    fn what_nobody_could_see_for_a_moment_is_not_forgotten() {
        let mut attempts = Attempts::default();
        let lane = &plan("is stopped").lanes[0];
        attempts.note(lane, second(0), "no".to_owned());
        attempts.note(lane, second(0), "no".to_owned());
        attempts.hold_resting(&mut Plan::default(), |_| true, &BACKOFF, second(0));
        let mut seen = plan("is stopped");
        attempts.hold_resting(&mut seen, |_| false, &BACKOFF, second(0));
        assert!(matches!(seen.held[0].why, Why::Resting { .. }), "{seen:?}");
    }

    #[test]
    fn a_clock_set_back_makes_no_rest_longer() {
        let mut attempts = Attempts::default();
        let lane = &plan("is stopped").lanes[0];
        attempts.note(lane, second(1_000_000), "no".to_owned());
        attempts.note(lane, second(1_000_000), "no".to_owned());
        for now in [second(0), second(0)] {
            let mut it = plan("is stopped");
            attempts.hold_resting(&mut it, |_| false, &BACKOFF, now);
            let Why::Resting { until, .. } = it.held[0].why else { panic!("it rests") };
            assert_eq!(until, second(1));
        }
        let mut it = plan("is stopped");
        attempts.hold_resting(&mut it, |_| false, &BACKOFF, second(1));
        assert_eq!(it.lanes.len(), 1, "the rest is over");
    }
}
