//! Pauses: what a person asked to be left alone for a while. They end by themselves.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    change::{Held, Step, Why},
    failover::Pair,
    id::Id,
    plan::Plan,
};

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Of what; everything where none is named.
    pub id: Option<Id>,
    /// When it began. A clock that is before that has been set back.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Why, in the words of who asked for it.
    pub reason: String,
}

impl Pause {
    /// Whether it is in force.
    #[must_use]
    pub fn is_on(&self, now: Timestamp) -> bool {
        now < self.until
    }

    fn concerns(&self, id: &Id) -> bool {
        self.id.as_ref().is_none_or(|it| it == id)
    }
}

/// The pauses that somebody asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pauses(Vec<Pause>);

impl Pauses {
    /// Adds a pause, in the place of an earlier one of the same.
    pub fn add(&mut self, pause: Pause) {
        self.end(pause.id.as_ref());
        self.0.push(pause);
    }

    /// Ends the pause of a resource, or of everything. False where there is none.
    pub fn end(&mut self, id: Option<&Id>) -> bool {
        let before = self.0.len();
        self.0.retain(|it| it.id.as_ref() != id);
        self.0.len() < before
    }

    /// Forgets what is over. Where the clock was set back, a pause does not get longer by that.
    pub fn prune(&mut self, now: Timestamp) {
        for pause in &mut self.0 {
            if now < pause.since {
                let length = pause.until.duration_since(pause.since);
                pause.since = now;
                pause.until = now.checked_add(length).unwrap_or(Timestamp::MAX);
            }
        }
        self.0.retain(|it| it.is_on(now));
    }

    /// The pauses.
    pub fn iter(&self) -> impl Iterator<Item = &Pause> {
        self.0.iter()
    }

    /// The pause that a resource is in, if it is: the one that lasts longest.
    #[must_use]
    pub fn of(&self, id: &Id, now: Timestamp) -> Option<&Pause> {
        let on = self.0.iter().filter(|it| it.is_on(now) && it.concerns(id));
        on.max_by_key(|it| it.until)
    }

    /// The pause of everything, if there is one.
    #[must_use]
    pub fn of_everything(&self, now: Timestamp) -> Option<&Pause> {
        self.0.iter().find(|it| it.is_on(now) && it.id.is_none())
    }

    /// The pause that a resource is in, by its own name or by its pair's: of two that never run at
    /// once, neither is changed while one is to be left alone.
    #[must_use]
    pub fn of_either(&self, pairs: &[Pair], id: &Id, now: Timestamp) -> Option<&Pause> {
        let pair = pairs.iter().filter(|it| it.rules.exclusive && it.has(id));
        let related = pair.flat_map(|it| [&it.primary, &it.backup]);
        related.chain([id]).filter_map(|id| self.of(id, now)).max_by_key(|it| it.until)
    }

    /// Holds the lanes of `plan` that would change what is paused.
    pub fn hold(&self, plan: &mut Plan, pairs: &[Pair], now: Timestamp) {
        plan.lanes.retain(|lane| {
            let paused = |step: &Step| self.of_either(pairs, &step.id, now);
            let Some(pause) = lane.iter().find_map(paused) else { return true };
            let why = Why::Paused { until: pause.until, reason: pause.reason.clone() };
            plan.held.push(Held { id: lane[0].id.clone(), why });
            false
        });
        plan.held.sort_by(|a, b| a.id.cmp(&b.id));
    }

    /// When the next one ends.
    #[must_use]
    pub fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.iter().map(|it| it.until).filter(|it| *it > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        change::{Change, Reason},
        failover::tests::pair,
    };

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(n).unwrap()
    }

    fn paused(id: Option<&str>, until: i64) -> Pause {
        let id = id.map(|it| it.parse().unwrap());
        Pause { id, since: second(0), until: second(until), reason: String::new() }
    }

    #[test]
    fn a_pause_ends_by_itself() {
        let mut pauses = Pauses::default();
        pauses.add(paused(Some("p/a"), 10));
        pauses.add(paused(None, 5));
        let of = |id: &str, now| {
            let pause = pauses.of(&id.parse().unwrap(), second(now));
            pause.map(|it| it.until.as_second())
        };
        assert_eq!((of("p/a", 0), of("p/b", 0)), (Some(10), Some(5)));
        assert_eq!((of("p/a", 5), of("p/b", 5)), (Some(10), None));
        assert_eq!(of("p/a", 10), None);
        assert_eq!(pauses.next_end(second(5)), Some(second(10)));
        pauses.prune(second(10));
        assert_eq!(pauses, Pauses::default());
    }

    #[test]
    fn one_of_the_same_takes_the_place_of_another() {
        let mut pauses = Pauses::default();
        pauses.add(paused(None, 10));
        pauses.add(paused(None, 5));
        assert_eq!(pauses.iter().count(), 1);
        assert!(pauses.end(None));
        assert!(!pauses.end(None));
    }

    #[test]
    fn who_is_paused_keeps_its_pair_still_where_only_one_of_them_may_run() {
        let (exclusive, parallel) = ([pair(true)], [pair(false)]);
        let (primary, backup) = (&exclusive[0].primary, &exclusive[0].backup);
        let mut pauses = Pauses::default();
        pauses.add(Pause { id: Some(primary.clone()), ..paused(None, 10) });
        let until = |pairs: &[Pair], id: &Id| {
            pauses.of_either(pairs, id, second(0)).map(|it| it.until.as_second())
        };
        assert_eq!((until(&exclusive, primary), until(&exclusive, backup)), (Some(10), Some(10)));
        assert_eq!((until(&parallel, primary), until(&parallel, backup)), (Some(10), None));
        assert_eq!(until(&exclusive, &"p/other".parse().unwrap()), None);
        let lane =
            |id: &Id| vec![Step { id: id.clone(), change: Change::Stop, reason: Reason::Missing }];
        let whole = Plan { lanes: [backup, primary].map(lane).into(), held: Vec::new() };
        let (mut held, mut passed) = (whole.clone(), whole.clone());
        pauses.hold(&mut held, &exclusive, second(9));
        let why = Why::Paused { until: second(10), reason: String::new() };
        let ids = [primary, backup].map(|id| Held { id: id.clone(), why: why.clone() });
        assert_eq!((held.lanes.len(), held.held.as_slice()), (0, ids.as_slice()));
        pauses.hold(&mut passed, &exclusive, second(10));
        assert_eq!(passed, whole, "it is over");
        assert_eq!(pauses.of_everything(second(0)), None);
        pauses.add(paused(None, 5));
        assert!(pauses.of_everything(second(4)).is_some());
        assert_eq!(pauses.of_everything(second(5)), None);
    }

    #[test]
    fn a_clock_set_back_makes_no_pause_longer() {
        let mut pauses = Pauses::default();
        pauses.add(Pause { since: second(1000), ..paused(None, 1010) });
        pauses.prune(second(0));
        assert_eq!(pauses.next_end(second(0)), Some(second(10)));
    }
}
