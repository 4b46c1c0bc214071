//! Oversight: a provider that panics or hangs is one that can't be asked. It holds up nobody else, is asked
//! ever less often until it answers, and is begun anew where it broke down. One that calls for a look without
//! end is heeded ever less often.

use std::{
    any::Any,
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use futures_util::future::FutureExt;
use jiff::Timestamp;
use tracing::{Instrument, Span, error, info, info_span, warn};

use super::Controller;
use crate::{
    core::{
        attention::{Attention, Turn, Wakes},
        change::Change,
        component::Watched,
        id::Name,
        resource::{Sightings, Wishes},
    },
    provider::{self, Error, Provider},
};

/// How long one provider may take to look before it counts as one that can't be asked.
const LONGEST_LOOK: Duration = Duration::from_secs(30);

/// How the providers do that are asked.
#[derive(Debug)]
pub(super) struct Oversight {
    /// How long a look may take.
    longest: Duration,
    cares: RefCell<BTreeMap<Name, Care>>,
    /// Those that panicked: what they hold may be half done.
    broken: RefCell<BTreeSet<Name>>,
}

/// What is known of one provider.
#[derive(Debug, Default)]
struct Care {
    /// How it went that it was asked.
    asked: Attention,
    /// How it went that it was waited for.
    waited_for: Attention,
    wakes: Wakes,
    /// Since when it could not be asked, if it can't be.
    not_asked_since: Option<Timestamp>,
    /// How often it was begun anew.
    begun_anew: u32,
}

impl Default for Oversight {
    fn default() -> Self {
        let (cares, broken) = Default::default();
        Self { longest: LONGEST_LOOK, cares, broken }
    }
}

impl Oversight {
    /// Has `provider` look, and asks it what it wants in view of that; in view of nothing where it does not
    /// look, and why that is.
    pub(super) async fn ask(
        &self,
        provider: &dyn Provider,
        now: Timestamp,
    ) -> (Wishes, Result<Sightings, String>) {
        let name = provider.name();
        let (seen, answered) = match self.rest(name, now) {
            Some((until, how)) => (Err(format!("{how}; it is asked again at {until:.0}")), false),
            None => match self.observe(provider, now).await {
                Ok(seen) => (seen.map_err(|error| error.to_string()), true),
                Err(how) => (Err(how), false),
            },
        };
        let nothing = Sightings::new();
        let wishes = || provider.desire(seen.as_ref().unwrap_or(&nothing));
        let wishes = about(provider).in_scope(|| catch_unwind(AssertUnwindSafe(wishes)));
        let (wishes, seen) = match wishes {
            Ok(wishes) => {
                if answered {
                    self.care(name, |it| it.asked = Attention::default());
                }
                (wishes, seen)
            }
            // What it wants is not known, so nothing of it is touched.
            Err(panic) if answered => {
                let how = self.panicked(name, "what it wants", panic.as_ref(), now);
                (Wishes::default(), Err(how))
            }
            Err(_) => (Wishes::default(), seen),
        };
        self.care(name, |it| {
            it.not_asked_since = seen.is_err().then(|| it.not_asked_since.unwrap_or(now));
        });
        (wishes, seen)
    }

    /// What `provider` answers when it is asked to look, or how it broke down.
    async fn observe(
        &self,
        provider: &dyn Provider,
        now: Timestamp,
    ) -> Result<Result<Sightings, Error>, String> {
        let name = provider.name();
        let look = AssertUnwindSafe(async { provider.observe(now).await }).catch_unwind();
        match tokio::time::timeout(self.longest, look).instrument(about(provider)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(panic)) => Err(self.panicked(name, "its look", panic.as_ref(), now)),
            Err(_) => {
                let how = format!("no answer within {} s", self.longest.as_secs());
                error!(provider = name.as_str(), "{name}: {how}");
                self.care(name, |it| it.asked.broke_down(how.clone(), now));
                Err(how)
            }
        }
    }

    /// Has `provider` make one change.
    pub(super) async fn apply(
        &self,
        provider: &dyn Provider,
        name: &Name,
        change: &Change,
    ) -> Result<(), Error> {
        let change = async { provider.apply(name, change, Timestamp::now()).await };
        self.at_work(provider, "a change", change).await
    }

    /// Has `provider` make sure that something could be made there.
    pub(super) async fn make_ready(&self, provider: &dyn Provider) -> Result<(), Error> {
        let ready = async { provider.make_ready().await };
        self.at_work(provider, "what a change needs", ready).await
    }

    /// What came of `work` of a provider, which may break off.
    async fn at_work(
        &self,
        provider: &dyn Provider,
        what: &str,
        work: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        let done = AssertUnwindSafe(work).catch_unwind().instrument(about(provider)).await;
        done.unwrap_or_else(|panic| {
            let now = Timestamp::now();
            Err(Error::Passing(self.panicked(provider.name(), what, panic.as_ref(), now)))
        })
    }

    /// Resolves when there may be something new to see of `provider`: at the end of its rest, where it
    /// is left in peace. Where it says so without end, ever less often.
    pub(super) async fn woken(&self, provider: &dyn Provider) {
        let (name, now) = (provider.name(), Timestamp::now());
        let until = |at: Timestamp| tokio::time::sleep(at.duration_since(now).unsigned_abs());
        if let Some((rest, _)) = self.rest(name, now) {
            return until(rest).await;
        }
        let rest = self.care(name, |it| {
            let waits = it.waited_for.rest(now).map(|(until, _)| until);
            it.wakes.deaf_until(now).max(waits)
        });
        if let Some(rest) = rest {
            until(rest).await;
        }
        let woken = AssertUnwindSafe(async { provider.woken().await }).catch_unwind();
        let woken = woken.await;
        let now = Timestamp::now();
        match woken {
            Ok(()) => self.care(name, |it| it.waited_for = Attention::default()),
            // Its looks may well work, so they go on.
            Err(panic) => {
                let how = self.mistake(name, "its waiting", panic.as_ref());
                self.care(name, |it| it.waited_for.broke_down(how, now));
            }
        }
        match self.care(name, |it| it.wakes.heeded(now)) {
            Some(Turn::Storm) => warn!(
                provider = name.as_str(),
                "{name} calls for a look again and again without end: it is heeded ever less often until it stops, \
                 and looked at by the clock as ever"
            ),
            Some(Turn::Calm) => {
                info!(
                    provider = name.as_str(),
                    "{name} calls for a look no more often than it should"
                );
            }
            None => {}
        }
    }

    /// What is known of each provider that has been asked.
    pub(super) fn watched(&self, now: Timestamp) -> BTreeMap<Name, Watched> {
        let mut cares = self.cares.borrow_mut();
        let each = cares.iter_mut().map(|(name, care)| {
            let watched = Watched {
                not_asked_since: care.not_asked_since,
                rests_until: care.asked.rest(now).map(|(until, _)| until),
                deaf_until: care.wakes.deaf_until(now),
                begun_anew: care.begun_anew,
            };
            (name.clone(), watched)
        });
        each.collect()
    }

    fn care<T>(&self, name: &Name, with: impl FnOnce(&mut Care) -> T) -> T {
        with(self.cares.borrow_mut().entry(name.clone()).or_default())
    }

    fn rest(&self, name: &Name, now: Timestamp) -> Option<(Timestamp, String)> {
        self.care(name, |it| it.asked.rest(now).map(|(until, how)| (until, how.to_owned())))
    }

    /// Notes that a mistake of this program broke `what` of a provider off, so that it is left in peace; the
    /// note.
    fn panicked(
        &self,
        name: &Name,
        what: &str,
        panic: &(dyn Any + Send),
        now: Timestamp,
    ) -> String {
        let how = self.mistake(name, what, panic);
        self.care(name, |it| it.asked.broke_down(how.clone(), now));
        how
    }

    /// Tells that a mistake of this program broke `what` of a provider off, and has it begun anew.
    fn mistake(&self, name: &Name, what: &str, panic: &(dyn Any + Send)) -> String {
        self.broken.borrow_mut().insert(name.clone());
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        let how = format!("a mistake of this program broke {what} off, please report it: {said}");
        error!(provider = name.as_str(), "{name}: {how}");
        how
    }
}

/// What `provider` says itself, and whoever works for it.
fn about(provider: &dyn Provider) -> Span {
    info_span!("provider", provider = provider.name().as_str())
}

impl Controller {
    /// Puts a new provider in the place of each that panicked; their names.
    pub(super) fn renew_broken(&mut self) -> BTreeSet<Name> {
        let broken = mem::take(&mut *self.oversight.broken.borrow_mut());
        if broken.is_empty() {
            return broken;
        }
        for mut new in provider::all(&self.possible) {
            let old = self.providers.iter_mut().find(|it| it.name() == new.name());
            if let Some(old) = old.filter(|it| broken.contains(it.name())) {
                if self.never_waits {
                    new.never_wait();
                }
                self.oversight
                    .care(old.name(), |it| it.begun_anew = it.begun_anew.saturating_add(1));
                *old = new;
            }
        }
        broken
    }
}

#[cfg(test)]
mod tests;
