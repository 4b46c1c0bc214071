//! Pages, answers that are kept, and how many requests watching takes.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use redundancy::provider::github::api::Pace;

use crate::{
    PACE, client, client_at,
    fake::{Fake, Fault},
    run,
};

#[test]
fn what_has_not_changed_costs_nothing() {
    let fake = Fake::start();
    let nightly = fake.world().add_workflow("Nightly", ".github/workflows/nightly.yml");
    let now = fake.world().now;
    let first = fake.world().add_run(nightly, "schedule", now);
    let client = client(&fake.url());
    let left = fake.world().hour.unwrap().remaining;
    for minute in 0..30 {
        let since = now - SignedDuration::from_mins(60 - minute);
        let runs = run(client.runs("main", since)).unwrap();
        assert_eq!((runs.items.len(), runs.items[0].id.0), (1, first));
        assert_eq!(run(client.workflows()).unwrap().items.len(), 1);
    }
    assert_eq!(fake.answered([200, 304]), [2, 58]);
    assert_eq!(left - fake.world().hour.unwrap().remaining, 2);

    // What has changed is seen at once.
    let second = fake.world().add_run(nightly, "schedule", now);
    let runs = run(client.runs("main", now - SignedDuration::from_mins(60))).unwrap();
    assert_eq!(runs.items[0].id.0, second);
}

#[test]
fn nonsense_is_not_kept() {
    let fake = Fake::start();
    fake.world().add_workflow("Nightly", ".github/workflows/nightly.yml");
    let client = client(&fake.url());
    let headers = "content-type: application/json\r\netag: W/\"x\"\r\n";
    fake.world().fail(1, &Fault::Status(200, headers, "nonsense".to_owned()));
    run(client.workflows()).unwrap_err();
    run(client.workflows()).unwrap();
    let world = fake.world();
    assert!(!world.requests[1].headers.contains_key("if-none-match"));
}

#[test]
fn pages_are_read_to_the_end_and_no_further_than_ten() {
    let fake = Fake::start();
    {
        let mut world = fake.world();
        world.page = 3;
        let nightly = world.add_workflow("Nightly", ".github/workflows/nightly.yml");
        let now = world.now;
        for minute in 0..8 {
            world.add_run(nightly, "schedule", now + SignedDuration::from_mins(minute));
        }
    }
    let now = fake.world().now;
    let client = client(&fake.url());
    let runs = run(client.runs("main", now)).unwrap();
    let newest_first = |it: &[redundancy::provider::github::api::Run]| {
        it.is_sorted_by(|a, b| a.created_at > b.created_at)
    };
    assert!(runs.complete && runs.items.len() == 8 && newest_first(&runs.items));
    assert_eq!(fake.world().requests.len(), 3);
    // All three pages again, for nothing.
    assert_eq!(run(client.runs("main", now)).unwrap(), runs);
    assert_eq!(fake.answered([304]), [3]);

    let nightly = fake.world().workflows[0].id;
    for _ in 0..100 {
        fake.world().add_run(nightly, "schedule", now);
    }
    let before = fake.world().requests.len();
    let runs = run(client.runs("main", now)).unwrap();
    assert_eq!((runs.complete, runs.items.len()), (false, 30));
    assert_eq!(fake.world().requests.len() - before, 10);
}

#[test]
fn what_moves_to_a_later_page_meanwhile_comes_once() {
    let fake = Fake::start();
    let now = fake.world().now;
    let nightly = fake.world().add_workflow("Nightly", ".github/workflows/nightly.yml");
    let id = fake.world().add_run(nightly, "schedule", now);
    let twin = fake.world().run(id).clone();
    fake.world().runs.push(twin);
    fake.world().page = 1;
    let runs = run(client(&fake.url()).runs("main", now)).unwrap();
    assert_eq!((fake.world().requests.len(), runs.items.len()), (2, 1));
}

/// GitHub ends a list that is filtered after a thousand, and doesn't say so.
#[test]
fn a_list_that_github_may_have_cut_is_not_complete() {
    let fake = Fake::start();
    let now = fake.world().now;
    let nightly = fake.world().add_workflow("Nightly", ".github/workflows/nightly.yml");
    for _ in 0..1000 {
        fake.world().add_run(nightly, "schedule", now);
    }
    let client = client(&fake.url());
    let runs = run(client.runs("main", now)).unwrap();
    assert_eq!((runs.complete, runs.items.len()), (false, 1000));
}

#[test]
fn what_is_older_than_the_hour_or_on_another_branch_is_not_asked_for() {
    let fake = Fake::start();
    let nightly = fake.world().add_workflow("Nightly", ".github/workflows/nightly.yml");
    let now = fake.world().now;
    let old = fake.world().add_run(nightly, "schedule", now - SignedDuration::from_hours(24 * 400));
    let elsewhere = fake.world().add_run(nightly, "push", now);
    fake.world().run(elsewhere).branch = "topic/a b".to_owned();
    let client = client(&fake.url());
    assert_eq!(run(client.runs("main", now)).unwrap().items, []);
    assert_eq!(run(client.runs("topic/a b", now)).unwrap().items[0].id.0, elsewhere);
    let workflow = run(client.workflows()).unwrap().items[0].id;
    assert_eq!(run(client.runs_of(workflow, "main", 5)).unwrap()[0].id.0, old);
}

#[test]
fn changes_keep_their_distance() {
    let fake = Fake::start();
    fake.world().add_workflow("Nightly", ".github/workflows/nightly.yml");
    let pace = Pace { between_writes: Duration::from_millis(200), ..PACE };
    let client = client_at(&fake.url(), pace);
    let id = run(client.workflows()).unwrap().items[0].id;
    let begin = Instant::now();
    for _ in 0..3 {
        run(client.enable(id)).unwrap();
    }
    assert!(begin.elapsed() >= Duration::from_millis(400));
}

/// Looks at so many workflows each minute of an hour, each of which runs once a day for five minutes.
/// The requests that it took, and those of them that count.
fn an_hour_of_watching(workflows: i64) -> [u64; 2] {
    const DAY: i64 = 24 * 60;
    let fake = Fake::start();
    let begin = fake.world().now;
    let at = |minute: i64| begin + SignedDuration::from_mins(minute);
    let mut ends = Vec::new();
    let mut runs_begin = |minute: i64| {
        let mut world = fake.world();
        for n in (0..workflows).filter(|n| (minute - n * DAY / workflows) % DAY == 0) {
            let workflow = world.workflows[usize::try_from(n).unwrap()].id;
            ends.push((minute + 5, world.add_run(workflow, "schedule", at(minute))));
        }
        for (_, run) in ends.extract_if(.., |(end, _)| *end <= minute) {
            world.complete(run, "success", at(minute));
        }
    };
    for n in 0..workflows {
        fake.world().add_workflow(&format!("W {n}"), &format!(".github/workflows/{n}.yml"));
    }
    (-DAY..0).for_each(&mut runs_begin);
    let left = fake.world().hour.unwrap().remaining;
    let client = client(&fake.url());
    for minute in 0..60 {
        runs_begin(minute);
        let seen = run(client.runs("main", at(minute - DAY))).unwrap();
        assert!(seen.complete && seen.items.len() >= usize::try_from(workflows).unwrap());
        assert!(run(client.workflows()).unwrap().complete);
    }
    let world = fake.world();
    [world.requests.len() as u64, left - world.hour.unwrap().remaining]
}

#[test]
fn to_watch_each_minute_takes_few_requests() {
    assert_eq!(an_hour_of_watching(10), [120, 3]);
    assert_eq!(an_hour_of_watching(100), [180, 15]);
}
