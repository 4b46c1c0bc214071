//! `status`: every resource and how it does.

mod words;

use std::{collections::BTreeSet, process::ExitCode};

use anyhow::Context;
use jiff::Timestamp;
use serde::Serialize;

pub(super) use self::words::{ago, not_seen};
use super::{
    alerts,
    args::StatusOptions,
    open::{Project, block_on},
    output, pair,
};
use crate::{
    controller::{
        Controller, World,
        heartbeat::Heartbeat,
        lock::{self, Holder, Lock},
        standing,
    },
    core::{
        component::Component,
        health::Health,
        id::{Id, Name},
        monitor::{self, Guard, Seen, Signs},
        pause::Pause,
        resource::{Status, Vitals},
        system::System,
    },
    journal::{Event, Journal},
};

/// The version of the JSON form.
const VERSION: u32 = 1;

/// What `status --json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The version of the form.
    version: u32,
    /// When it was seen.
    pub(super) at: Timestamp,
    /// Who watches the project, if anybody does.
    watch: Option<Holder>,
    /// The last look that this watch completed, if it has completed one.
    last_look: Option<Timestamp>,
    /// Whether this watch should have given a sign of life long ago: it hangs, or the machine has
    /// just been asleep.
    overdue: bool,
    /// The providers that could not be asked, and why.
    pub(super) blind: Vec<Blind>,
    /// The providers of which something could not be seen although the rest could, and why.
    pub(super) unseen: Vec<Blind>,
    /// What else people should know of the resources of a provider.
    pub(super) remarks: Vec<Remark>,
    pub(super) resources: Vec<Row>,
    /// How many components are healthy, of all and of each provider.
    system: System,
    /// How each provider does that has resources or could not be asked.
    components: Vec<Component>,
    /// What people asked to be left alone.
    paused: Vec<Pause>,
    /// What could not be told to those who should hear of alerts.
    alerts_lost: Vec<alerts::LostRow>,
}

#[derive(Debug, Serialize)]
pub(super) struct Blind {
    pub(super) provider: Name,
    why: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Remark {
    provider: Name,
    text: String,
}

/// One resource.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) id: Id,
    /// `process`, `workflow`, `function`.
    kind: &'static str,
    /// Whether the config asks for it, or for something of it.
    #[serde(skip)]
    pub(super) is_asked_for: bool,
    /// Whether it carries our mark.
    managed: bool,
    /// What it stands in for.
    backs_up: Option<String>,
    /// The state in words.
    pub(super) state: String,
    /// The state in one word, of what was found.
    #[serde(skip)]
    word: Option<&'static str>,
    pub(super) health: Health,
    /// Since when it is in this state, where that is known.
    since: Option<Timestamp>,
    /// What it uses and has been through, where its provider tells.
    vitals: Option<Vitals>,
    /// When its schedule last did its work and does it next, where it works in runs of its own.
    pub(super) schedule: Option<Planned>,
    /// What duty means for it, where it is one of a pair.
    duty: Option<pair::Row>,
    /// The last change that was made or failed.
    last_change: Option<Event>,
}

/// The work that the schedule of a job plans.
#[derive(Debug, Serialize)]
pub(super) struct Planned {
    /// When it was last done in a run that the schedule began.
    pub(super) last_success: Option<Timestamp>,
    /// When the schedule begins the next run.
    pub(super) next: Option<Timestamp>,
}

pub(super) fn run(project: &Project, options: &StatusOptions) -> anyhow::Result<ExitCode> {
    let controller = project.controller();
    let now = Timestamp::now();
    let world = block_on(controller.look_around(now))?;
    let report = report(&controller, &world, now)?;
    if options.json {
        output::print(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    } else {
        output::print(&words::human(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn report(
    controller: &Controller,
    world: &World,
    at: Timestamp,
) -> anyhow::Result<Report> {
    let state_dir = controller.project().state_dir();
    // Without a journal everything but the last changes is known.
    let journal = Journal::open_to_read(&Journal::file(&state_dir)).unwrap_or_else(|error| {
        output::remark(&format!("the last changes are not known: {error}\n"));
        None
    });
    let observed = &world.observed;
    let watched = controller.is_watched();
    let pairs = standing::Pairs::of(world);
    let mut resources = Vec::new();
    for id in standing::ids(world) {
        let last_change = match &journal {
            Some(journal) => journal.last_change(id)?,
            None => None,
        };
        let duty = pairs.duty(id, watched, at);
        resources.push(Row { duty, ..row(controller, world, id, last_change)? });
    }
    let told = |it: (&Name, &String)| Blind { provider: it.0.clone(), why: it.1.clone() };
    let watch = Lock::holder(&lock::watch_file(&state_dir));
    let (heartbeat, overdue) = match &watch {
        Some(holder) => signs_of_life(controller, holder),
        None => (None, false),
    };
    let system = System::of(&world.desired, observed);
    let mut providers: BTreeSet<&Name> = resources.iter().map(|it| &it.id.provider).collect();
    providers.extend(observed.blind.keys());
    let component = |it: &Name| {
        let blind = observed.blind.get(it).cloned();
        // What it has not asked yet, it knows nothing of.
        let watched = heartbeat.as_ref().and_then(|heartbeat| heartbeat.providers.get(it));
        Component::of(it.clone(), blind, watched, at)
    };
    let components = providers.into_iter().map(component).collect();
    Ok(Report {
        version: VERSION,
        at,
        watch,
        last_look: heartbeat.map(|it| it.looked_at),
        overdue,
        blind: observed.blind.iter().map(told).collect(),
        unseen: observed.unseen.iter().map(told).collect(),
        remarks: (controller.remarks().into_iter())
            .map(|(provider, text)| Remark { provider: provider.clone(), text })
            .collect(),
        resources,
        system,
        components,
        paused: world.known.pauses.iter().filter(|it| it.is_on(at)).cloned().collect(),
        alerts_lost: match &journal {
            // That it can't be read is for `alerts` to say.
            Some(journal) => {
                alerts::book_of(journal).map_or_else(|_| Vec::new(), |it| alerts::lost(&it))
            }
            None => Vec::new(),
        },
    })
}

/// What the watch `holder` said of its last look, and whether its next sign of life is overdue.
fn signs_of_life(controller: &Controller, holder: &Holder) -> (Option<Heartbeat>, bool) {
    let state_dir = controller.project().state_dir();
    let heartbeat = Heartbeat::read(&state_dir).filter(|it| it.pid == holder.pid);
    let look_every = match &heartbeat {
        Some(heartbeat) => heartbeat.look_every(),
        None => controller.project().config.controller.look_every.0,
    };
    // Read last: a sign that is given meanwhile is not one of the future.
    let now = Timestamp::now();
    let signs = Signs {
        guard: Guard::Held { pid: holder.pid, since: holder.since },
        beat: heartbeat.as_ref().map(Heartbeat::beat),
        touched: Lock::touched(&lock::watch_file(&state_dir)),
    };
    let seen =
        Seen { signs, unchanged_since: now, awake_since: None, stopped: false, writable: true };
    let overdue = monitor::quiet(&seen, now) > monitor::patience(look_every, None);
    (heartbeat, overdue)
}

fn row(
    controller: &Controller,
    world: &World,
    id: &Id,
    last_change: Option<Event>,
) -> anyhow::Result<Row> {
    let World { desired, observed, .. } = world;
    let wanted = desired.wanted.get(id);
    let found = observed.found.get(id);
    let unseen = desired.unseen.contains_key(id);
    let kind = *controller.kinds().get(&id.provider).context("a resource without a provider")?;
    let mark = found.and_then(|found| found.mark.as_ref());
    let backs_up = wanted.map_or(mark.and_then(|it| it.backs_up.clone()), |it| it.backs_up.clone());
    Ok(Row {
        id: id.clone(),
        kind,
        is_asked_for: wanted.is_some() || unseen || desired.impossible.contains_key(id),
        managed: mark.is_some(),
        backs_up,
        state: standing::state(world, id),
        word: found.map(|found| found.status.word()),
        health: Health::in_view(desired, observed, id),
        since: found.and_then(|found| found.status.since()),
        vitals: found.and_then(|found| found.vitals.clone()),
        schedule: found.and_then(|found| match &found.status {
            Status::Job(job) => {
                Some(Planned { last_success: job.last_planned_success, next: job.next })
            }
            _ => None,
        }),
        duty: None,
        last_change,
    })
}
