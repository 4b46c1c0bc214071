use proptest::prelude::*;

use super::*;

const POLICY: Policy = Policy {
    restore: true,
    fall: 3,
    after: Duration::from_mins(5),
    cool_down: Duration::from_mins(10),
};

fn minute(n: i64) -> Timestamp {
    Timestamp::from_second(60 * n).unwrap()
}

fn failure(times: u32, since: i64) -> Failure {
    Failure { how: "a answers 502".to_owned(), times, since: minute(since) }
}

/// What leads to a release being put back, at minute 100.
fn evidence(failures: &[Failure]) -> Evidence<'_> {
    let good = Some(Good { id: "d1", is_well: Some(true) });
    Evidence { failures, served: Some(minute(0)), is_newest: true, locked: false, good }
}

#[test]
fn each_condition_alone_keeps_what_is_served() {
    let (failures, now) = ([failure(3, 95)], minute(100));
    let all = || evidence(&failures);
    let how = "a answers 502".to_owned();
    let restore = Decision::Restore { id: "d1".to_owned(), how };
    assert_eq!(decide(&all(), &POLICY, now), restore);
    let good = |is_well| Some(Good { id: "d1", is_well });
    for (evidence, policy, says) in [
        (all(), Policy { restore: false, ..POLICY }, "left to you"),
        (Evidence { locked: true, ..all() }, POLICY, "locked"),
        (Evidence { is_newest: false, ..all() }, POLICY, "an earlier deploy is published already"),
        (Evidence { served: None, ..all() }, POLICY, "not known"),
        (Evidence { good: None, ..all() }, POLICY, "no earlier deploy"),
        (Evidence { good: good(Some(false)), ..all() }, POLICY, "does not answer better"),
    ] {
        let Decision::Alert { how } = decide(&evidence, &policy, now) else { panic!("{says}") };
        assert!(how.starts_with("a answers 502; ") && how.contains(says), "{how}");
    }
    for evidence in [
        Evidence { served: Some(minute(91)), ..all() },
        Evidence { served: Some(minute(101)), ..all() },
        Evidence { good: good(None), ..all() },
    ] {
        assert_eq!(decide(&evidence, &POLICY, now), Decision::Wait, "{evidence:?}");
    }
}

#[test]
fn what_is_served_has_had_its_time_to_begin() {
    let failures = [failure(3, 95)];
    let decided = |served| {
        let evidence = Evidence { served: Some(minute(served)), ..evidence(&failures) };
        matches!(decide(&evidence, &POLICY, minute(100)), Decision::Restore { .. })
    };
    assert_eq!([90, 91].map(decided), [true, false]);
}

#[test]
fn a_release_says_how_it_does_and_since_when() {
    let (how, id, since) = ("a answers 502".to_owned(), || "d2".to_owned(), minute(7));
    let told = |state, locked| {
        let it = Release { id: Some("d1".to_owned()), since: Some(minute(1)), state, locked };
        let since = it.since().map(|it| it.as_second() / 60);
        format!("{} ({}) {since:?}: {it}", it.health(), it.word())
    };
    insta::assert_snapshot!([
        told(State::Served, false),
        told(State::Served, true),
        told(State::Nothing, false),
        told(State::Fails { how: how.clone(), since }, false),
        told(State::NotMade { id: id(), how: "npm failed".to_owned() }, false),
        told(State::Stuck { id: id(), how: "building".to_owned(), since }, true),
    ].join("\n"), @r"
        healthy (published) Some(1): published: deploy d1
        healthy (published) Some(1): published: deploy d1, locked
        unknown (not in effect yet) None: not in effect yet: nothing is published
        unhealthy (failing) Some(7): failing: a answers 502, in deploy d1
        unhealthy (not made) None: not made: deploy d2 failed (npm failed); d1 is published
        unhealthy (stuck) Some(7): stuck: deploy d2 is building since 1970-01-01T00:07:00Z; d1 is published, locked
        ");
}

#[test]
fn what_fails_seldom_or_only_just_now_is_no_failure_of_the_release() {
    let now = minute(100);
    for (times, since) in [(2, 0), (3, 96), (1000, 101)] {
        let failures = [failure(times, since)];
        assert_eq!(decide(&evidence(&failures), &POLICY, now), Decision::Nothing);
    }
    assert_eq!(decide(&evidence(&[]), &POLICY, now), Decision::Nothing);
}

proptest! {
    /// Whatever is seen, a release is put back only where every condition holds.
    #[test]
    fn nothing_is_put_back_without_every_reason(
        rows in proptest::collection::vec((0u32..6, 80i64..110), 0..4),
        served in proptest::option::of(80i64..110),
        is_newest: bool,
        locked: bool,
        good in proptest::option::of(proptest::option::of(any::<bool>())),
        restore: bool,
    ) {
        let now = minute(100);
        let failures: Vec<Failure> =
            rows.into_iter().map(|(times, since)| failure(times, since)).collect();
        let good = good.map(|is_well| Good { id: "d1", is_well });
        let served = served.map(minute);
        let evidence = Evidence { failures: &failures, served, is_newest, locked, good };
        let policy = Policy { restore, ..POLICY };
        if matches!(decide(&evidence, &policy, now), Decision::Restore { .. }) {
            prop_assert!(restore && is_newest && !locked);
            prop_assert!(evidence.served.is_some_and(|it| it <= minute(90)));
            prop_assert!(evidence.good.is_some_and(|it| it.is_well == Some(true)));
            prop_assert!(failures.iter().any(|it| it.times >= 3 && it.since <= minute(95)));
        }
    }
}
