//! Which backups stand in for their primaries: remembered, so that it is told when it begins and
//! when it ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Call;
use crate::core::{
    duty::Side,
    health::Health,
    id::{Id, Name},
    resource::{Desired, Observed, Status},
    route::{Place, Router},
};

/// The backups that stand in, by their ids. They outlive the controller, in the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Covers(BTreeMap<Id, Cover>);

/// A backup that stands in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cover {
    /// For whom.
    pub primary: Id,
    /// Since when.
    pub since: Timestamp,
    /// What was wrong with the primary then.
    pub how: String,
    /// In which way.
    #[serde(default)]
    pub way: Way,
}

/// In which way a backup stands in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// It runs in its primary's place.
    #[default]
    Runs,
    /// The calls of its primary are routed to it.
    Route,
    /// The same, because a person asked for it.
    RouteByPerson,
}

/// What there is to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A backup stands in.
    StandsIn(Cover),
    /// Its primary has its work again.
    HandsBack {
        /// The primary.
        primary: Id,
        /// Why, where it is not that the primary is well again.
        why: Option<String>,
        /// Whether a person asked for it.
        by_person: bool,
    },
}

impl Covers {
    /// Brings them up to what was seen; what is new, each with its backup.
    ///
    /// A backup stands in until its primary is seen to be well: what could not be seen, or waits for
    /// its next run, hands nothing back. One with a route stands in as long as that goes to it. What
    /// is seen to be gone stands in no more.
    pub fn see(
        &mut self,
        desired: &Desired,
        observed: &Observed,
        now: Timestamp,
    ) -> Vec<(Id, News)> {
        let mut news = Vec::new();
        let is_unseen = |id: &Id| observed.is_unseen(id, desired);
        let may_be_there = |id: &Id| observed.found.contains_key(id) || is_unseen(id);
        self.0.retain(|id, cover| match cover.way {
            Way::Runs => desired.wanted.contains_key(id) || is_unseen(id),
            Way::Route | Way::RouteByPerson => may_be_there(id) || may_be_there(&cover.primary),
        });
        for (id, wanted) in &desired.wanted {
            let Some(primary) = desired.primary_of(id) else { continue };
            let Some(Status::Job(job)) = observed.found.get(&primary).map(|it| &it.status) else {
                continue;
            };
            if wanted.called && !self.0.contains_key(id) {
                let (how, way) = (job.to_string(), Way::Runs);
                let cover = Cover { primary, since: now, how, way };
                self.0.insert(id.clone(), cover.clone());
                news.push((id.clone(), News::StandsIn(cover)));
            } else if job.health() == Health::Healthy && self.0.remove(id).is_some() {
                let handed = News::HandsBack { primary, why: None, by_person: false };
                news.push((id.clone(), handed));
            }
        }
        self.see_routes(desired, observed, now, &mut news);
        news
    }

    /// The same for what has a route. What there is counts: a route goes to a backup also where that
    /// is no longer asked for.
    fn see_routes(
        &mut self,
        desired: &Desired,
        observed: &Observed,
        now: Timestamp,
        news: &mut Vec<(Id, News)>,
    ) {
        let moves =
            desired.wanted.iter().filter(|(_, it)| matches!(it.call, Some(Call::Move { .. })));
        let moving: BTreeSet<&Name> = moves.map(|(id, _)| &id.provider).collect();
        for (id, found) in &observed.found {
            let primary = found.mark.as_ref().and_then(|it| it.backs_up.as_deref()?.parse().ok());
            let Some(primary) = primary.map(|it| Id::new(id.provider.clone(), it)) else {
                continue;
            };
            let Some(Status::Code(code)) = observed.found.get(&primary).map(|it| &it.status) else {
                continue;
            };
            let Router::Redirect(place) = &code.router else {
                // Whose router was taken away stands in no more, and nothing was handed back.
                self.0.remove(id);
                continue;
            };
            // Until that is done, nobody knows which of them was.
            if moving.contains(&id.provider) {
                continue;
            }
            match place.side {
                Side::Backup if !self.0.contains_key(id) => {
                    let cover = cover(primary, place, now);
                    self.0.insert(id.clone(), cover.clone());
                    news.push((id.clone(), News::StandsIn(cover)));
                }
                Side::Primary if self.0.remove(id).is_some() => {
                    let (why, by_person) = (place.why.clone(), place.is_by_person());
                    news.push((id.clone(), News::HandsBack { primary, why, by_person }));
                }
                Side::Primary | Side::Backup => {}
            }
        }
    }

    /// Whether some backup does the work of `primary` in runs of its own.
    #[must_use]
    pub fn stand_in_for(&self, primary: &Id) -> bool {
        self.0.values().any(|it| it.primary == *primary && it.way == Way::Runs)
    }

    /// What is known of the standing-in of a backup, if it stands in.
    #[must_use]
    pub fn of(&self, backup: &Id) -> Option<&Cover> {
        self.0.get(backup)
    }

    /// All that stand in.
    pub fn iter(&self) -> impl Iterator<Item = (&Id, &Cover)> {
        self.0.iter()
    }
}

fn cover(primary: Id, place: &Place, now: Timestamp) -> Cover {
    let way = if place.is_by_person() { Way::RouteByPerson } else { Way::Route };
    let how = match &place.why {
        Some(why) => why.strip_prefix("the primary ").unwrap_or(why).to_owned(),
        None => "its route was found to go there".to_owned(),
    };
    Cover { primary, since: place.since.unwrap_or(now), how, way }
}

impl News {
    /// Whether a person should hear of it at once.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        matches!(self, Self::StandsIn(_))
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandsIn(Cover { primary, how, .. }) => {
                write!(f, "stands in for {primary} ({how})")
            }
            Self::HandsBack { primary, why: None, .. } => {
                write!(f, "hands back to {primary}, which is well again")
            }
            Self::HandsBack { primary, why: Some(why), .. } => {
                write!(f, "hands back to {primary} ({why})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        code::{Code, State},
        digest::Digest,
        job::{self, Job},
        resource::{Actual, Body, Mark, Run, Wanted},
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn code(router: Router, backs_up: Option<&str>) -> Actual {
        let code = Code { state: State::Untested, live: None, router, notes: Vec::new() };
        let backs_up = backs_up.map(str::to_owned);
        let mark = backs_up.map(|it| Mark { written: Digest::of(["x"]), backs_up: Some(it) });
        Actual { body: Body::default(), status: Status::Code(code), mark, vitals: None }
    }

    /// A function whose calls are passed on like this, and its backup.
    fn routed(router: Router) -> Observed {
        let backup = ("p/a-backup".parse().unwrap(), code(Router::None, Some("a")));
        let found = [("p/a".parse().unwrap(), code(router, None)), backup].into();
        Observed { found, ..Observed::default() }
    }

    fn place(side: Side, why: &str) -> Router {
        Router::Redirect(Place { side, since: Some(at(5)), why: Some(why.to_owned()) })
    }

    fn told(covers: &mut Covers, desired: &Desired, router: Router) -> Vec<String> {
        let news = covers.see(desired, &routed(router), at(9));
        news.iter().map(|(id, it)| format!("{id} {it}")).collect()
    }

    #[test]
    fn what_has_a_route_stands_in_as_long_as_that_goes_to_it() {
        let (mut covers, mut desired) = (Covers::default(), Desired::default());
        let fails = || place(Side::Backup, "the primary answers 502");
        // Wanted so, and not written yet.
        let how = String::new();
        let moving = Wanted { call: Some(Call::Move { how }), ..Wanted::not_ours(Run::On) };
        desired.wanted.insert("p/routes".parse().unwrap(), moving);
        assert!(told(&mut covers, &desired, fails()).is_empty());
        desired.wanted.clear();
        let begun = told(&mut covers, &desired, fails());
        assert_eq!(begun, ["p/a-backup stands in for p/a (answers 502)"]);
        assert_eq!(covers.iter().next().unwrap().1.since, at(5));
        assert!(told(&mut covers, &desired, fails()).is_empty());
        // That the primary goes on failing is told as ever.
        assert!(!covers.stand_in_for(&"p/a".parse().unwrap()));
        let back = told(&mut covers, &desired, place(Side::Primary, "asked for by ann"));
        assert_eq!(back, ["p/a-backup hands back to p/a (asked for by ann)"]);
        told(&mut covers, &desired, place(Side::Backup, "asked for by ann"));
        assert_eq!(covers.iter().next().unwrap().1.way, Way::RouteByPerson);
        // Where the router is taken away, there is nothing to hand back.
        assert!(told(&mut covers, &desired, Router::None).is_empty());
        assert_eq!(covers, Covers::default());
    }

    /// Covers of which one stands in: in this way, for `p/a`.
    fn standing_in(way: Way) -> Covers {
        let (primary, how) = ("p/a".parse().unwrap(), "failed".to_owned());
        let cover = Cover { primary, since: at(0), how, way };
        Covers([("p/a-backup".parse().unwrap(), cover)].into())
    }

    #[test]
    fn what_could_not_be_seen_stands_in_still_and_what_is_gone_does_not() {
        let backup = || "p/a-backup".parse::<Id>().unwrap();
        let (nothing, gone) = (Desired::default(), Observed::default());
        let (mut wanted, mut hidden, mut blind) = (nothing.clone(), nothing.clone(), gone.clone());
        wanted.wanted.insert(backup(), Wanted::not_ours(Run::On));
        hidden.unseen.insert(backup(), "no answer".to_owned());
        blind.set(&backup().provider, Err("no answer".to_owned()));
        let there = routed(place(Side::Backup, "the primary answers 502"));
        let mut alone = there.clone();
        alone.found.remove(&backup());
        for (way, desired, observed, stays) in [
            (Way::Runs, &wanted, &gone, true),
            (Way::Runs, &nothing, &blind, true),
            // Its file is there, and nobody knows what is to be done about it.
            (Way::Runs, &hidden, &there, true),
            (Way::Runs, &nothing, &there, false),
            (Way::Runs, &nothing, &gone, false),
            (Way::Route, &nothing, &there, true),
            (Way::Route, &nothing, &blind, true),
            // Its route goes to it all the same.
            (Way::Route, &nothing, &alone, true),
            (Way::Route, &nothing, &gone, false),
        ] {
            let mut covers = standing_in(way);
            let news = covers.see(desired, observed, at(9));
            assert!(news.is_empty() || !stays, "{news:?}");
            assert_eq!(covers.of(&backup()).is_some_and(|it| it.way == way), stays, "{way:?}");
        }
    }

    #[test]
    fn what_is_called_stands_in_until_its_primary_is_seen_to_be_well() {
        let (primary, backup): (Id, Id) = ("p/a".parse().unwrap(), "p/a-backup".parse().unwrap());
        let mut covers = Covers::default();
        let mut see = |state: job::State, called: bool| {
            let status = Status::Job(Box::new(Job::only(state)));
            let actual = Actual { body: Body::default(), status, mark: None, vitals: None };
            let found = [(primary.clone(), actual)].into();
            let observed = Observed { found, ..Observed::default() };
            let backs_up = Some("a".to_owned());
            let wanted = Wanted { called, backs_up, ..Wanted::not_ours(Run::On) };
            let desired =
                Desired { wanted: [(backup.clone(), wanted)].into(), ..Desired::default() };
            let news = covers.see(&desired, &observed, at(9));
            let told = news.iter().map(|(id, it)| format!("{id} {it}, {}", it.is_alert()));
            let stands_in = [&primary, &backup].map(|it| covers.stand_in_for(it));
            (told.collect::<Vec<_>>().join("; "), stands_in)
        };
        let (quiet, missed) = (String::new(), || job::State::Missed { due: at(5) });
        assert_eq!(see(missed(), false), (quiet.clone(), [false, false]));
        let begins = "p/a-backup stands in for p/a (missed: the run of 1970-01-01T00:00:05Z did not begin), true";
        assert_eq!(see(missed(), true), (begins.to_owned(), [true, false]));
        assert_eq!(see(missed(), true), (quiet.clone(), [true, false]));
        assert_eq!(see(missed(), false), (quiet.clone(), [true, false]));
        assert_eq!(see(job::State::Unseen, false), (quiet.clone(), [true, false]));
        let ends = "p/a-backup hands back to p/a, which is well again, false";
        assert_eq!(see(job::State::Well, false), (ends.to_owned(), [false, false]));
        assert_eq!(see(job::State::Well, false), (quiet, [false, false]));
    }

    #[test]
    fn what_an_older_version_remembers_is_read() {
        let text = r#"{"p/b":{"primary":"p/a","since":"2026-01-01T00:00:00Z","how":"failed"}}"#;
        let covers: Covers = serde_json::from_str(text).unwrap();
        assert_eq!(covers.of(&"p/b".parse().unwrap()).unwrap().way, Way::Runs);
    }
}
