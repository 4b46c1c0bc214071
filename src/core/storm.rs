//! The storm guard: when most of what a provider has goes bad in one look, the eye is to blame before
//! the things it sees. Failovers wait there until that is seen again, or for a minute; what is still
//! so then is believed.
//!
//! Nothing but failovers waits: what is down is started again in a storm too, which does no harm where
//! it runs after all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::{SignedDuration, Timestamp};

use super::{
    duty::Side,
    failover::Pair,
    health::Health,
    id::{Id, Name},
    resource::{Desired, Observed, Run},
};

/// The fewest resources that go bad in one look of a storm.
const LEAST_BAD: usize = 3;

/// The fewest resources that a provider must have for a storm: of three, all may well fail together.
const LEAST: usize = 4;

/// How long a storm lasts at most.
const LASTS: SignedDuration = SignedDuration::from_secs(60);

/// What was seen of each provider in the look before, and the storms that go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Storms(BTreeMap<Name, Seen>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    /// What was good when the provider was last seen.
    good: BTreeSet<Name>,
    /// Since when there has been a storm, if there is one.
    storm: Option<Timestamp>,
}

/// What a look says of a provider that could be asked: which of what should run there does well, and
/// which does not.
#[derive(Default)]
struct Sight<'a> {
    good: BTreeSet<&'a Name>,
    bad: BTreeSet<&'a Name>,
    /// How many more there are that we are changing just now.
    in_hand: usize,
    /// Whether what the others stand on is seen to be bad, like the daemon that runs them: then it is
    /// no fault of the look that they are.
    ground_is_bad: bool,
}

/// Something to tell of a provider, in words that stand after its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A storm began.
    Began {
        /// Where.
        provider: Name,
        /// How many resources went bad in one look.
        bad: usize,
        /// How many there are that should run and could be seen.
        of: usize,
    },
    /// Less than half is bad: it was the eye, or it has passed.
    Passed {
        /// Where.
        provider: Name,
    },
    /// It lasted too long to be the fault of the eye.
    Believed {
        /// Where.
        provider: Name,
    },
}

impl News {
    /// Whether a person should hear of it at once.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        matches!(self, Self::Began { .. })
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began { provider, bad, of } => write!(
                f,
                "{bad} of {of} at {provider} went bad in one look, which may be the fault of the \
                 look: no failover there until that is seen again, for {} s at most",
                LASTS.as_secs()
            ),
            Self::Passed { provider } => {
                write!(f, "most of what {provider} has is well: failovers go on there")
            }
            Self::Believed { provider } => write!(
                f,
                "{provider} has been so for {} s, so what is seen is believed: failovers go on there",
                LASTS.as_secs()
            ),
        }
    }
}

impl Storms {
    /// Compares one more look with the one before; what there is to tell of it.
    ///
    /// What `desired` asks to run counts, or leaves as it is, and both sides of each of `pairs`: which
    /// of them should run is decided only in view of this. What is `in_hand` is being changed by
    /// ourselves, and what that does to it is no storm.
    pub fn see(
        &mut self,
        observed: &Observed,
        desired: &Desired,
        pairs: &[Pair],
        in_hand: impl Fn(&Id) -> bool,
        now: Timestamp,
    ) -> Vec<News> {
        let mut sights = sights(observed, &runs(desired, pairs), in_hand);
        for (id, wanted) in desired.wanted.iter().filter(|(_, it)| it.body.is_none()) {
            let Some(sight) = sights.get_mut(&id.provider) else { continue };
            let is_ground = wanted.run == Run::On && !pairs.iter().any(|it| it.has(id));
            sight.ground_is_bad |= is_ground && sight.bad.contains(&id.name);
        }
        let is_blind = |provider: &Name| observed.blind.contains_key(provider);
        self.0.retain(|provider, _| sights.contains_key(provider) || is_blind(provider));
        let mut news = Vec::new();
        for (provider, seen) in &mut self.0 {
            // Where the clock was set back, a storm begins now.
            seen.storm = seen.storm.map(|it| it.min(now));
            // Nobody saw, so there is only the clock. What was good before is kept: an eye that opens
            // again and sees all of it bad is one to suspect.
            if is_blind(provider) && seen.is_over(now) {
                seen.storm = None;
                news.push(News::Believed { provider: provider.clone() });
            }
        }
        for (provider, sight) in sights {
            let seen = self.0.entry(provider.clone()).or_default();
            news.extend(seen.compare(provider, &sight, now));
        }
        news
    }

    /// The providers where failovers wait.
    pub fn going_on(&self, now: Timestamp) -> impl Iterator<Item = &Name> {
        self.0.keys().filter(move |provider| self.is_storm(provider, now))
    }

    /// Whether failovers at `provider` wait.
    #[must_use]
    pub fn is_storm(&self, provider: &Name, now: Timestamp) -> bool {
        self.0.get(provider).is_some_and(|it| it.storm.is_some() && !it.is_over(now))
    }

    /// When the next storm ends by the clock. May be past: then a look is due, which ends it.
    #[must_use]
    pub fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        let end = |since: Timestamp| since.min(now).checked_add(LASTS).unwrap_or(Timestamp::MAX);
        self.0.values().filter_map(|it| it.storm).map(end).min()
    }
}

impl Seen {
    /// Whether there is a storm that has lasted for long enough.
    fn is_over(&self, now: Timestamp) -> bool {
        self.storm.is_some_and(|since| now.duration_since(since) >= LASTS)
    }

    fn compare(&mut self, provider: &Name, sight: &Sight<'_>, now: Timestamp) -> Option<News> {
        let Sight { good, bad, in_hand, ground_is_bad } = sight;
        let of = good.len() + bad.len();
        let turned = bad.iter().filter(|it| self.good.contains(**it)).count();
        self.good = good.iter().map(|it| (*it).clone()).collect();
        let provider = provider.clone();
        if self.storm.is_some() {
            // What is being started again is not well before that is seen.
            let all = of + in_hand;
            let news = if good.len() * 2 > all || all == 0 {
                News::Passed { provider }
            } else if self.is_over(now) {
                News::Believed { provider }
            } else {
                return None;
            };
            self.storm = None;
            return Some(news);
        }
        let begins = !ground_is_bad && of >= LEAST && turned >= LEAST_BAD && turned * 2 > of;
        begins.then(|| {
            self.storm = Some(now);
            News::Began { provider, bad: turned, of }
        })
    }
}

/// What counts, and whether it should run as far as that is known before duties are decided.
fn runs<'a>(desired: &'a Desired, pairs: &'a [Pair]) -> BTreeMap<&'a Id, Run> {
    let mut runs: BTreeMap<&Id, Run> = desired.wanted.iter().map(|(id, it)| (id, it.run)).collect();
    for pair in pairs {
        for id in [Side::Primary, Side::Backup].map(|side| pair.id(side)) {
            if pair.rules.exclusive || !runs.contains_key(id) {
                runs.insert(id, Run::AsIs);
            }
        }
    }
    runs
}

/// What is seen of each provider that could be asked.
fn sights<'a>(
    observed: &Observed,
    runs: &BTreeMap<&'a Id, Run>,
    in_hand: impl Fn(&Id) -> bool,
) -> BTreeMap<&'a Name, Sight<'a>> {
    let mut sights: BTreeMap<&Name, Sight<'_>> = BTreeMap::new();
    for (&id, &run) in runs {
        if observed.blind.contains_key(&id.provider) {
            continue;
        }
        let sight = sights.entry(&id.provider).or_default();
        if run == Run::Off {
            continue;
        }
        if in_hand(id) {
            sight.in_hand += 1;
            continue;
        }
        let found = observed.found.get(id);
        match Health::seen(run, observed, id) {
            Health::Healthy => sight.good.insert(&id.name),
            Health::Unhealthy | Health::Failed => sight.bad.insert(&id.name),
            // A list that is suddenly empty is the very thing to suspect.
            Health::Unknown if found.is_none() => sight.bad.insert(&id.name),
            // Off on purpose, a file that says nothing, or not asked yet.
            Health::Unknown | Health::Stopped => false,
        };
    }
    sights
}

#[cfg(test)]
mod tests;
