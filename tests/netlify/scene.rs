//! A project with two functions and their backups, and a site that serves them.

use std::process::Command;

use crate::{
    fake::{Fake, SITE, TOKEN},
    project::{Project, Run},
    running::Watch,
    without_token,
};

pub(crate) const HELLO: &str = "export default async () => new Response('hello');\n";

pub(crate) const FUNCTIONS: [&str; 4] = ["hello", "hello-backup", "mail", "mail-backup"];

pub(crate) struct Scene {
    pub(crate) project: Project,
    pub(crate) fake: Fake,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let scene = Self { project: Project::empty(), fake: Fake::start() };
        for name in ["hello", "mail"] {
            scene.project.write(&format!("netlify/functions/{name}.mjs"), HELLO);
        }
        scene.configure("");
        scene.run(&["apply", "--yes"]).ok();
        scene
    }

    /// The config, with `more` lines in `[netlify]`.
    pub(crate) fn configure(&self, more: &str) {
        let probe = "probe = { expect_status = 200, every = '1s', timeout = '2s' }";
        self.configure_all(more, probe);
    }

    /// The config, with `more` lines in `[netlify]` and `function` lines in `[[function]]`.
    pub(crate) fn configure_all(&self, more: &str, function: &str) {
        self.project.config(&format!(
            "[failover]\nfall = 2\n[netlify]\nsite = '{SITE}'\napi_url = '{}'\n\
             token_env = 'APP_TOKEN'\npoll_every = '1s'\n{more}\n[[function]]\nbacks_up = '*'\n\
             {function}\n",
            self.fake.url()
        ));
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.env("APP_TOKEN", TOKEN);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Self::end(self.command(arguments))
    }

    pub(crate) fn end(mut command: Command) -> Run {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        without_token(&format!("{stdout}\n{stderr}"));
        Run { code: output.status.code().unwrap(), stdout, stderr }
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch::start(self.command(&["watch"]))
    }

    /// What `health netlify` says, in single blanks, and its exit code.
    pub(crate) fn health(&self) -> (i32, String) {
        let run = self.run(&["health", "netlify"]);
        (run.code, plain(&run.stdout))
    }
}

/// Lines in single blanks, without times.
pub(crate) fn plain(text: &str) -> String {
    let is_time = |it: &str| it.starts_with("20") && it.ends_with('Z');
    let words = |line: &str| {
        line.split_whitespace().filter(|it| !is_time(it)).collect::<Vec<_>>().join(" ")
    };
    text.lines().map(words).collect::<Vec<_>>().join("\n")
}
