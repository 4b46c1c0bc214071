//! Carrying a plan out: lanes side by side, the steps of a lane in turn, each written to the
//! journal before it is made and again when its end is known.

use std::cell::{Cell, RefCell};

use futures_util::{
    future::{join, join_all},
    stream::{self, StreamExt},
};
use jiff::Timestamp;

use super::Controller;
use crate::{
    core::{change::Step, plan::Plan},
    journal::{Entry, Journal, Kind},
    provider::Error,
};

/// How many lanes run at once.
pub(super) const LANES_AT_ONCE: usize = 16;

/// How the lanes of a plan are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Side by side.
    Together,
    /// One after another.
    InOrder,
}

/// Tells whoever carries a plan out to begin nothing more.
#[derive(Debug, Default)]
pub struct Stop(Cell<bool>);

impl Stop {
    /// From now on nothing new is begun.
    pub fn ask(&self) {
        self.0.set(true);
    }

    /// Whether that was asked for.
    #[must_use]
    pub fn asked(&self) -> bool {
        self.0.get()
    }
}

/// What happened to a step, told while it happens.
#[derive(Debug)]
pub enum Progress<'a> {
    /// It is done.
    Done(&'a Step),
    /// It failed.
    Failed(&'a Step, &'a Error),
    /// It was not begun, because an earlier step of its lane failed or because of a [`Stop`].
    NotBegun(&'a Step),
    /// The journal could not be written. The work goes on: no decision depends on it.
    JournalFailed(String),
}

/// What came of one lane.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The lane.
    pub lane: &'a [Step],
    /// How many of its steps are done.
    pub done: usize,
    /// What the next one failed of, if it was tried.
    pub error: Option<Error>,
}

impl Outcome<'_> {
    /// Whether every step is done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.done == self.lane.len()
    }
}

impl Controller {
    /// Carries `plan` out in this `manner` and tells of each step as it ends. What was begun is finished, also
    /// when `stop` is asked for; a failed lane does not stop the others.
    pub async fn carry_out<'a>(
        &self,
        plan: &'a Plan,
        manner: Manner,
        journal: &RefCell<Journal>,
        stop: &Stop,
        tell: impl Fn(Progress<'_>),
    ) -> Vec<Outcome<'a>> {
        let tell = &tell;
        let lane = |lane| self.carry_out_lane(lane, journal, stop, tell);
        match manner {
            Manner::InOrder => {
                stream::iter(&plan.lanes).map(|it| lane(it)).buffered(1).collect().await
            }
            Manner::Together => {
                let (together, others): (Vec<_>, Vec<_>) =
                    plan.lanes.iter().partition(|it| self.gathers(it));
                let others = stream::iter(others).map(|it| lane(it)).buffered(LANES_AT_ONCE);
                let together = join_all(together.into_iter().map(|it| lane(it)));
                let (mut outcomes, others) = join(together, others.collect::<Vec<_>>()).await;
                outcomes.extend(others);
                outcomes.sort_by(|a, b| a.lane[0].id.cmp(&b.lane[0].id));
                outcomes
            }
        }
    }

    /// Makes the change of `step`. Where it is one half of a move, what comes next must be possible
    /// first: nothing is taken from where it is as long as it can't be where it goes.
    async fn take(&self, step: &Step, next: Option<&Step>) -> Result<(), Error> {
        let provider = |name| {
            let found = self.provider(name);
            found.ok_or_else(|| Error::Refused(format!("there is no provider {name}")))
        };
        let Step { id, change, .. } = step;
        if let Some(next) = next.filter(|it| it.id.provider != id.provider) {
            self.oversight.make_ready(provider(&next.id.provider)?).await?;
        }
        self.oversight.apply(provider(&id.provider)?, &id.name, change).await
    }

    /// Carries one lane out.
    pub(super) async fn carry_out_lane<'a>(
        &self,
        lane: &'a [Step],
        journal: &RefCell<Journal>,
        stop: &Stop,
        tell: &impl Fn(Progress<'_>),
    ) -> Outcome<'a> {
        let mut outcome = Outcome { lane, done: 0, error: None };
        let write = |step: &Step, kind, text| {
            let at = Timestamp::now();
            let entry = Entry { at, kind, id: Some(step.id.clone()), text };
            if let Err(error) = journal.borrow_mut().write(&[entry]) {
                tell(Progress::JournalFailed(error.to_string()));
            }
        };
        for (index, step) in lane.iter().enumerate() {
            if stop.asked() || outcome.error.is_some() {
                tell(Progress::NotBegun(step));
                continue;
            }
            let verb = step.change.verb();
            write(step, Kind::Intent, format!("{verb}: {}", step.reason));
            let result = self.take(step, lane.get(index + 1)).await;
            match result {
                Ok(()) => {
                    write(step, Kind::Done, format!("{verb}: {}", step.reason));
                    outcome.done += 1;
                    tell(Progress::Done(step));
                }
                Err(error) => {
                    write(step, Kind::Failed, format!("{verb}: {error}"));
                    tell(Progress::Failed(step, &error));
                    outcome.error = Some(error);
                }
            }
        }
        outcome
    }
}
