//! Workflows that fail, seen and recovered by the program itself, with a GitHub in GitHub's place.

use std::process::Command;

use jiff::{SignedDuration, Timestamp};

use crate::{
    fake::{Fake, Fault, Hour, TOKEN, World},
    project::{Project, Run},
    running::Watch,
    wait::wait_for,
};

const CI: &str = "\
name: CI
on:
  schedule:
    - cron: '0 3 * * *'
  workflow_dispatch:
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: make
";

/// A project with one workflow and its backup, both known to GitHub.
struct Scene {
    project: Project,
    fake: Fake,
    ci: u64,
    backup: u64,
}

impl Scene {
    fn new() -> Self {
        let fake = Fake::start();
        let project = Project::empty();
        project.write(".github/workflows/ci.yml", CI);
        let scene = Self { project, fake, ci: 0, backup: 0 };
        scene.configure("");
        let mut world = scene.fake.world();
        world.now = Timestamp::now();
        let ci = world.add_workflow("CI", ".github/workflows/ci.yml");
        let backup = world.add_workflow("CI (backup)", ".github/workflows/ci-backup.yml");
        // Both have run by their schedules since they were due last.
        for workflow in [ci, backup] {
            ended(&mut world, workflow, "schedule", 23 * 60, "success");
            ended(&mut world, workflow, "schedule", 90, "success");
        }
        drop(world);
        scene.run(&["apply", "--yes"]).ok();
        Self { ci, backup, ..scene }
    }

    /// The config, with `more` lines in `[[workflow]]`.
    fn configure(&self, more: &str) {
        self.project.config(&format!(
            "[github]\nrepository = 'team/app'\napi_url = '{}'\ntoken_env = 'APP_TOKEN'\n\
             poll_every = '1s'\n[[workflow]]\nbacks_up = 'ci.yml'\n{more}",
            self.fake.url()
        ));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.env("APP_TOKEN", TOKEN);
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            assert!(!text.contains(&TOKEN[4..]), "the token is in {text}");
            text
        };
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Run { code: output.status.code().unwrap(), stdout, stderr }
    }

    fn watch(&self) -> Watch {
        Watch::start(self.command(&["watch"]))
    }

    /// A line of `status`, in single blanks, without times.
    fn status(&self, id: &str) -> String {
        let status = self.run(&["status"]).ok().stdout;
        let line = status.lines().find(|line| line.starts_with(id)).unwrap().to_owned();
        let words = line.split_whitespace().take_while(|it| !it.starts_with(char::is_numeric));
        words.collect::<Vec<_>>().join(" ")
    }

    fn requests(&self, method: &str, end: &str) -> usize {
        let world = self.fake.world();
        world.requests.iter().filter(|it| it.method == method && it.target.ends_with(end)).count()
    }
}

/// A run that ended so many minutes ago, ten minutes after it began.
fn ended(world: &mut World, workflow: u64, event: &str, minutes: i64, conclusion: &str) -> u64 {
    let at = world.now - SignedDuration::from_mins(minutes);
    let run = world.add_run(workflow, event, at - SignedDuration::from_mins(10));
    world.complete(run, conclusion, at);
    run
}

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
fn what_github_does_not_tell_is_unknown_and_hides_nothing_else() {
    let html = || Fault::Status(200, "content-type: text/html\r\n", "<h1>Hello</h1>".to_owned());
    for (fault, says) in [
        (Fault::Status(401, "", "{}".to_owned()), "does not accept the token"),
        (Fault::Status(404, "", "{}".to_owned()), "finds no such thing"),
        (Fault::Status(502, "", "<h1>Bad</h1>".to_owned()), "502"),
        (html(), "text/html"),
    ] {
        let scene = Scene::new();
        scene.fake.world().fail(20, &fault);
        scene.project.write(".github/workflows/ci.yml", &CI.replace("make", "make all"));
        let status = scene.run(&["status"]).ok().stdout;
        assert!(status.contains(says), "{status}");
        assert_eq!(
            scene.status("github/ci.yml"),
            "github/ci.yml workflow - not known unseen unknown - -"
        );
        let plan = scene.run(&["plan"]).ok().stdout;
        assert!(plan.contains("~ update  github/ci-backup  out of date"), "{plan}");
        assert_eq!(scene.run(&["health", "github"]).code, 3);
        assert_eq!(scene.requests("POST", ""), 0);
    }
}

#[test]
fn without_a_token_nothing_is_asked() {
    let scene = Scene::new();
    let before = scene.fake.world().requests.len();
    let status = scene.project.run(&["status"]).ok().stdout;
    assert!(status.contains("there is no token in the environment variable APP_TOKEN"), "{status}");
    assert_eq!(scene.fake.world().requests.len(), before);
}

/// How many requests six looks at so many workflows, and as many backups, cost. All others are
/// answered with "not modified", which costs nothing.
fn cost_of_watching(workflows: usize) -> usize {
    let scene = Scene::new();
    {
        let mut world = scene.fake.world();
        for n in 1..workflows {
            let name = format!("w{n}");
            scene.project.write(&format!(".github/workflows/{name}.yml"), CI);
            for name in [name.clone(), format!("{name}-backup")] {
                let id = world.add_workflow(&name, &format!(".github/workflows/{name}.yml"));
                ended(&mut world, id, "schedule", 90, "success");
            }
        }
    }
    scene.configure("");
    let config = scene.project.read("redundancy.toml").replace("'ci.yml'", "'*.yml'");
    scene.project.write("redundancy.toml", &config);
    scene.run(&["apply", "--yes"]).ok();
    scene.fake.world().requests.clear();
    let watch = scene.watch();
    let asked = |path: &str| {
        let world = scene.fake.world();
        world.requests.iter().filter(|it| it.target.contains(path)).count()
    };
    wait_for("six looks", || (asked("/actions/runs?") >= 6).then_some(()));
    let world = scene.fake.world();
    let last = world.requests.iter().rposition(|it| it.target.contains("/actions/runs?")).unwrap();
    let looks = &world.requests[..=last];
    assert!(looks.iter().all(|it| it.method == "GET" && matches!(it.status, 200 | 304)));
    let paid = looks.iter().filter(|it| it.status == 200).count();
    drop(world);
    watch.end_well();
    paid
}

/// What is paid for: the default branch; the workflows, two pages of 200; the runs of the first day,
/// of which 100 workflows have three pages; and those of the last hours, two pages.
#[test]
fn watching_costs_nothing_as_long_as_nothing_happens() {
    assert_eq!(cost_of_watching(10), 1 + 1 + 1 + 1);
    assert_eq!(cost_of_watching(100), 1 + 2 + 3 + 2);
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
fn a_schedule_is_found_behind_any_number_of_pushes() {
    let scene = Scene::new();
    {
        let mut world = scene.fake.world();
        for minutes in 1..60 {
            ended(&mut world, scene.ci, "push", 26 * 60 + minutes, "success");
        }
        world.runs.retain(|run| run.workflow != scene.ci || run.event == "push");
        ended(&mut world, scene.ci, "schedule", 28 * 60, "success");
    }
    let health = scene.run(&["health", "github/ci.yml"]).stdout;
    assert!(health.contains("last success by schedule 1d 4h ago"), "{health}");
}

#[test]
fn a_watch_waits_for_no_answer_of_github() {
    let scene = Scene::new();
    {
        let mut world = scene.fake.world();
        world.fail(1000, &Fault::Silence);
        world.requests.clear();
    }
    let config = scene.project.read("redundancy.toml");
    scene.project.write(
        "redundancy.toml",
        &format!("{config}[[process]]\nname = 'w'\ncommand = ['sleep', '1000']\n"),
    );
    let watch = scene.watch();
    watch.wait_for_log("embedded/w: create done");
    assert!(scene.fake.world().requests.iter().all(|it| it.status == 0), "nothing was answered");
    watch.end_well();
}

#[test]
fn a_report_has_the_requests_that_github_counted_until_its_hour_ends() {
    let scene = Scene::new();
    let reset = Timestamp::now() + SignedDuration::from_hours(1);
    scene.fake.world().hour = Some(Hour { limit: 5000, remaining: 4000, reset });
    let watch = scene.watch();
    let budget = || {
        let text = scene.run(&["report", "--format", "json"]).ok().stdout;
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        report.get("budget").map(|it| it[0].clone())
    };
    let counted = wait_for("GitHub told its limits", budget);
    assert_eq!((&counted["provider"], &counted["limit"]), (&"github".into(), &5000.into()));
    assert!(counted["used"].as_u64().unwrap() > 1000, "{counted}");
    watch.end_well();
    assert!(scene.run(&["report"]).ok().stdout.contains(" of 5000\n"), "it is remembered");
}
