//! The figures that a watch tells, as Prometheus's own parser reads them.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{
    duty::{PAIR, wait_for_duty, watched},
    project::{Project, kill, wait_for},
    python,
};

const SOCKET: &str = ".redundancy/metrics.sock";

/// Reads the figures with Prometheus's parser: every sample as `name{label=value,…}`, with its value.
const PARSER: &str = r#"
import json, sys
sys.path.insert(0, sys.argv[1])
from prometheus_client.openmetrics.parser import text_string_to_metric_families
samples = {}
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.documentation, family.name
    for sample in family.samples:
        labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
        samples[f"{sample.name}{{{labels}}}"] = sample.value
print(json.dumps(samples))
"#;

/// Asks at the socket of the project; the head of the answer and the rest.
fn ask(project: &Project, request: &str) -> Option<(String, String)> {
    let mut stream = UnixStream::connect(project.path(SOCKET)).ok()?;
    exchange(&mut stream, request)
}

fn exchange(stream: &mut (impl Read + Write), request: &str) -> Option<(String, String)> {
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}

const GET: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn parsed(text: &str) -> Value {
    let mut parser = Command::new("python3");
    let parser = parser.args(["-c", PARSER]).arg(python::programs());
    let mut parser = parser.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    parser.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = parser.wait_with_output().unwrap();
    assert!(output.status.success(), "not OpenMetrics:\n{text}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn figures(project: &Project) -> Value {
    let (head, body) = wait_for("an answer", || ask(project, GET));
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    parsed(&body)
}

fn project() -> Project {
    let more =
        format!("\n[metrics]\nsocket = \"{SOCKET}\"\n[[workflow]]\nbacks_up = \"gone.yml\"\n");
    let project = Project::new(&format!("{PAIR}{more}"));
    project.run(&["apply", "--yes"]);
    project
}

#[test]
fn figures_are_open_metrics_and_tell_of_a_failover() {
    let project = project();
    let watch = watched(&project);
    wait_for_duty(&project, "embedded/w", "on_duty");
    let before = figures(&project);
    assert_eq!(before["redundancy_resource_health{health=healthy,id=embedded/w}"], 1.0, "{before}");
    assert_eq!(before["redundancy_resource_health{health=failed,id=embedded/w}"], 0.0);
    assert_eq!(before["redundancy_resource_health{health=failed,id=github/gone-backup}"], 1.0);
    assert_eq!(before["redundancy_backup_on_duty{backup=embedded/w-backup}"], 0.0);
    assert_eq!(before["redundancy_provider_seen{provider=embedded}"], 1.0);
    assert_eq!(before["redundancy_held_for_a_person{provider=github}"], 1.0);
    assert_eq!(before["redundancy_config_in_force{}"], 1.0);
    for positive in [
        "redundancy_last_look_timestamp_seconds{}",
        "redundancy_watch_resident_memory_bytes{}",
        "redundancy_watch_open_files{}",
        "redundancy_look_duration_seconds_count{}",
    ] {
        assert!(before[positive].as_f64().unwrap() > 0.0, "{positive} in {before}");
    }

    project.run(&["failover", "embedded/w"]).ok();
    wait_for_duty(&project, "embedded/w-backup", "on_duty");
    let after = wait_for("the backup is on duty", || {
        let figures = figures(&project);
        (figures["redundancy_backup_on_duty{backup=embedded/w-backup}"] == 1.0).then_some(figures)
    });
    assert_eq!(
        after["redundancy_duty_moves_total{backup=embedded/w-backup,to=backup}"], 1.0,
        "{after}"
    );
    assert_eq!(after["redundancy_changes_total{change=stop,provider=embedded,result=done}"], 1.0);
    assert_eq!(after["redundancy_resource_health{health=stopped,id=embedded/w}"], 1.0);

    project.write("redundancy.toml", "[[process\n");
    wait_for("the config is not in force", || {
        (figures(&project)["redundancy_config_in_force{}"] == 0.0).then_some(())
    });
    watch.end_well();
    assert!(!project.path(SOCKET).exists(), "the socket outlives the watch");
}

#[test]
fn the_shipped_rules_go_by_figures_that_there_are() {
    let rules = include_str!("../../examples/prometheus/redundancy.rules.yml");
    let project = project();
    let watch = watched(&project);
    project.run(&["failover", "embedded/w"]).ok();
    let (_, text) = wait_for("all figures", || {
        ask(&project, GET).filter(|(_, text)| text.contains("redundancy_changes_total{"))
    });
    let told: BTreeSet<String> = parsed(&text)
        .as_object()
        .unwrap()
        .keys()
        .map(|it| it.split('{').next().unwrap().to_owned())
        .collect();
    let rules: Value = serde_yaml::from_str(rules).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    for rule in rules {
        let expr = rule["expr"].as_str().unwrap();
        let used = expr
            .split(|it: char| !it.is_alphanumeric() && it != '_')
            .filter(|it| it.starts_with("redundancy_"));
        for name in used {
            assert!(
                told.contains(name),
                "{} goes by {name}, and there are {told:?}",
                rule["alert"]
            );
        }
        let named = ["severity", "summary"]
            .iter()
            .all(|key| rule["labels"][key].is_string() || rule["annotations"][key].is_string());
        assert!(named, "{rule}");
    }
    assert!(rules.len() > 5);
    watch.end_well();
}

#[test]
fn the_socket_is_private_and_who_asks_badly_harms_nobody() {
    let project = project();
    // One that was left by a watch that was killed.
    drop(UnixListener::bind(project.path(SOCKET)).unwrap());
    let watch = watched(&project);
    let about = wait_for("a socket that is answered", || {
        ask(&project, GET)?;
        fs::metadata(project.path(SOCKET)).ok()
    });
    assert!(about.file_type().is_socket());
    assert_eq!(about.permissions().mode() & 0o777, 0o600);

    let status = |request: &str| {
        let (head, _) = ask(&project, request).unwrap_or_default();
        head.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(status("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "404");
    assert_eq!(
        status("POST /metrics HTTP/1.1\r\nHost: localhost\r\ncontent-length: 0\r\n\r\n"),
        "405"
    );
    assert_eq!(status("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n"), "403");
    assert_eq!(status("garbage\r\n\r\n"), "400");
    // Many who say nothing.
    let silent: Vec<_> =
        (0..100).filter_map(|_| UnixStream::connect(project.path(SOCKET)).ok()).collect();
    let pid = project.pid("w");
    kill(pid.unwrap());
    project.wait_for_pid("w", pid);
    drop(silent);
    figures(&project);
    watch.end_well();
}

#[test]
fn a_port_is_told_of_and_one_that_is_taken_is_tried_again() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = |more: &str| {
        format!(
            "[controller]\nlook_every = \"1s\"\n{more}\n[[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\n"
        )
    };
    let project = Project::new(&config(&format!("[metrics]\nport = {port}")));
    let watch = project.watch();
    watch.wait_for_log(&format!("figures can't be told at http://127.0.0.1:{port}/metrics"));
    drop(taken);
    watch.wait_for_log(&format!("figures are told at http://127.0.0.1:{port}/metrics"));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let (head, body) = exchange(&mut stream, GET).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    parsed(&body);
    let log = watch.log();
    assert_eq!(log.matches("figures can't be told").count(), 1, "{log}");

    // Taken out of the config, nobody is told any more.
    project.config(&config(""));
    wait_for("nobody listens", || TcpStream::connect(("127.0.0.1", port)).is_err().then_some(()));
    watch.end_well();
}
