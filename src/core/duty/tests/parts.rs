//! Parts of a duty by themselves, to the moment: what the stories through [`step`] leave open.

use super::*;

#[test]
fn what_was_wrong_until_it_came_up_is_over_also_where_it_had_duty_before() {
    let Pair { mut duty, rules, now, .. } = Pair::new(rules());
    let enter = |duty: &mut Duty, to| {
        duty.enter(Move::new(to, Cause::Asked), now, &mut Vec::new());
    };
    enter(&mut duty, Phase::Start(Primary));
    let later = now + SignedDuration::from_mins(1);
    duty.evidence.primary.see(&ill(later.as_second()), rules.patience, later);
    assert_ne!(duty.evidence.primary.failures(), 0);
    enter(&mut duty, Phase::On(Primary));
    assert_eq!(duty.evidence.primary.failures(), 0);
    // What goes wrong while it has duty is not over by a pause.
    duty.evidence.primary.see(&ill(later.as_second() + 60), rules.patience, later);
    let failures = duty.evidence.primary.failures();
    enter(&mut duty, Phase::Paused);
    enter(&mut duty, Phase::On(Primary));
    assert_ne!(failures, 0);
    assert_eq!(duty.evidence.primary.failures(), failures);
}

#[test]
fn what_a_person_said_is_stopped_counts_as_stopped_until_it_is_started() {
    let Pair { mut duty, now, .. } = Pair::new(rules());
    let start = |duty: &mut Duty, side, assumes| {
        let it = Move { assumes, ..Move::new(Phase::Start(side), Cause::AssumedStopped) };
        duty.enter(it, now, &mut Vec::new());
    };
    start(&mut duty, Primary, true);
    assert_eq!(duty.assumed_stopped, Some(Backup));
    start(&mut duty, Primary, false);
    assert_eq!(duty.assumed_stopped, Some(Backup));
    start(&mut duty, Backup, false);
    assert_eq!(duty.assumed_stopped, None);
}

#[test]
fn who_waits_for_the_other_one_to_stop_is_not_to_blame_for_being_off() {
    let mut pair = Pair::new(rules());
    pair.look.sight = Both { primary: Sight::Off, backup: WELL };
    let is_to_blame = |pair: &Pair| {
        let sight = pair.duty.expected(Primary, &pair.look, &pair.rules);
        matches!(sight, Sight::Ill { .. })
    };
    pair.duty.stopped.backup = false;
    assert_eq!((pair.wants(Primary), is_to_blame(&pair)), (Want::AsIs, false));
    pair.duty.stopped.backup = true;
    assert_eq!((pair.wants(Primary), is_to_blame(&pair)), (Want::On, true));
    // It is not for us to start.
    pair.rules.controls_primary = false;
    assert_eq!((pair.wants(Primary), is_to_blame(&pair)), (Want::AsIs, true));
}

#[test]
fn it_wakes_for_what_is_still_to_come_and_for_nothing_else() {
    let Pair { mut duty, rules, now, .. } = Pair::new(rules());
    let ago = |minutes| now - SignedDuration::from_mins(minutes);
    assert_eq!(duty.wakes_at(&rules, now), None);
    // A failover counts for an hour.
    duty.failovers = vec![ago(90), ago(60), ago(20)];
    assert_eq!(duty.wakes_at(&rules, now), Some(now + SignedDuration::from_mins(40)));
    duty.failovers = vec![ago(90), ago(60)];
    assert_eq!(duty.wakes_at(&rules, now), None);
    assert_eq!(duty.failovers_within(&rules, now), 0);
    // A stop has a minute.
    (duty.phase, duty.since) = (Phase::Fence(Primary), ago(1));
    assert_eq!(duty.wakes_at(&rules, now), None);
    duty.since = now;
    assert_eq!(duty.wakes_at(&rules, now), Some(now + SignedDuration::from_mins(1)));
}

#[test]
fn it_wakes_when_a_failure_counts_again_until_it_has_failed_often_enough() {
    let Pair { mut duty, rules, now, .. } = Pair::new(rules());
    let mut fail = |seconds| {
        let at = now + SignedDuration::from_secs(seconds);
        let hangs = Sight::Ill { occasion: at, proven: false, how: "hangs".to_owned() };
        duty.evidence.primary.see(&hangs, rules.patience, at);
        (duty.evidence.primary.has_fallen(rules.patience), duty.wakes_at(&rules, at))
    };
    let (fallen, wakes_at) = fail(0);
    assert!(!fallen && wakes_at.is_some_and(|it| it > now), "{wakes_at:?}");
    let last = (1..1000).map(|n| fail(n * 60)).find(|it| it.0);
    assert_eq!(last, Some((true, None)));
}
