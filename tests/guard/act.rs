//! A project with one workflow, whose backup `act` runs.

use std::{
    fs::{self, File},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Condvar, Mutex},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::{
    github::{Github, REPOSITORY, TOKEN},
    python,
};

/// How long a run may take before a test gives up: far longer than it takes.
const LONG: Duration = Duration::from_mins(2);

/// A workflow in which each job leaves its name in the file `$MARKS`. Where `$BROKEN` is set, what it
/// builds fails.
pub(crate) const PRIMARY: &str = r#"name: CI
on:
  schedule:
    - cron: "0 3 * * *"
  push:
  pull_request:
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: echo build >>"$MARKS"; test -z "$BROKEN"
  lint:
    if: github.repository == 'acme/shop'
    runs-on: ubuntu-latest
    steps:
      - run: echo lint >>"$MARKS"
  elsewhere:
    if: github.repository == 'else/where' || github.event_name == 'push'
    runs-on: ubuntu-latest
    steps:
      - run: echo elsewhere >>"$MARKS"
  publish:
    needs: [build, lint]
    runs-on: ubuntu-latest
    steps:
      - run: echo publish >>"$MARKS"
  report:
    needs: build
    if: always()
    runs-on: ubuntu-latest
    steps:
      - run: echo report >>"$MARKS"
  alarm:
    needs: build
    if: ${{ failure() }}
    runs-on: ubuntu-latest
    steps:
      - run: echo alarm >>"$MARKS"
"#;

/// The jobs of [`PRIMARY`] that run when all is well.
pub(crate) const ALL: [&str; 4] = ["build", "lint", "publish", "report"];

/// A project of this test alone.
pub(crate) struct Project {
    dir: TempDir,
    backup: String,
}

/// What a run of the backup came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Whether every job that ran ended well.
    pub(crate) well: bool,
    /// The jobs that ran, in order of their names.
    pub(crate) jobs: Vec<String>,
    /// All that act said, nothing of it masked.
    pub(crate) log: String,
    /// The rests that the guard took, in seconds.
    pub(crate) rests: Vec<String>,
}

impl Ran {
    /// What the guard said: an output of its step.
    pub(crate) fn output(&self, name: &str) -> Option<&str> {
        let start = format!("::set-output:: {name}=");
        self.log.lines().find_map(|line| Some(line.split_once(&start)?.1))
    }
}

impl Project {
    /// A project with this workflow, and its backup as the program makes it.
    pub(crate) fn new(file: &str, text: &str, on_error: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stem = file.strip_suffix(".yml").unwrap();
        let project = Self { dir, backup: format!(".github/workflows/{stem}-backup.yml") };
        let config = format!("[[workflow]]\nbacks_up = '*'\non_error = '{on_error}'\n");
        project.write("shop/redundancy.toml", &config);
        project.write(&format!("shop/.github/workflows/{file}"), text);
        for folder in ["home", "tmp", "shims"] {
            fs::create_dir(project.path(folder)).unwrap();
        }
        // A rest is written down and not taken.
        project.shim("sleep", &format!("echo \"$1\" >>'{}'", project.path("rests").display()));
        let url = format!("https://github.com/{REPOSITORY}.git");
        let who =
            ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
        project.ok("git", &["init", "--quiet", "--initial-branch=main"]);
        project.ok("git", &["remote", "add", "origin", &url]);
        project.ok("git", &[&who[..], &["commit", "--quiet", "--allow-empty", "-m", "x"]].concat());
        project.ok(env!("CARGO_BIN_EXE_redundancy"), &["apply", "--yes"]);
        project
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The text of the backup.
    pub(crate) fn backup(&self) -> String {
        fs::read_to_string(self.path("shop").join(&self.backup)).unwrap()
    }

    /// Puts the primary's own text in the place of its backup.
    pub(crate) fn without_guard(&self, text: &str) {
        self.write(&format!("shop/{}", self.backup), text);
    }

    pub(crate) fn name_the_branch(&self, name: &str) {
        self.ok("git", &["branch", "--move", name]);
    }

    /// Puts a script before the program `name`, in what the jobs run. `$PATH` is without it there.
    pub(crate) fn shim(&self, name: &str, script: &str) {
        let path = format!("shims/{name}");
        self.write(&path, &format!("#!/bin/sh\nPATH=${{PATH#*:}}\n{script}\n"));
        fs::set_permissions(self.path(&path), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A program in the project, with no more of this process's environment than it needs.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap();
        command.env_clear().env("PATH", path).current_dir(self.path("shop")).stdin(Stdio::null());
        command.env("HOME", self.path("home")).env("TMPDIR", self.path("tmp"));
        for (name, folder) in [("XDG_CACHE_HOME", "home/cache"), ("XDG_CONFIG_HOME", "home/config")]
        {
            command.env(name, self.path(folder));
        }
        command
    }

    fn ok(&self, program: &str, args: &[&str]) {
        let ran = self.command(program).args(args).output().unwrap();
        assert!(ran.status.success(), "{program} {args:?}: {ran:?}");
    }

    /// Runs the backup as `event` would, with the server in GitHub's place.
    pub(crate) fn run(&self, event: &str, github: &Github, env: &[(&str, &str)]) -> Ran {
        for tool in ["curl", "jq", "bash"] {
            let found = Command::new(tool).arg("--version").output();
            assert!(found.is_ok(), "these tests need {tool} in PATH, as GitHub's machines have it");
        }
        let [marks, rests, log] = ["marks", "rests", "log"].map(|it| self.path(it));
        for file in [&marks, &rests] {
            fs::write(file, "").unwrap();
        }
        let mut act = self.command(python::programs().join("bin/act"));
        let path = std::env::var("PATH").unwrap();
        act.env("PATH", format!("{}:{path}", self.path("shims").display()));
        act.arg(event).arg("-W").arg(&self.backup).args(["-P", "ubuntu-latest=-self-hosted"]);
        act.arg("--no-cache-server").arg("--insecure-secrets");
        act.arg("-s").arg(format!("GITHUB_TOKEN={TOKEN}"));
        let api = format!("http://127.0.0.1:{}", github.port);
        let (api, marks_text) = (("GITHUB_API_URL", api.as_str()), marks.display().to_string());
        for (name, value) in [&[api, ("MARKS", &marks_text)], env].concat() {
            act.arg("--env").arg(format!("{name}={value}"));
        }
        let out = File::create(&log).unwrap();
        act.stdout(out.try_clone().unwrap()).stderr(out);
        let well = bounded(act, &log);
        let lines = |file: &Path| -> Vec<String> {
            fs::read_to_string(file).unwrap().lines().map(ToOwned::to_owned).collect()
        };
        let mut jobs = lines(&marks);
        jobs.sort();
        let ran = Ran { well, jobs, log: fs::read_to_string(&log).unwrap(), rests: lines(&rests) };
        assert!(!ran.log.contains(TOKEN), "the token is in what act says:\n{}", ran.log);
        ran
    }
}

/// Runs a program to its end, two of them at a time: whether it ended well.
fn bounded(mut command: Command, log: &Path) -> bool {
    static FREE: (Mutex<u32>, Condvar) = (Mutex::new(2), Condvar::new());
    let (free, freed) = &FREE;
    *freed.wait_while(free.lock().unwrap(), |free| *free == 0).unwrap() -= 1;
    let mut child = command.process_group(0).spawn().unwrap();
    let deadline = Instant::now() + LONG;
    let status = loop {
        let status = child.try_wait().unwrap();
        if status.is_some() || Instant::now() > deadline {
            break status;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    // Usually nothing is left of it.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    child.wait().unwrap();
    *free.lock().unwrap() += 1;
    freed.notify_one();
    let status = status.unwrap_or_else(|| panic!("{}", fs::read_to_string(log).unwrap()));
    status.success()
}
