//! The reconciler: everything that the watch decides, as one pure state machine. It takes what was
//! seen and gives the plan; what it has to remember between two looks is its own state.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    backoff::Backoff,
    change::{Reason, Step, Why},
    duty::{Asked, News, Phase, Side},
    failover::{Circumstances, Duties, Pair},
    health::Health,
    id::Id,
    incident::{self, Incidents},
    pause::{Pause, Pauses},
    plan::{Asker, Consent, Plan, plan},
    resource::{Desired, Observed, Run, Status},
    retry::Attempts,
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
}

/// What outlives the controller: in the journal, written before anything that follows from it is
/// done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Who is on duty, and why.
    pub duties: Duties,
    /// How often recovery was tried.
    pub incidents: Incidents,
    /// What was being changed: whoever finds it here does not know whether that is over.
    pub in_hand: Vec<Id>,
}

/// What is known beside what was seen, for one look.
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

/// What was decided.
#[derive(Debug)]
pub struct Decision {
    /// What is to be done now.
    pub plan: Plan,
    /// What there is to tell, with what it is about.
    pub news: Vec<(Id, News)>,
    /// When there may be something to do by the clock alone.
    pub wake_at: Option<Timestamp>,
}

/// The state between two looks.
#[derive(Debug, Clone, Default)]
pub struct Reconciler {
    memory: Memory,
    attempts: Attempts,
    pauses: Pauses,
    /// What people asked for, as it was last told.
    asked_pauses: Pauses,
    /// What an earlier controller was changing, and since when it is seen again.
    drains: BTreeMap<Id, Option<Timestamp>>,
}

impl Reconciler {
    /// The reconciler of a controller that has just begun.
    #[must_use]
    pub fn new(memory: Memory, now: Timestamp) -> Self {
        let Memory { duties, incidents, in_hand } = memory;
        Self {
            drains: in_hand.into_iter().map(|id| (id, None)).collect(),
            memory: Memory { duties: duties.recovered(now), incidents, in_hand: Vec::new() },
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

    /// Takes over what people asked to be left alone.
    pub fn pause(&mut self, pauses: Pauses) {
        self.pauses.renew(&self.asked_pauses, &pauses);
        self.asked_pauses = pauses;
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
        let news = self.duties_decide(desired, observed, rules, given, now);
        let plan = plan(desired, observed, Asker::Watch, &Consent::default(), now);
        let mut plan = plan.only(|id| !(given.in_hand)(id));
        self.memory.duties.tell_reasons(&rules.pairs, &mut plan);
        let pauses = std::mem::take(&mut self.pauses);
        pauses.hold(&mut plan, |id| paused(&pauses, &rules.pairs, id, now));
        self.pauses = pauses;
        self.hold_recoveries(&mut plan, desired, observed, rules, given, now);
        self.attempts.hold_resting(&mut plan, |id| (given.in_hand)(id), &rules.backoff, now);
        let wake_at = self.wake_at(&plan, desired, observed, rules, given, now);
        Decision { plan, news, wake_at }
    }

    fn duties_decide(
        &mut self,
        desired: &mut Desired,
        observed: &Observed,
        rules: &Rules,
        given: &Given<'_>,
        now: Timestamp,
    ) -> Vec<(Id, News)> {
        let (pauses, drains) = (&self.pauses, &self.drains);
        let circumstances = Circumstances {
            in_hand: given.in_hand,
            paused: &|id| pauses.of(id, now).is_some(),
            storm: &|_| false,
            settled: &|id| !drains.contains_key(id),
            precheck: given.precheck,
            asked: &|id| given.asked.get(id).copied(),
        };
        self.memory.duties.decide(&rules.pairs, desired, observed, &circumstances, now)
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
    }

    fn hold_recoveries(
        &mut self,
        plan: &mut Plan,
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
            match Health::of(run, observed.found.get(id).map(|it| &it.status)) {
                Health::Healthy => Some(true),
                Health::Unhealthy | Health::Failed => Some(false),
                Health::Stopped | Health::Unknown => None,
            }
        };
        let incidents = &mut self.memory.incidents;
        incidents.keep_only(|id| desired.wanted.get(id).is_some_and(|it| it.run != Run::Off));
        incidents.see(well, &rules.recovery, now);
        incidents.hold(plan, &rules.recovery, now);
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

    /// Notes that a lane was carried out, and in words what came of it.
    pub fn finish(&mut self, lane: &[Step], now: Timestamp, how: String) {
        self.attempts.note(lane, now, how);
        self.memory.in_hand.retain(|id| !lane.iter().any(|step| step.id == *id));
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
            .min()
    }
}

/// The pause that a resource is in, by its own name or by its pair's.
fn paused<'p>(pauses: &'p Pauses, pairs: &[Pair], id: &Id, now: Timestamp) -> Option<&'p Pause> {
    let pair = pairs.iter().filter(|it| it.rules.exclusive && it.has(id));
    let related = pair.flat_map(|it| [&it.primary, &it.backup]);
    related.chain([id]).find_map(|id| pauses.of(id, now))
}

impl Duties {
    /// Says of the steps by which duty moves that this is why they are made.
    fn tell_reasons(&self, pairs: &[Pair], plan: &mut Plan) {
        for step in plan.lanes.iter_mut().flatten() {
            let Some(pair) = pairs.iter().find(|it| it.rules.exclusive && it.has(&step.id)) else {
                continue;
            };
            let Some(duty) = self.of(&pair.backup) else { continue };
            let side = if pair.primary == step.id { Side::Primary } else { Side::Backup };
            match (&step.reason, duty.phase) {
                (Reason::NotRunning { .. }, Phase::Start(it)) if it == side => {
                    step.reason = Reason::OnDuty;
                }
                (Reason::ShouldBeOff, Phase::Fence(it)) if it == side => {
                    step.reason = Reason::OffDuty;
                }
                _ => {}
            }
        }
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
