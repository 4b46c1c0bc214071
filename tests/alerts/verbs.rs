//! `redundancy alerts`, and `redundancy alerts test`.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    project::{Project, Run},
    scene::{SECRET_PATH, listener, sink, without_secrets},
};

fn run(project: &Project, server: &str, arguments: &[&str]) -> Run {
    let output = crate::scene::command(project, server, arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let run = Run {
        code: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    without_secrets(&(run.stdout.clone() + &run.stderr));
    run
}

#[test]
fn a_test_says_of_each_sink_what_came_of_it() {
    let server = listener();
    let config = [
        "[controller]\n[alerts]\n",
        &sink("webhook"),
        "secret_env = \"HOOK_KEY\"\n",
        &sink("slack"),
        &sink("alertmanager"),
        "[[alerts.sink]]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", \"cat > told\"]\n",
    ];
    let project = Project::new(&config.concat());
    let all = run(&project, &server.url(), &["alerts", "test"]);
    assert_eq!(all.code, 0, "{all:?}");
    assert_eq!(all.stdout, "webhook: told\nslack: told\nalertmanager: told\ncommand: told\n");
    let told: Value = serde_json::from_str(&project.read("told")).unwrap();
    assert_eq!((&told["status"], &told["key"]), (&json!("event"), &json!("test")));
    {
        let world = server.world();
        let mut targets: Vec<&str> = world.told.iter().map(|it| it.target.as_str()).collect();
        targets.sort_unstable();
        let below = format!("/{SECRET_PATH}/api/v2/alerts");
        assert_eq!(targets, [&format!("/{SECRET_PATH}"), &format!("/{SECRET_PATH}"), &*below]);
        assert_eq!(world.told.iter().filter(|it| it.is_signed()).count(), 1);
    }

    server.world().answer = Some((403, Vec::new(), json!("invalid_token")));
    let one = run(&project, &server.url(), &["alerts", "test", "slack"]);
    assert_eq!(one.code, 2, "{one:?}");
    assert_eq!(one.stdout, "slack: not told: it answers 403: \"invalid_token\"\n");
    assert_eq!(server.world().told.len(), 4, "the others were not asked");
}

#[test]
fn what_is_missing_for_a_test_is_said() {
    let project = Project::new(&("[controller]\n".to_owned() + &sink("webhook")));
    let unknown = run(&project, "http://127.0.0.1:1", &["alerts", "test", "pager"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.stderr.contains("no sink called pager; there is webhook"), "{unknown:?}");
    for (address, why) in [
        ("", "there is no address in the environment variable HOOK"),
        ("http://example.com/T0-s3cr3t-p4th", "over http it could be read on the way"),
        ("T0-s3cr3t-p4th", "it is none"),
        ("file:///T0-s3cr3t-p4th", "it does not begin with https://"),
    ] {
        let mut command = project.command(&["alerts", "test"]);
        let output = command.env("HOOK", address).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with("webhook: not told: ") && said.contains(why), "{said}");
        without_secrets(&said);
    }
    let nobody = Project::new("[controller]\n").run(&["alerts", "test"]);
    assert_eq!(nobody.code, 1);
    assert!(nobody.stderr.contains("no `[[alerts.sink]]`"), "{nobody:?}");
}

#[test]
fn the_doctor_says_what_a_sink_lacks() {
    let config = "[controller]\n[alerts]\nheartbeat_env = \"BEAT\"\n".to_owned();
    let project = Project::new(&(config + &sink("webhook") + "secret_env = \"HOOK_KEY\"\n"));
    let mut command = crate::scene::command(&project, "https://example.com", &["doctor", "--json"]);
    let output = command.env("BEAT", "ftp://T0-s3cr3t-p4th").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    without_secrets(&said);
    let report: Value = serde_json::from_str(&said).unwrap();
    let finding = |what: &str| {
        let findings = report["findings"].as_array().unwrap();
        findings.iter().find(|it| it["what"] == what).cloned().unwrap()
    };
    assert_eq!(finding("alerts: webhook")["verdict"], "fine");
    let heartbeat = finding("alerts: heartbeat");
    assert_eq!(heartbeat["verdict"], "lacking");
    assert!(heartbeat["said"].as_str().unwrap().contains("BEAT"), "{heartbeat}");
}

#[test]
fn what_is_open_is_listed_also_where_nothing_was_ever_watched() {
    let project = Project::new("[controller]\n");
    insta::assert_snapshot!(project.run(&["alerts"]).ok().stdout, @r"
        no alert is open
        nobody watches, so no alert is opened or closed; `redundancy start` begins a watch
        ");
    let json: Value =
        serde_json::from_str(&project.run(&["alerts", "--json"]).ok().stdout).unwrap();
    assert_eq!((&json["version"], &json["open"]), (&json!(1), &json!([])));
    assert_eq!(json["watched"], false);
}

#[test]
fn what_can_not_be_read_is_not_nothing() {
    let project = Project::new("[controller]\n");
    let watch = project.watch();
    watch.wait_for_log("the watch began");
    watch.end_well();
    let journal = Connection::open(project.path(".redundancy/journal.db")).unwrap();
    let damage =
        "INSERT OR REPLACE INTO memory (key, value) VALUES ('alerts', '{ of another version')";
    journal.execute(damage, []).unwrap();
    let run = project.run(&["alerts"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{run:?}");
    assert!(run.stderr.contains("it is not known which alerts are open"), "{run:?}");
    project.run(&["status"]).ok();
}
