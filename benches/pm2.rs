//! How fast PM2 is looked at and heard, and how fast what stands by is running, against what the
//! operating system takes for a start alone. Needs `pm2` in `PATH`.

// A bench that can't go on has nothing to say but that.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::{
    fmt::Write,
    path::Path,
    process::{Child, Command, Stdio},
};

use divan::{Bencher, counter::ItemsCount};
use jiff::Timestamp;
use redundancy::{
    config::{Project, parse},
    core::{change::Change, id::Name, resource::Status},
    provider::{Provider, pm2::Pm2},
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::Runtime;

/// The variable that has this program say that it began, in place of measuring.
const BEGAN: &str = "BENCH_BEGAN";

fn main() {
    match std::env::var_os(BEGAN) {
        Some(file) => {
            std::fs::write(file, "").unwrap();
            std::thread::sleep(std::time::Duration::from_secs(1000));
        }
        None => divan::main(),
    }
}

/// However often it is killed, it is started again at once.
const WITHOUT_REST: &str = "backoff = { initial = '0s' }\nmin_uptime = '0s'\nmax_restarts = 1000\n";

/// A daemon with its own home and the processes of `toml`. Everything ends with it.
struct World {
    folder: tempfile::TempDir,
    runtime: Runtime,
    pm2: Pm2,
}

impl World {
    fn new(toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (config, _) = parse(&format!("[pm2]\nhome = 'home'\n{toml}")).unwrap();
        let root = folder.path().canonicalize().unwrap();
        let pm2 = Pm2::new(&Project { root, config });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let world = Self { folder, runtime, pm2 };
        world.runtime.block_on(async {
            let seen = world.pm2.observe(Timestamp::now()).await.unwrap();
            for (name, wanted) in world.pm2.desire(&seen).wanted {
                let change = match wanted.body {
                    Some(to) => Change::Create { to, run: wanted.run, backs_up: None },
                    None => Change::Start,
                };
                world.pm2.apply(&name, &change, Timestamp::now()).await.unwrap();
            }
        });
        world
    }

    fn home(&self) -> std::path::PathBuf {
        self.folder.path().canonicalize().unwrap().join("home")
    }

    fn pid(&self, name: &Name) -> Option<i32> {
        let seen = self.runtime.block_on(self.pm2.observe(Timestamp::now())).unwrap();
        match seen[name].status {
            Status::Running { pid, .. } => Some(pid.try_into().unwrap()),
            _ => None,
        }
    }

    fn await_pid(&self, name: &Name) -> i32 {
        loop {
            if let Some(pid) = self.pid(name) {
                return pid;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        pm2(&self.home(), &["kill"]);
    }
}

fn pm2(home: &Path, arguments: &[&str]) {
    let mut command = Command::new("pm2");
    command.args(arguments).env("PM2_HOME", home).stdin(Stdio::null());
    let output = command.output().expect("pm2 is in PATH");
    assert!(output.status.success(), "{output:?}");
}

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

fn many(count: usize) -> World {
    let mut toml = String::new();
    for n in 0..count {
        write!(toml, "[[process]]\nname = 'p{n}'\n{WITHOUT_REST}command = ['sleep', '1000']\n")
            .unwrap();
    }
    World::new(&toml)
}

/// A look at all processes of a daemon that is known.
#[divan::bench(args = [1, 50, 200], sample_count = 30, sample_size = 1)]
fn look(bencher: Bencher, count: usize) {
    let world = many(count);
    let look = || world.runtime.block_on(world.pm2.observe(Timestamp::now())).unwrap();
    assert_eq!(look().len(), count + 1);
    bencher.counter(ItemsCount::new(count)).bench_local(look);
}

/// The same by PM2's own command.
#[divan::bench(args = [1, 50, 200], sample_count = 10, sample_size = 1)]
fn pm2_jlist(bencher: Bencher, count: usize) {
    let world = many(count);
    let home = world.home();
    bencher.counter(ItemsCount::new(count)).bench_local(|| pm2(&home, &["jlist"]));
}

/// From the kill of a process to the moment in which the loop is woken.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn killed_to_heard(bencher: Bencher) {
    let world = many(1);
    let name: Name = "p0".parse().unwrap();
    let settle = || {
        // All that there is to hear about the last kill has been heard.
        let rest = std::time::Duration::from_millis(600);
        let pid = world.await_pid(&name);
        let quiet = async { while tokio::time::timeout(rest, world.pm2.woken()).await.is_ok() {} };
        world.runtime.block_on(quiet);
        pid
    };
    bencher.with_inputs(settle).bench_local_values(|pid| {
        kill(pid);
        world.runtime.block_on(world.pm2.woken());
    });
}

/// From the kill of one process to the moment in which what stood by is in its `main`.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn killed_to_stand_in_at_work(bencher: Bencher) {
    let this = std::env::current_exe().unwrap();
    let world = World::new(&format!(
        "[[process]]\nname = 'primary'\nrestart = 'never'\ncommand = ['sleep', '1000']\n\
         [[process]]\nname = 'backup'\nstate = 'stopped'\ncommand = ['{}']\n\
         env = {{ {BEGAN} = 'began' }}\n",
        this.display()
    ));
    let began = world.folder.path().join("began");
    let (primary, backup): (Name, Name) = ("primary".parse().unwrap(), "backup".parse().unwrap());
    let settle = || {
        for (name, change) in [(&backup, Change::Stop), (&primary, Change::Start)] {
            world.runtime.block_on(world.pm2.apply(name, &change, Timestamp::now())).unwrap();
        }
        let rest = std::time::Duration::from_millis(600);
        let pid = world.await_pid(&primary);
        let quiet = async { while tokio::time::timeout(rest, world.pm2.woken()).await.is_ok() {} };
        world.runtime.block_on(quiet);
        // It is there when it was begun before.
        let _ = std::fs::remove_file(&began);
        pid
    };
    bencher.with_inputs(settle).bench_local_values(|pid| {
        kill(pid);
        world.runtime.block_on(async {
            world.pm2.woken().await;
            let start = world.pm2.apply(&backup, &Change::Start, Timestamp::now());
            let at_work = async {
                while !began.exists() {
                    tokio::task::yield_now().await;
                }
            };
            // PM2's answer is not waited for: it comes when the process is long at work.
            let asked = async {
                start.await.unwrap();
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = at_work => {}
                () = asked => {}
            }
        });
    });
}

/// The floor: fork and exec of the same program until it is in its `main`, nothing else.
#[divan::bench(sample_count = 100, sample_size = 1)]
fn spawned_only(bencher: Bencher) {
    struct Ended(Child);
    impl Drop for Ended {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let began = folder.path().join("began");
    let fresh = || drop(std::fs::remove_file(&began));
    bencher.with_inputs(fresh).bench_local_values(|()| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(BEGAN, &began).stdin(Stdio::null()).stdout(Stdio::null());
        let child = Ended(command.spawn().unwrap());
        while !began.exists() {
            std::hint::spin_loop();
        }
        child
    });
}
