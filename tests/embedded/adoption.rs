//! Whatever happens to a controller or to its records, what runs is found again, and runs once.

use std::fs;

use jiff::Timestamp;
use redundancy::core::{plan::Asker, resource::Status};
use serde_json::{Value, json};

use crate::world::{World, lives, name, runs, verbs};

const TOML: &str = "[[process]]\nname = 'a'\ncommand = ['sleep', '300']\nenv = { A = 'b' }\n\
                    [[process]]\nname = 'b'\ncommand = ['sleep', '300']";

/// Two processes run, their controller is gone, and `meanwhile` happened: the next controller has
/// nothing to do and finds the same processes.
async fn found_again(meanwhile: impl FnOnce(&World)) {
    let mut world = World::new(TOML);
    world.pass().await;
    let (a, b) = (world.pid("a").await, world.pid("b").await);
    meanwhile(&world);
    world.begin_anew(TOML);
    assert_eq!(world.pass().await, [""; 0]);
    assert_eq!((world.pid("a").await, world.pid("b").await), (a, b));
    assert_eq!(world.processes().len(), 2);
    // The record is whole again: a controller that trusts it finds the same.
    world.begin_anew(TOML);
    assert_eq!(world.pid("a").await, a);
    let record: Value = serde_json::from_str(&world.read(".redundancy/embedded/a.json")).unwrap();
    assert_eq!(record["run"]["started"]["process"]["pid"], a);
}

fn rewrite(world: &World, change: impl FnOnce(&mut Value)) {
    let path = world.record("a");
    let mut record: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut record);
    fs::write(&path, record.to_string()).unwrap();
}

#[tokio::test]
async fn by_its_record() {
    found_again(|_| {}).await;
}

#[tokio::test]
async fn without_its_record() {
    found_again(|world| fs::remove_file(world.record("a")).unwrap()).await;
}

#[tokio::test]
async fn without_any_record() {
    found_again(|world| fs::remove_dir_all(world.path(".redundancy")).unwrap()).await;
}

#[tokio::test]
async fn with_a_torn_record() {
    found_again(|world| {
        let path = world.record("a");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() / 2]).unwrap();
    })
    .await;
}

#[tokio::test]
async fn with_an_empty_record() {
    found_again(|world| fs::write(world.record("a"), "").unwrap()).await;
}

#[tokio::test]
async fn when_its_controller_was_killed_before_it_wrote_the_pid() {
    found_again(|world| rewrite(world, |it| it["run"] = json!("starting"))).await;
}

#[tokio::test]
async fn when_its_record_is_of_an_earlier_run() {
    found_again(|world| rewrite(world, |it| it["run"]["started"]["process"]["start"] = json!(1)))
        .await;
}

#[tokio::test]
async fn when_its_record_says_that_it_ended() {
    found_again(|world| {
        let ended = json!({ "exit": "unseen", "at": Timestamp::now(), "uptime_ms": 5 });
        rewrite(world, |it| it["run"] = json!({ "ended": { "process": null, "ended": ended } }));
    })
    .await;
}

#[tokio::test]
async fn a_controller_that_goes_on_notices_that_records_are_gone() {
    let world = World::new(TOML);
    world.pass().await;
    let a = world.pid("a").await;
    fs::remove_dir_all(world.path(".redundancy")).unwrap();
    assert_eq!(world.pass().await, [""; 0]);
    assert_eq!(world.pid("a").await, a);
    assert_eq!(world.processes().len(), 2);
}

#[tokio::test]
async fn what_runs_under_our_mark_and_is_no_longer_wanted_is_removed() {
    let mut world = World::new(TOML);
    world.pass().await;
    let a = world.pid("a").await;
    fs::remove_file(world.record("a")).unwrap();
    let only_b = "[[process]]\nname = 'b'\ncommand = ['sleep', '300']";
    world.begin_anew(only_b);
    let seen = world.observe().await;
    assert!(seen[&name("a")].mark.is_some());
    assert_eq!(world.pass().await, ["delete a"]);
    assert!(!lives(a));
    assert_eq!(world.processes().len(), 1);
}

#[tokio::test]
async fn what_was_made_from_an_older_config_and_lost_its_record_is_replaced() {
    let mut world = World::new(TOML);
    world.pass().await;
    let a = world.pid("a").await;
    fs::remove_file(world.record("a")).unwrap();
    let changed = TOML.replace("A = 'b'", "A = 'c'");
    world.begin_anew(&changed);
    assert_eq!(world.pass().await, ["update a"]);
    assert!(!lives(a));
    assert!(runs(&world.status("a").await));
    assert_eq!(world.processes().len(), 2);
    assert_eq!(world.pass().await, [""; 0]);
}

#[tokio::test]
async fn what_ended_while_no_controller_was_there_is_down() {
    let mut world = World::new(TOML);
    world.pass().await;
    // Not this process's child, and gone: as after a boot.
    rewrite(&world, |it| it["run"]["started"]["process"]["boot"] = json!("another"));
    crate::world::kill_9(world.pid_of_record("a"));
    crate::world::until("it is gone", || !lives(world.pid_of_record("a"))).await;
    world.begin_anew(TOML);
    match world.status("a").await {
        Status::Down { how, .. } => assert_eq!(how, "ended"),
        other => panic!("{other:?}"),
    }
    let (plan, failed) = world.pass_at(Asker::Watch, Timestamp::now()).await;
    assert!(failed.is_empty());
    assert_eq!(verbs(&plan), ["start a"]);
    assert_eq!(world.processes().len(), 2);
}

#[tokio::test]
async fn what_a_process_has_started_is_not_taken_for_it() {
    let toml = "[[process]]\nname = 'a'\ncommand = ['sh', '-c', 'setsid sleep 300 & wait']";
    let mut world = World::new(toml);
    world.pass().await;
    crate::world::until("its child is there", || world.processes().len() == 2).await;
    let pid = world.pid("a").await;
    // As if nobody had been there to see how it ended.
    fs::remove_file(world.record("a")).unwrap();
    crate::world::kill_9(pid);
    crate::world::until("it is gone", || !lives(pid)).await;
    world.begin_anew(toml);
    assert_eq!(world.pass().await, ["create a"]);
    assert_ne!(world.pid("a").await, pid);
}
