use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::core::{backoff::Backoff, health::Health, span::after, timetable::Timetable};

const HOUR: Duration = Duration::from_hours(1);
const BACKOFF: Backoff =
    Backoff { initial: Duration::from_mins(1), factor: 4.0, max: Duration::from_hours(1) };
const POLICY: Policy = Policy { recover: true, enable: false, attempts: 3, backoff: BACKOFF };

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn hours(n: i64) -> Timestamp {
    at("2026-11-01T00:00:00Z") + SignedDuration::from_hours(n)
}

fn run(number: u64, begun: Timestamp, verdict: Verdict) -> Run {
    let changed = begun + SignedDuration::from_mins(10);
    Run { number, attempt: 1, planned: true, created: begun, begun, changed, verdict }
}

fn failure() -> Verdict {
    Verdict::Failure { how: "failed".to_owned() }
}

fn active(working: bool) -> Verdict {
    Verdict::Active { how: "is queued".to_owned(), working }
}

fn times(cron: &str) -> Timetable {
    Timetable::new(vec![cron.parse().unwrap()])
}

/// A job that is due each day at 03:00 and may be two days old.
fn daily(runs: &[Run], now: Timestamp) -> Job {
    let times = times("0 3 * * *");
    let rhythm = Rhythm { times: &times, stale_after: Some(48 * HOUR) };
    assess(&History { disabled: None, since: hours(0), runs }, &rhythm, now)
}

fn told(runs: &[Run], now: Timestamp) -> String {
    daily(runs, now).to_string()
}

#[test]
fn each_state_is_told_from_the_others() {
    let asked = |run: Run| Run { planned: false, ..run };
    let again = |run: Run| Run { attempt: 2, ..run };
    let good = run(1, hours(3), Verdict::Success);
    let one = std::slice::from_ref(&good);
    insta::assert_snapshot!([
        told(one, hours(5)),
        told(one, hours(27)),
        told(one, hours(29)),
        told(one, hours(31)),
        told(&[], hours(2)),
        told(&[], hours(29)),
        told(&[], hours(49)),
        told(&[asked(good.clone())], hours(4)),
        told(&[asked(good.clone())], hours(31)),
        told(&[good.clone(), run(2, hours(27), failure())], hours(28)),
        told(&[good.clone(), again(run(2, hours(27), failure()))], hours(28)),
        told(&[good.clone(), again(run(2, hours(27), active(true)))], hours(28)),
        told(&[good.clone(), run(2, hours(27), Verdict::None)], hours(28)),
        told(&[good.clone(), run(2, hours(27), active(false))], hours(27)),
        told(&[good.clone(), run(2, hours(27), active(false))], hours(28)),
        told(&[good.clone(), run(2, hours(27), active(true))], hours(28)),
        told(&[good.clone(), run(2, hours(27), active(true))], hours(75)),
        told(&[run(2, hours(27), failure()), run(3, hours(28), Verdict::Success)], hours(29)),
        told(&(1..=3).map(|day| run(day, hours(3 + 24 * i64::try_from(day).unwrap()), Verdict::None))
            .chain([good.clone()]).collect::<Vec<_>>(), hours(76)),
    ]
    .join("\n"), @r"
        well
        well
        well
        missed: the run of 2026-11-02T03:00:00Z did not begin
        unproven: it has not run by its schedule yet
        unproven: it has not run by its schedule yet
        stale: no success is known
        unproven: it has not run by its schedule yet
        missed: the run of 2026-11-02T03:00:00Z did not begin
        failing: run 2 failed
        failing: run 2 failed, attempt 2
        failing: run 2 failed and is tried again, attempt 2
        well
        well
        stuck: run 2 is queued since 2026-11-02T03:00:00Z
        well
        stuck: run 2 is queued since 2026-11-02T03:00:00Z
        well
        stale: no success since 2026-11-01T03:10:00Z
        ");
}

#[test]
fn a_failure_is_looked_for_behind_what_says_nothing() {
    let runs = [run(1, hours(3), failure()), run(2, hours(27), Verdict::None)];
    assert!(matches!(daily(&runs, hours(28)).state, State::Failed { run: 1, .. }));
}

#[test]
fn a_success_by_hand_hides_no_dead_schedule() {
    let by_hand = Run { planned: false, ..run(2, hours(29), Verdict::Success) };
    let job = daily(&[run(1, hours(3), Verdict::Success), by_hand], hours(31));
    assert_eq!(job.state, State::Missed { due: hours(27) });
    assert_eq!(job.last_planned_success, Some(hours(3) + SignedDuration::from_mins(10)));
}

#[test]
fn a_schedule_that_nobody_keeps_exactly_is_not_missed() {
    let times = times("*/5 * * * *");
    let rhythm = Rhythm { times: &times, stale_after: Some(4 * HOUR) };
    let runs = [run(1, hours(10), Verdict::Success)];
    let history = History { disabled: None, since: hours(0), runs: &runs };
    let state = |now| assess(&history, &rhythm, now).state;
    assert_eq!(state(hours(10) + SignedDuration::from_mins(59)), State::Well);
    assert!(matches!(state(hours(11) + SignedDuration::from_mins(6)), State::Missed { .. }));
}

#[test]
fn the_grace_of_a_schedule_is_half_its_gap() {
    let times = times("0 */4 * * *");
    let runs = [run(1, hours(0), Verdict::Success)];
    let state = |since, minutes| {
        let rhythm = Rhythm { times: &times, stale_after: Some(48 * HOUR) };
        let history = History { disabled: None, since, runs: &runs };
        assess(&history, &rhythm, hours(4) + SignedDuration::from_mins(minutes)).state
    };
    assert_eq!(state(hours(-9), 119), State::Well);
    assert_eq!(state(hours(-9), 121), State::Missed { due: hours(4) });
    // Nothing was due before it came to be.
    assert_eq!(state(hours(4), 121), State::Well);
}

#[test]
fn what_runs_is_active_until_it_is_stuck() {
    let is_active = |verdict, now| daily(&[run(2, hours(27), verdict)], now).active;
    assert!(is_active(active(true), hours(32)) && !is_active(active(true), hours(75)));
    assert!(is_active(active(false), hours(27)) && !is_active(active(false), hours(28)));
    assert!(!is_active(Verdict::Success, hours(28)));
}

#[test]
fn work_that_a_place_stopped_by_itself_is_lacking() {
    let runs = [run(1, hours(3), Verdict::Success)];
    let times = times("0 3 * * *");
    let rhythm = Rhythm { times: &times, stale_after: None };
    for (by, lacking) in [(By::Person, None), (By::Fork, None), (By::Inactivity, Some(hours(27)))] {
        let history = History { disabled: Some(by), since: hours(0), runs: &runs };
        assert_eq!(assess(&history, &rhythm, hours(31)).lacking, lacking, "{by:?}");
    }
}

#[test]
fn the_ladder_tries_again_then_calls_the_backup_then_a_person() {
    let failed = |attempt, minute: i64| Run {
        attempt,
        begun: hours(27) + SignedDuration::from_mins(minute),
        changed: hours(27) + SignedDuration::from_mins(minute + 5),
        ..run(2, hours(27), failure())
    };
    let asked = |number, minute: i64, verdict| Run {
        planned: false,
        ..run(number, hours(27) + SignedDuration::from_mins(minute), verdict)
    };
    let now = hours(28);
    let calls = |primary: Run, backup: &[Run]| {
        calls("ci.yml", &daily(&[primary], now), Some(&daily(backup, now)), &POLICY)
    };
    let how = "failed".to_owned();
    let first = calls(failed(1, 0), &[]);
    assert_eq!(
        (first.primary, first.backup, first.stands_in),
        (Some(Call::Again { how }), None, false)
    );

    let stands_in = |minute| {
        let at = hours(27) + SignedDuration::from_mins(minute);
        Some(Call::Now { how: "ci.yml, which failed".to_owned(), at, given_up: None })
    };
    let second = calls(failed(2, 10), &[]);
    assert_eq!(second.backup, stands_in(16), "a minute after it failed");
    let waits = calls(failed(2, 10), &[asked(7, 20, active(true))]);
    assert_eq!((waits.backup, waits.stands_in), (None, true), "it is on its way");
    let third = calls(failed(2, 10), &[asked(7, 20, failure())]);
    assert_eq!(third.backup, stands_in(34), "four minutes after the backup failed");
    let twice = [asked(7, 20, failure()), asked(8, 30, failure())];
    let how = "ci.yml failed, and its backup failed; attempts at recovery: 3".to_owned();
    let third = calls(failed(2, 10), &twice).backup;
    assert!(matches!(third, Some(Call::Now { given_up: Some(it), .. }) if it == how));
    // What was cancelled is not asked for again at once, nor for ever.
    let cancelled = |number, minute| asked(number, minute, Verdict::None);
    let again = calls(failed(2, 10), &[cancelled(7, 20)]);
    assert_eq!((again.backup, again.stands_in), (stands_in(34), true));
    let how = "ci.yml failed, and its backup was cancelled or skipped; attempts at recovery: 3";
    let enough = calls(failed(2, 10), &[cancelled(7, 20), cancelled(8, 30)]).backup;
    assert!(matches!(enough, Some(Call::Now { given_up: Some(it), .. }) if it == how));
    let done = calls(failed(2, 10), &[twice[0].clone(), asked(8, 30, Verdict::Success)]);
    assert_eq!((done.backup, done.stands_in), (None, true));
    for minute in [5, 10] {
        let before = calls(failed(2, 10), &[asked(7, minute, Verdict::Success)]);
        assert!(matches!(before.backup, Some(Call::Now { .. })), "that was for an earlier failure");
    }
}

#[test]
fn without_a_backup_that_can_do_the_work_a_person_is_called() {
    let failed = Run { attempt: 2, ..run(2, hours(27), failure()) };
    let primary = daily(&[failed], hours(28));
    let told = |backup: Option<State>| {
        let backup = backup.map(Job::only);
        let calls = calls("ci.yml", &primary, backup.as_ref(), &POLICY);
        assert!(!calls.stands_in);
        match (calls.primary, calls.backup) {
            (Some(Call::Nobody { how }), None) => format!("primary: {how}"),
            (None, Some(Call::Nobody { how })) => format!("backup: {how}"),
            other => format!("{other:?}"),
        }
    };
    assert_eq!(told(None), "primary: it failed, and has no backup yet");
    assert_eq!(
        told(Some(State::Disabled { by: By::Person })),
        "backup: ci.yml failed, and its backup is disabled by a person"
    );
    assert_eq!(
        told(Some(State::NotInEffect)),
        "backup: ci.yml failed, and its backup is not in effect yet"
    );
}

#[test]
fn the_first_failure_in_a_row_may_be_tried_again_for_an_hour() {
    let good = run(1, hours(3), Verdict::Success);
    let bad = run(2, hours(27), failure());
    let ended = bad.changed;
    let again = |runs: &[Run], minutes| {
        let now = ended + SignedDuration::from_mins(minutes);
        matches!(daily(runs, now).state, State::Failed { again: true, .. })
    };
    let (first, tried) = ([good.clone(), bad.clone()], Run { attempt: 2, ..bad.clone() });
    assert!(again(&first, 0) && again(&first, 59) && !again(&first, 60));
    assert!(again(std::slice::from_ref(&bad), 0), "nothing is known of before");
    assert!(!again(&[good, tried], 0));
    assert!(!again(&[run(1, hours(3), failure()), bad], 0));
}

#[test]
fn what_is_not_to_be_recovered_is_left_alone() {
    let failing = daily(&[run(1, hours(3), failure())], hours(4));
    let well = daily(&[run(1, hours(3), Verdict::Success)], hours(4));
    let never = Policy { recover: false, ..POLICY };
    assert_eq!(calls("ci.yml", &failing, Some(&well), &never), Calls::default());
    assert_eq!(calls("ci.yml", &well, Some(&failing), &POLICY), Calls::default());
    assert_eq!(
        calls("ci.yml", &Job::only(State::Unseen), Some(&failing), &POLICY),
        Calls::default()
    );
}

#[test]
fn what_a_person_disabled_stays_so_until_the_config_says_otherwise() {
    let runs = [run(1, hours(3), Verdict::Success)];
    let rhythm = Rhythm { times: &Timetable::default(), stale_after: None };
    for by in [By::Person, By::Inactivity, By::Fork] {
        let history = History { disabled: Some(by), since: hours(0), runs: &runs };
        let job = assess(&history, &rhythm, hours(100));
        assert_eq!(calls("ci.yml", &job, None, &POLICY), Calls::default());
        let enable = Policy { enable: true, ..POLICY };
        assert!(matches!(calls("ci.yml", &job, None, &enable).primary, Some(Call::Enable { .. })));
    }
}

/// How a side does in a made-up world.
#[derive(Debug, Clone, Copy)]
struct Works {
    primary: bool,
    backup: bool,
    /// Whether the schedule of the primary is kept.
    ticks: bool,
}

fn worlds() -> impl Strategy<Value = Vec<Works>> {
    let works = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.8))
        .prop_map(|(primary, backup, ticks)| Works { primary, backup, ticks });
    prop::collection::vec(works, 2..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Days on which things work or do not; what is called for is done. Whoever can do the work does
    /// it, and nobody is called more often than allowed.
    #[test]
    fn whoever_can_do_the_work_does_it(days in worlds()) {
        let verdict = |well| if well { Verdict::Success } else { failure() };
        let (mut primary, mut backup): (Vec<Run>, Vec<Run>) = Default::default();
        let mut number = 0;
        let mut since_success = 0;
        for (day, works) in days.iter().enumerate() {
            let begin = hours(24 * i64::try_from(day).unwrap());
            let mut done_today = false;
            for minute in (0..24 * 60).step_by(30) {
                let now = begin + SignedDuration::from_mins(minute);
                if minute == 180 && works.ticks {
                    number += 1;
                    primary.push(run(number, now, verdict(works.primary)));
                    if works.primary { since_success = 0; done_today = true; }
                }
                // What has not ended yet is not over.
                let seen = |runs: &[Run]| -> Vec<Run> {
                    runs.iter().map(|it| if it.changed > now {
                        Run { verdict: active(true), ..it.clone() }
                    } else { it.clone() }).collect()
                };
                let calls = calls(
                    "ci.yml", &daily(&seen(&primary), now), Some(&daily(&seen(&backup), now)), &POLICY,
                );
                number += 1;
                if let Some(Call::Again { .. }) = calls.primary {
                    let last = primary.last_mut().unwrap();
                    prop_assert!(last.attempt == 1 && last.verdict != Verdict::Success);
                    since_success += 1;
                    *last = Run {
                        attempt: 2, begun: now, changed: after(now, HOUR / 6),
                        verdict: verdict(works.primary), ..last.clone()
                    };
                    if works.primary { since_success = 0; done_today = true; }
                }
                if let Some(Call::Now { at, given_up: None, .. }) = calls.backup && at <= now {
                    since_success += 1;
                    let run = run(number, now, verdict(works.backup));
                    backup.push(Run { planned: false, ..run });
                    if works.backup { since_success = 0; done_today = true; }
                }
                prop_assert!(since_success <= 3, "day {day}");
                if works.ticks && minute > 600 && (works.primary || works.backup) {
                    // Only where all attempts of an incident failed before is it left to a person.
                    prop_assert!(done_today || since_success >= 3, "day {day}");
                }
            }
        }
    }
}

#[test]
fn health_says_no_more_than_is_known() {
    assert_eq!(Job::only(State::Unseen).health(), Health::Unknown);
    assert_eq!(daily(&[], hours(2)).health(), Health::Unknown);
}

#[test]
fn a_disabled_job_says_who_did_it() {
    let texts = [By::Person, By::Inactivity, By::Fork].map(|by| {
        let job = Job::only(State::Disabled { by });
        format!("{job}: {}", job.health())
    });
    assert_eq!(
        texts,
        [
            "disabled by a person: stopped",
            "disabled for lack of activity: failed",
            "disabled because this is a fork: stopped",
        ]
    );
}

#[test]
fn a_job_says_since_when_it_is_so() {
    let good = run(1, hours(3), Verdict::Success);
    let with = |second: Run, now| daily(&[good.clone(), second], now);
    let last_success = hours(3) + SignedDuration::from_mins(10);
    let failed = run(2, hours(27), failure());
    assert_eq!(daily(std::slice::from_ref(&good), hours(5)).since(), Some(last_success));
    assert_eq!(with(failed.clone(), hours(28)).since(), Some(failed.changed));
    assert_eq!(with(run(2, hours(27), active(false)), hours(28)).since(), Some(hours(27)));
    assert_eq!(daily(std::slice::from_ref(&good), hours(31)).since(), Some(hours(27)));
    assert_eq!(daily(&[], hours(2)).since(), None, "it has not run yet");
}
