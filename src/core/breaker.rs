//! Circuit breakers, one for each provider: where most changes fail, the fault is the provider's
//! rather than theirs, and trying them all again and again only makes it worse.
//!
//! A breaker is *closed* as long as its provider works. Where too large a share of the changes of the
//! last while failed, it is *open*: nothing is changed there for a rest that grows from time to time.
//! Then it is *half-open*: one lane at a time is let through. If that works the breaker is closed, else
//! it is open again, for longer.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    backoff::Backoff,
    change::{Held, Step, Why},
    id::{Id, Name},
    plan::Plan,
    span::{after, signed},
};

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// How long a change that was tried counts.
    pub window: Duration,
    /// How many changes must have been tried within the window, at least, until it opens.
    pub tried: u32,
    /// The share of them that must have failed, from 0 to 1.
    pub share: f64,
    /// How many resources must have failed. What only one of them fails of is its own fault, and
    /// rests by itself.
    pub resources: usize,
    /// The rests. The first one is `initial`.
    pub backoff: Backoff,
}

impl Policy {
    /// The policy of every provider.
    pub const STANDARD: Self = Self {
        window: Duration::from_mins(1),
        tried: 5,
        share: 0.5,
        resources: 2,
        backoff: Backoff {
            initial: Duration::from_secs(10),
            factor: 2.0,
            max: Duration::from_mins(5),
        },
    };
}

/// The most changes that are remembered of one provider, and the most resources that failed there.
const REMEMBERED: usize = 100;

/// The breakers of all providers. They may outlive the controller.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Breakers(BTreeMap<Name, Breaker>);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Breaker {
    /// What was tried within the window, the oldest first. Empty while the breaker is not closed.
    recent: Vec<Tried>,
    /// None: it is closed.
    open: Option<Open>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Tried {
    name: Name,
    ok: bool,
    at: Timestamp,
}

/// A breaker that is open, or half-open once its rest is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    /// When it opened last.
    at: Timestamp,
    /// How often it has opened since it was closed.
    times: u32,
    /// What was tried since it began to fail.
    tried: u32,
    /// How much of that failed.
    failed: u32,
    /// The resources that failed, the one that failed last at the end.
    failing: Vec<Name>,
}

/// What a provider's breaker says of one more lane.
enum State<'a> {
    Closed,
    Open { breaker: &'a Open, until: Timestamp },
    HalfOpen { breaker: &'a Open },
}

impl Breakers {
    /// The providers where most changes failed and none has worked since, with how many failed, and of
    /// how many.
    pub fn open(&self) -> impl Iterator<Item = (&Name, u32, u32)> {
        self.0.iter().filter_map(|(provider, breaker)| {
            let open = breaker.open.as_ref()?;
            Some((provider, open.failed, open.tried))
        })
    }

    /// Notes that a change of `id` was carried out, and whether it worked.
    ///
    /// While a breaker is open this says nothing new: it was begun before.
    pub fn note(&mut self, id: &Id, ok: bool, policy: &Policy, now: Timestamp) {
        let breaker = self.0.entry(id.provider.clone()).or_default();
        breaker.set_back(now);
        match &mut breaker.open {
            None => breaker.note_closed(&id.name, ok, policy, now),
            Some(open) if open.until(policy) > now => {}
            Some(_) if ok => *breaker = Breaker::default(),
            Some(open) => open.again(&id.name, now),
        }
        self.0.retain(|_, it| it.open.is_some() || !it.recent.is_empty());
    }

    /// Holds the lanes of `plan` that touch a provider whose breaker is open, and all but one of
    /// those that touch one whose breaker is half-open. `in_hand` says whether a change at a provider
    /// is being made just now: that is the one, then.
    ///
    /// To be asked last of all that holds lanes, so that the one that is let through is really made.
    pub fn hold(
        &mut self,
        plan: &mut Plan,
        in_hand: impl Fn(&Name) -> bool,
        policy: &Policy,
        now: Timestamp,
    ) {
        for breaker in self.0.values_mut() {
            breaker.set_back(now);
        }
        // What has not failed goes first: else one resource that never works would keep all the
        // others from being tried.
        let mut order: Vec<usize> = (0..plan.lanes.len()).collect();
        order.sort_by_key(|&index| self.turn(&plan.lanes[index], policy, now));
        let mut busy = BTreeSet::new();
        let mut held = BTreeMap::new();
        for index in order {
            let lane = &plan.lanes[index];
            match self.why_not(lane, &in_hand, &busy, policy, now) {
                Some(why) => {
                    held.insert(index, why);
                }
                None => busy.extend(providers(lane).cloned()),
            }
        }
        let mut index = 0;
        plan.lanes.retain(|lane| {
            let why = held.remove(&index);
            index += 1;
            let (Some(why), Some(first)) = (why, lane.first()) else { return true };
            plan.held.push(Held { id: first.id.clone(), why });
            false
        });
        plan.held.sort_by(|a, b| a.id.cmp(&b.id));
    }

    /// Closes the breakers whose rest has been over for as long as a change counts, where `plan` has
    /// nothing more to try: what failed there is mended, or nobody wants it any more. `is_busy` says of a
    /// provider that this does not show, because a change is being made there or it can't be asked.
    pub fn close_idle(
        &mut self,
        plan: &Plan,
        is_busy: impl Fn(&Name) -> bool,
        policy: &Policy,
        now: Timestamp,
    ) {
        let waiting =
            plan.held.iter().filter(|it| comes_by_itself(&it.why)).map(|it| &it.id.provider);
        let wanted: BTreeSet<&Name> =
            plan.lanes.iter().flat_map(|it| providers(it)).chain(waiting).collect();
        self.0.retain(|provider, breaker| {
            let is_old = |it: &Open| after(it.until(policy), policy.window) <= now;
            !breaker.open.as_ref().is_some_and(is_old)
                || wanted.contains(provider)
                || is_busy(provider)
        });
    }

    /// When the next rest ends.
    #[must_use]
    pub fn wake_at(&self, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
        let open = self.0.values().filter_map(|it| it.open.as_ref());
        open.map(|it| it.until(policy)).filter(|it| *it > now).min()
    }

    /// Why a lane is not let through, if it is not. `busy`: the providers of those that are.
    fn why_not(
        &self,
        lane: &[Step],
        in_hand: impl Fn(&Name) -> bool,
        busy: &BTreeSet<Name>,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<Why> {
        let mut waits = None;
        for provider in providers(lane) {
            match self.state(provider, policy, now) {
                State::Open { breaker, until } => {
                    let (provider, Open { failed, tried, .. }) = (provider.clone(), breaker);
                    return Some(Why::BreakerOpen {
                        provider,
                        failed: *failed,
                        tried: *tried,
                        until,
                    });
                }
                State::HalfOpen { .. } if in_hand(provider) || busy.contains(provider) => {
                    waits = Some(Why::BreakerHalfOpen { provider: provider.clone() });
                }
                State::HalfOpen { .. } | State::Closed => {}
            }
        }
        waits
    }

    /// Whose turn it is where only one lane is let through: the lower, the earlier.
    fn turn(&self, lane: &[Step], policy: &Policy, now: Timestamp) -> usize {
        let turns = lane.iter().map(|step| match self.state(&step.id.provider, policy, now) {
            State::HalfOpen { breaker } => {
                breaker.failing.iter().position(|it| *it == step.id.name).map_or(0, |it| it + 1)
            }
            State::Open { .. } | State::Closed => 0,
        });
        turns.max().unwrap_or(0)
    }

    fn state(&self, provider: &Name, policy: &Policy, now: Timestamp) -> State<'_> {
        let Some(breaker) = self.0.get(provider).and_then(|it| it.open.as_ref()) else {
            return State::Closed;
        };
        let until = breaker.until(policy);
        if until > now { State::Open { breaker, until } } else { State::HalfOpen { breaker } }
    }
}

impl Breaker {
    /// Where the clock was set back, a rest and a window begin now.
    fn set_back(&mut self, now: Timestamp) {
        for tried in &mut self.recent {
            tried.at = tried.at.min(now);
        }
        if let Some(open) = &mut self.open {
            open.at = open.at.min(now);
        }
    }

    fn note_closed(&mut self, name: &Name, ok: bool, policy: &Policy, now: Timestamp) {
        self.recent.retain(|it| now.duration_since(it.at) < signed(policy.window));
        self.recent.push(Tried { name: name.clone(), ok, at: now });
        let too_many = self.recent.len().saturating_sub(REMEMBERED);
        self.recent.drain(..too_many);
        let mut failing: Vec<Name> = Vec::new();
        let mut failed = 0;
        for it in self.recent.iter().filter(|it| !it.ok) {
            failed += 1;
            put_last(&mut failing, &it.name);
        }
        let tried = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        let opens = tried >= policy.tried
            && f64::from(failed) >= policy.share * f64::from(tried)
            && failing.len() >= policy.resources;
        // What works is no reason to stop, whatever was before.
        if opens && !ok {
            self.recent.clear();
            self.open = Some(Open { at: now, times: 1, tried, failed, failing });
        }
    }
}

impl Open {
    /// When its rest ends.
    fn until(&self, policy: &Policy) -> Timestamp {
        // `rest` counts failures: the first one rests nothing.
        after(self.at, policy.backoff.rest(self.times.saturating_add(1)))
    }

    /// The one that was let through failed too.
    fn again(&mut self, name: &Name, now: Timestamp) {
        self.at = now;
        self.times = self.times.saturating_add(1);
        self.tried = self.tried.saturating_add(1);
        self.failed = self.failed.saturating_add(1);
        put_last(&mut self.failing, name);
        let too_many = self.failing.len().saturating_sub(REMEMBERED);
        self.failing.drain(..too_many);
    }
}

/// Whether what is held for this reason is planned again without a person's doing.
fn comes_by_itself(why: &Why) -> bool {
    match why {
        Why::Blind { .. }
        | Why::Resting { .. }
        | Why::Undecided
        | Why::Paused { .. }
        | Why::BreakerOpen { .. }
        | Why::BreakerHalfOpen { .. } => true,
        Why::NotOurs
        | Why::EditedByHand { .. }
        | Why::Impossible { .. }
        | Why::NotProven { .. }
        | Why::TooManyDeletions { .. }
        | Why::GivenUp { .. }
        | Why::StoppedByHand => false,
    }
}

fn put_last(names: &mut Vec<Name>, name: &Name) {
    names.retain(|it| it != name);
    names.push(name.clone());
}

fn providers(lane: &[Step]) -> impl Iterator<Item = &Name> {
    lane.iter().map(|step| &step.id.provider)
}

#[cfg(test)]
mod tests;
