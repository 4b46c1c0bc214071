//! Looking at the backups in the background, so that whoever looks never waits for GitHub twice.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{
    super::{api::Client, watching::slow},
    there::{self, There},
};

/// Where to look, and how often.
#[derive(Debug, Clone)]
pub(super) struct Where {
    pub(super) client: Arc<Client>,
    /// The folder of the workflows in the repository.
    pub(super) folder: String,
    /// The time between two looks.
    pub(super) every: Duration,
}

/// What is known of the backups at GitHub.
#[derive(Debug, Default)]
pub(super) struct Looking {
    state: Mutex<State>,
    /// There is something new.
    news: Notify,
    /// A look has ended.
    done: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// What was seen last, or why nothing could be.
    seen: Option<Result<Arc<There>, String>>,
    /// The same, from when something could be seen last.
    known: Arc<There>,
    /// When to look again, once somebody has looked.
    due: Option<Instant>,
    looking: bool,
    /// How often something was changed at GitHub. What was seen before the last time is out of date.
    changes: u64,
}

impl Looking {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can be left half-done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The backups at GitHub, or why they are not known. Waits for it only the first time, and after
    /// a change, and not beyond `deadline`.
    pub(super) async fn look(
        self: &Arc<Self>,
        at: &Where,
        deadline: Instant,
    ) -> Result<Arc<There>, String> {
        loop {
            let done = self.done.notified();
            self.look_if_due(at);
            if let Some(seen) = self.state().seen.clone() {
                return seen;
            }
            if tokio::time::timeout_at(deadline, done).await.is_err() {
                return Err(slow());
            }
        }
    }

    /// Begins a look in the background, if it is time and none goes on.
    fn look_if_due(self: &Arc<Self>, at: &Where) {
        let (before, changes) = {
            let mut state = self.state();
            if state.looking || state.due.is_some_and(|due| due > Instant::now()) {
                return;
            }
            state.looking = true;
            (Arc::clone(&state.known), state.changes)
        };
        let (looking, at) = (Arc::clone(self), at.clone());
        tokio::spawn(async move {
            let seen = there::look(&at.client, &at.folder, &before).await.map(Arc::new);
            looking.note(seen, changes, at.every);
        });
    }

    fn note(&self, seen: Result<Arc<There>, String>, changes: u64, every: Duration) {
        let mut state = self.state();
        state.looking = false;
        let mut is_new = false;
        if state.changes == changes {
            if let Ok(seen) = &seen {
                state.known = Arc::clone(seen);
            }
            is_new = state.seen.as_ref() != Some(&seen);
            state.seen = Some(seen);
            state.due = Some(Instant::now() + every);
        }
        drop(state);
        self.done.notify_waiters();
        if is_new {
            self.news.notify_one();
        }
    }

    /// What was seen last, as far as it helps to see what has changed since.
    pub(super) fn known(&self) -> Arc<There> {
        Arc::clone(&self.state().known)
    }

    /// What was seen is out of date: something was changed at GitHub.
    pub(super) fn forget(&self) {
        let mut state = self.state();
        (state.seen, state.due) = (None, None);
        state.changes = state.changes.wrapping_add(1);
    }

    /// Resolves when GitHub has told something new.
    pub(super) async fn woken(self: &Arc<Self>, at: &Where) {
        loop {
            let due = {
                let state = self.state();
                state.due.filter(|_| !state.looking)
            };
            let sleep = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    // Nobody has looked yet, so nothing can be new.
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.news.notified() => return,
                () = self.done.notified() => {}
                () = sleep => self.look_if_due(at),
            }
        }
    }
}
