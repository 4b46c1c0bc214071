//! What a watch has to say to people who do not look, and what became of it.

use jiff::Timestamp;
use tracing::{error, info, warn};

use super::Watch;
use crate::{
    controller::alerts::{BOOK, Lost},
    core::{
        alert::{self, Alert, Level, Seen},
        id::Id,
        plan::Plan,
        reconciler::News,
    },
    journal::{Entry, Kind},
};

impl Watch {
    /// Notes that it begins, and what is missing to tell anybody anything.
    pub(super) fn begin_alerts(&mut self, missing: Vec<String>) {
        if self.book.begin() {
            self.happened.push(alert::begun_after_crash(Timestamp::now()));
        }
        self.tell_missing(missing);
    }

    /// Says what is missing to tell anybody anything.
    pub(super) fn tell_missing(&self, missing: Vec<String>) {
        for text in missing {
            warn!("alerts: {text}");
            let entry = Entry { at: Timestamp::now(), kind: Kind::Alert, id: None, text };
            self.journal.borrow_mut().note(entry);
        }
    }

    /// Takes what was just decided into account, and notes what people are to be told of it.
    pub(super) fn see_alerts(&mut self, plan: &Plan, news: &[News]) {
        let now = Timestamp::now();
        let mut events: Vec<Alert> = std::mem::take(&mut self.happened);
        events.extend(news.iter().filter_map(|it| alert::of_news(it, now)));
        let memory = self.reconciler.memory();
        let seen = Seen {
            desired: &self.world.desired,
            observed: &self.world.observed,
            plan,
            pairs: self.controller.pairs(),
            duties: &memory.duties,
            covers: &memory.covers,
            breakers: &memory.breakers,
            storms: self.reconciler.storms(now),
            in_hand: &|id| self.in_hand.has(id),
        };
        let policy = self.controller.project().config.alerts.policy();
        let mut messages = self.book.tell(Level::of(&seen, now), events, &policy, now);
        if !self.alerts.has_sinks() {
            self.book.was_not_heard();
            messages.clear();
        }
        let wake = self.book.wake_at(&policy, now);
        self.next = self.next.into_iter().chain(wake).min();
        self.to_tell.extend(messages);
    }

    /// Writes what waited for the intents that follow from it, if any did, and then tells people what
    /// they are to be told: never before that is written, so that nothing is told twice.
    pub(super) fn tell_people(&mut self) {
        let messages = std::mem::take(&mut self.to_tell);
        for message in &messages {
            let text = format!("{}: {message}", message.what.word());
            info!("alert, {text}");
            let id = message.alert.key.about.parse::<Id>().ok();
            let entry = Entry { at: message.at, kind: Kind::Alert, id, text };
            self.journal.borrow_mut().note(entry);
        }
        self.write_notes();
        for message in &messages {
            self.alerts.send(message);
        }
    }

    /// Says what could not be delivered, and counts it.
    pub(super) fn take_losses(&mut self) {
        let now = Timestamp::now();
        for Lost { sink, message, why } in self.alerts.lost() {
            let text = format!("{sink} was not told \"{message}\": {why}");
            warn!("alerts: {text}");
            self.book.note_lost(&sink, 1, why, now);
            let entry = Entry { at: now, kind: Kind::Alert, id: None, text };
            self.journal.borrow_mut().note(entry);
        }
        self.remember_alerts();
    }

    /// Delivers what can still be, and remembers that the watch ended as it should.
    pub(super) async fn end_alerts(&mut self) {
        self.alerts.finish().await;
        self.book.end();
        self.take_losses();
    }

    /// Notes what was told, where that has changed, to be written as what else is remembered.
    pub(super) fn remember_alerts(&mut self) {
        match serde_json::to_string(&self.book) {
            Ok(text) if text != self.remembered_book => {
                self.remembered_book.clone_from(&text);
                self.journal.borrow_mut().note_memory(BOOK, text);
            }
            Ok(_) => {}
            Err(error) => error!("what was told can't be written: {error}"),
        }
    }
}
