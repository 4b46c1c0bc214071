//! The figures of one look, for those who draw curves of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    duty::{Phase, Side},
    emergency::Share,
    failover::{Duties, Pair},
    health::Health,
    id::{Id, Name},
    plan::Plan,
    resource::{Desired, Observed},
    system::System,
};

/// What one look came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measure {
    /// What the config asks for, what else is ours, and the primaries of both.
    pub resources: BTreeMap<Id, Resource>,
    /// Whether each provider could be asked, of all that have a resource or could not be.
    pub seen: BTreeMap<Name, bool>,
    /// The pairs, by their backup.
    pub pairs: BTreeMap<Id, Duty>,
    /// What is left alone, by its provider.
    pub held: BTreeMap<Name, u32>,
    /// The part of that that needs a person.
    pub held_for_a_person: BTreeMap<Name, u32>,
    /// How many components are healthy, as an emergency counts them.
    pub share: Share,
}

/// How one resource does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// How it does.
    pub health: Health,
    /// How often it was started again, where its provider tells.
    pub restarts: Option<u64>,
    /// Its memory in bytes, where its provider tells.
    pub memory: Option<u64>,
}

/// Who of a pair is on duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duty {
    /// Where duty has arrived, if it is not on its way.
    pub on: Option<Side>,
    /// Whether it does not move because a side can't be proven stopped.
    pub blocked: bool,
}

impl Measure {
    /// The figures of what was seen and decided.
    #[must_use]
    pub fn of(
        desired: &Desired,
        observed: &Observed,
        pairs: &[Pair],
        duties: &Duties,
        plan: &Plan,
    ) -> Self {
        let ours = observed.found.iter().filter(|(_, it)| it.mark.is_some()).map(|(id, _)| id);
        let asked =
            desired.wanted.keys().chain(desired.impossible.keys()).chain(desired.unseen.keys());
        let mut ids: BTreeSet<Id> = ours.chain(asked).cloned().collect();
        let backups = desired.wanted.keys().filter_map(|it| desired.primary_of(it));
        let primaries = backups.chain(pairs.iter().map(|it| it.primary.clone()));
        ids.extend(primaries.filter(|it| observed.found.contains_key(it)));

        let mut seen: BTreeMap<Name, bool> =
            ids.iter().map(|it| (it.provider.clone(), true)).collect();
        seen.extend(
            observed.blind.keys().chain(observed.unseen.keys()).cloned().map(|it| (it, false)),
        );
        let share = Share::of(&System::of(desired, observed));
        let mut measure = Self { seen, share, ..Self::default() };
        for held in &plan.held {
            let provider = &held.id.provider;
            *measure.held.entry(provider.clone()).or_default() += 1;
            let needs = u32::from(held.why.needs_a_person());
            *measure.held_for_a_person.entry(provider.clone()).or_default() += needs;
        }
        for pair in pairs {
            let phase = duties.of(&pair.backup).map(|it| it.phase);
            let on = match phase {
                Some(Phase::On(side)) => Some(side),
                _ => None,
            };
            let blocked = matches!(phase, Some(Phase::Blocked));
            measure.pairs.insert(pair.backup.clone(), Duty { on, blocked });
        }
        for id in ids {
            let health = Health::in_view(desired, observed, &id);
            let vitals = observed.found.get(&id).and_then(|it| it.vitals.as_ref());
            let (restarts, memory) =
                (vitals.map(|it| it.restarts), vitals.and_then(|it| it.memory));
            measure.resources.insert(id, Resource { health, restarts, memory });
        }
        measure
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::core::{
        change::{Held, Why},
        duty,
        failover::tests::pair,
        resource::{Actual, Body, Mark, Run, Status, Vitals, Wanted},
    };

    fn id(text: &str) -> Id {
        text.parse().unwrap()
    }

    fn found(status: Status, ours: bool) -> Actual {
        let body = Body::default();
        let vitals = Some(Vitals { restarts: 3, memory: Some(5), ..Vitals::default() });
        let mark = ours.then(|| Mark { written: body.digest(), backs_up: None });
        Actual { body, status, mark, vitals }
    }

    #[test]
    fn what_is_ours_or_asked_for_is_measured_and_nothing_else() {
        let (mut desired, mut observed) = (Desired::default(), Observed::default());
        let mut wanted = Wanted::not_ours(Run::On);
        wanted.backs_up = Some("p/primary".to_owned());
        desired.wanted.insert(id("p/backup"), wanted);
        desired.impossible.insert(id("p/impossible"), "x".to_owned());
        desired.unseen.insert(id("p/unseen"), "x".to_owned());
        desired.wanted.insert(id("blind/w"), Wanted::not_ours(Run::On));
        observed.blind.insert("blind".parse().unwrap(), "x".to_owned());
        for (name, ours) in [("p/primary", false), ("p/leftover", true), ("p/stranger", false)] {
            observed.found.insert(id(name), found(Status::Stopped, ours));
        }
        let why = Why::StoppedByHand;
        let held = vec![
            Held { id: id("p/primary"), why },
            Held { id: id("p/backup"), why: Why::Undecided },
        ];
        let plan = Plan { held, ..Plan::default() };
        let measure = Measure::of(&desired, &observed, &[], &Duties::default(), &plan);
        let health = |it: &str| measure.resources.get(&id(it)).map(|it| it.health);
        assert_eq!(health("p/backup"), Some(Health::Unhealthy), "it is missing");
        assert_eq!(health("p/impossible"), Some(Health::Failed));
        assert_eq!(health("p/unseen"), Some(Health::Unknown));
        assert_eq!(health("blind/w"), Some(Health::Unknown));
        assert_eq!(health("p/stranger"), None);
        assert!(health("p/leftover").is_some());
        let primary = measure.resources[&id("p/primary")];
        assert_eq!((primary.restarts, primary.memory), (Some(3), Some(5)));
        let provider = |it: &str| it.parse::<Name>().unwrap();
        assert_eq!(
            measure.seen,
            BTreeMap::from([(provider("blind"), false), (provider("p"), true)])
        );
        assert_eq!(measure.held[&provider("p")], 2);
        assert_eq!(measure.held_for_a_person[&provider("p")], 1);
    }

    #[test]
    fn a_pair_is_measured_by_where_its_duty_is_and_all_by_how_many_do_their_work() {
        let (mut desired, mut observed) = (Desired::default(), Observed::default());
        let running = || Status::Running { pid: 1, since: Timestamp::UNIX_EPOCH };
        let down = Status::Failed { at: Timestamp::UNIX_EPOCH, how: String::new() };
        for (name, status) in [("p/a", running()), ("p/b", running()), ("p/c", down)] {
            let body = Some(Body::default());
            desired.wanted.insert(id(name), Wanted { body, ..Wanted::not_ours(Run::On) });
            observed.found.insert(id(name), found(status, true));
        }
        let phases = [
            ("p/x", Phase::On(Side::Backup), Some(Side::Backup), false),
            ("p/y", Phase::Start(Side::Backup), None, false),
            ("p/z", Phase::Blocked, None, true),
        ];
        let duties = phases.map(|(name, phase, _, _)| {
            let mut duty = duty::Duty::new(Timestamp::UNIX_EPOCH);
            duty.phase = phase;
            (name, duty)
        });
        let duties = serde_json::to_value(BTreeMap::from(duties)).unwrap();
        let pairs = phases.map(|(name, ..)| Pair { backup: id(name), ..pair(true) });
        let duties: Duties = serde_json::from_value(duties).unwrap();
        let measure = Measure::of(&desired, &observed, &pairs, &duties, &Plan::default());
        for (name, _, on, blocked) in phases {
            assert_eq!(measure.pairs[&id(name)], Duty { on, blocked }, "{name}");
        }
        assert_eq!(measure.share, Share { healthy: 2, known: 3 });
    }
}
