//! Faults at random moments. Whatever happens, no two programs of a pair ever live at once, and
//! somebody works again.

use std::{collections::BTreeMap, thread::sleep, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    beats::longest_gap,
    pair::{Config, Pair, Runners, now, other},
    world::{kill, signal, wait_until},
};

/// What happens to a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// Who is on duty is killed.
    Kill,
    /// Who is on duty is frozen.
    Freeze,
    /// Who is on duty is killed, and ends as soon as it is started again.
    CrashLoop,
    /// Who is on duty runs on and does not do its work.
    Sick,
    /// The watch alone is killed.
    WatchDies,
    /// The daemon of PM2 is killed.
    DaemonDies,
    /// A person starts the one that stands by.
    StartedByHand,
    /// A person stops the one that is on duty, and starts it again.
    StoppedByHand,
}

const ANYWHERE: [Fault; 5] =
    [Fault::Kill, Fault::Freeze, Fault::CrashLoop, Fault::Sick, Fault::WatchDies];
const UNDER_PM2: [Fault; 3] = [Fault::DaemonDies, Fault::StartedByHand, Fault::StoppedByHand];

/// Numbers that look random, and are the same every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn rest(&mut self, most_ms: u64) {
        sleep(Duration::from_millis(self.below(most_ms + 1)));
    }
}

/// The longest times without anybody at work, in milliseconds, by what happened.
type Gaps = BTreeMap<Fault, Vec<u64>>;

/// How many faults a pair lives through. With each failover of a day the next hold is longer, so a
/// new pair begins after a few.
const FAULTS_OF_A_PAIR: u64 = 3;

struct Chaos {
    pair: Pair,
    random: Random,
    /// When a person had both run.
    allowed: Vec<(u64, u64)>,
}

impl Chaos {
    fn round(&mut self, fault: Fault, gaps: &mut Gaps) {
        // Sometimes so long that duty goes back meanwhile, or is just about to.
        let longest = self.random.of(&[200, 600, 2500]);
        self.random.rest(longest);
        let on_duty = self.pair.on_duty();
        let side = on_duty.side.as_str();
        let fault = self.possible(fault, side);
        let since = now();
        let watch_dies = fault == Fault::WatchDies || self.random.below(3) == 0;
        eprintln!("{fault:?}, {side} on duty, watch dies: {watch_dies}");
        match fault {
            Fault::Kill => kill(on_duty.pid),
            Fault::Freeze => signal(on_duty.pid, Signal::STOP),
            Fault::CrashLoop => {
                self.pair.break_it(side);
                kill(on_duty.pid);
            }
            Fault::Sick => self.pair.sicken(side),
            Fault::WatchDies => {}
            Fault::DaemonDies => {
                wait_until("there is a daemon", || self.pair.world.daemon().is_some());
                kill(self.pair.world.daemon().unwrap());
            }
            Fault::StartedByHand | Fault::StoppedByHand => {
                self.by_hand(fault, side);
            }
        }
        if watch_dies {
            self.random.rest(600);
            self.pair.kill_watch();
            self.random.rest(200);
            self.pair.begin_watch();
        }
        if fault == Fault::Freeze {
            // It is thawed before anybody has noticed, or while it is being ended, or should have
            // been ended before another one began.
            if self.random.below(2) == 0 {
                self.random.rest(1500);
            } else {
                self.pair.await_beat_other_than(on_duty.pid, since);
            }
            let _ = kill_process(Pid::from_raw(on_duty.pid).unwrap(), Signal::CONT);
        }
        let after = if matches!(fault, Fault::Sick) { since } else { now() };
        self.pair.await_beat(after);
        if fault == Fault::DaemonDies {
            wait_until("there is a daemon", || self.pair.world.daemon().is_some());
        }
        self.pair.mend();
        self.pair.await_one();
        if fault == Fault::StoppedByHand {
            // Duty may have moved before it was started again: then a person had both run.
            self.allowed.push((since, now()));
        }
        let gap = longest_gap(&self.pair.beats(), since);
        eprintln!("{fault:?}, {side} was on duty: {gap} ms without anybody at work");
        if fault != Fault::StoppedByHand {
            gaps.entry(fault).or_default().push(gap);
        }
    }

    /// A person has only what PM2 runs at hand.
    fn possible(&self, fault: Fault, side: &str) -> Fault {
        let hand = match fault {
            Fault::StartedByHand => other(side),
            Fault::StoppedByHand => side,
            _ => return fault,
        };
        if self.pair.runners.of(hand) == "pm2" { fault } else { Fault::WatchDies }
    }

    /// What a person does with PM2's own command.
    fn by_hand(&mut self, fault: Fault, side: &str) {
        let started = if fault == Fault::StartedByHand { other(side) } else { side };
        let world = &self.pair.world;
        // Without a daemon that command starts one, as the watch does, and of two one has no socket.
        wait_until("it is registered", || !world.instances(started).is_empty());
        if fault == Fault::StoppedByHand {
            world.pm2(&["stop", side]);
            self.random.rest(500);
            world.pm2(&["start", side]);
        } else {
            let began = now();
            world.pm2(&["start", started]);
            wait_until("one of them is stopped", || {
                self.pair.living(side).is_empty() || self.pair.living(started).is_empty()
            });
            self.allowed.push((began, now()));
        }
    }
}

fn run(runners: Runners, seed: u64, rounds: u64) -> Gaps {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut faults = ANYWHERE.to_vec();
    if runners != Runners::Embedded {
        faults.extend(UNDER_PM2);
    }
    let mut gaps = Gaps::new();
    let (mut lives, mut failovers, mut hand_backs) = (0, 0, 0);
    let mut left = rounds;
    while left > 0 {
        let both = random.of(&["", "restart = \"always\"", "restart = \"never\""]);
        // PM2 tells a watch that did not listen of no signal: what was killed has finished then.
        let both = if runners == Runners::Embedded { both } else { "" };
        let pair = Pair::at_work(runners, &Config { both, ..Config::default() });
        let mut chaos = Chaos { pair, random, allowed: Vec::new() };
        chaos.pair.await_one();
        for _ in 0..left.min(FAULTS_OF_A_PAIR) {
            let fault = chaos.random.of(&faults);
            eprintln!("{runners:?}, seed {seed}, {left} rounds left");
            chaos.round(fault, &mut gaps);
            left -= 1;
        }
        let Chaos { mut pair, random: next, allowed } = chaos;
        random = next;
        pair.await_one();
        let log = pair.end(&allowed);
        failovers += log.matches(": duty goes to the").count();
        hand_backs += log.matches(": hand-back: ").count();
        lives += pair.beats().iter().filter(|it| it.word == "start").count();
    }
    let mut summary = format!(
        "{runners:?}, seed {seed}: {rounds} rounds, {lives} lives; duty moved {failovers} times and \
         went back {hand_backs} times\n"
    );
    for (fault, times) in &mut gaps {
        times.sort_unstable();
        let middle = times[times.len() / 2];
        let (first, last) = (times[0], times[times.len() - 1]);
        let count = times.len();
        let fault = format!("{fault:?}");
        summary += &format!(
            "  {fault:14} {count:3} times; without anybody at work: {first} to {last} ms, median {middle} ms\n"
        );
    }
    eprint!("{summary}");
    gaps
}

/// As many rounds as asked for, or a few.
fn rounds(runners: Runners, few: u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse().ok());
    run(runners, number("FAILOVER_SEED").unwrap_or(1), number("FAILOVER_ROUNDS").unwrap_or(few));
}

#[test]
fn whatever_happens_one_works_when_the_tool_runs_both() {
    rounds(Runners::Embedded, 6);
}

#[test]
fn whatever_happens_one_works_when_pm2_runs_both() {
    rounds(Runners::Pm2, 3);
}

#[test]
fn whatever_happens_one_works_when_pm2_runs_the_primary() {
    rounds(Runners::Mixed, 3);
}
