//! Probes: a process that runs and does not do its work.

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use crate::project::{Project, kill, running_with, wait_for};

/// A server that answers every request with `status`, until the test ends.
fn server(status: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        }
    });
    port
}

fn probed(name: &str, probe: &str) -> String {
    format!(
        "[[process]]\nname = \"{name}\"\ncommand = [\"sleep\", \"1000\"]\n\
         probe = {{ {probe}, start_period = \"0s\", every = \"100ms\", timeout = \"5s\" }}\n"
    )
}

fn states(project: &Project) -> Vec<(String, String, String)> {
    let status = project.run(&["status", "--json"]).ok();
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = status["resources"].as_array().unwrap();
    rows.iter().map(|it| (text(it, "id"), text(it, "health"), text(it, "state"))).collect()
}

#[test]
fn status_asks_and_says_what_is_wrong() {
    let (good, bad) = (server("204 No Content"), server("503 Service Unavailable"));
    // A port that was free a moment ago, and that nobody listens at.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let project = Project::new(
        &[
            probed("http-good", &format!("http = \"http://127.0.0.1:{good}/health\"")),
            probed("http-bad", &format!("http = \"http://127.0.0.1:{bad}/health\"")),
            probed("http-none", &format!("http = \"http://127.0.0.1:{closed}/\"")),
            probed("tcp-good", &format!("tcp = \"127.0.0.1:{good}\"")),
            probed("tcp-none", &format!("tcp = \"127.0.0.1:{closed}\"")),
            probed("command-good", "command = [\"true\"]"),
            probed("command-bad", "command = [\"false\"]"),
            probed("file-good", "file = \"redundancy.toml\", max_age = \"1h\""),
            probed("file-none", "file = \"beat\", max_age = \"1h\""),
        ]
        .concat(),
    );
    project.run(&["apply", "--yes"]).ok();
    for (id, health, state) in states(&project) {
        let good = id.ends_with("-good");
        assert_eq!(health, if good { "healthy" } else { "unhealthy" }, "{id}: {state}");
        assert_eq!(state.contains("fails its probe"), !good, "{id}: {state}");
    }
    let states = states(&project);
    let state = |id: &str| &states.iter().find(|it| it.0 == format!("embedded/{id}")).unwrap().2;
    assert!(state("http-bad").ends_with("/health answers 503 Service Unavailable"));
    assert!(state("command-bad").ends_with("\"false\" ended with exit status: 1"));
    assert!(state("file-none").contains("cannot look at beat: No such file"));
}

#[test]
fn what_has_just_begun_is_not_known_to_be_well() {
    let process = |name: &str, answers: &str| {
        let probe = format!("command = [\"{answers}\"], every = \"100ms\", start_period = \"1h\"");
        format!(
            "[[process]]\nname = \"{name}\"\ncommand = [\"sleep\", \"1000\"]\nprobe = {{ {probe} }}\n"
        )
    };
    let project = Project::new(&(process("comes-up", "false") + &process("is-up", "true")));
    let watch = project.watch();
    watch.wait_for_log("the system: 1 of 1 healthy, 1 unknown");
    let log = watch.end_well();
    assert!(!log.contains("2 of 2 healthy"), "{log}");
    let states = states(&project);
    let of = |id: &str| states.iter().find(|it| it.0 == format!("embedded/{id}")).unwrap();
    assert_eq!(of("is-up").1, "healthy");
    let (_, health, state) = of("comes-up");
    assert_eq!(health, "unknown", "{state}");
    assert!(state.ends_with("; its probe has not answered well yet"), "{state}");
}

#[test]
fn the_watch_restarts_what_fails_and_gives_up_after_its_attempts() {
    let project = Project::new(
        &("[failover]\nfall = 2\nmax_recovery_attempts = 2\nbackoff = { initial = \"10ms\" }\n"
            .to_owned()
            + &probed("w", "command = [\"test\", \"-e\", \"ok\"]")),
    );
    project.write("ok", "");
    let watch = project.watch();
    let first = project.wait_for_pid("w", None);
    std::fs::remove_file(project.path("ok")).unwrap();
    watch.wait_for_log("embedded/w: restart done (recovery: it fails its probe: \"test\" ended");
    watch.wait_for_log("attempts at recovery: 2");
    // It runs on, and is watched on.
    project.write("ok", "");
    let last = project.wait_for_pid("w", Some(first));
    watch.wait_for_log(&format!("embedded/w: running, pid {last}"));
    wait_for("it is well", || states(&project).iter().any(|it| it.1 == "healthy").then_some(()));
    assert_eq!(watch.end().0, 0);
}

#[test]
fn a_probe_is_checked_where_it_stands() {
    for (probe, wrong) in [
        ("every = \"1s\"", "the probe asks nothing"),
        ("tcp = \"a:1\", command = [\"true\"]", "a probe asks one thing"),
        ("http = \"https://a/\"", "no address that begins with `http://`"),
        ("tcp = \"localhost\"", "no host and port"),
        ("file = \"a\"", "`file` and `max_age` belong together"),
        ("command = []", "names no program"),
        ("tcp = \"a:1\", every = \"1ms\"", "`every` is at least"),
    ] {
        let project = Project::new(&format!(
            "[[process]]\nname = \"w\"\ncommand = [\"x\"]\nprobe = {{ {probe} }}\n"
        ));
        let run = project.run(&["validate"]);
        assert_eq!(run.code, 1, "{probe}");
        assert!(run.stderr.contains(wrong), "{probe}: {}", run.stderr);
    }
}

#[test]
fn a_program_that_gives_no_answer_leaves_nothing_behind() {
    let marker = format!("asked-in-vain-{}", std::process::id());
    // What it begins is no child of the program that asks.
    let probe = format!("command = [\"sh\", \"-c\", \"sleep 1000 & wait\", \"{marker}\"]");
    let probe = probe.replace("sleep 1000 &", &format!("sh -c 'sleep 1000; true' {marker} &"));
    let project = Project::new(&format!(
        "[failover]\nmax_recovery_attempts = 0\n{}",
        probed("w", &probe).replace("timeout = \"5s\"", "timeout = \"100ms\"")
    ));
    project.run(&["apply", "--yes"]).ok();
    let states = states(&project);
    assert!(states[0].2.ends_with("no answer within 100ms"), "{states:?}");
    wait_for("the end of all that was asked", || (running_with(&marker) == 0).then_some(()));
}

#[test]
fn a_backup_is_on_duty_only_after_it_has_answered() {
    let project = Project::new(
        "[failover]\nsettle = \"0s\"\n\
         [[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\nrestart = \"never\"\n\
         [[process]]\nname = \"b\"\nbacks_up = \"w\"\ncommand = [\"sleep\", \"1000\"]\n\
         probe = { command = [\"test\", \"-e\", \"up\"], every = \"100ms\", start_period = \"1h\" }\n",
    );
    let watch = project.watch();
    kill(project.wait_for_pid("w", None));
    watch.wait_for_log("embedded/b: start done");
    let explained = || project.run(&["explain", "embedded/b"]).ok().stdout;
    let waits = "embedded/b has answered its probe well and has run for 0s, it is on duty";
    wait_for("it waits for an answer", || explained().contains(waits).then_some(()));
    assert!(!explained().contains("well since"), "{}", explained());
    project.write("up", "");
    watch.wait_for_log("the backup is on duty");
    let log = watch.end_well();
    assert!(log.find("start done") < log.find("the backup is on duty"), "{log}");
}
