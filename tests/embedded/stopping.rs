//! Starts and stops, and what is left after a stop: nothing.

use redundancy::core::{
    change::Change,
    resource::{Body, Status},
};

use crate::world::{World, lives, name, until};

#[tokio::test]
async fn a_process_starts_once_and_stops_for_good() {
    let world =
        World::new("[[process]]\nname = 'a'\ncommand = ['sh', '-c', 'echo begun; exec sleep 300']");
    assert_eq!(world.pass().await, ["create a"]);
    let pid = world.pid("a").await;
    world.apply("a", &Change::Start).await.unwrap();
    assert_eq!(world.pid("a").await, pid, "what runs is not started again");
    assert_eq!(world.pass().await, [""; 0]);
    until("it has spoken", || world.read("automation/logs/a.log") == "begun\n").await;

    world.apply("a", &Change::Stop).await.unwrap();
    assert!(!lives(pid));
    assert_eq!(world.status("a").await, Status::Stopped);
    world.apply("a", &Change::Stop).await.unwrap();
    assert_eq!(world.pass().await, ["start a"], "the config wants it on");
}

#[tokio::test]
async fn children_that_ignore_the_signal_or_left_the_group_are_ended_too() {
    let script = "trap '' TERM; sleep 300 & setsid sleep 300 & \
                  (setsid sh -c 'setsid sleep 300 & sleep 300' &) ; echo ready; wait; sleep 300";
    let toml = format!(
        "[[process]]\nname = 'a'\nstop_timeout = '200ms'\ncommand = ['sh', '-c', \"{script}\"]"
    );
    let world = World::new(&toml);
    world.pass().await;
    until("all its children are there", || world.processes().len() == 6).await;
    world.apply("a", &Change::Stop).await.unwrap();
    assert_eq!(world.processes(), [0; 0]);
    assert_eq!(world.status("a").await, Status::Stopped);
}

#[tokio::test]
async fn a_child_without_the_mark_ends_with_its_group() {
    let script = "env -i sleep 300 & echo $! > child; wait";
    let toml = format!("[[process]]\nname = 'a'\ncommand = ['sh', '-c', '{script}']");
    let world = World::new(&toml);
    world.pass().await;
    until("its child is there", || world.read("child").ends_with('\n')).await;
    let child: u32 = world.read("child").trim().parse().unwrap();
    world.apply("a", &Change::Stop).await.unwrap();
    assert!(!lives(child));
}

#[tokio::test]
async fn a_process_is_asked_by_its_own_signal_and_given_time() {
    // Not a shell: it has rules of its own for what reaches the program that it waits for too.
    let script = "process.on('SIGINT', () => { console.log('asked'); setTimeout(() => { \
                  console.log('done'); process.exit(0) }, 300) }); setInterval(() => {}, 1000); \
                  console.log('ready')";
    let toml = format!(
        "[[process]]\nname = 'a'\nstop_signal = 'SIGINT'\ncommand = ['node', '-e', \"{script}\"]"
    );
    let world = World::new(&toml);
    world.pass().await;
    until("it is ready", || world.read("automation/logs/a.log") == "ready\n").await;
    world.apply("a", &Change::Stop).await.unwrap();
    assert_eq!(world.read("automation/logs/a.log"), "ready\nasked\ndone\n");
    assert_eq!(world.processes(), [0; 0]);
}

#[tokio::test]
async fn what_the_config_no_longer_has_is_removed_and_its_log_kept() {
    let both = "[[process]]\nname = 'a'\ncommand = ['sleep', '300']\n\
                [[process]]\nname = 'b'\ncommand = ['sleep', '300']";
    let mut world = World::new(both);
    assert_eq!(world.pass().await, ["create a", "create b"]);
    let pid = world.pid("b").await;
    world.configure("[[process]]\nname = 'a'\ncommand = ['sleep', '300']");
    assert_eq!(world.pass().await, ["delete b"]);
    assert!(!lives(pid));
    assert!(!world.record("b").exists());
    assert!(world.path("automation/logs/b.log").exists());
    assert!(!world.observe().await.contains_key(&name("b")));
    world.apply("b", &Change::Delete { from: Body::default() }).await.unwrap();
    assert_eq!(world.pass().await, [""; 0]);
}

#[tokio::test]
async fn what_stands_by_or_is_switched_off_is_there_and_does_not_run() {
    let world = World::new(
        "[[process]]\nname = 'main'\ncommand = ['sleep', '300']\n\
         [[process]]\nname = 'off'\nstate = 'stopped'\ncommand = ['sleep', '300']\n\
         [[process]]\nname = 'standby'\nbacks_up = 'main'\ncommand = ['sleep', '300']\n\
         [[process]]\nname = 'beside'\nbacks_up = 'main'\nmode = 'parallel'\n\
         command = ['sleep', '300']\n\
         [[process]]\nname = 'other'\nrunner = 'pm2'\ncommand = ['sleep', '300']",
    );
    assert_eq!(
        world.pass().await,
        ["create beside", "create main", "create off", "create standby"]
    );
    let seen = world.observe().await;
    assert_eq!(seen[&name("off")].status, Status::Stopped);
    assert_eq!(seen[&name("standby")].status, Status::Stopped);
    let mark = seen[&name("standby")].mark.clone().unwrap();
    assert_eq!(mark.backs_up.as_deref(), Some("main"));
    assert!(crate::world::runs(&seen[&name("main")].status));
    assert!(crate::world::runs(&seen[&name("beside")].status));
    assert_eq!(world.pass().await, [""; 0]);

    world.apply("standby", &Change::Start).await.unwrap();
    assert_eq!(world.pass().await, ["stop standby"]);
}
