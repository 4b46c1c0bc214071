//! From the rows of the chronicle to who did how, when: pieces of time that touch nothing and leave nothing out.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Period, Record};
use crate::core::{
    chronicle::{Fact, State},
    id::Id,
};

/// A time through which a resource did the same, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) state: &'a State,
}

/// What a resource does at the moment: its session, since when, and what.
type Open<'a> = (i64, i64, &'a State);

/// A time through which a watch looked, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Watched {
    pub(super) from: i64,
    pub(super) to: i64,
}

/// When a watch looked, by its session's number. No two overlap, and each is later than those before:
/// where the clock was set back, what was written by the wrong clock gives way to what came after.
pub(super) fn watched(record: &Record) -> BTreeMap<i64, Watched> {
    let mut sessions: Vec<_> = record.sessions.iter().collect();
    sessions.sort_by_key(|it| it.number);
    let mut latest = i64::MAX;
    let mut all = BTreeMap::new();
    for session in sessions.iter().rev() {
        let (from, to) = (session.began.as_millisecond(), session.looked.as_millisecond());
        let to = to.min(latest);
        latest = latest.min(from);
        all.insert(session.number, Watched { from, to: to.max(from) });
    }
    all
}

/// What each resource did in `period`, in order, as far as anybody saw it.
pub(super) fn pieces<'a>(record: &'a Record, period: Period) -> BTreeMap<&'a Id, Vec<Piece<'a>>> {
    let watched = watched(record);
    let mut all: BTreeMap<&Id, Vec<Piece<'_>>> = BTreeMap::new();
    let mut open: BTreeMap<&Id, Open<'_>> = BTreeMap::new();
    // Up to when each is told.
    let mut told: BTreeMap<&Id, i64> = BTreeMap::new();
    let close = |all: &mut BTreeMap<&'a Id, Vec<Piece<'a>>>,
                 id,
                 (session, from, state): Open<'a>,
                 to: Option<i64>| {
        let Some(within) = watched.get(&session) else { return };
        let (from, to) = (from, to.unwrap_or(within.to).min(within.to));
        let (from, to) = (from.max(period.begin_ms()), to.min(period.end_ms()));
        let pieces = all.entry(id).or_default();
        if from < to {
            pieces.push(Piece { from, to, state });
        }
    };
    for row in &record.rows {
        all.entry(&row.id).or_default();
        // What a wrong clock wrote says nothing.
        let within = watched.get(&row.session).filter(|it| it.from < it.to);
        let Some(within) = within else { continue };
        let state = match &row.fact {
            Fact::State(state) => Some(state),
            Fact::Gone => None,
            _ => continue,
        };
        let at = row.at.as_millisecond().clamp(within.from, within.to);
        // The order is that in which they were written, whatever the clock said.
        let told = told.entry(&row.id).or_insert(at);
        *told = at.max(*told);
        if let Some(before) = open.remove(&row.id) {
            close(&mut all, &row.id, before, (before.0 == row.session).then_some(*told));
        }
        if let Some(state) = state {
            open.insert(&row.id, (row.session, *told, state));
        }
    }
    for (id, last) in open {
        close(&mut all, id, last, None);
    }
    all
}

/// Parts of `period` in which a watch looked, in milliseconds.
pub(super) fn watched_ms(record: &Record, period: Period) -> u64 {
    let parts = watched(record);
    parts
        .values()
        .map(|it| length(it.from.max(period.begin_ms()), it.to.min(period.end_ms())))
        .sum()
}

/// From `from` to `to`; nothing where that is backwards.
pub(super) fn length(from: i64, to: i64) -> u64 {
    u64::try_from(to.saturating_sub(from)).unwrap_or(0)
}

/// The same, of points in time.
pub(super) fn between(from: Timestamp, to: Timestamp) -> u64 {
    length(from.as_millisecond(), to.as_millisecond())
}
