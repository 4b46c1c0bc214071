//! The shipped example of the whole tour: its processes, workflows and functions get their stand-ins, and what
//! is broken on the way is mended.

use std::{fs, path::Path};

use crate::world::{World, is_alive, kill, wait_for, wait_until};

/// Copies the example into the world. What the tour has npm install comes from where the tests have it.
fn zion() -> World {
    let world = World::new("");
    copy(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/zion")), &world.path(""));
    let config = world.read("redundancy.toml");
    // In less time.
    let config = config.replace("[failover]\n", "[failover]\nsettle = \"1s\"\n");
    let config = config.replace("\"20s\"", "\"2s\"");
    world.config(&config);
    world
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if ["node_modules", ".redundancy", ".pm2", "automation"]
            .contains(&entry.file_name().to_str().unwrap())
        {
            // Of somebody who tried it where it is.
        } else if from.is_dir() {
            fs::create_dir_all(&to).unwrap();
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

/// Who did the last piece of work.
fn last_worker(world: &World) -> String {
    let log = fs::read_to_string(world.path("work.log")).unwrap_or_default();
    log.lines().last().and_then(|it| it.split(' ').next_back()).unwrap_or_default().to_owned()
}

#[test]
fn the_whole_tour() {
    let world = zion();
    world.pm2(&["start", "ecosystem.config.cjs"]);
    let primary = world.pid("zion-build-monitor");
    world.run(&["apply", "--yes"]).ok();
    let left = world.run(&["plan"]).ok().stdout;
    assert!(left.ends_with("Plan: 1 left alone.\n"), "{left}");
    assert!(left.contains("names `trigger-all`, and there is no such function"), "{left}");
    for backup in [
        ".github/workflows/marketing-sync-backup.yml",
        ".github/workflows/sync-health-backup.yml",
        "netlify/functions/front-enhancer-backup/lkg.cjs",
        "netlify/functions/newsletter-backup/newsletter-backup.mjs",
        "netlify/functions/health-check-backup/lkg.cjs",
    ] {
        assert!(world.path(backup).is_file(), "{backup}");
    }
    world.run(&["start"]).ok();
    assert_eq!(world.pid("zion-build-monitor"), primary, "the team's own is left alone");

    fs::rename(world.path("primary.key"), world.path("away.key")).unwrap();
    world.pm2(&["restart", "zion-build-monitor"]);
    wait_until("the backup works", || last_worker(&world) == "backup");
    fs::rename(world.path("away.key"), world.path("primary.key")).unwrap();
    wait_until("the primary works again", || last_worker(&world) == "primary");
    wait_until("the backup is gone", || world.pids("zion-build-monitor-backup").is_empty());
    let history = world.run(&["history", "pm2/zion-build-monitor-backup"]).ok().stdout;
    assert!(history.contains("the primary gets its duty back"), "{history}");

    let backup = world.path(".github/workflows/marketing-sync-backup.yml");
    fs::remove_file(&backup).unwrap();
    wait_until("the deleted backup is there again", || backup.is_file());

    let snapshot = world.read("netlify/functions/front-enhancer-backup/lkg.cjs");
    world.write("netlify/functions/front-enhancer.js", "exports.handler = (\n");
    let plan = world.run(&["plan"]).ok().stdout;
    let broken = "front-enhancer.js:2: this is no valid code";
    assert!(plan.contains(broken) && plan.ends_with("Plan: 2 left alone.\n"), "{plan}");
    assert_eq!(world.read("netlify/functions/front-enhancer-backup/lkg.cjs"), snapshot);

    let (first, beside) = (world.watch_pid().unwrap(), world.pid("zion-auto-sync-backup"));
    kill(first);
    wait_until("the watch is gone", || !is_alive(first));
    world.run(&["start"]).ok();
    wait_for("another watch", || world.watch_pid().filter(|it| *it != first));
    assert_eq!(world.pid("zion-auto-sync-backup"), beside);

    world.run(&["stop", "--force"]).ok();
    assert!(!is_alive(beside));
    assert!(!world.pids("zion-auto-sync").is_empty(), "the team's own is left alone");
}
