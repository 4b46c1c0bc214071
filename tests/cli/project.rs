//! A project in a folder of its own, and the program run in it.

#[path = "../parts/run.rs"]
mod run;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) use self::run::Run;
pub(crate) use crate::{running::Watch, wait::wait_for};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_redundancy");

/// A config whose processes this tool runs itself, as far as they do not say otherwise.
pub(crate) fn embedded(text: &str) -> String {
    format!("runner = \"embedded\"\n{text}")
}

/// A folder with a `redundancy.toml`. When it is dropped, what runs in it is ended.
pub(crate) struct Project {
    dir: TempDir,
}

impl Project {
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn new(config: &str) -> Self {
        let project = Self::empty();
        project.config(config);
        project
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub(crate) fn config(&self, text: &str) {
        self.write("redundancy.toml", &embedded(text));
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(self.root()).stdin(Stdio::null());
        command.env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE");
        // No PM2 of whoever runs the tests is spoken to.
        command.env("PM2_HOME", self.path("pm2"));
        // Nor a GitHub or a Netlify with their token.
        for token in ["GITHUB_TOKEN", "NETLIFY_AUTH_TOKEN", "NETLIFY_TOKEN"] {
            command.env_remove(token);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    /// Runs the program so that every write to a file fails, as on a full disk.
    pub(crate) fn run_without_room(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh", PROGRAM]);
        command.args(arguments).current_dir(self.root()).stdin(Stdio::null());
        Run::of(command.env("NO_COLOR", "1").output().unwrap())
    }

    /// Plans and fails the test unless there is nothing to do.
    #[track_caller]
    pub(crate) fn assert_settled(&self) {
        let plan = self.run(&["plan"]).ok();
        assert_eq!(
            plan.stdout, "Everything is as the config asks: there is nothing to do.\n",
            "{}",
            plan.stderr
        );
    }

    /// What `status --json` says of a resource.
    pub(crate) fn status(&self, id: &str) -> Value {
        let status: Value =
            serde_json::from_str(&self.run(&["status", "--json"]).ok().stdout).unwrap();
        let resources = status["resources"].as_array().unwrap();
        resources.iter().find(|it| it["id"] == id).cloned().unwrap_or(Value::Null)
    }

    /// The number of a process that is running.
    pub(crate) fn pid(&self, name: &str) -> Option<u32> {
        let status = self.status(&format!("embedded/{name}"));
        status["state"].as_str()?.strip_prefix("running, pid ")?.parse().ok()
    }

    /// Waits until a process runs under another number than `not`.
    #[track_caller]
    pub(crate) fn wait_for_pid(&self, name: &str, not: Option<u32>) -> u32 {
        wait_for(&format!("{name} runs, not as {not:?}"), || {
            self.pid(name).filter(|&pid| Some(pid) != not)
        })
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch::start(self.command(&["watch"]))
    }

    /// A text without what differs from run to run: the folder, times, numbers of processes.
    pub(crate) fn steady(&self, text: &str) -> String {
        let root = self.root().canonicalize().unwrap();
        let text = text.replace(&*root.to_string_lossy(), "ROOT");
        text.replace(&*self.root().to_string_lossy(), "ROOT")
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // The config may be broken by now, and the runner must know what to end.
        if !self.path(".redundancy").exists() {
            return;
        }
        self.config("[controller]\n");
        let ended = self.run(&["stop"]);
        if !std::thread::panicking() {
            assert_eq!(ended.code, 0, "{ended:?}");
        }
    }
}

pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

pub(crate) fn kill(pid: u32) {
    signal(pid, rustix::process::Signal::KILL);
}

/// Whether a process of that number runs and is no zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// How many processes run whose command line has `argument` as one of its words.
pub(crate) fn running_with(argument: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|it| fs::read(it.path().join("cmdline")).ok())
        .filter(|line| line.split(|&byte| byte == 0).any(|it| it == argument.as_bytes()))
        .count()
}
