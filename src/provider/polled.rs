//! What another place tells, asked for again and again in the background, so that whoever looks never
//! waits for it twice.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{sync::Notify, time::Instant};

/// How long whoever looks for the first time waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(25);

/// How soon is asked again after something was changed there: it takes a while to show.
const SOON: Duration = Duration::from_secs(5);

/// Asks, in view of what was known before and of what is wanted.
type Ask<W, S> = dyn Fn(Arc<S>, W) -> BoxFuture<'static, Result<S, String>> + Send + Sync;

/// What is seen at another place: `S`, of which `W` is wanted.
pub(super) struct Polled<W, S> {
    /// Who is asked.
    who: &'static str,
    every: Duration,
    ask: Arc<Ask<W, S>>,
    shared: Arc<Shared<W, S>>,
}

struct Shared<W, S> {
    state: Mutex<State<W, S>>,
    /// There is something new.
    news: Notify,
    /// A look has ended.
    done: Notify,
}

struct State<W, S> {
    /// What was seen last, or why nothing could be.
    seen: Option<Result<Arc<S>, String>>,
    /// The same, from when something could be seen last.
    known: Arc<S>,
    /// What matters, where anybody has looked yet.
    wanted: Option<W>,
    /// When to look again.
    due: Option<Instant>,
    looking: bool,
    /// How often what is known was found to be out of date, and how often that was when the last look
    /// began that has ended.
    outdated: u32,
    renewed: u32,
}

impl<W, S> Shared<W, S> {
    fn state(&self) -> MutexGuard<'_, State<W, S>> {
        // Nothing in here can be left half-done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W, S> Polled<W, S>
where
    W: Clone + PartialEq + Send + 'static,
    S: Default + PartialEq + Send + Sync + 'static,
{
    /// What `who` tells when it is asked by `ask`, each `every`. Asks nothing yet.
    pub(super) fn new(
        who: &'static str,
        every: Duration,
        ask: impl Fn(Arc<S>, W) -> BoxFuture<'static, Result<S, String>> + Send + Sync + 'static,
    ) -> Self {
        let state = State {
            seen: None,
            known: Arc::default(),
            wanted: None,
            due: None,
            looking: false,
            outdated: 0,
            renewed: 0,
        };
        let (news, done) = (Notify::new(), Notify::new());
        let shared = Arc::new(Shared { state: Mutex::new(state), news, done });
        Self { who, every, ask: Arc::new(ask), shared }
    }

    /// What is known of what is `wanted`, or why that is not known. Waits for it only the first time, and
    /// not beyond `deadline`. `is_more` says of what was wanted before and is wanted now whether that is something else.
    pub(super) async fn look(
        &self,
        wanted: W,
        is_more: impl Fn(&W, &W) -> bool,
        deadline: Instant,
    ) -> Result<Arc<S>, String> {
        {
            let mut state = self.shared.state();
            if state.wanted.as_ref().is_none_or(|before| is_more(before, &wanted)) {
                state.due = None;
            }
            state.wanted = Some(wanted);
        }
        loop {
            let done = self.shared.done.notified();
            self.look_if_due();
            if let Some(seen) = self.shared.state().seen.clone() {
                return seen;
            }
            if tokio::time::timeout_at(deadline, done).await.is_err() {
                return Err(slow(self.who));
            }
        }
    }

    /// What was known when something could be seen last.
    pub(super) fn known(&self) -> Arc<S> {
        Arc::clone(&self.shared.state().known)
    }

    /// Begins a look in the background, if it is time and none goes on.
    fn look_if_due(&self) {
        let (before, mut end) = {
            let mut state = self.shared.state();
            let due = state.due.is_none_or(|due| due <= Instant::now());
            let Some(wanted) = state.wanted.clone().filter(|_| due && !state.looking) else {
                return;
            };
            state.looking = true;
            // Whoever wants the next look earlier than usual says so from now on.
            state.due = None;
            let shared = Arc::clone(&self.shared);
            let (who, every, outdated) = (self.who, self.every, state.outdated);
            (Arc::clone(&state.known), End { shared, who, wanted, every, outdated, seen: None })
        };
        let ask = Arc::clone(&self.ask);
        tokio::spawn(async move {
            let seen = ask(before, end.wanted.clone()).await;
            end.seen = Some(seen.map(Arc::new));
            drop(end);
        });
    }

    /// Resolves when something new was told.
    pub(super) async fn woken(&self) {
        loop {
            let due = {
                let state = self.shared.state();
                // Nobody has looked yet, so nothing can be new.
                let idle = state.wanted.is_none() || state.looking;
                state.due.filter(|_| !idle)
            };
            tokio::select! {
                () = self.shared.news.notified() => return,
                () = self.shared.done.notified() => {}
                () = sleep_until(due) => self.look_if_due(),
            }
        }
    }

    /// Asks anew, because what is known is out of date, and waits for what is new.
    pub(super) async fn renew(&self) {
        {
            let mut state = self.shared.state();
            state.due = None;
            state.outdated = state.outdated.wrapping_add(1);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let done = self.shared.done.notified();
            self.look_if_due();
            {
                let state = self.shared.state();
                if state.renewed == state.outdated || state.wanted.is_none() {
                    return;
                }
            }
            if tokio::time::timeout_at(deadline, done).await.is_err() {
                return;
            }
        }
    }

    /// What is known is out of date: whoever looks next waits for what is new.
    pub(super) fn forget(&self) {
        let mut state = self.shared.state();
        (state.seen, state.due) = (None, None);
        state.outdated = state.outdated.wrapping_add(1);
    }

    /// Asks again soon: something was changed, which takes a while to show.
    pub(super) fn look_soon(&self) {
        let mut state = self.shared.state();
        // What nobody knows yet is asked for at once.
        if state.seen.is_some() || state.looking {
            state.due = Some(Instant::now() + SOON.min(self.every));
        }
    }
}

/// Why nothing is known yet of what `who` tells.
fn slow(who: &str) -> String {
    format!("{who} is being asked and has not answered yet")
}

/// The end of a look, however it ends: what was seen is noted when this is dropped.
struct End<W: PartialEq, S: PartialEq> {
    shared: Arc<Shared<W, S>>,
    who: &'static str,
    wanted: W,
    every: Duration,
    outdated: u32,
    seen: Option<Result<Arc<S>, String>>,
}

impl<W: PartialEq, S: PartialEq> Drop for End<W, S> {
    fn drop(&mut self) {
        let broken_off = || Err(format!("the last look at {} broke off", self.who));
        let seen = self.seen.take().unwrap_or_else(broken_off);
        let mut state = self.shared.state();
        state.looking = false;
        let mut is_new = false;
        // Otherwise it may be from before what was changed, and is asked for once more.
        if state.outdated == self.outdated {
            if let Ok(seen) = &seen {
                state.known = Arc::clone(seen);
            }
            is_new = state.seen.as_ref() != Some(&seen);
            state.seen = Some(seen);
            state.renewed = self.outdated;
            // What was wanted meanwhile is asked for at once.
            let is_same = state.wanted.as_ref() == Some(&self.wanted);
            let next = Instant::now() + self.every;
            state.due = is_same.then(|| state.due.map_or(next, |soon| soon.min(next)));
        } else {
            state.due = None;
        }
        drop(state);
        self.shared.done.notify_waiters();
        if is_new {
            self.shared.news.notify_one();
        }
    }
}

impl<W, S> Clone for Polled<W, S> {
    fn clone(&self) -> Self {
        let Self { who, every, .. } = *self;
        Self { who, every, ask: Arc::clone(&self.ask), shared: Arc::clone(&self.shared) }
    }
}

impl<W, S> fmt::Debug for Polled<W, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polled").field("who", &self.who).finish_non_exhaustive()
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_changed_during_a_look_is_looked_at_again_soon() {
        let gate = Arc::new(Notify::new());
        let ask = {
            let gate = Arc::clone(&gate);
            move |_: Arc<u32>, ()| -> BoxFuture<'static, Result<u32, String>> {
                let gate = Arc::clone(&gate);
                Box::pin(async move {
                    gate.notified().await;
                    Ok(7)
                })
            }
        };
        let polled = Polled::new("it", Duration::from_hours(1), ask);
        let deadline = Instant::now() + Duration::from_mins(1);
        let change = async {
            polled.look_soon();
            gate.notify_one();
        };
        let (seen, ()) = tokio::join!(polled.look((), |(), ()| false, deadline), change);
        assert_eq!(seen.as_deref(), Ok(&7));
        let due = polled.shared.state().due;
        assert!(due.is_some_and(|it| it <= Instant::now() + SOON), "{due:?}");
    }
}
