//! A project with a workflow and its backup, and a GitHub that knows both.

use std::process::Command;

use jiff::{SignedDuration, Timestamp};

use crate::{
    fake::{Fake, TOKEN, World},
    project::{Project, Run},
    running::Watch,
};

pub(crate) const CI: &str = "\
name: CI
on:
  schedule:
    - cron: '0 3 * * *'
  workflow_dispatch:
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: make
";

/// A project with one workflow and its backup, both known to GitHub.
pub(crate) struct Scene {
    pub(crate) project: Project,
    pub(crate) fake: Fake,
    pub(crate) ci: u64,
    pub(crate) backup: u64,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let fake = Fake::start();
        let project = Project::empty();
        project.write(".github/workflows/ci.yml", CI);
        let scene = Self { project, fake, ci: 0, backup: 0 };
        scene.configure("");
        let mut world = scene.fake.world();
        world.now = Timestamp::now();
        let ci = world.add_workflow("CI", ".github/workflows/ci.yml");
        let backup = world.add_workflow("CI (backup)", ".github/workflows/ci-backup.yml");
        // Both have run by their schedules since they were due last.
        for workflow in [ci, backup] {
            ended(&mut world, workflow, "schedule", 23 * 60, "success");
            ended(&mut world, workflow, "schedule", 90, "success");
        }
        drop(world);
        scene.run(&["apply", "--yes"]).ok();
        Self { ci, backup, ..scene }
    }

    /// The config, with `more` lines in `[[workflow]]`.
    pub(crate) fn configure(&self, more: &str) {
        self.project.config(&format!(
            "[github]\nrepository = 'team/app'\napi_url = '{}'\ntoken_env = 'APP_TOKEN'\n\
             poll_every = '1s'\n[[workflow]]\nbacks_up = 'ci.yml'\n{more}",
            self.fake.url()
        ));
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.env("APP_TOKEN", TOKEN);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments))
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch::start(self.command(&["watch"]))
    }

    /// A line of `status`, in single blanks, without times.
    pub(crate) fn status(&self, id: &str) -> String {
        let status = self.run(&["status"]).ok().stdout;
        let line = status.lines().find(|line| line.starts_with(id)).unwrap().to_owned();
        let words = line.split_whitespace().take_while(|it| !it.starts_with(char::is_numeric));
        words.collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn requests(&self, method: &str, end: &str) -> usize {
        let world = self.fake.world();
        world.requests.iter().filter(|it| it.method == method && it.target.ends_with(end)).count()
    }
}

/// A run that ended so many minutes ago, ten minutes after it began.
pub(crate) fn ended(
    world: &mut World,
    workflow: u64,
    event: &str,
    minutes: i64,
    conclusion: &str,
) -> u64 {
    let at = world.now - SignedDuration::from_mins(minutes);
    let run = world.add_run(workflow, event, at - SignedDuration::from_mins(10));
    world.complete(run, conclusion, at);
    run
}

/// Runs a command to its end. The token is in nothing that it says.
pub(crate) fn finish(mut command: Command) -> Run {
    let run = Run::of(command.output().unwrap());
    assert!(!format!("{run:?}").contains(&TOKEN[4..]), "the token is in {run:?}");
    run
}
