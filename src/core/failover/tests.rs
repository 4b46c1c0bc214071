//! What is told to the duty of a pair, and what comes of it for what is desired.

use std::time::Duration;

use super::*;
use crate::core::{
    change::{Change, Step},
    duty::HandBack,
    evidence::Patience,
    id::Name,
    resource::{Actual, Body, Sightings, Status, Wishes},
};

const SETTLE: i64 = 5;

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

/// The primary `p/a` and its backup `q/b`.
pub(in crate::core) fn pair(exclusive: bool) -> Pair {
    let rules = Rules {
        exclusive,
        controls_primary: true,
        patience: Patience { fall: 1, calm: Duration::ZERO },
        settle: Duration::from_secs(SETTLE.unsigned_abs()),
        hold: Duration::from_hours(1),
        hand_back: HandBack::Auto,
        budget: 1,
        window: Duration::ZERO,
        fence: Duration::from_mins(1),
    };
    Pair { primary: id("p/a"), backup: id("q/b"), rules }
}

fn running() -> Status {
    Status::Running { pid: 1, since: second(0) }
}

fn failed() -> Status {
    Status::Failed { at: second(1), how: "exited with code 1".to_owned() }
}

/// One thing at each of two providers, and who decides about the pair that they are.
struct World {
    pair: Pair,
    duties: Duties,
    desired: Desired,
    observed: Observed,
}

impl World {
    /// Both are ours.
    fn new(exclusive: bool, primary: Status, backup: Status) -> Self {
        let (duties, desired, observed) = Default::default();
        let mut world = Self { pair: pair(exclusive), duties, desired, observed };
        world.see("p/a", primary);
        world.see("q/b", backup);
        for it in ["p/a", "q/b"] {
            world.want(it, Some(Body::default()));
        }
        world
    }

    fn see(&mut self, it: &str, status: Status) {
        let actual = Actual { body: Body::default(), status, mark: None, vitals: None };
        let it = id(it);
        let seen: Sightings = [(it.name, actual)].into();
        self.observed.set(&it.provider, Ok(seen));
    }

    fn want(&mut self, it: &str, body: Option<Body>) {
        let wanted = Wanted { body, ..Wanted::not_ours(Run::On) };
        self.desired.wanted.insert(id(it), wanted);
    }

    fn decide(&mut self, now: i64) {
        let circumstances = Circumstances { storm: &|_| false, ..Circumstances::ONE_LOOK };
        let Self { pair, duties, desired, observed } = self;
        let pairs = std::slice::from_ref(&*pair);
        duties.decide(pairs, desired, observed, &circumstances, second(now));
    }

    fn phase(&self) -> Phase {
        self.duties.of(&self.pair.backup).unwrap().phase
    }

    /// Whether each should run, and whether it is called.
    fn wanted(&self) -> [Option<(Run, bool)>; 2] {
        ["p/a", "q/b"].map(|it| self.desired.wanted.get(&id(it)).map(|it| (it.run, it.called)))
    }

    fn off_duty(&self) -> Vec<String> {
        let pairs = std::slice::from_ref(&self.pair);
        self.duties.off_duty(pairs).map(ToString::to_string).collect()
    }
}

#[test]
fn a_pair_is_two() {
    let pair = pair(true);
    assert!(pair.has(&id("p/a")) && pair.has(&id("q/b")));
    assert!(!pair.has(&id("p/b")) && !pair.has(&id("q/a")));
    assert_eq!((pair.id(Side::Primary), pair.id(Side::Backup)), (&id("p/a"), &id("q/b")));
}

#[test]
fn what_could_not_be_seen_is_neither_gone_nor_yet_to_be_made() {
    let (pair, mut desired, mut observed) = (pair(true), Desired::default(), Observed::default());
    let sight = |desired: &Desired, observed: &Observed| {
        look(&pair, desired, observed, &Circumstances::ONE_LOOK).sight
    };
    let both = |primary, backup| Both { primary, backup };
    assert_eq!(sight(&desired, &observed), both(Sight::Gone, Sight::Gone));
    desired.unseen.insert(pair.primary.clone(), "it did not tell".to_owned());
    observed.set(&pair.backup.provider, Err("no answer".to_owned()));
    assert_eq!(sight(&desired, &observed), both(Sight::Unknown, Sight::Unknown));
}

#[test]
fn what_is_being_changed_is_not_known_and_what_can_not_be_made_is_lost() {
    let mut world = World::new(true, running(), running());
    let (reason, lost) = ("no such file".to_owned(), "can't be made: no such file".to_owned());
    let wishes =
        Wishes { impossible: [("b".parse().unwrap(), reason)].into(), ..Wishes::default() };
    world.desired.set(&"q".parse().unwrap(), wishes);
    let in_hand = |it: &Id| it.provider == "p".parse::<Name>().unwrap();
    let circumstances = Circumstances { in_hand: &in_hand, ..Circumstances::ONE_LOOK };
    let sight = look(&world.pair, &world.desired, &world.observed, &circumstances).sight;
    assert_eq!(sight, Both { primary: Sight::Unknown, backup: Sight::Lost { how: lost } });
}

#[test]
fn what_is_so_of_one_is_so_of_the_pair() {
    let world = World::new(true, running(), running());
    for one in ["p/a", "q/b"] {
        let (is, is_not) = (|it: &Id| *it == id(one), |it: &Id| *it != id(one));
        let given = |paused, storm, settled| {
            let given = Circumstances { paused, storm, settled, ..Circumstances::ONE_LOOK };
            let look = look(&world.pair, &world.desired, &world.observed, &given);
            (look.storm, look.paused, look.settled)
        };
        assert_eq!(given(&is, &|_| false, &|_| true), (false, true, true), "{one}");
        assert_eq!(given(&|_| false, &is, &|_| true), (true, false, true), "{one}");
        assert_eq!(given(&|_| false, &|_| false, &is_not), (false, false, false), "{one}");
    }
}

#[test]
fn who_takes_over_is_called_and_the_other_one_is_not_to_run() {
    let mut world = World::new(true, running(), Status::Stopped);
    assert_eq!(world.off_duty(), ["p/a", "q/b"], "who runs is not decided yet");
    world.decide(0);
    assert_eq!(world.phase(), Phase::On(Side::Primary));
    assert_eq!(world.wanted(), [Some((Run::On, false)), Some((Run::Off, false))]);
    assert_eq!(world.off_duty(), ["q/b"]);
    world.see("p/a", failed());
    world.decide(1);
    assert_eq!(world.phase(), Phase::Fence(Side::Primary));
    assert_eq!(world.wanted(), [Some((Run::Off, false)), Some((Run::AsIs, false))]);
    assert_eq!(world.off_duty(), ["p/a", "q/b"]);
    world.see("p/a", Status::Stopped);
    world.decide(2);
    assert_eq!(world.phase(), Phase::Start(Side::Backup));
    assert_eq!(world.wanted(), [Some((Run::Off, false)), Some((Run::On, true))]);
    assert_eq!(world.off_duty(), ["p/a"]);
    world.see("q/b", running());
    world.decide(3);
    let pairs = std::slice::from_ref(&world.pair);
    assert_eq!(world.duties.wake_at(pairs, second(3)), Some(second(3 + SETTLE)));
    assert_eq!(world.duties.wake_at(&[], second(3)), None);
    world.decide(3 + SETTLE);
    assert_eq!(world.phase(), Phase::On(Side::Backup));
    assert_eq!(world.wanted(), [Some((Run::Off, false)), Some((Run::On, false))]);
}

#[test]
fn a_step_by_which_duty_moves_says_so_and_no_other_does() {
    let mut world = World::new(true, running(), Status::Stopped);
    world.decide(0);
    world.see("p/a", failed());
    world.decide(1);
    assert_eq!(world.phase(), Phase::Fence(Side::Primary));
    let told = |world: &World, reason: Reason| {
        let step = |it: &str| {
            let (id, reason) = (id(it), reason.clone());
            vec![Step { id, change: Change::Stop, reason }]
        };
        let lanes = ["p/a", "q/b", "q/other"].map(step).into();
        let mut plan = Plan { lanes, held: Vec::new() };
        world.duties.tell_reasons(std::slice::from_ref(&world.pair), &mut plan);
        plan.steps().map(|it| it.reason.clone()).collect::<Vec<_>>()
    };
    let off = || Reason::ShouldBeOff;
    assert_eq!(told(&world, off()), [Reason::OffDuty, off(), off()]);
    world.see("p/a", Status::Stopped);
    world.decide(2);
    assert_eq!(world.phase(), Phase::Start(Side::Backup));
    let on = || Reason::NotRunning { how: "is stopped".to_owned() };
    assert_eq!(told(&world, on()), [on(), Reason::OnDuty, on()]);
    assert_eq!(told(&world, off()), [off(), off(), off()]);
}

#[test]
fn what_nobody_may_start_fails_where_it_has_duty_and_is_off() {
    let mut world = World::new(true, running(), Status::Stopped);
    world.want("p/a", None);
    world.pair.rules.controls_primary = false;
    world.decide(0);
    assert_eq!(world.phase(), Phase::On(Side::Primary));
    world.see("p/a", Status::Stopped);
    world.decide(1);
    assert_eq!(world.phase(), Phase::Start(Side::Backup));
}

#[test]
fn two_that_run_side_by_side_are_never_off_duty() {
    let mut world = World::new(false, running(), running());
    world.decide(0);
    assert_eq!(world.wanted(), [Some((Run::On, false)); 2]);
    assert!(world.off_duty().is_empty());
}

/// A primary that somebody else made, and of which only whether it runs is ours to say.
#[test]
fn of_what_is_not_ours_only_whether_it_runs_is_wanted_and_only_where_that_may_be_said() {
    let not_ours = |exclusive: bool| {
        let mut world = World::new(exclusive, running(), Status::Stopped);
        world.want("p/a", None);
        world.decide(0);
        world
    };
    let mut world = not_ours(true);
    let primary = &world.desired.wanted[&id("p/a")];
    assert_eq!((primary.run, &primary.body), (Run::On, &None));
    // What said that it should run is gone with the reason for it.
    world.pair.rules.controls_primary = false;
    world.decide(1);
    assert_eq!(world.wanted()[0], None);
    assert_eq!(not_ours(false).wanted()[0], None, "beside its backup it does as it likes");

    let mut world = World::new(true, Status::Stopped, Status::Stopped);
    world.want("p/a", None);
    world.duties.aim(&id("q/b"), Side::Primary, second(0));
    world.decide(0);
    assert_eq!(world.wanted()[0], Some((Run::On, true)), "it is called as one of ours is");

    let mut world = not_ours(true);
    world.desired.impossible.insert(id("p/a"), "it is two".to_owned());
    world.decide(1);
    assert_eq!(world.wanted()[0], None, "nothing can be said of what can't be had");
}

#[test]
fn duty_is_where_a_person_wants_it_where_none_of_the_two_runs() {
    let mut world = World::new(true, Status::Stopped, Status::Stopped);
    let backup = world.pair.backup.clone();
    world.duties.aim(&backup, Side::Backup, second(0));
    let mut other = Duties::default();
    other.take_over(&world.duties, &id("q/other"));
    assert_eq!(other.of(&backup), None);
    other.take_over(&world.duties, &backup);
    assert_eq!(other.of(&backup).unwrap().serving, Side::Backup);
    world.decide(0);
    assert_eq!(world.phase(), Phase::Start(Side::Backup));
}
