//! How fast a backup is at work after its primary was killed for good, under a real `redundancy
//! watch`; against what the operating system takes to start the same program.
//!
//! What stands by is this program itself: the first thing that it does is to read the clock. So
//! `main` is that moment. `exec` is not seen from outside: it is `main` less what lies between the
//! two in the starts of the floor, where `spawn` returns at the `exec`. The parts of the way are by
//! the times in the log of the watch.
//!
//! `FAILOVER_RUNNER=pm2`: PM2 runs both, and is in `PATH`; else the tool itself does.
//! `FAILOVER_SAMPLES`: how often (200). `FAILOVER_CROWD`: how many more processes the machine has
//! meanwhile (0), since a stop is proven by a look through all of them.

// A bench that can't go on has nothing to say but that.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::print_stdout)]

use std::{
    cell::Cell,
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::sleep,
    time::Duration,
};

use jiff::Timestamp;
use rustix::{
    process::{Pid, Signal, kill_process},
    time::{ClockId, clock_gettime},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_redundancy");

/// The variable that has this program say when it began, in place of measuring.
const BEGAN: &str = "BENCH_BEGAN";

/// How many failovers one watch goes through: it remembers them all for a day.
const OF_ONE_WATCH: usize = 20;

fn main() {
    match std::env::var_os(BEGAN) {
        Some(file) => at_work(file),
        None => measure(),
    }
}

/// Microseconds by the clock that only goes on.
fn now() -> f64 {
    let now = clock_gettime(ClockId::Monotonic);
    #[expect(clippy::cast_precision_loss, reason = "a machine is not up for that long")]
    let micros = now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3;
    micros
}

fn at_work(file: OsString) {
    let began = now();
    let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
    file.write_all(format!("{began}\n").as_bytes()).unwrap();
    sleep(Duration::from_secs(1000));
}

/// A child that ends with this.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// When what says so in `file` began.
fn await_began(file: &Path) -> f64 {
    loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        if let Some((number, _)) = text.split_once('\n') {
            fs::remove_file(file).unwrap();
            return number.parse().unwrap();
        }
        sleep(Duration::from_micros(500));
    }
}

/// From the call that starts a process to its `exec`, and to its `main`.
fn floor(samples: usize) -> (Vec<f64>, Vec<f64>) {
    let folder = tempfile::tempdir().unwrap();
    let began = folder.path().join("began");
    let sample = || {
        sleep(Duration::from_millis(20));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(BEGAN, &began).stdin(Stdio::null()).stdout(Stdio::null());
        let start = now();
        let child = Ended(command.spawn().unwrap());
        let exec = now() - start;
        let main = await_began(&began) - start;
        drop(child);
        (exec, main)
    };
    (0..samples).map(|_| sample()).unzip()
}

/// A watched pair. Everything ends with it.
struct World {
    folder: tempfile::TempDir,
    runner: &'static str,
    watch: Ended,
    /// What the watch says, each with its time.
    lines: Receiver<(f64, String)>,
    /// The pid of the primary, as the watch said it last.
    primary: Cell<Option<Pid>>,
}

impl World {
    fn new(runner: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let this = std::env::current_exe().unwrap();
        let toml = format!(
            "runner = '{runner}'\npm2.home = 'home'\n\
             [failover]\nhold = '0s'\nsettle = '100ms'\nmax_failovers = 1000\n\
             [[process]]\nname = 'primary'\nrestart = 'never'\ncommand = ['sleep', '1000']\n\
             [[process]]\nname = 'backup'\nbacks_up = 'primary'\ncommand = ['{}']\n\
             env = {{ {BEGAN} = 'began' }}\n",
            this.display()
        );
        fs::write(folder.path().join("redundancy.toml"), toml).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("watch").current_dir(folder.path()).env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut watch = command.spawn().unwrap();
        let lines = BufReader::new(watch.stderr.take().unwrap()).lines();
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            // What its times are by the clock that only goes on.
            let offset = now() - micros(Timestamp::now());
            for line in lines.map_while(Result::ok) {
                let Some((time, text)) = line.split_once(' ') else { continue };
                let Ok(time) = time.parse::<Timestamp>() else { continue };
                if sender.send((micros(time) + offset, text.trim().to_owned())).is_err() {
                    break;
                }
            }
        });
        let primary = Cell::new(None);
        let world = Self { folder, runner, watch: Ended(watch), lines: receiver, primary };
        world.await_line("primary: running");
        world.quiet();
        world
    }

    fn began(&self) -> PathBuf {
        self.folder.path().join("began")
    }

    /// The next line within `patience`.
    fn line(&self, patience: Duration) -> Option<(f64, String)> {
        let (time, line) = self.lines.recv_timeout(patience).ok()?;
        if let Some((_, pid)) = line.split_once("primary: running, pid ") {
            self.primary.set(Pid::from_raw(pid.parse().unwrap()));
        }
        Some((time, line))
    }

    /// Waits until the watch says `text`: when it did.
    fn await_line(&self, text: &str) -> f64 {
        loop {
            let line = self.line(Duration::from_secs(20));
            let (time, line) = line.unwrap_or_else(|| panic!("the watch never said {text:?}"));
            if line.contains(text) {
                return time;
            }
        }
    }

    /// Waits until it has had nothing to do for a while.
    fn quiet(&self) {
        while self.line(Duration::from_millis(200)).is_some() {}
    }

    /// The times from the kill on, in the order of [`PARTS`].
    fn sample(&self) -> Vec<f64> {
        let pid = self.primary.get().expect("it runs");
        let start = now();
        kill_process(pid, Signal::KILL).unwrap();
        let heard = self.await_line("/primary: ");
        let decided = self.await_line("duty goes to the backup");
        let stopped = self.await_line("/primary: stop done");
        let proven = self.await_line("/primary: stopped");
        let main = await_began(&self.began());
        let times = [heard, decided, stopped, proven, main].map(|it| it - start);
        self.await_line("the primary is on duty again");
        self.quiet();
        times.to_vec()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let stop = Command::new(PROGRAM).arg("stop").current_dir(self.folder.path()).output();
        assert!(stop.unwrap().status.success());
        let _ = self.watch.0.wait();
        if self.runner == "pm2" {
            let mut kill = Command::new("pm2");
            kill.arg("kill").env("PM2_HOME", self.folder.path().join("home"));
            assert!(kill.output().unwrap().status.success());
        }
    }
}

fn micros(time: Timestamp) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "less than a microsecond is lost")]
    let micros = time.as_nanosecond() as f64 / 1e3;
    micros
}

/// The parts of the way, each with what it ends with.
const PARTS: [&str; 5] = [
    "the kernel's word, a look, the record",
    "decided, and remembered",
    "stopped, and a look through all processes has found none",
    "looked at again",
    "decided, started, in its main",
];

/// The value below which this share of all lies.
fn share(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "there are a few hundred of them"
    )]
    let index = ((values.len() - 1) as f64 * share).round() as usize;
    values[index]
}

fn show(what: &str, values: &[f64]) {
    let [fastest, median, late, slowest] =
        [0.0, 0.5, 0.95, 1.0].map(|it| share(values, it) / 1000.0);
    println!("{what:58} {fastest:8.3} {median:8.3} {late:8.3} {slowest:8.3}");
}

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(usual)
}

fn measure() {
    let samples = number("FAILOVER_SAMPLES", 200);
    let idle = |_| {
        let mut command = Command::new("sleep");
        Ended(command.arg("1000").stdin(Stdio::null()).spawn().unwrap())
    };
    let crowd: Vec<Ended> = (0..number("FAILOVER_CROWD", 0)).map(idle).collect();
    let all = fs::read_dir("/proc").unwrap().flatten();
    let is_number = |name: OsString| name.to_str().is_some_and(|it| it.parse::<u32>().is_ok());
    let all = all.filter(|it| is_number(it.file_name())).count();
    let pm2 = std::env::var("FAILOVER_RUNNER").is_ok_and(|it| it == "pm2");
    let runner = if pm2 { "pm2" } else { "embedded" };
    let (exec, main) = floor(samples);
    let mut times = Vec::new();
    while times.len() < samples {
        let world = World::new(runner);
        for _ in 0..OF_ONE_WATCH.min(samples - times.len()) {
            times.push(world.sample());
        }
    }
    drop(crowd);
    println!("{runner}: {} failovers beside {all} processes, in milliseconds", times.len());
    println!("{:58} {:>8} {:>8} {:>8} {:>8}", "", "fastest", "median", "95 %", "slowest");
    for (index, what) in PARTS.iter().enumerate() {
        let before = |it: &Vec<f64>| if index == 0 { 0.0 } else { it[index - 1] };
        show(what, &times.iter().map(|it| it[index] - before(it)).collect::<Vec<_>>());
    }
    let at_main: Vec<f64> = times.iter().map(|it| it[PARTS.len() - 1]).collect();
    let between = share(&main, 0.5) - share(&exec, 0.5);
    let at_exec: Vec<f64> = at_main.iter().map(|it| it - between).collect();
    show("killed until the backup is in its main", &at_main);
    show("killed until the exec of the backup", &at_exec);
    show("the floor: called until in its main", &main);
    show("the floor: called until its exec", &exec);
    println!("killed until main: {:.1} times the floor", share(&at_main, 0.5) / share(&main, 0.5));
    println!("killed until exec: {:.1} times the floor", share(&at_exec, 0.5) / share(&exec, 0.5));
}
