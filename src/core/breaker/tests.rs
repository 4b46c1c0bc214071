//! What holds of circuit breakers.

use super::*;
use crate::core::change::{Change, Reason};
use proptest::prelude::*;

const POLICY: Policy = Policy::STANDARD;

fn lane(ids: &[&str]) -> Vec<Step> {
    let step = |id: &&str| Step {
        id: id.parse().unwrap(),
        change: Change::Start,
        reason: Reason::NotRunning { how: "is stopped".to_owned() },
    };
    ids.iter().map(step).collect()
}

fn plan(ids: &[&str]) -> Plan {
    Plan { lanes: ids.iter().map(|id| lane(&[id])).collect(), held: Vec::new() }
}

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

fn note(breakers: &mut Breakers, id: &str, ok: bool, now: i64) {
    breakers.note(&id.parse().unwrap(), ok, &POLICY, second(now));
}

/// What of `ids` is let through.
fn passes(breakers: &mut Breakers, ids: &[&str], now: i64) -> Vec<String> {
    let mut plan = plan(ids);
    breakers.hold(&mut plan, |_| false, &POLICY, second(now));
    assert_eq!(plan.lanes.len() + plan.held.len(), ids.len(), "nothing is lost");
    plan.steps().map(|step| step.id.to_string()).collect()
}

/// A breaker of `p` that opened at second 0: four of five changes failed.
fn opened() -> Breakers {
    let mut breakers = Breakers::default();
    note(&mut breakers, "p/fine", true, 0);
    for name in ["p/a", "p/b", "p/c", "p/d"] {
        note(&mut breakers, name, false, 0);
    }
    breakers
}

#[test]
fn where_most_fails_nothing_is_tried_for_a_while_and_the_others_go_on() {
    let mut breakers = Breakers::default();
    for name in ["p/a", "p/b", "p/c", "p/d"] {
        note(&mut breakers, name, false, 0);
    }
    assert_eq!(passes(&mut breakers, &["p/a", "p/b"], 0).len(), 2, "four are too few");
    note(&mut breakers, "p/e", false, 0);
    let mut plan = plan(&["p/a", "q/a"]);
    plan.lanes.push(lane(&["q/b", "p/b"]));
    breakers.hold(&mut plan, |_| false, &POLICY, second(1));
    assert_eq!(plan.lanes, [lane(&["q/a"])], "a lane at both is held too");
    let why = plan.held[0].why.clone();
    let provider = "p".parse().unwrap();
    assert_eq!(why, Why::BreakerOpen { provider, failed: 5, tried: 5, until: second(10) });
    assert!(!why.needs_a_person());
    assert_eq!(
        why.to_string(),
        "5 of the last 5 changes at p failed; it rests until 1970-01-01T00:00:10Z"
    );
    assert_eq!(plan.held[1].id, "q/b".parse().unwrap());
    assert_eq!(breakers.wake_at(&POLICY, second(1)), Some(second(10)));
    assert_eq!(breakers.wake_at(&POLICY, second(10)), None, "that is over");
    assert_eq!(breakers.open().collect::<Vec<_>>(), [(&"p".parse().unwrap(), 5, 5)]);
}

#[test]
fn a_share_that_is_small_or_old_opens_nothing() {
    let mut breakers = Breakers::default();
    for now in 0..100 {
        note(&mut breakers, &format!("p/{}", now % 7), now % 5 < 3, now);
    }
    assert_eq!(passes(&mut breakers, &["p/a"], 100).len(), 1, "two of five fail");
    for now in 0..100 {
        note(&mut breakers, "slow/a", false, now * 31);
        note(&mut breakers, "slow/b", false, now * 31);
    }
    assert_eq!(passes(&mut breakers, &["slow/a"], 3100).len(), 1, "four within a minute");
    for (name, now) in [("a", 0), ("b", 30), ("c", 30), ("d", 30), ("e", 60)] {
        note(&mut breakers, &format!("minute/{name}"), false, now);
    }
    assert_eq!(passes(&mut breakers, &["minute/a"], 60).len(), 1, "the first is a minute old");
}

#[test]
fn what_works_opens_nothing_whatever_failed_before() {
    let mut breakers = Breakers::default();
    for name in ["p/a", "p/b", "p/c", "p/d"] {
        note(&mut breakers, name, false, 0);
    }
    note(&mut breakers, "p/e", true, 0);
    assert_eq!(passes(&mut breakers, &["p/a", "p/b"], 0).len(), 2);
    note(&mut breakers, "p/a", false, 0);
    assert!(passes(&mut breakers, &["p/a", "p/b"], 0).is_empty());
}

#[test]
fn what_only_one_resource_fails_of_is_not_the_providers_fault() {
    let mut breakers = Breakers::default();
    for now in 0..50 {
        note(&mut breakers, "p/broken", false, now);
    }
    assert_eq!(passes(&mut breakers, &["p/broken", "p/a"], 50).len(), 2);
}

#[test]
fn half_open_lets_one_through_at_a_time() {
    let mut breakers = opened();
    assert!(passes(&mut breakers, &["p/a", "p/b"], 9).is_empty());
    assert_eq!(passes(&mut breakers, &["p/a", "p/b", "q/a"], 10), ["p/a", "q/a"]);
    let mut plan = plan(&["p/b", "q/b"]);
    breakers.hold(&mut plan, |it| it.as_str() == "p", &POLICY, second(11));
    assert_eq!(plan.lanes, [lane(&["q/b"])], "one is in hand already");
    assert_eq!(plan.held[0].why, Why::BreakerHalfOpen { provider: "p".parse().unwrap() });
}

#[test]
fn a_success_closes_and_a_failure_opens_for_longer() {
    let mut breakers = opened();
    let mut rests = Vec::new();
    let mut now = 10;
    for _ in 0..7 {
        note(&mut breakers, "p/a", false, now);
        let until = breakers.wake_at(&POLICY, second(now)).unwrap().as_second();
        rests.push(until - now);
        now = until;
    }
    assert_eq!(rests, [20, 40, 80, 160, 300, 300, 300]);
    note(&mut breakers, "p/b", true, now);
    assert_eq!(passes(&mut breakers, &["p/a", "p/b", "p/c"], now).len(), 3);
    assert_eq!(breakers, Breakers::default(), "nothing is left of it");
}

#[test]
fn where_nothing_more_is_to_be_tried_it_is_closed_after_a_while() {
    let idle = Plan::default();
    let held = |why| Plan { held: vec![Held { id: "p/a".parse().unwrap(), why }], ..idle.clone() };
    let resting = Why::Resting { how: "no".to_owned(), until: second(100) };
    // The rest ends at 10, and a change counts for a minute.
    for (now, plan, is_busy, closes) in [
        (69, idle.clone(), false, false),
        (70, idle.clone(), false, true),
        (70, idle.clone(), true, false),
        (70, plan(&["p/a"]), false, false),
        (70, plan(&["q/a"]), false, true),
        (70, held(resting), false, false),
        (70, held(Why::GivenUp { how: "no".to_owned() }), false, true),
    ] {
        let mut breakers = opened();
        breakers.close_idle(&plan, |_| is_busy, &POLICY, second(now));
        assert_eq!(breakers == Breakers::default(), closes, "at {now}: {plan:?}");
    }
}

#[test]
fn what_was_begun_before_it_opened_changes_nothing() {
    let mut breakers = opened();
    note(&mut breakers, "p/late", false, 5);
    note(&mut breakers, "p/late", true, 6);
    assert_eq!(breakers, opened());
}

#[test]
fn one_that_never_works_does_not_keep_the_others_from_their_turn() {
    let mut breakers = opened();
    let ids = ["p/a", "p/b", "p/fine"];
    let mut now = 10;
    let mut tried = Vec::new();
    for _ in 0..4 {
        let [id] = passes(&mut breakers, &ids, now).try_into().unwrap();
        note(&mut breakers, &id, false, now);
        tried.push(id);
        now = breakers.wake_at(&POLICY, second(now)).unwrap().as_second();
    }
    assert_eq!(tried, ["p/fine", "p/a", "p/b", "p/fine"]);
}

#[test]
fn a_lane_at_two_half_open_providers_needs_both() {
    let mut breakers = opened();
    for name in ["q/a", "q/b", "q/c", "q/d", "q/e"] {
        note(&mut breakers, name, false, 0);
    }
    let mut plan = Plan { lanes: vec![lane(&["p/x", "q/x"]), lane(&["p/y"])], held: vec![] };
    let mut other = plan.clone();
    breakers.hold(&mut plan, |_| false, &POLICY, second(10));
    assert_eq!(plan.lanes, [lane(&["p/x", "q/x"])]);
    breakers.hold(&mut other, |it| it.as_str() == "q", &POLICY, second(10));
    assert_eq!(other.lanes, [lane(&["p/y"])]);
}

#[test]
fn a_clock_set_back_makes_no_rest_longer() {
    let mut breakers = Breakers::default();
    for name in ["p/a", "p/b", "p/c", "p/d", "p/e"] {
        note(&mut breakers, name, false, 1_000_000);
    }
    assert!(passes(&mut breakers, &["p/a"], 0).is_empty());
    assert_eq!(passes(&mut breakers, &["p/a"], 10).len(), 1);
}

#[test]
fn breakers_outlive_the_program() {
    let mut breakers = opened();
    note(&mut breakers, "q/a", true, 0);
    let text = serde_json::to_string(&breakers).unwrap();
    assert_eq!(serde_json::from_str::<Breakers>(&text).unwrap(), breakers);
}

proptest! {
    /// Whatever happens: no lane is lost, at most one passes where a breaker is not closed, and
    /// none is kept for longer than the longest rest.
    #[test]
    fn nothing_is_lost_and_no_rest_is_longer_than_the_limit(
        notes in prop::collection::vec((0u8..6, any::<bool>(), -500i64..500), 0..60),
        now in -500i64..500,
        in_hand in any::<bool>(),
    ) {
        let mut breakers = Breakers::default();
        for (name, ok, at) in notes {
            note(&mut breakers, &format!("p/{name}"), ok, at);
        }
        let ids = ["p/0", "p/1", "p/2", "q/0"];
        let mut plan = plan(&ids);
        breakers.hold(&mut plan, |_| in_hand, &POLICY, second(now));
        let mut all: Vec<Id> = plan.steps().map(|it| it.id.clone()).collect();
        let at_p = all.len() - 1;
        prop_assert!(all.contains(&"q/0".parse().unwrap()));
        prop_assert!(at_p <= 1 || plan.held.is_empty());
        for held in &plan.held {
            match held.why {
                Why::BreakerOpen { until, .. } => {
                    prop_assert!(until > second(now));
                    prop_assert!(until <= second(now) + signed(POLICY.backoff.max));
                    prop_assert_eq!(at_p, 0);
                }
                Why::BreakerHalfOpen { .. } => prop_assert_eq!(at_p, usize::from(!in_hand)),
                _ => prop_assert!(false, "{:?}", held),
            }
        }
        all.extend(plan.held.iter().map(|it| it.id.clone()));
        all.sort();
        prop_assert_eq!(all, ids.map(|it| it.parse().unwrap()));
        let latest = now + 300;
        let passed = passes(&mut breakers, &["p/0"], latest);
        prop_assert_eq!(passed.len(), 1, "the longest rest is over");
    }
}
