//! How duty moved: each time with why, and how long it took to see and to do.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{Record, Row, timeline::between};
use crate::core::{
    chronicle::{Fact, State},
    duty::{Cause, Side},
    health::Health,
    id::Id,
};

/// How long something has to have been well for what fails then to be another failure, in milliseconds.
const CALM_MS: u64 = 60_000;

/// What kind of move it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Who had duty failed.
    Failover,
    /// The primary got its duty back.
    HandBack,
    /// A person moved it.
    ByPerson,
    /// It was found elsewhere, or both ran.
    Found,
}

impl Kind {
    fn of(cause: &Cause) -> Self {
        match cause {
            Cause::Failing { .. } => Self::Failover,
            Cause::HandBack => Self::HandBack,
            Cause::Asked | Cause::ByHand { .. } | Cause::AssumedStopped => Self::ByPerson,
            Cause::Beginning | Cause::BothRan { .. } => Self::Found,
        }
    }
}

/// Duty moved, or began to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transfer {
    /// When it began, or when it had arrived where nothing is known of its beginning.
    pub at: Timestamp,
    /// The backup of the pair.
    pub backup: Id,
    /// What kind of move.
    pub kind: Kind,
    /// Where to.
    pub to: Side,
    /// Why, in words for people.
    pub evidence: String,
    /// From when who had duty was first seen not to do its work to when duty began to move, in milliseconds,
    /// where both are known.
    pub detected_after_ms: Option<u64>,
    /// From when duty began to move to when it had arrived, in milliseconds, where both are known.
    pub took_ms: Option<u64>,
    /// Whether it has arrived.
    pub arrived: bool,
}

impl Transfer {
    /// One that is over with the row that tells of it, for all that is known.
    fn at_once(row: &Row, kind: Kind, to: Side, evidence: String) -> Self {
        Self {
            at: row.at,
            backup: row.id.clone(),
            kind,
            to,
            evidence,
            detected_after_ms: None,
            took_ms: None,
            arrived: true,
        }
    }
}

/// The failures of one resource, as they are seen in its states.
#[derive(Debug, Clone, Copy)]
struct Failing {
    session: i64,
    since: Timestamp,
    /// Since when it is well, if it is.
    well_since: Option<Timestamp>,
}

/// All moves in the order in which they began.
pub(super) fn of(record: &Record) -> Vec<Transfer> {
    let mut all: Vec<Transfer> = Vec::new();
    // The places in `all` of those that have not arrived, with their session.
    let mut open: BTreeMap<&Id, (i64, usize)> = BTreeMap::new();
    let mut failing: BTreeMap<&Id, Failing> = BTreeMap::new();
    let mut primaries: BTreeMap<&Id, &Id> = BTreeMap::new();
    for row in &record.rows {
        let primary = primaries.get(&row.id).copied();
        let detected_after = |kind: Kind, from: Side| {
            if kind != Kind::Failover {
                return None;
            }
            let who = if from == Side::Backup { Some(&row.id) } else { primary };
            let since = who.and_then(|it| failing.get(it)).filter(|it| it.session == row.session);
            since.map(|it| between(it.since, row.at))
        };
        match &row.fact {
            Fact::State(state) => {
                if let Some(primary) = &state.backs_up {
                    primaries.insert(&row.id, primary);
                }
                see(&mut failing, row, state);
            }
            Fact::Moves { to, cause } => {
                let kind = Kind::of(cause);
                open.insert(&row.id, (row.session, all.len()));
                all.push(Transfer {
                    detected_after_ms: detected_after(kind, to.other()),
                    arrived: false,
                    ..Transfer::at_once(row, kind, *to, cause.to_string())
                });
            }
            Fact::Arrives { at, cause } => {
                let begun = open.remove(&row.id);
                let begun =
                    begun.filter(|(_, place)| all.get(*place).is_some_and(|it| it.to == *at));
                if let Some((session, place)) = begun
                    && let Some(transfer) = all.get_mut(place)
                {
                    transfer.arrived = true;
                    transfer.took_ms =
                        (session == row.session).then(|| between(transfer.at, row.at));
                } else {
                    all.push(Transfer::at_once(row, Kind::of(cause), *at, cause.to_string()));
                }
            }
            Fact::StandsIn { .. } | Fact::HandsBack { .. } => {
                let (kind, to, evidence) = match &row.fact {
                    Fact::StandsIn { how, by_person: true } => {
                        (Kind::ByPerson, Side::Backup, how.clone())
                    }
                    Fact::StandsIn { how, by_person: false } => {
                        (Kind::Failover, Side::Backup, format!("the primary {how}"))
                    }
                    Fact::HandsBack { by_person: true } => {
                        (Kind::ByPerson, Side::Primary, Cause::Asked.to_string())
                    }
                    _ => (Kind::HandBack, Side::Primary, Cause::HandBack.to_string()),
                };
                all.push(Transfer {
                    detected_after_ms: detected_after(kind, Side::Primary),
                    ..Transfer::at_once(row, kind, to, evidence)
                });
            }
            Fact::Gone | Fact::Stuck { .. } | Fact::Recovers { .. } | Fact::Drifts { .. } => {}
        }
    }
    all
}

/// Takes one more state of a resource into account.
fn see<'a>(failing: &mut BTreeMap<&'a Id, Failing>, row: &'a Row, state: &State) {
    let known = failing.get_mut(&row.id).filter(|it| it.session == row.session);
    match state.health {
        Health::Unhealthy | Health::Failed => match known {
            Some(it) if it.well_since.is_none_or(|well| between(well, row.at) < CALM_MS) => {
                it.well_since = None;
            }
            _ => {
                let fresh = Failing { session: row.session, since: row.at, well_since: None };
                failing.insert(&row.id, fresh);
            }
        },
        Health::Healthy => {
            if let Some(it) = known {
                it.well_since.get_or_insert(row.at);
            }
        }
        // It was stopped, by us or by a person: what follows is something else.
        Health::Stopped => drop(failing.remove(&row.id)),
        Health::Unknown => {}
    }
}
