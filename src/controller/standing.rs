//! How each resource does, and who of its pair is on duty, as far as that is known: what people are
//! shown, by whoever has looked.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::World;
use crate::core::{
    code::Code,
    duty::{Duty, Side},
    failover::Pair,
    health::Health,
    id::Id,
    job::{Call, Job, State},
    outlook::Standing,
    pause::Pause,
    resource::{Actual, Status},
    route::{self, OnDuty, Router},
};

/// All that is wanted or there.
pub(crate) fn ids(world: &World) -> BTreeSet<&Id> {
    let World { desired, observed, .. } = world;
    (desired.wanted.keys())
        .chain(desired.impossible.keys())
        .chain(desired.unseen.keys())
        .chain(observed.found.keys())
        .collect()
}

/// The state of a resource in words.
pub(crate) fn state(world: &World, id: &Id) -> String {
    let World { desired, observed, .. } = world;
    match observed.found.get(id) {
        Some(found) if observed.unproven.contains(id) => {
            format!("{}; its probe has not answered well yet", found.status)
        }
        Some(found) => found.status.to_string(),
        None if is_unseen(world, id) => "unknown".to_owned(),
        None if !desired.wanted.contains_key(id) => "can't be made".to_owned(),
        None => "missing".to_owned(),
    }
}

fn is_unseen(world: &World, id: &Id) -> bool {
    world.desired.unseen.contains_key(id) || world.observed.blind.contains_key(&id.provider)
}

/// The pairs of a world by what is in them, for whoever asks of everything: there may be thousands.
pub(crate) struct Pairs<'w> {
    world: &'w World,
    of: BTreeMap<&'w Id, &'w Pair>,
}

impl<'w> Pairs<'w> {
    pub(crate) fn of(world: &'w World) -> Self {
        let mut of: BTreeMap<&Id, &Pair> = BTreeMap::new();
        for pair in &world.known.pairs {
            for id in [&pair.primary, &pair.backup] {
                let known = of.entry(id).or_insert(pair);
                // As in `of`.
                if pair.rules.exclusive && !known.rules.exclusive {
                    *known = pair;
                }
            }
        }
        Self { world, of }
    }

    /// The pair that `id` is one of, if it is one of a pair.
    pub(crate) fn with(&self, id: &Id) -> Option<&'w Pair> {
        self.of.get(id).copied()
    }

    /// The pause that a resource is in, by its own name or by its pair's.
    pub(crate) fn pause(&self, id: &Id, now: Timestamp) -> Option<&'w Pause> {
        let pair = self.with(id).map_or([].as_slice(), std::slice::from_ref);
        self.world.known.pauses.of_either(pair, id, now)
    }

    /// What duty means for a resource, where it is one of a pair.
    pub(crate) fn duty(&self, id: &Id, watched: bool, now: Timestamp) -> Option<Row> {
        let Some(pair) = self.with(id) else {
            return beside(self.world, id, watched);
        };
        let side = if pair.primary == *id { Side::Primary } else { Side::Backup };
        let paused = self.pause(id, now).is_some();
        Some(Place::of(self.world, pair, watched).row(side, paused))
    }
}

/// The pair that `id` is one of, if it is one of a pair.
pub(crate) fn of<'w>(world: &'w World, id: &Id) -> Option<&'w Pair> {
    let pairs = &world.known.pairs;
    // A primary may have several that run beside it, and only one that never does.
    let one_of = |it: &&Pair| it.has(id);
    pairs.iter().filter(one_of).find(|it| it.rules.exclusive).or(pairs.iter().find(one_of))
}

/// Where duty of a pair is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'w> {
    pub(crate) pair: &'w Pair,
    /// None where nothing is known yet.
    pub(crate) duty: Option<&'w Duty>,
    /// Whether a watch sees to it.
    pub(crate) watched: bool,
    /// Whether since when and why is known too.
    known_since: bool,
}

/// What duty means for one side, as `status --json` has it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// What it means.
    pub(crate) phase: Standing,
    /// Since when, where that is known.
    pub(crate) since: Option<Timestamp>,
    /// Why, where that is known.
    pub(crate) cause: Option<String>,
    /// What people should hear of the pair without asking, told once for both.
    #[serde(skip)]
    pub(crate) remark: Option<String>,
}

impl<'w> Place<'w> {
    /// Where duty of `pair` is: as the watch remembers, or as it was just seen where none runs.
    pub(crate) fn of(world: &'w World, pair: &'w Pair, watched: bool) -> Self {
        let known = &world.known;
        let remembered = known.memory.duties.of(&pair.backup);
        let seen = known.duties.of(&pair.backup);
        let as_remembered = remembered.map(|it| it.phase) == seen.map(|it| it.phase);
        let known_since = watched || as_remembered;
        Self { pair, duty: if known_since { remembered } else { seen }, watched, known_since }
    }

    /// Since when duty is there, where that is known.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.duty.filter(|_| self.known_since).map(|it| it.since)
    }

    /// Why duty is there, where that is known.
    pub(crate) fn cause(&self) -> Option<String> {
        self.duty.filter(|_| self.known_since).map(|it| it.cause.to_string())
    }

    /// What it means for `side`.
    pub(crate) fn row(&self, side: Side, paused: bool) -> Row {
        let exclusive = self.pair.rules.exclusive;
        let standing = |duty| Standing::of(duty, side, exclusive, self.watched);
        let phase = match self.duty {
            _ if paused => Standing::Paused,
            Some(duty) => standing(duty),
            None => Standing::NotKnown,
        };
        Row { phase, since: self.since(), cause: self.cause(), remark: None }
    }
}

/// A job and its backup.
#[derive(Debug, Clone)]
pub(crate) struct Jobs {
    pub(crate) primary: Id,
    pub(crate) backup: Id,
}

impl Jobs {
    /// The pair of jobs that `id` is one of, if it is.
    pub(crate) fn of(world: &World, id: &Id) -> Option<Self> {
        let desired = &world.desired;
        let pair = match desired.primary_of(id) {
            Some(primary) => Self { primary, backup: id.clone() },
            None => {
                // Most are no jobs, and looking for a backup takes long where there is much.
                job(world, id)?;
                Self { primary: id.clone(), backup: desired.backup_of(id)?.clone() }
            }
        };
        job(world, &pair.primary)?;
        Some(pair)
    }

    /// What duty means for `id`, one of the two: the backup stands in, or stands by.
    pub(crate) fn row(&self, world: &World, id: &Id, watched: bool) -> Row {
        let World { desired, known, .. } = world;
        let primary = job(world, &self.primary);
        let is_well = primary.is_some_and(|it| it.health() == Health::Healthy);
        let cover = known.memory.covers.of(&self.backup).filter(|_| !is_well);
        let backup = desired.wanted.get(&self.backup);
        let is_called = backup.is_some_and(|it| matches!(it.call, Some(Call::Now { .. })));
        let stands_in = cover.is_some() || backup.is_some_and(|it| it.called && it.call.is_none());
        let is_seen =
            primary.is_some_and(|it| !matches!(it.state, State::Unseen | State::NotInEffect));
        let phase = match (stands_in, self.primary == *id) {
            (false, false) if is_called && watched => Standing::Starting,
            (false, false) if is_called => Standing::ToBeStarted,
            (true, true) => Standing::Beside,
            (false, _) if !is_seen => Standing::NotKnown,
            (true, false) | (false, true) => Standing::OnDuty,
            (false, false) => Standing::StandsBy,
        };
        let cause = cover.map(|it| format!("{}: {}", it.primary, it.how));
        Row { phase, since: cover.map(|it| it.since), cause, remark: None }
    }
}

fn job<'w>(world: &'w World, id: &Id) -> Option<&'w Job> {
    match &world.observed.found.get(id)?.status {
        Status::Job(job) => Some(job),
        _ => None,
    }
}

/// A function and its backup.
#[derive(Debug, Clone)]
pub(crate) struct Functions {
    pub(crate) primary: Id,
    pub(crate) backup: Id,
}

impl Functions {
    /// The pair of functions that `id` is one of, if it is. What there is counts: the backup also of a
    /// primary that can have none any more does its work.
    pub(crate) fn of<'w>(world: &'w World, id: &Id) -> Option<Self> {
        code(world, id)?;
        let found = &world.observed.found;
        let backs_up = |it: &'w Actual| it.mark.as_ref()?.backs_up.as_deref();
        let pair = if let Some(primary) = found.get(id).and_then(backs_up) {
            let primary = Id::new(id.provider.clone(), primary.parse().ok()?);
            Self { primary, backup: id.clone() }
        } else {
            let is_backup = |it: &(&Id, &'w Actual)| {
                it.0.provider == id.provider && backs_up(it.1) == Some(id.name.as_str())
            };
            let (backup, _) = found.iter().find(is_backup)?;
            Self { primary: id.clone(), backup: backup.clone() }
        };
        (code(world, &pair.primary).is_some() && code(world, &pair.backup).is_some())
            .then_some(pair)
    }

    /// What passes the calls of the primary on.
    pub(crate) fn router<'w>(&self, world: &'w World) -> Option<&'w Router> {
        code(world, &self.primary).map(|it| &it.router)
    }

    /// What duty means for `id`, one of the two.
    pub(crate) fn row(&self, world: &World, id: &Id) -> Option<Row> {
        let Self { primary, backup } = self;
        let backup_at = format!("/.netlify/functions/{}", backup.name);
        let OnDuty { side, since, why, matters } = route::on_duty(
            (&primary.name, code(world, primary)?),
            (&backup.name, code(world, backup)?),
            &backup_at,
        );
        let on_duty = match side {
            Side::Primary => primary,
            Side::Backup => backup,
        };
        let phase = if id == on_duty { Standing::OnDuty } else { Standing::StandsBy };
        let remark = (matters && id == primary).then(|| format!("{on_duty} is on duty: {why}"));
        Some(Row { phase, since, cause: Some(why), remark })
    }
}

fn code<'w>(world: &'w World, id: &Id) -> Option<&'w Code> {
    match &world.observed.found.get(id)?.status {
        Status::Code(code) => Some(code),
        _ => None,
    }
}

/// What duty means for `id`, where it is one of a pair of which neither is started or stopped for that.
pub(crate) fn beside(world: &World, id: &Id, watched: bool) -> Option<Row> {
    let of_job = Jobs::of(world, id).map(|it| it.row(world, id, watched));
    of_job.or_else(|| Functions::of(world, id)?.row(world, id))
}
