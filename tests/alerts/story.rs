//! What is told of a process that fails, from its first failure until it is mended.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{
    project::{Project, kill},
    scene::{
        Told, everything_said, failing, listener, sink, told, wait_until_told, watch,
        without_secrets,
    },
    wait::{LONG, wait_for},
};

fn mend(project: &Project) {
    project.write("fine", "");
    project.run(&["recover", "embedded/w"]).ok();
}

#[test]
fn what_fails_is_told_once_with_a_signature_and_again_when_it_is_mended() {
    let server = listener();
    let project = failing(&(sink("webhook") + "secret_env = \"HOOK_KEY\"\n"));
    let first = watch(&project, &server.url());
    wait_until_told(&server, "firing failed:embedded/w");
    let open = project.run(&["alerts"]).ok().stdout;
    assert!(open.contains("critical  failed  embedded/w"), "{open}");
    let mut said = first.end_well();

    // It is the same failure for the next watch.
    let second = watch(&project, &server.url());
    wait_for("it has looked", || {
        let status = project.run(&["status", "--json"]).ok().stdout;
        let status: Value = serde_json::from_str(&status).unwrap();
        (!status["last_look"].is_null()).then_some(())
    });
    mend(&project);
    let told = wait_until_told(&server, "resolved failed:embedded/w");
    assert_eq!(told, ["firing failed:embedded/w", "resolved failed:embedded/w"]);
    assert_eq!(project.run(&["alerts"]).ok().stdout, "no alert is open\n");
    said += &second.end_well();

    let world = server.world();
    assert!(world.told.iter().all(Told::is_signed), "{:?}", world.told);
    let first = &world.told[0].body;
    assert_eq!(first["version"], 1);
    assert_eq!(first["kind"], "failed");
    assert_eq!(first["about"], "embedded/w");
    assert_eq!(first["severity"], "critical");
    let text = first["text"].as_str().unwrap();
    assert!(text.starts_with("embedded/w: given up: exited with code 1"), "{text}");
    let folder = project.root().file_name().unwrap().to_string_lossy();
    assert_eq!(first["project"].as_str(), Some(&*folder));
    drop(world);
    said += &everything_said(&project);
    assert!(said.contains("firing: embedded/w: given up"), "{said}");
    without_secrets(&said);
}

#[test]
fn what_was_not_asked_yet_is_not_over() {
    let server = listener();
    let project = Project::new(&format!(
        "[controller]\nemergency_below = 0\n[failover]\nmax_recovery_attempts = 0\n\
         [[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\n\
         probe = {{ command = [\"test\", \"-e\", \"fine\"], start_period = \"0s\", every = \"500ms\" }}\n\
         [alerts]\ncalm = \"10ms\"\n{}",
        sink("webhook")
    ));
    let first = watch(&project, &server.url());
    wait_until_told(&server, "firing failed:embedded/w");
    first.end_well();
    // It runs, and the next watch has to ask it several times before it knows what that is worth.
    let second = watch(&project, &server.url());
    second.wait_for_log("embedded/w: left alone: given up");
    second.end_well();
    assert_eq!(told(&server), ["firing failed:embedded/w"]);
    let third = watch(&project, &server.url());
    project.write("fine", "");
    wait_until_told(&server, "resolved failed:embedded/w");
    third.end_well();
}

#[test]
fn the_watch_after_a_crash_says_so_and_one_after_an_end_does_not() {
    let server = listener();
    let project = failing(&sink("webhook"));
    let first = watch(&project, &server.url());
    wait_until_told(&server, "firing failed:embedded/w");
    first.end_well();
    let second = watch(&project, &server.url());
    let running = project.wait_for_pid("v", None);
    second.wait_for_log("the watch began");
    wait_for("it has looked", || {
        let status = project.run(&["status", "--json"]).ok().stdout;
        let status: Value = serde_json::from_str(&status).unwrap();
        (!status["last_look"].is_null()).then_some(())
    });
    second.kill();
    assert_eq!(told(&server), ["firing failed:embedded/w"]);
    let third = watch(&project, &server.url());
    let told = wait_until_told(&server, "event crash");
    assert_eq!(told, ["firing failed:embedded/w", "event crash"], "and nothing a second time");
    assert_eq!(project.pid("v"), Some(running));
    third.end_well();
}

#[test]
fn a_failover_is_told_and_so_is_the_hand_back() {
    let server = listener();
    let project = Project::new(&format!(
        "[controller]\nemergency_below = 0\n\
         [failover]\nfall = 1\nsettle = \"10ms\"\nhold = \"10ms\"\nrise = 1\nhand_back = \"manual\"\n\
         [[process]]\nname = \"w\"\nmax_restarts = 0\n\
         command = [\"sh\", \"-c\", \"test -e broken || exec sleep 1000\"]\n\
         [[process]]\nname = \"b\"\nbacks_up = \"w\"\ncommand = [\"sleep\", \"1000\"]\n\
         [alerts]\ncalm = \"10ms\"\n{}",
        sink("webhook")
    ));
    let watch = watch(&project, &server.url());
    let primary = project.wait_for_pid("w", None);
    watch.wait_for_log("embedded/w: running");
    project.write("broken", "");
    kill(primary);
    wait_for("the failover is told", || {
        told(&server).contains(&"firing failover:embedded/b".to_owned()).then_some(())
    });
    std::fs::remove_file(project.path("broken")).unwrap();
    project.run(&["handback", "embedded/w"]).ok();
    wait_for("the hand-back is told", || {
        told(&server).contains(&"resolved failover:embedded/b".to_owned()).then_some(())
    });
    let world = server.world();
    let text = |end: &str| {
        let told = world.told.iter().find(|it| it.short().starts_with(end)).unwrap();
        told.body["text"].as_str().unwrap().to_owned()
    };
    let begun = text("firing failover");
    assert!(begun.starts_with("embedded/b: does the work of embedded/w: the primary "), "{begun}");
    assert_eq!(text("resolved failover"), "embedded/b: hand-back: the primary does its work again");
    drop(world);
    watch.end_well();
}

#[test]
fn slack_and_an_alertmanager_get_what_they_understand() {
    let (slack, alertmanager) = (listener(), listener());
    let project = failing(
        &(sink("slack") + "[[alerts.sink]]\nkind = \"alertmanager\"\nurl_env = \"MANAGER\"\n"),
    );
    let mut command = crate::scene::command(&project, &slack.url(), &["watch"]);
    command.env("MANAGER", alertmanager.url() + "/prefix/");
    let watch = crate::running::Watch::start(command);
    wait_for("both are told", || {
        let both = [&slack, &alertmanager].map(|it| it.world().told.len());
        both.iter().all(|it| *it == 1).then_some(())
    });
    mend(&project);
    wait_for("both are told that it is over", || {
        let both = [&slack, &alertmanager].map(|it| it.world().told.len());
        both.iter().all(|it| *it == 2).then_some(())
    });
    watch.end_well();
    let texts: Vec<String> = slack
        .world()
        .told
        .iter()
        .map(|it| {
            assert_eq!(it.body.as_object().unwrap().len(), 1);
            it.body["text"].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(texts[0].starts_with(":rotating_light: embedded/w: given up: "), "{texts:?}");
    assert!(texts[1].starts_with(":white_check_mark: embedded/w: over; it was: "), "{texts:?}");
    let world = alertmanager.world();
    assert!(world.told.iter().all(|it| it.target == "/prefix/api/v2/alerts"));
    let [firing, over] = [0, 1].map(|at| &world.told[at].body[0]);
    assert_eq!(firing["labels"], over["labels"], "by these it knows that it is the same one");
    assert_eq!(firing["startsAt"], over["startsAt"]);
    assert_eq!(firing["labels"]["alertname"], "RedundancyFailed");
    assert_eq!(firing["labels"]["resource"], "embedded/w");
    let time =
        |alert: &Value, key: &str| alert[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(
        time(firing, "endsAt") > time(over, "endsAt"),
        "it goes on until it is said to be over"
    );
    assert!(time(over, "startsAt") <= time(over, "endsAt"));
}

#[test]
fn a_command_gets_it_on_its_standard_input() {
    let project = failing(
        "[[alerts.sink]]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", \"cat >> told; echo >> told\"]\n\
         [[alerts.sink]]\nname = \"never\"\nkind = \"command\"\nmin_severity = \"critical\"\n\
         command = [\"sh\", \"-c\", \"cat >> severe; echo >> severe\"]\n",
    );
    let first = project.watch();
    let lines = |file: &str| {
        let text = std::fs::read_to_string(project.path(file)).unwrap_or_default();
        let line = |it: &str| serde_json::from_str::<Value>(it).ok();
        // A line without its end is still being written.
        let whole = text.split_inclusive('\n').filter(|it| it.ends_with('\n'));
        whole.filter_map(line).map(|it| it["key"].as_str().unwrap().to_owned()).collect()
    };
    let lines = |file: &str| -> Vec<String> { lines(file) };
    // Both of them: what a sink runs ends with a watch that is killed.
    wait_for("it is told", || {
        (lines("told").len() == 1 && lines("severe").len() == 1).then_some(())
    });
    first.kill();
    let second = project.watch();
    wait_for("the crash is told", || (lines("told").len() == 2).then_some(()));
    second.end_well();
    assert_eq!(lines("told"), ["failed:embedded/w", "crash"]);
    assert_eq!(lines("severe"), ["failed:embedded/w"], "a crash is a warning");
}

#[test]
fn a_sink_that_comes_later_is_told_what_is_open() {
    let server = listener();
    let project = failing("");
    let watch = watch(&project, &server.url());
    watch.wait_for_log("embedded/w: left alone: given up");
    wait_for("it is open", || {
        project.run(&["alerts"]).ok().stdout.contains("embedded/w").then_some(())
    });
    let config = project.read("redundancy.toml");
    project.write("redundancy.toml", &(config + &sink("webhook")));
    wait_until_told(&server, "firing failed:embedded/w");
    let history = project.run(&["history"]).ok().stdout;
    assert!(history.contains("alert       embedded/w  firing: embedded/w: given up"), "{history}");
    watch.end_well();
}

#[test]
fn an_emergency_is_told_and_what_was_given_up_is_started_again() {
    let server = listener();
    let mut config =
        "[failover]\nmax_recovery_attempts = 0\n[controller]\nemergency_below = 0.5\n".to_owned();
    for name in ["w", "x", "y"] {
        config += &format!(
            "[[process]]\nname = \"{name}\"\nmax_restarts = 0\n\
             command = [\"sh\", \"-c\", \"test -e fine && exec sleep 1000\"]\n"
        );
    }
    config += "[[process]]\nname = \"v\"\ncommand = [\"sleep\", \"1000\"]\n";
    // A file that is not there is unhealthy, and nothing that could be started again.
    config += "[[workflow]]\nbacks_up = \"gone.yml\"\n";
    let project = Project::new(&format!("{config}{}", sink("webhook")));
    let watch = watch(&project, &server.url());
    for name in ["w", "x", "y"] {
        watch.wait_for_log(&format!("embedded/{name}: left alone: given up"));
    }
    project.write("fine", "");
    // It takes a minute until it is one.
    let begun = Instant::now();
    let emergency = || told(&server).iter().any(|it| it.starts_with("event emergency"));
    while !emergency() {
        assert!(begun.elapsed() < 3 * LONG, "{:?}\n{}", told(&server), watch.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(begun.elapsed() > Duration::from_secs(50), "{:?}", begun.elapsed());
    for name in ["w", "x", "y"] {
        project.wait_for_pid(name, None);
    }
    let said = watch.end_well();
    assert!(said.contains("emergency: only 1 of 4 components are healthy"), "{said}");
}

#[test]
fn what_is_too_much_to_tell_is_counted() {
    let server = listener();
    let project = failing(&format!("at_most = 1\n{}", sink("webhook")));
    let watch = watch(&project, &server.url());
    wait_until_told(&server, "firing failed:embedded/w");
    mend(&project);
    project.wait_for_pid("w", None);
    wait_for("it is over", || {
        let open = project.run(&["alerts"]).ok().stdout;
        (!open.contains("failed  embedded/w")).then_some(())
    });
    watch.end_well();
    assert_eq!(told(&server), ["firing failed:embedded/w"]);
}
