//! The chronicle: what a watch writes down of how everything does, so that a report can say how it did.
//!
//! Each watch has *sessions*: a time through which it looked without a gap. At the beginning of one all is
//! written, then only what changes. So a report knows what was between two rows, and between two sessions it
//! knows that it does not know.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    change::{Reason, Step, Why},
    duty::{self, Cause, Phase, Side},
    failover::{Duties, Pair},
    health::Health,
    id::Id,
    job,
    measure::Measure,
    plan::Plan,
    reconciler::News,
    resource::{Desired, Observed, Status},
    span::after,
};

/// How one resource does, as far as reports go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// How it does.
    pub health: Health,
    /// Whether it runs. None of what does not run by itself, and of what could not be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<bool>,
    /// Whether it is on duty. None where it is in no pair, or duty is on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_duty: Option<bool>,
    /// What it stands in for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backs_up: Option<Id>,
    /// Whether it never runs beside that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclusive: bool,
    /// Whether it is seen to have done its work.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exercised: bool,
}

/// Something that is written down about a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// It does so from now on.
    State(State),
    /// It is not there any more, and nobody asks for it.
    Gone,
    /// Duty of the pair of this backup begins to move.
    Moves {
        /// Where to.
        to: Side,
        /// Why.
        cause: Cause,
    },
    /// Duty of the pair of this backup has arrived.
    Arrives {
        /// Where.
        at: Side,
        /// Why it is there.
        cause: Cause,
    },
    /// Duty of the pair of this backup can't move, or should and does not.
    Stuck {
        /// What is in the way, in words for people.
        how: String,
    },
    /// This backup of a job stands in, or gets the calls of its primary.
    StandsIn {
        /// What is wrong with its primary, or who asked for it.
        how: String,
        /// Whether a person asked for it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_person: bool,
    },
    /// The primary of this backup has its work again.
    HandsBack {
        /// Whether a person asked for it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_person: bool,
    },
    /// Recovery of it is tried.
    Recovers {
        /// How it failed.
        how: String,
    },
    /// It was found otherwise than we left it.
    Drifts {
        /// How.
        how: String,
    },
}

impl Fact {
    /// The fact in one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::State(_) => "state",
            Self::Gone => "gone",
            Self::Moves { .. } => "moves",
            Self::Arrives { .. } => "arrives",
            Self::Stuck { .. } => "stuck",
            Self::StandsIn { .. } => "stands_in",
            Self::HandsBack { .. } => "hands_back",
            Self::Recovers { .. } => "recovers",
            Self::Drifts { .. } => "drifts",
        }
    }

    /// What a piece of news comes to, with the resource that it is about.
    #[must_use]
    pub fn of(news: &News) -> Option<(Id, Self)> {
        match news {
            News::Duty { backup, news } => {
                let fact = match news {
                    duty::News::Moves { to, cause } => {
                        Self::Moves { to: *to, cause: cause.clone() }
                    }
                    duty::News::OnDuty { side, cause } => {
                        Self::Arrives { at: *side, cause: cause.clone() }
                    }
                    duty::News::Blocked { .. } | duty::News::Stuck { .. } => {
                        Self::Stuck { how: news.about(backup).to_string() }
                    }
                    duty::News::Paused | duty::News::Resumed => return None,
                };
                Some((backup.clone(), fact))
            }
            News::Job { backup, news } => {
                let fact = match news {
                    job::News::StandsIn(cover) => Self::StandsIn {
                        how: cover.how.clone(),
                        by_person: cover.way == job::Way::RouteByPerson,
                    },
                    job::News::HandsBack { by_person, .. } => {
                        Self::HandsBack { by_person: *by_person }
                    }
                };
                Some((backup.clone(), fact))
            }
            News::Storm(_) | News::Emergency(_) => None,
        }
    }

    /// What a step that is about to be made comes to.
    #[must_use]
    pub fn of_step(step: &Step) -> Option<(Id, Self)> {
        let how = step.reason.to_string();
        let fact = match &step.reason {
            Reason::Recovery { .. } | Reason::Emergency { .. } => Self::Recovers { how },
            Reason::ChangedByHand
            | Reason::ChangedOnBothSides
            | Reason::NotRunning { .. }
            | Reason::ShouldBeOff => Self::Drifts { how },
            Reason::Missing
            | Reason::ConfigChanged
            | Reason::OutOfDate
            | Reason::Adopted
            | Reason::Overwritten
            | Reason::Removed
            | Reason::StandsIn { .. }
            | Reason::OnDuty
            | Reason::OffDuty
            | Reason::DutyMoves { .. }
            | Reason::Due
            | Reason::Asked => return None,
        };
        Some((step.id.clone(), fact))
    }
}

/// What is written already, in the session that goes on.
#[derive(Debug, Clone, Default)]
pub struct Chronicle {
    /// When the last look was; none before the first one.
    looked: Option<Timestamp>,
    states: BTreeMap<Id, State>,
    /// What is left alone because somebody edited it.
    edited: BTreeSet<Id>,
}

impl Chronicle {
    /// Whether a look at `now` begins another session: the first one, and each one before which nobody looked
    /// for longer than `patience`, or the clock was set back.
    #[must_use]
    pub fn is_interrupted(&self, now: Timestamp, patience: Duration) -> bool {
        self.looked.is_none_or(|looked| now < looked || now > after(looked, patience))
    }

    /// Begins another session: all is new to it.
    pub fn begin(&mut self) {
        *self = Self::default();
    }

    /// Takes a look at `now` into account; what is to be written of it.
    pub fn see(
        &mut self,
        states: BTreeMap<Id, State>,
        plan: &Plan,
        now: Timestamp,
    ) -> Vec<(Id, Fact)> {
        self.looked = Some(now);
        let mut facts = Vec::new();
        for id in self.states.keys().filter(|id| !states.contains_key(id)) {
            facts.push((id.clone(), Fact::Gone));
        }
        for (id, state) in &states {
            if self.states.get(id) != Some(state) {
                facts.push((id.clone(), Fact::State(state.clone())));
            }
        }
        self.states = states;
        let edited = plan.held.iter().filter(|it| match it.why {
            Why::EditedByHand { .. } => true,
            // Of what could not be seen it is not known to be otherwise.
            Why::Blind { .. } => self.edited.contains(&it.id),
            _ => false,
        });
        let edited: BTreeSet<Id> = edited.map(|it| it.id.clone()).collect();
        for id in edited.difference(&self.edited) {
            let how = "somebody edited it, and it is left so".to_owned();
            facts.push((id.clone(), Fact::Drifts { how }));
        }
        self.edited = edited;
        facts
    }
}

/// How everything does that a look is about.
#[must_use]
pub fn states(
    measure: &Measure,
    desired: &Desired,
    observed: &Observed,
    pairs: &[Pair],
    duties: &Duties,
) -> BTreeMap<Id, State> {
    let mut states: BTreeMap<Id, State> = BTreeMap::new();
    for (id, resource) in &measure.resources {
        let status = observed.found.get(id).map(|it| &it.status);
        let state = State {
            health: resource.health,
            runs: status.and_then(runs),
            on_duty: None,
            backs_up: desired.primary_of(id),
            exclusive: false,
            // What has yet to answer its probe has only begun.
            exercised: status.is_some_and(is_exercised) && !observed.unproven.contains(id),
        };
        states.insert(id.clone(), state);
    }
    for pair in pairs {
        let on = match duties.of(&pair.backup).map(|it| it.phase) {
            Some(Phase::On(side)) => Some(side),
            _ => None,
        };
        for side in [Side::Primary, Side::Backup] {
            if let Some(state) = states.get_mut(pair.id(side)) {
                state.on_duty = on.map(|it| it == side);
                if side == Side::Backup {
                    state.backs_up = Some(pair.primary.clone());
                    state.exclusive = pair.rules.exclusive;
                }
            }
        }
    }
    states
}

/// Whether what is so runs, where it is something that does. What its schedule starts counts as running: it is
/// where it should be.
fn runs(status: &Status) -> Option<bool> {
    match status {
        Status::Running { .. } | Status::Unwell { .. } | Status::Scheduled { .. } => Some(true),
        Status::Down { .. }
        | Status::Finished { .. }
        | Status::Failed { .. }
        | Status::Stopped
        | Status::StoppedByHand => Some(false),
        Status::Present | Status::Job(_) | Status::Code(_) | Status::Release(_) => None,
    }
}

/// Whether what is so shows that it can do its work.
fn is_exercised(status: &Status) -> bool {
    match status {
        Status::Running { .. } => true,
        Status::Finished { well, .. } => *well,
        Status::Job(job) => job.last_success.is_some(),
        Status::Code(code) => code.health() == Health::Healthy,
        Status::Present
        | Status::Unwell { .. }
        | Status::Scheduled { .. }
        | Status::Down { .. }
        | Status::Failed { .. }
        | Status::Stopped
        | Status::StoppedByHand
        | Status::Release(_) => false,
    }
}

#[cfg(test)]
mod tests;
