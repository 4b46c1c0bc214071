//! Reports: how everything did through a time, in figures, from what the watch wrote down.
//!
//! What nobody saw is unknown and never counts as healthy: while no watch ran, while a provider could not be
//! asked, and before a resource was seen first.

mod figures;
mod timeline;
mod transfers;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::{
    figures::{Figures, PairFigures},
    transfers::{Kind, Transfer},
};
use super::{
    chronicle::Fact,
    id::{Id, Name},
    span::after,
    strip::Strip,
};

/// The version of the form. Within one it only gains keys.
pub const VERSION: u32 = 1;

/// How much drift is listed at most: who reads more counts it.
const MOST_DRIFT: usize = 1000;

/// A time through which a watch looked without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its number; later ones are higher, whatever the clock says.
    pub number: i64,
    /// When it began.
    pub began: Timestamp,
    /// When it looked last.
    pub looked: Timestamp,
}

/// Something that was written down about a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The number of its session.
    pub session: i64,
    /// When.
    pub at: Timestamp,
    /// Of what.
    pub id: Id,
    /// What.
    pub fact: Fact,
}

/// What was written down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The sessions.
    pub sessions: Vec<Session>,
    /// The rows, in the order in which they were written: those of the time that is asked for, and of what was so
    /// when it began.
    pub rows: Vec<Row>,
    /// What has ever been seen to do its work, as far back as is kept.
    pub exercised: BTreeSet<Id>,
    /// Rows that this version can't read.
    pub unread: u64,
}

/// A time to report on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    from: Timestamp,
    to: Timestamp,
    /// Whether its last moment is part of it, and not of the one after it.
    has_end: bool,
}

impl Period {
    /// The time of this `length` that ends at `to`; from the beginning of time where it is longer than that.
    #[must_use]
    pub fn until(to: Timestamp, length: std::time::Duration) -> Self {
        let length = super::span::signed(length);
        Self { from: to.checked_sub(length).unwrap_or(Timestamp::MIN), to, has_end: true }
    }

    /// When it begins.
    #[must_use]
    pub fn from(self) -> Timestamp {
        self.from
    }

    /// The one of the same length before it.
    #[must_use]
    pub fn before(self) -> Self {
        let length = self.to.duration_since(self.from);
        let from = self.from.checked_sub(length).unwrap_or(Timestamp::MIN);
        Self { from, to: self.from, has_end: false }
    }

    /// How long it is, in milliseconds.
    #[must_use]
    pub fn length_ms(self) -> u64 {
        timeline::between(self.from, self.to)
    }

    fn begin_ms(self) -> i64 {
        self.from.as_millisecond()
    }

    fn end_ms(self) -> i64 {
        self.to.as_millisecond()
    }

    fn has(self, at: Timestamp) -> bool {
        self.from <= at && (at < self.to || self.has_end && at == self.to)
    }
}

/// Something found otherwise than we left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// When it was found.
    pub at: Timestamp,
    /// What.
    pub id: Id,
    /// How it was.
    pub how: String,
}

/// Duty that could not move, or should have and did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stuck {
    /// Since when.
    pub at: Timestamp,
    /// The backup of the pair.
    pub backup: Id,
    /// What was in the way, in words for people.
    pub how: String,
}

/// How one resource did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resource {
    /// Which.
    pub id: Id,
    /// What it stands in for.
    pub backs_up: Option<Id>,
    /// The figures of the time.
    pub now: Figures,
    /// Those of the time before; none where nobody saw it then.
    pub before: Option<Figures>,
    /// Of a backup: whether it was never seen to do its work, as far back as is kept.
    pub never_exercised: bool,
}

/// How one pair of programs did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// Its backup, which names it.
    pub backup: Id,
    /// Its primary.
    pub primary: Id,
    /// Whether the two never run at once.
    pub exclusive: bool,
    /// The figures of the time.
    pub now: PairFigures,
    /// Those of the time before; none where nobody saw it then.
    pub before: Option<PairFigures>,
}

/// How much of what a service allows was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Whose.
    pub provider: Name,
    /// Requests that it counted in its present hour or minute, of everybody with the same token.
    pub used: u64,
    /// Requests that it allows in that.
    pub limit: u64,
    /// When the next one begins.
    pub until: Timestamp,
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The version of the form.
    pub version: u32,
    /// The providers that it is about; none where it is about all.
    pub providers: Vec<Name>,
    /// When it was made.
    pub made_at: Timestamp,
    /// The time that it is about: from here.
    pub from: Timestamp,
    /// To here: when the watch looked last, where one runs.
    pub to: Timestamp,
    /// How long that is, in milliseconds.
    pub length_ms: u64,
    /// Through how much of it a watch looked, in milliseconds.
    pub watched_ms: u64,
    /// The same of the time of the same length before.
    pub watched_before_ms: u64,
    /// The resources, by their id.
    pub resources: Vec<Resource>,
    /// The pairs of programs, by their backup.
    pub pairs: Vec<Pair>,
    /// How duty moved, the oldest first.
    pub transfers: Vec<Transfer>,
    /// The same, of the time before.
    pub transfers_before: usize,
    /// Where duty could not move, the oldest first.
    pub stuck: Vec<Stuck>,
    /// What was found otherwise than we left it, the last thousand of it, the oldest first.
    pub drift: Vec<Drift>,
    /// How often there was more of it before these.
    pub drift_left_out: usize,
    /// How much of their limits the services counted. It is left out where none has told, or that is over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub budget: Vec<Budget>,
    /// Rows of the journal that this version can't read; they are left out.
    pub unread: u64,
}

/// What a report is to be about.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The time.
    pub period: Period,
    /// When it is asked.
    pub now: Timestamp,
    /// Only what these providers have, or all where there are none.
    pub providers: &'a [Name],
    /// What has to be there, also where it was never seen.
    pub expected: &'a BTreeSet<Id>,
    /// What is known of limits.
    pub budget: &'a [Budget],
}

impl Question<'_> {
    fn asks(&self, provider: &Name) -> bool {
        self.providers.is_empty() || self.providers.contains(provider)
    }
}

/// When the time that a report is about ends: with the last look, where that is no older than `patience`, for a
/// watch that runs looks again within that.
#[must_use]
pub fn end(record: &Record, now: Timestamp, patience: std::time::Duration) -> Timestamp {
    let last = record.sessions.iter().max_by_key(|it| it.number).map(|it| it.looked);
    last.filter(|it| *it <= now && now <= after(*it, patience)).unwrap_or(now)
}

/// How each resource did in `period`, to be drawn.
#[must_use]
pub fn strips(record: &Record, period: Period) -> BTreeMap<Id, Strip> {
    let pieces = timeline::pieces(record, period).into_iter();
    pieces.map(|(id, pieces)| (id.clone(), figures::strip(&pieces, period))).collect()
}

/// How each resource did that is asked for, and each pair of programs.
fn each(record: &Record, question: &Question<'_>) -> (Vec<Resource>, Vec<Pair>) {
    let (period, before) = (question.period, question.period.before());
    let pieces = timeline::pieces(record, period);
    let pieces_before = timeline::pieces(record, before);
    let all: BTreeSet<&Id> = pieces.keys().copied().chain(question.expected).collect();
    let counts = figures::Counts::of(record, period);
    let counts_before = figures::Counts::of(record, before);
    let no_pieces = Vec::new();
    let (mut resources, mut pairs) = (Vec::new(), Vec::new());
    for id in all.into_iter().filter(|it| question.asks(&it.provider)) {
        let its = pieces.get(id).unwrap_or(&no_pieces);
        let then = pieces_before.get(id).filter(|it| !it.is_empty());
        let last = its.last().map(|it| it.state);
        let backs_up = last.and_then(|it| it.backs_up.clone());
        if let Some(primary) = &backs_up
            && its.iter().any(|it| it.state.runs.is_some())
        {
            let primaries = pieces.get(primary).unwrap_or(&no_pieces);
            let primaries_before = pieces_before.get(primary).unwrap_or(&no_pieces);
            pairs.push(Pair {
                backup: id.clone(),
                primary: primary.clone(),
                exclusive: last.is_some_and(|it| it.exclusive),
                now: PairFigures::of(primaries, its, period),
                before: then.map(|it| PairFigures::of(primaries_before, it, before)),
            });
        }
        resources.push(Resource {
            id: id.clone(),
            never_exercised: backs_up.is_some() && !record.exercised.contains(id),
            backs_up,
            now: Figures::of(its, period, counts.of_one(id)),
            before: then.map(|it| Figures::of(it, before, counts_before.of_one(id))),
        });
    }
    (resources, pairs)
}

impl Report {
    /// The report on what was written down.
    #[must_use]
    pub fn of(record: &Record, question: &Question<'_>) -> Self {
        let (period, before) = (question.period, question.period.before());
        let is_asked = |id: &Id| question.asks(&id.provider);
        let (resources, pairs) = each(record, question);
        let mut transfers = transfers::of(record);
        transfers.retain(|it| is_asked(&it.backup));
        let drift = |row: &&Row| {
            matches!(row.fact, Fact::Drifts { .. }) && period.has(row.at) && is_asked(&row.id)
        };
        let drift: Vec<&Row> = record.rows.iter().filter(drift).collect();
        let drift_left_out = drift.len().saturating_sub(MOST_DRIFT);
        let drift = drift.into_iter().skip(drift_left_out).filter_map(|row| match &row.fact {
            Fact::Drifts { how } => {
                Some(Drift { at: row.at, id: row.id.clone(), how: how.clone() })
            }
            _ => None,
        });
        let stuck = record.rows.iter().filter_map(|row| match &row.fact {
            Fact::Stuck { how } if period.has(row.at) && is_asked(&row.id) => {
                Some(Stuck { at: row.at, backup: row.id.clone(), how: how.clone() })
            }
            _ => None,
        });
        let transfers_before = transfers.iter().filter(|it| before.has(it.at)).count();
        transfers.retain(|it| period.has(it.at));
        Self {
            version: VERSION,
            providers: question.providers.to_vec(),
            made_at: question.now,
            from: period.from,
            to: period.to,
            length_ms: period.length_ms(),
            watched_ms: timeline::watched_ms(record, period),
            watched_before_ms: timeline::watched_ms(record, before),
            resources,
            pairs,
            transfers_before,
            stuck: stuck.collect(),
            drift: drift.collect(),
            drift_left_out,
            budget: question
                .budget
                .iter()
                .filter(|it| question.asks(&it.provider))
                .cloned()
                .collect(),
            transfers,
            unread: record.unread,
        }
    }

    /// The resources of each provider.
    #[must_use]
    pub fn by_provider(&self) -> BTreeMap<&Name, Vec<&Resource>> {
        let mut all: BTreeMap<&Name, Vec<&Resource>> = BTreeMap::new();
        for resource in &self.resources {
            all.entry(&resource.id.provider).or_default().push(resource);
        }
        all
    }
}
