//! A pair in a project of its own, and what can happen to it.

use std::fs;

use rustix::{
    process::Signal,
    time::{ClockId, clock_gettime},
};

use crate::{
    beats::{self, Beat},
    world::{PROGRAM, Watch, World, is_alive, signal, wait_for, wait_until},
};

/// Who runs the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runners {
    Embedded,
    Pm2,
    /// The primary under PM2, its backup not.
    Mixed,
}

impl Runners {
    pub(crate) fn of(self, side: &str) -> &'static str {
        match (self, side) {
            (Self::Embedded, _) | (Self::Mixed, "backup") => "embedded",
            _ => "pm2",
        }
    }
}

/// What a config says beside the usual.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    /// More lines of `[failover]`.
    pub(crate) failover: &'static str,
    /// More lines of both processes.
    pub(crate) both: &'static str,
    /// More lines of the backup.
    pub(crate) backup: &'static str,
}

/// The sides.
pub(crate) const SIDES: [&str; 2] = ["primary", "backup"];

pub(crate) fn other(side: &str) -> &'static str {
    if side == "primary" { "backup" } else { "primary" }
}

/// The clock that only goes on, as the programs read it.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).unwrap()
}

/// The pair, its project, and the watch while there is one.
pub(crate) struct Pair {
    // Ended before the world is: it would start again what that ends.
    pub(crate) watch: Option<Watch>,
    pub(crate) world: World,
    pub(crate) runners: Runners,
    /// All that earlier watches said.
    pub(crate) logs: Vec<String>,
}

impl Pair {
    /// A pair that is not watched yet.
    pub(crate) fn new(runners: Runners, config: &Config) -> Self {
        let world = if runners == Runners::Embedded {
            World::with_path(std::env::var("PATH").unwrap(), "")
        } else {
            World::new("")
        };
        world.write("pair.py", include_str!("pair.py"));
        let pair = Self { watch: None, world, runners, logs: Vec::new() };
        pair.configure(config);
        pair
    }

    /// A pair that is watched, and whose primary works.
    pub(crate) fn at_work(runners: Runners, config: &Config) -> Self {
        let mut pair = Self::new(runners, config);
        pair.begin_watch();
        pair.await_beat_of("primary", 0);
        pair
    }

    pub(crate) fn configure(&self, config: &Config) {
        let Config { failover, both, backup } = config;
        let process = |side: &str| {
            let runner = self.runners.of(side);
            format!(
                "[[process]]\nname = \"{side}\"\nscript = \"pair.py\"\nargs = [\"{side}\"]\n\
                 runner = \"{runner}\"\nstop_timeout = \"500ms\"\nmin_uptime = \"300ms\"\n\
                 max_restarts = 3\nbackoff = {{ initial = \"20ms\" }}\n\
                 probe = {{ file = \"{side}.alive\", max_age = \"1s\", every = \"100ms\", \
                 start_period = \"2s\" }}\n{both}\n"
            )
        };
        let (primary, stand_in) = (process("primary"), process("backup"));
        self.world.config(&format!(
            "[controller]\nlook_every = \"1s\"\n\
             [failover]\nfall = 2\nrise = 2\nhold = \"1s\"\nsettle = \"200ms\"\n\
             max_failovers = 50\n{failover}\n\
             {primary}{stand_in}backs_up = \"primary\"\n{backup}\n"
        ));
    }

    pub(crate) fn watch(&self) -> &Watch {
        self.watch.as_ref().expect("it is watched")
    }

    pub(crate) fn begin_watch(&mut self) {
        let watch = Watch::start(self.world.command(PROGRAM, &["watch"]));
        watch.wait_for_log("the watch began");
        self.watch = Some(watch);
    }

    /// Ends the watch as a power cut would.
    pub(crate) fn kill_watch(&mut self) {
        if let Some(watch) = self.watch.take() {
            signal(i32::try_from(watch.pid()).unwrap(), Signal::KILL);
            self.logs.push(watch.log());
            watch.kill();
        }
    }

    #[track_caller]
    pub(crate) fn wait_for_log(&self, text: &str) {
        self.watch().wait_for_log(text);
    }

    pub(crate) fn beats(&self) -> Vec<Beat> {
        let text = self.world.read("beats.log");
        // Whoever reads while a line is appended may see half of it.
        beats::parse(text.rsplit_once('\n').map_or("", |(whole, _)| whole))
    }

    /// Waits for the first beat after `since` of one that is well.
    #[track_caller]
    pub(crate) fn await_beat(&self, since: u64) -> Beat {
        let found = |beats: Vec<Beat>| beats.into_iter().find(|it| it.at > since && it.is_well());
        wait_for("somebody does the work", || found(self.beats()))
    }

    /// The same, of one side.
    #[track_caller]
    pub(crate) fn await_beat_of(&self, side: &str, since: u64) -> Beat {
        let is_it = |it: &Beat| it.side == side && it.at > since && it.is_well();
        wait_for(&format!("the {side} works"), || self.beats().into_iter().find(is_it))
    }

    /// The same, of another process than `pid`.
    #[track_caller]
    pub(crate) fn await_beat_other_than(&self, pid: i32, since: u64) -> Beat {
        let is_it = |it: &Beat| it.pid != pid && it.at > since && it.is_well();
        wait_for(&format!("another than {pid} works"), || self.beats().into_iter().find(is_it))
    }

    /// Who works: the one that did last and lives.
    #[track_caller]
    pub(crate) fn on_duty(&self) -> Beat {
        wait_for("somebody is on duty", || {
            self.beats().into_iter().rfind(Beat::is_well).filter(|it| is_alive(it.pid))
        })
    }

    /// Every process of a side that lives, also one that has not come to its first line yet.
    pub(crate) fn living(&self, side: &str) -> Vec<i32> {
        let ends = format!("pair.py\0{side}\0");
        let line = |pid: &i32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut pids = self.world.processes();
        pids.retain(|pid| line(pid).ends_with(ends.as_bytes()));
        pids
    }

    /// Makes a side end as soon as it has begun.
    pub(crate) fn break_it(&self, side: &str) {
        self.world.write(&format!("{side}.broken"), "");
    }

    /// Makes a side run and not do its work.
    pub(crate) fn sicken(&self, side: &str) {
        self.world.write(&format!("{side}.sick"), "");
    }

    /// Makes all well again.
    pub(crate) fn mend(&self) {
        for side in SIDES {
            for what in ["broken", "sick"] {
                // Mostly it is not there.
                let _ = fs::remove_file(self.world.path(&format!("{side}.{what}")));
            }
        }
    }

    /// Takes the primary off duty for good: it is broken, and its backup works.
    #[track_caller]
    pub(crate) fn fail_over(&self) -> Beat {
        let primary = self.on_duty();
        assert_eq!(primary.side, "primary");
        self.break_it("primary");
        signal(primary.pid, Signal::KILL);
        let backup = self.await_beat_of("backup", primary.at);
        self.wait_for_log("the backup is on duty");
        backup
    }

    /// Waits until only one side lives, and works.
    #[track_caller]
    pub(crate) fn await_one(&self) -> Beat {
        let mut found = None;
        wait_until("one works, and the other is off", || {
            let beat = self.on_duty();
            let one =
                self.living(other(&beat.side)).is_empty() && self.living(&beat.side) == [beat.pid];
            found = Some(beat);
            one
        });
        found.unwrap()
    }

    /// Ends the watch, and proves that never two ran at once: all that the watches said.
    #[track_caller]
    pub(crate) fn end(&mut self, allowed: &[(u64, u64)]) -> String {
        if let Some(watch) = self.watch.take() {
            self.logs.push(watch.end_well());
        }
        beats::assert_never_two(&self.beats(), allowed);
        let log = self.logs.join("--- the next watch\n");
        assert!(!log.contains("panicked"), "{log}");
        log
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the logs of earlier watches:\n{}", self.logs.join("--- the next one\n"));
        }
    }
}
