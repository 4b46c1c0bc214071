//! A remote, a checkout of it and somebody else's checkout, in a folder of their own.

#[path = "../parts/run.rs"]
mod run;

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

pub(crate) use self::run::Run;
pub(crate) use crate::wait::wait_for;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_redundancy");

/// All that is in a checkout, but for its git folder: what each path is.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

pub(crate) struct Repo {
    dir: TempDir,
}

impl Repo {
    /// A checkout in step with its remote, whose main has one commit: `shared` with ten lines,
    /// `other`, and `.gitignore`.
    pub(crate) fn new() -> Self {
        let repo = Self::without_commits();
        let lines: String = (0..10).map(|n| format!("line {n}\n")).collect();
        repo.write("theirs/shared", &lines);
        repo.write("theirs/other", "other\n");
        repo.write("theirs/.gitignore", ".env\nnode_modules/\nlogs/\n");
        repo.commit("theirs", "first");
        repo.git_in("theirs", &["push", "-q", "origin", "main"]);
        repo.git(&["pull", "-q", "origin", "main"]);
        repo
    }

    /// A checkout of a remote without any commit.
    pub(crate) fn without_commits() -> Self {
        let repo = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(repo.path("home")).unwrap();
        repo.write(
            "home/config",
            "[user]\nname = Tester\nemail = tester@localhost\n[init]\ntemplateDir =\n",
        );
        repo.git_in("", &["init", "-q", "--bare", "-b", "main", "remote.git"]);
        for name in ["mine", "theirs"] {
            repo.git_in("", &["init", "-q", "-b", "main", name]);
            let url = repo.path("remote.git");
            repo.git_in(name, &["remote", "add", "origin", url.to_str().unwrap()]);
        }
        repo
    }

    /// The same in another folder.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self { dir: tempfile::tempdir().unwrap() };
        let mut command = Command::new("cp");
        command.arg("-a").arg(self.path(".")).arg(copy.path("."));
        Run::of(command.output().unwrap()).ok();
        let url = copy.path("remote.git");
        copy.git(&["remote", "set-url", "origin", url.to_str().unwrap()]);
        copy
    }

    pub(crate) fn path(&self, path: impl AsRef<OsStr>) -> PathBuf {
        self.dir.path().join(path.as_ref())
    }

    /// The checkout that is synced.
    pub(crate) fn mine(&self) -> PathBuf {
        self.path("mine")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// Lets a command see no config but the test's own.
    pub(crate) fn isolate<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let set = |name: &str| name.starts_with("GIT_") || name.starts_with("AUTO_SYNC_");
        for (name, _) in std::env::vars_os().filter(|(name, _)| set(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        command
            .env("HOME", self.path("home"))
            .env("GIT_CONFIG_GLOBAL", self.path("home/config"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            // Nothing here has to survive a power cut.
            .env("GIT_TEST_FSYNC", "0")
            .env("NO_COLOR", "1")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::null())
    }

    pub(crate) fn try_git(&self, folder: &str, arguments: &[&str]) -> Run {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.path(folder));
        Run::of(self.isolate(&mut command).output().unwrap())
    }

    #[track_caller]
    pub(crate) fn git_in(&self, folder: &str, arguments: &[&str]) -> String {
        self.try_git(folder, arguments).ok().stdout.trim_end().to_owned()
    }

    #[track_caller]
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.git_in("mine", arguments)
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn remote_head(&self) -> String {
        self.git_in("remote.git", &["rev-parse", "main"])
    }

    /// Commits all that is in a checkout.
    pub(crate) fn commit(&self, folder: &str, message: &str) {
        self.git_in(folder, &["add", "-A"]);
        self.git_in(folder, &["commit", "-q", "-m", message]);
    }

    /// Somebody else changes a file and pushes.
    pub(crate) fn they_push(&self, path: &str, text: &str) {
        self.write(&format!("theirs/{path}"), text);
        self.git_in("theirs", &["add", "-A", "-f"]);
        self.git_in("theirs", &["commit", "-q", "-m", &format!("theirs: {path}")]);
        self.git_in("theirs", &["push", "-q", "origin", "main"]);
    }

    /// Changes a line of `shared`, by its number.
    pub(crate) fn edit(&self, folder: &str, line: usize, text: &str) -> String {
        let path = format!("{folder}/shared");
        let mut lines: Vec<String> = self.read(&path).lines().map(str::to_owned).collect();
        text.clone_into(&mut lines[line]);
        let changed = lines.join("\n") + "\n";
        self.write(&path, &changed);
        changed
    }

    pub(crate) fn command_in(&self, folder: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("sync").args(arguments).current_dir(self.path(folder));
        self.isolate(&mut command);
        command
    }

    pub(crate) fn sync_in(&self, folder: &str, arguments: &[&str]) -> Run {
        Run::of(self.command_in(folder, arguments).output().unwrap())
    }

    pub(crate) fn sync(&self, arguments: &[&str]) -> Run {
        self.sync_in("mine", arguments)
    }

    /// All refs below refs/redundancy/kept.
    pub(crate) fn kept(&self) -> Vec<String> {
        let refs = self.git(&["for-each-ref", "--format=%(refname)", "refs/redundancy/kept"]);
        refs.lines().map(str::to_owned).collect()
    }

    /// Fails the test unless nothing of the user was moved: no ref, no file, no stash.
    #[track_caller]
    pub(crate) fn unchanged<T>(&self, run: impl FnOnce() -> T) -> T {
        let look = || {
            let refs = self.git(&["for-each-ref", "refs/heads", "refs/redundancy", "refs/stash"]);
            let status =
                self.git(&["status", "--porcelain=v2", "--branch", "--untracked-files=all"]);
            let status: Vec<_> = status
                .lines()
                .filter(|it| !it.contains("# branch.ab"))
                .map(str::to_owned)
                .collect();
            (files(&self.mine()), refs, status)
        };
        let before = look();
        let done = run();
        assert_eq!(look(), before);
        done
    }

    /// Every object that a ref or HEAD leads to.
    pub(crate) fn reachable(&self) -> BTreeSet<String> {
        let list = self.git(&["rev-list", "--objects", "--no-object-names", "--all", "HEAD"]);
        list.lines().map(str::to_owned).collect()
    }

    /// The name that git gives to this content.
    pub(crate) fn object_of(&self, content: &[u8]) -> String {
        let file = self.path("home/content");
        fs::write(&file, content).unwrap();
        self.git(&["hash-object", "--no-filters", file.to_str().unwrap()])
    }

    /// Runs the commands that `sync --list` prints behind this word, as a person would.
    #[track_caller]
    pub(crate) fn run_printed(&self, label: &str) {
        let list = self.sync(&["--list"]).ok().stdout;
        let commands: Vec<_> = list.lines().filter_map(|it| it.split_once(label)).collect();
        assert!(!commands.is_empty(), "{label:?} is not in {list}");
        for (_, line) in commands {
            let mut command = Command::new("sh");
            command.args(["-c", line.trim()]).current_dir(self.mine());
            Run::of(self.isolate(&mut command).output().unwrap()).ok();
        }
    }
}

/// What is in a folder and below.
pub(crate) fn files(folder: &Path) -> Files {
    let mut found = Files::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder_here) = open.pop() {
        for entry in fs::read_dir(&folder_here).unwrap() {
            let path = entry.unwrap().path();
            let about = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(folder).unwrap().to_owned();
            if name.as_os_str() == ".git" {
                continue;
            }
            if about.is_dir() {
                open.push(path);
            } else if about.is_symlink() {
                let to = fs::read_link(&path).unwrap();
                found.insert(name, [b"-> ", to.as_os_str().as_bytes()].concat());
            } else {
                let x: &[u8] = if about.permissions().mode() & 0o100 > 0 { b"x " } else { b"- " };
                found.insert(name, [x, &fs::read(&path).unwrap()].concat());
            }
        }
    }
    found
}
