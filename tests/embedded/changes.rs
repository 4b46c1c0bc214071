//! Changes of the config.

use redundancy::{
    core::{change::Change, resource::Status},
    provider::Error,
};

use crate::world::{World, is_down, lives, name, until};

fn toml(rest: &str) -> String {
    format!("[[process]]\nname = 'a'\n{rest}")
}

#[tokio::test]
async fn what_the_process_never_sees_changes_while_it_runs() {
    let mut world = World::new(&toml("command = ['sleep', '300']"));
    world.pass().await;
    let pid = world.pid("a").await;
    world.configure(&toml("command = ['sleep', '300']\nmax_restarts = 3\nstop_signal = 'SIGINT'"));
    assert_eq!(world.pass().await, ["update a"]);
    assert_eq!(world.pid("a").await, pid);
    assert_eq!(world.pass().await, [""; 0]);
}

#[tokio::test]
async fn what_the_process_is_made_from_changes_by_a_restart() {
    let mut world = World::new(&toml("command = ['sleep', '300']"));
    world.pass().await;
    let pid = world.pid("a").await;
    world.configure(&toml(
        "env = { WORD = 'new' }\ncommand = ['sh', '-c', 'echo $WORD; exec sleep 300']",
    ));
    let plan = world.plan(redundancy::core::plan::Asker::Watch, jiff::Timestamp::now()).await;
    assert_eq!(world.pass().await, ["update a"]);
    assert!(!lives(pid));
    let new = world.pid("a").await;
    until("it has the new variable", || world.read("automation/logs/a.log") == "new\n").await;
    world.apply("a", &plan.lanes[0][0].change).await.unwrap();
    assert_eq!(world.pid("a").await, new, "made twice, a change does no harm");
    assert_eq!(world.processes().len(), 1);
}

#[tokio::test]
async fn a_given_up_process_that_is_mended_gets_a_new_chance() {
    let mut world = World::new(&toml("max_restarts = 0\nmin_uptime = '1h'\ncommand = ['false']"));
    world.pass().await;
    world.woken_until("a", |it| matches!(it, Status::Failed { .. })).await;
    world.configure(&toml("max_restarts = 0\nmin_uptime = '1h'\ncommand = ['sleep', '300']"));
    assert_eq!(world.pass().await, ["update a"]);
    assert!(is_down(&world.status("a").await));
    assert_eq!(world.pass().await, ["start a"]);
    world.pid("a").await;
}

#[tokio::test]
async fn a_plan_of_an_older_config_is_refused() {
    let mut world = World::new(&toml("command = ['sleep', '300']"));
    let plan = world.plan(redundancy::core::plan::Asker::Person, jiff::Timestamp::now()).await;
    let create = &plan.lanes[0][0].change;
    assert!(matches!(create, Change::Create { .. }));
    world.configure(&toml("command = ['sleep', '301']"));
    match world.apply("a", create).await {
        Err(Error::Passing(why)) => assert!(why.contains("changed since the plan"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(!world.observe().await.contains_key(&name("a")));
    assert_eq!(world.processes(), [0; 0]);
}
