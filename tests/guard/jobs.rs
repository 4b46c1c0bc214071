//! What follows from the guard's word for the other jobs.

use crate::{
    act::{ALL, PRIMARY, Project},
    github::{Answer, Github, Run},
};

fn github(conclusion: &'static str) -> Github {
    Github::new("ci.yml", vec![Answer::Runs(vec![Run::ended(conclusion, 1)])])
}

#[test]
fn nothing_runs_when_the_guard_says_no() {
    let project = Project::new("ci.yml", PRIMARY, "run");
    let ran = project.run("schedule", &github("success"), &[("BROKEN", "1")]);
    assert!(ran.well, "{}", ran.log);
    assert_eq!(ran.jobs, [""; 0], "{}", ran.log);
}

#[test]
fn when_it_says_yes_each_job_keeps_its_own_condition() {
    let project = Project::new("ci.yml", PRIMARY, "run");
    let ran = project.run("schedule", &github("failure"), &[]);
    assert!(ran.well, "{}", ran.log);
    assert_eq!(ran.jobs, ALL, "{}", ran.log);
}

#[test]
fn a_build_that_fails_in_the_backup_is_told_as_in_the_primary() {
    let project = Project::new("ci.yml", PRIMARY, "run");
    let ran = project.run("schedule", &github("failure"), &[("BROKEN", "1")]);
    assert!(!ran.well, "{}", ran.log);
    assert_eq!(ran.jobs, ["alarm", "build", "lint", "report"], "{}", ran.log);
}

/// The primary without a guard does all that, so the test would see a job that leaks.
#[test]
fn without_a_guard_the_same_jobs_run() {
    let project = Project::new("ci.yml", PRIMARY, "run");
    project.without_guard(PRIMARY);
    let ran = project.run("schedule", &github("success"), &[]);
    assert_eq!(ran.jobs, ALL, "{}", ran.log);
}

/// What a workflow sets for all of its steps is in force in the guard's step too.
#[test]
fn the_settings_of_the_primary_do_not_reach_the_guard() {
    let settings = "defaults:\n  run:\n    shell: python3 {0}\n    working-directory: not-there\n\
                    env:\n  PRIMARY: deploy.yml\n  TOKEN: none\n  STALE_AFTER: soon\n  ON_ERROR: maybe\n\
                    permissions: {}\njobs:";
    let text = PRIMARY.replace("jobs:", settings);
    let project = Project::new("ci.yml", &text, "run");
    let ran = project.run("schedule", &github("success"), &[]);
    assert!(ran.well && ran.jobs.is_empty(), "{}", ran.log);
    assert!(ran.output("reason").unwrap().contains("succeeded"), "{}", ran.log);
}

#[test]
fn a_job_of_the_primary_may_be_called_like_the_guard() {
    let text = PRIMARY.replace("build", "redundancy_guard");
    let project = Project::new("ci.yml", &text, "run");
    for (conclusion, jobs) in
        [("success", &[][..]), ("failure", &["lint", "publish", "redundancy_guard", "report"])]
    {
        let ran = project.run("schedule", &github(conclusion), &[]);
        assert!(ran.well, "{}", ran.log);
        assert_eq!(ran.jobs, jobs, "{}", ran.log);
    }
}

/// What a file may be called is tested beside the guard; a branch may be called nearly anything.
#[test]
fn no_name_of_a_branch_does_anything() {
    const BRANCH: &str = "it's-$(touch${IFS}oops)-`oops`-\"&per_page=1;+#%41";
    let project = Project::new("ci.yml", PRIMARY, "run");
    project.name_the_branch(BRANCH);
    let runs = vec![Run::ended("success", 1), Run::ended("failure", 2).on(BRANCH)];
    let github = Github::new("ci.yml", vec![Answer::Runs(runs)]);
    let ran = project.run("schedule", &github, &[]);
    assert_eq!(ran.jobs, ALL, "{}", ran.log);
    assert!(ran.output("reason").unwrap().contains("ended in failure"), "{}", ran.log);
}
