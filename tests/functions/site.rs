//! A project with functions, and the program run in it.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::node;

/// A value that nothing that is tested may get to see.
pub(crate) const CANARY: &str = "canary-5b1f";

/// Every function shall have a backup, and has far more time than it takes.
pub(crate) const PATIENT: &str = "[[function]]\nbacks_up = '*'\ntest = { timeout = '50s' }\n";

/// A project in a folder of its own, and a folder for what is temporary.
pub(crate) struct Site {
    _dir: TempDir,
    pub(crate) root: PathBuf,
    pub(crate) tmp: PathBuf,
    /// Where programs are looked for first.
    pub(crate) bin: PathBuf,
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// What `test --json` says of one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Result {
    pub(crate) result: String,
    pub(crate) why: String,
}

impl Site {
    /// A site with these functions, below `netlify/functions`, and Netlify's bundler.
    pub(crate) fn new(config: &str, functions: &[(&str, &str)]) -> Self {
        let site = Self::bare(config, functions);
        symlink(node::parts().join("node_modules"), site.root.join("node_modules")).unwrap();
        site
    }

    /// The same, with no packages at all.
    pub(crate) fn bare(config: &str, functions: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let all = dir.path().canonicalize().unwrap();
        let (root, tmp, bin) = (all.join("project"), all.join("tmp"), all.join("bin"));
        for folder in [&root, &tmp, &bin] {
            fs::create_dir(folder).unwrap();
        }
        let site = Self { _dir: dir, root, tmp, bin };
        site.write("redundancy.toml", config);
        for (name, text) in functions {
            site.write(&format!("netlify/functions/{name}"), text);
        }
        site
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The program, with these arguments.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let paths = std::env::var_os("PATH").unwrap();
        let paths = [self.bin.clone()].into_iter().chain(std::env::split_paths(&paths));
        let mut command = Command::new(env!("CARGO_BIN_EXE_redundancy"));
        command
            .args(args)
            .current_dir(&self.root)
            .env("PATH", std::env::join_paths(paths).unwrap())
            .env("TMPDIR", &self.tmp)
            .env("NETLIFY_AUTH_TOKEN", CANARY)
            .env("NODE_AUTH_TOKEN", CANARY)
            .env("GITHUB_TOKEN", CANARY)
            .env_remove("NODE_OPTIONS")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        self.finish(&mut self.command(args))
    }

    /// Runs it to its end, after which nothing of it is left.
    pub(crate) fn finish(&self, command: &mut Command) -> Run {
        let output = command.output().unwrap();
        self.nothing_is_left();
        Run {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Fails the test where something still runs, or lies about.
    pub(crate) fn nothing_is_left(&self) {
        assert_eq!(self.running(), [""; 0]);
        let left: Vec<_> = fs::read_dir(&self.tmp).unwrap().map(|it| it.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }

    /// The command lines of what runs with this site's temporary folder for its own, but not this
    /// program.
    pub(crate) fn running(&self) -> Vec<String> {
        let tmp = self.tmp.to_str().unwrap();
        let read = |pid: &Path, what: &str| {
            let bytes = fs::read(pid.join(what)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace('\0', " ")
        };
        let processes = fs::read_dir("/proc").unwrap().flatten().map(|it| it.path());
        let ours = processes.filter(|it| read(it, "environ").contains(tmp));
        let lines = ours.map(|it| read(&it, "cmdline")).filter(|it| !it.is_empty());
        lines.filter(|it| !it.contains(env!("CARGO_BIN_EXE_redundancy"))).collect()
    }

    /// Runs `test --json` and more arguments: the exit code and all rows.
    pub(crate) fn test(&self, args: &[&str]) -> (i32, Vec<(String, Result)>) {
        let run = self.run(&[&["test", "--json"], args].concat());
        let report: Value = serde_json::from_str(&run.out)
            .unwrap_or_else(|error| panic!("{error}: {}{}", run.out, run.err));
        assert_eq!(report["version"], 1);
        let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        let rows = report["results"].as_array().unwrap().iter().map(|row| {
            let result = Result { result: text(row, "result"), why: text(row, "why") };
            assert_eq!(row["tested_at"].is_null(), result.result == "not_tested", "{row}");
            (text(row, "id").replace("netlify/", ""), result)
        });
        assert!(!run.out.contains(CANARY) && !run.err.contains(CANARY));
        (run.code.unwrap(), rows.collect())
    }

    /// What the test of one function comes to.
    pub(crate) fn test_one(&self, name: &str) -> (i32, Result) {
        let (code, rows) = self.test(&[&format!("netlify/{name}")]);
        let [(_, result)] = rows.as_slice() else { panic!("{rows:?}") };
        (code, result.clone())
    }

    /// Has `node` write a line to a file each time that it is run, and gives the number of lines.
    pub(crate) fn count_node(&self) -> impl Fn() -> usize {
        let marker = self.root.join("../runs");
        let real = std::env::var_os("PATH").unwrap();
        let real = std::env::split_paths(&real).map(|it| it.join("node")).find(|it| it.is_file());
        let script = format!(
            "#!/bin/sh\necho run >> '{}'\nexec '{}' \"$@\"\n",
            marker.display(),
            real.unwrap().display()
        );
        // Written by another process: while a test elsewhere starts one, a file that this one has open
        // can't be run.
        let made = Command::new("sh")
            .args(["-c", "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh", &script])
            .arg(self.bin.join("node"))
            .status();
        assert!(made.unwrap().success());
        move || fs::read_to_string(&marker).unwrap_or_default().lines().count()
    }
}
