//! What a plan may and may not do, over thousands of made-up configs and worlds.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod cases;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::{collection::btree_map, option, prelude::*};
use redundancy::core::{
    change::{Change, Reason},
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
                Desired { wanted, impossible, unseen, ..Desired::default() },
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
