//! One probe that is asked again and again, by a task of its own.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, task::AbortHandle, time::Instant};

use super::{Spec, ask::ask};
use crate::core::probe::{Judgement, Patience};

/// The longest rest between two questions as long as it may still come up.
const WHILE_IT_COMES_UP: Duration = Duration::from_secs(1);

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
    /// Begins to ask, the judgement up to now being `judgement`. Until a good answer, bad ones count only
    /// after `grace`. `changed` is told when the judgement turns to well or to unwell, for the first time
    /// too.
    pub(super) fn begin(
        spec: Spec,
        judgement: Judgement,
        grace: Duration,
        changed: Arc<Notify>,
    ) -> Self {
        let judgement = Arc::new(Mutex::new(judgement));
        let (told, asked) = (Arc::clone(&judgement), spec.clone());
        let task = tokio::spawn(async move {
            let up_by = Instant::now() + grace;
            if !spec.can_answer_early() {
                tokio::time::sleep(grace).await;
            }
            loop {
                let may_come_up = Instant::now() < up_by && lock(&told).is_well().is_none();
                let answer = ask(&spec).await;
                if may_come_up && answer.is_err() {
                    tokio::time::sleep(spec.probe.every.0.min(WHILE_IT_COMES_UP)).await;
                    continue;
                }
                if judge(&mut lock(&told), answer, spec.patience) {
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

/// Takes an answer into account. Whether that turns it to well or to unwell.
fn judge(judgement: &mut Judgement, answer: Result<(), String>, patience: Patience) -> bool {
    let before = judgement.is_well();
    *judgement = std::mem::take(judgement).after(answer, patience);
    judgement.is_well() != before
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
