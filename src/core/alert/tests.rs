use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::core::{
    duty,
    emergency::{Declared, Share},
    reconciler::News,
};

const POLICY: Policy =
    Policy { remind_every: Duration::from_hours(4), at_most: 3, calm: Duration::from_mins(1) };

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

fn alert(kind: Kind, about: &str, severity: Severity, since: i64) -> Alert {
    Alert { key: Key::new(kind, about), severity, text: "bad".to_owned(), since: second(since) }
}

/// What is told at `now` where these are down, and of `unknown` nothing is known.
fn told(book: &mut Book, now: i64, down: &[&str], unknown: &[&str]) -> Vec<String> {
    let kind = |it: &str| if it.starts_with("blind") { Kind::Blind } else { Kind::Failed };
    let alerts = down.iter().map(|it| alert(kind(it), it, Severity::Critical, now)).collect();
    let unknown: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    let is_unknown = Box::new(move |key: &Key| unknown.contains(&key.about));
    let messages = book.tell(Level { alerts, is_unknown }, Vec::new(), &POLICY, second(now));
    messages.iter().map(short).collect()
}

fn short(message: &Message) -> String {
    let more = if message.more > 0 { format!(" +{}", message.more) } else { String::new() };
    format!("{} {}{more}", message.what.word(), message.alert.key)
}

/// A second, what is down then, of what nothing is known, and what is told.
type Row = (i64, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

const STORIES: &[(&str, &[Row])] = &[
    (
        "once, however often it is seen, and once that it is over",
        &[
            (0, &["a"], &[], &["firing failed:a"]),
            (1, &["a"], &[], &[]),
            (9_000, &["a"], &[], &[]),
            (9_001, &[], &[], &[]),
            (9_060, &[], &[], &[]),
            (9_061, &[], &[], &["resolved failed:a"]),
            (9_062, &[], &[], &[]),
        ],
    ),
    (
        "again when it lasts",
        &[
            (0, &["a"], &[], &["firing failed:a"]),
            (14_399, &["a"], &[], &[]),
            (14_400, &["a"], &[], &["reminder failed:a"]),
            (14_401, &["a"], &[], &[]),
            (28_800, &["a"], &[], &["reminder failed:a"]),
        ],
    ),
    (
        "what comes back soon was never over",
        &[
            (0, &["a"], &[], &["firing failed:a"]),
            (10, &[], &[], &[]),
            (69, &["a"], &[], &[]),
            (100, &[], &[], &[]),
            (159, &[], &[], &[]),
            (160, &[], &[], &["resolved failed:a"]),
            (161, &["a"], &[], &["firing failed:a"]),
        ],
    ),
    (
        "what nobody can see is not over",
        &[
            (0, &["a"], &[], &["firing failed:a"]),
            (10, &[], &["a"], &[]),
            (1_000, &[], &["a"], &[]),
            (1_001, &[], &[], &[]),
            (1_061, &[], &[], &["resolved failed:a"]),
        ],
    ),
    (
        "a provider that can't be asked for a moment is not worth a word",
        &[
            (0, &["blind"], &[], &[]),
            (60, &[], &[], &[]),
            (120, &[], &[], &[]),
            (200, &["blind"], &[], &[]),
            (499, &["blind"], &[], &[]),
            (500, &["blind"], &[], &["firing blind:blind"]),
        ],
    ),
    (
        "not more than so many within an hour, and the rest is counted",
        &[
            (
                0,
                &["a", "b", "c", "d", "e"],
                &[],
                &["firing failed:a", "firing failed:b", "firing failed:c"],
            ),
            (1, &["a", "b", "c", "d", "e"], &[], &[]),
            (3_600, &["a", "b", "c", "d", "e"], &[], &["event more +2"]),
            (3_601, &["a", "b", "c", "d", "e", "f"], &[], &["firing failed:f"]),
            (
                14_400,
                &["a", "b", "c", "d", "e", "f"],
                &[],
                &["reminder failed:a", "reminder failed:b", "reminder failed:c"],
            ),
        ],
    ),
    (
        "what was not told is not told to be over",
        &[
            (
                0,
                &["a", "b", "c", "d"],
                &[],
                &["firing failed:a", "firing failed:b", "firing failed:c"],
            ),
            (3_600, &["a", "b", "c"], &[], &["event more +1"]),
            (3_700, &["a", "b", "c"], &[], &[]),
            (3_800, &["a", "b", "c", "e"], &[], &["firing failed:e"]),
        ],
    ),
    (
        "a clock that is set back delays nothing for ever",
        &[
            (1_000_000, &["a"], &[], &["firing failed:a"]),
            (0, &["a"], &[], &[]),
            (14_400, &["a"], &[], &["reminder failed:a"]),
        ],
    ),
];

#[test]
fn what_is_told_and_when() {
    for (story, rows) in STORIES {
        let mut book = Book::default();
        for (now, down, unknown, expected) in *rows {
            assert_eq!(told(&mut book, *now, down, unknown), *expected, "{story}, at {now}");
            // A controller that is restarted after each look tells the same.
            let text = serde_json::to_string(&book).unwrap();
            book = serde_json::from_str(&text).unwrap();
        }
    }
}

#[test]
fn an_event_is_told_once_in_a_while() {
    let mut book = Book::default();
    let mut happens = |now: i64| {
        let level = Level { alerts: Vec::new(), is_unknown: Box::new(|_| false) };
        let messages = book.tell(level, vec![begun_after_crash(second(now))], &POLICY, second(now));
        messages.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(happens(0).len(), 1);
    assert_eq!(happens(10), [""; 0]);
    assert_eq!(happens(20), [""; 0]);
    let told = happens(14_400);
    assert!(told[0].ends_with("(and 2 times since it was last told)"), "{told:?}");
}

#[test]
fn a_crash_is_an_end_without_a_word() {
    let mut book = Book::default();
    assert!(!book.begin(), "the first one of all");
    assert!(book.begin());
    book.end();
    assert!(!book.begin());
}

#[test]
fn whoever_comes_is_told_what_nobody_heard() {
    let mut book = Book::default();
    for now in 0..10 {
        assert_eq!(told(&mut book, now, &["a"], &[]), ["firing failed:a"]);
        assert_eq!(book.wake_at(&POLICY, second(now)).map(|it| it > second(now)), Some(true));
        book.was_not_heard();
        assert_eq!(book.open(second(now)).len(), 1);
        assert_eq!(book.wake_at(&POLICY, second(now)), None, "there is nobody to tell");
    }
    assert_eq!(told(&mut book, 10, &["a"], &[]), ["firing failed:a"]);
    assert_eq!(told(&mut book, 11, &["a"], &[]), [""; 0]);
}

#[test]
fn what_fails_for_good_is_not_told_to_be_unwell_too() {
    let mut book = Book::default();
    let mut tell = |now: i64, kinds: &[Kind], is_unknown: bool| {
        let alerts = kinds.iter().map(|it| alert(*it, "a", Severity::Warning, now)).collect();
        let level = Level { alerts, is_unknown: Box::new(move |_| is_unknown) };
        let messages = book.tell(level, Vec::new(), &POLICY, second(now));
        messages.iter().map(short).collect::<Vec<_>>()
    };
    assert_eq!(tell(0, &[Kind::Unwell], false), [""; 0]);
    assert_eq!(tell(60, &[Kind::Failed], true), ["firing failed:a"]);
    assert_eq!(tell(3_000, &[Kind::Failed], true), [""; 0]);
    assert_eq!(tell(3_001, &[Kind::Unwell], true), [""; 0], "a person has it tried again");
    assert_eq!(tell(3_002, &[], false), [""; 0]);
    assert_eq!(tell(3_062, &[], false), ["resolved failed:a"]);
    assert_eq!(tell(3_100, &[Kind::Unwell], false), [""; 0]);
    assert_eq!(tell(4_000, &[Kind::Unwell], false), ["firing unwell:a"]);
}

#[test]
fn a_key_reads_back_as_it_prints() {
    for kind in Kind::ALL {
        for about in ["", "embedded/web", "a:b"] {
            let key = Key::new(kind, about);
            assert_eq!(key.to_string().parse(), Ok(key));
        }
    }
    assert_eq!("fire:a".parse::<Key>(), Err(KeyError));
}

#[test]
fn the_worst_is_told_first() {
    let mut book = Book::default();
    let alerts = vec![
        alert(Kind::Failover, "a", Severity::Warning, 0),
        alert(Kind::Failover, "b", Severity::Info, 0),
        alert(Kind::Failed, "c", Severity::Critical, 0),
    ];
    let level = Level { alerts, is_unknown: Box::new(|_| false) };
    let told = book.tell(level, Vec::new(), &POLICY, second(0));
    let told: Vec<_> = told.iter().map(short).collect();
    assert_eq!(told, ["firing failed:c", "firing failover:a", "firing failover:b"]);
    assert_eq!(book.open(second(0))[0].alert.key.kind, Kind::Failed);
}

#[test]
fn an_emergency_is_an_alert_and_other_news_are_not_by_themselves() {
    let declared = Declared { share: Share { healthy: 1, known: 4 }, since: second(9) };
    let alert = of_news(&News::Emergency(declared), second(5)).unwrap();
    assert_eq!(alert.key.to_string(), "emergency");
    assert_eq!((alert.severity, alert.since), (Severity::Critical, second(5)));
    let paused = News::Duty { backup: "p/b".parse().unwrap(), news: duty::News::Paused };
    assert_eq!(of_news(&paused, second(5)), None);
}

#[test]
fn each_message_says_what_became_of_it() {
    let text = |what, kind, more| {
        let alert = alert(kind, "e/web", Severity::Warning, 0);
        Message { what, alert, at: second(60), more }.to_string()
    };
    insta::assert_snapshot!([
        text(What::Firing, Kind::Failed, 0),
        text(What::Event, Kind::Failover, 2),
        text(What::Reminder, Kind::Failover, 0),
        text(What::Resolved, Kind::Failed, 0),
        text(What::Resolved, Kind::Failover, 0),
        Message::test(second(0)).to_string(),
    ].join("\n"), @r"
        e/web: bad
        e/web: bad (2 more were not sent: too many within an hour)
        e/web: still so, since 1970-01-01T00:00:00Z: bad
        e/web: over; it was: bad
        e/web: hand-back: the primary does its work again
        this is a test: alerts arrive here
        ");
}

#[test]
fn it_remembers_since_when_it_is_so_and_what_was_not_sent() {
    let mut book = Book::default();
    told(&mut book, 7, &["a"], &[]);
    assert_eq!((book.open(second(8))[0].alert.since, book.unsent()), (second(7), 0));
    // Nothing waits to be sent: it wakes for the next reminder alone.
    assert_eq!(book.wake_at(&POLICY, second(8)), Some(second(14_407)));
    told(&mut book, 60, &["a", "b", "c", "d", "e"], &[]);
    assert_eq!(
        book.open(second(60)).iter().find(|it| it.alert.key.about == "a").unwrap().alert.since,
        second(7)
    );
    assert_eq!(book.unsent(), 2);
    // Nothing is so since a time that is yet to come.
    let alerts = vec![alert(Kind::Failed, "z", Severity::Warning, 100)];
    let level = Level { alerts, is_unknown: Box::new(|_| true) };
    book.tell(level, Vec::new(), &POLICY, second(60));
    let open = book.open(second(60));
    assert_eq!(open.iter().find(|it| it.alert.key.about == "z").unwrap().alert.since, second(60));
    assert_eq!(book.wake_at(&POLICY, second(61)), Some(second(3_607)));
}

#[test]
fn losses_are_counted_by_sink() {
    let mut book = Book::default();
    book.note_lost("slack", 1, "it answers 500".to_owned(), second(1));
    book.note_lost("slack", 2, "no answer".to_owned(), second(2));
    let loss = Loss { messages: 3, at: second(2), why: "no answer".to_owned() };
    assert_eq!(book.lost().iter().next(), Some((&"slack".to_owned(), &loss)));
    // For a week.
    let week = 7 * 24 * 3_600;
    told(&mut book, week + 1, &[], &[]);
    assert_eq!(book.lost().len(), 1);
    told(&mut book, week + 2, &[], &[]);
    assert_eq!(book.lost().len(), 0);
}

const NAMES: [&str; 5] = ["a", "b", "c", "d", "blind"];

proptest! {
    /// Whatever goes up and down, is unseen, or is done to the clock.
    #[test]
    fn nothing_is_told_twice_too_often_or_out_of_turn(
        looks in prop::collection::vec((-2_000i64..20_000, 0u8..32, 0u8..32), 1..80),
    ) {
        let mut book = Book::default();
        let mut now = 1_000_000;
        let mut open: BTreeSet<String> = BTreeSet::new();
        let mut sent: Vec<i64> = Vec::new();
        let (mut counted, mut refused) = (0u64, 0u64);
        for (pause, down, unknown) in looks {
            now += pause;
            if pause < 0 {
                for at in &mut sent {
                    *at = (*at).min(now);
                }
            }
            sent.retain(|at| now - *at < 3_600);
            let pick = |bits: u8| {
                let chosen = NAMES.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
                chosen.map(|(_, name)| *name).collect::<Vec<_>>()
            };
            let before = u64::from(book.unsent());
            let told = told(&mut book, now, &pick(down), &pick(unknown));
            for line in &told {
                let words: Vec<&str> = line.split(' ').collect();
                let key = words[1].to_owned();
                match words[0] {
                    "firing" => prop_assert!(open.insert(key), "{line}"),
                    "reminder" => prop_assert!(open.contains(&key), "{line}"),
                    "resolved" => prop_assert!(open.remove(&key), "{line}"),
                    other => prop_assert_eq!(other, "event"),
                }
                counted += words.get(2).map_or(0, |it| it.parse::<u64>().unwrap());
                sent.push(now);
            }
            // A resolved one that was over the limit is open here for good; it may fire again.
            let known: BTreeSet<String> =
                book.open(second(now)).iter().filter(|it| it.told).map(|it| it.alert.key.to_string()).collect();
            open.retain(|it| known.contains(it));
            prop_assert_eq!(&open, &known);
            prop_assert!(sent.len() <= 3, "{} within an hour", sent.len());
            let after = u64::from(book.unsent());
            refused = counted + after;
            prop_assert!(refused >= before, "what is not sent is never forgotten");
            if let Some(at) = book.wake_at(&POLICY, second(now)) {
                prop_assert!(at > second(now));
            }
            let text = serde_json::to_string(&book).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Book>(&text).unwrap(), &book);
        }
        prop_assert!(refused >= counted);
    }

    /// When it wakes as it asks to, nothing is told late.
    #[test]
    fn it_asks_to_be_woken_when_there_is_something_to_tell(down in 0u8..32, later in 1i64..20_000) {
        let names: Vec<&str> =
            NAMES.iter().enumerate().filter(|(at, _)| down & (1 << at) != 0).map(|(_, it)| *it).collect();
        let mut book = Book::default();
        told(&mut book, 0, &names, &[]);
        let wake = book.wake_at(&POLICY, second(0));
        let told = told(&mut book, later, &names, &[]);
        if !told.is_empty() {
            prop_assert!(wake.is_some_and(|it| it <= second(later)), "{wake:?} {told:?}");
        }
    }
}
