//! What the program sees of workflows, what it asks for that, and what is said where GitHub does not tell.

use jiff::{SignedDuration, Timestamp};

use crate::{
    fake::{Fault, Hour},
    scene::{CI, Scene, ended},
    wait::wait_for,
};

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
fn a_workflow_beyond_those_that_are_read_is_unseen_and_not_missing() {
    let scene = Scene::new();
    {
        let mut world = scene.fake.world();
        // Ten pages are read.
        world.page = 1;
        for n in 0..10 {
            world.add_workflow(&format!("W {n}"), &format!(".github/workflows/w{n}.yml"));
        }
        world.workflows.rotate_left(2);
    }
    let status = scene.run(&["status"]).ok().stdout;
    assert!(status.contains("GitHub has more workflows than are read (10)"), "{status}");
    assert_eq!(
        scene.status("github/ci.yml"),
        "github/ci.yml workflow - not known unseen unknown - -"
    );
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
