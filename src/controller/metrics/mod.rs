//! The figures of a running watch, for those who draw curves of them and wake people by them.
//!
//! Their names follow Prometheus's rules: basic units, `_total` for what only grows. `examples/prometheus` has
//! rules for them.

mod serve;

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use self::serve::Server;
use crate::{
    config::{Project, metrics},
    core::{
        change::Step,
        duty::{self, Side},
        health::Health,
        id::Id,
        job,
        measure::Measure,
        reconciler::News,
    },
};

/// Seconds that a look takes: from what hardly anybody notices to what is given up.
const LOOK_SECONDS: [f64; 9] = [0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 5.0, 10.0, 30.0];

type Float = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProvider {
    provider: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfResource {
    id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfHealth {
    id: String,
    health: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPair {
    backup: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfMove {
    backup: String,
    to: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfChange {
    provider: String,
    change: &'static str,
    result: &'static str,
}

/// The figures, and who is told them.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// None where nobody is told anything.
    figures: Option<Figures>,
}

#[derive(Debug)]
struct Figures {
    asked: metrics::Metrics,
    root: PathBuf,
    server: Server,
    health: Family<OfHealth, Gauge>,
    restarts: Family<OfResource, Gauge>,
    memory: Family<OfResource, Gauge>,
    seen: Family<OfProvider, Gauge>,
    held: Family<OfProvider, Gauge>,
    held_for_a_person: Family<OfProvider, Gauge>,
    backup_on_duty: Family<OfPair, Gauge>,
    blocked: Family<OfPair, Gauge>,
    moves: Family<OfMove, Counter>,
    healthy: Gauge,
    known: Gauge,
    last_look: Float,
    look_seconds: Histogram,
    changes: Family<OfChange, Counter>,
    emergencies: Counter,
    alerts: Gauge,
    lost: Gauge,
    config_in_force: Gauge,
    config_changed: Float,
    rss: Gauge,
    open_files: Gauge,
}

impl Metrics {
    /// Whether anybody is told.
    pub(super) fn are_wanted(&self) -> bool {
        self.figures.is_some()
    }

    /// Goes by what the config says. Where it says the same as before, the figures go on.
    pub(super) fn configure(&mut self, project: &Project) {
        let asked = &project.config.metrics;
        if asked.port.is_none() && asked.socket.is_none() {
            self.figures = None;
            return;
        }
        let same = |it: &Figures| it.asked == *asked && it.root == project.root;
        if !self.figures.as_ref().is_some_and(same) {
            self.figures = None;
            self.figures = Some(Figures::new(project));
        }
        self.serve();
    }

    /// Listens where that is asked for and could not be done before.
    pub(super) fn serve(&mut self) {
        if let Some(it) = &mut self.figures {
            it.server.listen(&it.asked, &it.root);
        }
    }

    /// Takes what was seen and decided.
    pub(super) fn see(&self, measure: &Measure, news: &[News], now: Timestamp) {
        if let Some(it) = &self.figures {
            it.see(measure, now);
            for news in news {
                it.count(news);
            }
        }
    }

    /// Takes how many alerts are open, and how many messages could not be delivered.
    pub(super) fn see_alerts(&self, open: usize, lost: u64) {
        if let Some(it) = &self.figures {
            it.alerts.set(whole(open));
            it.lost.set(lost.try_into().unwrap_or(i64::MAX));
        }
    }

    /// Takes that a look took so long.
    pub(super) fn looked(&self, took: Duration) {
        if let Some(it) = &self.figures {
            it.look_seconds.observe(took.as_secs_f64());
        }
    }

    /// Takes that the config was read again, and whether it is in force.
    pub(super) fn reloaded(&self, in_force: bool, now: Timestamp) {
        if let Some(it) = &self.figures {
            it.config_in_force.set(in_force.into());
            if in_force {
                it.config_changed.set(seconds(now));
            }
        }
    }

    /// Takes that the first `done` steps of a lane were made, and that the next one failed.
    pub(super) fn changed(&self, lane: &[Step], done: usize, failed: bool) {
        let Some(it) = &self.figures else { return };
        let count = |step: &Step, result| {
            let (provider, change) = (step.id.provider.to_string(), step.change.verb());
            it.changes.get_or_create(&OfChange { provider, change, result }).inc();
        };
        lane.iter().take(done).for_each(|step| count(step, "done"));
        lane.iter().skip(done).take(failed.into()).for_each(|step| count(step, "failed"));
    }
}

impl Figures {
    fn new(project: &Project) -> Self {
        let mut registry = Registry::with_prefix("redundancy");
        let build = Info::new(vec![("version", env!("VERSION"))]);
        registry.register("build", "The version of the program", build);
        let it = Self {
            asked: project.config.metrics.clone(),
            root: project.root.clone(),
            server: Server::default(),
            health: Family::default(),
            restarts: Family::default(),
            memory: Family::default(),
            seen: Family::default(),
            held: Family::default(),
            held_for_a_person: Family::default(),
            backup_on_duty: Family::default(),
            blocked: Family::default(),
            moves: Family::default(),
            healthy: Gauge::default(),
            known: Gauge::default(),
            last_look: Gauge::default(),
            look_seconds: Histogram::new(LOOK_SECONDS),
            changes: Family::default(),
            emergencies: Counter::default(),
            alerts: Gauge::default(),
            lost: Gauge::default(),
            config_in_force: Gauge::default(),
            config_changed: Gauge::default(),
            rss: Gauge::default(),
            open_files: Gauge::default(),
        };
        it.config_in_force.set(1);
        it.config_changed.set(seconds(Timestamp::now()));
        it.register(&mut registry);
        Self { server: Server::of(Arc::new(registry)), ..it }
    }

    fn register(&self, to: &mut Registry) {
        let resource = |name: &'static str| format!("resource_{name}");
        to.register(
            resource("health"),
            "1 for how a resource does, 0 for how it does not",
            self.health.clone(),
        );
        let text = "How often a resource was started again, where its provider tells";
        to.register(resource("restarts"), text, self.restarts.clone());
        let text = "The memory of a resource, where its provider tells";
        to.register_with_unit(resource("memory"), text, Unit::Bytes, self.memory.clone());
        let text = "Whether all of a provider could be seen at the last look";
        to.register("provider_seen", text, self.seen.clone());
        let text = "Resources that are left as they are although they differ";
        to.register("held", text, self.held.clone());
        let text = "Those of them about which a person has to do something";
        to.register("held_for_a_person", text, self.held_for_a_person.clone());
        let text = "Whether duty of a pair is at its backup";
        to.register("backup_on_duty", text, self.backup_on_duty.clone());
        let text = "Whether duty of a pair can't move, because a side can't be proven stopped";
        to.register("duty_blocked", text, self.blocked.clone());
        let text = "How often duty of a pair arrived at a side";
        to.register("duty_moves", text, self.moves.clone());
        let text = "Components that do their work";
        to.register("components_healthy", text, self.healthy.clone());
        let text = "Components of which it is known whether they do their work";
        to.register("components_known", text, self.known.clone());
        let text = "When the last look was completed, in seconds since 1970";
        to.register_with_unit("last_look_timestamp", text, Unit::Seconds, self.last_look.clone());
        let text = "How long looks took";
        to.register_with_unit("look_duration", text, Unit::Seconds, self.look_seconds.clone());
        to.register("changes", "Changes that were made, or failed", self.changes.clone());
        to.register("emergencies", "Emergencies that were declared", self.emergencies.clone());
        to.register("alerts_open", "Alerts that are open", self.alerts.clone());
        let text = "Messages that could not be delivered, of those that are remembered";
        to.register("alerts_lost", text, self.lost.clone());
        let text = "Whether redundancy.toml as it is now is in force";
        to.register("config_in_force", text, self.config_in_force.clone());
        let text = "When a config came into force, in seconds since 1970";
        let name = "config_in_force_since_timestamp";
        to.register_with_unit(name, text, Unit::Seconds, self.config_changed.clone());
        let text = "The memory of the watch itself";
        to.register_with_unit("watch_resident_memory", text, Unit::Bytes, self.rss.clone());
        to.register(
            "watch_open_files",
            "The files that the watch has open",
            self.open_files.clone(),
        );
    }

    fn see(&self, measure: &Measure, now: Timestamp) {
        self.health.clear();
        self.restarts.clear();
        self.memory.clear();
        for (id, resource) in &measure.resources {
            let id = id.to_string();
            for health in Health::ALL {
                let labels = OfHealth { id: id.clone(), health: health.to_string() };
                self.health.get_or_create(&labels).set((health == resource.health).into());
            }
            let labels = OfResource { id };
            for (family, value) in
                [(&self.restarts, resource.restarts), (&self.memory, resource.memory)]
            {
                if let Some(value) = value {
                    let value = value.try_into().unwrap_or(i64::MAX);
                    family.get_or_create(&labels).set(value);
                }
            }
        }
        for family in [&self.seen, &self.held, &self.held_for_a_person] {
            family.clear();
        }
        for (provider, seen) in &measure.seen {
            let count = |of: &std::collections::BTreeMap<_, u32>| {
                i64::from(of.get(provider).copied().unwrap_or_default())
            };
            let labels = OfProvider { provider: provider.to_string() };
            self.seen.get_or_create(&labels).set((*seen).into());
            self.held.get_or_create(&labels).set(count(&measure.held));
            self.held_for_a_person.get_or_create(&labels).set(count(&measure.held_for_a_person));
        }
        self.backup_on_duty.clear();
        self.blocked.clear();
        for (backup, duty) in &measure.pairs {
            let labels = OfPair { backup: backup.to_string() };
            let on_duty = duty.on == Some(Side::Backup);
            self.backup_on_duty.get_or_create(&labels).set(on_duty.into());
            self.blocked.get_or_create(&labels).set(duty.blocked.into());
        }
        self.healthy.set(whole(measure.share.healthy));
        self.known.set(whole(measure.share.known));
        self.last_look.set(seconds(now));
        let (rss, open_files) = of_this_process();
        self.rss.set(rss);
        self.open_files.set(open_files);
    }

    fn count(&self, news: &News) {
        match news {
            News::Duty { backup, news: duty::News::OnDuty { side, .. } } => {
                self.moves(backup, *side);
            }
            News::Job { backup, news: job::News::StandsIn(_) } => self.moves(backup, Side::Backup),
            News::Job { backup, news: job::News::HandsBack { .. } } => {
                self.moves(backup, Side::Primary);
            }
            News::Emergency(_) => drop(self.emergencies.inc()),
            News::Duty { .. } | News::Storm(_) => {}
        }
    }

    /// Counts that duty arrived at `side`.
    fn moves(&self, backup: &Id, side: Side) {
        let to = match side {
            Side::Primary => "primary",
            Side::Backup => "backup",
        };
        self.moves.get_or_create(&OfMove { backup: backup.to_string(), to }).inc();
    }
}

fn whole(number: usize) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "to the millisecond for thousands of years")]
fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// The resident memory of this process in bytes and how many files it has open, by `/proc` (proc(5)); 0 where
/// that can't be read.
fn of_this_process() -> (i64, i64) {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|it| it.parse::<usize>().ok()).unwrap_or_default();
    let files = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    // The one by which they are counted is closed again.
    (whole(pages.saturating_mul(rustix::param::page_size())), whole(files.saturating_sub(1)))
}
