//! Changes that are asked for one by one and proposed as one.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{core::change::Change, provider::Error};

/// When no further change was asked for within this time, those that were are proposed. Those that
/// are begun together come within far less.
const CALM: Duration = Duration::from_millis(200);

/// One change that is waited for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) change: Change,
    pub(super) answer: oneshot::Sender<Result<(), Error>>,
}

impl Asked {
    /// Says what came of it.
    pub(super) fn tell(self, done: Result<(), Error>) {
        // Whoever asked may no longer wait for it.
        let _ = self.answer.send(done);
    }
}

/// What was asked for and is not on its way yet.
#[derive(Debug, Default)]
pub(super) struct Batch {
    waiting: Mutex<Vec<Asked>>,
    /// One batch is on its way at a time.
    one: tokio::sync::Mutex<()>,
}

impl Batch {
    fn waiting(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `change` made together with what else is asked for now, by `make`.
    pub(super) async fn ask<F: Future<Output = ()> + Send>(
        self: &Arc<Self>,
        change: Change,
        make: impl FnOnce(Vec<Asked>) -> F + Send + 'static,
    ) -> Result<(), Error> {
        let (answer, told) = oneshot::channel();
        let is_first = {
            let mut waiting = self.waiting();
            waiting.push(Asked { change, answer });
            waiting.len() == 1
        };
        if is_first {
            let batch = Arc::clone(self);
            tokio::spawn(async move {
                let _one = batch.one.lock().await;
                batch.calm().await;
                let asked = mem::take(&mut *batch.waiting());
                make(asked).await;
            });
        }
        let broken_off = || Error::Passing("the proposal of changes was broken off".to_owned());
        told.await.unwrap_or_else(|_| Err(broken_off()))
    }

    /// Waits until nothing further is asked for.
    async fn calm(&self) {
        let mut before = 0;
        loop {
            let now = self.waiting().len();
            if now == before {
                return;
            }
            before = now;
            tokio::time::sleep(CALM).await;
        }
    }
}
