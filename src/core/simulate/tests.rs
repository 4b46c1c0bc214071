//! Stories of a small world.

use super::*;
use crate::core::{
    backoff::Backoff,
    duty,
    evidence::Patience,
    failover::Pair,
    incident,
    resource::{Body, Wanted},
};

/// What is told where nobody wants `p/a`, which is so, and it is killed.
fn killed(status: Status) -> Result<Vec<Happening>, Error> {
    let second = Duration::from_secs(1);
    let backoff = Backoff { initial: second, factor: 2.0, max: second };
    let rules = Rules {
        pairs: Vec::new(),
        recovery: incident::Policy { attempts: 0, backoff, calm: second },
        backoff,
        emergency_below: 0.0,
    };
    let restart = recovery::Restart::Never;
    let policy = recovery::Policy { restart, max_restarts: 0, min_uptime: second, backoff };
    let actual = Actual { body: Body::default(), status, mark: None, vitals: None };
    let found = [("p/a".parse().unwrap(), actual)].into();
    let beginning = Beginning {
        desired: Desired::default(),
        observed: Observed { found, ..Observed::default() },
        rules: &rules,
        memory: Memory::default(),
        policy: &|_| policy,
        stop_takes: &|_| Duration::ZERO,
        now: Timestamp::UNIX_EPOCH,
    };
    simulate(beginning, &"kill p/a".parse().unwrap())
}

#[test]
fn what_runs_can_be_killed_also_where_it_does_not_do_its_work() {
    let (pid, since, how) = (7, Timestamp::UNIX_EPOCH, "is frozen".to_owned());
    for status in
        [Status::Running { pid, since }, Status::Unwell { pid, since, how, proven: false }]
    {
        assert_eq!(killed(status).unwrap()[0].text, "is killed");
    }
    assert!(killed(Status::Stopped).unwrap_err().to_string().contains("does not run (stopped)"));
}

const SECOND: Duration = Duration::from_secs(1);

/// The story of a process and its exclusive backup, of another process and a file that have yet to be made, a
/// file that is another by now and one that nobody asks for any more, and what happens to one of them.
fn happenings(event: &str, max_restarts: u32, rest: Duration) -> Result<Vec<Happening>, Error> {
    let backoff = Backoff { initial: rest, factor: 2.0, max: 10 * rest };
    let rules = Rules {
        pairs: vec![Pair {
            primary: id("p/w"),
            backup: id("p/w-backup"),
            rules: duty::Rules {
                exclusive: true,
                controls_primary: true,
                patience: Patience { fall: 3, calm: 120 * SECOND },
                settle: 5 * SECOND,
                hold: 120 * SECOND,
                hand_back: duty::HandBack::Auto,
                budget: 2,
                window: 3600 * SECOND,
                fence: 60 * SECOND,
            },
        }],
        recovery: incident::Policy { attempts: 3, backoff, calm: 120 * SECOND },
        backoff,
        emergency_below: 0.0,
    };
    let restart = recovery::Restart::Always;
    let policy = recovery::Policy { restart, max_restarts, min_uptime: SECOND, backoff };
    let text =
        |it: &str| Body { files: [("f".to_owned(), it.to_owned())].into(), ..Body::default() };
    let found = |body: Body, status| {
        let mark = Some(Mark { written: body.digest(), backs_up: None });
        Actual { body, status, mark, vitals: None }
    };
    let running = Status::Running { pid: 7, since: Timestamp::UNIX_EPOCH - 3600 * SECOND };
    let mut desired = Desired::default();
    let mut observed = Observed::default();
    for name in ["p/w", "p/w-backup"] {
        let status = if name == "p/w" { running.clone() } else { Status::Stopped };
        desired.wanted.insert(id(name), Wanted::ours(Body::default(), Run::On));
        observed.found.insert(id(name), found(Body::default(), status));
    }
    desired.wanted.insert(id("p/new"), Wanted::ours(Body::default(), Run::On));
    desired.wanted.insert(id("f/new"), Wanted::ours(text("new"), Run::On));
    desired.wanted.insert(id("f/other"), Wanted::ours(text("after"), Run::On));
    observed.found.insert(id("f/other"), found(text("before"), Status::Present));
    observed.found.insert(id("f/old"), found(text("old"), Status::Present));
    let beginning = Beginning {
        desired,
        observed,
        rules: &rules,
        memory: Memory::default(),
        policy: &|_| policy,
        stop_takes: &|_| 10 * SECOND,
        now: Timestamp::UNIX_EPOCH,
    };
    simulate(beginning, &event.parse().unwrap())
}

fn story(event: &str, max_restarts: u32, rest: Duration) -> Vec<String> {
    let line = |it: Happening| format!("{:11} {} {}", offset(it.after_ms), it.id.unwrap(), it.text);
    happenings(event, max_restarts, rest).unwrap().into_iter().map(line).collect()
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

#[test]
fn a_process_that_dies_at_each_start_is_stood_in_for_until_the_budget_is_spent() {
    insta::assert_snapshot!(story("kill p/w", 2, SECOND).join("\n"), @r"
        +0 s        p/w is killed
        +0 s        p/w start: drift: it should run, and was ended by SIGKILL
        +0 s        p/w dies again
        +0 s        p/w start: drift: it should run, and was ended by SIGKILL
        +0 s        p/w dies again
        +0 s        p/w-backup duty goes to the backup: the primary was ended by SIGKILL
        +0 s        p/w stop (up to 10 s): it goes off duty
        +10 s       p/w is stopped, and that is seen
        +10 s       p/w-backup start: it comes on duty
        +15 s       p/w-backup the backup is on duty: the primary was ended by SIGKILL
        +2 min 15 s p/w-backup hand-back: the primary gets its duty back
        +2 min 15 s p/w-backup stop (up to 10 s): it goes off duty
        +2 min 25 s p/w-backup is stopped, and that is seen
        +2 min 25 s p/w start: it comes on duty
        +2 min 25 s p/w dies again
        +2 min 25 s p/w start: it comes on duty
        +2 min 25 s p/w dies again
        +2 min 26 s p/w start: it comes on duty
        +2 min 26 s p/w dies again
        +2 min 26 s p/w is given up by its runner
        +2 min 26 s p/w-backup duty goes to the backup: the primary was ended by SIGKILL; failures in a row: 3
        +2 min 26 s p/w stop (up to 10 s): it goes off duty
        +2 min 36 s p/w is stopped, and that is seen
        +2 min 36 s p/w-backup start: it comes on duty
        +2 min 41 s p/w-backup the backup is on duty: the primary was ended by SIGKILL; failures in a row: 3
        ");
}

#[test]
fn a_process_that_dies_once_is_started_again_by_its_runner() {
    insta::assert_snapshot!(story("crash p/w", 2, SECOND).join("\n"), @r"
        +0 s        p/w crashes
        +0 s        p/w start: drift: it should run, and was ended by SIGKILL
        ");
}

#[test]
fn what_has_yet_to_be_made_is_made_before_it_fails() {
    insta::assert_snapshot!(story("crash p/new", 2, SECOND).join("\n"), @r"
        +0 s        p/new crashes
        +0 s        p/new start: drift: it should run, and was ended by SIGKILL
        ");
    let refused = happenings("crash f/new", 2, SECOND).unwrap_err().to_string();
    assert_eq!(refused, "f/new does not run (present), so that it crashes changes nothing");
}

#[test]
fn a_rest_is_over_to_the_millisecond() {
    let told = happenings("kill p/new", 3, Duration::from_millis(250)).unwrap();
    let starts = told.iter().filter(|it| it.text.starts_with("start: drift"));
    // What is due at once takes a tenth of a second.
    let first = 100 + 100 + 250;
    assert_eq!(
        starts.map(|it| it.after_ms).collect::<Vec<_>>(),
        [0, 100, first, first + 100 + 500]
    );
}

#[test]
fn a_process_that_hangs_is_restarted() {
    insta::assert_snapshot!(story("freeze p/w", 2, SECOND).join("\n"), @r"
        +0 s        p/w freezes
        +0 s        p/w restart (up to 10 s): recovery: it is frozen
        ");
}

#[test]
fn what_is_taken_for_granted_is_said() {
    assert!(assumptions()[2].ends_with("looked ahead: 30 minutes"), "{:?}", assumptions());
}

#[test]
fn a_story_without_end_is_broken_off() {
    let told = story("kill p/w", u32::MAX, Duration::from_millis(10));
    assert!(told.len() < LONGEST + 10, "{}", told.len());
}
