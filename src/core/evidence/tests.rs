//! What rows of looks come to.

use proptest::prelude::*;

use super::*;

const PATIENCE: Patience = Patience { fall: 3, calm: Duration::from_secs(30) };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn well(crashes: u64) -> Sight {
    Sight::Well { crashes, proven: true }
}

fn ill(occasion: i64) -> Sight {
    Sight::Ill { occasion: at(occasion), proven: false, how: "hangs".to_owned() }
}

/// What is seen, and at what second; and how many failures in a row that comes to.
#[track_caller]
fn comes_to(rows: &[(i64, Sight, u32)]) -> Evidence {
    let mut evidence = Evidence::default();
    for (second, sight, failures) in rows {
        evidence.see(sight, PATIENCE, at(*second));
        assert_eq!(evidence.failures(), *failures, "at {second}: {sight:?}");
        assert_eq!(evidence.is_failing(PATIENCE), *failures >= PATIENCE.fall);
    }
    evidence
}

#[test]
fn failures_add_up_until_it_is_well_for_long_enough() {
    comes_to(&[
        (0, ill(0), 1),
        (1, well(0), 1),
        (2, ill(2), 2),
        (3, well(0), 2),
        (32, well(0), 2),
        (33, well(0), 0),
    ]);
    comes_to(&[(0, well(0), 0), (30, ill(30), 1), (31, well(0), 1), (62, ill(62), 1)]);
}

#[test]
fn the_same_failure_counts_again_only_when_it_goes_on() {
    let rows = [(0, ill(0), 1), (1, ill(0), 1), (4, ill(0), 1), (5, ill(0), 2), (9, ill(0), 2)];
    let evidence = comes_to(&rows);
    assert_eq!(evidence.counts_again_at(), Some(at(10)));
    assert_eq!(evidence.how(), "hangs");
}

#[test]
fn what_stands_on_more_than_one_look_counts_at_once() {
    let proven = Sight::Ill { occasion: at(0), proven: true, how: String::new() };
    for sight in [proven, Sight::Lost { how: String::new() }, Sight::Gone] {
        comes_to(&[(0, well(0), 0), (1, sight, 3)]);
    }
}

#[test]
fn being_off_is_no_failure_and_no_health() {
    for sight in [Sight::Off, Sight::Absent, Sight::StoppedByHand, Sight::Done] {
        let evidence = comes_to(&[(0, well(0), 0), (1, ill(1), 1), (99, sight, 1)]);
        assert_eq!((evidence.well_since(), evidence.counts_again_at()), (None, None));
    }
}

#[test]
fn crashes_that_nobody_saw_count() {
    comes_to(&[(0, well(0), 0), (1, well(1), 1), (2, well(1), 1), (3, well(3), 3)]);
    // Each of them begins the calm anew.
    comes_to(&[(0, well(0), 0), (40, well(1), 1), (69, well(1), 1), (70, well(1), 0)]);
    // Its provider counts from the beginning again.
    comes_to(&[(0, well(7), 0), (1, well(0), 0), (2, well(1), 1)]);
}

#[test]
fn crashes_of_before_the_first_look_do_not_count() {
    comes_to(&[(0, well(50), 0), (1, well(50), 0), (2, well(51), 1)]);
    comes_to(&[(0, Sight::Off, 0), (1, well(50), 0)]);
}

#[test]
fn a_crash_that_was_seen_is_not_counted_once_more() {
    comes_to(&[(0, well(0), 0), (1, ill(1), 1), (2, well(1), 1), (3, well(2), 2)]);
    comes_to(&[(0, well(0), 0), (1, ill(1), 1), (2, well(2), 2)]);
}

#[test]
fn what_is_started_anew_gets_its_own_chance() {
    let mut evidence = comes_to(&[(0, well(5), 0), (1, ill(1), 1), (6, ill(1), 2)]);
    evidence.begin(at(7));
    assert_eq!(evidence.failures(), 0);
    // Not up at once is no failure yet, and what it crashed before is not held against it.
    evidence.see(&ill(7), PATIENCE, at(7));
    assert_eq!(evidence.failures(), 0);
    let mut crashes = evidence.clone();
    evidence.see(&well(6), PATIENCE, at(8));
    assert_eq!(evidence.failures(), 0);
    // What it crashes more often is.
    crashes.see(&well(8), PATIENCE, at(8));
    assert_eq!(crashes.failures(), 2);
}

/// One that began to flap at second 240.
fn flapping() -> Evidence {
    let mut evidence = Evidence::default();
    for second in [0, 60, 120, 180, 240] {
        evidence.see(&ill(second), PATIENCE, at(second));
        evidence.see(&well(0), PATIENCE, at(second + 30));
    }
    assert!(evidence.is_flapping());
    evidence
}

#[test]
fn flapping_ends_however_often_it_is_looked_at_and_wherever_the_clock_is_set() {
    let mut often = flapping();
    for tenth in 0..10 * 60 * 30 {
        let now = at(270) + jiff::SignedDuration::from_millis(tenth * 100);
        often.see(&well(0), PATIENCE, now);
    }
    assert!(!often.is_flapping());
    let mut set_back = flapping();
    for second in [-100_000, -100_000 + 30 * 60] {
        set_back.see(&well(0), PATIENCE, at(second));
    }
    assert!(!set_back.is_flapping());
    let mut anew = flapping();
    anew.begin(at(300));
    assert!(anew.is_flapping(), "a new start does not end it");
    let mut at_the_end = Flaps { penalty: Flaps::ENDS, at: Some(at(0)), flapping: true };
    at_the_end.decay(at(0));
    assert!(!at_the_end.flapping);
}

#[test]
fn flapping_begins_high_and_ends_low() {
    let mut evidence = Evidence::default();
    let patience = Patience { fall: 100, ..PATIENCE };
    let mut second = 0;
    for failure in 0..5 {
        assert!(!evidence.is_flapping(), "after {failure}");
        evidence.see(&ill(second), patience, at(second));
        evidence.see(&well(0), patience, at(second + 30));
        second += 60;
    }
    assert!(evidence.is_flapping() && evidence.is_failing(patience));
    // Below where it began, it goes on: it ends at 1.5 of 4, more than a quarter of an hour on.
    for (minutes, flaps) in [(15, true), (20, true), (27, false)] {
        let mut later = evidence.clone();
        later.see(&well(0), patience, at(second + minutes * 60));
        assert_eq!(later.is_flapping(), flaps, "{minutes} minutes");
    }
    // However often it is looked at.
    for later in 0..(27 * 60) {
        evidence.see(&well(0), patience, at(second + later));
    }
    assert!(!evidence.is_flapping());
}

#[test]
fn a_clock_that_was_set_back_makes_nothing_endless() {
    let mut evidence = comes_to(&[(9000, ill(9000), 1), (9001, well(0), 1), (0, well(0), 1)]);
    assert_eq!(evidence.well_since(), Some(at(0)));
    evidence.see(&well(0), PATIENCE, at(30));
    assert_eq!(evidence.failures(), 0);
    comes_to(&[(9000, ill(9000), 1), (0, ill(9000), 1), (5, ill(9000), 2)]);
}

fn any_sight() -> impl Strategy<Value = Sight> {
    prop_oneof![
        (0_u64..5).prop_map(well),
        (0_i64..50).prop_map(ill),
        Just(Sight::Lost { how: String::new() }),
        Just(Sight::Gone),
        Just(Sight::Off),
        Just(Sight::StoppedByHand),
        Just(Sight::Done),
        Just(Sight::Unknown),
    ]
}

proptest! {
    /// Among looks that see nothing wrong, at any times, a single bad one is not enough.
    #[test]
    fn one_bad_look_alone_is_not_enough(
        looks in prop::collection::vec((0_i64..100, 0_u8..5), 0..20),
        bad in 0_usize..20,
        fall in 2_u32..5,
    ) {
        let patience = Patience { fall, ..PATIENCE };
        let mut evidence = Evidence::default();
        for (index, (second, kind)) in looks.into_iter().enumerate() {
            let sight = match kind {
                _ if index == bad => ill(second),
                0 => Sight::Off,
                1 => Sight::StoppedByHand,
                2 => Sight::Unknown,
                _ => well(0),
            };
            evidence.see(&sight, patience, at(second));
            prop_assert!(!evidence.is_failing(patience));
        }
    }

    /// What is not seen moves nothing, at whatever time and after whatever was seen.
    #[test]
    fn what_is_not_seen_says_nothing(
        looks in prop::collection::vec((0_i64..100, any_sight()), 0..20),
    ) {
        let (mut evidence, mut now) = (Evidence::default(), 0);
        for (later, sight) in looks {
            now += later;
            evidence.see(&sight, PATIENCE, at(now));
            let mut unseen = evidence.clone();
            unseen.see(&Sight::Unknown, PATIENCE, at(now + later));
            // Only what was is forgotten with time, and what nobody saw does not count again.
            unseen.flaps = evidence.flaps.clone();
            let occasion = |it: &Evidence| it.counted.map(|(occasion, _)| occasion);
            prop_assert_eq!(occasion(&unseen), occasion(&evidence));
            (unseen.counted, unseen.ill) = (evidence.counted, evidence.ill);
            prop_assert_eq!(&unseen, &evidence);
        }
    }
}

#[test]
fn what_went_on_unseen_is_not_counted_when_it_is_seen_again() {
    let mut evidence = Evidence::default();
    evidence.see(&ill(0), PATIENCE, at(0));
    evidence.see(&Sight::Unknown, PATIENCE, at(1));
    evidence.see(&Sight::Unknown, PATIENCE, at(100));
    evidence.see(&ill(0), PATIENCE, at(101));
    assert_eq!(evidence.failures(), 1);
    evidence.see(&ill(0), PATIENCE, at(106));
    assert_eq!(evidence.failures(), 2);
}
