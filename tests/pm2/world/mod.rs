//! A project in a folder of its own, with a PM2 of its own and the program run in it.

mod install;
mod processes;
#[path = "../../parts/run.rs"]
mod run;
mod scripts;
mod wire;

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::processes::{own_pid, raw};
pub(crate) use self::{
    install::Version,
    processes::{is_alive, kill, signal, variable},
    run::Run,
    scripts::{beating, worker},
    wire::{argument_of, frame},
};
pub(crate) use crate::{
    wait::{LONG, wait_for},
    watch::Watch,
};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_redundancy");

/// What `plan` says when there is nothing to do.
pub(crate) const SETTLED: &str = "Everything is as the config asks: there is nothing to do.\n";

#[track_caller]
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    wait_for(what, || done().then_some(()));
}

/// A project. When it is dropped, everything that runs in it is ended.
pub(crate) struct World {
    dir: TempDir,
    root: PathBuf,
    path: String,
}

impl World {
    /// A project whose `redundancy.toml` says this, with PM2 7.
    pub(crate) fn new(toml: &str) -> Self {
        Self::with(Version::Seven, toml)
    }

    pub(crate) fn with(version: Version, toml: &str) -> Self {
        let path = std::env::var("PATH").unwrap();
        Self::with_path(format!("{}:{path}", version.bin().display()), toml)
    }

    /// A project where only these folders are searched for programs.
    pub(crate) fn with_path(path: String, toml: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("r").tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let world = Self { dir, root, path };
        let longest = world.home().join("rpc.sock").as_os_str().len();
        assert!(longest < 108, "sockets can't have a path that long; set TMPDIR");
        world.config(toml);
        for (name, text) in scripts::SCRIPTS {
            world.write(name, text);
        }
        fs::create_dir(world.path("beats")).unwrap();
        world
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root.join("h")
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Whoever reads it meanwhile reads the old one or the new one.
        let new = path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    /// Makes `redundancy.toml` say this, of this world's PM2.
    pub(crate) fn config(&self, toml: &str) {
        self.write("redundancy.toml", &format!("pm2.home = \"h\"\n{toml}"));
    }

    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.root).stdin(Stdio::null()).env_clear();
        command.env("PATH", &self.path).env("HOME", &self.root).env("PM2_HOME", self.home());
        command.env("NO_COLOR", "1");
        command
    }

    /// Runs the program.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(PROGRAM, arguments).output().unwrap())
    }

    /// Applies what the config says, and checks that then there is nothing left to do.
    #[track_caller]
    pub(crate) fn settle(&self) -> String {
        let applied = self.apply();
        self.assert_settled();
        applied
    }

    #[track_caller]
    pub(crate) fn apply(&self) -> String {
        self.run(&["apply", "--yes"]).ok().said()
    }

    #[track_caller]
    pub(crate) fn plan(&self) -> String {
        self.run(&["plan"]).ok().stdout
    }

    #[track_caller]
    pub(crate) fn assert_settled(&self) {
        assert_eq!(self.plan(), SETTLED);
    }

    /// Waits until there is nothing left to do.
    #[track_caller]
    pub(crate) fn wait_settled(&self) {
        let mut last = String::new();
        let deadline = Instant::now() + LONG;
        while last != SETTLED {
            assert!(Instant::now() < deadline, "there is still to do:\n{last}");
            last = self.plan();
        }
    }

    /// Every row of `status --json`.
    #[track_caller]
    pub(crate) fn statuses(&self) -> Vec<Value> {
        let status = self.run(&["status", "--json"]).ok().stdout;
        let status: Value = serde_json::from_str(&status).unwrap();
        status["resources"].as_array().unwrap().clone()
    }

    /// What `status --json` says of a process of PM2.
    #[track_caller]
    pub(crate) fn status(&self, name: &str) -> Value {
        let id = format!("pm2/{name}");
        self.statuses().into_iter().find(|it| it["id"] == id.as_str()).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn state(&self, name: &str) -> String {
        self.status(name)["state"].as_str().unwrap_or("not there").to_owned()
    }

    /// Begins to watch. Where there is a daemon, the watch listens to it by then.
    #[track_caller]
    pub(crate) fn watch(&self) -> Watch {
        let watch = self.watch_anything();
        if self.daemon().is_some() {
            wait_until("it listens", || self.listeners() > 0);
        }
        watch
    }

    /// Begins to watch, whoever is behind the sockets.
    #[track_caller]
    pub(crate) fn watch_anything(&self) -> Watch {
        let watch = Watch::start(self.command(PROGRAM, &["watch"]));
        watch.wait_for_log("the watch began");
        watch
    }

    /// The pid of a watch that lives, by its lock.
    pub(crate) fn watch_pid(&self) -> Option<i32> {
        let holder: Value = serde_json::from_str(&self.read(".redundancy/watch.lock")).ok()?;
        let pid = i32::try_from(holder["pid"].as_i64()?).ok()?;
        is_alive(pid).then_some(pid)
    }

    /// How many listen to the events of the daemon.
    fn listeners(&self) -> usize {
        let sockets = fs::read_to_string("/proc/net/unix").unwrap();
        let bus = format!(" {}", self.home().join("pub.sock").display());
        let connected = |line: &&str| line.split(' ').nth(5) == Some("03");
        sockets.lines().filter(|it| it.ends_with(&bus)).filter(connected).count()
    }

    /// Runs PM2's own command.
    #[track_caller]
    pub(crate) fn pm2(&self, arguments: &[&str]) -> String {
        self.pm2_with(arguments, &[])
    }

    #[track_caller]
    pub(crate) fn pm2_with(&self, arguments: &[&str], env: &[(&str, &str)]) -> String {
        // It waits for ever for a daemon that found another one.
        let mut command = self.command("timeout", &["90", "pm2"]);
        command.args(arguments);
        let output = command.envs(env.iter().copied()).output().unwrap();
        let run = Run::of(output);
        assert_eq!(run.code, 0, "pm2 {arguments:?}: {}", run.said());
        run.stdout
    }

    /// What `pm2 jlist` says.
    #[track_caller]
    pub(crate) fn jlist(&self) -> Vec<Value> {
        let said = self.pm2(&["jlist"]);
        let list = said.lines().rfind(|it| it.starts_with('[')).unwrap();
        serde_json::from_str(list).unwrap()
    }

    /// Starts beating scripts by PM2's own command, and the daemon with them.
    pub(crate) fn primaries(&self, scripts: &[(&str, &str)]) {
        let apps: Vec<Value> = scripts
            .iter()
            .map(|(name, script)| {
                json!({ "name": name, "script": script, "args": [format!("beats/{name}")],
                        "cwd": self.root })
            })
            .collect();
        self.write("primaries.json", &json!({ "apps": apps }).to_string());
        self.pm2(&["start", "primaries.json"]);
    }

    /// Calls the daemon as PM2's own command does.
    pub(crate) fn call(&self, method: &str, argument: &Value) -> std::io::Result<Value> {
        let mut stream = UnixStream::connect(self.home().join("rpc.sock"))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let call = json!({ "type": "call", "method": method, "args": [argument] });
        stream.write_all(&frame(&format!("j:{call}"), "s:test"))?;
        let mut head = [0];
        stream.read_exact(&mut head)?;
        let reply = argument_of(&mut stream)?;
        argument_of(&mut stream)?;
        let reply: Value = serde_json::from_slice(&reply[2..])?;
        Ok(reply["args"][0].clone())
    }

    /// What the daemon lists; nothing where there is none.
    pub(crate) fn list(&self) -> Vec<Value> {
        let list = self.call("getMonitorData", &json!({}));
        list.ok().and_then(|it| it.as_array().cloned()).unwrap_or_default()
    }

    /// The instances of an app, as the daemon lists them.
    pub(crate) fn instances(&self, name: &str) -> Vec<Value> {
        self.list().into_iter().filter(|it| it["name"] == name).collect()
    }

    /// The one instance of an app.
    #[track_caller]
    pub(crate) fn app(&self, name: &str) -> Value {
        let mut instances = self.instances(name);
        assert_eq!(instances.len(), 1, "{name}: {instances:#?}");
        instances.remove(0)
    }

    /// The pids of the instances of an app that are online and live.
    pub(crate) fn pids(&self, name: &str) -> BTreeSet<i32> {
        let online =
            self.instances(name).into_iter().filter(|it| it["pm2_env"]["status"] == "online");
        let pids = online.filter_map(|it| i32::try_from(it["pid"].as_i64()?).ok());
        pids.filter(|&pid| is_alive(pid)).collect()
    }

    /// The pid of an app that runs.
    #[track_caller]
    pub(crate) fn pid(&self, name: &str) -> i32 {
        self.pid_other_than(name, None)
    }

    /// Waits until an app runs as one process other than `not`.
    #[track_caller]
    pub(crate) fn pid_other_than(&self, name: &str, not: Option<i32>) -> i32 {
        wait_for(&format!("{name} runs, and not as {not:?}"), || {
            let pids = self.pids(name);
            if pids.len() == 1 { pids.first().copied().filter(|it| Some(*it) != not) } else { None }
        })
    }

    /// The pid of the daemon, by the kernel's word.
    pub(crate) fn daemon(&self) -> Option<i32> {
        let socket = self.home().join("rpc.sock");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            tokio::net::UnixStream::connect(socket).await.ok()?.peer_cred().ok()?.pid()
        })
    }

    /// What a beating script has written: a line of its pid for each beat.
    pub(crate) fn beats(&self, name: &str) -> Vec<i32> {
        let text = self.read(&format!("beats/{name}"));
        // The last line may be half-written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().filter_map(|it| it.trim().parse().ok()).collect()
    }

    /// Waits until a script beats under another pid than `not`.
    #[track_caller]
    pub(crate) fn beat_other_than(&self, name: &str, not: Option<i32>) -> i32 {
        wait_for(&format!("{name} beats, and not as {not:?}"), || {
            self.beats(name).last().copied().filter(|it| Some(*it) != not)
        })
    }

    /// Proves that no two processes of an app ever ran at once: whoever beat after another did has
    /// the last word. Returns how many there were.
    #[track_caller]
    pub(crate) fn assert_never_two(&self, name: &str) -> usize {
        let mut runs = self.beats(name);
        runs.dedup();
        let different: BTreeSet<i32> = runs.iter().copied().collect();
        assert_eq!(runs.len(), different.len(), "{name} ran twice at once: {runs:?}");
        runs.len()
    }

    /// Every living process of this world: of its PM2, or below its folder.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let root = self.root.as_os_str().as_encoded_bytes();
        let of_root = |text: &[u8]| text.windows(root.len()).any(|it| it == root);
        let numbers = fs::read_dir("/proc").unwrap().flatten();
        let numbers = numbers.filter_map(|it| it.file_name().to_str()?.parse::<i32>().ok());
        let ours = |pid: &i32| {
            let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let cwd = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
            of_root(&read("environ")) || of_root(&read("cmdline")) || cwd.starts_with(&self.root)
        };
        numbers.filter(|pid| *pid != own_pid() && is_alive(*pid)).filter(ours).collect()
    }

    /// The command lines of all living processes of this world.
    fn lines(&self) -> Vec<String> {
        let line = |pid| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let pids = self.processes().into_iter();
        pids.map(|pid| format!("{pid} {}", String::from_utf8_lossy(&line(pid)))).collect()
    }

    /// A text without what differs from run to run.
    pub(crate) fn steady(&self, text: &str) -> String {
        text.replace(&*self.root.to_string_lossy(), "ROOT")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The daemon first, or it starts again what is ended.
        if let Some(daemon) = self.daemon().filter(|it| *it != own_pid()) {
            let _ = kill_process(raw(daemon), Signal::KILL);
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let left = self.processes();
            if left.is_empty() {
                break;
            }
            for pid in left {
                // It may be gone by now.
                let _ = kill_process(raw(pid), Signal::KILL);
            }
            if Instant::now() > deadline {
                let left = self.lines();
                assert!(left.is_empty() || std::thread::panicking(), "left running: {left:?}");
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(self.home().join("pm2.log")).unwrap_or_default();
            eprintln!("{}: the log of PM2:\n{log}", self.dir.path().display());
        }
    }
}
