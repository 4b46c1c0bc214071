//! From what is seen of a site to what it says of its functions and of what is published.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    super::api::{Deploy, Progress},
    poll::{Failing, Seen},
    probe::Verdict,
};
use crate::{
    core::{
        code::Live,
        release::{Decision, Evidence, Failure, Good, Policy, Release, State, decide},
        span::signed,
    },
    http::text::harmless,
};

/// A deploy that is not over after so long is stuck: Netlify gives up builds after 15 or 30 minutes.
const LONGEST_DEPLOY: Duration = Duration::from_mins(45);

/// How much of what Netlify says about a deploy is shown, in characters.
const MOST_SAID: usize = 200;

/// What is known of the function called `name` on the site.
pub(super) fn live(seen: &Seen, name: &str) -> Live {
    if !seen.functions.contains(name) {
        return Live::NotServed;
    }
    let Some(answer) = seen.answers.get(name) else { return Live::Served };
    match (&answer.failing, &answer.last) {
        (Some(Failing { how, since, times }), _) => {
            Live::Fails { how: how.clone(), since: *since, times: *times }
        }
        (None, Verdict::Unreached(how)) => Live::Unreached { how: how.clone() },
        (None, Verdict::Odd(how)) => Live::Odd { how: how.clone() },
        (None, Verdict::Answers | Verdict::Fails(_)) => Live::Answers { since: answer.well },
    }
}

/// How the published deploy does. `fall`: after how many failures in a row of a function it fails.
pub(super) fn release(seen: &Seen, fall: u32, now: Timestamp) -> Release {
    let published = seen.published();
    let state = match published {
        None => State::Nothing,
        Some(published) => {
            fails(seen, fall).or_else(|| newer(seen, published, now)).unwrap_or(State::Served)
        }
    };
    Release {
        id: published.map(|it| harmless(&it.id.0, MOST_SAID)),
        since: published.and_then(|it| it.published_at),
        state,
        locked: published.is_some_and(Deploy::is_locked),
    }
}

fn fails(seen: &Seen, fall: u32) -> Option<State> {
    let proven: Vec<Failure> = failures(seen).into_iter().filter(|it| it.times >= fall).collect();
    let since = proven.iter().map(|it| it.since).min()?;
    let how: Vec<&str> = proven.iter().map(|it| it.how.as_str()).collect();
    Some(State::Fails { how: how.join(", "), since })
}

/// What is wrong with the newest production deploy, where that is not the published one.
fn newer(seen: &Seen, published: &Deploy, now: Timestamp) -> Option<State> {
    let newest = seen.deploys.iter().find(|it| it.is_production() && it.skipped != Some(true))?;
    if newest.id == published.id || newest.created_at <= published.created_at {
        return None;
    }
    let id = harmless(&newest.id.0, MOST_SAID);
    match newest.progress() {
        Progress::Failed => {
            let said = newest.error_message.as_deref().unwrap_or("without a word");
            Some(State::NotMade { id, how: harmless(said, MOST_SAID) })
        }
        Progress::Active => {
            let since = newest.created_at?;
            let is_late = now.duration_since(since) > signed(LONGEST_DEPLOY);
            let how = harmless(&newest.state.to_string(), MOST_SAID);
            is_late.then_some(State::Stuck { id, how, since })
        }
        Progress::Waiting | Progress::Ready => None,
    }
}

fn failures(seen: &Seen) -> Vec<Failure> {
    let failing = seen.answers.iter().filter_map(|(name, answer)| {
        let Failing { how, times, since } = answer.failing.as_ref()?;
        Some(Failure { how: format!("{name} {how}"), times: *times, since: *since })
    });
    failing.collect()
}

/// The last production deploy that was published before the one that is, and can be again.
pub(super) fn last_good(seen: &Seen) -> Option<&Deploy> {
    let published = seen.published()?;
    let before = |it: &&Deploy| {
        let is_older = it.published_at.is_some() && it.published_at < published.published_at;
        it.id != published.id && it.is_production() && it.progress() == Progress::Ready && is_older
    };
    seen.deploys.iter().filter(before).max_by_key(|it| it.published_at)
}

/// What is to be done about what fails.
pub(super) fn decision(seen: &Seen, policy: &Policy, now: Timestamp) -> Decision {
    let Some(published) = seen.published() else { return Decision::Nothing };
    let is_newer = |it: &&Deploy| {
        it.is_production()
            && it.id != published.id
            && it.progress() == Progress::Ready
            && it.created_at > published.created_at
    };
    let good = last_good(seen);
    let evidence = Evidence {
        failures: &failures(seen),
        served: published.published_at,
        is_newest: !seen.deploys.iter().any(|it| is_newer(&it)),
        locked: published.is_locked(),
        good: good.map(|it| Good { id: &it.id.0, is_well: seen.good_is_well }),
    };
    decide(&evidence, policy, now)
}
