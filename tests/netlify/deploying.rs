//! `redundancy deploy`: within its budget, never over somebody else, and to the end.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::{
    fake::{Answer, Fault, HOOK},
    prism::Prism,
    project::Run,
    scene::{FUNCTIONS, Scene},
    wait::wait_for,
};

/// Three days in minutes: longer than any budget looks back.
const LONG_AGO: i64 = 3 * 24 * 60;

/// A scene with a site that was deployed long ago.
fn scene(more: &str) -> Scene {
    let scene = Scene::new();
    scene.configure(more);
    scene.fake.world().publish(LONG_AGO, &FUNCTIONS);
    scene
}

#[track_caller]
fn refused(run: &Run, says: &str) {
    assert_eq!(run.code, 1, "{run:?}");
    let said = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(says), "{said}");
}

/// What `history` tells of deploys.
fn told(scene: &Scene) -> String {
    let history = scene.run(&["history", "netlify/published.deploy"]).ok().stdout;
    let words = |it: &str| it.split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
    history.lines().filter(|it| it.contains("deploy:")).map(words).collect::<Vec<_>>().join("\n")
}

fn git(scene: &Scene, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.current_dir(scene.project.root()).args(["-c", "user.name=T", "-c", "user.email=t@t"]);
    let output = command.args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn by_default_it_says_what_to_push_and_sends_nothing() {
    let scene = scene("");
    refused(&scene.run(&["deploy"]), "not a git repository");
    git(&scene, &["init", "-q", "-b", "main"]);
    scene.fake.world().requests.clear();
    let said = scene.run(&["deploy"]).ok().stdout;
    insta::assert_snapshot!(said, @r"
        Nothing is sent: Netlify builds what is pushed.
        Not committed yet:
          netlify/functions/hello-backup/hello-backup.mjs
          netlify/functions/hello-backup/lkg.cjs
          netlify/functions/mail-backup/lkg.cjs
          netlify/functions/mail-backup/mail-backup.mjs

        To deploy them:
          git add --all -- netlify/functions/hello-backup/hello-backup.mjs netlify/functions/hello-backup/lkg.cjs netlify/functions/mail-backup/lkg.cjs netlify/functions/mail-backup/mail-backup.mjs
          git commit -m 'Backups of functions'
          git push
        ");
    git(&scene, &["add", "netlify"]);
    git(&scene, &["commit", "-q", "-m", "Backups"]);
    let said = scene.run(&["deploy", "--dry-run"]).ok().stdout;
    insta::assert_snapshot!(said, @r"
        Nothing is sent: Netlify builds what is pushed.
        All backups are committed. To deploy them:
          git push
        ");
    fs::remove_dir_all(scene.project.path("netlify/functions/mail-backup")).unwrap();
    fs::remove_file(scene.project.path("netlify/functions/mail.mjs")).unwrap();
    let said = scene.run(&["deploy"]).ok().stdout;
    assert!(
        said.contains("git add --all -- netlify/functions/mail-backup/lkg.cjs netlify/"),
        "{said}"
    );
    scene.project.write("netlify/functions/new.mjs", crate::scene::HELLO);
    refused(&scene.run(&["deploy"]), "new-backup; `redundancy apply` makes them so");
    assert_eq!(scene.fake.world().requests.len(), 0);
}

#[test]
fn a_build_is_followed_until_it_is_published_and_paid_once_a_day() {
    let scene = scene("deploy = 'build'");
    let prism = Prism::before(&scene.fake.url(), crate::contract::DESCRIPTION);
    let config = scene.project.read("redundancy.toml");
    scene.project.write("redundancy.toml", &config.replace(&scene.fake.url(), prism.url()));
    assert_eq!(scene.health().0, 0);
    scene.fake.world().builds.push_back(vec!["enqueued", "building", "processing", "ready"]);
    let dry = scene.run(&["deploy", "--dry-run"]).ok().stdout;
    assert!(dry.contains("1 of 1 deploys of this day are left"), "{dry}");
    assert_eq!(scene.fake.world().count("POST", ""), 0);
    let done = scene.run(&["deploy"]).ok().stdout;
    assert_eq!(done, "Deploy 65a000000000000000000002 is published\n");
    let spent = scene.run(&["deploy"]);
    refused(&spent, "the last 24 hours had 1 production deploy, and `deploys_per_day` of");
    assert_eq!(scene.fake.world().count("POST", "/builds"), 1);
    insta::assert_snapshot!(told(&scene), @r"
        intent netlify/published.deploy deploy: the site 0d3a9d2f-ef94-4380-93df-27ee400e2048 by asking Netlify to build it
        done netlify/published.deploy deploy: deploy 65a000000000000000000002 is published
        ");
}

#[test]
fn what_the_journal_knows_is_paid_too() {
    let scene = scene("deploy = 'build'");
    scene.run(&["deploy"]).ok();
    // Netlify lists it no more.
    {
        let mut world = scene.fake.world();
        world.deploys.clear();
        world.published = None;
        world.publish(LONG_AGO, &FUNCTIONS);
    }
    refused(&scene.run(&["deploy"]), "the last 24 hours had 1 production deploy");
    scene.configure("deploy = 'build'\ndeploys_per_day = 2\n");
    scene.run(&["deploy"]).ok();
}

#[test]
fn a_build_hook_is_called_and_never_shown() {
    let scene = scene("deploy = 'hook'");
    refused(
        &scene.run(&["deploy"]),
        "no build hook in the environment variable NETLIFY_BUILD_HOOK",
    );
    let deploy = |id: &str| {
        let mut command = scene.command(&["deploy"]);
        command.env("NETLIFY_BUILD_HOOK", format!("{}/build_hooks/{id}", scene.fake.url()));
        Scene::end(command)
    };
    refused(&deploy("65f00000000000000000000f"), "a build hook that still exists");
    scene.configure("deploy = 'hook'\ndeploys_per_day = 2\n");
    scene.fake.world().builds.push_back(vec!["building", "ready"]);
    assert_eq!(deploy(HOOK).ok().stdout, "Deploy 65a000000000000000000002 is published\n");
    let history = scene.run(&["history", "--json"]).ok().stdout;
    assert!(!history.contains(HOOK));
}

#[test]
fn nothing_is_deployed_over_somebody_else() {
    let scene = scene("deploy = 'build'");
    let published = scene.fake.world().published.clone().unwrap();
    scene.fake.world().deploy(&published).locked = true;
    refused(&scene.run(&["deploy"]), "is locked: somebody wants it to stay");
    scene.fake.world().deploy(&published).locked = false;
    let going = scene.fake.world().make("building", jiff::Timestamp::now());
    refused(&scene.run(&["deploy"]), "is building already; wait for it");
    scene.fake.world().deploys.retain(|it| it.id != going);
    for (fault, says) in [
        (Fault::said(401, "Bad"), "does not accept the token"),
        (Fault::said(422, "Bad"), "refuses it (422: Bad)"),
        (Fault::said(429, "Bad"), "Netlify said that we ask too much (429"),
        (Fault::said(500, "Bad"), "it answers 500"),
    ] {
        scene.fake.world().fail(1, &fault);
        refused(&scene.run(&["deploy"]), says);
    }
    assert_eq!(scene.fake.world().count("POST", ""), 0);
    // And when somebody publishes another one just then, that is said and left.
    scene.fake.world().rival = true;
    refused(&scene.run(&["deploy"]), "is ready, and somebody has published");
    assert_eq!(scene.fake.world().count("POST", ""), 1);
}

#[test]
fn a_deploy_that_does_not_come_to_its_end_is_cancelled() {
    let scene = scene("deploy = 'build'\ndeploy_timeout = '3s'\ndeploys_per_day = 9\n");
    scene.fake.world().builds.push_back(vec!["building", "processing"]);
    refused(&scene.run(&["deploy"]), "is processing after 3s, and was cancelled");
    assert_eq!(scene.fake.world().count("POST", "/cancel"), 1);
    scene.configure("deploy = 'build'\ndeploys_per_day = 9\n");
    scene.fake.world().builds.push_back(vec!["building", "error"]);
    refused(&scene.run(&["deploy"]), "failed: Build script returned non-zero exit code: 2");
    // A broken answer in between is none.
    scene.fake.world().builds.push_back(vec!["building", "building", "ready"]);
    let mut deploy = scene.command(&["deploy"]).spawn().unwrap();
    wait_for("the build", || (scene.fake.world().count("POST", "/builds") == 3).then_some(()));
    scene.fake.world().fail(1, &Fault::said(503, "Bad"));
    assert!(deploy.wait().unwrap().success());
}

#[test]
fn one_deploy_at_a_time() {
    let scene = scene("deploy = 'build'\ndeploys_per_day = 9\n");
    scene.fake.world().builds.push_back(vec!["building"]);
    let mut first = scene.command(&["deploy"]).spawn().unwrap();
    wait_for("the build", || (scene.fake.world().count("POST", "/builds") == 1).then_some(()));
    refused(&scene.run(&["deploy"]), "a deploy goes on already, by `redundancy deploy`");
    let mut world = scene.fake.world();
    let last = world.deploys.last_mut().unwrap();
    last.then = ["ready"].into();
    drop(world);
    assert!(first.wait().unwrap().success());
}

/// A command line in place of Netlify's, which says that it made `deploy`.
fn command_line(scene: &Scene, says: &str) {
    let path = "node_modules/.bin/netlify";
    scene.project.write(path, &format!("#!/bin/sh\necho \"$@\" > said\n{says}\n"));
    let file = scene.project.path(path);
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_command_line_makes_a_draft_which_is_published_when_it_is_well() {
    let scene = scene("deploy = 'cli'\ndeploys_per_day = 9\n");
    let draft = {
        let mut world = scene.fake.world();
        let id = world.make("ready", jiff::Timestamp::now());
        world.deploy(&id).draft = true;
        world.answers(&id, "mail", Answer::Status(502));
        id
    };
    command_line(&scene, &format!("echo built; echo '{{\"deploy_id\": \"{draft}\"}}'"));
    refused(&scene.run(&["deploy"]), "in the draft, mail: answers 502; the draft");
    assert_eq!(scene.fake.world().count("POST", ""), 0);
    scene.fake.world().answers(&draft, "mail", Answer::Status(200));
    scene.run(&["deploy"]).ok();
    assert_eq!(scene.fake.world().published.as_ref(), Some(&draft));
    let said = scene.project.read("said");
    assert!(
        said.starts_with("deploy --json --site 0d3a9d2f-") && !said.contains("--prod"),
        "{said}"
    );
    command_line(&scene, "echo \"no: $NETLIFY_AUTH_TOKEN\" >&2; exit 1");
    refused(&scene.run(&["deploy"]), "it ended with exit status: 1: no: (hidden)");
}
