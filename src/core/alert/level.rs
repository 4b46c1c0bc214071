//! What is so now, by what was seen and decided.

use jiff::Timestamp;

use super::{Alert, Key, Kind, Severity};
use crate::core::{
    breaker::Breakers,
    change::Why,
    duty::{Duty, Phase, Side},
    failover::{Duties, Pair},
    health::Health,
    id::{Id, Name},
    job::Covers,
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
        let mut alerts: Vec<Alert> = Vec::new();
        let mut add = |kind, about: String, severity, text: String| {
            alerts.push(Alert { key: Key { kind, about }, severity, text, since: now });
        };
        for id in seen.desired.wanted.keys() {
            if let Some(how) = seen.failed(id) {
                add(Kind::Failed, id.to_string(), Severity::Critical, how);
            }
            if let Some(cover) = seen.covers.of(id) {
                let text = format!("stands in for {}: {}", cover.primary, cover.how);
                add(Kind::Failover, id.to_string(), Severity::Warning, text);
            }
        }
        for pair in seen.pairs {
            let Some(duty) = seen.duties.of(&pair.backup) else { continue };
            let backup = pair.backup.to_string();
            match duty.phase {
                Phase::On(Side::Backup) => {
                    let text = format!("does the work of {}: {}", pair.primary, duty.cause);
                    let severity =
                        if duty.cause.is_by_person() { Severity::Info } else { Severity::Warning };
                    add(Kind::Failover, backup.clone(), severity, text);
                }
                Phase::Blocked => {
                    let text = format!(
                        "blocked: the {} could not be proven stopped, so the other one is not \
                         started; end it, or say that it is stopped: `redundancy resolve {backup} \
                         --assume-stopped`",
                        duty.serving.other()
                    );
                    add(Kind::Blocked, backup.clone(), Severity::Critical, text);
                }
                _ => {}
            }
            if let Some(stuck) = duty.stuck() {
                add(Kind::Stuck, backup, Severity::Warning, duty.stuck_news(stuck).to_string());
            }
        }
        for (provider, reason) in &seen.observed.blind {
            let text = format!("could not be asked: {reason}");
            add(Kind::Blind, provider.to_string(), Severity::Warning, text);
        }
        for (provider, failed, tried) in seen.breakers.open() {
            let text = format!("{failed} of the last {tried} changes there failed, so it rests");
            add(Kind::Breaker, provider.to_string(), Severity::Warning, text);
        }
        for provider in &seen.storms {
            let text = "most of what it has went bad in one look, which may be the fault of the \
                        look: failovers there wait";
            add(Kind::Storm, provider.to_string(), Severity::Warning, text.to_owned());
        }
        Self { alerts, is_unknown: Box::new(|key| seen.is_unknown(key)) }
    }
}

impl Seen<'_> {
    /// How a resource fails for good, if it does.
    fn failed(&self, id: &Id) -> Option<String> {
        if (self.in_hand)(id) || self.plan.steps().any(|step| step.id == *id) {
            return None;
        }
        let run = self.desired.wanted.get(id)?.run;
        let held = self.plan.held.iter().find(|it| it.id == *id).map(|it| &it.why);
        match held {
            Some(Why::GivenUp { .. }) if run != Run::Off => held.map(Why::to_string),
            // It is tried again, or a person has asked that it be left alone, or nobody knows.
            Some(
                Why::Resting { .. }
                | Why::Paused { .. }
                | Why::BreakerOpen { .. }
                | Why::BreakerHalfOpen { .. }
                | Why::Undecided
                | Why::Blind { .. },
            ) => None,
            _ if run == Run::Off => None,
            _ => {
                let status = &self.observed.found.get(id)?.status;
                (Health::of(run, Some(status)) == Health::Failed).then(|| status.to_string())
            }
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
            (Kind::Failed, Ok(id)) => !self.is_mended(&id),
            (Kind::Failover | Kind::Blocked | Kind::Stuck, Ok(id)) => {
                let is_pair = self.pairs.iter().any(|it| it.backup == id);
                is_pair && self.duties.of(&id).is_some_and(on_its_way)
            }
            _ => false,
        }
    }

    /// Whether a resource was seen not to fail any more, or need not do its work any more.
    fn is_mended(&self, id: &Id) -> bool {
        if self.observed.blind.contains_key(&id.provider) || (self.in_hand)(id) {
            return false;
        }
        let Some(wanted) = self.desired.wanted.get(id).filter(|it| it.run != Run::Off) else {
            return !self.desired.unseen.contains_key(id);
        };
        let status = self.observed.found.get(id).map(|it| &it.status);
        matches!(Health::of(wanted.run, status), Health::Healthy | Health::Stopped)
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
