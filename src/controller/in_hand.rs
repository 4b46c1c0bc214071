//! The changes in hand: lanes that are being carried out while the watch goes on looking, so that
//! one that takes long holds up nothing but itself.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    future::pending,
    mem,
    pin::pin,
    rc::Rc,
};

use futures_util::{
    future::{FutureExt, LocalBoxFuture},
    stream::{FuturesUnordered, StreamExt},
};

use tracing::{Instrument, Span};

use super::{Controller, Progress, Stop, carry_out::LANES_AT_ONCE, lock::Lock};
use crate::{
    core::{change::Step, id::Id},
    journal::Journal,
    provider::Error,
};

/// A lane that was carried out, as far as it went.
pub(super) struct Finished {
    /// The lane.
    pub(super) lane: Vec<Step>,
    /// How many of its steps are done.
    pub(super) done: usize,
    /// What the next one failed of, if it was tried.
    pub(super) error: Option<Error>,
    /// Whether it was begun beyond what may run at once.
    beyond: bool,
}

/// Lanes that are being carried out, and those that wait for them.
#[derive(Default)]
pub(super) struct InHand {
    running: FuturesUnordered<LocalBoxFuture<'static, Finished>>,
    /// Each with the look that asked for it.
    waiting: VecDeque<(Vec<Step>, Span)>,
    /// How many of those that run were begun beyond what may run at once.
    beyond: usize,
    /// What was finished and not taken yet.
    done: VecDeque<Finished>,
    /// What is changed, and what is done to it.
    ids: BTreeMap<Id, &'static str>,
    /// Whether only one lane runs at a time, until none is left.
    in_order: bool,
    /// Held as long as anything is in hand.
    lock: Option<Lock>,
}

impl InHand {
    /// Whether nothing is in hand.
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether a change of `id` is in hand.
    pub(super) fn has(&self, id: &Id) -> bool {
        self.ids.contains_key(id)
    }

    /// What is changed, and what is done to it.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Id, &'static str)> {
        self.ids.iter().map(|(id, verb)| (id, *verb))
    }

    /// Takes lanes in hand, under `lock` if there is none yet. `in_order`: one is begun when the one
    /// before it is done.
    pub(super) fn add(&mut self, lanes: Vec<Vec<Step>>, in_order: bool, lock: Option<Lock>) {
        self.in_order |= in_order;
        self.lock = self.lock.take().or(lock);
        let ids = lanes.iter().flatten().map(|step| (step.id.clone(), step.change.verb()));
        self.ids.extend(ids);
        let look = Span::current();
        self.waiting.extend(lanes.into_iter().map(|lane| (lane, look.clone())));
    }

    /// Begins as many of the waiting lanes as may run at once, and all that are made as one.
    pub(super) fn begin(
        &mut self,
        controller: &Rc<Controller>,
        journal: &Rc<RefCell<Journal>>,
        stop: &Rc<Stop>,
        tell: impl Fn(Progress<'_>) + Copy + 'static,
    ) {
        let at_once = if self.in_order { 1 } else { LANES_AT_ONCE };
        let (mut together, waiting): (VecDeque<_>, VecDeque<_>) = mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(lane, _)| !self.in_order && controller.gathers(lane));
        self.waiting = waiting;
        loop {
            let ((lane, look), beyond) = match together.pop_front() {
                Some(lane) => (lane, true),
                None if self.running.len() - self.beyond < at_once => {
                    match self.waiting.pop_front() {
                        Some(lane) => (lane, false),
                        None => break,
                    }
                }
                None => break,
            };
            self.beyond += usize::from(beyond);
            let (controller, journal, stop) =
                (Rc::clone(controller), Rc::clone(journal), Rc::clone(stop));
            let work = async move {
                let outcome = controller.carry_out_lane(&lane, &journal, &stop, &tell).await;
                let (done, error) = (outcome.done, outcome.error);
                Finished { lane, done, error, beyond }
            };
            self.running.push(work.instrument(look).boxed_local());
        }
    }

    /// Goes on with what is running as far as that can be done without waiting.
    pub(super) fn advance(&mut self) {
        while let Some(Some(finished)) = self.running.next().now_or_never() {
            self.beyond -= usize::from(finished.beyond);
            self.done.push_back(finished);
        }
    }

    /// Does `other`, and goes on with what is running meanwhile.
    pub(super) async fn during<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = pin!(other);
        loop {
            tokio::select! {
                biased;
                done = &mut other => return done,
                Some(finished) = self.running.next() => {
                    self.beyond -= usize::from(finished.beyond);
                    self.done.push_back(finished);
                }
            }
        }
    }

    /// Whether a lane was finished and not taken yet.
    pub(super) fn has_finished(&self) -> bool {
        !self.done.is_empty()
    }

    /// The next lane to be finished; never while none is running.
    pub(super) async fn finished(&mut self) -> Finished {
        let finished = match self.done.pop_front() {
            Some(finished) => finished,
            None => match self.running.next().await {
                Some(finished) => {
                    self.beyond -= usize::from(finished.beyond);
                    finished
                }
                None => return pending().await,
            },
        };
        for step in &finished.lane {
            self.ids.remove(&step.id);
        }
        if self.is_empty() {
            (self.lock, self.in_order) = (None, false);
        }
        finished
    }
}
