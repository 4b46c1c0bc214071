//! The plan: the ordered changes that would close the difference between what is wanted and what
//! is there, and what is left alone and why.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    change::{Change, Held, Origin, Reason, Step, Why},
    id::{Id, Name},
    job::Call,
    resource::{Actual, Body, Desired, Observed, Run, Status, Wanted},
};

/// What would be done, and what would not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Lanes run side by side. The steps of a lane run in turn, and a lane ends at its first
    /// failure.
    pub lanes: Vec<Vec<Step>>,
    /// What is left as it is, and why.
    pub held: Vec<Held>,
}

impl Plan {
    /// Every step, lane after lane.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.lanes.iter().flatten()
    }

    /// Whether there is nothing to do and nothing is left alone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.held.is_empty()
    }

    /// Whether any step comes from `origin`.
    #[must_use]
    pub fn has(&self, origin: Origin) -> bool {
        self.steps().any(|step| step.reason.origin() == origin)
    }

    /// Keeps only what concerns the ids that `keep` accepts.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(&Id) -> bool) -> Self {
        self.lanes.retain(|lane| lane.iter().all(|step| keep(&step.id)));
        self.held.retain(|held| keep(&held.id));
        self
    }

    /// Splits a plan that was made earlier by what a fresh plan, made for `observed`, says of each
    /// resource.
    #[must_use]
    pub fn against(self, fresh: &Self, observed: &Observed) -> Revised {
        let now: BTreeMap<&Id, &Vec<Step>> =
            fresh.lanes.iter().filter_map(|lane| Some((&lane.first()?.id, lane))).collect();
        let held: BTreeSet<&Id> = fresh.held.iter().map(|held| &held.id).collect();
        let mut revised = Revised::default();
        for lane in self.lanes {
            let Some(id) = lane.first().map(|step| step.id.clone()) else { continue };
            match now.get(&id) {
                Some(fresh) if **fresh == lane => revised.plan.lanes.push(lane),
                Some(_) => revised.moved.push(id),
                None if held.contains(&id) || observed.blind.contains_key(&id.provider) => {
                    revised.moved.push(id);
                }
                None => revised.settled.push(id),
            }
        }
        revised
    }
}

/// What has become of a plan that was made earlier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revised {
    /// What still fits: the fresh plan would do exactly the same.
    pub plan: Plan,
    /// What the fresh plan leaves alone or would do otherwise: the world has moved.
    pub moved: Vec<Id>,
    /// What needs no change any more.
    pub settled: Vec<Id>,
}

/// Who wants the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A person, now: what was given up is tried again, and schedules are left to the watch.
    Person,
    /// The watch: what rests is left resting, what was given up stays so, schedules are obeyed.
    Watch,
}

/// What a person allowed beyond the safe default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Resources that are not ours and may become so.
    pub adopt: BTreeSet<Id>,
    /// Resources of ours whose hand-made changes may be lost.
    pub overwrite: BTreeSet<Id>,
    /// How many resources may be deleted even though that is more than the guard lets pass.
    pub deletions: usize,
}

/// Plans how to get from what was observed to what is desired.
///
/// Nothing without our mark is touched, nothing is concluded about a provider that could not be
/// asked, and nothing of ours that somebody edited is overwritten, unless `consent` says so.
#[must_use]
pub fn plan(
    desired: &Desired,
    observed: &Observed,
    asker: Asker,
    consent: &Consent,
    now: Timestamp,
) -> Plan {
    let mut plan = Plan::default();
    let mut deletions = Vec::new();
    let ids: BTreeSet<&Id> = (desired.wanted.keys())
        .chain(desired.impossible.keys())
        .chain(desired.unseen.keys())
        .chain(observed.found.iter().filter(|(_, it)| it.mark.is_some()).map(|(id, _)| id))
        .collect();
    for id in ids {
        let hold = |why| Held { id: id.clone(), why };
        let unseen = || desired.unseen.get(id);
        if let Some(reason) = observed.blind.get(&id.provider).or_else(unseen) {
            plan.held.push(hold(Why::Blind { reason: reason.clone() }));
        } else if let Some(reason) = desired.impossible.get(id) {
            plan.held.push(hold(Why::Impossible { reason: reason.clone() }));
        } else {
            match (desired.wanted.get(id), observed.found.get(id)) {
                (Some(_), None) if let Some(why) = may_be_elsewhere(id, desired, observed) => {
                    plan.held.push(hold(why));
                }
                (Some(wanted), found) => match steps(id, wanted, found, asker, consent, now) {
                    Ok(lane) if lane.is_empty() => {
                        let unproven = desired.unproven.get(id).cloned();
                        plan.held.extend(unproven.map(|how| hold(Why::NotProven { how })));
                    }
                    Ok(lane) => plan.lanes.push(lane),
                    Err(why) => plan.held.push(hold(why)),
                },
                (None, Some(found)) => deletions.push((id, found)),
                (None, None) => {}
            }
        }
    }
    for (id, found) in deletions {
        match deletion(id, found, consent) {
            Ok(step) => plan.lanes.push(vec![step]),
            Err(why) => plan.held.push(Held { id: id.clone(), why }),
        }
    }
    order_moves(&mut plan);
    guard_deletions(&mut plan, observed, consent);
    plan
}

/// Why something is not made although it is missing: it was at another provider, is no longer wanted
/// there, and nobody can see whether it is gone.
fn may_be_elsewhere(id: &Id, desired: &Desired, observed: &Observed) -> Option<Why> {
    let moves = |from: &&Id| from.name == id.name && !desired.wanted.contains_key(from);
    let from = observed.lost_sight_of.iter().find(moves)?;
    let reason = observed.blind.get(&from.provider)?;
    Some(Why::Blind { reason: format!("it may still be {from}, and {reason}") })
}

/// Puts what moves from one provider to another (a process that gets another runner) into one lane,
/// so that it is gone from the one before it begins at the other.
fn order_moves(plan: &mut Plan) {
    let is_alone = |lane: &[Step], is: fn(&Change) -> bool| lane.len() == 1 && is(&lane[0].change);
    let comes = |lane: &[Step]| is_alone(lane, |it| matches!(it, Change::Create { .. }));
    let goes = |lane: &[Step]| is_alone(lane, |it| matches!(it, Change::Delete { .. }));
    let coming: BTreeSet<Name> =
        plan.lanes.iter().filter(|it| comes(it)).map(|it| it[0].id.name.clone()).collect();
    let moving = |lane: &mut Vec<Step>| goes(lane) && coming.contains(&lane[0].id.name);
    for gone in plan.lanes.extract_if(.., moving).collect::<Vec<_>>() {
        let name = &gone[0].id.name;
        if let Some(lane) = plan.lanes.iter_mut().find(|it| comes(it) && it[0].id.name == *name) {
            lane.splice(0..0, gone);
        } else {
            plan.lanes.push(gone);
        }
    }
    plan.lanes.sort_by(|a, b| a[0].id.cmp(&b[0].id));
}

/// The steps that bring one resource to where it is wanted, or why it is left alone.
fn steps(
    id: &Id,
    wanted: &Wanted,
    found: Option<&Actual>,
    asker: Asker,
    consent: &Consent,
    now: Timestamp,
) -> Result<Vec<Step>, Why> {
    let step = |change, reason| Step { id: id.clone(), change, reason };
    if wanted.run == Run::AsIs {
        let differs = match (&wanted.body, found) {
            (Some(body), Some(found)) => update_reason(id, wanted, body, found, consent)?.is_some(),
            (Some(_), None) => true,
            (None, _) => false,
        };
        return if differs { Err(Why::Undecided) } else { Ok(Vec::new()) };
    }
    let Some(found) = found else {
        // What is not ours to make is not made.
        let Some(to) = wanted.body.clone() else { return Ok(Vec::new()) };
        let run = wanted.run;
        let create = Change::Create { to, run, backs_up: wanted.backs_up.clone() };
        return Ok(vec![step(create, Reason::Missing)]);
    };
    let mut lane = Vec::new();
    if let Some(body) = &wanted.body
        && let Some(reason) = update_reason(id, wanted, body, found, consent)?
    {
        let differing = body.differing_fields(&found.body);
        let restart = matches!(found.status, Status::Running { .. } | Status::Unwell { .. })
            && wanted.run == Run::On
            && differing.iter().any(|field| !wanted.hot_fields.contains(field));
        let update = Change::Update {
            from: found.body.clone(),
            to: body.clone(),
            backs_up: wanted.backs_up.clone(),
            restart,
        };
        lane.push(step(update, reason));
    }
    let restarts = lane.iter().any(|it| matches!(it.change, Change::Update { restart: true, .. }));
    match (run_step(wanted, &found.status, asker, now), lane.is_empty()) {
        // Changed, it has its chance to be well again: the next look says.
        (Ok(Some((_, Reason::Recovery { .. }))), false) if asker == Asker::Watch || restarts => {}
        (Ok(Some((change, reason))), _) => lane.push(step(change, reason)),
        (Err(why), true) => return Err(why),
        (Ok(None) | Err(_), _) => {}
    }
    Ok(lane)
}

/// Why what a resource consists of has to change, if it has to: compared three ways, what is
/// wanted, what is there, and (by the mark) what we wrote last.
fn update_reason(
    id: &Id,
    wanted: &Wanted,
    body: &Body,
    found: &Actual,
    consent: &Consent,
) -> Result<Option<Reason>, Why> {
    let Some(mark) = &found.mark else {
        return if consent.adopt.contains(id) {
            Ok(Some(Reason::Adopted))
        } else {
            Err(Why::NotOurs)
        };
    };
    if found.body == *body {
        return Ok((mark.backs_up != wanted.backs_up).then_some(Reason::ConfigChanged));
    }
    let (wanted_digest, live) = (body.digest(), found.body.digest());
    if live == mark.written {
        return Ok(Some(match &wanted.call {
            Some(Call::Move { how }) => Reason::DutyMoves { how: how.clone() },
            _ if wanted.is_made_from_primary() => Reason::OutOfDate,
            _ => Reason::ConfigChanged,
        }));
    }
    if !found.body.files.is_empty() {
        if consent.overwrite.contains(id) {
            return Ok(Some(Reason::Overwritten));
        }
        return Err(Why::EditedByHand { from: found.body.clone(), to: body.clone() });
    }
    let by_hand_only = wanted_digest == mark.written;
    Ok(Some(if by_hand_only { Reason::ChangedByHand } else { Reason::ChangedOnBothSides }))
}

/// The start or stop that brings a resource from how it is to how it should be.
fn run_step(
    wanted: &Wanted,
    status: &Status,
    asker: Asker,
    now: Timestamp,
) -> Result<Option<(Change, Reason)>, Why> {
    let start = |how: &str| Ok(Some((Change::Start, Reason::NotRunning { how: how.to_owned() })));
    match (wanted.run, status) {
        (
            Run::On,
            Status::Present | Status::Running { .. } | Status::Finished { .. } | Status::Code(_),
        )
        // Nothing that works in runs of its own is broken off.
        | (
            Run::Off,
            Status::Present
            | Status::Stopped
            | Status::StoppedByHand
            | Status::Job(_)
            | Status::Code(_)
            | Status::Release(_),
        )
        | (Run::AsIs, _) => Ok(None),
        // Also where it has ended: something may be left of it, or start it again.
        (
            Run::Off,
            Status::Running { .. }
            | Status::Unwell { .. }
            | Status::Scheduled { .. }
            | Status::Down { .. }
            | Status::Finished { .. }
            | Status::Failed { .. },
        ) => Ok(Some((Change::Stop, Reason::ShouldBeOff))),
        (Run::On, Status::Unwell { how, .. }) => {
            Ok(Some((Change::Restart, Reason::Recovery { how: how.clone() })))
        }
        (Run::On, Status::Stopped) => start("is stopped"),
        (Run::On, Status::StoppedByHand)
            if asker == Asker::Person || wanted.insist || wanted.called =>
        {
            start("was stopped by hand")
        }
        (Run::On, Status::StoppedByHand) => Err(Why::StoppedByHand),
        (Run::On, Status::Scheduled { next }) => {
            let due = asker == Asker::Watch && *next <= now;
            Ok(due.then_some((Change::Start, Reason::Due)))
        }
        (Run::On, Status::Down { how, retry_at, .. }) => {
            if asker == Asker::Watch && *retry_at > now {
                Err(Why::Resting { how: how.clone(), until: *retry_at })
            } else {
                start(how)
            }
        }
        (Run::On, Status::Job(_) | Status::Release(_)) => match &wanted.call {
            None | Some(Call::Move { .. }) => Ok(None),
            Some(Call::Again { how }) => {
                Ok(Some((Change::Restart, Reason::Recovery { how: how.clone() })))
            }
            Some(Call::Now { given_up: Some(how), .. }) if asker == Asker::Watch => {
                Err(Why::GivenUp { how: how.clone() })
            }
            Some(Call::Now { how, at, .. }) if asker == Asker::Watch && *at > now => {
                Err(Why::Resting { how: how.clone(), until: *at })
            }
            Some(Call::Now { how, .. }) => {
                Ok(Some((Change::Start, Reason::StandsIn { how: how.clone() })))
            }
            Some(Call::Enable { how }) => start(how),
            Some(Call::Nobody { how }) => Err(Why::Impossible { reason: how.clone() }),
        },
        (Run::On, Status::Failed { how, .. }) => match asker {
            Asker::Person => start(how),
            Asker::Watch => Ok(Some((Change::Start, Reason::Recovery { how: how.clone() }))),
        },
    }
}

/// The removal of a resource of ours that is no longer asked for.
fn deletion(id: &Id, found: &Actual, consent: &Consent) -> Result<Step, Why> {
    let edited = found.mark.as_ref().is_some_and(|mark| mark.written != found.body.digest());
    if edited && !found.body.files.is_empty() && !consent.overwrite.contains(id) {
        return Err(Why::EditedByHand { from: found.body.clone(), to: Body::default() });
    }
    let change = Change::Delete { from: found.body.clone() };
    Ok(Step { id: id.clone(), change, reason: Reason::Removed })
}

/// Holds all deletions when they are more than a quarter of what is managed, or would leave a
/// provider with nothing, and nobody allowed that many.
fn guard_deletions(plan: &mut Plan, observed: &Observed, consent: &Consent) {
    // What moves is not lost.
    let is_deletion =
        |lane: &Vec<Step>| lane.len() == 1 && matches!(lane[0].change, Change::Delete { .. });
    let deletions = plan.lanes.iter().filter(|lane| is_deletion(lane)).count();
    if deletions <= consent.deletions {
        return;
    }
    let mut kept: BTreeMap<&Name, usize> = BTreeMap::new();
    let mut managed = 0;
    for (id, _) in observed.found.iter().filter(|(_, actual)| actual.mark.is_some()) {
        *kept.entry(&id.provider).or_default() += 1;
        managed += 1;
    }
    let mut empties_a_provider = false;
    for lane in &plan.lanes {
        let count = kept.get_mut(&lane[0].id.provider);
        if let (true, Some(count)) = (is_deletion(lane), count) {
            *count -= 1;
            empties_a_provider |= *count == 0;
        }
    }
    if deletions * 4 <= managed && !empties_a_provider {
        return;
    }
    let why = Why::TooManyDeletions { deletions, managed };
    let held = plan.lanes.extract_if(.., |lane| is_deletion(lane));
    plan.held.extend(held.map(|lane| Held { id: lane[0].id.clone(), why: why.clone() }));
    plan.held.sort_by(|a, b| a.id.cmp(&b.id));
}
