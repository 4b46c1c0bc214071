//! Where esbuild comes from.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    process::Command,
};

use crate::World;

const SNAPSHOT: &str = "netlify/functions/a-backup/lkg.cjs";
const MADE_HERE: &str = "__redundancy_require";

fn world(settings: &str) -> World {
    World::new(
        &format!("[netlify]\ninstall_if_missing = true\n[[function]]\nbacks_up = '*'\n{settings}"),
        &[("netlify/functions/a.js", "exports.handler = async () => ({})\n")],
    )
}

/// What the tests have installed stands for what the project has.
fn have_esbuild(world: &World) {
    fs::create_dir(world.path("node_modules")).unwrap();
    symlink(crate::node::package("esbuild"), world.path("node_modules/esbuild")).unwrap();
}

/// Runs the program where only node, a shell and this `npm` are in PATH, and says what it wrote.
fn apply(world: &World, npm: &str) -> (bool, String) {
    let bin = world.path("bin");
    if !bin.exists() {
        fs::create_dir(&bin).unwrap();
        for program in ["node", "sh"] {
            let path = std::env::var_os("PATH").unwrap();
            let found: PathBuf = std::env::split_paths(&path)
                .map(|it| it.join(program))
                .find(|it| it.is_file())
                .unwrap();
            symlink(found.canonicalize().unwrap(), bin.join(program)).unwrap();
        }
        world.write("bin/npm", npm);
        fs::set_permissions(world.path("bin/npm"), fs::Permissions::from_mode(0o755)).unwrap();
        world.write("redundancy.toml", &world.config);
    }
    let mut program = Command::new(env!("CARGO_BIN_EXE_redundancy"));
    let done = program
        .args(["apply", "--yes"])
        .current_dir(&world.root)
        .env("PATH", bin)
        .output()
        .unwrap();
    let said = [done.stdout, done.stderr].map(|it| String::from_utf8(it).unwrap()).concat();
    (done.status.success(), said)
}

#[test]
fn esbuild_is_installed_where_that_is_allowed() {
    let world = world("");
    world.settle();
    assert!(world.path(".redundancy/tools/node_modules/esbuild").exists());
    assert!(!world.read(SNAPSHOT).contains(MADE_HERE));
}

#[test]
fn an_installation_that_fails_is_tried_once_and_done_without() {
    let npm = "#!/bin/sh\necho call >> calls\necho no network >&2\nexit 1\n";
    let world = world("");
    let (ended_well, said) = apply(&world, npm);
    assert!(ended_well, "{said}");
    assert!(world.read(SNAPSHOT).contains(MADE_HERE));
    world.write("netlify/functions/b.js", "exports.handler = async () => ({})\n");
    assert!(apply(&world, npm).0);
    assert_eq!(world.read("calls"), "call\n");
}

#[test]
fn a_bundle_that_can_t_be_had_is_refused_and_says_what_npm_said() {
    let world = world("snapshot = 'bundle'");
    let (_, said) = apply(&world, "#!/bin/sh\necho no network >&2\nexit 1\n");
    assert!(
        said.contains("npm failed (exit status: 1): no network; is the network there?"),
        "{said}"
    );
    assert!(!world.path(SNAPSHOT).exists());
}

#[test]
fn an_esbuild_that_does_not_work_is_told_of_and_done_without() {
    let broken = ("node_modules/esbuild/package.json", "{ \"main\": \"gone.js\" }");
    for (settings, refused) in [("snapshot = 'bundle'", true), ("", false)] {
        let world = world(settings);
        world.write(broken.0, broken.1);
        let plan = crate::told(&world.plan());
        assert_eq!(plan.contains("could not bundle"), refused, "{plan}");
    }
}

#[test]
fn what_esbuild_can_t_bundle_is_told_with_the_place() {
    let world = world("snapshot = 'bundle'");
    have_esbuild(&world);
    world.write("netlify/functions/a.js", "await 1\nexport const handler = async () => ({})\n");
    world
        .write("netlify/functions/b.js", "require('native')\nexports.handler = async () => ({})\n");
    world.write("node_modules/native/index.js", "require('./it.node')\n");
    world.write("node_modules/native/it.node", [0u8, 255]);
    insta::assert_snapshot!(crate::told(&world.plan()), @r#"
        held netlify/a-backup: netlify/functions/a.js:1: Top-level await is currently not supported with the "cjs" output format
        held netlify/b-backup: netlify/functions/b.js: ./it.node is no JavaScript, and can't be bundled
        "#);
}

#[test]
fn a_snapshot_is_made_once_and_kept_for_this_user_alone() {
    let world = world("");
    have_esbuild(&world);
    world.plan();
    let there = ["netlify/functions/a.js", "node_modules/esbuild"];
    assert_eq!(world.tree(), there, "a plan leaves nothing behind where nothing is yet");
    fs::create_dir(world.path(".redundancy")).unwrap();
    world.plan();
    let kept = world
        .tree()
        .into_iter()
        .find(|it| it.starts_with(".redundancy/netlify/snapshots/"))
        .unwrap();
    let mode = world.path(&kept).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // It is taken as it is.
    world.write(&kept, "exports.handler = 'kept'\n");
    world.settle();
    assert!(world.read(SNAPSHOT).contains("'kept'"));
}
