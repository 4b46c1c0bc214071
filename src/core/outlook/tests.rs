//! What is said of a pair, for each way that it can be in.

use jiff::{civil, tz::TimeZone};

use super::*;
use crate::core::{
    duty::{Both, Cause, Rules},
    evidence::Patience,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn pair(change: impl FnOnce(&mut Rules)) -> Pair {
    let mut rules = Rules {
        exclusive: true,
        controls_primary: true,
        patience: Patience { fall: 3, calm: Duration::from_mins(4) },
        settle: Duration::from_secs(5),
        hold: Duration::from_mins(4),
        hand_back: HandBack::Auto,
        budget: 3,
        window: Duration::from_hours(1),
        fence: Duration::from_secs(25),
    };
    change(&mut rules);
    Pair { primary: "p/w".parse().unwrap(), backup: "p/b".parse().unwrap(), rules }
}

/// What is said last of a pair with `phase` since the second 0, which is seen in the second 10.
fn last(pair: &Pair, phase: Phase, change: impl FnOnce(&mut Duty, &mut Outlook<'_>)) -> Next {
    let mut duty = Duty::new(at(0));
    duty.phase = phase;
    let look = Look {
        sight: Both { primary: Sight::Off, backup: Sight::Well { crashes: 0, proven: true } },
        settled: true,
        storm: false,
        paused: false,
        precheck: None,
        asked: None,
    };
    let nothing = Duty::new(at(0));
    let mut outlook =
        Outlook { pair, duty: &nothing, look: &look, has_precheck: false, paused_until: None };
    change(&mut duty, &mut outlook);
    Outlook { duty: &duty, ..outlook }.next(at(10)).pop().unwrap()
}

const BACK: Phase = Phase::On(Side::Backup);

fn next(at: Option<Timestamp>, what: &str) -> Next {
    Next { at, what: what.to_owned() }
}

#[test]
fn duty_goes_back_when_the_rules_say() {
    let auto = "duty goes back to p/w, after a hold of 4m";
    let back = |hand_back| last(&pair(|it| it.hand_back = hand_back), BACK, |_, _| {});
    assert_eq!(back(HandBack::Auto), next(Some(at(240)), auto));
    let window = HandBack::Window {
        from: civil::time(2, 0, 0, 0),
        to: civil::time(4, 0, 0, 0),
        zone: TimeZone::UTC,
    };
    let within = format!("{auto}, within its time of the day");
    assert_eq!(back(window), next(Some(at(7200)), &within));
    let waits = "duty waits for `redundancy handback p/w`";
    assert_eq!(back(HandBack::Manual), next(None, waits));
    let never = "duty does not go back as long as p/b does its work";
    assert_eq!(back(HandBack::Never), next(None, never));
}

#[test]
fn what_a_person_moved_waits_for_a_person() {
    let moved = last(&pair(|_| {}), BACK, |duty, _| duty.cause = Cause::Asked);
    let waits = "duty waits for `redundancy handback p/w` (a person moved duty here)";
    assert_eq!(moved, next(None, waits));
}

#[test]
fn a_hand_back_says_on_what_it_depends() {
    let asked = last(&pair(|_| {}), BACK, |_, outlook| outlook.has_precheck = true);
    let what = "duty goes back to p/w, after a hold of 4m, as soon as its precheck answers well";
    assert_eq!(asked, next(Some(at(240)), what));
    // A hand-back is not made where duty could not come here again.
    let spent = last(&pair(|it| it.budget = 0), BACK, |_, _| {});
    let what = "duty goes back to p/w, after a hold of 4m, as soon as one of 0 failovers within 1h is left";
    assert_eq!(spent, next(Some(at(240)), what));
    let foreign = last(&pair(|it| it.controls_primary = false), BACK, |_, _| {});
    assert_eq!(foreign, next(None, "when p/w runs and does well again, p/b is stopped"));
}

#[test]
fn what_is_on_its_way_has_its_time() {
    let fence = last(&pair(|_| {}), Phase::Fence(Side::Primary), |_, _| {});
    let what = "if p/w is not proven stopped by then, the pair is blocked: p/b is not started";
    assert_eq!(fence, next(Some(at(25)), what));
    let first = |sight: Sight| {
        let (pair, at) = (pair(|_| {}), at(8));
        let mut duty = Duty::new(at);
        duty.phase = Phase::Start(Side::Backup);
        duty.evidence.backup.see(&sight, pair.rules.patience, at);
        let sight = Both { primary: Sight::Off, backup: sight };
        let look =
            Look { sight, settled: true, storm: false, paused: false, precheck: None, asked: None };
        let outlook = Outlook {
            pair: &pair,
            duty: &duty,
            look: &look,
            has_precheck: false,
            paused_until: None,
        };
        outlook.next(at).remove(0)
    };
    let what = "p/b is on duty, if it is well until then (5s)";
    assert_eq!(first(Sight::Well { crashes: 0, proven: true }), next(Some(at(13)), what));
    let what = "p/b has answered its probe well and has run for 5s, it is on duty";
    assert_eq!(first(Sight::Well { crashes: 0, proven: false }), when(what));
    let paused = last(&pair(|_| {}), Phase::Paused, |_, outlook| {
        outlook.paused_until = Some(at(99));
    });
    let what = "the pause ends; until then nothing is started, stopped or moved";
    assert_eq!(paused, next(Some(at(99)), what));
}

#[test]
fn where_nothing_may_move_that_is_said() {
    let spent = last(&pair(|it| it.budget = 0), Phase::On(Side::Primary), |_, _| {});
    let what = "duty does not leave p/w by itself: 0 of 0 failovers within 1h are spent";
    assert_eq!(spent, next(None, what));
    let primary = Phase::On(Side::Primary);
    let foreign = last(&pair(|it| it.controls_primary = false), primary, |_, _| {});
    assert!(foreign.what.contains("nothing allows to stop p/w"), "{foreign:?}");
}

#[test]
fn duty_means_something_else_for_each_side() {
    let of = |phase, exclusive, watched| {
        let mut duty = Duty::new(at(0));
        duty.phase = phase;
        [Side::Primary, Side::Backup].map(|it| Standing::of(&duty, it, exclusive, watched))
    };
    let start = Phase::Start(Side::Backup);
    let fence = Phase::Fence(Side::Primary);
    assert_eq!(of(fence, true, true), [Standing::BeingStopped, Standing::StandsBy]);
    assert_eq!(of(fence, true, false), [Standing::ToBeStopped, Standing::StandsBy]);
    assert_eq!(of(Phase::Recover, true, true), [Standing::NotKnown; 2]);
    assert_eq!(of(Phase::Paused, true, true), [Standing::Paused; 2]);
    assert_eq!(of(BACK, true, true), [Standing::StandsBy, Standing::OnDuty]);
    assert_eq!(of(BACK, false, true), [Standing::Beside, Standing::OnDuty]);
    assert_eq!(of(start, true, true), [Standing::StandsBy, Standing::Starting]);
    assert_eq!(of(start, true, false), [Standing::StandsBy, Standing::ToBeStarted]);
    assert_eq!(of(Phase::Blocked, true, true), [Standing::Blocked; 2]);
}

#[test]
fn each_standing_has_its_words() {
    let all = [
        Standing::OnDuty,
        Standing::Beside,
        Standing::StandsBy,
        Standing::Starting,
        Standing::BeingStopped,
        Standing::ToBeStarted,
        Standing::ToBeStopped,
        Standing::Blocked,
        Standing::Paused,
        Standing::NotKnown,
    ];
    let words = all.map(|it| it.to_string()).join(", ");
    assert_eq!(
        words,
        "on duty, beside, stands by, starting, being stopped, to be started, to be stopped, blocked, \
         paused, not known"
    );
}

#[test]
fn side_by_side_nothing_is_started_or_stopped() {
    let beside = |rules: &Pair, phase| last(rules, phase, |_, _| {}).what;
    let often = pair(|it| it.exclusive = false);
    let once = pair(|it| (it.exclusive, it.patience.fall) = (false, 1));
    insta::assert_snapshot!(
        [
            beside(&often, Phase::On(Side::Primary)),
            beside(&once, Phase::On(Side::Primary)),
            beside(&often, BACK),
        ]
        .join("\n"),
        @r"
        when p/w fails 3 times in a row and p/b does well, the work rests on p/b; neither is stopped
        when p/w fails once and p/b does well, the work rests on p/b; neither is stopped
        when p/w does well again, the work rests on it; neither is stopped
        "
    );
}
