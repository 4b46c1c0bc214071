//! A project with something of each kind, and what has to hold of it whatever happened.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::tracer::{Fault, Outcome, run};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_redundancy");

/// A workflow that prints `word`.
fn workflow(word: &str) -> String {
    format!(
        "name: CI\non:\n  schedule:\n    - cron: \"0 4 * * *\"\njobs:\n  a:\n    runs-on: ubuntu-latest\n    \
         steps:\n      - run: echo {word}\n"
    )
}

/// A function that answers with `word`, and has a helper beside it.
fn function(word: &str) -> String {
    format!(
        "import {{ helper }} from \"../lib/helper.mjs\";\nexport default async () => new Response(helper(\"{word}\"));\n"
    )
}

/// The project. When it is dropped, what runs in it is ended.
pub(crate) struct Scene {
    dir: TempDir,
    /// How often a watch looks by the clock.
    look_every: &'static str,
}

impl Scene {
    /// One in which nothing was applied yet.
    pub(crate) fn new() -> Self {
        Self::looking_every("1s")
    }

    /// The same, where a watch looks so often by the clock.
    pub(crate) fn looking_every(look_every: &'static str) -> Self {
        let scene = Self { dir: tempfile::tempdir().unwrap(), look_every };
        fs::create_dir_all(scene.path("out")).unwrap();
        scene.write("netlify/lib/helper.mjs", "export const helper = (it) => it;\n");
        scene.state("one");
        scene
    }

    /// The same, applied.
    pub(crate) fn applied() -> Self {
        let scene = Self::new();
        scene.check_closes();
        scene
    }

    /// What the config and the primaries say, by a word.
    pub(crate) fn state(&self, word: &str) {
        let process = |name: &str, more: &str| {
            format!(
                "[[process]]\nname = \"{name}\"\ncommand = [\"sleep\", \"1000\"]\n\
                 env = {{ WHO = \"{name}\", SAID = \"{word}\" }}\nstop_timeout = \"5s\"\n{more}\n"
            )
        };
        let config = format!(
            "runner = \"embedded\"\n[controller]\nlook_every = \"{}\"\n[failover]\nsettle = \"100ms\"\nhold = \"1h\"\n\n{}{}\
             [[workflow]]\nbacks_up = \"ci.yml\"\n\n[[function]]\nbacks_up = \"*\"\nsnapshot = \"files\"\n",
            self.look_every,
            process("first", ""),
            process("second", "backs_up = \"first\"\n"),
        );
        self.write("redundancy.toml", &config);
        self.write(".github/workflows/ci.yml", &workflow(word));
        // One that is there already would have to pass its test first, so there is one more.
        self.write(&format!("netlify/functions/{word}.mjs"), &function(word));
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(self.dir.path()).stdin(Stdio::null());
        command.env("NO_COLOR", "1").env("PM2_HOME", self.path("pm2"));
        for token in ["GITHUB_TOKEN", "NETLIFY_AUTH_TOKEN", "NETLIFY_TOKEN"] {
            command.env_remove(token);
        }
        command
    }

    /// Runs the program and has `fault` happen.
    pub(crate) fn run(&self, arguments: &[&str], fault: Fault) -> Outcome {
        run(&self.command(arguments), fault, &self.path("out"), |_| false)
    }

    /// The same with the program at `program`.
    pub(crate) fn run_as(&self, program: &Path, arguments: &[&str], fault: Fault) -> Outcome {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.dir.path()).stdin(Stdio::null());
        run(&command, fault, &self.path("out"), |_| false)
    }

    /// The same with a watch. `meanwhile` is asked at each call, with its number, and again and again, and ends it.
    pub(crate) fn watch(&self, fault: Fault, meanwhile: impl FnMut(usize) -> bool) -> Outcome {
        run(&self.command(&["watch"]), fault, &self.path("out"), meanwhile)
    }

    /// Runs the program and kills it after so long: what it printed, and whether it had not ended by itself.
    pub(crate) fn killed_after(&self, arguments: &[&str], after: Duration) -> (String, bool) {
        let out = self.path("out/stdout");
        let mut command = self.command(arguments);
        command
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(self.path("out/stderr")).unwrap());
        let mut child = command.spawn().unwrap();
        thread::sleep(after);
        child.kill().unwrap();
        let killed = child.wait().unwrap().code().is_none();
        (fs::read_to_string(out).unwrap(), killed)
    }

    fn plainly(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The processes of this name that live.
    pub(crate) fn running(&self, name: &str) -> Vec<u32> {
        let root = self.dir.path().canonicalize().unwrap();
        let who = format!("WHO={name}");
        let is_it = |pid: &u32| {
            let of = |file: &str| PathBuf::from(format!("/proc/{pid}/{file}"));
            let environ = fs::read(of("environ")).unwrap_or_default();
            fs::read_link(of("cwd")).is_ok_and(|it| it == root)
                && environ.split(|byte| *byte == 0).any(|it| it == who.as_bytes())
        };
        let names = fs::read_dir("/proc").unwrap().flatten().map(|it| it.file_name());
        names.filter_map(|it| it.to_str()?.parse().ok()).filter(is_it).collect()
    }

    /// Says whether the primary was begun anew since now.
    pub(crate) fn renewed(&self) -> impl FnMut(usize) -> bool {
        let before = self.running("first");
        move |_| {
            let now = self.running("first");
            now.len() == 1 && now != before
        }
    }

    /// How many processes of the primary and of its backup live.
    pub(crate) fn on_duty(&self) -> (usize, usize) {
        (self.running("first").len(), self.running("second").len())
    }

    /// What the history has of changes that were made.
    pub(crate) fn done(&self) -> Vec<String> {
        let history = self.plainly(&["history", "--json", "--limit", "1000"]);
        let Ok(history) = serde_json::from_slice::<Value>(&history.stdout) else {
            return Vec::new();
        };
        let events = history["events"].as_array().cloned().unwrap_or_default();
        let done = events.iter().filter(|it| it["kind"] == "done");
        done.map(|it| it["id"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Fails unless an undisturbed `apply` succeeds; what it said.
    #[track_caller]
    pub(crate) fn check_applies(&self) -> String {
        let applied = self.plainly(&["apply", "--yes"]);
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&applied.stdout),
            String::from_utf8_lossy(&applied.stderr)
        );
        assert!(applied.status.success(), "{said}");
        said
    }

    /// Fails unless one more `apply`, undisturbed, brings everything to where it should be.
    #[track_caller]
    pub(crate) fn check_closes(&self) {
        let said = self.check_applies();
        let plan = self.plainly(&["plan"]);
        let plan = String::from_utf8_lossy(&plan.stdout);
        assert_eq!(
            plan, "Everything is as the config asks: there is nothing to do.\n",
            "after {said}"
        );
        assert_eq!(self.on_duty(), (1, 0), "{said}");
    }

    /// Fails where a file that was written is neither the old nor the new one, or where something that is no file of the
    /// project is left beside it.
    #[track_caller]
    pub(crate) fn check_files(&self, words: &[&str]) {
        for (path, of) in [
            (".github/workflows/ci-backup.yml", "echo "),
            ("netlify/functions/one-backup/lkg.cjs", "helper"),
            ("netlify/functions/two-backup/lkg.cjs", "helper"),
        ] {
            let Ok(text) = fs::read_to_string(self.path(path)) else { continue };
            let whole = text.ends_with('\n') && text.contains(of);
            assert!(whole && words.iter().any(|it| text.contains(it)), "{path} is torn:\n{text}");
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let ended = self.plainly(&["stop"]);
        if !thread::panicking() {
            assert!(ended.status.success(), "{ended:?}");
        }
    }
}
