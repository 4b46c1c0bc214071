//! What the guard decides, rule by rule.

use serde_json::{Value, json};

use crate::{
    act::{ALL, PRIMARY, Project},
    github::{Answer, Github, Run},
};

const RESTS: [&str; 4] = ["0", "5", "15", "30"];

/// What a guard that decides for itself comes to.
#[derive(Debug, Clone, Copy)]
enum Verdict {
    Runs,
    Rests,
}

use Verdict::{Rests, Runs};

/// Checks rules that hold whatever `on_error` says: a name, the runs of the primary, and what follows,
/// with a part of the reason. A day has one run of it, so its success is good for two.
fn check(rules: &[(&str, Vec<Run>, Verdict, &str)]) {
    for on_error in ["run", "skip"] {
        let project = Project::new("ci.yml", PRIMARY, on_error);
        for (name, runs, verdict, reason) in rules {
            let github = Github::new("ci.yml", vec![Answer::Runs(runs.clone())]);
            let ran = project.run("schedule", &github, &[]);
            let context = format!("{name}, on_error = {on_error}:\n{}", ran.log);
            assert!(ran.well, "{context}");
            match verdict {
                Runs => assert_eq!(ran.jobs, ALL, "{context}"),
                Rests => assert_eq!(ran.jobs, [""; 0], "{context}"),
            }
            assert!(ran.output("reason").unwrap().contains(reason), "{context}");
            assert!(ran.log.contains(&format!("Summary - run: {}", ran.output("run").unwrap())));
            assert_eq!((github.asked().len(), &ran.rests[..]), (1, &RESTS.map(Into::into)[..1]));
        }
    }
}

#[test]
fn the_last_conclusive_run_counts() {
    let ended = Run::ended;
    check(&[
        (
            "a fresh success",
            vec![ended("success", 3)],
            Rests,
            "succeeded: https://github.com/acme/",
        ),
        (
            "a failure",
            vec![ended("failure", 3)],
            Runs,
            "ended in failure: https://github.com/acme/",
        ),
        ("a time-out", vec![ended("timed_out", 3)], Runs, "ended in timed_out"),
        ("no start", vec![ended("startup_failure", 3)], Runs, "ended in startup_failure"),
        ("a success before", vec![ended("failure", 3), ended("success", 9)], Runs, "in failure"),
        ("a success since", vec![ended("success", 3), ended("failure", 9)], Rests, "succeeded"),
        ("not yet stale", vec![ended("success", 47)], Rests, "succeeded"),
        ("stale", vec![ended("success", 49)], Runs, "too long ago"),
        ("none", vec![], Runs, "no run of the primary has come to an end"),
    ]);
}

#[test]
fn what_came_to_no_conclusion_is_looked_through() {
    let ended = Run::ended;
    let nothing = ["cancelled", "skipped", "neutral", "stale", "action_required"];
    let over = |run: Run| -> Vec<Run> {
        nothing.map(|it| ended(it, 1)).into_iter().chain([run]).collect()
    };
    check(&[
        ("only cancelled", vec![ended("cancelled", 3)], Runs, "no run of the primary"),
        ("over a success", over(ended("success", 3)), Rests, "succeeded"),
        ("over a failure", over(ended("failure", 3)), Runs, "failure"),
        ("over an old success", over(ended("success", 60)), Runs, "too long ago"),
    ]);
}

#[test]
fn a_primary_at_work_is_left_to_it_until_it_is_stuck() {
    let (active, failure) = (Run::active, Run::ended("failure", 60));
    let after = |run: Run| vec![run, failure.clone()];
    check(&[
        ("in progress", after(active("in_progress", 1)), Rests, "at work"),
        ("queued", after(active("queued", 1)), Rests, "at work"),
        ("waiting", after(active("waiting", 47)), Rests, "at work"),
        ("pending", after(active("pending", 1)), Rests, "at work"),
        ("requested", vec![active("requested", 1)], Rests, "at work"),
        ("stuck", after(active("in_progress", 49)), Runs, "failure"),
        ("only stuck", vec![active("queued", 49)], Runs, "no run of the primary"),
        (
            "stuck and well since",
            vec![Run::ended("success", 3), active("queued", 60)],
            Rests,
            "succ",
        ),
    ]);
}

#[test]
fn a_run_began_when_it_was_last_started() {
    let ended = Run::ended;
    let old = |conclusion| ended(conclusion, 90);
    check(&[
        ("well again", vec![ended("failure", 6), old("success").again(1)], Rests, "succeeded"),
        ("broken again", vec![ended("success", 6), old("failure").again(1)], Runs, "failure"),
        ("not the last", vec![ended("failure", 6), old("success").again(8)], Runs, "failure"),
        ("no more stale", vec![old("success").again(40)], Rests, "succeeded"),
        ("at it again", vec![Run::active("queued", 90).again(1), old("failure")], Rests, "at work"),
    ]);
}

#[test]
fn pull_requests_and_other_branches_say_nothing_of_the_primary() {
    let ended = Run::ended;
    let of_pr = |conclusion| ended(conclusion, 1).by("pull_request");
    let target = |conclusion| ended(conclusion, 1).by("pull_request_target");
    check(&[
        ("a bad one", vec![of_pr("failure"), ended("success", 3)], Rests, "succeeded"),
        ("a good one", vec![of_pr("success"), ended("failure", 3)], Runs, "failure"),
        ("a bad target", vec![target("failure"), ended("success", 3)], Rests, "succeeded"),
        ("a good target", vec![target("success"), ended("failure", 3)], Runs, "failure"),
        (
            "one at work",
            vec![Run::active("queued", 1).by("pull_request"), ended("failure", 3)],
            Runs,
            "failure",
        ),
        ("a push", vec![ended("success", 1).by("push"), ended("failure", 3)], Rests, "succeeded"),
        ("by hand", vec![ended("failure", 1).by("workflow_dispatch")], Runs, "failure"),
        ("a branch", vec![ended("success", 1).on("new"), ended("failure", 3)], Runs, "failure"),
        (
            "a page of them",
            [vec![of_pr("failure"); 99], vec![ended("success", 9)]].concat(),
            Rests,
            "",
        ),
    ]);
}

#[test]
fn a_primary_that_is_gone_is_stood_in_for() {
    for on_error in ["run", "skip"] {
        let project = Project::new("ci.yml", PRIMARY, on_error);
        let github = Github::new("ci.yml", vec![Answer::refusal("404 Not Found", "Not Found")]);
        let ran = project.run("schedule", &github, &[]);
        assert_eq!(
            (&ran.jobs[..], github.asked().len()),
            (&ALL.map(Into::into)[..], 1),
            "{}",
            ran.log
        );
        assert_eq!(ran.output("reason"), Some("the primary is not there"));
    }
}

#[test]
fn who_asks_for_it_gets_it() {
    let project = Project::new("ci.yml", PRIMARY, "skip");
    let github = Github::new("ci.yml", vec![Answer::Runs(vec![Run::ended("success", 1)])]);
    let ran = project.run("workflow_dispatch", &github, &[]);
    assert!(ran.well && ran.jobs == ALL, "{}", ran.log);
    assert_eq!(github.asked(), [""; 0]);
}

#[test]
fn what_gives_no_answer_is_asked_again_and_then_the_config_decides() {
    let long = "x".repeat(3_000_000);
    let raw = |status, body: &str| Answer::Raw(status, body.to_owned());
    let odd = |key: &str, value: Value| {
        let mut run = json!({
            "id": 1, "event": "push", "status": "completed", "conclusion": "success",
            "run_started_at": "2026-01-01T00:00:00Z", "html_url": "https://github.com/acme/shop",
        });
        run[key] = value;
        raw("200 OK", &json!({ "workflow_runs": [run] }).to_string())
    };
    let bad = [
        ("500", Answer::refusal("500 Internal Server Error", "Server Error")),
        ("502", raw("502 Bad Gateway", "<html><body>Unicorn!</body></html>")),
        ("401", Answer::refusal("401 Unauthorized", "Bad credentials")),
        ("403", Answer::refusal("403 Forbidden", "Resource not accessible by integration")),
        ("429", Answer::refusal("429 Too Many Requests", "secondary rate limit")),
        ("410", Answer::refusal("410 Gone", "This API version is no longer supported")),
        ("a redirect", raw("302 Found", "")),
        ("a page", raw("200 OK", "<!DOCTYPE html><title>Sign in</title>")),
        ("a long page", raw("200 OK", &long)),
        ("an empty body", raw("200 OK", "")),
        ("blank lines", raw("200 OK", "\n\n\n")),
        ("half a body", Answer::Torn(1000)),
        ("half a head", Answer::Torn(10)),
        ("no reply", Answer::Torn(0)),
        ("half of the JSON", raw("200 OK", "{\"total_count\":1,\"workflow_runs\":[{\"id\":1,")),
        ("more than JSON", raw("200 OK", "{\"workflow_runs\":[]} and more")),
        ("another shape", raw("200 OK", "{\"message\":\"hello\"}")),
        ("a list", raw("200 OK", "[]")),
        ("a null", raw("200 OK", "null")),
        ("an odd time", odd("run_started_at", "yesterday".into())),
        ("an odd event", odd("event", 7.into())),
    ];
    for (on_error, jobs) in [("run", &ALL[..]), ("skip", &[])] {
        let project = Project::new("ci.yml", PRIMARY, on_error);
        for (name, answer) in &bad {
            let github = Github::new("ci.yml", vec![answer.clone()]);
            let ran = project.run("schedule", &github, &[]);
            let context = format!("{name}, on_error = {on_error}:\n{}", ran.log);
            assert!(ran.well, "{context}");
            assert_eq!(ran.jobs, jobs, "{context}");
            assert!(
                ran.output("reason").unwrap().contains("no answer that can be read"),
                "{context}"
            );
            assert_eq!(
                (github.asked().len(), &ran.rests[..]),
                (4, &RESTS.map(Into::into)[..]),
                "{name}"
            );
        }
    }
}

#[test]
fn a_passing_fault_decides_nothing() {
    let project = Project::new("ci.yml", PRIMARY, "run");
    let fault = || Answer::refusal("502 Bad Gateway", "Server Error");
    let well = Answer::Runs(vec![Run::ended("success", 1)]);
    let github = Github::new("ci.yml", vec![fault(), fault(), well]);
    let ran = project.run("schedule", &github, &[]);
    assert!(ran.well && ran.jobs.is_empty(), "{}", ran.log);
    assert_eq!((github.asked().len(), &ran.rests[..]), (3, &RESTS.map(Into::into)[..3]));
}

/// Nobody waits for GitHub for ever: the guard gives each request its time, which is shorter here.
#[test]
fn silence_is_no_answer_either() {
    let project = Project::new("ci.yml", PRIMARY, "skip");
    project.shim("curl", "exec curl \"$@\" --max-time 1");
    let github = Github::new("ci.yml", vec![Answer::Silence]);
    let ran = project.run("schedule", &github, &[]);
    assert!(ran.well && ran.jobs.is_empty(), "{}", ran.log);
    assert_eq!(github.asked().len(), 4);
    // All of it has to fit into the five minutes that the job has.
    assert!(project.backup().contains(" -m 20 "), "{}", project.backup());
}

#[test]
fn what_nothing_plans_is_never_too_old() {
    let primary = PRIMARY.replace("  schedule:\n    - cron: \"0 3 * * *\"\n", "");
    assert_ne!(primary, PRIMARY);
    let project = Project::new("ci.yml", &primary, "run");
    for (runs, verdict) in [
        (vec![Run::ended("success", 24 * 300)], Rests),
        (vec![Run::ended("failure", 24 * 300)], Runs),
        (vec![Run::active("queued", 47), Run::ended("failure", 60)], Rests),
        (vec![Run::active("queued", 49), Run::ended("failure", 60)], Runs),
    ] {
        let github = Github::new("ci.yml", vec![Answer::Runs(runs)]);
        let ran = project.run("schedule", &github, &[]);
        assert_eq!(!ran.jobs.is_empty(), matches!(verdict, Runs), "{}", ran.log);
    }
}
