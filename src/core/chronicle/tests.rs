//! What is written down, and of what.

use Health::{Failed, Healthy};

use super::*;
use crate::core::{
    change::{Change, Held},
    code::{Code, Live},
    failover::tests::pair,
    job::Job,
    resource::{Actual, Body, Run, Wanted},
};

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(n).unwrap()
}

fn states_of(health: &[(&str, Health)]) -> BTreeMap<Id, State> {
    let state = |health| State {
        health,
        runs: None,
        on_duty: None,
        backs_up: None,
        exclusive: false,
        exercised: false,
    };
    health.iter().map(|(id, it)| (id.parse().unwrap(), state(*it))).collect()
}

#[test]
fn only_what_changes_is_written() {
    let mut chronicle = Chronicle::default();
    let mut see = |states: &[(&str, Health)], at| {
        let facts = chronicle.see(states_of(states), &Plan::default(), second(at));
        facts.iter().map(|(id, fact)| format!("{id} {}", fact.word())).collect::<Vec<_>>()
    };
    assert_eq!(see(&[("p/a", Healthy), ("p/b", Healthy)], 0), ["p/a state", "p/b state"]);
    assert!(see(&[("p/a", Healthy), ("p/b", Healthy)], 1).is_empty());
    assert_eq!(see(&[("p/a", Failed)], 2), ["p/b gone", "p/a state"]);
}

#[test]
fn a_gap_and_a_clock_that_is_set_back_begin_another_session() {
    let mut chronicle = Chronicle::default();
    let patience = Duration::from_mins(1);
    assert!(chronicle.is_interrupted(second(0), patience));
    chronicle.see(BTreeMap::new(), &Plan::default(), second(100));
    assert!(!chronicle.is_interrupted(second(100), patience));
    assert!(!chronicle.is_interrupted(second(160), patience));
    assert!(chronicle.is_interrupted(second(161), patience));
    assert!(chronicle.is_interrupted(second(99), patience));
}

#[test]
fn an_edit_by_hand_is_found_once() {
    let held = |why| {
        let held = vec![Held { id: "p/a".parse().unwrap(), why }];
        Plan { held, ..Plan::default() }
    };
    let edited = held(Why::EditedByHand { from: Body::default(), to: Body::default() });
    let blind = held(Why::Blind { reason: "no answer".to_owned() });
    let mut chronicle = Chronicle::default();
    let mut found = |plan: &Plan| chronicle.see(BTreeMap::new(), plan, second(0)).len();
    assert_eq!([found(&blind), found(&edited), found(&edited)], [0, 1, 0]);
    assert_eq!([found(&blind), found(&edited)], [0, 0], "also where nobody saw it for a while");
    assert_eq!([found(&Plan::default()), found(&edited)], [0, 1], "it is edited anew");
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

#[test]
fn a_session_that_begins_anew_writes_all_of_it() {
    let mut chronicle = Chronicle::default();
    let see = |chronicle: &mut Chronicle| {
        chronicle.see(states_of(&[("p/a", Healthy)]), &Plan::default(), second(0)).len()
    };
    assert_eq!([see(&mut chronicle), see(&mut chronicle)], [1, 0]);
    chronicle.begin();
    assert!(chronicle.is_interrupted(second(0), Duration::from_mins(1)));
    assert_eq!(see(&mut chronicle), 1);
}

#[test]
fn news_that_a_report_counts_are_written_and_no_others() {
    let duty = |news| News::Duty { backup: id("p/b"), news };
    let job = |news| News::Job { backup: id("p/b"), news };
    let (side, to, cause, how) = (Side::Backup, Side::Backup, Cause::HandBack, "x".to_owned());
    let stands_in = |way| {
        let how = "failed".to_owned();
        job(job::News::StandsIn(job::Cover { primary: id("p/a"), since: second(0), how, way }))
    };
    let told = |news: &News| {
        let (id, fact) = Fact::of(news)?;
        assert_eq!(id.to_string(), "p/b");
        Some(serde_json::to_string(&fact).unwrap())
    };
    let why = duty::Stuck::OtherBroken;
    let written = [
        duty(duty::News::Moves { to, cause: cause.clone() }),
        duty(duty::News::OnDuty { side, cause }),
        duty(duty::News::Blocked { side }),
        duty(duty::News::Stuck { why, side, how }),
        stands_in(job::Way::Runs),
        stands_in(job::Way::Route),
        stands_in(job::Way::RouteByPerson),
        job(job::News::HandsBack { primary: id("p/a"), why: None, by_person: true }),
    ];
    let written: Vec<String> = written.iter().filter_map(told).collect();
    insta::assert_snapshot!(written.join("\n"), @r#"
        {"fact":"moves","to":"backup","cause":{"because":"hand_back"}}
        {"fact":"arrives","at":"backup","cause":{"because":"hand_back"}}
        {"fact":"stuck","how":"blocked: the backup could not be proven stopped, so the primary is not started; end it, or say that it is stopped: `redundancy resolve p/b --assume-stopped`"}
        {"fact":"stuck","how":"the backup x, and the primary can't take over"}
        {"fact":"stands_in","how":"failed"}
        {"fact":"stands_in","how":"failed"}
        {"fact":"stands_in","how":"failed","by_person":true}
        {"fact":"hands_back","by_person":true}
        "#);
    for unwritten in [duty(duty::News::Paused), duty(duty::News::Resumed)] {
        assert_eq!(told(&unwritten), None);
    }
}

#[test]
fn steps_that_mend_and_steps_against_drift_are_written_and_no_others() {
    let word = |reason: Reason| {
        let step = Step { id: id("p/a"), change: Change::Start, reason };
        Fact::of_step(&step).map(|(id, fact)| format!("{id} {}", fact.word()))
    };
    let how = || "exited".to_owned();
    for mends in [Reason::Recovery { how: how() }, Reason::Emergency { how: how() }] {
        assert_eq!(word(mends).as_deref(), Some("p/a recovers"));
    }
    for drifts in [Reason::ChangedByHand, Reason::ChangedOnBothSides, Reason::ShouldBeOff] {
        assert_eq!(word(drifts).as_deref(), Some("p/a drifts"));
    }
    for wanted in [Reason::Missing, Reason::ConfigChanged, Reason::OnDuty, Reason::Due] {
        assert_eq!(word(wanted), None);
    }
}

#[test]
fn each_resource_has_its_state_and_its_place_in_a_pair() {
    let statuses = [
        ("p/a", Status::Running { pid: 1, since: second(0) }),
        ("p/b", Status::Stopped),
        ("p/c", Status::Finished { well: true, how: String::new(), at: second(0) }),
        ("p/d", Status::Finished { well: false, how: String::new(), at: second(0) }),
        ("p/e", Status::Present),
        ("p/f", Status::Job(Box::new(Job::only(job::State::Well)))),
        (
            "p/g",
            Status::Job(Box::new(Job {
                last_success: Some(second(0)),
                ..Job::only(job::State::Unseen)
            })),
        ),
        ("p/h", Status::Code(Code::only(Live::Answers { since: None }))),
        ("p/i", Status::Code(Code::only(Live::NotServed))),
        ("p/j", Status::Scheduled { next: second(9) }),
        ("p/k", Status::Failed { at: second(0), how: String::new() }),
        ("p/l", Status::Running { pid: 1, since: second(0) }),
    ];
    let (mut desired, mut observed) = (Desired::default(), Observed::default());
    for (name, status) in statuses {
        let backs_up = (name == "p/f").then(|| "e".to_owned());
        desired.wanted.insert(id(name), Wanted { backs_up, ..Wanted::not_ours(Run::On) });
        let actual = Actual { body: Body::default(), status, mark: None, vitals: None };
        observed.found.insert(id(name), actual);
    }
    observed.unproven.insert(id("p/l"));
    let duty_of = |phase: Phase| {
        let mut duty = duty::Duty::new(second(0));
        duty.phase = phase;
        duty
    };
    let duties = serde_json::json!({
        "p/b": duty_of(Phase::On(Side::Primary)),
        "p/d": duty_of(Phase::Fence(Side::Primary)),
    });
    let duties: Duties = serde_json::from_value(duties).unwrap();
    let pairs =
        [("p/a", "p/b", true), ("p/c", "p/d", false)].map(|(primary, backup, exclusive)| Pair {
            primary: id(primary),
            backup: id(backup),
            ..pair(exclusive)
        });
    let measure = Measure::of(&desired, &observed, &pairs, &duties, &Plan::default());
    let states = states(&measure, &desired, &observed, &pairs, &duties);
    let lines =
        states.iter().map(|(id, it)| format!("{id} {}", serde_json::to_string(it).unwrap()));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
        p/a {"health":"healthy","runs":true,"on_duty":true,"exercised":true}
        p/b {"health":"unhealthy","runs":false,"on_duty":false,"backs_up":"p/a","exclusive":true}
        p/c {"health":"stopped","runs":false,"exercised":true}
        p/d {"health":"failed","runs":false,"backs_up":"p/c"}
        p/e {"health":"unknown"}
        p/f {"health":"healthy","backs_up":"p/e"}
        p/g {"health":"unknown","exercised":true}
        p/h {"health":"healthy","exercised":true}
        p/i {"health":"unknown"}
        p/j {"health":"healthy","runs":true}
        p/k {"health":"failed","runs":false}
        p/l {"health":"unknown","runs":true}
        "#);
}
