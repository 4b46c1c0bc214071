//! Moving the duty of a pair because a person asks for it: by the watch that runs, or, where none
//! does, here and now.

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::{
    Controller, Manner, Progress, Stop,
    lock::{self, Lock, State},
    requests::{self, Request, What},
    watch::{MEMORY, recalled},
};
use crate::{
    core::{
        change::Step,
        duty::{self, Asked, Cause, Duty, Phase, Side, Stuck},
        failover::Pair,
        id::Id,
        plan::Plan,
        reconciler::{Failed, Given, Memory, News, Reconciler, Rules},
    },
    journal::{Entry, Error, Journal, Kind},
};

/// How long it may take, beside the time that the rules of the pair give for proof and settling.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// A request that the watch took while it was still finding out what runs moved nothing: when to
/// leave it once more.
const AGAIN: Duration = Duration::from_secs(2);

/// What a person wants of a pair.
#[derive(Debug, Clone, Copy)]
pub struct Goal<'a> {
    /// The pair.
    pub pair: &'a Pair,
    /// What was asked for.
    pub asked: Asked,
    /// Who shall be on duty then.
    pub to: Side,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Duty is where it should be.
    Arrived,
    /// Duty went elsewhere.
    Elsewhere,
    /// What goes off duty could not be proven stopped.
    Blocked,
    /// Something keeps it from moving.
    Stuck(Stuck),
    /// It is paused.
    Paused,
    /// The watch was gone before it had arrived.
    Unwatched,
    /// It was told to stop before it had arrived.
    Stopped,
    /// It took longer than it may.
    TookTooLong {
        /// Whether the watch has taken the request at all. One that was not taken is taken back.
        taken: bool,
    },
}

/// Something that happened on the way.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The word of its kind.
    pub kind: &'a str,
    /// What it is about.
    pub id: &'a str,
    /// What happened.
    pub text: &'a str,
}

impl Goal<'_> {
    /// How long it may take.
    #[must_use]
    pub fn limit(&self) -> Duration {
        let rules = &self.pair.rules;
        PATIENCE.saturating_add(rules.fence).saturating_add(rules.settle)
    }

    /// What `duty` says of it; none as long as it is on its way, or not yet. `headed`: whether it
    /// was seen to be on its way before.
    fn ended(&self, duty: &Duty, headed: bool) -> Option<Ended> {
        match duty.phase {
            Phase::On(side) if side == self.to => Some(Ended::Arrived),
            Phase::On(_) if headed || self.asked == Asked::AssumeStopped => Some(Ended::Elsewhere),
            Phase::Paused => Some(Ended::Paused),
            // It may have to be seen once more that it is.
            Phase::Blocked if self.asked == Asked::AssumeStopped => None,
            Phase::Blocked => Some(Ended::Blocked),
            _ if headed && !self.is_headed(duty) => Some(Ended::Elsewhere),
            _ if headed => duty.stuck().map(Ended::Stuck),
            _ => None,
        }
    }

    fn is_headed(&self, duty: &Duty) -> bool {
        match duty.phase {
            Phase::Fence(side) => side != self.to,
            Phase::Start(side) => side == self.to,
            Phase::On(_) | Phase::Recover | Phase::Blocked | Phase::Paused => false,
        }
    }
}

impl Controller {
    /// Whether a watch runs for the project.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        let lock = lock::watch_file(&self.project.state_dir());
        matches!(Lock::state(&lock), Ok(State::Held(_)))
    }

    /// Has the watch that runs do it, and tells what it does until that is over.
    ///
    /// # Errors
    /// When the journal can't be read or written.
    pub async fn have_moved(
        &self,
        goal: &Goal<'_>,
        journal: &mut Journal,
        tell: impl Fn(Told<'_>),
    ) -> Result<Ended, Error> {
        let pair = goal.pair;
        let ids = [pair.primary.to_string(), pair.backup.to_string()];
        let kinds = [Kind::Duty, Kind::Done, Kind::Failed].map(Kind::word);
        let request = Request { what: What::Duty(goal.asked), id: Some(pair.backup.clone()) };
        let mut told = journal.last_number()?;
        let mut key = self.ask(journal, &request)?;
        let (began, mut asked_at, mut headed) = (Instant::now(), Instant::now(), false);
        loop {
            let watched = self.is_watched();
            for event in journal.since(told)? {
                told = event.number;
                let id = event.id.as_deref().filter(|it| ids.iter().any(|id| id == it));
                if let Some(id) = id.filter(|_| kinds.contains(&&*event.kind)) {
                    tell(Told { kind: &event.kind, id, text: &event.text });
                }
            }
            let is_left = requests::is_left(journal, &key)?;
            let memory = recalled(journal.recall(MEMORY)?.as_deref());
            if let Some(duty) = memory.duties.of(&pair.backup).filter(|_| !is_left) {
                if let Some(ended) = goal.ended(duty, headed) {
                    return Ok(ended);
                }
                headed |= goal.is_headed(duty);
            }
            if !watched || began.elapsed() > goal.limit() {
                let taken = !requests::take_back(journal, &key)?;
                return Ok(if watched { Ended::TookTooLong { taken } } else { Ended::Unwatched });
            }
            if !is_left && !headed && asked_at.elapsed() > AGAIN {
                key = self.ask(journal, &request)?;
                asked_at = Instant::now();
            }
            sleep(PAUSE).await;
        }
    }

    /// Leaves a request for the watch and wakes it.
    ///
    /// # Errors
    /// When the journal can't be written.
    pub fn ask(&self, journal: &mut Journal, request: &Request) -> Result<String, Error> {
        let key = requests::leave(journal, request, Timestamp::now())?;
        if let Err(error) = requests::wake(&self.project.state_dir()) {
            tracing::warn!(
                "the watch was not woken and sees the request with its next look: {error}"
            );
        }
        Ok(key)
    }

    /// Does it without a watch, under the lock of whoever makes changes, and tells each step.
    ///
    /// # Errors
    /// When the journal can't be read or written: nothing is done that is not written down first.
    pub async fn move_duty(
        &self,
        goal: &Goal<'_>,
        journal: &RefCell<Journal>,
        stop: &Stop,
        tell: impl Fn(Told<'_>),
    ) -> Result<Ended, Error> {
        let pair = goal.pair;
        let mut memory = recalled(journal.borrow().recall(MEMORY)?.as_deref());
        if goal.asked != Asked::AssumeStopped {
            memory.duties.aim(&pair.backup, goal.to, Timestamp::now());
        }
        let mut hand = Hand {
            controller: self,
            goal,
            journal,
            reconciler: Reconciler::new(memory.clone(), Timestamp::now()),
            memory,
            // Emergencies are for whoever sees to everything.
            rules: Rules { pairs: vec![pair.clone()], emergency_below: 0.0, ..self.rules() },
        };
        let (began, mut headed) = (Instant::now(), false);
        loop {
            let plan = hand.decide(&tell).await?;
            if let Some(duty) = hand.reconciler.duties().of(&pair.backup) {
                if let Some(ended) = goal.ended(duty, headed) {
                    return Ok(ended);
                }
                headed |= goal.is_headed(duty);
            }
            if stop.asked() {
                return Ok(Ended::Stopped);
            }
            if began.elapsed() > goal.limit() {
                return Ok(Ended::TookTooLong { taken: true });
            }
            hand.carry_out(&plan, stop, &tell).await?;
            sleep(PAUSE).await;
        }
    }
}

/// The hand that moves duty where no watch does.
struct Hand<'a> {
    controller: &'a Controller,
    goal: &'a Goal<'a>,
    journal: &'a RefCell<Journal>,
    reconciler: Reconciler,
    /// What was remembered before: of everything but this pair it stays so.
    memory: Memory,
    rules: Rules,
}

impl Hand<'_> {
    /// Looks, and decides what is to be done with the two now.
    async fn decide(&mut self, tell: &impl Fn(Told<'_>)) -> Result<Plan, Error> {
        let Goal { pair, asked, to } = *self.goal;
        let mut world = self.controller.look_and_ask(Timestamp::now()).await;
        let now = Timestamp::now();
        self.reconciler.pause(requests::pauses(&self.journal.borrow())?);
        let phase = self.reconciler.duties().of(&pair.backup).map(|it| it.phase);
        let is_due = match asked {
            Asked::AssumeStopped => phase == Some(Phase::Blocked),
            Asked::FailOver | Asked::HandBack => phase == Some(Phase::On(to.other())),
        };
        let asked: BTreeMap<Id, Asked> =
            is_due.then(|| (pair.backup.clone(), asked)).into_iter().collect();
        let given = Given {
            in_hand: &|_| false,
            drain: &|id| self.controller.drain(&id.provider),
            precheck: &|_| None,
            asked: &asked,
        };
        let (desired, observed) = (&mut world.desired, &world.observed);
        let decision = self.reconciler.decide(desired, observed, &self.rules, &given, now);
        self.remember()?;
        self.controller.keep_off(&self.memory.duties);
        // That it is not yet where it shall be is no news.
        let not_yet = duty::News::OnDuty { side: to.other(), cause: Cause::Asked };
        for news in decision.news {
            // Of the two alone: of all others nothing is decided here.
            let News::Duty { backup: id, news } = news else { continue };
            if news == not_yet {
                continue;
            }
            let (at, kind, text) = (Timestamp::now(), Kind::Duty, news.about(&id).to_string());
            tell(Told { kind: kind.word(), id: &id.to_string(), text: &text });
            self.journal.borrow_mut().write(&[Entry { at, kind, id: Some(id), text }])?;
        }
        Ok(decision.plan.only(|id| pair.has(id)))
    }

    async fn carry_out(
        &mut self,
        plan: &Plan,
        stop: &Stop,
        tell: &impl Fn(Told<'_>),
    ) -> Result<(), Error> {
        if plan.lanes.is_empty() {
            return Ok(());
        }
        self.reconciler.begin(&plan.lanes, Timestamp::now());
        self.remember()?;
        let progress = |progress: Progress<'_>| {
            let say = |kind: Kind, step: &Step, text: String| {
                tell(Told { kind: kind.word(), id: &step.id.to_string(), text: &text });
            };
            match progress {
                Progress::Done(step) => {
                    say(Kind::Done, step, format!("{}: {}", step.change.verb(), step.reason));
                }
                Progress::Failed(step, why) => {
                    say(Kind::Failed, step, format!("{}: {why}", step.change.verb()));
                }
                Progress::NotBegun(_) => {}
                Progress::JournalFailed(why) => {
                    tracing::warn!("the journal was not written: {why}");
                }
            }
        };
        let outcomes =
            self.controller.carry_out(plan, Manner::Together, self.journal, stop, progress).await;
        for outcome in outcomes {
            let failed = outcome.error.map(Failed::from);
            self.reconciler.finish(outcome.lane, outcome.done, failed, Timestamp::now());
        }
        self.remember()
    }

    /// Writes down what has to be remembered of this pair, before anything follows from it.
    fn remember(&mut self) -> Result<(), Error> {
        let pair = self.goal.pair;
        let now = self.reconciler.memory();
        self.memory.duties.take_over(&now.duties, &pair.backup);
        self.memory.in_hand.retain(|id| !pair.has(id));
        self.memory.in_hand.extend(now.in_hand.iter().cloned());
        self.memory.in_hand.sort();
        self.memory.in_hand.dedup();
        // Plain data, which JSON can always say.
        let text = serde_json::to_string(&self.memory).unwrap_or_default();
        self.journal.borrow_mut().remember(MEMORY, &text)
    }
}
