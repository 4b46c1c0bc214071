//! The same with every version of PM2 that is supported.

use crate::world::{Version, World, beating, is_alive, kill, variable, wait_until, worker};

const CLUSTER: &str = "[[process]]
name = \"cluster\"
script = \"beat.js\"
args = [\"beats/cluster\"]
pm2 = { cluster = true, instances = 2 }
";

const CRON: &str = "[[process]]\nname = \"cron\"\nscript = \"worker.sh\"\ncron = \"0 5 * * *\"\n";

/// From the first apply to the last delete.
fn life(version: Version) {
    let standby = worker("standby") + "backs_up = \"w\"\n";
    let all = beating("w", "beat.sh") + &standby + CRON + CLUSTER;
    let world = World::with(version, &all);
    world.settle();
    let daemon = world.status("daemon");
    assert_eq!(daemon["health"], "healthy", "{daemon}");
    assert_eq!(world.call("getVersion", &serde_json::json!({})).unwrap(), version.number());

    assert_eq!(world.app("standby")["pm2_env"]["status"], "stopped");
    assert!(world.state("cron").starts_with("scheduled for"), "{}", world.state("cron"));
    assert_eq!(world.pids("cluster").len(), 2);
    let pid = world.pid("w");
    assert!(variable(pid, "REDUNDANCY_MARK").is_some());
    let registration = &world.app("w")["pm2_env"]["unique_id"];
    assert_eq!(registration.as_str(), variable(pid, "unique_id").as_deref());

    // Stopped, started, changed.
    world.config(&(beating("w", "beat.sh") + "state = \"stopped\"\n" + &standby + CRON + CLUSTER));
    world.settle();
    assert!(!is_alive(pid));
    world.config(&(beating("w", "beat.sh") + "max_restarts = 5\n" + &standby + CRON + CLUSTER));
    world.settle();
    assert_eq!(world.app("w")["pm2_env"]["max_restarts"], 5);
    let pid = world.pid("w");
    world.beat_other_than("w", None);

    // Saved and brought back by PM2 itself.
    world.pm2(&["save"]);
    world.pm2(&["kill"]);
    assert!(!is_alive(pid));
    world.pm2(&["resurrect"]);
    world.wait_settled();

    // The daemon dies; what it left is found.
    let (pid, workers) = (world.pid("w"), world.pids("cluster"));
    kill(world.daemon().unwrap());
    wait_until("it is gone", || world.daemon().is_none());
    assert!(is_alive(pid));
    // Workers of a cluster have no mark in their environment. They end with their daemon.
    assert_eq!(workers.len(), 2);
    wait_until("its workers are gone", || !workers.iter().any(|&pid| is_alive(pid)));
    assert_eq!(
        world.state("w"),
        format!("down: was left by a daemon of PM2 that died, as pid {pid}, which is ended first")
    );
    world.apply();
    world.wait_settled();
    assert!(!is_alive(pid));
    world.assert_never_two("w");

    // Somebody brings it back with the orphans still there.
    let pid = world.pid("w");
    kill(world.daemon().unwrap());
    wait_until("it is gone", || world.daemon().is_none());
    world.pm2(&["resurrect"]);
    let state = world.state("w");
    assert!(state.contains(&format!("also runs outside of PM2, as pid {pid}")), "{state}");
    world.apply();
    world.wait_settled();
    assert!(!is_alive(pid));

    let pid = world.pid("w");
    world.config(&(standby + CRON + CLUSTER));
    world.settle();
    assert!(!is_alive(pid));
}

#[test]
fn pm2_5_is_understood() {
    life(Version::Five);
}

#[test]
fn pm2_6_is_understood() {
    life(Version::Six);
}

#[test]
fn pm2_7_is_understood() {
    life(Version::Seven);
}

#[test]
fn a_killed_process_is_started_again_whatever_the_version() {
    for version in [Version::Five, Version::Six] {
        let world = World::with(version, &(worker("w") + "restart = \"on-failure\"\n"));
        world.settle();
        let _watch = world.watch();
        let first = world.pid("w");
        kill(first);
        world.pid_other_than("w", Some(first));
    }
}
