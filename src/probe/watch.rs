//! Probes that go on for as long as a watch does.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use tokio::{sync::Notify, task::AbortHandle};

use super::{Spec, ask::ask, note};
use crate::core::{
    id::Id,
    probe::Judgement,
    resource::{Observed, Status},
};

/// The probes that are being asked, each by a task of its own.
#[derive(Default)]
pub struct Probes {
    asked: BTreeMap<Id, Asked>,
    changed: Arc<Notify>,
}

/// A probe that is being asked about one run of a process.
struct Asked {
    spec: Spec,
    pid: u32,
    since: Timestamp,
    judgement: Arc<Mutex<Judgement>>,
    task: AbortHandle,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Probes {
    /// Asks about what runs now, by `specs`, and about nothing else; what was asked before goes on.
    /// Notes in `observed` what is unwell.
    pub fn follow(&mut self, specs: &BTreeMap<Id, Spec>, observed: &mut Observed) {
        let running = |id: &Id| match observed.found.get(id)?.status {
            // What was found unwell before, and not looked at since, is still asked.
            Status::Running { pid, since } | Status::Unwell { pid, since, .. } => {
                Some((pid, since))
            }
            _ => None,
        };
        self.asked.retain(|id, asked| {
            // What can't be seen just now is asked on.
            observed.blind.contains_key(&id.provider)
                || (running(id) == Some((asked.pid, asked.since))
                    && specs.get(id) == Some(&asked.spec))
        });
        for (id, spec) in specs {
            if let Some((pid, since)) = running(id)
                && !self.asked.contains_key(id)
            {
                let asked = begin(spec.clone(), pid, since, Arc::clone(&self.changed));
                self.asked.insert(id.clone(), asked);
            }
        }
        for (id, asked) in &self.asked {
            note(observed, id, &lock(&asked.judgement));
        }
    }

    /// Resolves when something has become unwell, or well again.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

fn begin(spec: Spec, pid: u32, since: Timestamp, changed: Arc<Notify>) -> Asked {
    let judgement = Arc::new(Mutex::new(Judgement::default()));
    let (told, asked) = (Arc::clone(&judgement), spec.clone());
    let task = tokio::spawn(async move {
        tokio::time::sleep(spec.probe.start_period.0).await;
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
    Asked { spec: asked, pid, since, judgement, task: task.abort_handle() }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
