//! What an emergency recovery does.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::core::{
    change::{Reason, Step},
    id::Id,
    plan::{Asker, Consent, Plan, plan as ordinary_plan},
    resource::{Actual, Desired, Observed, Run, Status, Wanted},
};

/// The plan of an emergency recovery: a lane for each resource that should run and is not healthy, in
/// the order in which they are to be carried out, **one after another**: what others stand on, then
/// primaries, then backups. They are lanes of their own because one that fails ends its lane, and must
/// not keep the others from being started.
///
/// By the rules of the ordinary plan that a person asks for, so nothing is touched that this one would
/// not touch, and what its restart policy leaves ended stays so. Nothing is stopped but to be started at
/// once, nothing is deleted, and what moves from one provider to another is left to the ordinary plan.
/// What a person stopped stays so, unless the config insists.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed, now: Timestamp) -> Plan {
    let ordinary = ordinary_plan(desired, observed, Asker::Person, &Consent::default(), now);
    let wrong: BTreeMap<&Id, &str> = (desired.wanted.iter())
        .filter_map(|(id, wanted)| Some((id, wrong_with(wanted, observed.found.get(id))?)))
        .collect();
    let mut held = ordinary.held;
    held.retain(|held| wrong.contains_key(&held.id));
    let mut lanes: Vec<Vec<Step>> = ordinary.lanes;
    // Nothing else is stopped or deleted: that is planned only of what should not run.
    lanes.retain(|lane| lane.iter().all(|step| wrong.contains_key(&step.id)));
    for step in lanes.iter_mut().flatten() {
        let how = wrong.get(&step.id).copied().unwrap_or_default();
        step.reason = Reason::Emergency { how: how.to_owned() };
    }
    let primaries: BTreeSet<&str> =
        desired.wanted.values().filter_map(|it| it.backs_up.as_deref()).collect();
    lanes.sort_by_cached_key(|lane| {
        let id = lane.first().map(|step| step.id.clone());
        (id.as_ref().map(|id| Rank::of(id, desired, &primaries)), id)
    });
    Plan { lanes, held }
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// What is not ours and no primary is there for the others to stand on, as PM2's daemon is.
    Base,
    Primary,
    /// And what else is made from its primary.
    Backup,
}

impl Rank {
    /// The rank of `id`. `primaries`: what backups stand in for, with or without its provider.
    fn of(id: &Id, desired: &Desired, primaries: &BTreeSet<&str>) -> Self {
        let is_primary =
            || primaries.contains(id.name.as_str()) || primaries.contains(id.to_string().as_str());
        match desired.wanted.get(id) {
            Some(it) if it.backs_up.is_some() || it.is_made_from_primary() => Self::Backup,
            Some(Wanted { body: None, .. }) if !is_primary() => Self::Base,
            _ => Self::Primary,
        }
    }
}

/// What is wrong with something that should run, if anything is.
fn wrong_with<'a>(wanted: &Wanted, found: Option<&'a Actual>) -> Option<&'a str> {
    if wanted.run != Run::On {
        return None;
    }
    let Some(found) = found else { return Some("is not there") };
    match &found.status {
        Status::Running { .. } | Status::Scheduled { .. } | Status::Finished { well: true, .. } => {
            None
        }
        Status::StoppedByHand => wanted.insist.then_some("was stopped by hand"),
        Status::Stopped => Some("is stopped"),
        // Whether it works nobody knows, but it can be written again where it differs.
        Status::Present | Status::Job(_) | Status::Code(_) | Status::Release(_) => {
            Some("is not as it should be")
        }
        Status::Unwell { how, .. }
        | Status::Down { how, .. }
        | Status::Failed { how, .. }
        | Status::Finished { well: false, how, .. } => Some(how),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::change::Change;
    use crate::core::{
        health::Health,
        resource::{Body, Mark},
    };
    use proptest::{collection::btree_map, option, prelude::*};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn body(text: &str) -> Body {
        Body { fields: [("command".to_owned(), text.into())].into(), ..Body::default() }
    }

    fn wanted(body: Option<Body>, backs_up: Option<&str>) -> Wanted {
        let backs_up = backs_up.map(str::to_owned);
        Wanted { body, backs_up, ..Wanted::not_ours(Run::On) }
    }

    fn ours(body: Body, backs_up: Option<&str>, status: Status) -> Actual {
        let mark = Mark { written: body.digest(), backs_up: backs_up.map(str::to_owned) };
        Actual { body, status, mark: Some(mark), vitals: None }
    }

    fn failed() -> Status {
        Status::Failed { at: NOW, how: "exited with code 1".to_owned() }
    }

    fn ended(well: bool) -> Status {
        Status::Finished { at: NOW, how: "exited with code 1".to_owned(), well }
    }

    fn running() -> Status {
        Status::Running { pid: 7, since: NOW }
    }

    fn world(wanted: Vec<(&str, Wanted)>, found: Vec<(&str, Actual)>) -> (Desired, Observed) {
        let wanted = wanted.into_iter().map(|(id, it)| (id.parse().unwrap(), it)).collect();
        let found = found.into_iter().map(|(id, it)| (id.parse().unwrap(), it)).collect();
        let desired = Desired { wanted, ..Desired::default() };
        (desired, Observed { found, ..Observed::default() })
    }

    /// What the plan for a world does, in words.
    fn does((desired, observed): &(Desired, Observed)) -> Vec<String> {
        let said = |step: &Step| format!("{} {}: {}", step.change.verb(), step.id, step.reason);
        let plan = plan(desired, observed, NOW);
        plan.lanes.iter().map(|it| it.iter().map(said).collect::<Vec<_>>().join(", ")).collect()
    }

    #[test]
    fn what_others_stand_on_comes_first_then_primaries_then_backups() {
        let not_ours = |status| Actual { mark: None, ..ours(body("?"), None, status) };
        let world = world(
            vec![
                ("embedded/a-backup", wanted(Some(body("a")), Some("pm2/app"))),
                ("embedded/z", wanted(Some(body("z")), None)),
                ("pm2/app", wanted(None, None)),
                ("pm2/daemon", wanted(None, None)),
                ("pm2/gone", wanted(None, None)),
            ],
            vec![
                ("embedded/z", ours(body("old"), None, Status::Stopped)),
                ("pm2/app", not_ours(failed())),
                ("pm2/daemon", not_ours(failed())),
            ],
        );
        assert_eq!(
            does(&world),
            [
                "start pm2/daemon: emergency recovery: it exited with code 1",
                "update embedded/z: emergency recovery: it is stopped, \
                 start embedded/z: emergency recovery: it is stopped",
                "start pm2/app: emergency recovery: it exited with code 1",
                "create embedded/a-backup: emergency recovery: it is not there",
            ]
        );
    }

    #[test]
    fn what_is_well_or_off_or_unwanted_is_left_alone() {
        let off = Wanted { run: Run::Off, ..wanted(Some(body("new")), None) };
        let as_is = Wanted { run: Run::AsIs, ..wanted(Some(body("new")), None) };
        let world = world(
            vec![
                ("p/as-is", as_is),
                ("p/differs", wanted(Some(body("new")), None)),
                ("p/done", wanted(Some(body("new")), None)),
                ("p/off", off),
                ("p/stopped-by-hand", wanted(Some(body("old")), None)),
                ("q/moves", wanted(Some(body("old")), None)),
            ],
            vec![
                ("p/as-is", ours(body("old"), None, failed())),
                ("p/differs", ours(body("old"), None, running())),
                ("p/done", ours(body("old"), None, ended(true))),
                ("p/moves", ours(body("old"), None, running())),
                ("p/off", ours(body("old"), None, running())),
                ("p/stopped-by-hand", ours(body("old"), None, Status::StoppedByHand)),
                ("p/unwanted", ours(body("old"), None, running())),
            ],
        );
        assert_eq!(plan(&world.0, &world.1, NOW), Plan::default());
    }

    #[test]
    fn what_its_restart_policy_leaves_ended_is_not_run_again() {
        let world = world(
            vec![("p/job", wanted(Some(body("x")), None))],
            vec![("p/job", ours(body("x"), None, ended(false)))],
        );
        assert_eq!(plan(&world.0, &world.1, NOW), Plan::default());
    }

    fn ids() -> impl Strategy<Value = Id> {
        "(one|two)/[a-d]".prop_map(|text| text.parse().unwrap())
    }

    fn bodies() -> impl Strategy<Value = Body> {
        (option::weighted(0.2, Just(("f".to_owned(), "text\n".to_owned()))), "[xy]")
            .prop_map(|(file, text)| Body { files: file.into_iter().collect(), ..body(&text) })
    }

    fn statuses() -> impl Strategy<Value = Status> {
        let how = || "exited with code 1".to_owned();
        let retry_at = NOW + jiff::SignedDuration::from_hours(1);
        prop_oneof![
            Just(Status::Stopped),
            Just(Status::StoppedByHand),
            Just(Status::Present),
            Just(running()),
            Just(Status::Unwell { pid: 7, since: NOW, how: how(), proven: false }),
            Just(Status::Scheduled { next: NOW }),
            Just(Status::Down { at: NOW, how: how(), retry_at }),
            any::<bool>().prop_map(ended),
            Just(failed()),
        ]
    }

    fn wishes() -> impl Strategy<Value = Wanted> {
        let run = prop_oneof![3 => Just(Run::On), 1 => Just(Run::Off), 1 => Just(Run::AsIs)];
        let backs_up = option::of("(one/)?[a-d]");
        (option::weighted(0.8, bodies()), run, any::<bool>(), backs_up).prop_map(
            |(body, run, insist, backs_up)| Wanted { run, insist, backs_up, ..wanted(body, None) },
        )
    }

    fn worlds() -> impl Strategy<Value = (Desired, Observed)> {
        let actuals = (bodies(), statuses(), any::<bool>(), option::of(bodies())).prop_map(
            |(body, status, is_ours, written)| {
                let written = written.as_ref().unwrap_or(&body).digest();
                let mark = is_ours.then_some(Mark { written, backs_up: None });
                Actual { body, status, mark, vitals: None }
            },
        );
        (btree_map(ids(), wishes(), 0..8), btree_map(ids(), actuals, 0..8), any::<bool>()).prop_map(
            |(wanted, found, blind)| {
                let mut observed = Observed { found, ..Observed::default() };
                if blind {
                    observed.set(&"one".parse().unwrap(), Err("no answer".to_owned()));
                }
                (Desired { wanted, ..Desired::default() }, observed)
            },
        )
    }

    proptest! {
        #[test]
        fn only_what_should_run_and_does_not_is_touched((desired, observed) in worlds()) {
            let ordinary = ordinary_plan(
                &desired, &observed, Asker::Person, &Consent::default(), NOW,
            );
            let plan = plan(&desired, &observed, NOW);
            let primaries = desired.wanted.values().filter_map(|it| it.backs_up.as_deref());
            let primaries = primaries.collect();
            let ranks = plan.lanes.iter().map(|it| Rank::of(&it[0].id, &desired, &primaries));
            prop_assert!(ranks.is_sorted());
            for lane in &plan.lanes {
                let id = &lane[0].id;
                prop_assert!(lane.iter().all(|it| it.id == *id), "a lane each");
                prop_assert!(!observed.blind.contains_key(&id.provider));
                prop_assert!(!ordinary.held.iter().any(|it| it.id == *id));
                let wanted = &desired.wanted[id];
                let found = observed.found.get(id);
                let health = Health::of(wanted.run, found.map(|it| &it.status));
                prop_assert!(wanted.run == Run::On && health != Health::Healthy);
                let is_ours = found.is_none_or(|it| it.mark.is_some());
                prop_assert!(is_ours || wanted.body.is_none());
                let kept = !matches!(found, Some(Actual { status: Status::StoppedByHand, .. }));
                prop_assert!(kept || wanted.insist, "what a person stopped");
                for step in lane {
                    let stops = matches!(step.change, Change::Stop | Change::Delete { .. });
                    prop_assert!(!stops, "{}", step.change.verb());
                }
            }
        }

        #[test]
        fn whatever_should_run_and_does_not_is_started_or_held((desired, observed) in worlds()) {
            let plan = plan(&desired, &observed, NOW);
            for (id, wanted) in desired.wanted.iter().filter(|(_, it)| it.run == Run::On) {
                let found = observed.found.get(id);
                let health = Health::of(wanted.run, found.map(|it| &it.status));
                let held = plan.held.iter().any(|it| it.id == *id);
                let runs = |step: &Step| step.id == *id && match step.change {
                    Change::Start | Change::Restart | Change::Create { run: Run::On, .. } => true,
                    Change::Update { restart, .. } => restart,
                    _ => false,
                };
                let runs = plan.steps().any(runs);
                prop_assert!(!(held && runs));
                let ended = matches!(found, Some(Actual { status: Status::Finished { .. }, .. }));
                if matches!(health, Health::Unhealthy | Health::Failed) && !ended {
                    prop_assert!(held || runs, "{}", id);
                }
            }
        }
    }
}
