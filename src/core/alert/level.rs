//! What is so now, by what was seen and decided.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::Timestamp;

use super::{Alert, Key, Kind, Severity};
use crate::core::{
    breaker::Breakers,
    change::Why,
    duty::{self, Duty, Phase, Side},
    failover::{Duties, Pair},
    health::Health,
    id::{Id, Name},
    job::{Covers, Way},
    plan::Plan,
    reconciler::News,
    resource::{Desired, Observed, Run},
};

/// What was seen and decided in a look.
pub struct Seen<'a> {
    /// What is wanted.
    pub desired: &'a Desired,
    /// What was seen.
    pub observed: &'a Observed,
    /// What is done about it, and what is left alone.
    pub plan: &'a Plan,
    /// The pairs.
    pub pairs: &'a [Pair],
    /// Who of them is on duty.
    pub duties: &'a Duties,
    /// Which backups of jobs stand in.
    pub covers: &'a Covers,
    /// Where most changes failed.
    pub breakers: &'a Breakers,
    /// Where most went bad in one look, just now.
    pub storms: Vec<Name>,
    /// Whether a resource is being changed just now.
    pub in_hand: &'a dyn Fn(&Id) -> bool,
}

/// What is so now, and of what that is not known.
pub struct Level<'a> {
    /// What a person should hear of, as long as it is so.
    pub alerts: Vec<Alert>,
    /// Whether nobody knows if this is still so: it is neither told nor over then.
    pub is_unknown: Box<dyn Fn(&Key) -> bool + 'a>,
}

impl<'a> Level<'a> {
    /// What is so by what was seen and decided.
    #[must_use]
    pub fn of(seen: &'a Seen<'a>, now: Timestamp) -> Self {
        let mut alerts = Alerts { so_far: Vec::new(), now };
        seen.resources(&mut alerts);
        seen.pairs(&mut alerts);
        seen.providers(&mut alerts);
        Self { alerts: alerts.so_far, is_unknown: Box::new(|key| seen.is_unknown(key)) }
    }
}

/// What is so, as far as it was found out.
struct Alerts {
    so_far: Vec<Alert>,
    now: Timestamp,
}

impl Alerts {
    fn add(&mut self, kind: Kind, about: impl fmt::Display, severity: Severity, text: String) {
        let key = Key::new(kind, about);
        self.so_far.push(Alert { key, severity, text, since: self.now });
    }
}

impl Seen<'_> {
    fn resources(&self, alerts: &mut Alerts) {
        let held: BTreeMap<&Id, &Why> = self.plan.held.iter().map(|it| (&it.id, &it.why)).collect();
        let changed: BTreeSet<&Id> = self.plan.steps().map(|it| &it.id).collect();
        // A route goes to a backup also while that is not asked for, as where its primary is broken.
        for (id, cover) in self.covers.iter().filter(|(id, _)| !self.is_unseen(id)) {
            let severity = match cover.way {
                Way::Runs | Way::Route => Severity::Warning,
                Way::RouteByPerson => Severity::Info,
            };
            let text = format!("stands in for {}: {}", cover.primary, cover.how);
            alerts.add(Kind::Failover, id, severity, text);
        }
        for (id, wanted) in &self.desired.wanted {
            if wanted.run == Run::Off || self.covers.stand_in_for(id) {
                continue;
            }
            let status = self.observed.found.get(id).map(|it| &it.status);
            let bad = status.filter(|it| {
                matches!(Health::of(wanted.run, Some(it)), Health::Unhealthy | Health::Failed)
            });
            let is_tried = (self.in_hand)(id) || changed.contains(id);
            match (held.get(id), bad) {
                (Some(why @ Why::GivenUp { .. }), _) if !is_tried => {
                    alerts.add(Kind::Failed, id, Severity::Critical, why.to_string());
                }
                // A person asked that it be left alone, or which of a pair should run is being found out.
                (Some(Why::Paused { .. } | Why::Undecided), _) => {}
                (Some(why @ Why::Resting { .. }), None) => {
                    alerts.add(Kind::Unwell, id, Severity::Warning, why.to_string());
                }
                (
                    None
                    | Some(Why::StoppedByHand | Why::EditedByHand { .. } | Why::NotProven { .. }),
                    Some(status),
                ) if !is_tried && Health::of(wanted.run, Some(status)) == Health::Failed => {
                    alerts.add(Kind::Failed, id, Severity::Critical, status.to_string());
                }
                (_, Some(status)) => {
                    alerts.add(Kind::Unwell, id, Severity::Warning, status.to_string());
                }
                (_, None) => {}
            }
        }
    }

    fn pairs(&self, alerts: &mut Alerts) {
        for pair in self.pairs {
            let Some(duty) = self.duties.of(&pair.backup) else { continue };
            let backup = &pair.backup;
            match duty.phase {
                Phase::On(Side::Backup) => {
                    let text = format!("does the work of {}: {}", pair.primary, duty.cause);
                    let severity =
                        if duty.cause.is_by_person() { Severity::Info } else { Severity::Warning };
                    alerts.add(Kind::Failover, backup, severity, text);
                }
                Phase::Blocked => {
                    let news = duty::News::Blocked { side: duty.serving.other() };
                    let text = news.about(backup).to_string();
                    alerts.add(Kind::Blocked, backup, Severity::Critical, text);
                }
                Phase::On(Side::Primary)
                | Phase::Recover
                | Phase::Fence(_)
                | Phase::Start(_)
                | Phase::Paused => {}
            }
            if let Some(stuck) = duty.stuck() {
                let text = duty.stuck_news(stuck).about(backup).to_string();
                alerts.add(Kind::Stuck, backup, Severity::Warning, text);
            }
        }
    }

    fn providers(&self, alerts: &mut Alerts) {
        for (provider, reason) in &self.observed.blind {
            let text = format!("could not be asked: {reason}");
            alerts.add(Kind::Blind, provider, Severity::Warning, text);
        }
        for (provider, failed, tried) in self.breakers.open() {
            let text = format!("{failed} of the last {tried} changes there failed, so it rests");
            alerts.add(Kind::Breaker, provider, Severity::Warning, text);
        }
        for provider in &self.storms {
            let text = "most of what it has went bad in one look, which may be the fault of the \
                        look: failovers there wait";
            alerts.add(Kind::Storm, provider, Severity::Warning, text.to_owned());
        }
    }

    /// Whether nobody knows if what is told by `key` is still so.
    fn is_unknown(&self, key: &Key) -> bool {
        let on_its_way = |duty: &Duty| match duty.phase {
            Phase::Recover | Phase::Paused | Phase::Fence(_) | Phase::Start(_) => true,
            Phase::Blocked => key.kind == Kind::Failover,
            Phase::On(_) => false,
        };
        match (key.kind, key.about.parse::<Id>()) {
            (Kind::Failed | Kind::Unwell, Ok(id)) => !self.is_mended(&id),
            (Kind::Failover | Kind::Blocked | Kind::Stuck, Ok(id)) => {
                if self.pairs.iter().any(|it| it.backup == id) {
                    self.duties.of(&id).is_some_and(on_its_way)
                } else {
                    self.is_unseen(&id)
                }
            }
            _ => false,
        }
    }

    fn is_unseen(&self, id: &Id) -> bool {
        self.observed.is_unseen(id, self.desired)
    }

    /// Whether a resource was seen not to fail any more, or need not do its work any more.
    fn is_mended(&self, id: &Id) -> bool {
        if self.observed.blind.contains_key(&id.provider) || (self.in_hand)(id) {
            return false;
        }
        // What stands in for it is told.
        if self.covers.stand_in_for(id) {
            return true;
        }
        let Some(wanted) = self.desired.wanted.get(id).filter(|it| it.run != Run::Off) else {
            return !self.desired.unseen.contains_key(id);
        };
        let health = Health::seen(wanted.run, self.observed, id);
        matches!(health, Health::Healthy | Health::Stopped)
    }
}

/// The alert that a piece of news is, where it is about something that has no end.
#[must_use]
pub fn of_news(news: &News, now: Timestamp) -> Option<Alert> {
    let News::Emergency(declared) = news else { return None };
    Some(Alert {
        key: Key::new(Kind::Emergency, ""),
        severity: Severity::Critical,
        text: declared.to_string(),
        since: declared.since.min(now),
    })
}

/// That the controller began after one that did not end as it should.
#[must_use]
pub fn begun_after_crash(now: Timestamp) -> Alert {
    Alert {
        key: Key::new(Kind::Crash, ""),
        severity: Severity::Warning,
        text:
            "the watch began, and the one before had not ended as it should: it was killed, or the \
               machine went down"
                .to_owned(),
        since: now,
    }
}

/// That an update of this program was undone, as `text` says.
#[must_use]
pub fn undone(text: String, now: Timestamp) -> Alert {
    Alert { key: Key::new(Kind::Undone, ""), severity: Severity::Warning, text, since: now }
}

#[cfg(test)]
mod tests;
