//! `explain`: how one resource does, who of its pair is on duty and why, and what happens next.

mod text;

use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    args::ExplainOptions,
    choice,
    open::{Project, block_on},
    output,
    pair::{self, Place},
};
use crate::{
    controller::{
        Controller, World,
        lock::{self, Holder, Lock},
        standing,
    },
    core::{
        breaker,
        change::Held,
        duty::{HandBack, News, Side},
        failover::{Circumstances, Pair, look},
        health::Health,
        id::Id,
        outlook::{Next, Outlook, Standing},
        pause::Pause,
        plan::{Asker, Consent, Plan},
        resource::Status,
    },
    probe,
};

/// The version of the JSON form.
const VERSION: u32 = 1;

/// What `explain --json` prints. What is null is not known.
#[derive(Debug, Serialize)]
struct Report {
    /// The version of the form.
    version: u32,
    /// When it was seen.
    at: Timestamp,
    id: Id,
    /// Who watches, if anybody does.
    watch: Option<Holder>,
    /// The resource itself, or the primary of its pair.
    resources: Vec<Resource>,
    /// The pair that it is one of, if it is.
    pair: Option<PairReport>,
    /// The pauses that concern it.
    pauses: Vec<Pause>,
    /// What happens next, if nobody does anything.
    next: Vec<Next>,
    /// Why something of it could not be seen, where that is so.
    unseen: Option<String>,
}

/// How one resource does.
#[derive(Debug, Serialize)]
struct Resource {
    id: Id,
    /// Which one of its pair it is.
    side: Option<Side>,
    /// Whether it carries our mark.
    managed: bool,
    /// What it stands in for.
    backs_up: Option<String>,
    /// What stands in for it.
    backed_up_by: Option<Id>,
    /// The state in words.
    state: String,
    health: Health,
    /// Since when it is in this state.
    since: Option<Timestamp>,
    /// How often its provider started it again.
    restarts: Option<u64>,
    /// How its last run ended.
    last_exit: Option<String>,
    /// What a watch tried lately to recover it.
    recovery: Option<Recovery>,
    /// What speaks for and against it, as the watch has counted.
    evidence: Option<Evidence>,
    /// When its schedule last did its work, where it works in runs of its own.
    last_success_by_schedule: Option<Timestamp>,
    /// What duty means for it.
    duty: Option<pair::Row>,
    /// What is left alone of it.
    held: Option<HeldReport>,
}

#[derive(Debug, Serialize)]
struct Recovery {
    attempts: u32,
    of: u32,
    last: Timestamp,
}

#[derive(Debug, Serialize)]
struct Evidence {
    /// Failures in a row.
    failures: u32,
    /// So many count as failing.
    fall: u32,
    /// What is or was wrong.
    how: Option<String>,
    well_since: Option<Timestamp>,
    /// Whether it fails and is well again all the time.
    flapping: bool,
}

#[derive(Debug, Serialize)]
struct HeldReport {
    #[serde(flatten)]
    held: Held,
    text: String,
}

/// A pair, its rules and its duty.
#[derive(Debug, Serialize)]
struct PairReport {
    primary: Id,
    backup: Id,
    exclusive: bool,
    /// The rules in words.
    rules: Vec<String>,
    /// Who is on duty, or is to be.
    serving: Option<Side>,
    since: Option<Timestamp>,
    cause: Option<String>,
    /// Failovers that count against the budget.
    failovers: Option<u32>,
    budget: u32,
    /// The time within which they count, in seconds.
    window: u64,
    /// What keeps duty from moving although it should.
    stuck: Option<String>,
}

pub(super) fn run(project: &Project, options: &ExplainOptions) -> anyhow::Result<ExitCode> {
    let controller = project.controller();
    let report = block_on(seen(&controller, &options.id))??;
    let text = if options.json {
        serde_json::to_string_pretty(&report)? + "\n"
    } else {
        text::human(&report)
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The same for somebody who looks on.
pub(super) async fn in_words(controller: &Controller, id: &Id) -> anyhow::Result<String> {
    Ok(text::human(&seen(controller, id).await?))
}

async fn seen(controller: &Controller, id: &Id) -> anyhow::Result<Report> {
    let now = Timestamp::now();
    let world = controller.look_around(now).await;
    let pair = pair::of(&world, id);
    if pair.is_none() {
        choice::check_id(id, &world)?;
    }
    Ok(report(controller, &world, id, now))
}

fn report(controller: &Controller, world: &World, id: &Id, now: Timestamp) -> Report {
    let watched = controller.is_watched();
    let place = pair::of(world, id).map(|it| Place::of(world, it, watched));
    let jobs = pair::Jobs::of(world, id);
    let functions = pair::Functions::of(world, id);
    let ids = match (&place, &jobs) {
        (Some(it), _) => {
            vec![(Some(Side::Primary), &it.pair.primary), (Some(Side::Backup), &it.pair.backup)]
        }
        (None, Some(it)) => vec![(None, &it.primary), (None, &it.backup)],
        (None, None) => match &functions {
            Some(it) => vec![(None, &it.primary), (None, &it.backup)],
            None => vec![(None, id)],
        },
    };
    let plan = plan(controller, world, now);
    let resource = |(side, id): &(Option<Side>, &Id)| {
        resource(controller, world, &plan, place.as_ref(), (*side, id), now)
    };
    let pauses = &world.known.pauses;
    let concerns = |pause: &&Pause| {
        let named = |it: &Id| ids.iter().any(|(_, id)| it == *id);
        pause.is_on(now) && pause.id.as_ref().is_none_or(named)
    };
    Report {
        version: VERSION,
        at: now,
        id: id.clone(),
        watch: Lock::holder(&lock::watch_file(&controller.project().state_dir())),
        resources: ids.iter().map(resource).collect(),
        pair: place.as_ref().map(|it| pair_report(it, now)),
        pauses: pauses.iter().filter(concerns).cloned().collect(),
        next: next(controller, world, &plan, place.as_ref(), (id, jobs.as_ref()), now),
        unseen: ids.iter().find_map(|(_, id)| world.observed.unseen.get(&id.provider)).cloned(),
    }
}

/// What a watch would do and leave alone now.
fn plan(controller: &Controller, world: &World, now: Timestamp) -> Plan {
    let mut plan = world.plan(Asker::Watch, &Consent::default(), now);
    let memory = &world.known.memory;
    memory.incidents.hold(&mut plan, &controller.rules().recovery, now);
    memory.breakers.clone().hold(&mut plan, |_| false, &breaker::Policy::STANDARD, now);
    plan
}

fn resource(
    controller: &Controller,
    world: &World,
    plan: &Plan,
    place: Option<&Place<'_>>,
    (side, id): (Option<Side>, &Id),
    now: Timestamp,
) -> Resource {
    let known = &world.known;
    let wanted = world.desired.wanted.get(id);
    let found = world.observed.found.get(id);
    let state = match (found, world.observed.blind.get(&id.provider)) {
        (None, Some(why)) => format!("not known: it could not be asked: {why}"),
        _ => standing::state(world, id),
    };
    let mark = found.and_then(|it| it.mark.as_ref());
    let vitals = found.and_then(|it| it.vitals.as_ref());
    let recovery = known.memory.incidents.tried(id).map(|(attempts, last)| Recovery {
        attempts,
        of: controller.rules().recovery.attempts,
        last,
    });
    let paused = known.pauses.of_either(&known.pairs, id, now).is_some();
    let duty = match side.zip(place) {
        Some((side, place)) => Some(place.row(side, paused)),
        None => pair::beside(world, id, controller.is_watched()),
    };
    let by_schedule = found.and_then(|found| match &found.status {
        Status::Job(job) => job.last_planned_success,
        _ => None,
    });
    let held = plan.held.iter().find(|it| it.id == *id);
    Resource {
        id: id.clone(),
        side,
        managed: mark.is_some(),
        backs_up: wanted.and_then(|it| it.backs_up.clone()),
        backed_up_by: world.desired.backup_of(id).cloned(),
        state,
        health: Health::in_view(&world.desired, &world.observed, id),
        since: found.and_then(|it| it.status.since()),
        restarts: vitals.map(|it| it.restarts),
        last_exit: vitals.and_then(|it| it.last_exit.clone()),
        recovery,
        evidence: side.zip(place).and_then(|(side, place)| evidence(world, place, side)),
        last_success_by_schedule: by_schedule,
        duty,
        held: held.map(|it| HeldReport { held: it.clone(), text: it.why.to_string() }),
    }
}

/// What was counted of a side, by a watch: one look counts nothing.
fn evidence(world: &World, place: &Place<'_>, side: Side) -> Option<Evidence> {
    let duty = place.duty.filter(|_| place.watched)?;
    let it = duty.evidence.of(side);
    let is_proven = !world.observed.unproven.contains(place.pair.id(side));
    Some(Evidence {
        failures: it.failures(),
        fall: place.pair.rules.patience.fall,
        how: (it.failures() > 0).then(|| it.how().to_owned()),
        well_since: it.well_since().filter(|_| is_proven),
        flapping: it.is_flapping(),
    })
}

fn pair_report(place: &Place<'_>, now: Timestamp) -> PairReport {
    let Pair { primary, backup, rules } = place.pair;
    let stuck = place.duty.filter(|_| place.watched).and_then(|duty| {
        let side = duty.serving;
        let how = duty.evidence.of(side).how().to_owned();
        Some(News::Stuck { why: duty.stuck()?, side, how }.about(primary).to_string())
    });
    PairReport {
        primary: primary.clone(),
        backup: backup.clone(),
        exclusive: rules.exclusive,
        rules: text::rules(rules),
        serving: place.duty.map(|it| it.serving),
        since: place.since(),
        cause: place.cause(),
        failovers: place.duty.map(|it| it.failovers_within(rules, now)),
        budget: rules.budget,
        window: rules.window.as_secs(),
        stuck,
    }
}

/// What happens next.
fn next(
    controller: &Controller,
    world: &World,
    plan: &Plan,
    place: Option<&Place<'_>>,
    (id, jobs): (&Id, Option<&pair::Jobs>),
    now: Timestamp,
) -> Vec<Next> {
    let known = &world.known;
    if let Some(duty) = place.and_then(|it| it.duty)
        && let Some(Place { pair, .. }) = place
    {
        let look = look(pair, &world.desired, &world.observed, &Circumstances::ONE_LOOK);
        let has_precheck = probe::prechecks_of(controller.project()).contains_key(&pair.backup);
        let paused = known.pauses.of_either(&known.pairs, id, now);
        let paused_until = paused.map(|it| it.until);
        return Outlook { pair, duty, look: &look, has_precheck, paused_until }.next(now);
    }
    let is_meant =
        |it: &Id| it == id || jobs.is_some_and(|jobs| jobs.primary == *it || jobs.backup == *it);
    let steps = plan.steps().filter(|it| is_meant(&it.id));
    let mut next: Vec<Next> = steps
        .map(|it| Next { at: None, what: format!("{} {}: {}", it.change.verb(), it.id, it.reason) })
        .collect();
    let due = |id: &Id| match &world.observed.found.get(id)?.status {
        Status::Job(job) => {
            Some(Next { at: Some(job.next?), what: format!("the schedule of {id} begins a run") })
        }
        _ => None,
    };
    let jobs = jobs.into_iter().flat_map(|it| [&it.primary, &it.backup]);
    next.extend(jobs.filter_map(due));
    next.sort_by_key(|it| it.at);
    if let Some(pause) = known.pauses.of(id, now) {
        let what = "the pause ends; until then it is left as it is".to_owned();
        next.push(Next { at: Some(pause.until), what });
    }
    next
}
