//! What a plan may and may not do, over thousands of made-up configs and worlds.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::{collection::btree_map, option, prelude::*};
use redundancy::core::{
    change::{Change, Origin, Reason, Why},
    id::{Id, Name},
    plan::{Asker, Consent, Plan, plan},
    resource::{Actual, Body, Desired, Mark, Observed, Run, Status, Wanted},
};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn bodies() -> impl Strategy<Value = Body> {
    let fields = btree_map("[ab]", any::<bool>().prop_map(Into::into), 0..2);
    let files = btree_map("[fg]", "[xy]\n", 0..2);
    (fields, files).prop_map(|(fields, files)| Body { fields, files })
}

fn ids() -> impl Strategy<Value = Id> {
    "(one|two)/[a-d]".prop_map(|text| text.parse().unwrap())
}

fn statuses() -> impl Strategy<Value = Status> {
    let hour = SignedDuration::from_hours(1);
    let at = prop_oneof![Just(NOW - hour), Just(NOW), Just(NOW + hour)];
    let how = || "exited with code 1".to_owned();
    prop_oneof![
        Just(Status::Stopped),
        Just(Status::StoppedByHand),
        Just(Status::Running { pid: 7, since: NOW }),
        Just(Status::Unwell { pid: 7, since: NOW, how: how(), proven: false }),
        at.clone().prop_map(|next| Status::Scheduled { next }),
        at.prop_map(move |retry_at| Status::Down { at: NOW, how: how(), retry_at }),
        Just(Status::Finished { at: NOW, how: how(), well: true }),
        Just(Status::Failed { at: NOW, how: how() }),
    ]
}

fn runs() -> impl Strategy<Value = Run> {
    prop_oneof![Just(Run::On), Just(Run::Off)]
}

/// Whose a resource is: nobody's we know, ours as written, ours and changed since.
fn actuals() -> impl Strategy<Value = Actual> {
    (bodies(), statuses(), option::of((option::of(bodies()), Just(None)))).prop_map(
        |(body, status, mark)| {
            let mark = mark.map(|(written, backs_up)| {
                let written = written.as_ref().unwrap_or(&body).digest();
                Mark { written, backs_up }
            });
            let status = if body.files.is_empty() { status } else { Status::Present };
            Actual { body, status, mark, vitals: None }
        },
    )
}

fn wishes() -> impl Strategy<Value = Wanted> {
    let bodies = option::weighted(0.8, bodies());
    (bodies, runs(), any::<bool>(), any::<bool>()).prop_map(|(body, run, hot, insist)| Wanted {
        body,
        run,
        insist,
        called: false,
        call: None,
        backs_up: None,
        hot_fields: if hot { &["a", "b"] } else { &[] },
    })
}

fn worlds() -> impl Strategy<Value = (Desired, Observed)> {
    let blind = option::weighted(0.2, Just(("one".parse().unwrap(), "no answer".to_owned())));
    let impossible = btree_map(ids(), Just("no such file".to_owned()), 0..2);
    let unseen = btree_map(ids(), Just("not told".to_owned()), 0..2);
    (btree_map(ids(), wishes(), 0..6), impossible, unseen, btree_map(ids(), actuals(), 0..6), blind)
        .prop_map(|(wanted, impossible, unseen, mut found, blind)| {
            let blind: BTreeMap<Name, String> = blind.into_iter().collect();
            found.retain(|id, _| !blind.contains_key(&id.provider) && !unseen.contains_key(id));
            (
                Desired { wanted, impossible, unseen },
                Observed { found, blind, ..Observed::default() },
            )
        })
}

/// The consent that lets everything pass.
fn full_consent(desired: &Desired, observed: &Observed) -> Consent {
    let all = desired.wanted.keys().chain(observed.found.keys()).cloned();
    let all: std::collections::BTreeSet<Id> = all.collect();
    Consent { adopt: all.clone(), overwrite: all, deletions: usize::MAX }
}

/// A world in memory that does what it is told.
fn carry_out(observed: &mut Observed, plan: &Plan) {
    let mark = |body: &Body, backs_up: &Option<String>| {
        Some(Mark { written: body.digest(), backs_up: backs_up.clone() })
    };
    let status = |body: &Body, run| match run {
        _ if !body.files.is_empty() => Status::Present,
        Run::On => Status::Running { pid: 1, since: NOW },
        Run::Off | Run::AsIs => Status::Stopped,
    };
    for step in plan.steps() {
        match &step.change {
            Change::Create { to, run, backs_up } => {
                assert!(!observed.found.contains_key(&step.id), "it would be made twice");
                let (mark, status) = (mark(to, backs_up), status(to, *run));
                let actual = Actual { body: to.clone(), status, mark, vitals: None };
                observed.found.insert(step.id.clone(), actual);
            }
            Change::Update { from, to, backs_up, .. } => {
                let actual = observed.found.get_mut(&step.id).expect("only what is there");
                assert_eq!(actual.body, *from);
                actual.mark = mark(to, backs_up);
                actual.body = to.clone();
                if matches!(step.change, Change::Update { restart: true, .. }) {
                    actual.status = Status::Running { pid: 1, since: NOW };
                }
                if !to.files.is_empty() {
                    actual.status = Status::Present;
                }
            }
            Change::Delete { .. } => {
                observed.found.remove(&step.id).expect("only what is there");
            }
            Change::Start | Change::Restart => {
                let actual = observed.found.get_mut(&step.id).expect("only what is there");
                actual.status = Status::Running { pid: 1, since: NOW };
            }
            Change::Stop => {
                observed.found.get_mut(&step.id).expect("only what is there").status =
                    Status::Stopped;
            }
        }
    }
}

/// What is wanted, as a world that holds exactly that.
fn fulfilled(desired: &Desired) -> Observed {
    let mut observed = Observed::default();
    let wanted = desired.wanted.clone();
    let everything = Desired { wanted, ..Desired::default() };
    let making = plan(&everything, &observed, Asker::Person, &Consent::default(), NOW);
    carry_out(&mut observed, &making);
    observed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_as_wanted_gives_an_empty_plan((desired, _) in worlds()) {
        let desired = Desired { wanted: desired.wanted, ..Desired::default() };
        let observed = fulfilled(&desired);
        for asker in [Asker::Person, Asker::Watch] {
            let plan = plan(&desired, &observed, asker, &Consent::default(), NOW);
            prop_assert!(plan.is_empty(), "{plan:?}");
        }
    }

    #[test]
    fn a_plan_carried_out_leaves_nothing_to_do((desired, mut observed) in worlds()) {
        let consent = full_consent(&desired, &observed);
        let first = plan(&desired, &observed, Asker::Person, &consent, NOW);
        carry_out(&mut observed, &first);
        let second = plan(&desired, &observed, Asker::Person, &consent, NOW);
        prop_assert!(second.lanes.is_empty(), "first {first:?}\nsecond {second:?}");
    }

    #[test]
    fn without_consent_only_what_is_ours_and_unedited_is_touched((desired, observed) in worlds()) {
        for asker in [Asker::Person, Asker::Watch] {
            for step in plan(&desired, &observed, asker, &Consent::default(), NOW).steps() {
                prop_assert!(!observed.blind.contains_key(&step.id.provider));
                prop_assert!(!desired.impossible.contains_key(&step.id));
                prop_assert!(!desired.unseen.contains_key(&step.id));
                let Some(actual) = observed.found.get(&step.id) else { continue };
                if desired.wanted.get(&step.id).is_some_and(|it| it.body.is_none()) {
                    let runs = matches!(step.change, Change::Start | Change::Stop | Change::Restart);
                    prop_assert!(runs, "{step:?} changes what is not ours to change");
                    continue;
                }
                let mark = actual.mark.as_ref().expect("a step for something that is not ours");
                let edited = actual.body.digest() != mark.written;
                let rewrites =
                    matches!(step.change, Change::Update { .. } | Change::Delete { .. });
                let rewrites = rewrites && step.reason != Reason::ConfigChanged;
                prop_assert!(!(rewrites && edited && !actual.body.files.is_empty()));
            }
        }
    }

    #[test]
    fn nothing_is_forgotten((desired, observed) in worlds()) {
        let plan = plan(&desired, &observed, Asker::Person, &Consent::default(), NOW);
        for (id, wanted) in &desired.wanted {
            let Some(body) = &wanted.body else { continue };
            let as_wanted = observed.found.get(id).is_some_and(|it| it.body == *body);
            let spoken_of = plan.steps().any(|it| it.id == *id) || plan.held.iter().any(|it| it.id == *id);
            prop_assert!(as_wanted || spoken_of, "{id} differs and the plan does not say so");
        }
    }

    #[test]
    fn a_plan_always_fits_the_world_that_it_was_made_for((desired, observed) in worlds()) {
        let made = plan(&desired, &observed, Asker::Person, &Consent::default(), NOW);
        let revised = made.clone().against(&made, &observed);
        prop_assert_eq!(revised.plan.lanes, made.lanes);
        prop_assert!(revised.moved.is_empty() && revised.settled.is_empty());
    }
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn text_body(text: &str) -> Body {
    Body { files: [("f".to_owned(), text.to_owned())].into(), ..Body::default() }
}

fn wanted(body: Body) -> Wanted {
    Wanted {
        body: Some(body),
        run: Run::On,
        insist: false,
        called: false,
        call: None,
        backs_up: None,
        hot_fields: &[],
    }
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
    let desired = Desired { wanted: [(id("two/x"), wanted(body))].into(), ..Desired::default() };
    let one: Name = "one".parse().unwrap();
    let mut observed = Observed::default();
    observed.set(&one, Ok([("x".parse().unwrap(), there)].into()));
    observed.set(&one, Err("no answer".to_owned()));
    // Also the second time that it can't be asked.
    observed.set(&one, Err("no answer".to_owned()));
    let ask =
        |observed: &Observed| plan(&desired, observed, Asker::Watch, &Consent::default(), NOW);
    let held = ask(&observed);
    assert!(held.lanes.is_empty(), "{held:?}");
    assert!(matches!(&held.held[0].why, Why::Blind { reason } if reason.contains("one/x")));
    observed.set(&one, Ok(BTreeMap::new()));
    assert_eq!(ask(&observed).lanes[0][0].change.verb(), "create");
}
