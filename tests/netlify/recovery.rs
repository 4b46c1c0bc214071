//! A deploy whose functions fail: the last good one is published again, if everything speaks for it.

use crate::{
    fake::Answer,
    scene::{FUNCTIONS, Scene},
    wait::wait_for,
};

const RESTORE: &str = "recover = 'restore'\nrestore_after = '1s'\ncool_down = '1m'\n";

/// A scene in which the published deploy, 30 minutes old, fails, and the one before does not.
fn broken(more: &str) -> (Scene, String, String) {
    let scene = Scene::new();
    scene.configure(more);
    let (good, bad) = {
        let mut world = scene.fake.world();
        (world.publish(90, &FUNCTIONS), world.publish(30, &FUNCTIONS))
    };
    scene.fake.world().answers(&bad, "mail", Answer::Status(502));
    (scene, good, bad)
}

/// What `history` tells of netlify, without times and ids.
fn told(scene: &Scene, ids: &[(&str, &str)]) -> String {
    let history = scene.run(&["history"]).ok().stdout;
    let lines = history.lines().filter(|it| it.contains("netlify/") && !it.contains(" create: "));
    let plain = lines.map(|line| {
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        let line = words.join(" ");
        ids.iter().fold(line, |line, (id, name)| line.replace(id, name))
    });
    plain.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_last_good_deploy_is_published_again_once_and_locked() {
    let (scene, good, bad) = broken(RESTORE);
    let watch = scene.watch();
    wait_for("the good deploy is published", || {
        (scene.fake.world().published.as_ref() == Some(&good)).then_some(())
    });
    wait_for("it is locked", || scene.fake.world().deploy(&good).locked.then_some(()));
    watch.wait_for_log(&format!("published: deploy {good}, locked"));
    crate::without_token(&watch.end_well());
    insta::assert_snapshot!(told(&scene, &[(&good, "GOOD"), (&bad, "BAD")]), @r"
        seen netlify/hello answers
        seen netlify/hello-backup answers
        seen netlify/mail failing: it answers 502 on the live site
        seen netlify/mail-backup answers
        seen netlify/published.deploy published: deploy BAD
        seen netlify/published.deploy failing: mail answers 502, in deploy BAD
        intent netlify/published.deploy restart: recovery: it serves what fails (mail answers 502); deploy GOOD is published again
        done netlify/published.deploy restart: recovery: it serves what fails (mail answers 502); deploy GOOD is published again
        seen netlify/mail answers
        seen netlify/published.deploy published: deploy GOOD, locked
        ");
    let world = scene.fake.world();
    assert_eq!(world.count("POST", "/restore"), 1);
    assert_eq!(world.count("POST", "/lock"), 1);
    assert_eq!(world.count("POST", ""), 2);
}

#[test]
fn a_deploy_that_was_published_again_is_locked_also_where_the_answer_was_lost() {
    let (scene, good, _) = broken(RESTORE);
    scene.fake.world().loses_restore = true;
    let watch = scene.watch();
    wait_for("the good deploy is published and locked", || {
        let mut world = scene.fake.world();
        (world.published.as_ref() == Some(&good) && world.deploy(&good).locked).then_some(())
    });
    watch.end_well();
    let world = scene.fake.world();
    assert_eq!((world.count("POST", "/restore"), world.count("POST", "/lock")), (1, 1));
}

/// Watches until so many more questions were asked, and tells what was held.
#[track_caller]
fn is_left_alone(scene: &Scene, says: &str) {
    let watch = scene.watch();
    watch.wait_for_log(says);
    let before = scene.fake.world().count("GET", "/mail");
    wait_for("more questions", || {
        (scene.fake.world().count("GET", "/mail") > before + 3).then_some(())
    });
    watch.end_well();
    assert_eq!(scene.fake.world().count("POST", ""), 0);
}

#[test]
fn by_default_a_person_is_told() {
    let (scene, ..) = broken("restore_after = '1s'\n");
    is_left_alone(&scene, "left alone: mail answers 502; it is left to you");
    let (code, health) = scene.health();
    assert_eq!(code, 2, "{health}");
}

#[test]
fn what_a_person_locked_stays() {
    let (scene, _, bad) = broken(RESTORE);
    scene.fake.world().deploy(&bad).locked = true;
    is_left_alone(&scene, "the published deploy is locked, so no other one is published");
}

#[test]
fn a_good_deploy_that_fails_too_is_not_published() {
    let (scene, good, _) = broken(RESTORE);
    scene.fake.world().answers(&good, "mail", Answer::Status(503));
    is_left_alone(&scene, "does not answer better");
}

#[test]
fn what_could_not_be_asked_is_no_failure() {
    let (scene, _, bad) = broken(RESTORE);
    scene.fake.world().answers(&bad, "mail", Answer::Nothing);
    let watch = scene.watch();
    wait_for("more questions", || (scene.fake.world().count("GET", "/mail") > 4).then_some(()));
    watch.end_well();
    assert_eq!(scene.fake.world().count("POST", ""), 0);
}

#[test]
fn a_deploy_that_was_just_published_is_given_time() {
    let scene = Scene::new();
    scene.configure(RESTORE);
    let bad = {
        let mut world = scene.fake.world();
        world.publish(90, &FUNCTIONS);
        world.publish(0, &FUNCTIONS)
    };
    scene.fake.world().answers(&bad, "mail", Answer::Status(502));
    let watch = scene.watch();
    wait_for("more questions", || (scene.fake.world().count("GET", "/mail") > 5).then_some(()));
    watch.end_well();
    assert_eq!(scene.fake.world().count("POST", ""), 0);
}

#[test]
fn nothing_is_published_over_what_somebody_else_published_meanwhile() {
    // The site is asked for only at first, and its functions again and again.
    let (scene, _, bad) = broken(RESTORE);
    let config =
        scene.project.read("redundancy.toml").replace("poll_every = '1s'", "poll_every = '1h'");
    scene
        .project
        .write("redundancy.toml", &config.replace("restore_after = '1s'", "restore_after = '3s'"));
    let watch = scene.watch();
    wait_for("a question", || (scene.fake.world().count("GET", "/mail") > 0).then_some(()));
    let newer = scene.fake.world().publish(0, &FUNCTIONS);
    scene.fake.world().answers(&newer, "mail", Answer::Status(502));
    watch.wait_for_log("somebody has published another deploy meanwhile");
    watch.end_well();
    let world = scene.fake.world();
    assert_eq!((world.published.as_ref(), world.count("POST", "")), (Some(&newer), 0));
    assert_ne!(newer, bad);
}
