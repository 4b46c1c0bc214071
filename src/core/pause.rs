//! Pauses: what a person asked to be left alone for a while. They end by themselves.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    change::{Held, Why},
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

    /// Takes over what is asked for now, where `before` was when this was last done. What was asked for
    /// already goes on as it does: a pause may have been moved with the clock since, or be over.
    pub fn renew(&mut self, before: &Self, asked: &Self) {
        self.0.retain(|it| asked.0.iter().any(|asked| asked.id == it.id));
        for pause in asked.0.iter().filter(|it| !before.0.contains(it)) {
            self.add(pause.clone());
        }
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

    /// Holds the lanes of `plan` that would change what `paused` says is paused.
    pub fn hold<'p>(&self, plan: &mut Plan, paused: impl Fn(&Id) -> Option<&'p Pause>) {
        plan.lanes.retain(|lane| {
            let Some(pause) = lane.iter().find_map(|step| paused(&step.id)) else { return true };
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

    fn second(n: i64) -> Timestamp {
        Timestamp::from_second(n).unwrap()
    }

    fn pause(id: Option<&str>, until: i64) -> Pause {
        let id = id.map(|it| it.parse().unwrap());
        Pause { id, since: second(0), until: second(until), reason: String::new() }
    }

    #[test]
    fn a_pause_ends_by_itself() {
        let mut pauses = Pauses::default();
        pauses.add(pause(Some("p/a"), 10));
        pauses.add(pause(None, 5));
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
        pauses.add(pause(None, 10));
        pauses.add(pause(None, 5));
        assert_eq!(pauses.iter().count(), 1);
        assert!(pauses.end(None));
        assert!(!pauses.end(None));
    }

    #[test]
    fn a_clock_set_back_makes_no_pause_longer() {
        let mut pauses = Pauses::default();
        pauses.add(Pause { since: second(1000), ..pause(None, 1010) });
        pauses.prune(second(0));
        assert_eq!(pauses.next_end(second(0)), Some(second(10)));
    }

    #[test]
    fn what_is_asked_for_again_and_again_begins_once() {
        let mut asked = Pauses::default();
        asked.add(Pause { since: second(1000), ..pause(None, 1010) });
        let (mut pauses, mut before) = (Pauses::default(), Pauses::default());
        for now in [0, 5, 9] {
            pauses.renew(&before, &asked);
            before = asked.clone();
            pauses.prune(second(now));
            assert_eq!(pauses.next_end(second(now)), Some(second(10)), "at {now}");
        }
        pauses.prune(second(10));
        pauses.renew(&before, &asked);
        assert_eq!(pauses, Pauses::default(), "it is over, and stays so");
        asked.add(Pause { since: second(10), ..pause(None, 20) });
        pauses.renew(&before, &asked);
        assert_eq!(pauses, asked, "another one is another");
        pauses.renew(&asked, &Pauses::default());
        assert_eq!(pauses, Pauses::default(), "it was ended");
    }
}
