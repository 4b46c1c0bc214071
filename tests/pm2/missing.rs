//! What is missing: the home, the command, node, npm.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

use crate::world::{PROGRAM, Run, World, is_alive, worker};

/// The folder of a world that has only these programs.
fn only(world: &World, programs: &[&str]) -> String {
    let bin = world.path("bin");
    fs::create_dir(&bin).unwrap();
    for program in programs {
        let path = std::env::var_os("PATH").unwrap();
        let places = std::env::split_paths(&path).map(|it| it.join(program));
        let found: PathBuf = places.into_iter().find(|it| it.is_file()).unwrap();
        symlink(found.canonicalize().unwrap(), bin.join(program)).unwrap();
    }
    bin.to_string_lossy().into_owned()
}

fn apply(world: &World, path: &str) -> Run {
    let mut command = world.command(PROGRAM, &["apply", "--yes"]);
    Run::of(command.env("PATH", path).output().unwrap())
}

const TOOLS: [&str; 3] = ["bash", "sh", "sleep"];

#[test]
fn without_pm2_nothing_is_made_and_it_is_said_what_helps() {
    let world = World::new(&worker("w"));
    let path = only(&world, &["node", "bash"]);
    let run = apply(&world, &path);
    assert_ne!(run.code, 0);
    assert!(run.said().contains("there is no `pm2` in PATH; install it"), "{}", run.said());
    assert!(run.said().contains("install_if_missing = true"), "{}", run.said());
    assert!(!world.home().exists());
}

#[test]
fn without_node_or_npm_it_is_said_what_helps() {
    let world = World::new(&("pm2.install_if_missing = true\n".to_owned() + &worker("w")));
    let run = apply(&world, &only(&world, &["bash"]));
    assert_ne!(run.code, 0);
    assert!(run.said().contains("there is no `node` in PATH"), "{}", run.said());
    let other = World::new(&("pm2.install_if_missing = true\n".to_owned() + &worker("w")));
    let run = apply(&other, &only(&other, &["bash", "node"]));
    assert_ne!(run.code, 0);
    assert!(run.said().contains("there is no `npm` in PATH"), "{}", run.said());
}

#[test]
fn pm2_is_installed_where_that_is_allowed() {
    let world = World::new(&("pm2.install_if_missing = true\n".to_owned() + &worker("w")));
    let path = only(&world, &["node", "npm", "env", "ps", TOOLS[0], TOOLS[1], TOOLS[2]]);
    let mut command = world.command(PROGRAM, &["apply", "--yes"]);
    // What npm needs here to reach its registry, it needs there too.
    let own = std::env::vars_os().filter(|(name, _)| name != "PM2_HOME" && name != "PATH");
    let run = Run::of(command.envs(own).env("PATH", path).output().unwrap()).ok();
    assert!(world.path(".redundancy/pm2/node_modules/.bin/pm2").exists(), "{}", run.said());
    assert!(is_alive(world.pid("w")));
    world.assert_settled();
}

#[test]
fn an_installation_that_fails_is_tried_once_and_told_of() {
    let world =
        World::new(&("pm2.install_if_missing = true\n".to_owned() + &worker("w") + &worker("v")));
    let path = only(&world, &["node", "bash", "sh", "sleep"]);
    world.write("bin/npm", "#!/bin/sh\necho call >> calls\nsleep 3\necho no network >&2\nexit 1\n");
    fs::set_permissions(world.path("bin/npm"), fs::Permissions::from_mode(0o755)).unwrap();
    let run = apply(&world, &path);
    assert_ne!(run.code, 0);
    assert!(run.said().contains("could not be installed into"), "{}", run.said());
    assert!(run.said().contains("no network; is the network there?"), "{}", run.said());
    assert_eq!(world.read("calls"), "call\n");
}

#[test]
fn a_home_that_cannot_be_is_told_of() {
    let world = World::new(&worker("w"));
    world.write("file", "");
    world.write("redundancy.toml", &format!("pm2.home = \"file/home\"\n{}", worker("w")));
    for arguments in [&["plan"][..], &["status"], &["apply", "--yes"]] {
        let run = world.run(arguments);
        assert!(run.said().contains("file/home"), "{arguments:?}: {}", run.said());
    }
    assert_ne!(world.run(&["apply", "--yes"]).code, 0);
}

#[test]
fn without_a_word_about_the_home_it_is_said_what_helps() {
    let world = World::new("");
    world.write("redundancy.toml", &worker("w"));
    let mut command = world.command(PROGRAM, &["plan"]);
    let run = Run::of(command.env_remove("HOME").env_remove("PM2_HOME").output().unwrap());
    assert!(run.said().contains("nothing says where PM2's home folder is"), "{}", run.said());
}

#[test]
fn a_home_with_too_long_a_path_is_told_of() {
    let world = World::new("");
    let long = "x".repeat(120);
    world.write("redundancy.toml", &format!("pm2.home = \"{long}\"\n{}", worker("w")));
    let run = world.run(&["plan"]);
    assert!(run.said().contains("cannot connect to PM2 at"), "{}", run.said());
}

#[test]
fn what_moves_to_pm2_stays_where_it_is_until_pm2_can_be_had() {
    let world = World::new(&("runner = \"embedded\"\n".to_owned() + &worker("w")));
    world.apply();
    let state = || {
        let all = world.statuses();
        let found = all.into_iter().find(|it| it["id"] == "embedded/w");
        found.map(|it| it["state"].as_str().unwrap().to_owned()).unwrap_or_default()
    };
    let before = state();
    assert!(before.starts_with("running"), "{before}");
    world.config(&worker("w"));
    let run = apply(&world, &only(&world, &["node", "bash"]));
    assert_ne!(run.code, 0);
    assert!(run.said().contains("there is no `pm2` in PATH"), "{}", run.said());
    assert_eq!(state(), before, "{}", run.said());
    world.apply();
    assert!(world.state("w").starts_with("running"));
    assert_eq!(state(), "", "it is gone there");
}
