//! The shipped example, with a checkout and its remote: three stand-ins that do their work under PM2.

use std::{fs, path::Path, process::Command};

use crate::world::{PROGRAM, Version, World, kill, wait_for, wait_until};

const EXAMPLE: &str = include_str!("../../examples/pm2/redundancy.toml");

/// Runs git with a name and nothing else of whoever runs the tests.
#[track_caller]
fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=x", "-c", "user.email=x@example.com"]).args(arguments);
    git.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = git.output().expect("these tests need git in PATH");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A folder with the program under its own name, a bare repository, and a second checkout of it.
fn elsewhere() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::create_dir(path.join("bin")).unwrap();
    std::os::unix::fs::symlink(PROGRAM, path.join("bin/redundancy")).unwrap();
    git(path, &["init", "--quiet", "--bare", "--initial-branch=main", "remote.git"]);
    git(path, &["clone", "--quiet", "remote.git", "other"]);
    folder
}

/// Commits and pushes a file from the second checkout; the commit.
fn push_from_elsewhere(elsewhere: &Path, name: &str) -> String {
    let other = elsewhere.join("other");
    fs::write(other.join(name), name).unwrap();
    git(&other, &["add", "."]);
    git(&other, &["commit", "--quiet", "--message", name]);
    git(&other, &["push", "--quiet", "origin", "HEAD:main"]);
    git(&other, &["rev-parse", "HEAD"])
}

#[test]
fn the_three_stand_ins_do_their_work() {
    let elsewhere = elsewhere();
    push_from_elsewhere(elsewhere.path(), "one");
    let path = std::env::var("PATH").unwrap();
    let bin = elsewhere.path().join("bin");
    let path = format!("{}:{}:{path}", bin.display(), Version::Seven.bin().display());
    let world = World::with_path(path, "");
    let root = world.path("");
    // Of this test, and in less time.
    let example = EXAMPLE
        .replace("[pm2]\n", "[pm2]\nhome = \"h\"\n")
        .replace("\"5m\"", "\"1s\"")
        .replace("\"monitor\"]", "\"monitor\", \"--every\", \"1s\"]");
    world.write("redundancy.toml", &example);
    git(&root, &["init", "--quiet", "--initial-branch=main"]);
    let remote = elsewhere.path().join("remote.git");
    git(&root, &["remote", "add", "origin", remote.to_str().unwrap()]);
    git(&root, &["fetch", "--quiet", "origin"]);
    git(&root, &["reset", "--quiet", "--hard", "origin/main"]);
    let ignored = "/h/\n/beat*\n/worker.sh\n/.env\n/.config\n/.cache\n/.npm\n";
    fs::write(root.join(".git/info/exclude"), ignored).unwrap();
    world.write(".env", "TOKEN=precious");

    world.settle();
    for (name, state) in [
        ("zion-auto-sync-backup", "running"),
        ("zion-auto-sync-cron-backup", "scheduled"),
        ("zion-monitoring-backup", "running"),
    ] {
        let status = world.status(name);
        assert!(status["state"].as_str().unwrap().starts_with(state), "{status}");
        assert_eq!(status["health"], "healthy", "{status}");
    }

    // Followed, and nothing of what is only here is lost.
    world.write("draft", "unfinished");
    git(&root, &["add", "draft"]);
    git(&root, &["commit", "--quiet", "--message", "mine alone"]);
    let mine = git(&root, &["rev-parse", "HEAD"]);
    let two = push_from_elsewhere(elsewhere.path(), "two");
    wait_until("the checkout follows", || git(&root, &["rev-parse", "HEAD"]) == two);
    assert_eq!(world.read(".env"), "TOKEN=precious");
    let kept = git(&root, &["for-each-ref", "--format=%(objectname)", "refs/redundancy/kept"]);
    assert!(kept.lines().any(|it| it == mine), "{kept}");
    assert!(world.run(&["history"]).ok().stdout.contains("refs/redundancy/kept"));

    // By the clock; here somebody does not wait for it.
    world.pm2(&["stop", "zion-auto-sync-backup"]);
    let three = push_from_elsewhere(elsewhere.path(), "three");
    world.pm2(&["restart", "zion-auto-sync-cron-backup"]);
    wait_until("it has synced once", || git(&root, &["rev-parse", "HEAD"]) == three);
    wait_until("it waits for its time", || {
        world.state("zion-auto-sync-cron-backup").starts_with("scheduled")
    });

    // The monitor has begun a watch, and begins another when that is gone. It lives apart from it.
    let first = wait_for("there is a watch", || world.watch_pid());
    kill(first);
    let second = wait_for("there is another watch", || world.watch_pid().filter(|it| *it != first));
    world.pm2(&["restart", "zion-monitoring-backup"]);
    wait_until("the monitor is back", || {
        world.state("zion-monitoring-backup").starts_with("running")
    });
    assert_eq!(world.watch_pid(), Some(second));
    assert!(world.run(&["stop"]).ok().stdout.contains("the watch has ended"));
    world.pm2(&["delete", "zion-monitoring-backup"]);
}
