//! What is seen and is no failure, and when nothing is decided.

use super::*;

#[test]
fn what_a_person_stopped_or_what_is_done_is_no_failure() {
    for sight in [Sight::StoppedByHand, Sight::Done] {
        let mut pair = Pair::new(rules());
        for seconds in [1, 60, 3600] {
            let phase = pair.see(seconds, sight.clone(), Sight::Off);
            assert_eq!(phase, Phase::On(Primary), "{sight:?}");
            assert!(!pair.duty.is_starting(Primary));
        }
        // Nor is it one for a controller that begins anew, or after a pause.
        pair.restart();
        assert_eq!(pair.see(1, sight.clone(), Sight::Off), Phase::On(Primary), "{sight:?}");
        pair.look.paused = true;
        assert_eq!(pair.see(1, sight.clone(), Sight::Off), Phase::Paused);
        pair.look.paused = false;
        assert_eq!(pair.see(1, sight.clone(), Sight::Off), Phase::On(Primary), "{sight:?}");
    }
}

#[test]
fn what_is_off_and_nobody_stopped_is_a_failure() {
    let mut pair = Pair::new(rules());
    assert_eq!(pair.see(1, Sight::Off, Sight::Off), Phase::On(Primary));
    assert_eq!(pair.wants(Primary), Want::On);
    pair.see(5, Sight::Off, Sight::Off);
    assert_eq!(pair.see(5, Sight::Off, Sight::Off), Phase::Start(Backup));
}

#[test]
fn in_a_storm_nothing_moves() {
    for exclusive in [true, false] {
        let mut pair = Pair::new(Rules { exclusive, ..rules() });
        pair.look.storm = true;
        let backup = if exclusive { Sight::Off } else { WELL };
        assert_eq!(pair.see(1, ill(0), backup.clone()), Phase::On(Primary));
        assert_eq!(pair.duty.stuck(), Some(Stuck::Storm));
        // It was no storm, or is over, and still fails.
        pair.look.storm = false;
        assert_ne!(pair.see(1, ill(0), backup), Phase::On(Primary));
    }
}

#[test]
fn a_pause_freezes_everything_and_ends_with_a_look() {
    let mut pair = Pair::new(rules());
    pair.look.paused = true;
    for (primary, backup) in [(ill(0), Sight::Off), (Sight::Off, WELL), (WELL, WELL)] {
        assert_eq!(pair.see(60, primary, backup), Phase::Paused);
        assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::AsIs, Want::AsIs));
    }
    // A restart ends no pause.
    pair.restart();
    assert_eq!(pair.see(1, WELL, WELL), Phase::Paused);
    pair.look.paused = false;
    assert_eq!(pair.see(1, Sight::Unknown, WELL), Phase::Recover);
    assert_eq!(pair.see(1, WELL, WELL), Phase::Fence(Backup));
}

#[test]
fn before_earlier_commands_are_over_nothing_is_decided() {
    let mut pair = Pair::new(rules());
    pair.restart();
    pair.look.settled = false;
    assert_eq!(pair.see(1, Sight::Off, Sight::Off), Phase::Recover);
    pair.look.settled = true;
    assert_eq!(pair.see(1, Sight::Off, WELL), Phase::On(Backup));
}

#[test]
fn a_person_may_stop_what_has_just_come_up() {
    let mut pair = Pair::new(rules());
    assert_eq!(pair.see(1, ill(1), Sight::Off), Phase::Fence(Primary));
    assert_eq!(pair.see(1, Sight::Off, Sight::StoppedByHand), Phase::Start(Backup));
    // It was stopped before duty called it.
    assert!(pair.duty.is_starting(Backup));
    assert_eq!(pair.see(1, Sight::Off, WELL), Phase::Start(Backup));
    assert_eq!(pair.see(1, Sight::Off, Sight::StoppedByHand), Phase::On(Backup));
    assert!(!pair.duty.is_starting(Backup));
}

#[test]
fn nobody_is_on_duty_before_its_probe_has_answered() {
    let mut pair = Pair::new(rules());
    pair.see(1, ill(1), Sight::Off);
    assert_eq!(pair.see(1, Sight::Off, Sight::Off), Phase::Start(Backup));
    // However long it has run.
    for seconds in [1, 10, 3600] {
        assert_eq!(pair.see(seconds, Sight::Off, UNPROVEN), Phase::Start(Backup));
        assert_eq!((pair.wants(Primary), pair.wants(Backup)), (Want::Off, Want::On));
    }
    let mut fails = pair.clone();
    assert_eq!(pair.see(1, Sight::Off, WELL), Phase::On(Backup));
    // What is on duty and has to be asked anew, as by a new watch, keeps it.
    assert_eq!(pair.see(1, Sight::Off, UNPROVEN), Phase::On(Backup));
    let answers_badly = ill(fails.now.as_second());
    assert_eq!(fails.see(1, Sight::Off, answers_badly), Phase::Fence(Backup));
}

#[test]
fn of_a_pair_side_by_side_the_work_rests_on_who_has_answered() {
    let mut pair = Pair::new(Rules { exclusive: false, ..rules() });
    assert_eq!(pair.see(1, ill(1), UNPROVEN), Phase::On(Primary));
    assert_eq!(pair.see(1, ill(1), WELL), Phase::On(Backup));
    // Its failures are over, but whether it does its work again is not known.
    assert_eq!(pair.see(1, UNPROVEN, WELL), Phase::On(Backup));
    assert_eq!(pair.see(60, UNPROVEN, WELL), Phase::On(Backup));
    assert_eq!(pair.see(1, WELL, WELL), Phase::On(Primary));
}
