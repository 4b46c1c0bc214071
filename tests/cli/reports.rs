//! Reports: what the watch writes down, the files that it makes of it, and the verb.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::project::{Project, Watch, kill, wait_for};

const FILES: [&str; 4] = [
    "pm2-redundancy-report.json",
    "github-actions-redundancy-report.json",
    "netlify-functions-redundancy-report.json",
    "comprehensive-redundancy-report.json",
];

/// A pair whose primary is not started again by its runner when it ends.
fn pair() -> Project {
    let project = Project::new(
        "[controller]\nlook_every = \"1s\"\nreport_every = \"1s\"\n\
         [failover]\nfall = 1\nrise = 1\nhold = \"1h\"\nsettle = \"10ms\"\n\
         [[process]]\nname = \"p\"\ncommand = [\"sleep\", \"1000\"]\nrestart = \"never\"\n\
         [[process]]\nname = \"b\"\ncommand = [\"sleep\", \"1000\"]\nbacks_up = \"p\"\n\
         [[process]]\nname = \"never\"\ncommand = [\"sleep\", \"1000\"]\nbacks_up = \"q\"\n\
         [[process]]\nname = \"q\"\ncommand = [\"sleep\", \"1000\"]\n",
    );
    // Another folder than that of the logs, so that it can be in the way.
    fs::create_dir_all(project.path("automation/logs")).unwrap();
    project
}

/// What a report says of one thing of a list, named by `key`.
fn one<'a>(report: &'a Value, list: &str, key: &str, name: &str) -> &'a Value {
    let all = report[list].as_array().unwrap();
    all.iter().find(|it| it[key] == name).unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

fn ask(project: &Project) -> Value {
    serde_json::from_str(&project.run(&["report", "--format", "json"]).ok().stdout).unwrap()
}

fn file(project: &Project, name: &str) -> Option<Value> {
    let text = fs::read_to_string(project.path("automation/logs").join(name)).ok()?;
    Some(serde_json::from_str(&text).expect("it is replaced whole"))
}

/// A pair whose primary was killed, and whose backup has taken over.
fn after_a_failover() -> (Project, Watch) {
    let project = pair();
    let watch = project.watch();
    let primary = project.wait_for_pid("p", None);
    project.wait_for_pid("q", None);
    kill(primary);
    watch.wait_for_log("the backup is on duty");
    (project, watch)
}

#[test]
fn a_failover_is_in_the_report_with_its_evidence_and_its_times() {
    let (project, watch) = after_a_failover();
    let report = wait_for("the failover is written", || {
        let report = ask(&project);
        (report["transfers"][0]["arrived"] == true).then_some(report)
    });
    assert_eq!((&report["version"], &report["providers"]), (&1.into(), &Value::Array(vec![])));
    let moved = &report["transfers"][0];
    assert_eq!((&moved["kind"], &moved["to"]), (&"failover".into(), &"backup".into()));
    assert_eq!(moved["backup"], "embedded/b");
    assert!(
        moved["evidence"].as_str().unwrap().contains("the primary was ended by SIGKILL"),
        "{moved}"
    );
    assert!(moved["detected_after_ms"].is_u64() && moved["took_ms"].is_u64(), "{moved}");
    let wait = || {
        let report = ask(&project);
        let pair = one(&report, "pairs", "backup", "embedded/b").clone();
        (pair["now"]["one_ran_ms"].as_u64()? > 0).then_some((report, pair))
    };
    let (report, pair) = wait_for("time with the backup", wait);
    assert_eq!((&pair["primary"], &pair["exclusive"]), (&"embedded/p".into(), &true.into()));
    assert_eq!(pair["now"]["both_ran_ms"], 0);
    let parts = ["one_ran_ms", "both_ran_ms", "none_ran_ms", "off_ms", "unknown_ms"];
    let sum: u64 = parts.iter().map(|it| pair["now"][it].as_u64().unwrap()).sum();
    assert_eq!(Some(sum), report["length_ms"].as_u64());
    assert_eq!(pair["before"], Value::Null, "nobody looked the day before");
    let never = |id| one(&report, "resources", "id", id)["never_exercised"].clone();
    assert_eq!((never("embedded/b"), never("embedded/never")), (false.into(), true.into()));
    watch.end_well();

    let shown = project.run(&["report"]).ok().stdout;
    assert!(shown.contains("| failover | the primary was ended by SIGKILL"), "{shown}");
    assert!(
        shown.contains("## Backups that were never seen to work\n\n- `embedded/never`\n"),
        "{shown}"
    );
    let page = project.run(&["report", "--format", "html"]).ok().stdout;
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
    assert!(page.contains("<td class=\"wide\">the primary was ended by SIGKILL"), "{page}");
    assert!(page.contains("1 backup was never seen to work"), "{page}");
    let other = project.run(&["report", "github"]).ok().stdout;
    assert!(other.contains("Nothing was seen.") && other.contains("None; 0 in"), "{other}");
    let wrong = project.run(&["report", "gitlab"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("there are embedded, github, netlify, pm2"), "{}", wrong.stderr);
}

#[test]
fn a_watch_makes_the_files_by_the_clock_and_when_it_ends() {
    let (project, watch) = after_a_failover();
    let first = wait_for("the files", || {
        FILES.iter().map(|name| file(&project, name)).collect::<Option<Vec<Value>>>()
    });
    for name in FILES {
        let mode = fs::metadata(project.path("automation/logs").join(name)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
    }
    assert_eq!(first[0]["providers"], serde_json::json!(["pm2", "embedded"]));
    assert_eq!(first[1]["resources"], serde_json::json!([]));
    let made = |it: &Value| it["made_at"].as_str().unwrap().to_owned();
    let second = wait_for("the next ones", || {
        let it = file(&project, FILES[3])?;
        (made(&it) != made(&first[3])).then_some(it)
    });
    watch.end_well();
    let last = file(&project, FILES[3]).unwrap();
    assert_ne!(made(&last), made(&second), "it makes them once more when it ends");
    assert_eq!(last["transfers"][0]["kind"], "failover");
    let left = fs::read_dir(project.path("automation/logs")).unwrap().flatten();
    let left: Vec<_> =
        left.map(|it| it.file_name()).filter(|it| it.to_string_lossy().starts_with('.')).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn where_a_report_can_not_be_written_the_watch_says_so_once_and_goes_on() {
    let project = pair();
    let in_the_way = project.path("automation/logs").join(FILES[0]);
    fs::create_dir(&in_the_way).unwrap();
    let watch = project.watch();
    watch.wait_for_log("the reports were not made, and all else goes on: cannot write");
    wait_for("the others", || file(&project, FILES[3]));
    let primary = project.wait_for_pid("p", None);
    kill(primary);
    watch.wait_for_log("the backup is on duty");
    fs::remove_dir(&in_the_way).unwrap();
    watch.wait_for_log("the reports are made again");
    let log = watch.end_well();
    assert_eq!(log.matches("the reports were not made").count(), 1, "{log}");
}

#[test]
fn while_no_watch_ran_everything_is_unknown() {
    let project = pair();
    let none = project.run(&["report"]);
    assert_eq!(none.code, 1);
    assert!(none.stderr.contains("there is no journal"), "{}", none.stderr);
    let watch = project.watch();
    project.wait_for_pid("q", None);
    watch.end_well();
    let report = ask(&project);
    let it = one(&report, "resources", "id", "embedded/q");
    let length = report["length_ms"].as_u64().unwrap();
    assert!(it["now"]["unknown_ms"].as_u64().unwrap() > length / 2, "{it}");
    assert!(report["watched_ms"].as_u64().unwrap() < length / 2);
}
