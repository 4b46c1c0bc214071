//! Workflows that fail, recovered by the program itself, with a GitHub in GitHub's place.

use jiff::SignedDuration;

use crate::{
    fake::TOKEN,
    scene::{CI, Scene, ended},
    wait::wait_for,
};

/// What `history` tells, without times and numbers.
fn told(scene: &Scene) -> String {
    let history = scene.run(&["history"]).ok().stdout;
    let lines = history.lines().filter(|it| it.contains("github/"));
    let plain = lines.map(|line| {
        let words = line.split_whitespace().skip(1);
        words.collect::<Vec<_>>().join(" ")
    });
    plain.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_failing_primary_is_run_again_then_covered_then_handed_back_to() {
    let scene = Scene::new();
    assert_eq!(scene.status("github/ci.yml"), "github/ci.yml workflow - on duty well healthy");
    scene.fake.world().requests.clear();
    let watch = scene.watch();
    // What GitHub tells the first time is no news. The third question comes after that was looked at.
    wait_for("GitHub was asked three times", || {
        let world = scene.fake.world();
        let is_look = |it: &&crate::fake::Seen| it.target.contains("/actions/runs?");
        (world.requests.iter().filter(is_look).count() >= 3).then_some(())
    });
    let failed = ended(&mut scene.fake.world(), scene.ci, "schedule", 10, "failure");
    wait_for("it is run again", || (scene.fake.world().run(failed).attempt == 2).then_some(()));
    {
        let mut world = scene.fake.world();
        let at = world.now + SignedDuration::from_secs(1);
        world.outcomes.entry(scene.backup).or_default().push_back("success".to_owned());
        world.now = at - SignedDuration::from_mins(2);
        world.run(failed).started = world.now;
        world.complete(failed, "failure", at - SignedDuration::from_mins(2));
        world.now = at;
    }
    wait_for("the backup is dispatched", || {
        (scene.requests("POST", "/dispatches") == 1).then_some(())
    });
    wait_for("the backup is on duty", || {
        (scene.status("github/ci-backup")
            == "github/ci-backup workflow ci.yml on duty well healthy")
            .then_some(())
    });
    assert!(scene.status("github/ci.yml").contains("beside failing: run"));
    {
        let mut world = scene.fake.world();
        world.now += SignedDuration::from_mins(30);
        ended(&mut world, scene.ci, "schedule", 1, "success");
    }
    watch.wait_for_log("hands back");
    let log = watch.end_well();
    assert!(!log.contains(&TOKEN[4..]));
    insta::assert_snapshot!(told(&scene), @r"
        intent github/ci-backup create: the config asks for it and it is not there
        done github/ci-backup create: the config asks for it and it is not there
        seen github/ci.yml failing: run 1007 failed
        intent github/ci.yml restart: recovery: it failed
        done github/ci.yml restart: recovery: it failed
        seen github/ci.yml failing: run 1007 failed and is tried again, attempt 2
        seen github/ci.yml failing: run 1007 failed, attempt 2
        duty github/ci-backup stands in for github/ci.yml (failing: run 1007 failed, attempt 2)
        intent github/ci-backup start: it stands in for ci.yml, which failed
        done github/ci-backup start: it stands in for ci.yml, which failed
        seen github/ci.yml well
        duty github/ci-backup hands back to github/ci.yml, which is well again
        ");
    assert_eq!(scene.requests("POST", "/rerun-failed-jobs"), 1);
    assert_eq!(scene.requests("POST", "/dispatches"), 1);
    assert_eq!(scene.requests("POST", "/cancel"), 0);
}

#[test]
fn when_nothing_helps_a_person_is_called() {
    let scene = Scene::new();
    {
        let mut world = scene.fake.world();
        let failed = ended(&mut world, scene.ci, "schedule", 50, "failure");
        let run = world.run(failed);
        run.attempt = 2;
        for minutes in [30, 15] {
            ended(&mut world, scene.backup, "workflow_dispatch", minutes, "failure");
        }
    }
    let watch = scene.watch();
    watch.wait_for_log("left alone: given up: ci.yml failed, and its backup failed");
    watch.end_well();
    assert_eq!(scene.requests("POST", ""), 0);
    let health = scene.run(&["health", "github"]);
    assert_eq!(health.code, 2);
    insta::assert_snapshot!(steady(&health.stdout), @r"
        HEALTH  RESOURCE  STATE
        unhealthy  github/ci-backup  failing: run 1009 failed
        unhealthy  github/ci.yml  failing: run 1007 failed, attempt 2

        2 unhealthy
        ");
    let recovered = scene.run(&["recover", "github/ci-backup"]);
    assert_eq!(recovered.code, 0, "{recovered:?}");
    assert_eq!(scene.requests("POST", "/dispatches"), 1, "a person may ask for more");
}

/// Without what differs from day to day.
fn steady(text: &str) -> String {
    let plain = |it: &str| it.starts_with("next due 20") || it.contains("0Z");
    let words = |line: &str| {
        let words = line.split("  ").map(str::trim).filter(|it| !it.is_empty() && !plain(it));
        words.collect::<Vec<_>>().join("  ")
    };
    text.lines().map(words).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_person_recovers_without_a_watch() {
    let scene = Scene::new();
    let failed = ended(&mut scene.fake.world(), scene.ci, "schedule", 10, "failure");
    let plan = scene.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 3, "drift, and no change of the config");
    insta::assert_snapshot!(plan.stdout, @r"
        > restart github/ci.yml  recovery: it failed

        Plan: 1 to restart.
        Next: `redundancy apply` makes these changes.
        ");
    scene.run(&["apply", "--yes"]).ok();
    assert_eq!(scene.fake.world().run(failed).attempt, 2);
}

#[test]
fn a_run_that_never_began_is_missed_and_covered() {
    let scene = Scene::new();
    {
        let mut world = scene.fake.world();
        world.runs.retain(|run| run.workflow != scene.ci);
        ended(&mut world, scene.ci, "schedule", 40 * 60, "success");
        ended(&mut world, scene.ci, "workflow_dispatch", 30, "success");
    }
    let status = scene.status("github/ci.yml");
    assert!(status.contains("on duty missed unhealthy"), "{status}");
    let status = scene.run(&["status"]).ok().stdout;
    assert!(status.contains("\ngithub/ci.yml: missed: the run of"), "{status}");
    let plan = scene.run(&["plan"]).ok().stdout;
    assert!(
        plan.contains("github/ci-backup  it stands in for ci.yml, which did not begin"),
        "{plan}"
    );
}

#[test]
fn what_a_person_disabled_is_left_so() {
    let scene = Scene::new();
    scene.fake.world().set_state(scene.ci, "disabled_manually");
    assert!(scene.status("github/ci.yml").contains("disabled by a person stopped"));
    scene.project.assert_settled();
    scene.fake.world().set_state(scene.ci, "disabled_inactivity");
    assert!(scene.status("github/ci.yml").contains("disabled for lack of activity failed"));
    let health = scene.run(&["health", "github/ci.yml"]);
    assert_eq!(health.code, 2);
}

#[test]
fn the_config_says_what_may_be_done() {
    let scene = Scene::new();
    scene.configure("recover = false\n");
    ended(&mut scene.fake.world(), scene.ci, "schedule", 10, "failure");
    assert!(scene.status("github/ci.yml").contains("failing"));
    assert!(!scene.run(&["plan"]).ok().stdout.contains("recovery"));

    scene.configure("enable = true\n");
    scene.fake.world().set_state(scene.ci, "disabled_manually");
    let plan = scene.run(&["plan"]).ok().stdout;
    assert!(
        plan.contains("start   github/ci.yml  drift: it should run, and is disabled"),
        "{plan}"
    );
    scene.run(&["apply", "--yes"]).ok();
    assert_eq!(scene.fake.world().workflow(scene.ci).state, "active");
}

#[test]
fn the_backup_is_started_with_the_inputs_of_the_config() {
    let scene = Scene::new();
    let inputs = "  workflow_dispatch:\n    inputs:\n      target: {type: string, required: true}\n\
                  \x20     dry: {type: boolean, required: true}\n";
    let primary = CI.replace("  workflow_dispatch:\n", inputs);
    scene.project.write(".github/workflows/ci.yml", &primary);
    scene.run(&["apply", "--yes"]).ok();
    {
        let mut world = scene.fake.world();
        let required = |name: &str| crate::fake::Input { name: name.to_owned(), required: true };
        world.workflow(scene.backup).dispatch = Some(vec![required("target"), required("dry")]);
        let failed = ended(&mut world, scene.ci, "schedule", 70, "failure");
        world.run(failed).attempt = 2;
    }
    let refused = scene.run(&["apply", "--yes"]);
    assert!(refused.stdout.contains("Required input 'target' not provided"), "{refused:?}");
    scene.configure("inputs = { target = 'staging', dry = true }\n");
    scene.run(&["apply", "--yes"]).ok();
    let world = scene.fake.world();
    let started = world.runs.iter().find(|it| it.event == "workflow_dispatch").unwrap();
    assert_eq!(started.inputs["target"], "staging");
    assert_eq!(started.inputs["dry"], "true");
}

#[test]
fn a_start_whose_answer_is_lost_is_not_made_twice() {
    let scene = Scene::new();
    // It is asked for by itself only long after a second start would have been made.
    let config = scene.project.read("redundancy.toml").replace("'1s'", "'10m'");
    scene.project.write("redundancy.toml", &config);
    {
        let mut world = scene.fake.world();
        let failed = ended(&mut world, scene.ci, "schedule", 70, "failure");
        world.run(failed).attempt = 2;
        world.loses_starts = 1;
    }
    let watch = scene.watch();
    watch.wait_for_log("github/ci-backup: start failed");
    let dispatched = |scene: &Scene| {
        let world = scene.fake.world();
        world.runs.iter().filter(|it| it.event == "workflow_dispatch").count()
    };
    assert_eq!(dispatched(&scene), 1);
    wait_for("the backup is on duty", || {
        scene.status("github/ci-backup").contains("ci.yml on duty").then_some(())
    });
    wait_for("GitHub is asked again soon", || {
        let world = scene.fake.world();
        let start = world.requests.iter().rposition(|it| it.target.ends_with("/dispatches"))?;
        world.requests[start..].iter().any(|it| it.target.contains("/actions/runs?")).then_some(())
    });
    watch.end_well();
    assert_eq!(dispatched(&scene), 1);
}
