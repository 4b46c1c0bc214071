//! What would happen if something failed: the reconciler itself, on virtual time, against a world that
//! does what it is told. Nothing is touched by it.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{
    change::{Change, Step},
    id::{Id, IdError},
    reconciler::{Given, Memory, Reconciler, Rules},
    recovery::{self, Ended, Exit, Next},
    resource::{Actual, Desired, Mark, Observed, Run, Status},
};

/// How far is looked ahead.
pub const AHEAD: Duration = Duration::from_mins(30);

/// How long everything has to come to rest before the event.
const REST: Duration = Duration::from_mins(2);

/// More than this is no story any more.
const LONGEST: usize = 200;

/// What is to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    kind: Kind,
    /// To what.
    pub id: Id,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kill,
    Freeze,
    Crash,
}

/// A text that is no [`Event`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Not a word and an id.
    #[error(
        "what is to happen is \"kill ID\" (it dies, and again at each start), \"crash ID\" (it dies \
         once) or \"freeze ID\" (it hangs)"
    )]
    Unknown,
    /// The id is none.
    #[error(transparent)]
    Id(#[from] IdError),
}

impl FromStr for Event {
    type Err = EventError;

    fn from_str(text: &str) -> Result<Self, EventError> {
        let (word, id) = text.trim().split_once(' ').ok_or(EventError::Unknown)?;
        let kind = match word {
            "kill" => Kind::Kill,
            "freeze" => Kind::Freeze,
            "crash" => Kind::Crash,
            _ => return Err(EventError::Unknown),
        };
        Ok(Self { kind, id: id.trim().parse()? })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Kill => "is killed",
            Kind::Freeze => "freezes",
            Kind::Crash => "crashes",
        })
    }
}

/// One line of the story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happening {
    /// How long after the event, in milliseconds.
    pub after_ms: i64,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// What happens.
    pub text: String,
}

/// Where a story begins.
pub struct Beginning<'a> {
    /// What is wanted.
    pub desired: Desired,
    /// What was seen.
    pub observed: Observed,
    /// What the config says about decisions.
    pub rules: &'a Rules,
    /// What the watch remembers.
    pub memory: Memory,
    /// When a process is started again.
    pub policy: &'a dyn Fn(&Id) -> recovery::Policy,
    /// How long a stop may take.
    pub stop_takes: &'a dyn Fn(&Id) -> Duration,
    /// Now.
    pub now: Timestamp,
}

/// Why there is no story.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// What does not run can't fail.
    #[error("{id} does not run ({how}), so that it {event} changes nothing")]
    NotRunning {
        /// What.
        id: Id,
        /// How it is.
        how: String,
        /// What was to happen.
        event: String,
    },
}

/// Tells what would happen after `event`.
///
/// # Errors
/// When it can't happen.
pub fn simulate(beginning: Beginning<'_>, event: &Event) -> Result<Vec<Happening>, Error> {
    let Beginning { desired, observed, rules, memory, policy, stop_takes, now } = beginning;
    let mut story = Story {
        reconciler: Reconciler::new(memory, now),
        desired,
        observed,
        rules,
        policy,
        stop_takes,
        now,
        in_hand: Vec::new(),
        doomed: None,
        failures: 0,
        began: now,
        told: Vec::new(),
    };
    story.go_on(now + REST);
    story.told.clear();
    story.began = story.now;
    story.happens(event)?;
    story.go_on(story.now + AHEAD);
    Ok(story.told)
}

struct Story<'a> {
    reconciler: Reconciler,
    desired: Desired,
    observed: Observed,
    rules: &'a Rules,
    policy: &'a dyn Fn(&Id) -> recovery::Policy,
    stop_takes: &'a dyn Fn(&Id) -> Duration,
    now: Timestamp,
    /// Lanes that are being carried out, with when they are done.
    in_hand: Vec<(Timestamp, Vec<Step>)>,
    /// What dies again at each start.
    doomed: Option<Id>,
    failures: u32,
    began: Timestamp,
    told: Vec<Happening>,
}

impl Story<'_> {
    fn tell(&mut self, id: Option<&Id>, text: String) {
        let after = self.now.duration_since(self.began).as_millis();
        let after_ms = i64::try_from(after).unwrap_or(i64::MAX);
        self.told.push(Happening { after_ms, id: id.cloned(), text });
    }

    /// Looks, decides and acts again and again, until `end`.
    fn go_on(&mut self, end: Timestamp) {
        while self.told.len() < LONGEST {
            let wake_at = self.look();
            let done = self.in_hand.iter().map(|(at, _)| *at);
            let next = done.chain(wake_at).min().map_or(end, |it| it.min(end));
            // What is due at once was just done.
            self.now = if next > self.now { next } else { self.now + Duration::from_millis(100) };
            if self.now >= end {
                self.now = end;
                return;
            }
            let now = self.now;
            let over: Vec<_> = self.in_hand.extract_if(.., |(at, _)| *at <= now).collect();
            for (_, lane) in over {
                for step in &lane {
                    self.make(step);
                }
                self.reconciler.finish(&lane, lane.len(), None, now);
            }
        }
    }

    fn look(&mut self) -> Option<Timestamp> {
        let in_hand = &self.in_hand;
        let given = Given {
            in_hand: &|id| in_hand.iter().flat_map(|it| &it.1).any(|step| step.id == *id),
            drain: &|_| Duration::ZERO,
            precheck: &|_| None,
            asked: &BTreeMap::new(),
        };
        let (desired, now) = (&mut self.desired, self.now);
        let decision = self.reconciler.decide(desired, &self.observed, self.rules, &given, now);
        for news in &decision.news {
            self.tell(news.id(), news.to_string());
        }
        self.reconciler.begin(&decision.plan.lanes, now);
        for lane in decision.plan.lanes {
            let mut length = Duration::ZERO;
            for step in &lane {
                let (verb, reason) = (step.change.verb(), &step.reason);
                let takes = match step.change {
                    Change::Stop | Change::Restart => (self.stop_takes)(&step.id),
                    _ => Duration::ZERO,
                };
                let up_to = match takes.as_secs() {
                    0 => String::new(),
                    seconds => format!(" (up to {seconds} s)"),
                };
                length += takes;
                self.tell(Some(&step.id), format!("{verb}{up_to}: {reason}"));
            }
            self.in_hand.push((now + length, lane));
        }
        decision.wake_at
    }

    fn happens(&mut self, event: &Event) -> Result<(), Error> {
        let id = &event.id;
        let status = self.observed.found.get(id).map(|it| it.status.clone());
        // What does not do its work runs too.
        let Some(Status::Running { pid, since } | Status::Unwell { pid, since, .. }) = status
        else {
            let how = status.map_or("it is not there".to_owned(), |it| it.to_string());
            return Err(Error::NotRunning { id: id.clone(), how, event: event.to_string() });
        };
        self.tell(Some(id), event.to_string());
        match event.kind {
            Kind::Freeze => {
                let how = "is frozen".to_owned();
                self.set(id, Status::Unwell { pid, since: self.now, how, proven: false });
            }
            Kind::Crash => self.die(id, since),
            Kind::Kill => {
                self.doomed = Some(id.clone());
                self.die(id, since);
            }
        }
        Ok(())
    }

    fn set(&mut self, id: &Id, status: Status) {
        if let Some(actual) = self.observed.found.get_mut(id) {
            actual.status = status;
        }
    }

    /// Dies, having run since then.
    fn die(&mut self, id: &Id, since: Timestamp) {
        let (at, policy) = (self.now, (self.policy)(id));
        let uptime_ms = u64::try_from(at.duration_since(since).as_millis()).unwrap_or(0);
        let ended = Ended { exit: Exit::Signal(9), at, uptime_ms };
        let how = ended.exit.to_string();
        let decision = recovery::decide(&policy, &ended, self.failures, at);
        self.failures = decision.failures;
        let status = match decision.next {
            Next::Restart(retry_at) => Status::Down { at, how, retry_at },
            Next::Finished => Status::Finished { at, how, well: false },
            Next::GivenUp => {
                self.tell(Some(id), "is given up by its runner".to_owned());
                let how = format!("{how}; failures in a row: {}", decision.failures);
                Status::Failed { at, how }
            }
        };
        self.set(id, status);
    }

    /// Starts it. What is doomed dies at once.
    fn start(&mut self, id: &Id) {
        self.set(id, Status::Running { pid: 1, since: self.now });
        if self.doomed.as_ref() == Some(id) {
            self.tell(Some(id), "dies again".to_owned());
            self.die(id, self.now);
        }
    }

    fn make(&mut self, step: &Step) {
        let id = &step.id;
        match &step.change {
            Change::Create { to, run, backs_up } => {
                let mark = Some(Mark { written: to.digest(), backs_up: backs_up.clone() });
                let status = if to.files.is_empty() { Status::Stopped } else { Status::Present };
                let actual = Actual { body: to.clone(), status, mark, vitals: None };
                self.observed.found.insert(id.clone(), actual);
                if *run == Run::On && to.files.is_empty() {
                    self.start(id);
                }
            }
            Change::Update { to, backs_up, restart, .. } => {
                if let Some(actual) = self.observed.found.get_mut(id) {
                    actual.mark = Some(Mark { written: to.digest(), backs_up: backs_up.clone() });
                    actual.body = to.clone();
                }
                if *restart {
                    self.start(id);
                }
            }
            Change::Delete { .. } => drop(self.observed.found.remove(id)),
            Change::Stop => {
                self.failures = 0;
                self.tell(Some(id), "is stopped, and that is seen".to_owned());
                self.set(id, Status::Stopped);
            }
            Change::Start => self.start(id),
            Change::Restart => {
                self.failures = 0;
                self.start(id);
            }
        }
    }
}

/// What a story takes for granted.
#[must_use]
pub fn assumptions() -> [String; 3] {
    let minutes = AHEAD.as_secs() / 60;
    [
        "a start takes no time, a stop as long as it may at most, and both work".to_owned(),
        "nothing else fails or is changed; what the plan has to do is done before".to_owned(),
        format!("the watch runs, and hears of everything at once; looked ahead: {minutes} minutes"),
    ]
}

/// A time after the event, for people.
#[must_use]
pub fn offset(after_ms: i64) -> String {
    let after = SignedDuration::from_millis(after_ms);
    let (minutes, seconds) = (after.as_secs() / 60, after.as_secs() % 60);
    if minutes == 0 { format!("+{seconds} s") } else { format!("+{minutes} min {seconds:02} s") }
}

#[cfg(test)]
mod tests;
