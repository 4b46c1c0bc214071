//! What a watch writes down for reports, and the reports that it makes.

use std::time::Duration;

use jiff::Timestamp;
use tokio::{sync::oneshot, time::Instant};
use tracing::{error, info, warn};

use super::Watch;
use crate::{
    controller::reports::{self, Made},
    core::{
        change::Step,
        chronicle::{Chronicle, Fact, states},
        id::Id,
        measure::Measure,
        monitor::patience,
        plan::Plan,
        reconciler::News,
        report::Budget,
    },
};

/// How often at least it is written that somebody looks.
const SAY_THAT_IT_LOOKS: Duration = Duration::from_secs(10);

/// How long a watch that ends waits for its last reports.
const LAST_REPORTS: Duration = Duration::from_secs(10);

/// How long reports that are still being made are left alone, before it is looked again whether they are.
const STILL_MADE: Duration = Duration::from_secs(1);

const TOO_MUCH: &str =
    "too much waits for the journal: reports will say of this time that it is unknown";

/// What is written down, and the reports that are being made.
#[derive(Debug, Default)]
pub(super) struct Chronicler {
    chronicle: Chronicle,
    /// The journal that has the session, by how often one was begun anew: each needs a session of its own.
    session_in: Option<u32>,
    /// When it was last written that somebody looks.
    said: Option<Instant>,
    /// When the last reports were begun.
    reported: Option<Instant>,
    making: Option<oneshot::Receiver<Made>>,
    /// What was last remembered of the limits of services.
    budget: String,
    /// What was last wrong with the reports, told once.
    wrong: Option<String>,
}

impl Chronicler {
    /// When there is something to do about reports, where they are made so often.
    fn next_reports(&self, every: Duration, now: Instant) -> Option<Instant> {
        let due = self.reported?.checked_add(every)?;
        // Those that take longer than that are not begun anew, and the watch need not be woken for it again and again.
        Some(if self.making.is_some() { due.max(now + STILL_MADE) } else { due })
    }
}

impl Watch {
    /// Notes what a look came to.
    pub(super) fn chronicle(&mut self, measure: &Measure, plan: &Plan, now: Timestamp) {
        let longest = patience(self.look_every(), None);
        let (world, pairs) = (&self.world, self.controller.pairs());
        let duties = self.reconciler.duties();
        let states = states(measure, &world.desired, &world.observed, pairs, duties);
        let mut journal = self.journal.borrow_mut();
        let it = &mut self.chronicler;
        let times = Some(journal.times_begun_anew());
        if it.session_in != times || it.chronicle.is_interrupted(now, longest) {
            it.session_in = times;
            it.chronicle.begin();
            journal.begin_session(now);
        }
        let facts = it.chronicle.see(states, plan, now);
        let soon = it.said.is_some_and(|it| it.elapsed() < SAY_THAT_IT_LOOKS);
        if facts.is_empty() && soon {
            return;
        }
        it.said = Some(Instant::now());
        let budget: Vec<Budget> =
            self.controller.providers.iter().filter_map(|it| it.budget(now)).collect();
        match serde_json::to_string(&budget) {
            Ok(budget) if budget != it.budget => {
                it.budget.clone_from(&budget);
                journal.note_memory(reports::BUDGET, budget);
            }
            Ok(_) => {}
            Err(error) => warn!("the limits of the services can't be put into JSON: {error}"),
        }
        if !journal.note_facts(facts, now) {
            warn!("{TOO_MUCH}");
            it.session_in = None;
        }
    }

    /// Notes what was decided, for reports.
    pub(super) fn chronicle_news(&mut self, news: &[News], now: Timestamp) {
        self.note_facts(news.iter().filter_map(Fact::of).collect(), now);
    }

    /// Notes what is about to be made, for reports.
    pub(super) fn chronicle_steps(&mut self, lanes: &[Vec<Step>], now: Timestamp) {
        self.note_facts(lanes.iter().flatten().filter_map(Fact::of_step).collect(), now);
    }

    fn note_facts(&mut self, facts: Vec<(Id, Fact)>, now: Timestamp) {
        if !facts.is_empty() && !self.journal.borrow_mut().note_facts(facts, now) {
            warn!("{TOO_MUCH}");
            // The next look begins a session, with all that is so then.
            self.chronicler.session_in = None;
        }
    }

    /// When there is something to do about reports.
    pub(super) fn next_reports(&self) -> Option<Instant> {
        let every = self.controller.project().config.controller.report_every.0;
        self.chronicler.next_reports(every, Instant::now())
    }

    /// Begins to make the reports where they are due, and says what came of those before.
    pub(super) async fn report(&mut self) {
        if self.chronicler.making.as_ref().is_some_and(|it| !it.is_empty() || it.is_terminated()) {
            self.take_reports().await;
        }
        // The first ones have something to tell when the time has passed once.
        let it = &mut self.chronicler;
        let began = *it.reported.get_or_insert_with(Instant::now);
        let every = self.controller.project().config.controller.report_every.0;
        if it.making.is_none() && began.elapsed() >= every {
            self.begin_reports();
        }
    }

    /// Makes the last reports of this watch.
    pub(super) async fn last_reports(&mut self) {
        if tokio::time::timeout(LAST_REPORTS, self.take_reports()).await.is_err() {
            warn!("the reports are still being made, and are not waited for");
            return;
        }
        self.write_notes();
        self.begin_reports();
        if tokio::time::timeout(LAST_REPORTS, self.take_reports()).await.is_err() {
            warn!("the last reports were not finished in time");
        }
    }

    /// On a thread of its own: to read long ago and to wait for a disk takes time. One that hangs there keeps
    /// nobody from ending.
    fn begin_reports(&mut self) {
        self.chronicler.reported = Some(Instant::now());
        let job = reports::Job::of(&self.controller, &self.world.desired);
        let (done, made) = oneshot::channel();
        let work = move || {
            // Whoever waited for it has ended.
            let _ = done.send(job.make(Timestamp::now()));
        };
        match std::thread::Builder::new().name("reports".to_owned()).spawn(work) {
            Ok(_) => self.chronicler.making = Some(made),
            Err(error) => self.tell_of_reports(Some(format!("no thread for them: {error}"))),
        }
    }

    async fn take_reports(&mut self) {
        let Some(making) = self.chronicler.making.take() else { return };
        let wrong = match making.await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("a mistake of this program broke them off, please report it".to_owned()),
        };
        self.tell_of_reports(wrong);
    }

    /// Says what is wrong with the reports, and that it is no longer, once each.
    fn tell_of_reports(&mut self, wrong: Option<String>) {
        let before = std::mem::replace(&mut self.chronicler.wrong, wrong);
        match &self.chronicler.wrong {
            Some(wrong) if before.as_ref() != Some(wrong) => {
                error!("the reports were not made, and all else goes on: {wrong}");
            }
            None if before.is_some() => info!("the reports are made again"),
            Some(_) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_that_take_longer_than_they_should_wake_nobody_without_end() {
        let now = Instant::now();
        let (_done, making) = oneshot::channel();
        let mut chronicler = Chronicler { reported: Some(now), ..Chronicler::default() };
        assert_eq!(chronicler.next_reports(Duration::ZERO, now), Some(now));
        chronicler.making = Some(making);
        assert!(chronicler.next_reports(Duration::ZERO, now) > Some(now));
        let hour = Duration::from_hours(1);
        assert_eq!(chronicler.next_reports(hour, now), Some(now + hour));
    }
}
