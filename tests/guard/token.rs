//! What the guard asks GitHub, and where its token is not.

use std::fs;

use crate::{
    act::{PRIMARY, Project},
    github::{Answer, Github, Run, TOKEN},
};

/// `Project::run` looks for the token in all that act says, with nothing masked. Here it is where other
/// programs of the machine could see it.
#[test]
fn the_token_is_in_no_list_of_processes() {
    let project = Project::new("ci.yml", PRIMARY, "run");
    let args = project.path("args");
    project.shim("curl", &format!("echo \"$@\" >>'{}'\nexec curl \"$@\"", args.display()));
    let github = Github::new("ci.yml", vec![Answer::Runs(vec![Run::ended("success", 1)])]);
    let ran = project.run("schedule", &github, &[]);
    assert!(ran.well && ran.jobs.is_empty(), "{}", ran.log);
    let args = fs::read_to_string(args).unwrap();
    assert!(args.contains("/actions/workflows/ci.yml/runs") && !args.contains(TOKEN), "{args}");
}

#[test]
fn it_asks_once_for_what_it_needs() {
    let project = Project::new("ci.yml", PRIMARY, "run");
    let github = Github::new("ci.yml", vec![Answer::Runs(vec![Run::ended("success", 1)])]);
    project.run("schedule", &github, &[]);
    let asked = github.asked();
    let [asked] = &asked[..] else { panic!("{asked:?}") };
    let first = "GET /repos/acme/shop/actions/workflows/ci.yml/runs\
                 ?branch=main&per_page=100&exclude_pull_requests=true HTTP/1.1\n";
    assert!(asked.starts_with(first), "{asked}");
    for header in ["X-GitHub-Api-Version: 2022-11-28", "Accept: application/vnd.github+json"] {
        assert!(asked.lines().any(|it| it == header), "{asked}");
    }
}
