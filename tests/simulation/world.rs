//! The simulated world: processes, their runners, a clock that may jump, and what is yet to happen.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
};

use jiff::{SignedDuration, Timestamp};
use redundancy::core::{
    change::{Change, Step},
    id::{Id, Name},
    resource::{Actual, Run},
};

use crate::{
    process::{Process, Runner, State},
    rng::Rng,
};

pub(crate) const SECOND: i64 = 1000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// The events that are told when something goes wrong.
const TOLD: usize = 40;

/// What will happen. What names a run happens only to that one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    Dies {
        process: usize,
        run: u64,
    },
    DaemonRestarts {
        process: usize,
        run: u64,
    },
    /// A command of a controller that is gone, or did not hear the answer.
    Late {
        process: usize,
        nth: usize,
    },
    /// The next step of a lane has been made.
    Effect {
        lane: u64,
    },
    /// The controller hears of something; of which provider, or of all.
    Look(Option<usize>),
    /// It wakes by the clock.
    Timer {
        nth: u64,
    },
    Begins,
    Fault,
    /// An affliction ends.
    Mended {
        process: usize,
    },
    Sees {
        provider: usize,
    },
    ConfigEdit {
        nth: usize,
    },
    Calm,
}

pub(crate) struct World {
    pub(crate) now: i64,
    /// How far the clock on the wall is from where it would be.
    pub(crate) jumped: i64,
    /// When it last did.
    pub(crate) jumped_at: Option<i64>,
    pub(crate) rng: Rng,
    pub(crate) processes: Vec<Process>,
    /// Until when each provider gives no answer.
    pub(crate) blind_until: [i64; 2],
    /// Commands that may yet take effect, each once.
    pub(crate) late: Vec<Option<Change>>,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    count: u64,
    /// How much happened that may be heard of.
    pub(crate) happened: u64,
    log: VecDeque<String>,
}

pub(crate) const PROVIDERS: [&str; 2] = ["embedded", "pm2"];

pub(crate) fn provider(id: &Id) -> usize {
    PROVIDERS.iter().position(|it| *it == id.provider.as_str()).unwrap()
}

pub(crate) fn name(provider: usize) -> Name {
    PROVIDERS[provider].parse().unwrap()
}

impl World {
    pub(crate) fn new(seed: u64, processes: Vec<Process>) -> Self {
        Self {
            now: 0,
            jumped: 0,
            jumped_at: None,
            rng: Rng::new(seed),
            processes,
            blind_until: [0; 2],
            late: Vec::new(),
            events: BinaryHeap::new(),
            count: 0,
            happened: 0,
            log: VecDeque::new(),
        }
    }

    /// What the clock on the wall says.
    pub(crate) fn wall(&self) -> Timestamp {
        // The summer of 2026, so that a jump back leads nowhere special.
        Timestamp::from_second(1_780_000_000).unwrap()
            + SignedDuration::from_millis(self.now + self.jumped)
    }

    pub(crate) fn say(&mut self, what: impl std::fmt::Display) {
        let (ms, s) = (self.now % SECOND, self.now / SECOND);
        let line = format!("{:02}:{:02}:{:02}.{ms:03}  {what}", s / 3600, s / 60 % 60, s % 60);
        if std::env::var_os("SIMULATION_TRACE").is_some() {
            eprintln!("{line}");
        }
        self.log.push_back(line);
        if self.log.len() > TOLD {
            self.log.pop_front();
        }
    }

    pub(crate) fn told(&self) -> String {
        self.log.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn after(&mut self, ms: i64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((self.now + ms, self.count, event)));
    }

    /// The next thing that happens, and the time goes on to it.
    pub(crate) fn next(&mut self) -> Event {
        let Reverse((at, _, event)) = self.events.pop().expect("a timer always runs");
        self.now = self.now.max(at);
        event
    }

    pub(crate) fn index(&self, id: &Id) -> usize {
        self.processes.iter().position(|it| it.id == *id).unwrap()
    }

    pub(crate) fn is_blind(&self, provider: usize) -> bool {
        self.blind_until[provider] > self.now
    }

    /// The controller may hear of a change at once, later, or not at all.
    pub(crate) fn noticed(&mut self, process: usize) {
        self.happened += 1;
        if !self.rng.percent(12) {
            let after = self.rng.between(2, 150);
            let provider = provider(&self.processes[process].id);
            self.after(after, Event::Look(Some(provider)));
        }
    }

    pub(crate) fn look(&self, provider: usize) -> Result<BTreeMap<Name, Actual>, String> {
        if self.is_blind(provider) {
            return Err("no answer".to_owned());
        }
        let wall = self.wall();
        let here = self.processes.iter().filter(|it| self::provider(&it.id) == provider);
        Ok(here.filter_map(|it| Some((it.id.name.clone(), it.seen(self.now, wall)?))).collect())
    }

    pub(crate) fn start(&mut self, process: usize, who: &str) {
        let (now, wall) = (self.now, self.wall());
        let it = &mut self.processes[process];
        if it.runs() {
            return;
        }
        it.start(now, wall);
        let (id, broken, run, ends) = (it.id.clone(), it.broken, it.run, it.every.is_some());
        self.say(format_args!("{id} is started by {who}"));
        if ends {
            let after = self.rng.between(SECOND, MINUTE);
            self.after(after, Event::Dies { process, run });
        }
        if broken {
            let after = self.rng.between(20, 4000);
            self.after(after, Event::Dies { process, run });
        }
        self.noticed(process);
    }

    pub(crate) fn stop(&mut self, process: usize, to: &State, who: &str) {
        let now = self.now;
        let it = &mut self.processes[process];
        it.stop(to.clone(), now);
        let id = it.id.clone();
        self.say(format_args!("{id} is stopped by {who} ({to:?})"));
        self.noticed(process);
    }

    pub(crate) fn die(&mut self, process: usize) {
        let (now, wall) = (self.now, self.wall());
        let it = &mut self.processes[process];
        if !it.runs() {
            return;
        }
        it.die(now, wall);
        let (id, run, rest) = (it.id.clone(), it.run, it.daemon_rest());
        let comes_back = it.runner == Runner::Pm2 && it.state != State::Errored;
        let how = if it.state == State::Errored { ", and PM2 gives it up" } else { "" };
        let ends = if it.every.is_some() { "ends" } else { "dies" };
        self.say(format_args!("{id} {ends}{how}"));
        if comes_back {
            self.after(rest, Event::DaemonRestarts { process, run });
        }
        self.noticed(process);
    }

    pub(crate) fn daemon_restarts(&mut self, process: usize, run: u64) {
        let it = &self.processes[process];
        if it.run != run || !matches!(it.state, State::Ended(_)) {
            return;
        }
        if self.is_blind(1) {
            let left = self.blind_until[1] - self.now;
            self.after(left, Event::DaemonRestarts { process, run });
            return;
        }
        self.processes[process].restarts += 1;
        self.start(process, "PM2");
    }

    /// Starts it, or has it wait for its time.
    fn turn_on(&mut self, process: usize) {
        if self.processes[process].every.is_none() {
            return self.start(process, "us");
        }
        let (now, wall) = (self.now, self.wall());
        let it = &mut self.processes[process];
        if !it.runs() {
            it.stop(State::Waits(wall), now);
            self.noticed(process);
        }
    }

    /// How long a step takes.
    pub(crate) fn length(&mut self, step: &Step) -> i64 {
        match step.change {
            Change::Stop | Change::Delete { .. } | Change::Restart => self.rng.between(30, 8000),
            _ => self.rng.between(10, 600),
        }
    }

    /// Makes a change; why not, where it can't be made.
    pub(crate) fn make(&mut self, process: usize, change: &Change) -> Result<(), String> {
        let wall = self.wall();
        let it = &mut self.processes[process];
        let runs = it.runs();
        let stops = matches!(
            change,
            Change::Stop
                | Change::Restart
                | Change::Delete { .. }
                | Change::Update { restart: true, .. }
        );
        if stops && runs && it.unstoppable {
            return Err("even after SIGKILL it is there".to_owned());
        }
        let starts = matches!(change, Change::Start | Change::Create { run: Run::On, .. });
        if starts && it.unstartable {
            return Err("no such program".to_owned());
        }
        match change {
            Change::Create { to, run, .. } => {
                if it.state == State::Absent {
                    (it.body, it.written) = (to.clone(), to.clone());
                    it.ours = true;
                    self.processes[process].stop(State::Off, self.now);
                    if *run == Run::On {
                        self.turn_on(process);
                    }
                }
            }
            Change::Update { to, restart, .. } => {
                (it.body, it.written) = (to.clone(), to.clone());
                if *restart && runs {
                    self.stop(process, &State::Off, "us");
                    self.start(process, "us");
                }
            }
            Change::Delete { .. } => self.stop(process, &State::Absent, "us"),
            Change::Start => {
                let asked = !matches!(it.state, State::Ended(_));
                it.count_failure(wall, asked);
                match it.state {
                    State::Absent => {}
                    State::Waits(_) => self.start(process, "us"),
                    _ => self.turn_on(process),
                }
            }
            Change::Stop => {
                if it.state != State::Absent {
                    self.stop(process, &State::Off, "us");
                }
            }
            Change::Restart => {
                it.failures = 0;
                self.stop(process, &State::Off, "us");
                if self.processes[process].unstartable {
                    return Err("no such program".to_owned());
                }
                self.start(process, "us");
            }
        }
        Ok(())
    }
}
