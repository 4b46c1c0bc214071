//! What a plan says of one resource, case by case.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use redundancy::core::{
    change::{Change, Origin, Reason, Step, Why},
    id::{Id, Name},
    job::{Call, Job, State},
    plan::{Asker, Consent, Plan, plan},
    resource::{Actual, Body, Desired, Mark, Observed, Run, Status, Wanted},
};

use crate::NOW;

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn text_body(text: &str) -> Body {
    Body { files: [("f".to_owned(), text.to_owned())].into(), ..Body::default() }
}

fn wanted(body: Body) -> Wanted {
    Wanted::ours(body, Run::On)
}

fn ours(live: Body, written: &Body) -> Actual {
    let mark = Some(Mark { written: written.digest(), backs_up: None });
    Actual { body: live, status: Status::Present, mark, vitals: None }
}

fn one(wanted: Option<Wanted>, found: Option<Actual>, consent: &Consent) -> Plan {
    let wanted = wanted.into_iter().map(|it| (id("p/x"), it)).collect();
    // Three more of ours keep the guard against deletions out of the way.
    let rest = ["a", "b", "c", "d"].map(|name| (id(&format!("p/{name}")), text_body(name)));
    let mut desired = Desired { wanted, ..Desired::default() };
    let mut observed = Observed::default();
    for (id, body) in rest {
        observed.found.insert(id.clone(), ours(body.clone(), &body));
        desired.wanted.insert(id, self::wanted(body));
    }
    observed.found.extend(found.map(|it| (id("p/x"), it)));
    plan(&desired, &observed, Asker::Person, consent, NOW)
}

#[test]
fn a_change_of_the_config_is_told_from_one_by_hand() {
    let (old, new, hand) = (text_body("old"), text_body("new"), text_body("hand"));
    let none = Consent::default();

    let config = one(Some(wanted(new.clone())), Some(ours(old.clone(), &old)), &none);
    assert_eq!(config.lanes[0][0].reason, Reason::ConfigChanged);
    assert!(config.has(Origin::Config) && !config.has(Origin::Drift));

    let drift = one(Some(wanted(old.clone())), Some(ours(hand.clone(), &old)), &none);
    assert!(drift.lanes.is_empty(), "an edited file is kept");
    assert!(matches!(drift.held[0].why, Why::EditedByHand { .. }));

    let consent = Consent { overwrite: [id("p/x")].into(), ..Consent::default() };
    let overwritten = one(Some(wanted(old.clone())), Some(ours(hand, &old)), &consent);
    assert_eq!(overwritten.lanes[0][0].reason, Reason::Overwritten);
}

#[test]
fn fields_changed_by_hand_are_drift_and_mended() {
    let fields =
        |value: bool| Body { fields: [("a".into(), value.into())].into(), ..Body::default() };
    let mut found = ours(fields(false), &fields(true));
    found.status = Status::Running { pid: 1, since: NOW };
    let plan = one(Some(wanted(fields(true))), Some(found), &Consent::default());
    assert_eq!(plan.lanes[0][0].reason, Reason::ChangedByHand);
    assert!(matches!(plan.lanes[0][0].change, Change::Update { restart: true, .. }));
    assert!(plan.has(Origin::Drift) && !plan.has(Origin::Config));
}

#[test]
fn what_is_not_ours_is_refused_until_adopted() {
    let foreign = Actual { mark: None, ..ours(text_body("theirs"), &Body::default()) };
    let plan = one(Some(wanted(text_body("x"))), Some(foreign.clone()), &Consent::default());
    assert_eq!(plan.held[0].why, Why::NotOurs);
    let consent = Consent { adopt: [id("p/x")].into(), ..Consent::default() };
    let plan = one(Some(wanted(text_body("x"))), Some(foreign), &consent);
    assert_eq!(plan.lanes[0][0].reason, Reason::Adopted);
}

#[test]
fn what_cannot_be_seen_is_left_alone() {
    let mut observed = Observed::default();
    observed.set(&"p".parse().unwrap(), Err("no answer".into()));
    let wanted = [(id("p/x"), wanted(text_body("x")))].into();
    let desired = Desired { wanted, ..Desired::default() };
    let plan = plan(&desired, &observed, Asker::Watch, &Consent::default(), NOW);
    assert!(plan.lanes.is_empty());
    assert!(matches!(plan.held[0].why, Why::Blind { .. }));
}

/// A world of `kept` wanted and `gone` no longer wanted resources of ours.
fn shrinking(kept: usize, gone: usize, allowed: usize) -> Plan {
    let mut desired = Desired::default();
    let mut observed = Observed::default();
    for n in 0..kept + gone {
        let (id, body) = (id(&format!("p/{n}")), text_body("x"));
        observed.found.insert(id.clone(), ours(body.clone(), &body));
        if n < kept {
            desired.wanted.insert(id, wanted(body));
        }
    }
    let consent = Consent { deletions: allowed, ..Consent::default() };
    plan(&desired, &observed, Asker::Watch, &consent, NOW)
}

#[test]
fn too_many_deletions_at_once_are_held() {
    assert_eq!(shrinking(3, 1, 0).lanes.len(), 1, "a quarter passes");
    assert_eq!(shrinking(2, 1, 0).held.len(), 1, "more than a quarter is held");
    assert_eq!(shrinking(2, 1, 1).lanes.len(), 1, "unless that many are allowed");
    assert_eq!(shrinking(0, 1, 0).held.len(), 1, "emptying a provider is held");
    assert_eq!(shrinking(0, 5, 4).held.len(), 5, "fewer allowed than planned: all are held");
}

#[test]
fn a_saved_plan_is_refused_where_the_world_has_moved() {
    let (old, new) = (text_body("old"), text_body("new"));
    let none = Consent::default();
    let saved = one(Some(wanted(new.clone())), Some(ours(old.clone(), &old)), &none);
    let against = |found: Actual, blind: bool| {
        let fresh = one(Some(wanted(new.clone())), Some(found), &none);
        let blind = blind.then(|| ("p".parse().unwrap(), "no answer".to_owned()));
        let observed = Observed { blind: blind.into_iter().collect(), ..Observed::default() };
        saved.clone().against(&fresh, &observed)
    };
    let elsewhere = text_body("elsewhere");
    let moved = against(ours(elsewhere.clone(), &elsewhere), false);
    assert!(moved.plan.lanes.is_empty() && moved.settled.is_empty());
    assert_eq!(moved.moved, [id("p/x")]);

    let settled = against(ours(new.clone(), &new), false);
    assert!(settled.plan.lanes.is_empty() && settled.moved.is_empty());
    assert_eq!(settled.settled, [id("p/x")]);

    let unseen = against(ours(new.clone(), &new), true);
    assert_eq!(unseen.moved, [id("p/x")], "what can't be seen is not settled");
}

#[test]
fn a_stop_by_hand_is_undone_by_a_person_or_where_the_config_insists() {
    let body = Body::default();
    let actual = Actual { status: Status::StoppedByHand, ..ours(body.clone(), &body) };
    let ask = |insist, asker| {
        let wanted = Wanted { insist, ..wanted(body.clone()) };
        let desired = Desired { wanted: [(id("p/x"), wanted)].into(), ..Desired::default() };
        let observed =
            Observed { found: [(id("p/x"), actual.clone())].into(), ..Observed::default() };
        plan(&desired, &observed, asker, &Consent::default(), NOW)
    };
    assert_eq!(ask(false, Asker::Watch).held[0].why, Why::StoppedByHand);
    assert_eq!(ask(true, Asker::Watch).lanes[0][0].change, Change::Start);
    assert_eq!(ask(false, Asker::Person).lanes[0][0].change, Change::Start);
}

#[test]
fn the_watch_waits_and_a_person_does_not() {
    let later = NOW + SignedDuration::from_secs(5);
    let how = "exited with code 1".to_owned();
    let down = Status::Down { at: NOW, how: how.clone(), retry_at: later };
    let rested = Status::Down { at: NOW, how: how.clone(), retry_at: NOW };
    let failed = Status::Failed { at: NOW, how };
    let due = Status::Scheduled { next: NOW };
    let body = Body::default();
    let ask = |status: &Status, asker| {
        let actual = Actual { status: status.clone(), ..ours(body.clone(), &body) };
        let desired =
            Desired { wanted: [(id("p/x"), wanted(body.clone()))].into(), ..Desired::default() };
        let observed = Observed { found: [(id("p/x"), actual)].into(), ..Observed::default() };
        plan(&desired, &observed, asker, &Consent::default(), NOW)
    };
    assert!(
        matches!(ask(&down, Asker::Watch).held[0].why, Why::Resting { until, .. } if until == later)
    );
    assert_eq!(ask(&down, Asker::Person).lanes[0][0].change, Change::Start);
    assert_eq!(ask(&rested, Asker::Watch).lanes[0][0].change, Change::Start);
    let recovery = &ask(&failed, Asker::Watch).lanes[0][0];
    assert!(matches!(recovery.reason, Reason::Recovery { .. }), "its budget is the watch's");
    assert_eq!(ask(&failed, Asker::Person).lanes[0][0].change, Change::Start);
    assert_eq!(ask(&due, Asker::Watch).lanes[0][0].reason, Reason::Due);
    assert!(ask(&due, Asker::Person).is_empty());
}

#[test]
fn what_moves_to_another_runner_is_gone_there_before_it_begins_here() {
    let body = Body { fields: [("a".to_owned(), true.into())].into(), ..Body::default() };
    let there = Actual { status: Status::Stopped, ..ours(body.clone(), &body) };
    let desired = Desired { wanted: [(id("two/x"), wanted(body))].into(), ..Desired::default() };
    let observed = Observed { found: [(id("one/x"), there)].into(), ..Observed::default() };
    let plan = plan(&desired, &observed, Asker::Watch, &Consent::default(), NOW);
    let steps: Vec<String> =
        plan.lanes[0].iter().map(|it| format!("{} {}", it.change.verb(), it.id)).collect();
    assert_eq!(steps, ["delete one/x", "create two/x"]);
    assert_eq!(plan.lanes.len(), 1);
}

#[test]
fn what_may_still_be_elsewhere_is_not_begun_here() {
    let body = Body { fields: [("a".to_owned(), true.into())].into(), ..Body::default() };
    let there = Actual { status: Status::Stopped, ..ours(body.clone(), &body) };
    let wanted = ["two/x", "two/y"].map(|it| (id(it), wanted(body.clone()))).into();
    let desired = Desired { wanted, ..Desired::default() };
    let one: Name = "one".parse().unwrap();
    let mut observed = Observed::default();
    observed.set(&one, Ok([("x".parse().unwrap(), there)].into()));
    observed.set(&one, Err("no answer".to_owned()));
    // Also the second time that it can't be asked.
    observed.set(&one, Err("no answer".to_owned()));
    let ask =
        |observed: &Observed| plan(&desired, observed, Asker::Watch, &Consent::default(), NOW);
    let held = ask(&observed);
    assert_eq!(verbs(&held), [["create two/y"]], "{held:?}");
    assert!(matches!(&held.held[0].why, Why::Blind { reason } if reason.contains("one/x")));
    observed.set(&one, Ok(BTreeMap::new()));
    assert_eq!(verbs(&ask(&observed)), [["create two/x"], ["create two/y"]]);
}

fn verbs(plan: &Plan) -> Vec<Vec<String>> {
    let lane = |lane: &Vec<_>| lane.iter().map(verb).collect();
    plan.lanes.iter().map(lane).collect()
}

fn verb(step: &Step) -> String {
    format!("{} {}", step.change.verb(), step.id)
}

#[test]
fn what_only_goes_or_only_comes_has_nothing_to_do_with_what_moves() {
    let body = Body { fields: [("a".to_owned(), true.into())].into(), ..Body::default() };
    let there = || Actual { status: Status::Stopped, ..ours(body.clone(), &body) };
    let off = || Wanted { run: Run::Off, ..wanted(body.clone()) };
    // Those that stay keep the guard against deletions out of the way.
    let (stay, go) = (["one/a", "one/b", "one/c", "one/d"], ["one/y", "one/z"]);
    let found = stay.iter().chain(&go).map(|it| (id(it), there())).collect();
    let wanted = stay.iter().chain(&["two/x", "two/z"]).map(|it| (id(it), off())).collect();
    let (desired, observed) =
        (Desired { wanted, ..Desired::default() }, Observed { found, ..Observed::default() });
    let plan = plan(&desired, &observed, Asker::Watch, &Consent::default(), NOW);
    assert_eq!(
        verbs(&plan),
        [vec!["delete one/y"], vec!["delete one/z", "create two/z"], vec!["create two/x"]]
    );
    let part = plan.only(|it| *it != id("two/z"));
    assert_eq!(verbs(&part), [["delete one/y"], ["create two/x"]], "never half of a lane");
}

#[test]
fn what_is_changed_has_its_chance_before_it_is_recovered() {
    let body =
        |value: bool| Body { fields: [("a".to_owned(), value.into())].into(), ..Body::default() };
    let ask = |status: Status, run, asker| {
        let found = Actual { status, ..ours(body(false), &body(false)) };
        let wanted = Wanted { run, ..wanted(body(true)) };
        let desired = Desired { wanted: [(id("p/x"), wanted)].into(), ..Desired::default() };
        let observed = Observed { found: [(id("p/x"), found)].into(), ..Observed::default() };
        let plan = plan(&desired, &observed, asker, &Consent::default(), NOW);
        let restarts = |it: &Step| matches!(it.change, Change::Update { restart: true, .. });
        (verbs(&plan).concat(), plan.steps().any(restarts))
    };
    let how = || "does not answer".to_owned();
    let failed = || Status::Failed { at: NOW, how: how() };
    let unwell = || Status::Unwell { pid: 1, since: NOW, how: how(), proven: true };
    let running = || Status::Running { pid: 1, since: NOW };
    let steps = |steps: &[&str], restart| {
        (steps.iter().map(|it| format!("{it} p/x")).collect::<Vec<_>>(), restart)
    };
    assert_eq!(ask(failed(), Run::On, Asker::Watch), steps(&["update"], false));
    assert_eq!(ask(failed(), Run::On, Asker::Person), steps(&["update", "start"], false));
    assert_eq!(ask(unwell(), Run::On, Asker::Person), steps(&["update"], true));
    assert_eq!(ask(running(), Run::Off, Asker::Watch), steps(&["update", "stop"], false));
}

#[test]
fn a_plan_that_leaves_something_alone_is_not_empty() {
    let old = text_body("old");
    let left =
        one(Some(wanted(old.clone())), Some(ours(text_body("hand"), &old)), &Consent::default());
    assert!(left.lanes.is_empty() && !left.is_empty());
    assert!(left.only(|it| *it != id("p/x")).is_empty());
    assert!(!one(Some(wanted(old)), None, &Consent::default()).is_empty());
}

#[test]
fn who_is_called_is_started_when_its_time_has_come_unless_it_was_given_up() {
    let later = NOW + SignedDuration::from_secs(1);
    let body = Body::default();
    let ask = |at, given_up: Option<&str>, asker| {
        let status = Status::Job(Box::new(Job::only(State::Unseen)));
        let found = Actual { status, ..ours(body.clone(), &body) };
        let given_up = given_up.map(str::to_owned);
        let call = Some(Call::Now { how: "the primary failed".to_owned(), at, given_up });
        let wanted = Wanted { call, ..wanted(body.clone()) };
        let desired = Desired { wanted: [(id("p/x"), wanted)].into(), ..Desired::default() };
        let observed = Observed { found: [(id("p/x"), found)].into(), ..Observed::default() };
        plan(&desired, &observed, asker, &Consent::default(), NOW)
    };
    let starts = |plan: &Plan| verbs(plan) == [["start p/x"]];
    assert!(starts(&ask(NOW, None, Asker::Watch)));
    assert!(starts(&ask(later, None, Asker::Person)), "a person does not wait");
    assert!(starts(&ask(NOW, Some("often"), Asker::Person)));
    let why = |plan: Plan| plan.held[0].why.clone();
    let how = "the primary failed".to_owned();
    assert_eq!(why(ask(later, None, Asker::Watch)), Why::Resting { how, until: later });
    let how = "often".to_owned();
    assert_eq!(why(ask(NOW, Some("often"), Asker::Watch)), Why::GivenUp { how });
}

#[test]
fn the_last_of_a_provider_is_held_however_much_others_have() {
    let body = text_body("x");
    let found = |ids: &[String]| ids.iter().map(|it| (id(it), ours(body.clone(), &body))).collect();
    let stay: Vec<String> = (0..9).map(|n| format!("p/{n}")).collect();
    let wanted = stay.iter().map(|it| (id(it), wanted(body.clone()))).collect();
    let desired = Desired { wanted, ..Desired::default() };
    let ask = |go: &[&str]| {
        let all: Vec<String> =
            stay.iter().cloned().chain(go.iter().map(ToString::to_string)).collect();
        let observed = Observed { found: found(&all), ..Observed::default() };
        plan(&desired, &observed, Asker::Person, &Consent::default(), NOW)
    };
    assert_eq!(verbs(&ask(&["p/x"])), [["delete p/x"]]);
    let why = Why::TooManyDeletions { deletions: 1, managed: 10 };
    assert_eq!(ask(&["q/x"]).held[0].why, why);
    assert_eq!(ask(&["q/x", "q/y"]).held.len(), 2);
}
