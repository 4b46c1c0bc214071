//! One look at the site: what is published, what was deployed, what the functions answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    super::api::{Client, Deploy, Error, Site},
    judge,
    probe::{Verdict, ask},
};
use crate::config::model::FunctionProbe;

/// How many functions are asked at once: a site may have hundreds.
const AT_ONCE: usize = 8;

/// The functions that matter, with how to ask those that may be called.
pub(super) type Wanted = BTreeMap<String, Option<FunctionProbe>>;

/// What is known of a site.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super) struct Seen {
    /// The site.
    pub(in super::super) site: Option<Site>,
    /// Its newest deploys, the newest first.
    pub(in super::super) deploys: Vec<Deploy>,
    /// The functions of the published one.
    pub(super) functions: BTreeSet<String>,
    /// What those answer that were asked.
    pub(super) answers: BTreeMap<String, Answer>,
    /// Whether what fails is well in the last good deploy, where that was asked just now.
    pub(super) good_is_well: Option<bool>,
}

/// What a function answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The last time.
    pub(super) last: Verdict,
    /// That it fails, without a better answer in between.
    pub(super) failing: Option<Failing>,
    /// Since when it answers as it should, without anything else in between. What could not be asked ends
    /// that too: nobody knows what it did.
    pub(super) well: Option<Timestamp>,
}

/// A row of failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failing {
    pub(super) how: String,
    pub(super) times: u32,
    pub(super) since: Timestamp,
}

impl Seen {
    /// The published deploy.
    pub(in super::super) fn published(&self) -> Option<&Deploy> {
        self.site.as_ref()?.published_deploy.as_ref()
    }

    /// Forgets what those answered that are asked no more.
    fn keep_only(&mut self, wanted: &Wanted) {
        let is_asked = |name: &String| wanted.get(name).is_some_and(Option::is_some);
        self.answers.retain(|name, _| is_asked(name) && self.functions.contains(name));
    }
}

/// When what was asked last. It is no part of what is seen, which is the same as long as the answers are.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<Times>);

#[derive(Debug, Default)]
struct Times {
    /// How often everything was to be asked anew. A look from before notes nothing any more.
    renewals: u32,
    api: Option<Instant>,
    functions: BTreeMap<String, Instant>,
}

/// How a look is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Time between two questions to the API.
    pub(super) api_every: Duration,
    /// After how many failures in a row the last good deploy is asked too; none: never.
    pub(super) compare_after: Option<u32>,
}

/// Looks at the site. `before` is what was seen the last time.
pub(super) async fn poll(
    client: &Client,
    asked: &Asked,
    before: &Seen,
    wanted: &Wanted,
    manner: Manner,
    now: Timestamp,
) -> Result<Seen, Error> {
    let since = asked.times(|it| it.renewals);
    let mut seen = before.clone();
    seen.good_is_well = None;
    if asked.api_is_due(manner.api_every) || seen.site.is_none() {
        let site = client.site().await?;
        let deploys = client.deploys().await?;
        let told = site.published_deploy.as_ref().and_then(|it| it.available_functions.as_ref());
        let functions = match told {
            Some(told) => told.iter().map(|it| it.name.clone()).collect(),
            None if site.published_deploy.is_none() => BTreeSet::new(),
            None => client.functions().await?.into_iter().collect(),
        };
        let id = |site: &Site| site.published_deploy.as_ref().map(|it| it.id.clone());
        if seen.site.as_ref().and_then(id) != id(&site) {
            // What another deploy answered says nothing about this one.
            seen.answers.clear();
            asked.forget_functions();
        }
        (seen.site, seen.deploys, seen.functions) = (Some(site), deploys, functions);
        asked.note(since, |it, now| it.api = Some(now));
    }
    seen.keep_only(wanted);
    let address = seen.site.as_ref().and_then(Site::address).unwrap_or_default().to_owned();
    let due: Vec<(String, FunctionProbe)> = (wanted.iter())
        .filter(|(name, _)| seen.functions.contains(*name))
        .filter_map(|(name, probe)| Some((name.clone(), probe.clone()?)))
        .filter(|(name, probe)| asked.is_due(name, probe.every.0))
        .collect();
    for (name, verdict) in ask_all(&address, due).await {
        asked.note(since, |it, now| {
            it.functions.insert(name.clone(), now);
        });
        let before = seen.answers.get(&name);
        let failing = row_after(before.and_then(|it| it.failing.as_ref()), &verdict, now);
        let well = before.and_then(|it| it.well).unwrap_or(now).min(now);
        let well = (verdict == Verdict::Answers).then_some(well);
        seen.answers.insert(name, Answer { last: verdict, failing, well });
    }
    if let Some(fall) = manner.compare_after {
        seen.good_is_well = compare(&seen, wanted, fall).await;
    }
    Ok(seen)
}

/// The row of failures after one more answer. What could not be asked neither ends it nor adds to it.
fn row_after(row: Option<&Failing>, verdict: &Verdict, now: Timestamp) -> Option<Failing> {
    match verdict {
        Verdict::Answers | Verdict::Odd(_) => None,
        Verdict::Unreached(_) => row.cloned(),
        Verdict::Fails(how) => {
            // Where the clock was set back, it began just now.
            let (times, since) = row.map_or((0, now), |it| (it.times, it.since.min(now)));
            Some(Failing { how: how.clone(), times: times.saturating_add(1), since })
        }
    }
}

/// Asks all of them, a few at once.
async fn ask_all(address: &str, due: Vec<(String, FunctionProbe)>) -> Vec<(String, Verdict)> {
    let questions = due.into_iter().map(|(name, probe)| {
        let address = address.to_owned();
        async move {
            let verdict = ask(&address, &name, &probe).await;
            (name, verdict)
        }
    });
    stream::iter(questions.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).collect().await
}

/// Whether everything that fails, `fall` times in a row at least, is well in the last good deploy: asked
/// now, at that deploy's own address. None, where nothing fails so or that can't be asked.
async fn compare(seen: &Seen, wanted: &Wanted, fall: u32) -> Option<bool> {
    let address = judge::last_good(seen)?.deploy_ssl_url.as_deref()?;
    let failing: Vec<(String, FunctionProbe)> = (seen.answers.iter())
        .filter(|(_, answer)| answer.failing.as_ref().is_some_and(|it| it.times >= fall))
        .filter_map(|(name, _)| Some((name.clone(), wanted.get(name)?.clone()?)))
        .collect();
    if failing.is_empty() {
        return None;
    }
    let answers = ask_all(address, failing).await;
    Some(answers.iter().all(|(_, verdict)| *verdict == Verdict::Answers))
}

impl Asked {
    fn times<T>(&self, with: impl FnOnce(&mut Times) -> T) -> T {
        // Nothing in here can be left half-done by a panic.
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn api_is_due(&self, every: Duration) -> bool {
        self.times(|it| it.api.is_none_or(|at| at.elapsed() >= every))
    }

    /// Notes what was asked now, by a look that began after so many renewals.
    fn note(&self, since: u32, note: impl FnOnce(&mut Times, Instant)) {
        self.times(|it| {
            if it.renewals == since {
                note(it, Instant::now());
            }
        });
    }

    fn is_due(&self, name: &str, every: Duration) -> bool {
        self.times(|it| it.functions.get(name).is_none_or(|at| at.elapsed() >= every))
    }

    /// The functions are asked anew.
    fn forget_functions(&self) {
        self.times(|it| it.functions.clear());
    }

    /// Everything is asked anew.
    pub(super) fn forget(&self) {
        self.times(|it| {
            let renewals = it.renewals.wrapping_add(1);
            *it = Times { renewals, ..Times::default() };
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_no_more_answers_no_more() {
        let answer = Answer { last: Verdict::Answers, failing: None, well: None };
        let names = ["asked", "not-asked", "not-served", "not-wanted"];
        let mut seen = Seen {
            answers: names.map(|it| (it.to_owned(), answer.clone())).into(),
            functions: ["asked", "not-asked", "not-wanted"].map(str::to_owned).into(),
            ..Seen::default()
        };
        let probe: Option<FunctionProbe> = Some(serde_json::from_str("{}").unwrap());
        let wanted = [("asked", probe.clone()), ("not-asked", None), ("not-served", probe)];
        seen.keep_only(&wanted.map(|(name, probe)| (name.to_owned(), probe)).into());
        assert_eq!(seen.answers.into_keys().collect::<Vec<_>>(), ["asked"]);
    }

    #[test]
    fn a_row_of_failures_is_ended_by_an_answer_and_by_nothing_else() {
        let at = |n| Timestamp::from_second(n).unwrap();
        let fails = |how: &str| Verdict::Fails(how.to_owned());
        let unreached = Verdict::Unreached("no route".to_owned());
        let first = row_after(None, &fails("answers 502"), at(1));
        let second = row_after(first.as_ref(), &fails("answers 500"), at(2)).unwrap();
        assert_eq!((second.times, second.since, second.how.as_str()), (2, at(1), "answers 500"));
        assert_eq!(row_after(Some(&second), &unreached, at(3)), Some(second.clone()));
        let set_back = row_after(Some(&second), &fails("answers 500"), at(0)).unwrap();
        assert_eq!((set_back.times, set_back.since), (3, at(0)));
        assert_eq!(row_after(Some(&second), &Verdict::Answers, at(3)), None);
        assert_eq!(row_after(Some(&second), &Verdict::Odd(String::new()), at(3)), None);
        assert_eq!(row_after(None, &unreached, at(3)), None);
    }
}
