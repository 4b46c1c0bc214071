//! What fails: given up by PM2, tried again, given up for good; and what PM2 calls online and is not.

use std::fs;

use crate::world::{World, is_alive, kill, wait_for, wait_until, worker};

const CRASHING: &str = "controller.look_every = \"1s\"
failover.max_recovery_attempts = 2
failover.backoff = { initial = \"0s\", factor = 1.0, max = \"0s\" }
[[process]]
name = \"c\"
script = \"crash.sh\"
max_restarts = 1
";

#[test]
fn what_pm2_gave_up_is_tried_again_so_often_and_no_more() {
    let world = World::new(CRASHING);
    world.write("crash.sh", "echo run >> runs\nexit 3\n");
    world.apply();
    let state =
        wait_for("PM2 gives up", || Some(world.state("c")).filter(|it| it.starts_with("failed")));
    assert!(state.contains("exited with code 3, and PM2 has given it up after"), "{state}");
    let runs = || world.read("runs").lines().count();
    let alone = runs();
    let watch = world.watch();
    watch.wait_for_log("pm2/c: left alone: given up");
    let log = watch.end_well();
    assert_eq!(log.matches("pm2/c: start done (recovery: ").count(), 2, "{log}");
    assert!(log.contains("attempts at recovery: 2"), "{log}");
    let tried = runs();
    assert!(tried > alone);
    // It is known to the next watch.
    let watch = world.watch();
    watch.wait_for_log("pm2/c: left alone: given up");
    // It looks again and again, and has nothing new to say.
    std::thread::sleep(std::time::Duration::from_millis(2500));
    let log = watch.end_well();
    assert!(!log.contains("start done"), "{log}");
    assert_eq!(log.matches("pm2/c").count(), 1, "{log}");
    assert_eq!(runs(), tried);
    // A person may try as often as it takes.
    world.write("crash.sh", "exec sleep 1000\n");
    world.settle();
    assert!(is_alive(world.pid("c")));
}

#[test]
fn a_program_that_vanished_is_not_called_healthy() {
    let world = World::new("[[process]]\nname = \"g\"\ncommand = [\"./prog\", \"1000\"]\n");
    fs::copy("/bin/sleep", world.path("prog")).unwrap();
    world.settle();
    let pid = world.pid("g");
    fs::remove_file(world.path("prog")).unwrap();
    kill(pid);
    wait_until("PM2 calls it online and has no process", || {
        let app = world.app("g");
        app["pm2_env"]["status"] == "online" && app["pid"].as_i64().is_none()
    });
    let row = world.status("g");
    assert_eq!(row["health"], "failed", "{row}");
    assert!(row["state"].as_str().unwrap().contains("there is no process"), "{row}");
    let refused = world.run(&["apply", "--yes"]);
    assert_ne!(refused.code, 0);
    assert!(refused.said().contains("there is no program"), "{}", refused.said());
    // Back again, it is started.
    fs::copy("/bin/sleep", world.path("prog")).unwrap();
    world.settle();
    assert!(is_alive(world.pid("g")));
}

#[test]
fn a_program_that_is_not_there_is_not_registered() {
    for (toml, why) in [
        ("command = [\"no-such-program\"]", "there is no program \"no-such-program\" in PATH"),
        ("command = [\"./none\"]", "there is no program"),
        ("script = \"none.sh\"", "there is no file"),
        ("script = \"worker.sh\"\ncwd = \"none\"", "none"),
    ] {
        let world = World::new(&format!("[[process]]\nname = \"m\"\n{toml}\n"));
        let refused = world.run(&["apply", "--yes"]);
        assert_ne!(refused.code, 0, "{toml}: {}", refused.said());
        assert!(refused.said().contains(why), "{toml}: {}", refused.said());
        assert!(world.instances("m").is_empty(), "{toml}");
    }
}

#[test]
fn what_is_killed_from_outside_is_running_again_and_well() {
    let world = World::new(&worker("w"));
    world.settle();
    let first = world.pid("w");
    kill(first);
    world.pid_other_than("w", Some(first));
    assert_eq!(world.status("w")["health"], "healthy");
    world.assert_settled();
}

#[test]
fn an_app_that_needs_too_much_memory_is_told_of() {
    let world = World::new(&(worker("w") + "pm2 = { max_memory_restart = \"4KiB\" }\n"));
    world.apply();
    let state =
        wait_for("it is noticed", || Some(world.state("w")).filter(|it| it.starts_with("unwell")));
    assert!(state.contains("of memory, and may use 0 MiB"), "{state}");
}

#[test]
fn what_was_killed_while_nobody_listened_has_not_finished() {
    let world = World::new(&(worker("w") + "restart = \"on-failure\"\n"));
    world.settle();
    let first = world.pid("w");
    kill(first);
    wait_until("PM2 has seen it", || world.app("w")["pm2_env"]["status"] != "online");
    assert!(world.state("w").contains("was ended by SIGKILL"), "{}", world.state("w"));
    let watch = world.watch();
    world.pid_other_than("w", Some(first));
    watch.end_well();
}

#[test]
fn what_goes_on_all_the_time_keeps_no_whole_look_off() {
    let restless = "controller.look_every = \"2s\"
[[process]]
name = \"r\"
command = [\"sleep\", \"0.2\"]
max_restarts = 100000
min_uptime = \"1ms\"
backoff = { initial = \"0s\" }
";
    let secret = worker("s") + "env_files = [\"s.env\"]\n";
    let world = World::new(&format!("{restless}{secret}"));
    world.write("s.env", "A=1\n");
    let watch = world.watch();
    watch.wait_for_log("pm2/s: create done");
    let before = world.pid("s");
    world.write("s.env", "A=2\n");
    watch.wait_for_log("redundancy.toml has changed and is in force");
    wait_until("it has its new variable", || world.pid("s") != before);
    watch.end_well();
}
