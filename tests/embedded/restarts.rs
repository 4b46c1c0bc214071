//! What follows the end of a process.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use redundancy::{
    core::{
        change::{Change, Reason},
        plan::Asker,
        resource::Status,
    },
    provider::{Error, Provider},
};

use crate::world::{World, is_down, kill_9, lives, runs, until, verbs};

#[tokio::test]
async fn a_killed_process_is_seen_at_once_and_started_again_without_a_rest() {
    let world = World::new(
        "[[process]]\nname = 'a'\nmin_uptime = '0s'\n\
         command = ['sh', '-c', 'echo begun; exec sleep 300']",
    );
    world.pass().await;
    let pid = world.pid("a").await;
    until("it has spoken", || world.read("automation/logs/a.log") == "begun\n").await;
    kill_9(pid);
    match world.woken_until("a", is_down).await {
        Status::Down { at, how, retry_at } => {
            assert_eq!(how, "was ended by SIGKILL");
            assert_eq!(retry_at, at);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.pass().await, ["start a"]);
    assert_ne!(world.pid("a").await, pid);
    until("both have spoken", || world.read("automation/logs/a.log") == "begun\nbegun\n").await;
}

#[tokio::test]
async fn children_that_outlive_a_crash_do_not_run_beside_its_replacement() {
    let script = "sleep 300 & echo $! >> children; wait";
    let toml = format!("[[process]]\nname = 'a'\ncommand = ['sh', '-c', '{script}']");
    let world = World::new(&toml);
    world.pass().await;
    until("its child is there", || world.read("children").lines().count() == 1).await;
    let child: u32 = world.read("children").trim().parse().unwrap();
    kill_9(world.pid("a").await);
    world.woken_until("a", is_down).await;
    assert!(lives(child));
    world.pass().await;
    until("the orphan has ended", || !lives(child)).await;
    assert!(runs(&world.status("a").await));
}

#[tokio::test]
async fn a_process_that_fails_in_a_row_is_given_up_and_may_be_started_anew() {
    let world = World::new(
        "[[process]]\nname = 'a'\nmin_uptime = '1h'\nmax_restarts = 2\n\
         backoff = { initial = '1ms', factor = 1, max = '1ms' }\n\
         command = ['sh', '-c', 'echo run; exit 3']",
    );
    let is_failed = |it: &Status| matches!(it, Status::Failed { .. });
    world.watch_until("a", is_failed).await;
    match world.status("a").await {
        Status::Failed { how, .. } => assert_eq!(how, "exited with code 3; failures in a row: 3"),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.read("automation/logs/a.log"), "run\n".repeat(3));
    let plan = world.plan(Asker::Watch, Timestamp::now()).await;
    assert!(matches!(plan.lanes[0][0].reason, Reason::Recovery { .. }));

    let (plan, _) = world.pass_at(Asker::Person, Timestamp::now()).await;
    assert_eq!(verbs(&plan), ["start a"]);
    world.woken_until("a", |it| !runs(it)).await;
    world.watch_until("a", is_failed).await;
    assert_eq!(world.read("automation/logs/a.log"), "run\n".repeat(6), "a new row began");
}

#[tokio::test]
async fn a_rest_is_kept_and_a_clock_that_was_set_back_does_not_prolong_it() {
    let world = World::new(
        "[[process]]\nname = 'a'\nmin_uptime = '1h'\n\
         backoff = { initial = '1h', factor = 1, max = '1h' }\ncommand = ['false']",
    );
    world.pass().await;
    world.woken_until("a", is_down).await;
    assert_eq!(world.pass().await, ["start a"], "no rest after the first failure");
    let Status::Down { at, retry_at, .. } = world.woken_until("a", is_down).await else {
        panic!("it is down");
    };
    let hour = SignedDuration::from_hours(1);
    assert_eq!(retry_at, at + hour);
    assert_eq!(world.pass().await, [""; 0]);

    let earlier = at - 24 * hour;
    let seen = world.embedded.observe(earlier).await.unwrap();
    let Some(Status::Down { retry_at, .. }) = seen.values().next().map(|it| &it.status) else {
        panic!("it is down");
    };
    assert_eq!(*retry_at, earlier + hour);
    let (plan, _) = world.pass_at(Asker::Watch, earlier + hour).await;
    assert_eq!(verbs(&plan), ["start a"], "the rest did not move along with the clock");
}

#[tokio::test]
async fn the_policy_may_leave_an_ended_process_alone() {
    let world = World::new(
        "[[process]]\nname = 'never'\nrestart = 'never'\ncommand = ['false']\n\
         [[process]]\nname = 'well'\nrestart = 'on-failure'\ncommand = ['true']\n\
         [[process]]\nname = 'badly'\nrestart = 'on-failure'\ncommand = ['false']",
    );
    world.pass().await;
    let is_finished = |it: &Status| matches!(it, Status::Finished { .. });
    world.woken_until("never", is_finished).await;
    world.woken_until("well", is_finished).await;
    world.woken_until("badly", is_down).await;
    assert_eq!(world.pass().await, ["start badly"]);
}

#[tokio::test]
async fn a_missing_program_is_refused_in_clear_words_and_rests() {
    let world = World::new(
        "[[process]]\nname = 'gone'\ncommand = ['no-such-program-here']\n\
         [[process]]\nname = 'lost'\ncwd = 'nowhere'\ncommand = ['true']\n\
         [[process]]\nname = 'plain'\ncommand = ['./plain']",
    );
    fs::write(world.path("plain"), "#!/bin/sh\n").unwrap();
    let (_, failed) = world.pass_at(Asker::Watch, Timestamp::now()).await;
    let said = |process: &str| match &failed[&format!("embedded/{process}").parse().unwrap()] {
        Error::Refused(said) => said.clone(),
        other @ Error::Passing(_) => panic!("{other:?}"),
    };
    assert_eq!(
        said("gone"),
        "cannot start gone: there is no program \"no-such-program-here\" in PATH; install it, or \
         correct `command`"
    );
    assert!(said("lost").contains("nowhere is not there or is no folder"), "{}", said("lost"));
    assert!(said("plain").contains("make it executable (chmod +x)"), "{}", said("plain"));

    let (_, again) = world.pass_at(Asker::Watch, Timestamp::now()).await;
    assert_eq!(again.len(), 3, "after one failure there is no rest");
    assert!(
        world.plan(Asker::Watch, Timestamp::now()).await.lanes.is_empty(),
        "after two there is"
    );
    let Status::Down { how, .. } = world.status("gone").await else { panic!("it is down") };
    assert!(how.starts_with("could not be started: there is no program"), "{how}");
}

#[tokio::test]
async fn an_adopted_process_that_ends_is_started_again() {
    let toml = "[[process]]\nname = 'a'\nmin_uptime = '0s'\ncommand = ['sleep', '300']";
    let world = World::new(toml);
    world.pass().await;
    let pid = world.pid("a").await;
    let watch = world.another(toml);
    let seen = watch.observe(Timestamp::now()).await.unwrap();
    assert!(seen.values().all(|it| runs(&it.status)));
    kill_9(pid);
    tokio::time::timeout(std::time::Duration::from_secs(30), watch.woken()).await.unwrap();
    let now = Timestamp::now();
    let seen = watch.observe(now).await.unwrap();
    assert!(seen.values().all(|it| is_down(&it.status)));
    watch.apply(&"a".parse().unwrap(), &Change::Start, now).await.unwrap();
    assert_eq!(world.processes().len(), 1);
    assert_ne!(world.pid("a").await, pid, "the first controller sees the new one");
}

#[tokio::test]
async fn what_is_replaced_leaves_no_zombie() {
    let mut world = World::new("[[process]]\nname = 'a'\ncommand = ['sleep', '300']");
    world.pass().await;
    let is_there = |pid: u32| fs::exists(format!("/proc/{pid}")).unwrap();
    let first = world.pid("a").await;
    world.apply("a", &Change::Restart).await.unwrap();
    let second = world.pid("a").await;
    assert!(!is_there(first) && is_there(second));
    world.configure("[[process]]\nname = 'a'\ncommand = ['sleep', '301']");
    assert_eq!(world.pass().await, ["update a"]);
    assert!(!is_there(second));
}
