//! Prechecks: asking, while a primary is stopped, whether it could do its work.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{sync::Notify, task::AbortHandle};

use super::{Spec, ask::ask};
use crate::core::{id::Id, probe::Judgement};

/// The prechecks that are being asked, each by a task of its own, by the backup on duty.
#[derive(Default)]
pub struct Prechecks {
    /// Whether each backup has one, asked just now or not.
    known: BTreeMap<Id, Spec>,
    asked: BTreeMap<Id, Asked>,
    changed: Arc<Notify>,
}

struct Asked {
    spec: Spec,
    judgement: Arc<Mutex<Judgement>>,
    task: AbortHandle,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Prechecks {
    /// Asks those of `specs` whose backup is `on_duty`, and no others.
    pub fn follow(&mut self, specs: &BTreeMap<Id, Spec>, on_duty: impl Fn(&Id) -> bool) {
        self.known.clone_from(specs);
        self.asked.retain(|id, asked| on_duty(id) && specs.get(id) == Some(&asked.spec));
        for (id, spec) in specs.iter().filter(|(id, _)| on_duty(id)) {
            if !self.asked.contains_key(id) {
                let asked = begin(spec.clone(), Arc::clone(&self.changed));
                self.asked.insert(id.clone(), asked);
            }
        }
    }

    /// Whether the primary of a backup could do its work, if anything tells.
    #[must_use]
    pub fn of(&self, backup: &Id) -> Option<bool> {
        self.known.get(backup)?;
        let fine = |asked: &Asked| lock(&asked.judgement).unwell().is_none();
        Some(self.asked.get(backup).is_some_and(fine))
    }

    /// Resolves when one has changed its mind.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

fn begin(spec: Spec, changed: Arc<Notify>) -> Asked {
    let judgement = Arc::new(Mutex::new(Judgement::unproven()));
    let (told, asked) = (Arc::clone(&judgement), spec.clone());
    let task = tokio::spawn(async move {
        loop {
            let answer = ask(&spec).await;
            let news = {
                let mut judgement = lock(&told);
                let before = judgement.unwell().is_some();
                *judgement = std::mem::take(&mut *judgement).after(answer, spec.patience);
                judgement.unwell().is_some() != before
            };
            if news {
                changed.notify_one();
            }
            tokio::time::sleep(spec.probe.every.0).await;
        }
    });
    Asked { spec: asked, judgement, task: task.abort_handle() }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
