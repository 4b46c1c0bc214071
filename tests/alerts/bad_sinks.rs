//! Those who should be told and can't be: nothing waits for them, and what they miss is counted.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::{
    project::{kill, running_with},
    running::Watch,
    scene::{
        SECRET_PATH, command, everything_said, failing, listener, wait_until_told, without_secrets,
    },
    server::Fault,
    wait::wait_for,
};

/// The variables of the addresses, and the kinds and names of their sinks.
const SINKS: [&str; 7] = ["good", "silent", "broken", "moved", "nowhere", "closed", "unset"];

#[test]
fn nobody_waits_for_a_sink_that_is_slow_or_gone() {
    let [good, silent, broken, moved, elsewhere] = [(); 5].map(|()| listener());
    silent.world().fail(100, &Fault::Silence);
    let said = json!({ "error": format!("no service at /{SECRET_PATH}") });
    broken.world().answer = Some((500, Vec::new(), said));
    let place = format!("{}/{SECRET_PATH}", elsewhere.url());
    moved.world().answer = Some((307, vec![("location", place)], Value::Null));
    // A port that was free a moment ago, and that nobody listens at.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let webhook = |name: &&str| {
        let variable = name.to_uppercase();
        format!(
            "[[alerts.sink]]\nname = \"{name}\"\nkind = \"webhook\"\nurl_env = \"{variable}\"\n\
             timeout = \"1m\"\n"
        )
    };
    let sinks = SINKS.iter().map(webhook).collect::<Vec<_>>().concat();
    let hangs = "[[alerts.sink]]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", \"sleep 4242.25\"]\n\
                 timeout = \"1m\"\n";
    let project = failing(&(sinks + hangs));
    let mut watch = command(&project, &good.url(), &["watch"]);
    let address = |it: String| format!("{it}/{SECRET_PATH}");
    watch.env("GOOD", address(good.url())).env("SILENT", address(silent.url()));
    watch.env("BROKEN", address(broken.url())).env("MOVED", address(moved.url()));
    watch.env("NOWHERE", address("https://redundancy.invalid".to_owned()));
    watch.env("CLOSED", address(format!("http://{closed}"))).env_remove("UNSET");
    let watch = Watch::start(watch);
    watch.wait_for_log("unset can't be told anything: there is no address in the environment");
    wait_until_told(&good, "firing failed:embedded/w");
    wait_for("the silent one is asked", || {
        (silent.world().requests.len() == 1 && running_with("4242.25") > 0).then_some(())
    });

    // The watch does its work meanwhile.
    for _ in 0..3 {
        let before = project.wait_for_pid("v", None);
        kill(before);
        project.wait_for_pid("v", Some(before));
    }
    for (name, why) in [
        ("unset", "there is no address in the environment variable UNSET"),
        ("moved", "it sends us elsewhere (307)"),
        ("broken", "it answers 500: {\"error\":\"no service at (hidden)\"}"),
        ("closed", "cannot connect: "),
        ("nowhere", "cannot connect: "),
    ] {
        watch.wait_for_log(&format!("{name} was not told \"firing failed:embedded/w\": {why}"));
    }
    assert_eq!(broken.world().told.len(), 3, "it is tried again, and not for ever");
    assert_eq!(moved.world().told.len(), 1, "that does not change within a moment");
    assert_eq!(elsewhere.world().requests.len(), 0, "nothing is sent where nobody asked for it");

    let mut said = watch.end_well();
    for name in ["silent", "command"] {
        let lost = format!("{name} was not told \"firing failed:embedded/w\": the watch ended");
        assert!(said.contains(&lost), "{said}");
    }
    wait_for("nothing is left of the command", || (running_with("4242.25") == 0).then_some(()));
    let status = project.run(&["status"]).ok().stdout;
    for name in SINKS.iter().skip(1).chain(&["command"]) {
        assert!(status.contains(&format!("alerts: {name} could not be told once")), "{status}");
    }
    assert!(!status.contains("alerts: good"), "{status}");
    let history = project.run(&["history"]).ok().stdout;
    assert!(history.contains("alert       "), "{history}");
    assert!(history.contains("moved was not told"), "{history}");
    said += &everything_said(&project);
    without_secrets(&said);
}

#[test]
fn the_heartbeat_is_heard_and_its_address_is_not_shown() {
    let (good, bad) = (listener(), listener());
    let project = failing("heartbeat_env = \"HOOK\"\n");
    let watch = Watch::start(command(&project, &good.url(), &["watch"]));
    wait_for("it is heard", || (!good.world().requests.is_empty()).then_some(()));
    let mut said = watch.end_well();
    let seen = good.world().requests[0].clone();
    assert_eq!((seen.method.as_str(), seen.target), ("GET", format!("/{SECRET_PATH}")));

    bad.world().answer = Some((404, Vec::new(), json!(SECRET_PATH)));
    let watch = Watch::start(command(&project, &bad.url(), &["watch"]));
    watch.wait_for_log("the heartbeat was not heard: it answers 404");
    let before = project.wait_for_pid("v", None);
    kill(before);
    project.wait_for_pid("v", Some(before));
    said += &watch.end_well();
    said += &everything_said(&project);
    without_secrets(&said);
}

#[test]
fn what_a_sink_runs_ends_with_a_watch_that_is_killed() {
    let project = failing(
        "[[alerts.sink]]\nkind = \"command\"\ntimeout = \"1m\"\n\
         command = [\"sh\", \"-c\", \"sleep 4243.75; true\"]\n",
    );
    let watch = project.watch();
    wait_for("the shell and what it runs", || (running_with("4243.75") > 0).then_some(()));
    watch.kill();
    wait_for("nothing is left of it", || (running_with("4243.75") == 0).then_some(()));
}

#[test]
fn why_a_command_told_nobody_is_said() {
    let sink = |name: &str, command: &str| {
        format!(
            "[[alerts.sink]]\nname = \"{name}\"\nkind = \"command\"\ncommand = [{command}]\n\
             timeout = \"1s\"\n"
        )
    };
    let project = failing(
        &(sink("missing", "\"no-such-program\"")
            + &sink("bad", "\"sh\", \"-c\", \"exit 7\"")
            + &sink("killed", "\"sh\", \"-c\", \"kill -9 $$\"")
            + &sink("slow", "\"sleep\", \"4244.25\"")),
    );
    let tested = project.run(&["alerts", "test"]);
    assert_eq!(tested.code, 2);
    for why in [
        "cannot run \"no-such-program\": No such file or directory",
        "\"sh\" ended with exit status: 7",
        "\"sh\" ended with signal: 9 (SIGKILL)",
        "\"sleep\" did not end within 1s",
    ] {
        assert!(tested.stdout.contains(why), "{}{}", tested.stdout, tested.stderr);
    }
    wait_for("nothing is left of it", || (running_with("4244.25") == 0).then_some(()));
}
