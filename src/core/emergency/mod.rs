//! Emergency recovery: when too few of all components are healthy for too long, what should run and is
//! not healthy is applied and started again, one after another, also what was given up before.
//!
//! [`Emergency`] says when, [`plan`] says what.

mod plan;

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::plan::plan;
use super::{span::after, system::System};

/// When an emergency is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How long too few components must have been healthy, without a break.
    pub after: Duration,
    /// The time between one emergency recovery and the next, at least. What it does not help is not
    /// started again every minute, whatever its own limits say.
    pub cool_down: Duration,
}

impl Policy {
    /// The policy of every project.
    pub const STANDARD: Self =
        Self { after: Duration::from_mins(1), cool_down: Duration::from_hours(1) };
}

/// How many components are healthy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Components that do their work.
    pub healthy: usize,
    /// Those, and the ones that are known not to.
    pub known: usize,
}

impl Share {
    /// The share by which an emergency is declared. What is unhealthy and could not be started does not
    /// count: an emergency recovery starts things, and would help neither a file that is not there nor
    /// what can't be made. Neither does what should be off, is off on purpose or could not be seen.
    #[must_use]
    pub fn of(system: &System) -> Self {
        let all = &system.all;
        Self { healthy: all.healthy, known: all.healthy + all.unhealthy - all.not_startable }
    }

    /// Whether it is below `below`, from 0 to 1. Of nothing known, nothing is said.
    fn is_below(self, below: f64) -> bool {
        let number = |it| f64::from(u32::try_from(it).unwrap_or(u32::MAX));
        self.known > 0 && number(self.healthy) < below * number(self.known)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} components are healthy", self.healthy, self.known)
    }
}

/// Whether there is an emergency. It outlives the controller, so that one that is restarted declares
/// no second one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Emergency {
    /// Since when too few components have been healthy, if they are. Not kept: what was while nobody
    /// looked is not known, and where everything is yet to be made there is no emergency.
    #[serde(skip)]
    low_since: Option<Timestamp>,
    /// When an emergency was last declared.
    declared_at: Option<Timestamp>,
}

/// An emergency: [`plan`] is to be carried out, and a person should hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declared {
    /// What it was declared for.
    pub share: Share,
    /// Since when there have been too few.
    pub since: Timestamp,
}

impl fmt::Display for Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { share, since } = self;
        write!(
            f,
            "emergency: only {share}, and too few have been since {since:.0}; what should run and is \
             not healthy is applied and started again, one after another"
        )
    }
}

impl Emergency {
    /// Takes one more look into account. An emergency is declared when the share of healthy
    /// components has been below `below`, from 0 to 1, for long enough without a break, and only once
    /// within the cool-down, whatever the share does meanwhile.
    pub fn see(
        &mut self,
        share: Share,
        below: f64,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<Declared> {
        // Where the clock was set back, the times begin now.
        self.declared_at = self.declared_at.map(|it| it.min(now));
        if !share.is_below(below) {
            self.low_since = None;
            return None;
        }
        let since = self.low_since.map_or(now, |it| it.min(now));
        self.low_since = Some(since);
        if self.wake_at(policy, now).is_none_or(|it| it > now) {
            return None;
        }
        self.declared_at = Some(now);
        Some(Declared { share, since })
    }

    /// When an emergency will be declared if nothing changes.
    #[must_use]
    pub fn wake_at(&self, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
        let low = after(self.low_since?.min(now), policy.after);
        let cooled_down = self.declared_at.map(|it| after(it.min(now), policy.cool_down));
        Some(cooled_down.map_or(low, |it| it.max(low)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        id::Id,
        resource::{Actual, Body, Desired, Observed, Run, Status, Wanted},
    };
    use proptest::prelude::*;

    const POLICY: Policy = Policy::STANDARD;
    const LOW: Share = Share { healthy: 1, known: 4 };
    const FINE: Share = Share { healthy: 2, known: 4 };
    const NOTHING: Share = Share { healthy: 0, known: 0 };

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(n).unwrap()
    }

    /// The seconds of `looks` in which an emergency was declared.
    fn declared(emergency: &mut Emergency, looks: &[(i64, Share)]) -> Vec<i64> {
        let due = |(at, share): &(i64, Share)| {
            emergency.see(*share, 0.5, &POLICY, second(*at)).is_some().then_some(*at)
        };
        looks.iter().filter_map(due).collect()
    }

    #[test]
    fn too_few_for_a_minute_is_an_emergency() {
        let mut emergency = Emergency::default();
        assert!(declared(&mut emergency, &[(0, FINE), (100, LOW), (159, LOW)]).is_empty());
        assert_eq!(emergency.wake_at(&POLICY, second(159)), Some(second(160)));
        let declared = emergency.see(LOW, 0.5, &POLICY, second(160)).unwrap();
        assert_eq!(declared, Declared { share: LOW, since: second(100) });
        assert_eq!(
            declared.to_string(),
            "emergency: only 1 of 4 components are healthy, and too few have been since \
             1970-01-01T00:01:40Z; what should run and is not healthy is applied and started \
             again, one after another"
        );
    }

    #[test]
    fn a_break_begins_the_minute_anew() {
        for between in [FINE, NOTHING] {
            let looks = [(0, LOW), (59, LOW), (60, between), (61, LOW), (120, LOW)];
            let mut emergency = Emergency::default();
            assert!(declared(&mut emergency, &looks).is_empty());
            assert_eq!(declared(&mut emergency, &[(121, LOW)]), [121]);
        }
    }

    #[test]
    fn there_is_only_one_within_the_cool_down() {
        let mut emergency = Emergency::default();
        let looks: Vec<(i64, Share)> =
            (0..10_000).map(|at| (at, if at % 500 == 499 { FINE } else { LOW })).collect();
        assert_eq!(declared(&mut emergency, &looks), [60, 3660, 7260]);
        assert_eq!(emergency.wake_at(&POLICY, second(9_999)), None, "the last look was fine");
    }

    #[test]
    fn a_start_is_no_emergency_and_a_restart_no_second_one() {
        let mut emergency = Emergency::default();
        declared(&mut emergency, &[(0, LOW), (60, LOW)]);
        let text = serde_json::to_string(&emergency).unwrap();
        let mut emergency = serde_json::from_str::<Emergency>(&text).unwrap();
        assert!(declared(&mut emergency, &[(200, LOW), (300, LOW), (3659, LOW)]).is_empty());
        let mut emergency = serde_json::from_str::<Emergency>(&text).unwrap();
        assert_eq!(declared(&mut emergency, &[(9000, LOW), (9059, LOW), (9060, LOW)]), [9060]);
    }

    #[test]
    fn a_clock_set_back_makes_nothing_longer() {
        let mut emergency = Emergency::default();
        let looks = [(1_000_000, LOW), (1_000_060, LOW), (0, LOW), (3599, LOW), (3600, LOW)];
        assert_eq!(declared(&mut emergency, &looks), [1_000_060, 3600]);
        let mut emergency = Emergency::default();
        assert_eq!(declared(&mut emergency, &[(1_000_000, LOW), (0, LOW), (60, LOW)]), [60]);
    }

    #[test]
    fn only_what_is_known_counts() {
        let at = Timestamp::UNIX_EPOCH;
        let how = || "exited with code 1".to_owned();
        let file = Body { files: [("f".to_owned(), String::new())].into(), ..Body::default() };
        let (on, off, as_is) = (Run::On, Run::Off, Run::AsIs);
        let down = || Some(Status::Down { at, how: how(), retry_at: at });
        let runs = || Some(Status::Running { pid: 7, since: at });
        let cases = [
            (on, None, runs(), (1, 1)),
            (as_is, None, runs(), (1, 1)),
            (on, None, Some(Status::Scheduled { next: at }), (1, 1)),
            (on, None, down(), (0, 1)),
            (as_is, None, Some(Status::Failed { at, how: how() }), (0, 1)),
            (on, None, Some(Status::Stopped), (0, 1)),
            (on, None, None, (0, 1)),
            (as_is, None, None, (0, 0)),
            (on, Some(&file), None, (0, 0)),
            (on, Some(&file), Some(Status::Present), (0, 0)),
            (on, None, Some(Status::StoppedByHand), (0, 0)),
            (on, None, Some(Status::Finished { at, how: how(), well: true }), (0, 0)),
            (off, None, runs(), (0, 0)),
        ];
        for (run, body, status, (healthy, known)) in cases {
            let id: Id = "p/x".parse().unwrap();
            let wanted = Wanted::ours(body.cloned().unwrap_or_default(), run);
            let desired = Desired { wanted: [(id.clone(), wanted)].into(), ..Desired::default() };
            let actual =
                |status| Actual { body: Body::default(), status, mark: None, vitals: None };
            let found = status.clone().map(|it| (id, actual(it))).into_iter().collect();
            let mut observed = Observed { found, ..Observed::default() };
            let share = Share::of(&System::of(&desired, &observed));
            assert_eq!(share, Share { healthy, known }, "{run:?} {status:?}");
            observed.set(&"p".parse().unwrap(), Err("no answer".to_owned()));
            assert_eq!(Share::of(&System::of(&desired, &observed)), NOTHING, "blind");
        }
    }

    proptest! {
        /// Wherever the clock goes: no emergency without a whole minute that was low, and what is low
        /// for long enough is one.
        #[test]
        fn an_emergency_takes_a_minute_and_comes_within_the_cool_down(
            looks in prop::collection::vec((0i64..8000, 0usize..5), 0..40), now in 0i64..8000,
        ) {
            let mut emergency = Emergency::default();
            let mut low: Option<Timestamp> = None;
            for (at, healthy) in looks {
                let at = second(at);
                let share = Share { healthy, known: 4 };
                low = (healthy < 2).then(|| low.map_or(at, |it| it.min(at)));
                if let Some(it) = emergency.see(share, 0.5, &POLICY, at) {
                    prop_assert_eq!(Some(it.since), low);
                    prop_assert!(at.duration_since(it.since).as_secs() >= 60);
                }
            }
            let first = emergency.see(LOW, 0.5, &POLICY, second(now)).is_some();
            let wakes = emergency.wake_at(&POLICY, second(now)).unwrap();
            prop_assert!(wakes <= second(now + 3600));
            prop_assert!(emergency.see(LOW, 0.5, &POLICY, wakes).is_some());
            prop_assert!(!first || wakes == second(now + 3600));
        }
    }
}
