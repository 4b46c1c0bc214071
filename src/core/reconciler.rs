//! The reconciler: everything that the watch decides, as one pure state machine. It takes what was
//! seen and gives the plan; what it has to remember between two looks is its own state.

mod news;

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::news::News;
use super::{
    backoff::Backoff,
    breaker::{self, Breakers},
    change::{Step, Why},
    duty::Asked,
    emergency::{self, Declared, Emergency, Share},
    failover::{Circumstances, Duties, Pair},
    health::Health,
    id::{Id, Name},
    incident::{self, Incidents},
    job::Covers,
    pause::Pauses,
    plan::{Asker, Consent, Plan, plan},
    resource::{Desired, Observed, Run, Status},
    retry::Attempts,
    span::signed,
    storm::Storms,
    system::System,
};

/// What the config says about it all.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The pairs.
    pub pairs: Vec<Pair>,
    /// Recovery of what was given up or is unwell.
    pub recovery: incident::Policy,
    /// The rest of a change that failed or did not hold.
    pub backoff: Backoff,
    /// The share of healthy components below which there is an emergency, from 0 to 1.
    pub emergency_below: f64,
}

const BREAKER: breaker::Policy = breaker::Policy::STANDARD;
const EMERGENCY: emergency::Policy = emergency::Policy::STANDARD;

/// What outlives the controller: in the journal, written before anything that follows from it is
/// done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Who is on duty, and why.
    pub duties: Duties,
    /// Which backups of jobs stand in.
    pub covers: Covers,
    /// How often recovery was tried.
    pub incidents: Incidents,
    /// The providers where most changes failed.
    pub breakers: Breakers,
    /// Whether there was an emergency lately.
    pub emergency: Emergency,
    /// What was being changed: whoever finds it here does not know whether that is over.
    pub in_hand: Vec<Id>,
}

/// What is known beside what was seen, for one look.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// Whether a resource is being changed just now.
    pub in_hand: &'a dyn Fn(&Id) -> bool,
    /// How long after it was first seen a command of an earlier controller may still take effect on
    /// a resource.
    pub drain: &'a dyn Fn(&Id) -> Duration,
    /// Whether the stopped primary of a backup is known to be able to work.
    pub precheck: &'a dyn Fn(&Id) -> Option<bool>,
    /// What a person asked of a pair, by its backup.
    pub asked: &'a BTreeMap<Id, Asked>,
}

/// What a step failed of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// What, in words for people.
    pub how: String,
    /// Whether it may still take effect, as where nobody heard an answer.
    pub may_come_late: bool,
}

/// What was decided.
#[derive(Debug)]
pub struct Decision {
    /// What is to be done now.
    pub plan: Plan,
    /// Whether its lanes are carried out in their order, one after another.
    pub in_order: bool,
    /// What there is to tell.
    pub news: Vec<News>,
    /// When there may be something to do by the clock alone. That is yet to come.
    pub wake_at: Option<Timestamp>,
}

/// The state between two looks.
#[derive(Debug, Clone, Default)]
pub struct Reconciler {
    memory: Memory,
    attempts: Attempts,
    pauses: Pauses,
    storms: Storms,
    /// What an earlier controller was changing, or this one without hearing what came of it; and since when
    /// it is seen again.
    drains: BTreeMap<Id, Option<Timestamp>>,
}

impl Reconciler {
    /// The reconciler of a controller that has just begun.
    #[must_use]
    pub fn new(memory: Memory, now: Timestamp) -> Self {
        Self {
            drains: memory.in_hand.iter().map(|id| (id.clone(), None)).collect(),
            memory: Memory { duties: memory.duties.recovered(now), ..memory },
            ..Self::default()
        }
    }

    /// What has to be remembered before anything is done.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The duties of the pairs.
    #[must_use]
    pub fn duties(&self) -> &Duties {
        &self.memory.duties
    }

    /// The providers where most of what there is went bad in one look, just now.
    #[must_use]
    pub fn storms(&self, now: Timestamp) -> Vec<Name> {
        self.storms.going_on(now).cloned().collect()
    }

    /// What people asked to be left alone.
    #[must_use]
    pub fn pauses(&self) -> &Pauses {
        &self.pauses
    }

    /// Takes over what people asked to be left alone.
    pub fn pause(&mut self, pauses: Pauses) {
        self.pauses = pauses;
    }

    /// Forgets how often something was tried: a person asks for it to be tried again.
    pub fn forgive(&mut self, ids: impl Fn(&Id) -> bool) {
        self.memory.incidents.keep_only(|id| !ids(id));
        self.attempts.keep_only(|id| !ids(id));
    }

    /// Decides what to do about what was seen. `desired` says afterwards who should run.
    pub fn decide(
        &mut self,
        desired: &mut Desired,
        observed: &Observed,
        rules: &Rules,
        given: &Given<'_>,
        now: Timestamp,
    ) -> Decision {
        self.pauses.prune(now);
        self.drain(observed, given, now);
        // A command that may come late is as good as one on its way.
        let drains = self.drains.clone();
        let in_hand = &|id: &Id| (given.in_hand)(id) || drains.contains_key(id);
        let given = &Given { in_hand, ..*given };
        let storms = self.storms.see(observed, desired, &rules.pairs, in_hand, now);
        let mut news: Vec<News> = storms.into_iter().map(News::Storm).collect();
        news.extend(self.duties_decide(desired, observed, rules, given, now));
        let covers = self.memory.covers.see(desired, observed, now);
        news.extend(covers.into_iter().map(|(backup, news)| News::Job { backup, news }));
        let emergency = self.emergency(desired, observed, rules, now);
        news.extend(emergency.map(News::Emergency));
        let plan = match emergency {
            Some(_) => emergency::plan(desired, observed, now),
            None => plan(desired, observed, Asker::Watch, &Consent::default(), now),
        };
        let mut plan = plan.only(|id| !in_hand(id));
        self.memory.duties.tell_reasons(&rules.pairs, &mut plan);
        self.pauses.hold(&mut plan, &rules.pairs, now);
        self.see_incidents(desired, observed, rules, given, now);
        if emergency.is_none() {
            self.memory.incidents.hold(&mut plan, &rules.recovery, now);
            let is_kept = |id: &Id| in_hand(id) || observed.is_unseen(id, desired);
            self.attempts.hold_resting(&mut plan, is_kept, &rules.backoff, now);
        }
        let changed = &self.memory.in_hand;
        let changing = |provider: &Name| changed.iter().any(|id| id.provider == *provider);
        let breakers = &mut self.memory.breakers;
        let is_busy = |it: &Name| changing(it) || observed.blind.contains_key(it);
        breakers.close_idle(&plan, is_busy, &BREAKER, now);
        breakers.hold(&mut plan, changing, &BREAKER, now);
        let wake_at = self.wake_at(&plan, desired, observed, rules, given, now);
        Decision { plan, in_order: emergency.is_some(), news, wake_at }
    }

    /// The emergency that is declared just now, if one is. Where all is paused, there is none.
    fn emergency(
        &mut self,
        desired: &Desired,
        observed: &Observed,
        rules: &Rules,
        now: Timestamp,
    ) -> Option<Declared> {
        if self.pauses.of_everything(now).is_some() {
            return None;
        }
        let share = Share::of(&System::of(desired, observed));
        self.memory.emergency.see(share, rules.emergency_below, &EMERGENCY, now)
    }

    fn duties_decide(
        &mut self,
        desired: &mut Desired,
        observed: &Observed,
        rules: &Rules,
        given: &Given<'_>,
        now: Timestamp,
    ) -> Vec<News> {
        let (pauses, drains, storms) = (&self.pauses, &self.drains, &self.storms);
        let circumstances = Circumstances {
            in_hand: given.in_hand,
            paused: &|id| pauses.of(id, now).is_some(),
            storm: &|id| storms.is_storm(&id.provider, now),
            settled: &|id| !drains.contains_key(id),
            precheck: given.precheck,
            asked: &|id| given.asked.get(id).copied(),
        };
        let duties = &mut self.memory.duties;
        let news = duties.decide(&rules.pairs, desired, observed, &circumstances, now);
        news.into_iter().map(|(backup, news)| News::Duty { backup, news }).collect()
    }

    /// Forgets what an earlier controller was changing, once that can't take effect any more.
    fn drain(&mut self, observed: &Observed, given: &Given<'_>, now: Timestamp) {
        self.drains.retain(|id, seen_since| {
            if observed.blind.contains_key(&id.provider) {
                *seen_since = None;
                return true;
            }
            let since = seen_since.get_or_insert(now);
            *since = (*since).min(now);
            now.duration_since(*since) < signed((given.drain)(id))
        });
        // Until then the next controller has to know of it too.
        let drains = &self.drains;
        self.memory.in_hand.retain(|id| drains.contains_key(id) || (given.in_hand)(id));
    }

    fn see_incidents(
        &mut self,
        desired: &Desired,
        observed: &Observed,
        rules: &Rules,
        given: &Given<'_>,
        now: Timestamp,
    ) {
        let well = |id: &Id| {
            // What was just changed shows later how it does.
            if (given.in_hand)(id) {
                return None;
            }
            let run = desired.wanted.get(id)?.run;
            match Health::seen(run, observed, id) {
                Health::Healthy => Some(true),
                Health::Unhealthy | Health::Failed => Some(false),
                Health::Stopped | Health::Unknown => None,
            }
        };
        let incidents = &mut self.memory.incidents;
        // What a provider wants that can't be asked is not all known.
        incidents.keep_only(|id| {
            observed.is_unseen(id, desired)
                || desired.wanted.get(id).is_some_and(|it| it.run != Run::Off)
        });
        incidents.see(well, &rules.recovery, now);
    }

    /// Notes that lanes are about to be carried out, before they are.
    pub fn begin(&mut self, lanes: &[Vec<Step>], now: Timestamp) {
        for lane in lanes {
            self.memory.incidents.note(lane, now);
        }
        self.memory.in_hand.extend(lanes.iter().flatten().map(|step| step.id.clone()));
        self.memory.in_hand.sort();
        self.memory.in_hand.dedup();
    }

    /// Notes that a lane was carried out: how many of its steps worked, and what the next one failed
    /// of, if it was tried.
    pub fn finish(&mut self, lane: &[Step], done: usize, failed: Option<Failed>, now: Timestamp) {
        let tried = lane.iter().take(done + usize::from(failed.is_some()));
        for (index, step) in tried.enumerate() {
            self.memory.breakers.note(&step.id, index < done, &BREAKER, now);
        }
        let late = failed.as_ref().filter(|it| it.may_come_late).and_then(|_| lane.get(done));
        let late = late.map(|step| step.id.clone());
        let how = failed.map_or_else(|| "it was done and did not hold".to_owned(), |it| it.how);
        self.attempts.note(lane, now, how);
        // Whoever comes next has to know of what may come late.
        let is_over = |id: &Id| late.as_ref() != Some(id) && lane.iter().any(|it| it.id == *id);
        self.memory.in_hand.retain(|id| !is_over(id));
        self.drains.extend(late.map(|id| (id, None)));
    }

    fn wake_at(
        &self,
        plan: &Plan,
        desired: &Desired,
        observed: &Observed,
        rules: &Rules,
        given: &Given<'_>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let resting = plan.held.iter().filter_map(|held| match held.why {
            Why::Resting { until, .. } => Some(until),
            _ => None,
        });
        let wanted = |id| desired.wanted.get(id).is_some_and(|it| it.run == Run::On);
        let ours = observed.found.iter().filter(|(id, _)| wanted(id) && !(given.in_hand)(id));
        let scheduled = ours.filter_map(|(_, actual)| match actual.status {
            Status::Scheduled { next } => Some(next),
            _ => None,
        });
        let drained = self
            .drains
            .iter()
            .filter_map(|(id, since)| (*since)?.checked_add(signed((given.drain)(id))).ok());
        resting
            .chain(scheduled)
            .chain(drained)
            .chain(self.memory.duties.wake_at(&rules.pairs, now))
            .chain(self.pauses.next_end(now))
            .chain(self.memory.breakers.wake_at(&BREAKER, now))
            .chain(self.storms.wake_at(now))
            .chain(self.memory.emergency.wake_at(&EMERGENCY, now))
            // What is due and not planned is held, as in a pause: looking again at once ends that no sooner.
            .filter(|it| *it > now)
            .min()
    }
}

#[cfg(test)]
mod tests;
