//! A stop that has to be proven, and what a person says where it can't be.

use super::*;

#[test]
fn a_primary_that_may_not_be_stopped_is_never_stopped_and_never_run_beside() {
    let mut pair = Pair::new(Rules { controls_primary: false, ..rules() });
    // It fails and runs on: nothing can be done.
    assert_eq!(pair.see(1, ill(0), Sight::Off), Phase::On(Primary));
    assert_eq!(pair.duty.stuck(), Some(Stuck::NoControl));
    assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::AsIs, Want::Off));
    // It ends: that is proof.
    assert_eq!(pair.see(1, lost(), Sight::Off), Phase::Start(Backup));
    assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::AsIs, Want::On));
    pair.see(1, lost(), WELL);
    assert_eq!(pair.see(10, lost(), WELL), Phase::On(Backup));
    assert_eq!(pair.see(7 * 3600, lost(), WELL), Phase::On(Backup));
    // It is back, well or not: only the backup can give way.
    let mut other =
        Pair { duty: pair.duty.clone(), rules: pair.rules.clone(), ..on_backup(rules()) };
    for (pair, primary) in [(&mut pair, WELL), (&mut other, ill(1))] {
        assert_eq!(pair.see(1, primary.clone(), WELL), Phase::Fence(Backup), "{primary:?}");
        assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::AsIs, Want::Off));
        assert_eq!(pair.see(1, primary, Sight::Off), Phase::Start(Primary));
    }
    // Also before the backup has come up.
    let mut pair = Pair::new(pair.rules);
    assert_eq!(pair.see(1, lost(), Sight::Off), Phase::Start(Backup));
    assert_eq!(pair.see(1, ill(2), Sight::Off), Phase::Start(Primary));
}

#[test]
fn a_stop_that_is_not_proven_ends_in_blocked() {
    let mut pair = Pair::new(rules());
    pair.see(1, ill(0), Sight::Off);
    assert_eq!(pair.see(59, ill(0), Sight::Off), Phase::Fence(Primary));
    assert_eq!(pair.duty.wakes_at(&pair.rules, pair.now).unwrap(), {
        pair.now + SignedDuration::from_secs(1)
    });
    assert_eq!(pair.see(1, ill(0), Sight::Off), Phase::Blocked);
    assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::Off, Want::AsIs));
    assert!(pair.news.contains(&News::Blocked { side: Primary }));
    // Nor is it proven by time, or by not being seen.
    assert_eq!(pair.see(3600, Sight::Unknown, Sight::Off), Phase::Blocked);
    assert_eq!(pair.see(1, Sight::Off, Sight::Off), Phase::Start(Backup));
}

#[test]
fn blocked_duty_can_be_given_back_to_the_one_that_runs_on() {
    let mut pair = Pair::new(rules());
    pair.ask(Asked::FailOver, WELL, Sight::Off);
    assert_eq!(pair.see(60, WELL, Sight::Off), Phase::Blocked);
    assert_eq!(pair.ask(Asked::FailOver, WELL, Sight::Off), Phase::Blocked);
    assert_eq!(pair.ask(Asked::HandBack, WELL, Sight::Off), Phase::Start(Primary));
    pair.see(1, WELL, Sight::Off);
    assert_eq!(pair.see(10, WELL, Sight::Off), Phase::On(Primary));
}

/// Blocked, and a person has said that the primary is stopped.
fn assumed(primary: &Sight) -> Pair {
    let mut pair = Pair::new(rules());
    pair.see(1, ill(0), Sight::Off);
    assert_eq!(pair.see(60, Sight::Unknown, Sight::Off), Phase::Blocked);
    let phase = pair.ask(Asked::AssumeStopped, primary.clone(), Sight::Off);
    assert_eq!(phase, Phase::Start(Backup));
    pair
}

#[test]
fn what_a_person_says_is_stopped_is_not_waited_for() {
    for primary in [Sight::Unknown, ill(0), lost()] {
        let mut pair = assumed(&primary);
        assert_eq!(pair.wants(Backup), Want::On, "{primary:?}");
        pair.see(1, primary.clone(), WELL);
        assert_eq!(pair.see(10, primary.clone(), WELL), Phase::On(Backup), "{primary:?}");
        // It is started again although nothing is seen of the primary, also by a later controller.
        pair.restart();
        assert_eq!(pair.see(1, primary.clone(), ill(5)), Phase::On(Backup), "{primary:?}");
        assert_eq!(pair.wants(Backup), Want::On, "{primary:?}");
        // But duty does not go to it before it was seen to be off.
        assert_eq!(pair.duty.stuck(), {
            (primary != Sight::Unknown).then_some(Stuck::OtherBroken)
        });
        assert_eq!(pair.see(1, Sight::Off, ill(6)), Phase::Fence(Backup), "{primary:?}");
    }
}

#[test]
fn what_a_person_says_is_stopped_and_is_seen_to_run_is_not() {
    let mut pair = Pair::new(rules());
    pair.see(1, ill(0), Sight::Off);
    pair.see(60, ill(0), Sight::Off);
    assert_eq!(pair.ask(Asked::AssumeStopped, WELL, Sight::Off), Phase::Blocked);
    // It was started again later.
    let mut pair = assumed(&Sight::Unknown);
    assert_eq!(pair.see(1, WELL, Sight::Off), Phase::Start(Primary));
    assert_ne!(pair.wants(Backup), Want::On);
}

#[test]
fn an_assumption_is_not_kept_for_the_next_move() {
    let mut pair = assumed(&Sight::Unknown);
    pair.see(1, Sight::Unknown, WELL);
    pair.see(10, Sight::Unknown, WELL);
    // Not to one that nobody sees: it would stop the only one that runs.
    assert_eq!(pair.ask(Asked::HandBack, Sight::Unknown, WELL), Phase::On(Backup));
    assert_eq!(pair.ask(Asked::HandBack, ill(7), WELL), Phase::Fence(Backup));
    assert_eq!(pair.see(1, Sight::Unknown, Sight::Off), Phase::Start(Primary));
    assert_eq!(pair.see(1, ill(8), Sight::Off), Phase::Fence(Primary));
}

#[test]
fn what_is_on_duty_is_not_started_beside_one_that_ran_when_it_was_seen_last() {
    let mut pair = Pair::new(rules());
    assert_eq!(pair.see(1, lost(), Sight::Unknown), Phase::On(Primary));
    assert_eq!(pair.wants(Primary), Want::On);
    // A person started the backup, while the primary was not seen.
    pair.see(1, Sight::Unknown, WELL);
    assert_eq!(pair.see(1, lost(), Sight::Unknown), Phase::On(Primary));
    assert_eq!(pair.wants(Primary), Want::AsIs);
}

#[test]
fn what_waits_for_a_proof_is_not_blamed_for_not_running() {
    let mut pair = Pair::new(rules());
    pair.see(1, ill(0), Sight::Off);
    pair.see(1, Sight::Off, Sight::Off);
    for _ in 0..9 {
        assert_eq!(pair.see(60, Sight::Unknown, Sight::Off), Phase::Start(Backup));
        assert_eq!(pair.wants(Backup), Want::AsIs);
    }
    assert_eq!(pair.see(1, Sight::Off, Sight::Off), Phase::Start(Backup));
    assert_eq!(pair.wants(Backup), Want::On);
}

#[test]
fn a_primary_that_somebody_starts_meanwhile_has_duty_only_where_it_does_its_work() {
    for (primary, goes) in [(WELL, Phase::Start(Primary)), (ill(9), Phase::Fence(Primary))] {
        let mut pair = Pair::new(rules());
        pair.see(1, ill(1), Sight::Off);
        assert_eq!(pair.see(1, Sight::Off, Sight::Off), Phase::Start(Backup));
        assert_eq!(pair.see(1, primary, Sight::Off), goes);
    }
}
