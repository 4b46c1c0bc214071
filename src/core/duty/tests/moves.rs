//! When duty moves, when it stays, and when it goes back.

use super::*;

#[test]
fn a_failing_primary_is_stopped_before_the_backup_starts() {
    let mut pair = Pair::new(rules());
    pair.see(1, ill(0), Sight::Off);
    assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::Off, Want::AsIs));
    // What is on its way off is not proven off by not being seen.
    assert_eq!(pair.see(1, Sight::Unknown, Sight::Off), Phase::Fence(Primary));
    assert_eq!(pair.wants(Backup), Want::AsIs);
    assert_eq!(pair.see(1, Sight::Off, Sight::Off), Phase::Start(Backup));
    assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::Off, Want::On));
}

#[test]
fn each_failover_makes_the_hold_twice_as_long_up_to_a_limit() {
    let mut pair = Pair::new(Rules { budget: 100, ..rules() });
    for minutes in [5, 10, 20, 40, 80, 160, 320, 360, 360] {
        pair.fail_over();
        assert_eq!(pair.hold(), SignedDuration::from_mins(minutes));
        pair.hand_back();
    }
    // A day later it is forgotten.
    pair.see(25 * 3600, WELL, Sight::Off);
    pair.fail_over();
    assert_eq!(pair.hold(), SignedDuration::from_mins(5));
}

#[test]
fn a_hold_that_is_asked_for_is_not_cut_to_the_limit() {
    let mut pair = Pair::new(Rules { hold: Duration::from_hours(9), ..rules() });
    pair.fail_over();
    assert_eq!(pair.hold(), SignedDuration::from_hours(9));
}

#[test]
fn a_restart_of_the_controller_prolongs_no_hold() {
    let mut pair = Pair::new(rules());
    pair.fail_over();
    let ends = pair.duty.hold_ends_at(&pair.rules);
    pair.see(100, Sight::Off, WELL);
    pair.restart();
    pair.see(100, Sight::Off, WELL);
    assert_eq!(pair.duty.hold_ends_at(&pair.rules), ends);
}

#[test]
fn a_spent_budget_keeps_duty_where_it_is_until_it_is_free_again() {
    let mut pair = Pair::new(Rules { budget: 1, ..rules() });
    pair.fail_over();
    let spent = pair.now;
    // The backup fails too. Nobody is stopped, and it is told once.
    for second in 0..3 {
        assert_eq!(pair.see(1, Sight::Off, ill(second)), Phase::On(Backup));
        assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::Off, Want::On));
    }
    assert_eq!(pair.duty.stuck(), Some(Stuck::BudgetSpent));
    let stuck = pair.news.iter().filter(|it| matches!(it, News::Stuck { .. })).count();
    assert_eq!(stuck, 1);
    let wakes = pair.duty.wakes_at(&pair.rules, pair.now).unwrap();
    assert!(wakes > pair.now && wakes <= spent + SignedDuration::from_hours(1));
    pair.see(3600, Sight::Off, ill(3));
    assert_eq!(pair.duty.phase, Phase::Fence(Backup));
    assert_eq!(pair.duty.stuck(), None);
}

#[test]
fn duty_goes_back_when_the_rules_say() {
    let window = |from: i8, to: i8| HandBack::Window {
        from: civil::time(from, 0, 0, 0),
        to: civil::time(to, 0, 0, 0),
        zone: TimeZone::UTC,
    };
    // It is about 19:00.
    let (stays, goes) = (Phase::On(Backup), Phase::Fence(Backup));
    let waits = Some(Stuck::WaitsForPerson);
    for (hand_back, phase, stuck) in [
        (HandBack::Auto, goes, None),
        (HandBack::Manual, stays, waits),
        (HandBack::Never, stays, None),
        (window(18, 20), goes, None),
        (window(2, 4), stays, None),
    ] {
        let mut pair = on_backup(Rules { hand_back: hand_back.clone(), ..rules() });
        assert_eq!(pair.see(1, Sight::Off, WELL), phase, "{hand_back:?}");
        assert_eq!(pair.duty.stuck(), stuck, "{hand_back:?}");
        // Who asks gets it, in any mode.
        if phase == stays {
            assert_eq!(pair.ask(Asked::HandBack, Sight::Off, WELL), goes, "{hand_back:?}");
        }
    }
}

#[test]
fn what_keeps_duty_from_going_back() {
    type Change = (&'static str, fn(&mut Pair));
    let change: [Change; 4] = [
        ("it is known not to work", |it| it.look.precheck = Some(false)),
        ("a storm", |it| it.look.storm = true),
        ("a pause", |it| it.look.paused = true),
        ("no failover would be left", |it| it.rules.budget = 0),
    ];
    for (what, change) in change {
        let mut pair = on_backup(rules());
        change(&mut pair);
        let phase = pair.see(1, Sight::Off, WELL);
        assert!(matches!(phase, Phase::On(Backup) | Phase::Paused), "{what}: {phase:?}");
    }
    for primary in [lost(), Sight::Gone, Sight::Unknown] {
        let mut pair = on_backup(rules());
        assert_eq!(pair.see(1, primary.clone(), WELL), Phase::On(Backup), "{primary:?}");
    }
    let mut pair = on_backup(rules());
    pair.look.precheck = Some(true);
    assert_eq!(pair.see(1, Sight::Off, WELL), Phase::Fence(Backup));
}

#[test]
fn what_a_person_moved_stays_until_a_person_moves_it() {
    let asked: fn(&mut Pair) = |pair| {
        assert_eq!(pair.ask(Asked::FailOver, WELL, Sight::Off), Phase::Fence(Primary));
        pair.arrive(Backup);
    };
    let by_hand: fn(&mut Pair) = |pair| {
        for seconds in [1, 1, 10] {
            pair.see(seconds, Sight::StoppedByHand, WELL);
        }
    };
    // Also while nobody looked.
    let unseen: fn(&mut Pair) = |pair| {
        pair.restart();
        pair.see(1, Sight::StoppedByHand, WELL);
    };
    for (what, moves) in [("asked", asked), ("by hand", by_hand), ("unseen", unseen)] {
        let mut pair = Pair::new(rules());
        moves(&mut pair);
        assert_eq!(pair.duty.phase, Phase::On(Backup), "{what}");
        assert_eq!(pair.duty.failovers_within(&pair.rules, pair.now), 0, "{what}");
        assert_eq!(pair.see(9 * 3600, Sight::Off, WELL), Phase::On(Backup), "{what}");
        assert_eq!(pair.duty.stuck(), Some(Stuck::WaitsForPerson), "{what}");
        // Also by a controller that begins anew.
        pair.restart();
        assert_eq!(pair.see(1, Sight::Off, WELL), Phase::On(Backup), "{what}");
        assert_eq!(pair.ask(Asked::HandBack, Sight::Off, WELL), Phase::Fence(Backup), "{what}");
    }
}

#[test]
fn duty_that_was_on_its_way_when_the_controller_ended_is_nobodys_doing() {
    let mut pair = Pair::new(rules());
    pair.see(1, ill(0), Sight::Off);
    pair.see(1, Sight::Off, Sight::Off);
    assert_eq!(pair.duty.phase, Phase::Start(Backup));
    pair.restart();
    assert_eq!(pair.see(1, Sight::Off, WELL), Phase::On(Backup));
    assert!(matches!(pair.duty.cause, Cause::Failing { side: Primary, .. }));
    // It arrives also where a person had stopped the backup long before.
    let mut pair = Pair::new(rules());
    pair.see(1, ill(0), Sight::StoppedByHand);
    pair.restart();
    assert_eq!(pair.see(1, Sight::Off, Sight::StoppedByHand), Phase::Start(Backup));
    assert!(pair.duty.is_starting(Backup));
}

#[test]
fn of_a_parallel_pair_both_run_always_and_only_the_word_moves() {
    let mut pair = Pair::new(Rules { exclusive: false, ..rules() });
    let both_run = |pair: &Pair| (pair.wants(Primary), pair.wants(Backup)) == (Want::On, Want::On);
    for (seconds, primary, backup, phase) in [
        (1, WELL, WELL, Phase::On(Primary)),
        (1, ill(0), WELL, Phase::On(Backup)),
        // Well, but not for long enough yet.
        (1, WELL, WELL, Phase::On(Backup)),
        (30, WELL, WELL, Phase::On(Primary)),
        // Nobody is better.
        (1, ill(1), ill(1), Phase::On(Primary)),
        (1, Sight::Unknown, WELL, Phase::On(Primary)),
    ] {
        assert_eq!(pair.see(seconds, primary, backup), phase);
        assert!(both_run(&pair));
    }
}

#[test]
fn a_clock_that_was_set_back_moves_nothing_and_makes_nothing_endless() {
    let mut pair = Pair::new(rules());
    pair.fail_over();
    assert_eq!(pair.see(-86_400, Sight::Off, WELL), Phase::On(Backup));
    let hold = pair.duty.hold_ends_at(&pair.rules).unwrap().duration_since(pair.now);
    assert_eq!(hold, SignedDuration::from_mins(5));
    assert_eq!(pair.duty.failovers_within(&pair.rules, pair.now), 1);
    pair.hand_back();
}

#[test]
fn a_primary_that_was_flapping_has_its_chance_when_the_backup_fails() {
    let crashed = |at: i64| Sight::Ill {
        occasion: Timestamp::from_second(at).unwrap(),
        proven: false,
        how: "crashed".to_owned(),
    };
    let mut pair = Pair::new(Rules { budget: 50, ..rules() });
    while pair.duty.phase == Phase::On(Primary) {
        pair.see(1, WELL, Sight::Off);
        pair.see(30, WELL, Sight::Off);
        let at = pair.now.as_second();
        pair.see(1, crashed(at), Sight::Off);
    }
    assert_eq!(pair.duty.phase, Phase::Fence(Primary), "it flaps");
    pair.arrive(Backup);
    let lost = Sight::Lost { how: "was given up".to_owned() };
    assert_eq!(pair.see(1, Sight::Off, lost), Phase::Fence(Backup));
    assert_eq!(pair.see(1, Sight::Off, Sight::Off), Phase::Start(Primary));
    // One failure more does not undo that.
    assert_eq!(pair.see(1, crashed(1), Sight::Off), Phase::Start(Primary));
    pair.see(1, WELL, Sight::Off);
    assert_eq!(pair.see(10, WELL, Sight::Off), Phase::On(Primary));
}
