//! What is told of a whole provider, and what is told again because it goes on: until it is over.
//!
//! Some of it is told after minutes or hours only. These pass between two watches, by what the first one
//! has kept.

use std::{fs, time::Duration};

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    project::{Project, is_alive, kill, signal},
    scene::{failing, listener, sink, told, wait_until_told, watch},
    wait::wait_for,
};

/// Where the records of the processes are that this tool runs itself.
const RECORDS: &str = ".redundancy/embedded";

/// Waits until the journal has an open alert of this key, and gives all that it has of alerts.
fn wait_until_open(project: &Project, key: &str) -> Value {
    wait_for(&format!("{key} is open"), || {
        let book = book(project)?;
        let is_open = !book["open"][key].is_null() && book["open"][key]["over_since"].is_null();
        is_open.then_some(book)
    })
}

fn journal(project: &Project) -> Connection {
    Connection::open(project.path(".redundancy/journal.db")).unwrap()
}

fn book(project: &Project) -> Option<Value> {
    let read = "SELECT value FROM memory WHERE key = 'alerts'";
    let text: String = journal(project).query_row(read, [], |row| row.get(0)).ok()?;
    serde_json::from_str(&text).ok()
}

/// So much time passes for all that was told. No watch may run.
fn pass(project: &Project, time: Duration) {
    let mut book = book(project).unwrap();
    move_back(&mut book, SignedDuration::try_from(time).unwrap());
    let write = "UPDATE memory SET value = ?1 WHERE key = 'alerts'";
    assert_eq!(journal(project).execute(write, [book.to_string()]).unwrap(), 1);
}

fn move_back(value: &mut Value, time: SignedDuration) {
    match value {
        Value::String(text) => {
            if let Ok(at) = text.parse::<Timestamp>() {
                *text = (at - time).to_string();
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|it| move_back(it, time)),
        Value::Object(all) => all.values_mut().for_each(|it| move_back(it, time)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn a_provider_that_can_not_be_asked_is_told_after_a_while_and_again_when_it_can() {
    let server = listener();
    let project = Project::new(&format!(
        "[[process]]\nname = \"v\"\ncommand = [\"sleep\", \"1000\"]\n\
         [alerts]\ncalm = \"10ms\"\n{}",
        sink("webhook")
    ));
    let first = watch(&project, &server.url());
    project.wait_for_pid("v", None);
    first.wait_for_log("embedded/v: running");
    first.end_well();
    fs::rename(project.path(RECORDS), project.path("aside")).unwrap();
    project.write(RECORDS, "");

    let second = watch(&project, &server.url());
    wait_until_open(&project, "blind:embedded");
    second.end_well();
    assert!(told(&server).is_empty(), "a moment is not worth a word");
    pass(&project, Duration::from_mins(6));

    let third = watch(&project, &server.url());
    wait_until_told(&server, "firing blind:embedded");
    let open = project.run(&["alerts"]).ok().stdout;
    assert!(open.contains("warning   blind  embedded"), "{open}");
    fs::remove_file(project.path(RECORDS)).unwrap();
    fs::rename(project.path("aside"), project.path(RECORDS)).unwrap();
    // A change of the config is a reason to look.
    let config = project.read("redundancy.toml");
    project.write("redundancy.toml", &(config + "# looked at\n"));
    let told = wait_until_told(&server, "resolved blind:embedded");
    assert_eq!(told, ["firing blind:embedded", "resolved blind:embedded"]);
    let text = server.world().told[0].body["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("embedded: could not be asked: cannot read the folder"), "{text}");
    third.end_well();
    assert!(project.run(&["alerts"]).ok().stdout.starts_with("no alert is open\n"));
}

#[test]
fn a_breaker_that_opens_is_told_and_so_is_that_it_closed() {
    let server = listener();
    let mut config = "[controller]\nemergency_below = 0\n\
                      [failover]\nbackoff = { initial = \"10ms\", max = \"20ms\" }\n"
        .to_owned();
    for name in ["x", "y", "z"] {
        config += &format!(
            "[[process]]\nname = \"{name}\"\nmax_restarts = 1000\ncommand = [\"./program\"]\n"
        );
    }
    let project = Project::new(&format!("{config}[alerts]\ncalm = \"10ms\"\n{}", sink("webhook")));
    let watch = watch(&project, &server.url());
    wait_until_told(&server, "firing breaker:embedded");
    let text = server.world().told[0].body["text"].as_str().unwrap().to_owned();
    assert!(text.ends_with("changes there failed, so it rests"), "{text}");

    // Whole at once: a file that is still written can't be run.
    project.write("new", "#!/bin/sh\nexec sleep 1000\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(project.path("new"), mode).unwrap();
    fs::rename(project.path("new"), project.path("program")).unwrap();
    let told = wait_until_told(&server, "resolved breaker:embedded");
    assert_eq!(told, ["firing breaker:embedded", "resolved breaker:embedded"]);
    for name in ["x", "y", "z"] {
        project.wait_for_pid(name, None);
    }
    watch.end_well();
}

#[test]
fn a_storm_is_told_and_so_is_that_it_has_passed() {
    let server = listener();
    let names = ["a", "b", "c", "d", "e"];
    let process =
        |name: &&str| format!("[[process]]\nname = \"{name}\"\ncommand = [\"sleep\", \"1000\"]\n");
    let processes = names.iter().map(process).collect::<Vec<_>>().concat();
    let project = Project::new(&format!(
        "[controller]\nemergency_below = 0\n{processes}[alerts]\ncalm = \"10ms\"\n{}",
        sink("webhook")
    ));
    let watch = watch(&project, &server.url());
    for name in names {
        watch.wait_for_log(&format!("embedded/{name}: running"));
    }
    let before = names.map(|it| project.wait_for_pid(it, None));
    // All of it comes while the watch is not looking, so that one look sees all of it.
    signal(watch.pid(), Signal::STOP);
    let stat = format!("/proc/{}/stat", watch.pid());
    wait_for("the watch stands still", || {
        fs::read_to_string(&stat).unwrap().contains(") T ").then_some(())
    });
    before.into_iter().for_each(kill);
    wait_for("all have ended", || (!before.into_iter().any(is_alive)).then_some(()));
    signal(watch.pid(), Signal::CONT);
    wait_for("the storm is over", || {
        told(&server).contains(&"resolved storm:embedded".to_owned()).then_some(())
    });
    let told: Vec<String> = told(&server).into_iter().filter(|it| it.contains("storm")).collect();
    assert_eq!(told, ["firing storm:embedded", "resolved storm:embedded"]);
    for (name, before) in names.iter().zip(before) {
        project.wait_for_pid(name, Some(before));
    }
    watch.end_well();
}

#[test]
fn what_is_still_so_is_told_again_after_its_time() {
    let server = listener();
    let project = failing(&format!("remind_every = \"2h\"\n{}", sink("webhook")));
    let first = watch(&project, &server.url());
    wait_until_told(&server, "firing failed:embedded/w");
    first.end_well();
    // Not yet.
    pass(&project, Duration::from_hours(1));
    let second = watch(&project, &server.url());
    second.wait_for_log("embedded/w: left alone: given up");
    second.end_well();
    assert_eq!(told(&server), ["firing failed:embedded/w"]);
    pass(&project, Duration::from_mins(61));
    let third = watch(&project, &server.url());
    wait_until_told(&server, "reminder failed:embedded/w");
    project.write("fine", "");
    project.run(&["recover", "embedded/w"]).ok();
    let told = wait_until_told(&server, "resolved failed:embedded/w");
    assert_eq!(told.len(), 3, "{told:?}");
    let world = server.world();
    let text = world.told[1].body["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("embedded/w: still so, since "), "{text}");
    assert_eq!(world.told[0].body["key"], world.told[1].body["key"]);
    drop(world);
    third.end_well();
}
