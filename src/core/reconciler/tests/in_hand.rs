//! What is being changed, was, or may be late.

use super::*;

#[test]
fn what_an_earlier_controller_was_changing_is_waited_for_also_by_the_one_after_the_next() {
    let mut world = World::new(&["a"], &["a"]);
    world.decide(0);
    world.set("a", failed(1));
    let decision = world.decide(1);
    assert_eq!(told(&decision), ["stop a: it goes off duty"]);
    world.reconciler.begin(&decision.plan.lanes, second(1));
    world.drain = Duration::from_secs(3);
    // It is killed, and so is the next one before that is over.
    for at in [2, 4] {
        let memory = world.reconciler.memory().clone();
        assert_eq!(memory.in_hand, ["p/a".parse().unwrap()]);
        world.reconciler = Reconciler::new(memory, second(at));
        let decision = world.decide(at);
        assert_eq!((told(&decision), world.phase("a")), (Vec::new(), Phase::Recover));
        assert_eq!(decision.wake_at, Some(second(at + 3)));
    }
    let decision = world.decide(7);
    assert_eq!(told(&decision), ["stop a: it goes off duty"]);
    assert!(world.reconciler.memory().in_hand.is_empty());
}

#[test]
fn a_command_without_an_answer_may_come_late_and_is_waited_for() {
    let mut world = World::new(&["a"], &["a"]);
    world.drain = Duration::from_secs(20);
    world.decide(0);
    world.set("a", failed(1));
    let lanes = world.decide(1).plan.lanes;
    world.reconciler.begin(&lanes, second(1));
    world.reconciler.finish(&lanes[0], 1, None, second(1));
    world.set("a", Status::Stopped);
    let decision = world.decide(2);
    assert_eq!(told(&decision), ["start a-backup: it comes on duty"]);
    let lanes = decision.plan.lanes;
    world.reconciler.begin(&lanes, second(2));
    let failed = Failed { how: "no answer in time".to_owned(), may_come_late: true };
    world.reconciler.finish(&lanes[0], 0, Some(failed), second(2));
    // Nobody can see for a while. What is seen then may be what was before that command.
    world.blind = true;
    world.decide(300);
    world.blind = false;
    for at in [400, 406, 412, 419] {
        let decision = world.decide(at);
        assert_eq!((told(&decision), world.phase("a")), (Vec::new(), Phase::Start(Side::Backup)));
        assert_eq!(decision.wake_at, Some(second(420)));
        assert_eq!(world.reconciler.memory().in_hand, ["p/a-backup".parse().unwrap()]);
    }
    // It never came.
    assert_eq!(told(&world.decide(420)), ["start a-backup: it comes on duty"]);
    assert!(world.reconciler.memory().in_hand.is_empty());
}

#[test]
fn what_was_done_is_in_hand_no_more_and_speaks_for_its_provider() {
    let resources = ["a", "b", "c", "d", "e", "f", "g"];
    let mut world = World::new(&resources, &[]);
    world.rules.emergency_below = 0.0;
    for it in resources {
        world.set(it, Status::Stopped);
    }
    let lanes = world.decide(0).plan.lanes;
    world.reconciler.begin(&lanes, second(0));
    for (done, lane) in lanes.iter().enumerate() {
        assert_eq!(world.reconciler.memory().in_hand.len(), resources.len() - done);
        world.reconciler.finish(lane, lane.len(), None, second(0));
    }
    assert!(world.reconciler.memory().in_hand.is_empty());
    world.set("h", Status::Stopped);
    let told = told(&world.decide(1));
    assert!(told.iter().any(|it| it.starts_with("start h: ")), "{told:?}");
}

#[test]
fn what_is_being_changed_wakes_nobody_by_its_time() {
    let mut world = World::new(&["a", "b"], &[]);
    world.set("a", Status::Scheduled { next: second(50) });
    world.in_hand = Some("p/a".parse().unwrap());
    assert_eq!(world.decide(0).wake_at, None);
    world.in_hand = Some("p/b".parse().unwrap());
    assert_eq!(world.decide(0).wake_at, Some(second(50)));
}
