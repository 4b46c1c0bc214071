//! What holds of the storm guard.

use super::*;
use crate::core::{
    failover::tests::pair,
    resource::{Actual, Body, Status, Wanted},
};
use proptest::prelude::*;

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

fn desired(count: usize) -> Desired {
    let wanted = |n: usize| {
        let wanted = Wanted::ours(Body::default(), Run::On);
        (format!("p/{n}").parse().unwrap(), wanted)
    };
    Desired { wanted: (0..count).map(wanted).collect(), ..Desired::default() }
}

/// A look at `p`: `+` does well, `-` is down, `.` is not there, `o` is off,
/// `s` was stopped by hand, `f` is a file.
fn look(states: &str) -> Observed {
    let at = Timestamp::UNIX_EPOCH;
    let found = states.chars().enumerate().filter_map(|(n, state)| {
        let status = match state {
            '+' => Status::Running { pid: 7, since: at },
            '-' => Status::Down { at, how: "exited".to_owned(), retry_at: at },
            'o' => Status::Stopped,
            's' => Status::StoppedByHand,
            'f' => Status::Present,
            _ => return None,
        };
        let actual = Actual { body: Body::default(), status, mark: None, vitals: None };
        Some((format!("p/{n}").parse().unwrap(), actual))
    });
    Observed { found: found.collect(), ..Observed::default() }
}

fn blind() -> Observed {
    let blind = [("p".parse().unwrap(), "no answer".to_owned())].into();
    Observed { blind, ..Observed::default() }
}

fn p() -> Name {
    "p".parse().unwrap()
}

/// The news of a row of looks, a second apart, at as many resources as the first one has.
fn news(looks: &[&str]) -> Vec<News> {
    let mut storms = Storms::default();
    let desired = desired(looks[0].len());
    let see = |(at, states): (i64, &&str)| {
        let observed = if *states == "blind" { blind() } else { look(states) };
        storms.see(&observed, &desired, &[], |_| false, second(at))
    };
    (0..).zip(looks).flat_map(see).collect()
}

#[test]
fn what_goes_bad_together_is_doubted_until_it_is_seen_again() {
    let mut storms = Storms::default();
    let desired = desired(5);
    let mut see = |states, at| {
        let news = storms.see(&look(states), &desired, &[], |_| false, second(at));
        (news, storms.is_storm(&p(), second(at)), storms.wake_at(second(at)))
    };
    assert_eq!(see("+++++", 0), (vec![], false, None));
    let began = News::Began { provider: p(), bad: 3, of: 5 };
    assert!(began.is_alert());
    assert_eq!(see("---++", 1), (vec![began], true, Some(second(61))));
    assert_eq!(see("-----", 30), (vec![], true, Some(second(61))), "told once");
    assert_eq!(see("---++", 60), (vec![], true, Some(second(61))));
    assert_eq!(see("---++", 61), (vec![News::Believed { provider: p() }], false, None));
    assert_eq!(see("---++", 62), (vec![], false, None), "and no new one");
}

#[test]
fn a_storm_passes_when_less_than_half_is_bad() {
    let began = News::Began { provider: p(), bad: 4, of: 4 };
    let all = news(&["++++", "----", "--++", "-+++", "-+++"]);
    assert_eq!(all, [began.clone(), News::Passed { provider: p() }]);
    assert_eq!(news(&["++++", "----", "--++"]), [began], "half of it is still bad");
    let passed = news(&["+++++", "-----", "--+++"]);
    assert_eq!(passed[1..], [News::Passed { provider: p() }]);
}

#[test]
fn few_or_slow_failures_are_no_storm() {
    assert!(news(&["+++", "---"]).is_empty(), "three are too few");
    assert!(news(&["++++", "--++"]).is_empty(), "two are too few");
    assert!(news(&["++++++", "---+++"]).is_empty(), "half is not most");
    assert!(news(&["+++++", "--+++", "----+"]).is_empty(), "one after another");
    assert!(news(&["-----", "-----"]).is_empty(), "it was bad before anybody looked");
    assert!(news(&["+++++", "sssss"]).is_empty(), "a person stopped them");
    assert!(news(&["....."]).is_empty(), "everything is yet to be made");
    assert!(news(&["+++++", "fffff"]).is_empty(), "a file says nothing");
}

#[test]
fn a_list_that_is_suddenly_empty_is_doubted() {
    assert_eq!(news(&["++++", "...."]), [News::Began { provider: p(), bad: 4, of: 4 }]);
}

#[test]
fn what_is_blind_is_neither_good_nor_bad() {
    assert!(news(&["++++", "blind", "++++"]).is_empty());
    let began = News::Began { provider: p(), bad: 4, of: 4 };
    assert_eq!(news(&["++++", "blind", "----"]), std::slice::from_ref(&began));
    let mut storms = Storms::default();
    let desired = desired(4);
    storms.see(&look("++++"), &desired, &[], |_| false, second(0));
    storms.see(&look("----"), &desired, &[], |_| false, second(0));
    assert_eq!(storms.see(&blind(), &desired, &[], |_| false, second(59)), []);
    let over = storms.see(&blind(), &desired, &[], |_| false, second(60));
    assert_eq!(over, [News::Believed { provider: p() }]);
}

#[test]
fn what_we_change_ourselves_is_no_storm() {
    let mut storms = Storms::default();
    let desired = desired(4);
    storms.see(&look("++++"), &desired, &[], |_| false, second(0));
    assert_eq!(storms.see(&look("----"), &desired, &[], |_| true, second(1)), []);
    assert_eq!(storms.see(&look("----"), &desired, &[], |_| false, second(2)), []);
}

#[test]
fn starting_it_again_is_no_end_of_a_storm() {
    let mut storms = Storms::default();
    let desired = desired(4);
    storms.see(&look("++++"), &desired, &[], |_| false, second(0));
    storms.see(&look("----"), &desired, &[], |_| false, second(1));
    assert_eq!(storms.see(&look("----"), &desired, &[], |_| true, second(2)), []);
    assert!(storms.is_storm(&p(), second(2)));
    let passed = storms.see(&look("+++-"), &desired, &[], |_| false, second(3));
    assert_eq!(passed, [News::Passed { provider: p() }]);
}

#[test]
fn a_clock_set_back_makes_no_storm_longer() {
    let mut storms = Storms::default();
    let desired = desired(4);
    storms.see(&look("++++"), &desired, &[], |_| false, second(1_000_000));
    storms.see(&look("----"), &desired, &[], |_| false, second(1_000_000));
    assert_eq!(storms.wake_at(second(0)), Some(second(60)));
    storms.see(&look("----"), &desired, &[], |_| false, second(0));
    assert!(storms.is_storm(&p(), second(59)));
    assert!(!storms.is_storm(&p(), second(60)));
}

#[test]
fn both_sides_of_a_pair_count_whoever_is_on_duty() {
    // The fourth pair's duty is with its backup.
    let cases = [(true, "+++oooo+", "---oooo-", 4), (false, "++++++++", "--------", 8)];
    for (exclusive, before, after, of) in cases {
        let id = |n: usize| format!("p/{n}").parse().unwrap();
        let nth = |n| Pair { primary: id(n), backup: id(n + 4), ..pair(exclusive) };
        let pairs: Vec<Pair> = (0..4).map(nth).collect();
        let mut desired = desired(8);
        desired.wanted.retain(|id, _| pairs.iter().any(|it| it.backup == *id));
        let run = if exclusive { Run::Off } else { Run::On };
        desired.wanted.values_mut().for_each(|it| it.run = run);
        let mut storms = Storms::default();
        let mut see = |states| storms.see(&look(states), &desired, &pairs, |_| false, second(0));
        assert_eq!(see(before), []);
        let began = see(after);
        assert_eq!(began, [News::Began { provider: p(), bad: of, of }]);
    }
}

#[test]
fn what_is_no_longer_wanted_has_no_storm() {
    let mut storms = Storms::default();
    storms.see(&look("++++"), &desired(4), &[], |_| false, second(0));
    storms.see(&look("----"), &desired(4), &[], |_| false, second(0));
    storms.see(&look("----"), &Desired::default(), &[], |_| false, second(0));
    assert_eq!(storms, Storms::default());
}

proptest! {
    /// Whatever is seen: begin and end are told in turn, and no storm is longer than a minute.
    #[test]
    fn begin_and_end_alternate_and_no_storm_lasts(
        looks in prop::collection::vec(("[-+.s]{5}|blind", -90i64..90), 1..40),
    ) {
        let (mut storms, desired) = (Storms::default(), desired(5));
        let (mut before, mut since) = (false, None);
        for (states, at) in looks {
            let now = second(at);
            let observed = if states == "blind" { blind() } else { look(&states) };
            for news in storms.see(&observed, &desired, &[], |_| false, now) {
                let begins = matches!(news, News::Began { .. });
                prop_assert_ne!(begins, before, "{}", news);
                before = begins;
                since = begins.then_some(now);
            }
            since = since.map(|it: Timestamp| it.min(now));
            prop_assert_eq!(storms.is_storm(&p(), now), before);
            prop_assert_eq!(storms.wake_at(now), since.map(|it| it + LASTS));
        }
    }
}

#[test]
fn where_what_all_stands_on_is_gone_too_it_is_no_fault_of_the_look() {
    let began = |ground: Run, pairs: &[Pair], states: &str| {
        let mut storms = Storms::default();
        let mut desired = desired(5);
        desired.wanted.insert("p/5".parse().unwrap(), Wanted::not_ours(ground));
        storms.see(&look("++++++"), &desired, pairs, |_| false, second(0));
        !storms.see(&look(states), &desired, pairs, |_| false, second(1)).is_empty()
    };
    assert!(!began(Run::On, &[], "------"));
    assert!(began(Run::On, &[], "-----+"));
    assert!(began(Run::AsIs, &[], "------"), "whether it runs is not asked for");
    // Of a pair it is known who does its work.
    let [primary, backup] = ["p/5", "p/0"].map(|it| it.parse().unwrap());
    assert!(began(Run::On, &[Pair { primary, backup, ..pair(true) }], "------"));
}

#[test]
fn a_storm_is_told_when_it_begins_and_when_it_is_over() {
    let all = [
        News::Began { provider: p(), bad: 3, of: 5 },
        News::Passed { provider: p() },
        News::Believed { provider: p() },
    ];
    assert_eq!(all.each_ref().map(News::is_alert), [true, false, false]);
    insta::assert_snapshot!(all.map(|it| it.to_string()).join("\n"), @r"
        3 of 5 at p went bad in one look, which may be the fault of the look: no failover there until that is seen again, for 60 s at most
        most of what p has is well: failovers go on there
        p has been so for 60 s, so what is seen is believed: failovers go on there
        ");
}
