//! Processes that run by the clock.

use jiff::{SignedDuration, Timestamp};
use redundancy::{
    core::{plan::Asker, resource::Status},
    provider::Provider,
};

use crate::world::{World, name, runs, verbs};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

async fn next(world: &World, now: Timestamp) -> Timestamp {
    match world.embedded.observe(now).await.unwrap()[&name("a")].status {
        Status::Scheduled { next } => next,
        ref other => panic!("it is not scheduled: {other:?}"),
    }
}

async fn watch(world: &World, now: Timestamp) -> Vec<String> {
    let (plan, failed) = world.pass_at(Asker::Watch, now).await;
    assert!(failed.is_empty(), "{failed:?}");
    verbs(&plan)
}

#[tokio::test]
async fn it_runs_when_due_and_a_failure_waits_for_the_next_time() {
    let world = World::new(
        "[[process]]\nname = 'a'\ncron = '0 * * * *'\ncommand = ['sh', '-c', 'echo run; exit 4']",
    );
    let begin = at("2040-03-01T10:30:00Z");
    assert_eq!(watch(&world, begin).await, ["create a"]);
    assert_eq!(next(&world, begin).await, at("2040-03-01T11:00:00Z"));
    assert_eq!(watch(&world, at("2040-03-01T10:59:59Z")).await, [""; 0]);

    // Three ticks were missed: they are one run.
    let late = at("2040-03-01T13:10:00Z");
    assert_eq!(watch(&world, late).await, ["start a"]);
    let ended = async {
        while runs(&world.embedded.observe(late).await.unwrap()[&name("a")].status) {
            world.embedded.woken().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), ended).await.unwrap();
    assert_eq!(next(&world, late).await, at("2040-03-01T14:00:00Z"));
    assert_eq!(watch(&world, late).await, [""; 0]);
    assert_eq!(world.read("automation/logs/a.log"), "run\n");
    assert!(world.read(".redundancy/embedded/a.json").contains(r#""exit":{"code":4}"#));
}

#[tokio::test]
async fn a_time_that_comes_during_a_run_is_skipped() {
    let world =
        World::new("[[process]]\nname = 'a'\ncron = '0 * * * *'\ncommand = ['sleep', '300']");
    let begin = at("2040-03-01T10:30:00Z");
    watch(&world, begin).await;
    assert_eq!(watch(&world, at("2040-03-01T11:00:00Z")).await, ["start a"]);
    let later = at("2040-03-01T13:20:00Z");
    assert_eq!(watch(&world, later).await, [""; 0]);
    let pid = match world.embedded.observe(later).await.unwrap()[&name("a")].status {
        Status::Running { pid, .. } => pid,
        ref other => panic!("{other:?}"),
    };
    crate::world::kill_9(pid);
    tokio::time::timeout(std::time::Duration::from_secs(30), world.embedded.woken()).await.unwrap();
    assert_eq!(next(&world, later).await, at("2040-03-01T14:00:00Z"));
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_put_it_to_sleep() {
    let world = World::new("[[process]]\nname = 'a'\ncron = '0 * * * *'\ncommand = ['true']");
    let begin = at("2040-03-01T10:30:00Z");
    watch(&world, begin).await;
    let before = begin - 24 * HOUR;
    assert_eq!(next(&world, before).await, at("2040-02-29T11:00:00Z"));
    assert_eq!(watch(&world, at("2040-02-29T11:00:00Z")).await, ["start a"]);
}

#[tokio::test]
async fn a_new_schedule_counts_from_now() {
    let mut world = World::new("[[process]]\nname = 'a'\ncron = '0 3 * * *'\ncommand = ['true']");
    watch(&world, at("2040-03-01T10:30:00Z")).await;
    world.configure(
        "[[process]]\nname = 'a'\ncron = '0 9 * * *'\ntimezone = 'UTC'\ncommand = ['true']",
    );
    let now = at("2040-03-01T12:00:00Z");
    assert_eq!(watch(&world, now).await, ["update a"]);
    assert_eq!(next(&world, now).await, at("2040-03-02T09:00:00Z"));
}
