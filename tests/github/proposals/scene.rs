//! A project whose backups are proposed, with a GitHub in GitHub's place.

use std::{fs, process::Command};

use jiff::{SignedDuration, Timestamp};

use crate::{
    fake::{Fake, TOKEN},
    project::{Project, Run},
    scene::finish,
};

pub(super) const BRANCH: &str = "redundancy/backups";
pub(super) const FOLDER: &str = ".github/workflows";

/// A workflow that runs `what` each day.
pub(super) fn workflow(what: &str) -> String {
    format!(
        "name: CI\non:\n  schedule:\n    - cron: '0 3 * * *'\n  workflow_dispatch:\njobs:\n  build:\n    \
         runs-on: ubuntu-latest\n    steps:\n      - run: {what}\n"
    )
}

/// A project with workflows, whose backups are proposed.
pub(super) struct Scene {
    pub(super) project: Project,
    pub(super) fake: Fake,
    pub(super) token: String,
}

impl Scene {
    /// With these workflows, in the checkout and at GitHub.
    pub(super) fn new(names: &[&str]) -> Self {
        let scene =
            Self { project: Project::empty(), fake: Fake::start(), token: TOKEN.to_owned() };
        scene.configure("backs_up = '*.yml'");
        for name in names {
            let path = format!("{FOLDER}/{name}.yml");
            scene.project.write(&path, &workflow("make"));
            let mut world = scene.fake.world();
            world.now = Timestamp::now();
            world.push("main", &[(&path, Some(&workflow("make")))], "Work");
            // It does its work, so nothing has to stand in for it.
            let id = world.add_workflow(name, &path);
            for hours in [23, 1] {
                let at = world.now - SignedDuration::from_hours(hours);
                let run = world.add_run(id, "schedule", at);
                world.complete(run, "success", at);
            }
        }
        scene
    }

    pub(super) fn configure(&self, rule: &str) {
        self.project.config(&format!(
            "[github]\nrepository = 'team/app'\napi_url = '{}'\ntoken_env = 'APP_TOKEN'\n\
             poll_every = '1s'\nwrite = 'pull-request'\n[[workflow]]\n{rule}\n",
            self.fake.url()
        ));
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.env("APP_TOKEN", &self.token);
        command
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments))
    }

    pub(super) fn apply(&self) -> Run {
        self.run(&["apply", "--yes"])
    }

    #[track_caller]
    pub(super) fn assert_settled(&self) {
        let plan = self.run(&["plan"]).ok().stdout;
        assert_eq!(plan, "Everything is as the config asks: there is nothing to do.\n");
    }

    pub(super) fn status(&self) -> String {
        self.run(&["status"]).ok().stdout
    }

    pub(super) fn on(&self, branch: &str, name: &str) -> Option<String> {
        self.fake.world().git.files(branch).get(&format!("{FOLDER}/{name}")).cloned()
    }

    pub(super) fn end_of(&self, branch: &str) -> String {
        self.fake.world().git.branches[branch].clone()
    }

    /// How many commits our branch has that the default branch has not.
    pub(super) fn commits(&self) -> usize {
        let world = self.fake.world();
        let Some(mut at) = world.git.branches.get(BRANCH) else { return 0 };
        let mut count = 0;
        while !world.git.leads_to(at, &world.git.branches["main"]) {
            count += 1;
            at = &world.git.commits[at].parents[0];
        }
        count
    }

    /// How many pull requests there are, and how many of them are open.
    pub(super) fn pulls(&self) -> (usize, usize) {
        let world = self.fake.world();
        (world.pulls.len(), world.pulls.iter().filter(|it| it.closed.is_none()).count())
    }

    /// How many requests there were that change something.
    pub(super) fn changes(&self) -> usize {
        self.fake.world().requests.iter().filter(|it| it.method != "GET").count()
    }

    /// The names of the workflows in the checkout.
    pub(super) fn checkout(&self) -> Vec<String> {
        let entries = fs::read_dir(self.project.path(FOLDER)).unwrap();
        let mut names: Vec<_> =
            entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}
