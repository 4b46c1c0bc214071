//! What the parts of the reconciler come to when they are put together.

mod in_hand;

use std::collections::BTreeMap;

use super::*;
use crate::core::{
    change::{Held, Reason},
    duty::{self, HandBack, Phase, Side, Stuck},
    evidence::Patience,
    pause::Pause,
    resource::{Actual, Body, Mark, Sightings, Wanted, Wishes},
};

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn running() -> Status {
    Status::Running { pid: 1, since: second(0) }
}

fn failed(at: i64) -> Status {
    Status::Failed { at: second(at), how: "exited with code 1".to_owned() }
}

/// Resources at one provider, `p`, and who decides about them.
struct World {
    reconciler: Reconciler,
    rules: Rules,
    statuses: BTreeMap<Name, Status>,
    drain: Duration,
    /// Whether the provider can't be asked. Like some, it then does not know what it wants.
    blind: bool,
    /// What is being changed just now.
    in_hand: Option<Id>,
    now: i64,
}

impl World {
    /// Resources that run, and an exclusive backup of each of `pairs` that stands by.
    fn new(resources: &[&str], pairs: &[&str]) -> Self {
        let id = |it: &str| Id::new(name("p"), name(it));
        let minute = Duration::from_mins(1);
        let backoff = Backoff { initial: minute, factor: 2.0, max: minute };
        let pair = |primary: &&str| Pair {
            primary: id(primary),
            backup: id(&format!("{primary}-backup")),
            rules: duty::Rules {
                exclusive: true,
                controls_primary: true,
                patience: Patience { fall: 2, calm: minute },
                settle: Duration::from_secs(5),
                hold: minute,
                hand_back: HandBack::Auto,
                budget: 3,
                window: Duration::from_hours(1),
                fence: minute,
            },
        };
        let backups = pairs.iter().map(|it| (name(&format!("{it}-backup")), Status::Stopped));
        let statuses = resources.iter().map(|it| (name(it), running())).chain(backups).collect();
        let rules = Rules {
            pairs: pairs.iter().map(pair).collect(),
            recovery: incident::Policy { attempts: 0, backoff, calm: minute },
            backoff,
            emergency_below: 0.5,
        };
        let reconciler = Reconciler::new(Memory::default(), second(0));
        let drain = Duration::ZERO;
        Self { reconciler, rules, statuses, drain, blind: false, in_hand: None, now: 0 }
    }

    fn set(&mut self, resource: &str, status: Status) {
        self.statuses.insert(name(resource), status);
    }

    /// Looks at `now`, and decides.
    fn decide(&mut self, now: i64) -> Decision {
        self.now = now;
        let body = Body { fields: [("a".to_owned(), "b".into())].into(), ..Body::default() };
        let wanted = Wanted { insist: true, ..Wanted::ours(body.clone(), Run::On) };
        let mark = Mark { written: body.digest(), backs_up: None };
        let actual = |status: &Status| Actual {
            body: body.clone(),
            status: status.clone(),
            mark: Some(mark.clone()),
            vitals: None,
        };
        let wishes = Wishes {
            wanted: self.statuses.keys().map(|it| (it.clone(), wanted.clone())).collect(),
            ..Wishes::default()
        };
        let seen: Sightings =
            self.statuses.iter().map(|(it, status)| (it.clone(), actual(status))).collect();
        let (mut desired, mut observed) = (Desired::default(), Observed::default());
        if self.blind {
            observed.set(&name("p"), Err("no answer".to_owned()));
        } else {
            desired.set(&name("p"), wishes);
            observed.set(&name("p"), Ok(seen));
        }
        let given = Given {
            in_hand: &|id| self.in_hand.as_ref() == Some(id),
            drain: &|_| self.drain,
            precheck: &|_| None,
            asked: &BTreeMap::new(),
        };
        self.reconciler.decide(&mut desired, &observed, &self.rules, &given, second(now))
    }

    /// Each lane was tried, and failed.
    fn fail(&mut self, plan: &Plan) {
        self.reconciler.begin(&plan.lanes, second(self.now));
        for lane in &plan.lanes {
            let failed = Failed { how: "it did not work".to_owned(), may_come_late: false };
            self.reconciler.finish(lane, 0, Some(failed), second(self.now));
        }
    }

    fn phase(&self, primary: &str) -> Phase {
        let backup = Id::new(name("p"), name(&format!("{primary}-backup")));
        self.reconciler.duties().of(&backup).unwrap().phase
    }
}

fn told(decision: &Decision) -> Vec<String> {
    let steps = decision.plan.steps();
    steps.map(|it| format!("{} {}: {}", it.change.verb(), it.id.name, it.reason)).collect()
}

#[test]
fn an_emergency_starts_what_was_given_up_in_order_and_once_an_hour() {
    let mut world = World::new(&["a", "b", "c"], &[]);
    world.decide(0);
    world.set("a", failed(1));
    world.set("b", failed(1));
    let decision = world.decide(1);
    assert!(decision.plan.lanes.is_empty(), "{:?}", decision.plan);
    assert_eq!(decision.wake_at, Some(second(61)), "it is woken for that");
    let decision = world.decide(61);
    assert!(decision.in_order);
    assert_eq!(
        told(&decision),
        [
            "start a: emergency recovery: it exited with code 1",
            "start b: emergency recovery: it exited with code 1"
        ]
    );
    assert!(matches!(decision.news[..], [News::Emergency(_)]), "{:?}", decision.news);
    // It was in vain.
    world.fail(&decision.plan);
    assert!(world.decide(3000).plan.lanes.is_empty());
    assert!(world.decide(3700).in_order);
}

#[test]
fn where_all_is_paused_there_is_no_emergency() {
    let mut world = World::new(&["a"], &[]);
    world.set("a", failed(0));
    let mut pauses = Pauses::default();
    let (since, until, reason) = (second(0), second(1000), "why".to_owned());
    pauses.add(Pause { id: None, since, until, reason });
    world.reconciler.pause(pauses.clone());
    assert_eq!(*world.reconciler.pauses(), pauses);
    world.decide(0);
    let decision = world.decide(100);
    assert!(decision.plan.lanes.is_empty() && decision.news.is_empty());
}

#[test]
fn what_is_due_and_may_not_be_done_does_not_keep_the_watch_awake() {
    let mut world = World::new(&["a"], &[]);
    world.set("a", Status::Scheduled { next: second(50) });
    assert_eq!(world.decide(0).wake_at, Some(second(50)));
    let mut pauses = Pauses::default();
    let (since, until, reason) = (second(0), second(1000), "why".to_owned());
    pauses.add(Pause { id: Some("p/a".parse().unwrap()), since, until, reason });
    world.reconciler.pause(pauses);
    for now in [50, 51, 999] {
        let decision = world.decide(now);
        assert!(decision.plan.lanes.is_empty(), "{:?}", decision.plan);
        assert_eq!(decision.wake_at, Some(second(1000)), "when the pause ends");
    }
    assert_eq!(world.decide(1000).plan.lanes[0][0].reason, Reason::Due);
}

#[test]
fn who_is_not_seen_for_a_moment_gets_no_more_attempts_for_it() {
    let mut world = World::new(&["a", "b", "c"], &[]);
    world.rules.recovery.attempts = 1;
    world.decide(0);
    world.set("a", failed(1));
    let decision = world.decide(1);
    assert_eq!(told(&decision), ["start a: recovery: it exited with code 1"]);
    world.fail(&decision.plan);
    for at in [2, 4] {
        let held = world.decide(at).plan.held;
        assert!(matches!(held[0].why, Why::GivenUp { .. }), "at {at}: {held:?}");
        world.blind = true;
        assert!(world.decide(at + 1).plan.lanes.is_empty());
        world.blind = false;
    }
}

#[test]
fn a_rest_outlasts_a_moment_in_which_nothing_is_seen() {
    let mut world = World::new(&["a", "b", "c"], &[]);
    world.set("a", Status::Stopped);
    for at in [0, 1] {
        let decision = world.decide(at);
        assert_eq!(told(&decision), ["start a: drift: it should run, and is stopped"]);
        world.fail(&decision.plan);
    }
    world.blind = true;
    world.decide(2);
    world.blind = false;
    let decision = world.decide(3);
    let [Held { why: Why::Resting { until, .. }, .. }] = decision.plan.held[..] else {
        panic!("{:?}", decision.plan.held)
    };
    assert_eq!(decision.wake_at, Some(until));
}

#[test]
fn where_most_changes_fail_the_provider_gets_a_rest() {
    let resources = ["a", "b", "c", "d", "e", "f"];
    let mut world = World::new(&resources, &[]);
    world.rules.emergency_below = 0.0;
    for it in resources {
        world.set(it, Status::Stopped);
    }
    let decision = world.decide(0);
    assert_eq!(decision.plan.lanes.len(), 6);
    world.fail(&decision.plan);
    // Another thing to do, which has no rest of its own.
    world.set("g", Status::Stopped);
    let decision = world.decide(1);
    let held = decision.plan.held.iter().find(|it| it.id.name == name("g")).unwrap();
    assert!(matches!(held.why, Why::BreakerOpen { failed: 5, tried: 5, .. }), "{:?}", held.why);
    assert_eq!(decision.wake_at, Some(second(10)), "then one is tried");
    let lanes = world.decide(10).plan.lanes;
    assert_eq!(lanes.len(), 1);
    world.reconciler.begin(&lanes, second(10));
    world.in_hand = Some(lanes[0][0].id.clone());
    assert!(world.decide(11).plan.lanes.is_empty(), "one at a time");
    // The controller is killed: that change may come late, or never.
    world.reconciler = Reconciler::new(world.reconciler.memory().clone(), second(12));
    (world.in_hand, world.drain) = (None, Duration::from_secs(3));
    assert_eq!([12, 15].map(|at| world.decide(at).plan.lanes.len()), [0, 1]);
    // All of it is mended. That shows only where it can be seen.
    for it in resources.into_iter().chain(["g"]) {
        world.set(it, running());
    }
    for (at, blind, rests) in [(69, false, 1), (70, true, 1), (71, false, 0)] {
        world.blind = blind;
        world.decide(at);
        assert_eq!(world.reconciler.memory().breakers.open().count(), rests, "at {at}");
    }
}

#[test]
fn what_goes_bad_all_at_once_fails_over_only_when_it_is_seen_again() {
    let primaries = ["a", "b", "c", "d"];
    let mut world = World::new(&primaries, &primaries);
    world.rules.emergency_below = 0.0;
    world.decide(0);
    assert_eq!(world.phase("a"), Phase::On(Side::Primary));
    for it in primaries {
        world.set(it, failed(10));
    }
    let decision = world.decide(10);
    assert!(decision.news.iter().any(|it| matches!(it, News::Storm(_)) && it.is_alert()));
    assert_eq!(world.reconciler.storms(second(10)), [name("p")]);
    for it in primaries {
        assert_eq!(world.phase(it), Phase::On(Side::Primary));
        let backup = Id::new(name("p"), name(&format!("{it}-backup")));
        assert_eq!(world.reconciler.duties().of(&backup).unwrap().stuck(), Some(Stuck::Storm));
    }
    assert_eq!(world.decide(11).wake_at, Some(second(70)));
    world.decide(70);
    assert_eq!(world.reconciler.storms(second(70)), []);
    for it in primaries {
        assert_eq!(world.phase(it), Phase::Fence(Side::Primary), "it is believed");
    }
}

#[test]
fn what_is_given_up_is_tried_again_after_it_was_well_or_when_a_person_asks() {
    let mut world = World::new(&["a", "b", "c", "d"], &[]);
    world.rules.recovery.attempts = 1;
    world.decide(0);
    let (a, b): (Id, Id) = ("p/a".parse().unwrap(), "p/b".parse().unwrap());
    for it in ["a", "b"] {
        world.set(it, failed(1));
    }
    let tries = |world: &mut World, at| {
        let decision = world.decide(at);
        world.fail(&decision.plan);
        decision.plan.steps().map(|it| it.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(tries(&mut world, 1), [a.clone(), b.clone()]);
    assert_eq!(tries(&mut world, 600), []);
    world.reconciler.forgive(|id| *id == b);
    assert_eq!(tries(&mut world, 601), [b]);
    // It is well for as long as it takes.
    world.set("a", running());
    for at in [700, 761] {
        world.decide(at);
    }
    world.set("a", failed(800));
    assert_eq!(tries(&mut world, 800), [a]);
}

#[test]
fn a_rest_is_forgiven_too() {
    let mut world = World::new(&["a"], &[]);
    world.rules.emergency_below = 0.0;
    world.set("a", Status::Stopped);
    for at in [0, 1] {
        let decision = world.decide(at);
        world.fail(&decision.plan);
    }
    assert_eq!(told(&world.decide(2)), [""; 0]);
    world.reconciler.forgive(|_| false);
    assert_eq!(told(&world.decide(3)), [""; 0]);
    world.reconciler.forgive(|_| true);
    assert_eq!(told(&world.decide(4)), ["start a: drift: it should run, and is stopped"]);
}
