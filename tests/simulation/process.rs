//! One simulated process, with what ails it, and what its runner says of it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use redundancy::core::{
    backoff::Backoff,
    id::Id,
    recovery::{self, Ended, Exit, Next, Restart},
    resource::{Actual, Body, Mark, Status, Vitals},
};

use crate::world::HOUR;

/// Who runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    /// The controller itself: without it nothing is started again.
    Embedded,
    /// A daemon that starts again by itself what ended.
    Pm2,
}

/// How it really is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum State {
    /// Nobody knows it.
    Absent,
    /// Off on purpose.
    Off,
    /// Stopped by a person.
    ByHand,
    /// Running.
    Runs { since: Timestamp, from: i64 },
    /// It ended, and may be started again by its runner.
    Ended(Ended),
    /// Its daemon has given it up.
    Errored,
    /// Its schedule starts it. All its times up to this one were seen to.
    Waits(Timestamp),
}

/// After so many crashes in a row PM2 gives up.
const PM2_RESTARTS: u32 = 6;

/// How long a crash that was heard counts, and how many within that are a loop.
const LOOP: (i64, usize) = (300_000, 5);

#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) id: Id,
    pub(crate) runner: Runner,
    /// How often its schedule starts it, in milliseconds, where it has one.
    pub(crate) every: Option<i64>,
    /// Whether it is in the config as ours, or was there before.
    pub(crate) ours: bool,
    pub(crate) body: Body,
    pub(crate) written: Body,
    pub(crate) state: State,
    /// Counts runs, so that what was to happen to an earlier one is told from this one.
    pub(crate) run: u64,
    pub(crate) failures: u32,
    pub(crate) restarts: u64,
    crashes: Vec<i64>,
    /// Whether a person has started it, or is answerable for its running beside the other one.
    pub(crate) by_person: bool,
    /// It dies soon after each start.
    pub(crate) broken: bool,
    pub(crate) frozen: bool,
    /// Its probe has failed often enough.
    pub(crate) bad_probe: bool,
    pub(crate) unstoppable: bool,
    pub(crate) unstartable: bool,
    /// When it failed: what a failover may be justified with.
    pub(crate) failed_at: Vec<i64>,
    /// Since when it has been ill without an end.
    pub(crate) ill_from: Option<i64>,
    was_proven: bool,
    /// When an illness ended that had lasted, or was proven.
    pub(crate) long_ill_until: i64,
}

impl Process {
    pub(crate) fn new(id: &str, ours: bool) -> Self {
        let id: Id = id.parse().unwrap();
        let embedded = id.provider.as_str() == "embedded";
        Self {
            runner: if embedded { Runner::Embedded } else { Runner::Pm2 },
            id,
            every: None,
            ours,
            body: Body::default(),
            written: Body::default(),
            state: State::Absent,
            run: 0,
            failures: 0,
            restarts: 0,
            crashes: Vec::new(),
            by_person: false,
            broken: false,
            frozen: false,
            bad_probe: false,
            unstoppable: false,
            unstartable: false,
            failed_at: Vec::new(),
            ill_from: None,
            was_proven: false,
            long_ill_until: -HOUR,
        }
    }

    /// The same, started by the clock.
    pub(crate) fn by_schedule(self, every: i64) -> Self {
        Self { every: Some(every), ..self }
    }

    pub(crate) fn policy() -> recovery::Policy {
        let second = Duration::from_secs(1);
        let backoff = Backoff { initial: second, factor: 2.0, max: 60 * second };
        recovery::Policy { restart: Restart::Always, max_restarts: 5, min_uptime: second, backoff }
    }

    pub(crate) fn runs(&self) -> bool {
        matches!(self.state, State::Runs { .. })
    }

    /// Whether it really does its work.
    pub(crate) fn is_well(&self) -> bool {
        self.runs() && !self.frozen && !self.bad_probe && !self.broken
    }

    pub(crate) fn start(&mut self, now: i64, wall: Timestamp) {
        if !self.runs() {
            self.state = State::Runs { since: wall, from: now };
            self.run += 1;
            (self.frozen, self.bad_probe) = (false, false);
            self.note_ill(now);
        }
    }

    /// Ends for good, as somebody asked for.
    pub(crate) fn stop(&mut self, state: State, now: i64) {
        self.state = state;
        self.run += 1;
        self.by_person = false;
        (self.frozen, self.bad_probe, self.failures) = (false, false, 0);
        self.crashes.clear();
        self.note_ill(now);
    }

    /// Ends by itself.
    pub(crate) fn die(&mut self, now: i64, wall: Timestamp) {
        let State::Runs { from, .. } = self.state else { return };
        self.run += 1;
        if self.every.is_some() {
            // That is how it ends.
            self.state = State::Waits(wall);
            self.note_ill(now);
            return;
        }
        self.failed_at.push(now);
        self.crashes.push(now);
        let uptime_ms = u64::try_from(now - from).unwrap();
        let ended = Ended { exit: Exit::Code(1), at: wall, uptime_ms };
        if self.runner == Runner::Pm2 {
            self.failures = if uptime_ms < 1000 { self.failures + 1 } else { 0 };
        }
        let given_up = self.runner == Runner::Pm2 && self.failures > PM2_RESTARTS;
        self.state = if given_up { State::Errored } else { State::Ended(ended) };
        self.note_ill(now);
    }

    /// Notes since when it has been ill, for the account of what justifies a failover.
    pub(crate) fn note_ill(&mut self, now: i64) {
        let proven =
            std::mem::replace(&mut self.was_proven, self.bad_probe || self.state == State::Errored);
        let ill = match self.state {
            State::Runs { .. } => self.frozen || self.bad_probe,
            State::Waits(_) => false,
            State::Absent | State::Ended(_) | State::Errored => true,
            State::Off | State::ByHand => self.unstartable,
        };
        if ill {
            if self.ill_from.is_none() {
                self.failed_at.push(now);
            }
            self.ill_from.get_or_insert(now);
        } else if let Some(from) = self.ill_from.take()
            && (now - from >= 9_000 || proven)
        {
            self.long_ill_until = now;
        }
    }

    /// Whether it has failed so much lately that its work may be given to another.
    pub(crate) fn has_failed(&self, fall: u32, now: i64) -> bool {
        const LATELY: i64 = 50 * 60_000;
        let recent = self.failed_at.iter().filter(|it| now - **it < LATELY).count();
        // Proven by a row of answers, given up, or ill for as long as it takes to be counted again.
        self.bad_probe
            || matches!(self.state, State::Errored | State::Absent)
            || self.ill_from.is_some_and(|it| now - it >= 9_000)
            || now - self.long_ill_until < LATELY
            || recent >= usize::try_from(fall).unwrap()
            || self.failures > Self::policy().max_restarts
    }

    /// Whether it crashes again and again, while PM2 goes on starting it.
    pub(crate) fn loops(&self, now: i64) -> bool {
        self.crashes.iter().filter(|it| now - **it < LOOP.0).count() > LOOP.1
    }

    /// How long PM2 rests before it starts it again.
    pub(crate) fn daemon_rest(&self) -> i64 {
        100 << self.failures.min(7)
    }

    fn status(&self, now: i64, wall: Timestamp) -> Option<Status> {
        let pid = u32::try_from(self.run).unwrap();
        Some(match &self.state {
            State::Absent => return None,
            State::Off => Status::Stopped,
            State::ByHand => Status::StoppedByHand,
            State::Runs { since, .. } if self.runner == Runner::Pm2 && self.loops(now) => {
                let how = "crashes again and again".to_owned();
                Status::Unwell { pid, since: *since, how, proven: true }
            }
            State::Runs { since, .. } if self.frozen || self.bad_probe => {
                let how = if self.frozen { "is frozen" } else { "fails its probe" };
                let proven = self.bad_probe && !self.frozen;
                Status::Unwell { pid, since: *since, how: how.to_owned(), proven }
            }
            State::Runs { since, .. } => Status::Running { pid, since: *since },
            State::Waits(until) => {
                // Where the clock was set back, its times begin now.
                let (every, until) = (self.every.unwrap(), (*until).min(wall).as_millisecond());
                let next = (until.div_euclid(every) + 1) * every;
                Status::Scheduled { next: Timestamp::from_millisecond(next).unwrap() }
            }
            State::Errored => Status::Failed { at: wall, how: "PM2 has given it up".to_owned() },
            State::Ended(ended) if self.runner == Runner::Pm2 => {
                let rest = SignedDuration::from_millis(self.daemon_rest() + 2000);
                // PM2 does not tell when; the provider keeps the time when it was first found so.
                let at = ended.at.min(wall);
                Status::Down { at, how: ended.exit.to_string(), retry_at: at + rest }
            }
            State::Ended(ended) => {
                let (at, how) = (ended.at, ended.exit.to_string());
                let decision = recovery::decide(&Self::policy(), ended, self.failures, wall);
                match decision.next {
                    Next::Restart(retry_at) => Status::Down { at, how, retry_at },
                    Next::Finished => Status::Finished { at, how, well: false },
                    Next::GivenUp => Status::Failed { at, how },
                }
            }
        })
    }

    /// What its provider says of it.
    pub(crate) fn seen(&self, now: i64, wall: Timestamp) -> Option<Actual> {
        let status = self.status(now, wall)?;
        let mark = Mark { written: self.written.digest(), backs_up: None };
        Some(Actual {
            body: self.body.clone(),
            status,
            mark: self.ours.then_some(mark),
            vitals: Some(Vitals { restarts: self.restarts, ..Vitals::default() }),
        })
    }

    /// Begins anew what the embedded runner knows of a row of failures.
    pub(crate) fn count_failure(&mut self, wall: Timestamp, asked: bool) {
        if asked {
            self.failures = 0;
        } else if let (State::Ended(ended), Runner::Embedded) = (&self.state, self.runner) {
            self.failures = recovery::decide(&Self::policy(), ended, self.failures, wall).failures;
        }
    }
}
