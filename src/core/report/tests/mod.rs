//! What is told of rows that were written down.

mod properties;

use super::*;
use crate::core::{
    chronicle::State,
    duty::{Cause, Side},
    health::Health,
};

fn ms(n: i64) -> Timestamp {
    Timestamp::from_millisecond(n).unwrap()
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn state(health: Health, runs: Option<bool>) -> State {
    State { health, runs, on_duty: None, backs_up: None, exclusive: false, exercised: false }
}

fn row(session: i64, at: i64, of: &str, fact: Fact) -> Row {
    Row { session, at: ms(at), id: id(of), fact }
}

fn session(number: i64, began: i64, looked: i64) -> Session {
    Session { number, began: ms(began), looked: ms(looked) }
}

fn report(record: &Record, from: i64, to: i64) -> Report {
    let expected = BTreeSet::new();
    let period = Period { from: ms(from), to: ms(to), has_end: true };
    let question =
        Question { period, now: ms(to), providers: &[], expected: &expected, budget: &[] };
    Report::of(record, &question)
}

fn pair(health: Health, runs: bool, backs_up: Option<&str>) -> Fact {
    Fact::State(State { backs_up: backs_up.map(id), exclusive: true, ..state(health, Some(runs)) })
}

/// A primary that dies at 10 s and comes back at 40 s, with a backup that has duty from 12 s to 45 s.
fn story() -> Record {
    let failing = Cause::Failing { side: Side::Primary, how: "was killed".to_owned() };
    let back = Cause::HandBack;
    let p = |health, runs| pair(health, runs, None);
    let b = |health, runs| pair(health, runs, Some("e/p"));
    let rows = vec![
        row(1, 0, "e/b", b(Health::Stopped, false)),
        row(1, 0, "e/p", p(Health::Healthy, true)),
        row(1, 10_000, "e/p", p(Health::Unhealthy, false)),
        row(1, 11_000, "e/b", Fact::Moves { to: Side::Backup, cause: failing.clone() }),
        row(1, 11_000, "e/p", Fact::Recovers { how: "x".to_owned() }),
        row(1, 12_000, "e/p", p(Health::Stopped, false)),
        row(1, 12_000, "e/b", b(Health::Healthy, true)),
        row(1, 12_500, "e/b", Fact::Arrives { at: Side::Backup, cause: failing }),
        row(1, 40_000, "e/b", Fact::Moves { to: Side::Primary, cause: back.clone() }),
        row(1, 41_000, "e/b", b(Health::Stopped, false)),
        row(1, 45_000, "e/p", p(Health::Healthy, true)),
        row(1, 46_000, "e/b", Fact::Arrives { at: Side::Primary, cause: back }),
    ];
    Record { sessions: vec![session(1, 0, 100_000)], rows, ..Record::default() }
}

#[test]
fn a_failover_and_a_hand_back_are_told_with_their_times() {
    let report = report(&story(), 0, 100_000);
    let [out, back] = report.transfers.as_slice() else { panic!("{:?}", report.transfers) };
    assert_eq!(
        (out.kind, out.to, &*out.evidence),
        (Kind::Failover, Side::Backup, "the primary was killed")
    );
    assert_eq!((out.detected_after_ms, out.took_ms), (Some(1000), Some(1500)));
    assert!(out.arrived && back.arrived);
    assert_eq!((back.kind, back.to, back.took_ms), (Kind::HandBack, Side::Primary, Some(6000)));
    let [pair] = report.pairs.as_slice() else { panic!("{:?}", report.pairs) };
    assert_eq!(pair.now.none_ran_ms, 2000);
    assert_eq!(pair.now.off_ms, 4000, "as these states say, both were off on purpose");
    assert_eq!((pair.now.both_ran_ms, pair.now.unknown_ms), (0, 0));
    assert_eq!(pair.now.availability, Some(94.0 / 96.0));
    let primary = &report.resources[1];
    assert_eq!((primary.now.failures, primary.now.longest_failure_ms), (1, 2000));
    assert_eq!(primary.now.recoveries, 1);
    assert_eq!(primary.before, None, "nobody looked before");
    assert!(report.resources[0].never_exercised, "nothing says that it ever worked");
    let mut begun = story();
    begun.rows.truncate(4);
    let on_its_way = &self::report(&begun, 0, 100_000).transfers[0];
    assert_eq!((on_its_way.arrived, on_its_way.took_ms), (false, None));
}

#[test]
fn what_stands_in_for_a_job_is_a_transfer_by_whoever_made_it() {
    const CALM: i64 = 60_000;
    let job = |health| Fact::State(state(health, None));
    let backup = State { backs_up: Some(id("g/p")), ..state(Health::Healthy, None) };
    let stands_in = |by_person| Fact::StandsIn { how: "failed".to_owned(), by_person };
    let rows = vec![
        row(1, 0, "g/b", Fact::State(backup)),
        row(1, 0, "g/p", job(Health::Healthy)),
        row(1, 10_000, "g/p", job(Health::Unhealthy)),
        // It does well for a moment only.
        row(1, 20_000, "g/p", job(Health::Healthy)),
        row(1, 20_000 + CALM - 1, "g/p", job(Health::Failed)),
        row(1, 200_000, "g/b", stands_in(false)),
        row(1, 300_000, "g/b", Fact::HandsBack { by_person: false }),
        row(1, 300_000, "g/p", job(Health::Healthy)),
        row(1, 300_000 + CALM, "g/p", job(Health::Unhealthy)),
        row(1, 400_000, "g/b", stands_in(false)),
        row(1, 500_000, "g/b", Fact::HandsBack { by_person: true }),
        row(1, 600_000, "g/b", stands_in(true)),
    ];
    let record = Record { sessions: vec![session(1, 0, 900_000)], rows, ..Record::default() };
    let told = report(&record, 0, 900_000).transfers.into_iter().map(|it| {
        let after = it.detected_after_ms.map_or("-".to_owned(), |it| it.to_string());
        format!("{:?} to {}, after {after}: {}", it.kind, it.to, it.evidence)
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r"
        Failover to backup, after 190000: the primary failed
        HandBack to primary, after -: the primary gets its duty back
        Failover to backup, after 40000: the primary failed
        ByPerson to primary, after -: you asked for it
        ByPerson to backup, after -: failed
        ");
}

#[test]
fn of_much_drift_the_last_is_listed_and_all_of_it_is_counted() {
    let drifts = |at| row(1, at, "e/p", Fact::Drifts { how: at.to_string() });
    let rows = std::iter::once(row(1, 0, "e/p", pair(Health::Healthy, true, None)));
    let record = Record {
        sessions: vec![session(1, 0, 5000)],
        rows: rows.chain((1..=1500).map(drifts)).collect(),
        ..Record::default()
    };
    let report = report(&record, 0, 5000);
    assert_eq!((report.drift.len(), report.drift_left_out), (1000, 500));
    assert_eq!((&*report.drift[0].how, &*report.drift[999].how), ("501", "1500"));
    assert_eq!(report.resources[0].now.drifts, 1500);
}

#[test]
fn what_happened_between_two_times_is_counted_in_one_of_them() {
    let drifts = |at| row(1, at, "e/p", Fact::Drifts { how: at.to_string() });
    let recovers = |at| row(1, at, "e/p", Fact::Recovers { how: at.to_string() });
    let record = Record {
        sessions: vec![session(1, 0, 2000)],
        rows: vec![
            row(1, 0, "e/p", pair(Health::Healthy, true, None)),
            drifts(1000),
            recovers(1000),
            drifts(2000),
        ],
        ..Record::default()
    };
    let it = report(&record, 1000, 2000).resources[0].clone();
    let before = it.before.unwrap();
    assert_eq!((it.now.drifts, it.now.recoveries), (2, 1));
    assert_eq!((before.drifts, before.recoveries), (0, 0));
}

#[test]
fn what_nobody_saw_is_unknown() {
    let healthy = || Fact::State(state(Health::Healthy, None));
    let record = Record {
        sessions: vec![session(1, 0, 10_000), session(2, 20_000, 30_000)],
        rows: vec![
            row(1, 0, "p/x", healthy()),
            row(1, 0, "p/y", healthy()),
            row(1, 4000, "p/y", Fact::Gone),
            row(2, 25_000, "p/x", healthy()),
        ],
        ..Record::default()
    };
    let report = report(&record, 0, 40_000);
    let gone = &report.resources[1].now;
    assert_eq!((gone.healthy_ms, gone.unknown_ms), (4000, 36_000));
    let it = &report.resources[0].now;
    assert_eq!((it.healthy_ms, it.unknown_ms), (15_000, 25_000));
    assert_eq!(it.availability, Some(1.0));
    assert_eq!(report.watched_ms, 20_000);
    assert_eq!(it.parts.0.iter().filter(|it| **it == Health::Healthy).count(), 36);
    assert_eq!(it.parts.0.iter().filter(|it| **it == Health::Unknown).count(), 60);
}

#[test]
fn what_is_expected_and_was_never_seen_is_there() {
    let period = Period { from: ms(0), to: ms(1000), has_end: true };
    let expected = BTreeSet::from([id("p/x")]);
    let question =
        Question { period, now: ms(1000), providers: &[], expected: &expected, budget: &[] };
    let report = Report::of(&Record::default(), &question);
    let it = &report.resources[0];
    assert_eq!((it.now.unknown_ms, it.now.availability), (1000, None));
    assert_eq!(it.before, None);
}

#[test]
fn what_a_wrong_clock_wrote_gives_way() {
    let healthy = || Fact::State(state(Health::Healthy, None));
    let failed = || Fact::State(state(Health::Failed, None));
    // For a while the clock was an hour ahead.
    let record = Record {
        sessions: vec![
            session(1, 0, 5000),
            session(2, 3_600_000, 3_605_000),
            session(3, 10_000, 20_000),
        ],
        rows: vec![
            row(1, 0, "p/x", healthy()),
            row(2, 3_600_000, "p/x", failed()),
            row(3, 10_000, "p/x", healthy()),
        ],
        ..Record::default()
    };
    let it = report(&record, 0, 20_000).resources[0].now.clone();
    assert_eq!((it.healthy_ms, it.failed_ms, it.unknown_ms), (15_000, 0, 5000));
    let later = report(&record, 3_590_000, 3_610_000).resources;
    assert!(later.iter().all(|it| it.now.failed_ms == 0), "{later:?}");
}

#[test]
fn a_time_ends_with_the_last_look_of_a_watch_that_runs() {
    let record = Record { sessions: vec![session(1, 0, 10_000)], ..Record::default() };
    let patience = std::time::Duration::from_secs(5);
    assert_eq!(end(&record, ms(12_000), patience), ms(10_000));
    assert_eq!(end(&record, ms(16_000), patience), ms(16_000), "it is gone");
    assert_eq!(end(&record, ms(9000), patience), ms(9000), "the clock was set back");
}

#[test]
fn a_report_is_about_its_time_and_what_was_asked_for() {
    let rows = ["e/p", "e/b", "g/p"].into_iter().flat_map(|of| {
        let backs_up = (of == "e/b").then_some("e/p");
        let facts = move |at| {
            let how = format!("{of} at {at}");
            [Fact::Drifts { how: how.clone() }, Fact::Stuck { how }].map(|it| row(1, at, of, it))
        };
        let first = row(1, 0, of, pair(Health::Healthy, true, backs_up));
        std::iter::once(first).chain([500, 1500, 2500].into_iter().flat_map(facts))
    });
    let record = Record {
        sessions: vec![session(1, 0, 3000)],
        rows: rows.collect(),
        exercised: BTreeSet::from([id("e/b")]),
        ..Record::default()
    };
    let budget =
        |of: &str| Budget { provider: of.parse().unwrap(), used: 1, limit: 2, until: ms(9000) };
    let (period, expected) =
        (Period::until(ms(2000), std::time::Duration::from_secs(1)), BTreeSet::new());
    assert_eq!((period.from(), period.length_ms()), (ms(1000), 1000));
    let asked = |providers: &[Name]| {
        let budget = [budget("e"), budget("g")];
        let question =
            Question { period, now: ms(2000), providers, expected: &expected, budget: &budget };
        let report = Report::of(&record, &question);
        let hows = |hows: Vec<String>| hows.join(", ");
        let stuck = hows(report.stuck.iter().map(|it| it.how.clone()).collect());
        assert_eq!(stuck, hows(report.drift.iter().map(|it| it.how.clone()).collect()));
        let of: Vec<_> = report
            .by_provider()
            .into_iter()
            .map(|(name, its)| format!("{name} {}", its.len()))
            .collect();
        assert_eq!(of.len(), report.budget.len());
        assert!(
            report.resources.iter().all(|it| !it.never_exercised),
            "one is no backup, one was seen at work"
        );
        (of.join(", "), stuck)
    };
    let of = |it: &str, stuck: &str| (it.to_owned(), stuck.to_owned());
    assert_eq!(asked(&["g".parse().unwrap()]), of("g 1", "g/p at 1500"));
    assert_eq!(asked(&["e".parse().unwrap()]), of("e 2", "e/p at 1500, e/b at 1500"));
    assert_eq!(asked(&[]), of("e 2, g 1", "e/p at 1500, e/b at 1500, g/p at 1500"));
    let drawn = strips(&record, period);
    assert_eq!(drawn.len(), 3);
    assert!(drawn[&id("e/p")].0.iter().all(|it| *it == Health::Healthy), "{drawn:?}");
}

#[test]
fn the_figures_of_a_time_count_what_was_seen_and_no_more() {
    let on_duty =
        |health, on| Fact::State(State { on_duty: Some(on), ..state(health, Some(true)) });
    let (well, bad) = (|on| on_duty(Health::Healthy, on), || on_duty(Health::Unhealthy, true));
    let record = Record {
        sessions: vec![session(1, 0, 10_000), session(2, 20_000, 60_000)],
        rows: vec![
            row(1, 0, "e/p", well(true)),
            row(1, 4000, "e/p", bad()),
            // Nobody looked, so what failed before and after may be two failures.
            row(2, 20_000, "e/p", bad()),
            row(2, 27_000, "e/p", on_duty(Health::Failed, false)),
            row(2, 29_000, "e/p", well(false)),
            row(2, 50_000, "e/p", well(true)),
            row(2, 58_000, "e/p", on_duty(Health::Failed, true)),
        ],
        ..Record::default()
    };
    let it = report(&record, 0, 60_000).resources.remove(0).now;
    assert_eq!((it.failures, it.longest_failure_ms), (2, 9000));
    assert_eq!((it.healthy_ms, it.unhealthy_ms, it.failed_ms), (33_000, 13_000, 4000));
    assert_eq!((it.unknown_ms, it.stopped_ms), (10_000, 0));
    assert_eq!(it.on_duty_ms, 10_000 + 7000 + 10_000);
    assert_eq!(it.availability, Some(33.0 / 50.0));
}

#[test]
fn each_part_of_a_time_shows_what_was_bad_in_it_and_else_what_lasted_longest() {
    let is = |health| Fact::State(state(health, None));
    // A part is a second long.
    let record = Record {
        sessions: vec![session(1, 0, 96_000)],
        rows: vec![
            row(1, 0, "p/x", is(Health::Healthy)),
            row(1, 10_000, "p/x", is(Health::Unhealthy)),
            row(1, 12_000, "p/x", is(Health::Healthy)),
            row(1, 20_900, "p/x", is(Health::Failed)),
            row(1, 20_950, "p/x", is(Health::Unhealthy)),
            row(1, 21_000, "p/x", is(Health::Stopped)),
            row(1, 30_500, "p/x", is(Health::Healthy)),
            row(1, 95_999, "p/x", is(Health::Unhealthy)),
        ],
        ..Record::default()
    };
    let drawn = strips(&record, Period { from: ms(0), to: ms(96_000), has_end: true });
    let expected = |part| match part {
        10 | 11 | 95 => Health::Unhealthy,
        20 => Health::Failed,
        21..=30 => Health::Stopped,
        _ => Health::Healthy,
    };
    for (part, health) in drawn[&id("p/x")].0.iter().enumerate() {
        assert_eq!(*health, expected(part), "{part}");
    }
}
