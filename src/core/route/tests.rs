use proptest::prelude::*;

use super::*;

const POLICY: Policy = Policy {
    fall: 2,
    after: Duration::from_mins(1),
    hold: Duration::from_mins(2),
    cool_down: Duration::from_mins(10),
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn code(state: State, live: Option<Live>) -> Code {
    Code { state, live, router: Router::None, notes: Vec::new() }
}

fn fails(since: i64, times: u32) -> Live {
    Live::Fails { how: "answers 502".to_owned(), since: at(since), times }
}

fn answers(since: i64) -> Live {
    Live::Answers { since: Some(at(since)) }
}

fn backup_since(second: i64) -> Place {
    Place { side: Side::Backup, since: Some(at(second)), why: None }
}

/// Where the route is to be moved by now, if it is.
fn decide(place: &Place, primary: &Code, backup: Option<&Code>, now: i64) -> Option<Place> {
    next(place, primary, backup, &POLICY).filter(|it| it.since.is_some_and(|it| it <= at(now)))
}

/// Where the route goes after this, and since when.
fn moved(place: &Place, primary: &Code, backup: Option<&Code>, now: i64) -> Option<(Side, i64)> {
    let to = decide(place, primary, backup, now)?;
    Some((to.side, to.since.unwrap().as_second()))
}

#[test]
fn a_route_goes_to_a_backup_that_is_well() {
    let broken = || State::Broken { how: "x.js:1: a mistake".to_owned() };
    let failed = || State::Failed { at: at(0), why: "it throws".to_owned() };
    let passed = || State::Passed { at: at(0) };
    for (state, live, goes) in [
        (State::Untested, Some(answers(0)), true),
        (passed(), Some(answers(0)), true),
        (passed(), Some(Live::Served), true),
        (State::Untested, Some(Live::Served), false),
        (passed(), Some(Live::NotServed), false),
        (passed(), None, false),
        (failed(), Some(answers(0)), false),
        (broken(), Some(answers(0)), false),
        (passed(), Some(fails(0, 1)), false),
        (passed(), Some(Live::Odd { how: String::new() }), false),
        (passed(), Some(Live::Unreached { how: String::new() }), false),
    ] {
        let primary = code(State::Untested, Some(fails(100, 2)));
        let backup = code(state, live);
        let to = moved(&Place::FIRST, &primary, Some(&backup), 160);
        assert_eq!(to, goes.then_some((Side::Backup, 160)), "{backup:?}");
        assert_eq!(moved(&Place::FIRST, &primary, None, 160), None);
    }
}

#[test]
fn a_route_is_moved_by_what_fails_where_it_is_called_for_long_and_often() {
    let backup = code(State::Untested, Some(answers(0)));
    let broken = State::Broken { how: "x.js:1: a mistake".to_owned() };
    for (state, live, now, to) in [
        (State::Untested, fails(100, 2), 159, None),
        (State::Untested, fails(100, 1), 500, None),
        (State::Untested, fails(100, 2), 500, Some((Side::Backup, 160))),
        (State::Untested, fails(900, 9), 500, None),
        (broken.clone(), answers(0), 500, None),
        (broken, fails(100, 2), 500, Some((Side::Backup, 160))),
        (State::Untested, Live::Odd { how: String::new() }, 500, None),
    ] {
        let primary = code(state, Some(live));
        assert_eq!(moved(&Place::FIRST, &primary, Some(&backup), now), to, "{primary:?}");
    }
    let late = code(State::Untested, Some(answers(400)));
    let primary = code(State::Untested, Some(fails(100, 2)));
    assert_eq!(moved(&Place::FIRST, &primary, Some(&late), 500), Some((Side::Backup, 400)));
}

#[test]
fn a_route_goes_back_after_the_hold_and_rests_where_it_was_moved() {
    for (place, live, now, to) in [
        (backup_since(0), answers(1000), 1119, None),
        (backup_since(0), answers(1000), 1120, Some((Side::Primary, 1120))),
        (backup_since(1000), answers(1000), 1599, None),
        (backup_since(1000), answers(1000), 1600, Some((Side::Primary, 1600))),
        (backup_since(0), Live::Answers { since: None }, 5000, None),
        (backup_since(0), Live::Served, 5000, None),
        (backup_since(0), fails(1000, 9), 5000, None),
        (backup_since(9000), answers(1000), 5000, None),
    ] {
        let primary = code(State::Untested, Some(live));
        assert_eq!(moved(&place, &primary, None, now), to, "{place:?} {primary:?}");
    }
}

#[test]
fn a_clock_that_ran_ahead_keeps_no_route_where_it_is() {
    let (well, now) = (code(State::Untested, Some(answers(0))), 1000);
    let ahead = backup_since(1_000_000);
    assert_eq!(moved(&ahead, &well, None, now), None);
    assert_eq!(moved(&ahead.counted_at(at(now)), &well, None, now), Some((Side::Primary, 120)));
    let just_now = backup_since(now);
    assert_eq!(just_now.counted_at(at(now)), just_now);
}

#[test]
fn what_a_person_gave_to_the_backup_stays_there_until_a_person_gives_it_back() {
    let given = Place::asked(Side::Backup, "ann", at(0));
    let back = Place::asked(Side::Primary, "ann", at(1000));
    let moved_itself = Place { why: Some("the primary answers 502".to_owned()), ..backup_since(0) };
    assert!(given.is_by_person() && back.is_by_person() && !moved_itself.is_by_person());
    let well = code(State::Untested, Some(answers(0)));
    assert_eq!(moved(&given, &well, Some(&well), 90_000), None);
    assert_eq!(moved(&moved_itself, &well, Some(&well), 90_000), Some((Side::Primary, 600)));
    // Given back, it fails over as ever, after the same rest as after any move.
    let bad = code(State::Untested, Some(fails(100, 9)));
    assert_eq!(moved(&back, &bad, Some(&well), 1599), None);
    assert_eq!(moved(&back, &bad, Some(&well), 1600), Some((Side::Backup, 1600)));
}

#[test]
fn who_is_on_duty_is_told_in_words() {
    let (primary, backup): (Name, Name) = ("mail".parse().unwrap(), "mail-backup".parse().unwrap());
    let told = |of_primary: &Code, of_backup: &Code| {
        let it = on_duty(
            (&primary, of_primary),
            (&backup, of_backup),
            "/.netlify/functions/mail-backup",
        );
        format!("{} {} {}", it.side, it.matters, it.why)
    };
    let well = code(State::Untested, Some(answers(0)));
    // What else is noted of it is told elsewhere.
    let notes = vec!["it is large".to_owned()];
    let bad = Code { notes, ..code(State::Untested, Some(fails(0, 2))) };
    let routed = |code: &Code, place| Code { router: Router::Redirect(place), ..code.clone() };
    let why = Some("the primary answers 502".to_owned());
    let gone = Place { why, ..backup_since(0) };
    let edge = |code: &Code| Code { router: Router::Edge, ..code.clone() };
    let broken = code(State::Broken { how: "x.js:1: a mistake".to_owned() }, Some(answers(0)));
    let texts = [
        told(&well, &well),
        told(&bad, &well),
        told(&bad, &code(State::Untested, Some(Live::NotServed))),
        told(&routed(&well, Place::FIRST), &well),
        told(&routed(&bad, Place::FIRST), &well),
        told(&routed(&bad, gone), &well),
        told(&routed(&well, Place::asked(Side::Backup, "anna", at(0))), &well),
        told(&routed(&well, Place::asked(Side::Primary, "anna", at(0))), &well),
        told(&edge(&well), &well),
        told(&edge(&bad), &well),
        told(&edge(&broken), &well),
    ];
    insta::assert_snapshot!(texts.join("\n"), @r"
        primary false nothing passes its calls on to its backup by itself
        primary true mail is failing: it answers 502 on the live site; mail-backup is well and can be called at /.netlify/functions/mail-backup (nothing routes to it by itself)
        primary true mail is failing: it answers 502 on the live site, and mail-backup is not known to be well: not in effect yet
        primary false the redirect goes to mail
        primary true the redirect goes to mail; mail is failing: it answers 502 on the live site
        backup true the redirect goes to mail-backup: the primary answers 502
        backup true the redirect goes to mail-backup: asked for by anna; it stays so until `redundancy handback`
        primary false the redirect goes to mail: asked for by anna
        primary false what mail fails is answered by mail-backup within the same request
        backup true mail is failing: it answers 502 on the live site; what mail fails is answered by mail-backup within the same request
        primary true mail is broken: x.js:1: a mistake; what mail fails is answered by mail-backup within the same request
        ");
}

#[test]
fn a_router_is_written_down_where_there_is_one() {
    for router in [Router::None, Router::Edge, Router::Redirect(backup_since(7))] {
        let is_there = router != Router::None;
        let code = Code { router, ..code(State::Untested, None) };
        let text = serde_json::to_string(&code).unwrap();
        assert_eq!(text.contains("router"), is_there, "{text}");
        assert_eq!(serde_json::from_str::<Code>(&text).unwrap(), code);
    }
}

fn any_state() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::Untested),
        Just(State::Passed { at: at(0) }),
        Just(State::Failed { at: at(0), why: "it throws".to_owned() }),
        Just(State::Broken { how: "a mistake".to_owned() }),
    ]
}

fn any_live() -> impl Strategy<Value = Option<Live>> {
    let how = String::new;
    prop_oneof![
        Just(None),
        Just(Some(Live::NotServed)),
        Just(Some(Live::Served)),
        Just(Some(Live::Odd { how: how() })),
        Just(Some(Live::Unreached { how: how() })),
        (0..3000_i64, 0..4_u32).prop_map(|(since, times)| Some(fails(since, times))),
        proptest::option::of(0..3000_i64)
            .prop_map(|since| Some(Live::Answers { since: since.map(at) })),
    ]
}

fn any_code() -> impl Strategy<Value = Code> {
    (any_state(), any_live()).prop_map(|(state, live)| code(state, live))
}

fn any_place() -> impl Strategy<Value = Place> {
    let side = prop_oneof![Just(Side::Primary), Just(Side::Backup)];
    (side, proptest::option::of(0..3000_i64)).prop_map(|(side, since)| Place {
        side,
        since: since.map(at),
        why: None,
    })
}

proptest! {
    #[test]
    fn a_route_is_moved_for_a_reason_alone(
        place in any_place(),
        primary in any_code(),
        backup in proptest::option::of(any_code()),
        now in 0..4000_i64,
    ) {
        let Some(to) = decide(&place, &primary, backup.as_ref(), now) else {
            return Ok(());
        };
        let since = to.since.unwrap();
        prop_assert!(to.side != place.side && since <= at(now));
        if let Some(before) = place.since {
            prop_assert!(since >= after(before, POLICY.cool_down));
        }
        match (to.side, &primary.live) {
            (Side::Backup, Some(Live::Fails { since, times, .. })) => {
                prop_assert!(*times >= POLICY.fall && at(now) >= after(*since, POLICY.after));
                let health = backup.as_ref().map(Code::health);
                prop_assert_eq!(health, Some(Health::Healthy));
            }
            (Side::Primary, Some(Live::Answers { since: Some(since) })) => {
                prop_assert!(at(now) >= after(*since, POLICY.hold));
            }
            (side, live) => prop_assert!(false, "it goes to the {side} for {live:?}"),
        }
        // It is the same decision a moment later, and it is made once.
        let later = decide(&place, &primary, backup.as_ref(), now + 1);
        prop_assert_eq!(Some(&to), later.as_ref());
        prop_assert_eq!(decide(&to, &primary, backup.as_ref(), now), None);
    }

    #[test]
    fn a_function_that_comes_and_goes_does_not_have_its_route_moved_all_the_time(
        beats in proptest::collection::vec(0..3_u8, 1..300),
    ) {
        let backup = code(State::Untested, Some(answers(0)));
        let mut place = Place::FIRST;
        let mut moves: Vec<i64> = Vec::new();
        let mut live: Option<Live> = None;
        for (beat, now) in beats.into_iter().zip((0..).step_by(30)) {
            live = Some(match (beat, live) {
                (0, Some(Live::Answers { since })) => Live::Answers { since },
                (0, _) => answers(now),
                (1, Some(Live::Fails { how, since, times })) => {
                    Live::Fails { how, since, times: times + 1 }
                }
                (1, _) => fails(now, 1),
                _ => Live::Unreached { how: String::new() },
            });
            let primary = code(State::Untested, live.clone());
            if let Some(to) = decide(&place, &primary, Some(&backup), now) {
                moves.push(now);
                place = to;
            }
        }
        // A look comes up to 30 s after what it finds is due.
        prop_assert!(moves.windows(2).all(|it| it[1] - it[0] >= 600 - 30), "{moves:?}");
    }
}
