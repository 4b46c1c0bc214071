use super::*;
use crate::core::{
    change::{Change, Held, Reason, Step},
    duty::Cause,
    failover::tests::pair,
    resource::{Actual, Body, Status, Wanted},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn id() -> Id {
    "p/w".parse().unwrap()
}

fn failed() -> Status {
    Status::Failed { at: at(0), how: "exited with code 1".to_owned() }
}

fn down() -> Status {
    Status::Down { at: at(0), how: "exited with code 1".to_owned(), retry_at: at(9) }
}

/// All that is known of one resource, `p/w`.
struct World {
    desired: Desired,
    observed: Observed,
    plan: Plan,
    pairs: Vec<Pair>,
    duties: Duties,
    covers: Covers,
    in_hand: bool,
}

impl World {
    /// It should run, and was seen like this.
    fn seen(status: Status) -> Self {
        let actual = Actual { body: Body::default(), status, mark: None, vitals: None };
        Self {
            desired: Desired {
                wanted: [(id(), Wanted::not_ours(Run::On))].into(),
                ..Desired::default()
            },
            observed: Observed { found: [(id(), actual)].into(), ..Observed::default() },
            plan: Plan::default(),
            pairs: Vec::new(),
            duties: Duties::default(),
            covers: Covers::default(),
            in_hand: false,
        }
    }

    fn held(mut self, why: Why) -> Self {
        self.plan.held.push(Held { id: id(), why });
        self
    }

    fn planned(mut self) -> Self {
        let reason = Reason::Recovery { how: "exited".to_owned() };
        self.plan.lanes.push(vec![Step { id: id(), change: Change::Start, reason }]);
        self
    }

    fn duty(mut self, phase: Phase, cause: Cause) -> Self {
        self.pairs.push(Pair { primary: "p/x".parse().unwrap(), backup: id(), ..pair(true) });
        let mut duty = Duty::new(at(0));
        (duty.phase, duty.cause) = (phase, cause);
        let duties = serde_json::json!({ "p/w": duty });
        self.duties = serde_json::from_value(duties).unwrap();
        self
    }

    /// What is so, and of which of the kinds that are about `p/w` it is not known.
    fn level(&self) -> (Vec<String>, Vec<&'static str>) {
        let breakers = Breakers::default();
        let seen = Seen {
            desired: &self.desired,
            observed: &self.observed,
            plan: &self.plan,
            pairs: &self.pairs,
            duties: &self.duties,
            covers: &self.covers,
            breakers: &breakers,
            storms: Vec::new(),
            in_hand: &|_| self.in_hand,
        };
        let level = Level::of(&seen, at(1));
        let so = level.alerts.iter().map(|it| format!("{} {}", it.severity, it.key)).collect();
        let kinds = [Kind::Failed, Kind::Failover, Kind::Blocked];
        let unknown = kinds.into_iter().filter(|kind| (level.is_unknown)(&Key::new(*kind, id())));
        (so, unknown.map(Kind::word).collect())
    }
}

#[test]
fn what_is_so_and_what_nobody_knows() {
    let given_up = || Why::GivenUp { how: "exited with code 1".to_owned() };
    let resting = || Why::Resting { how: "exited".to_owned(), until: at(9) };
    let paused = || Why::Paused { until: at(9), reason: String::new() };
    let running = || Status::Running { pid: 1, since: at(0) };
    let failing = || Cause::Failing { side: Side::Primary, how: "crashed".to_owned() };
    let mut off = World::seen(failed());
    off.desired.wanted.insert(id(), Wanted::not_ours(Run::Off));
    let mut in_hand = World::seen(failed());
    in_hand.in_hand = true;
    let mut tried = World::seen(failed()).held(given_up());
    tried.in_hand = true;
    let mut blind = World::seen(running());
    blind.observed.set(&id().provider, Err("no answer".to_owned()));
    let mut gone = World::seen(running());
    gone.desired = Desired::default();
    let stands_in = |mut world: World| {
        world.desired = Desired::default();
        let cover = serde_json::json!({ "primary": "p/x", "since": at(0), "how": "failed" });
        world.covers = serde_json::from_value(serde_json::json!({ "p/w": cover })).unwrap();
        world
    };
    let mut hidden = stands_in(World::seen(running()));
    hidden.observed.set(&id().provider, Err("no answer".to_owned()));
    let rows: [(&str, World, &[&str], &[&str]); 20] = [
        ("it stands in", stands_in(World::seen(running())), &["warning failover:p/w"], &[]),
        ("it runs", World::seen(running()), &[], &[]),
        (
            "it failed, and nothing is tried",
            World::seen(failed()),
            &["critical failed:p/w"],
            &["failed"],
        ),
        (
            "it was given up",
            World::seen(failed()).held(given_up()),
            &["critical failed:p/w"],
            &["failed"],
        ),
        (
            "it is given up although it runs",
            World::seen(running()).held(given_up()),
            &["critical failed:p/w"],
            &[],
        ),
        (
            "it is tried again",
            World::seen(failed()).planned(),
            &["warning unwell:p/w"],
            &["failed"],
        ),
        ("it is being changed", in_hand, &["warning unwell:p/w"], &["failed"]),
        ("it is tried although it was given up", tried, &["warning unwell:p/w"], &["failed"]),
        ("it rests", World::seen(failed()).held(resting()), &["warning unwell:p/w"], &["failed"]),
        ("it is down", World::seen(down()), &["warning unwell:p/w"], &["failed"]),
        ("it is paused", World::seen(failed()).held(paused()), &[], &["failed"]),
        ("it should be off", off, &[], &[]),
        ("it is not in the config any more", gone, &[], &[]),
        ("nobody can see it", blind, &["warning blind:p"], &["failed", "failover", "blocked"]),
        (
            "it stood in when it was seen last",
            hidden,
            &["warning blind:p"],
            &["failed", "failover", "blocked"],
        ),
        (
            "its backup works",
            World::seen(running()).duty(Phase::On(Side::Backup), failing()),
            &["warning failover:p/w"],
            &[],
        ),
        (
            "a person asked for that",
            World::seen(running()).duty(Phase::On(Side::Backup), Cause::Asked),
            &["info failover:p/w"],
            &[],
        ),
        (
            "duty moves",
            World::seen(running()).duty(Phase::Fence(Side::Primary), failing()),
            &[],
            &["failover", "blocked"],
        ),
        (
            "it is not known who works",
            World::seen(running()).duty(Phase::Recover, failing()),
            &[],
            &["failover", "blocked"],
        ),
        (
            "it is blocked",
            World::seen(running()).duty(Phase::Blocked, failing()),
            &["critical blocked:p/w"],
            &["failover"],
        ),
    ];
    for (what, world, so, unknown) in rows {
        let (is_so, is_unknown) = world.level();
        assert_eq!(is_so, so, "{what}");
        assert_eq!(is_unknown, unknown, "{what}");
    }
}
