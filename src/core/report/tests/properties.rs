//! What holds of a report, whatever was written down.

use proptest::prelude::*;

use super::*;

fn any_fact() -> impl Strategy<Value = Fact> {
    let health = proptest::sample::select(Health::ALL.to_vec());
    let runs = proptest::option::of(any::<bool>());
    let backs_up = proptest::option::of(Just("p/a"));
    let cause = proptest::sample::select(vec![
        Cause::HandBack,
        Cause::Asked,
        Cause::Failing { side: Side::Primary, how: "x".to_owned() },
    ]);
    let side = proptest::sample::select(vec![Side::Primary, Side::Backup]);
    prop_oneof![
        6 => (health, runs, backs_up).prop_map(|(health, runs, backs_up)| {
            Fact::State(State { backs_up: backs_up.map(id), ..state(health, runs) })
        }),
        1 => Just(Fact::Gone),
        1 => (side.clone(), cause.clone()).prop_map(|(to, cause)| Fact::Moves { to, cause }),
        1 => (side, cause).prop_map(|(at, cause)| Fact::Arrives { at, cause }),
        1 => Just(Fact::Recovers { how: "x".to_owned() }),
    ]
}

/// Rows and sessions by whatever clock.
fn any_record() -> impl Strategy<Value = Record> {
    let times = -1000i64..5000;
    let sessions = proptest::collection::vec((times.clone(), -100i64..2000), 0..5);
    let rows = (0i64..6, times, proptest::sample::select(vec!["p/a", "p/b", "q/c"]), any_fact());
    (sessions, proptest::collection::vec(rows, 0..40)).prop_map(|(sessions, mut rows)| {
        rows.sort_by_key(|it| it.0);
        let sessions = (0..).zip(sessions).map(|(n, (at, took))| session(n, at, at + took));
        let rows = rows.into_iter().map(|(session, at, of, fact)| row(session, at, of, fact));
        Record { sessions: sessions.collect(), rows: rows.collect(), ..Record::default() }
    })
}

fn sum(it: &Figures) -> u64 {
    it.healthy_ms + it.stopped_ms + it.unknown_ms + it.unhealthy_ms + it.failed_ms
}

fn sum_of_pair(it: &PairFigures) -> u64 {
    it.one_ran_ms + it.both_ran_ms + it.none_ran_ms + it.off_ms + it.unknown_ms
}

proptest! {
    #[test]
    fn the_parts_of_a_time_add_up_to_it(
        record in any_record(), from in -500i64..4000, length in 0i64..3000,
    ) {
        let report = report(&record, from, from + length);
        let whole = u64::try_from(length).unwrap();
        prop_assert!(report.watched_ms <= whole);
        for resource in &report.resources {
            prop_assert_eq!(sum(&resource.now), whole);
            prop_assert!(resource.now.longest_failure_ms <= whole);
            prop_assert!(resource.now.on_duty_ms <= whole);
            prop_assert!(resource.now.availability.is_none_or(|it| (0.0..=1.0).contains(&it)));
            if let Some(before) = &resource.before {
                prop_assert_eq!(sum(before), whole);
            }
        }
        for pair in &report.pairs {
            prop_assert_eq!(sum_of_pair(&pair.now), whole);
            prop_assert!(pair.now.availability.is_none_or(|it| (0.0..=1.0).contains(&it)));
        }
        for transfer in &report.transfers {
            prop_assert!(ms(from) <= transfer.at && transfer.at <= ms(from + length));
        }
    }

    #[test]
    fn the_halves_of_a_time_add_up_to_the_whole(record in any_record(), from in -500i64..3000, half in 1i64..1500) {
        let figures = |from, to| -> BTreeMap<Id, Figures> {
            let report = report(&record, from, to);
            report.resources.into_iter().map(|it| (it.id, it.now)).collect()
        };
        let whole = figures(from, from + 2 * half);
        let (first, second) = (figures(from, from + half), figures(from + half, from + 2 * half));
        for (id, it) in whole {
            let healthy = |of: &BTreeMap<Id, Figures>| of.get(&id).map_or(0, |it| it.healthy_ms);
            prop_assert_eq!(it.healthy_ms, healthy(&first) + healthy(&second));
        }
    }
}
