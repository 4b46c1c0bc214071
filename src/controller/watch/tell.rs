//! What a watch tells: in its log, and in the journal.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::{Watch, World};
use crate::{
    config::{Loaded, render},
    controller::generations::Generations,
    core::{
        change::Why,
        generation::By,
        id::Id,
        job::State,
        plan::Plan,
        reconciler::News,
        resource::{Actual, Status},
        system::System,
    },
    journal::{Entry, Kind},
};

impl Watch {
    /// Keeps what `plan` is about to replace. Where that can't be done the work goes on, and it is said
    /// what is lost.
    pub(super) fn keep_generation(&self, plan: &Plan) {
        let generations = Generations::of(&self.controller.project().state_dir());
        let (now, text) = (Timestamp::now(), self.config.text());
        match generations.keep(By::Watch, text, plan.steps(), now) {
            Ok(Some(number)) => info!("this is generation {number}"),
            Ok(None) => {}
            Err(error) => warn!("what is replaced now can't be put back: {error}"),
        }
    }

    pub(super) fn tell_notes(&self, loaded: &Loaded) {
        let path = self.config.path().to_string_lossy();
        let notes = render::notes(&path, &loaded.text, &loaded.notes, render::Style::Plain);
        if !notes.is_empty() {
            info!("notes on the config:\n{}", notes.trim_end());
        }
    }

    /// Tells of each resource of ours, and of each job or code that has a backup, that is seen in another
    /// status than before.
    pub(super) fn tell_seen(&mut self) {
        let World { observed, desired, .. } = &self.world;
        let found = &observed.found;
        // What is not ours is seen nowhere else: nobody tells when a run begins, or code breaks.
        let is_watched = |id: &Id, actual: &Actual| {
            matches!(actual.status, Status::Job(_) | Status::Code(_) | Status::Release(_))
                && desired.wanted.contains_key(id)
        };
        let ours = found.iter().filter(|(id, it)| it.mark.is_some() || is_watched(id, it));
        let before = self.seen.as_ref();
        let known = |id: &Id| before.and_then(|it| it.get(id)).cloned();
        let status = |(id, actual): (&Id, &Actual)| {
            // While nobody can see it, it is as it was.
            let status = if is_unseen(&actual.status) { known(id)? } else { actual.status.clone() };
            Some((id.clone(), status))
        };
        let now: BTreeMap<Id, Status> = ours.filter_map(status).collect();
        let blind = &self.world.observed.blind;
        let mut news: Vec<(Id, String)> = Vec::new();
        for (id, status) in &now {
            // What is said of it, not when it was so: that may be found out only bit by bit.
            let (text, before) = (status.to_string(), known(id));
            // That it could be seen at last is no news of a job.
            let at_last = before.is_none() && matches!(status, Status::Job(_));
            if !at_last && before.map(|it| it.to_string()).as_ref() != Some(&text) {
                news.push((id.clone(), text));
            }
        }
        for id in before.into_iter().flat_map(BTreeMap::keys) {
            if !now.contains_key(id) && !blind.contains_key(&id.provider) {
                news.push((id.clone(), "gone".to_owned()));
            }
        }
        // All of it is new to a watch that has just begun, and not worth an entry.
        if self.seen.replace(now).is_some() {
            for (id, text) in news {
                self.journal.borrow_mut().note(said(Some(id), Kind::Seen, text));
            }
        }
    }

    /// Tells how the whole system does, where that has changed or was not told for long.
    pub(super) fn tell_system(&mut self) {
        let now = System::of(&self.world.desired, &self.world.observed);
        let every = self.check_every();
        let is_told = |(before, at): &(System, Instant)| *before == now && at.elapsed() < every;
        if self.told_system.as_ref().is_some_and(is_told) {
            return;
        }
        if now.all.unhealthy > 0 {
            warn!("the system: {now}");
        } else {
            info!("the system: {now}");
        }
        self.told_system = Some((now, Instant::now()));
    }

    /// Tells what is left alone and was not so before.
    pub(super) fn tell_held(&mut self, plan: &Plan) {
        let now: BTreeMap<Id, Why> =
            plan.held.iter().map(|held| (held.id.clone(), held.why.clone())).collect();
        let before = std::mem::replace(&mut self.held, now);
        let news = self.held.iter().filter(|(id, why)| match (before.get(id), why) {
            // It rests, and how long is no news.
            (Some(Why::Resting { how: before, .. }), Why::Resting { how, .. }) => before != how,
            (Some(Why::BreakerOpen { .. }), Why::BreakerOpen { .. }) => false,
            (before, why) => before != Some(why),
        });
        for (id, why) in news.map(|(id, why)| (id.clone(), why.to_string())).collect::<Vec<_>>() {
            let text = format!("left alone: {why}");
            self.journal.borrow_mut().note(said(Some(id), Kind::Held, text));
        }
    }

    /// Tells what was decided about all, or about the duty of a pair.
    pub(super) fn tell_news(&mut self, news: &News) {
        let (id, text) = (news.id().cloned(), news.to_string());
        let about = id.as_ref().map(|it| format!("{it}: ")).unwrap_or_default();
        let provider = id.as_ref().map(|it| it.provider.as_str());
        if news.is_alert() {
            warn!(provider, "{about}{text}");
        } else {
            info!(provider, "{about}{text}");
        }
        let entry = Entry { at: Timestamp::now(), kind: Kind::Duty, id, text };
        self.journal.borrow_mut().note(entry);
    }

    /// Says something in the log and in the journal.
    pub(super) fn note(&self, id: Option<Id>, kind: Kind, text: String) {
        self.journal.borrow_mut().note(said(id, kind, text));
        self.write_notes();
    }

    pub(super) fn write_notes(&self) {
        if let Err(error) = self.journal.borrow_mut().write(&[]) {
            error!("the journal was not written: {error}");
        }
    }
}

/// Says something in the log; the entry that says it in the journal.
fn said(id: Option<Id>, kind: Kind, text: String) -> Entry {
    if let Some(id) = &id {
        info!(provider = id.provider.as_str(), "{id}: {text}");
    } else {
        info!("{text}");
    }
    Entry { at: Timestamp::now(), kind, id, text }
}

/// Whether nobody could see how it does.
fn is_unseen(status: &Status) -> bool {
    matches!(status, Status::Job(job) if job.state == State::Unseen)
}
