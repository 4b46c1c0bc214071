//! Names: PM2 allows nearly any, and the same one twice.

use serde_json::{Value, json};

use crate::world::{World, is_alive, wait_until, worker};

/// Registers an app as another tool might.
fn foreign(world: &World, name: &str) {
    let path = |it: &str| world.home().join(it).to_string_lossy().into_owned();
    let definition = json!({
        "name": name, "namespace": "default", "pm_exec_path": "/bin/sleep", "args": ["1000"],
        "pm_cwd": "/tmp", "exec_interpreter": "none", "exec_mode": "fork_mode", "instances": 1,
        "node_args": [], "env": { "PM2_HOME": path("") }, "autostart": true, "autorestart": true,
        "watch": false, "vizion": false, "treekill": true, "kill_retry_time": 20,
        "merge_logs": true, "instance_var": "NODE_APP_INSTANCE", "filter_env": [],
        "pm_out_log_path": path("logs/f-out.log"), "pm_err_log_path": path("logs/f-err.log"),
        "pm_pid_path": path("pids/f.pid"),
    });
    world.call("prepare", &definition).unwrap();
}

fn foreign_pid(world: &World, name: &str) -> Option<i32> {
    let instances = world.instances(name);
    let foreign =
        instances.iter().find(|it| it["pm2_env"]["env"]["REDUNDANCY_MARK"] == Value::Null);
    i32::try_from(foreign?["pid"].as_i64()?).ok()
}

#[test]
fn an_app_of_another_with_our_apps_name_is_never_touched() {
    let world = World::new(&(worker("w") + &worker("x") + &worker("y") + &worker("z")));
    world.settle();
    foreign(&world, "w");
    let other = foreign_pid(&world, "w").unwrap();
    assert_eq!(world.instances("w").len(), 2);
    world.assert_settled();
    assert!(world.state("w.2").starts_with("running"), "{:?}", world.statuses());
    world
        .config(&(worker("w") + "max_restarts = 2\n" + &worker("x") + &worker("y") + &worker("z")));
    world.settle();
    assert_eq!(foreign_pid(&world, "w"), Some(other));
    assert_eq!(world.instances("w").len(), 2);
    world.config(&(worker("x") + &worker("y") + &worker("z")));
    world.settle();
    assert_eq!(world.instances("w").len(), 1);
    assert!(is_alive(other));
}

#[test]
fn an_app_of_another_that_was_there_first_is_left_alone() {
    let world = World::new(&worker("w"));
    world.pm2(&["ping"]);
    foreign(&world, "w");
    let other = foreign_pid(&world, "w").unwrap();
    let plan = world.plan();
    assert!(plan.contains("something of that name is there and is not ours"), "{plan}");
    world.run(&["apply", "--yes"]);
    assert_eq!(foreign_pid(&world, "w"), Some(other));
    assert_eq!(world.instances("w").len(), 1);
}

#[test]
fn primaries_of_any_name_are_shown() {
    let world = World::new(&worker("w"));
    world.settle();
    let names = ["my app", "a/b", "12", "ünï", "-x", "a]b:c", "..", "daemon"];
    for name in names {
        foreign(&world, name);
    }
    let rows = world.statuses();
    assert_eq!(rows.len(), names.len() + 2, "{rows:#?}");
    for id in ["pm2/my_app", "pm2/a_b", "pm2/daemon.2"] {
        let row = rows.iter().find(|it| it["id"] == id).unwrap();
        assert_eq!(row["health"], "healthy", "{row}");
    }
    world.assert_settled();
}

#[test]
fn a_primary_that_disappears_leaves_its_backup_as_it_is() {
    let world = World::new(&(worker("b") + "backs_up = \"p\"\nmode = \"parallel\"\n"));
    world.primaries(&[("p", "worker.sh")]);
    world.settle();
    let pid = world.pid("b");
    let watch = world.watch();
    world.pm2(&["delete", "p"]);
    wait_until("it is seen", || world.status("p").is_null());
    world.assert_settled();
    assert_eq!(world.pid("b"), pid);
    let log = watch.end_well();
    assert!(!log.contains("done") && !log.contains("ERROR"), "{log}");
}

#[test]
fn what_another_made_becomes_ours_only_when_asked_for() {
    let world = World::new(&worker("w"));
    world.pm2(&["start", "worker.sh", "--name", "w"]);
    let before = world.pid("w");
    let refused = world.run(&["apply", "--yes"]);
    assert!(refused.said().contains("something of that name is there and is not ours"));
    assert_eq!(world.pid("w"), before);
    assert_eq!(world.run(&["apply", "--yes", "--adopt", "pm2/w"]).code, 0);
    world.assert_settled();
    assert_eq!(world.pids("w").len(), 1, "there is one of it");
    assert!(!is_alive(before), "it is the new one");
    assert_eq!(world.status("w")["managed"], true);
}
