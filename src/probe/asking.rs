//! One probe that is asked again and again, by a task of its own.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, task::AbortHandle};

use super::{Spec, ask::ask};
use crate::core::probe::Judgement;

/// A probe that is being asked. Dropping it ends the task.
pub(super) struct Asking {
    pub(super) spec: Spec,
    judgement: Arc<Mutex<Judgement>>,
    task: AbortHandle,
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Asking {
    /// Begins to ask after `pause`, the judgement up to then being `judgement`. `changed` is told when
    /// that turns to well or to unwell, for the first time too.
    pub(super) fn begin(
        spec: Spec,
        judgement: Judgement,
        pause: Duration,
        changed: Arc<Notify>,
    ) -> Self {
        let judgement = Arc::new(Mutex::new(judgement));
        let (told, asked) = (Arc::clone(&judgement), spec.clone());
        let task = tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            loop {
                let answer = ask(&spec).await;
                let news = {
                    let mut judgement = lock(&told);
                    let before = judgement.is_well();
                    *judgement = std::mem::take(&mut *judgement).after(answer, spec.patience);
                    judgement.is_well() != before
                };
                if news {
                    changed.notify_one();
                }
                tokio::time::sleep(spec.probe.every.0).await;
            }
        });
        Self { spec: asked, judgement, task: task.abort_handle() }
    }

    /// What the answers up to now come to.
    pub(super) fn judgement(&self) -> Judgement {
        lock(&self.judgement).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
