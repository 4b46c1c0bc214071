//! What a watch decides by, what of that it remembers, and what people ask of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tracing::error;

use super::Watch;
use crate::{
    controller::{World, requests},
    core::{
        change::Step,
        duty::{Asked, Phase, Side},
        id::Id,
        measure::Measure,
        reconciler::{Decision, Given, Memory, News},
    },
    journal::Kind,
    probe,
};

/// Under which key the journal has what has to be remembered.
pub(crate) const MEMORY: &str = "memory";

impl Watch {
    /// What to do about what was seen last, without what rests, and what there is to tell. Neither may be
    /// done or told before it is remembered.
    pub(super) fn decide(&mut self) -> Decision {
        let now = Timestamp::now();
        // Not in each look: who waits for a backup to take over does not wait for that too.
        let asked =
            if std::mem::take(&mut self.asked) { self.take_requests() } else { BTreeMap::new() };
        let controller = &self.controller;
        let rules = controller.rules();
        let given = Given {
            in_hand: &|id| self.in_hand.has(id),
            drain: &|id| controller.drain(&id.provider),
            precheck: &|backup| self.prechecks.of(backup),
            asked: &asked,
        };
        let World { desired, observed, .. } = &mut self.world;
        let decision = self.reconciler.decide(desired, observed, &rules, &given, now);
        controller.keep_off(self.reconciler.duties());
        let specs = probe::prechecks_of(&controller.possible);
        let duties = self.reconciler.duties();
        let on_duty = |id: &Id| duties.of(id).is_some_and(|it| it.phase == Phase::On(Side::Backup));
        self.prechecks.follow(&specs, on_duty);
        self.next = decision.wake_at;
        self.tell_held(&decision.plan);
        self.see_alerts(&decision.plan, &decision.news);
        self.measure(&decision, now);
        decision
    }

    /// Gives the figures of what was seen and decided to whoever draws curves of them, and to the reports.
    fn measure(&mut self, decision: &Decision, now: Timestamp) {
        let World { desired, observed, .. } = &self.world;
        let (pairs, duties) = (self.controller.pairs(), self.reconciler.duties());
        let measure = Measure::of(desired, observed, pairs, duties, &decision.plan);
        if self.metrics.are_wanted() {
            let lost = self.book.lost().values().map(|it| it.messages).sum();
            self.metrics.see(&measure, &decision.news, now);
            self.metrics.see_alerts(self.book.open(now).len(), lost);
        }
        self.chronicle(&measure, &decision.plan, now);
    }

    /// Remembers what was decided, and then tells of it.
    pub(super) fn conclude(&mut self, news: Vec<News>) {
        self.remember();
        self.remember_alerts();
        self.chronicle_news(&news, Timestamp::now());
        for news in news {
            self.tell_news(&news);
        }
    }

    /// The same, where lanes are about to be carried out: whoever is killed in the middle of one has
    /// begun it.
    pub(super) fn conclude_with(&mut self, lanes: &[Vec<Step>], news: Vec<News>) {
        let now = Timestamp::now();
        self.reconciler.begin(lanes, now);
        self.chronicle_steps(lanes, now);
        self.conclude(news);
    }

    /// Notes what has to be remembered, where that has changed: it is written with the intents that
    /// follow from it, or at the end of the look.
    pub(super) fn remember(&mut self) {
        let times = self.journal.borrow().times_begun_anew();
        if std::mem::replace(&mut self.remembered_in, times) != times {
            // It is a new one, which has nothing of it.
            self.remembered.clear();
            self.remembered_book.clear();
        }
        let text = match serde_json::to_string(self.reconciler.memory()) {
            Ok(text) if text != self.remembered => text,
            Ok(_) => return,
            Err(error) => {
                error!("what has to be remembered can't be written: {error}");
                return;
            }
        };
        self.remembered.clone_from(&text);
        self.journal.borrow_mut().note_memory(MEMORY, text);
    }

    /// What people asked for since the last look.
    fn take_requests(&mut self) -> BTreeMap<Id, Asked> {
        let taken = {
            let mut journal = self.journal.borrow_mut();
            requests::take(&mut journal, Timestamp::now())
        };
        let (requests, pauses) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                error!("what people ask for can't be read: {error}");
                return BTreeMap::new();
            }
        };
        self.reconciler.pause(pauses);
        let mut asked = BTreeMap::new();
        for request in requests {
            // Whoever changed what there is to see has said so.
            if request.what != requests::What::Look {
                self.note(request.id.clone(), Kind::Controller, format!("you asked: {request}"));
            }
            match (request.what, request.id) {
                (requests::What::Duty(what), Some(id)) => drop(asked.insert(id, what)),
                (requests::What::Forgive, Some(id)) => self.reconciler.forgive(|it| *it == id),
                (requests::What::Forgive, None) => self.reconciler.forgive(|_| true),
                (requests::What::Duty(_) | requests::What::Look, _) => {}
            }
        }
        asked
    }
}

/// What an earlier watch remembered. What this version can't read is begun anew, as the watch says that begins.
pub(crate) fn recalled(text: Option<&str>) -> Memory {
    remembered(text).0
}

/// What an earlier watch remembered, and why that can't be read, where it can't.
pub(super) fn remembered<T: Default + DeserializeOwned>(
    text: Option<&str>,
) -> (T, Option<serde_json::Error>) {
    match text.map(serde_json::from_str).transpose() {
        Ok(read) => (read.unwrap_or_default(), None),
        Err(error) => (T::default(), Some(error)),
    }
}
