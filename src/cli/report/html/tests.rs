//! What holds of the page, whatever is in a report.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::report as page;
use crate::core::{
    chronicle::{Fact, State},
    duty::{Cause, Side},
    health::Health::{self, Failed, Healthy, Stopped, Unhealthy},
    id::Id,
    report::{Budget, Period, Question, Record, Report, Row, Session},
};

const DAY: i64 = 86_400;

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

fn state(health: Health, backs_up: Option<&str>) -> Fact {
    let runs = Some(!matches!(health, Stopped | Failed));
    let backs_up = backs_up.map(|it| it.parse().unwrap());
    Fact::State(State {
        health,
        runs,
        on_duty: None,
        exclusive: backs_up.is_some(),
        backs_up,
        exercised: false,
    })
}

fn row(at: i64, id: &str, fact: Fact) -> Row {
    Row { session: 1, at: second(at), id: id.parse().unwrap(), fact }
}

fn of(rows: Vec<Row>, budget: &[Budget]) -> Report {
    let session = Session { number: 1, began: second(DAY), looked: second(2 * DAY) };
    let record = Record { sessions: vec![session], rows, ..Record::default() };
    let period = Period::until(second(2 * DAY), std::time::Duration::from_hours(24));
    let expected = BTreeSet::<Id>::new();
    let question =
        Question { period, now: second(2 * DAY), providers: &[], expected: &expected, budget };
    Report::of(&record, &question)
}

#[test]
fn whatever_is_in_a_report_is_only_text() {
    let evil = "<script>alert(1)</script>\"'&\u{1b}[31m\u{202e}<img src=http://x/>";
    let cause = Cause::Failing { side: Side::Primary, how: evil.to_owned() };
    let budget = [Budget {
        provider: "github".parse().unwrap(),
        used: 7,
        limit: 5000,
        until: second(3 * DAY),
    }];
    let rows = vec![
        row(DAY, "e/p", state(Healthy, None)),
        row(DAY, "e/b", state(Stopped, Some("e/p"))),
        row(DAY + 10, "e/b", Fact::Moves { to: Side::Backup, cause }),
        row(DAY + 20, "e/b", Fact::Stuck { how: evil.to_owned() }),
        row(DAY + 30, "e/p", Fact::Drifts { how: evil.to_owned() }),
    ];
    let page = page(&of(rows, &budget));
    for forbidden in ["<script", "<img", "\u{1b}", "url(", "@import", "<link", "<iframe"] {
        let at = page.find(forbidden).map(|it| it.saturating_sub(100));
        assert!(at.is_none(), "{forbidden} in …{:?}", at.and_then(|it| page.get(it..it + 200)));
    }
    assert_eq!(page.matches("&lt;script&gt;alert(1)").count(), 7, "four marks and three tables");
    assert!(page.contains("github <b>7</b> of 5000, which is 0.14 %"), "{page}");
    assert!(page.contains("has not arrived"), "{page}");
    // What is opened is closed.
    for element in ["section", "div", "table", "tr", "td", "svg", "details", "ul", "code", "b"] {
        let opened = page.matches(&format!("<{element}>")).count()
            + page.matches(&format!("<{element} ")).count();
        assert_eq!(opened, page.matches(&format!("</{element}>")).count(), "{element}");
    }
}

#[test]
fn what_matters_stands_before_all_figures() {
    let mut rows = Vec::new();
    for n in 0..40 {
        rows.push(row(DAY, &format!("e/p{n:02}"), state(Healthy, None)));
    }
    rows.push(row(DAY, "e/b", state(Healthy, Some("e/p00"))));
    rows.push(row(DAY + DAY / 2, "e/p01", state(Unhealthy, None)));
    let page = page(&of(rows, &[]));
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text} in {page}"));
    assert!(at("1 backup was never seen to work") < at("availability of all"));
    assert!(at("Both of a pair ran, and never should") < at("availability of all"));
    assert!(at("<bdi>e/p01</bdi>") < at("39 that had no failure, recovery or drift"));
    assert!(at("39 that had no failure, recovery or drift") < at("<bdi>e/p02</bdi>"));
    assert!(at("12:00 to 00:00: did not do its work") > 0);
}

#[test]
fn of_nothing_there_is_a_page_too() {
    let page = page(&of(Vec::new(), &[]));
    assert!(page.contains("Nothing was seen.") && page.ends_with("</html>\n"), "{page}");
}

/// Its size grows with the resources, and not faster.
#[test]
fn ten_thousand_resources_stay_a_page_that_a_browser_opens() {
    let rows_of = |n: i64| {
        (0..n).flat_map(|n| {
            let id = format!("pm2/worker-{n:05}");
            let fails = (n % 100 == 0).then(|| row(DAY + n, &id, state(Unhealthy, None)));
            let back = (n % 100 == 0).then(|| row(DAY + n + 600, &id, state(Healthy, None)));
            [Some(row(DAY, &id, state(Healthy, None))), fails, back].into_iter().flatten()
        })
    };
    let sorted = |n| {
        let mut rows: Vec<Row> = rows_of(n).collect();
        rows.sort_by_key(|it| it.at);
        rows
    };
    let (small, large) = (page(&of(sorted(1000), &[])), page(&of(sorted(10_000), &[])));
    assert!(large.len() < small.len() * 11, "{} of {}", large.len(), small.len());
    assert!(large.len() < 8_000_000, "{}", large.len());
}
