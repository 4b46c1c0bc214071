//! The pairs that a config asks for: each backup with its primary, and the rules between them.

use std::time::Duration;

use super::{
    Project,
    failover::{Mode, PairFailover},
    probe::Probe,
    process::{Process, Runner, State},
};
use crate::core::{
    duty::Rules,
    evidence::Patience,
    failover::Pair,
    id::{Id, Name},
};

/// How long a primary that is not of this file may take to stop.
const FOREIGN_STOP: Duration = Duration::from_secs(30);

/// How much longer than its own time to stop a stop may take before it counts as not proven.
const SLACK: Duration = Duration::from_secs(15);

/// The pairs of a project. One of which either side is switched off in the config is none: nobody
/// can take over, or nothing is to be taken over.
#[must_use]
pub fn pairs(project: &Project) -> Vec<Pair> {
    let processes = &project.config.process;
    processes.iter().filter_map(|backup| pair(project, backup)).collect()
}

/// How to tell whether the stopped primary of a backup could do its work, by the backup.
pub fn prechecks(project: &Project) -> impl Iterator<Item = (Id, &Probe)> {
    project.config.process.iter().filter_map(|backup| {
        let precheck = backup.failover.as_ref()?.precheck.as_ref()?;
        Some((id_of(backup), precheck))
    })
}

fn pair(project: &Project, backup: &Process) -> Option<Pair> {
    let target = backup.backs_up.as_deref()?;
    let off = |process: &Process| process.state == Some(State::Stopped);
    let primary = find(&project.config.process, target);
    if off(backup) || primary.is_some_and(off) {
        return None;
    }
    let id = primary.map_or_else(|| foreign(target), id_of);
    let usual = &project.config.failover;
    let own = PairFailover::default();
    let own = backup.failover.as_ref().unwrap_or(&own);
    let stops = |process: Option<&Process>| process.map_or(FOREIGN_STOP, |it| it.stop_timeout.0);
    let rules = Rules {
        exclusive: backup.mode.unwrap_or(usual.mode) == Mode::Exclusive,
        controls_primary: primary.is_some() || own.control_primary.unwrap_or(usual.control_primary),
        patience: Patience {
            fall: own.fall.unwrap_or(usual.fall),
            calm: own.hold.unwrap_or(usual.hold).0,
        },
        settle: own.settle.unwrap_or(usual.settle).0,
        hold: own.hold.unwrap_or(usual.hold).0,
        hand_back: own.hand_back.as_ref().unwrap_or(&usual.hand_back).clone().into(),
        budget: own.max_failovers.unwrap_or(usual.max_failovers),
        window: own.window.unwrap_or(usual.window).0,
        fence: stops(primary).max(stops(Some(backup))).saturating_add(SLACK),
    };
    Some(Pair { primary: id, backup: id_of(backup), rules })
}

/// The process of this file that `target` means, if it means one.
pub(super) fn find<'p>(processes: &'p [Process], target: &str) -> Option<&'p Process> {
    let (runner, name) = match target.split_once('/') {
        Some(("embedded", name)) => (Some(Runner::Embedded), name),
        Some(("pm2", name)) => (Some(Runner::Pm2), name),
        _ => (None, target),
    };
    let mut named = processes.iter().filter(|it| it.name.as_str() == name);
    named.find(|it| runner.is_none_or(|runner| it.runner() == runner))
}

/// What `target` means, written in one way: `web` and `embedded/web` may be the same process.
pub(super) fn in_full(processes: &[Process], target: &str) -> String {
    match find(processes, target) {
        Some(process) => id_of(process).to_string(),
        None => format!("{}/{}", Runner::Pm2.provider(), called_by_pm2(target)),
    }
}

/// The id of a primary that is none of this file: one of PM2.
fn foreign(target: &str) -> Id {
    Id::new(Name::literal(Runner::Pm2.provider()), Name::nearest(called_by_pm2(target)))
}

fn called_by_pm2(target: &str) -> &str {
    target.strip_prefix("pm2/").unwrap_or(target)
}

/// The id of a process of this file.
fn id_of(process: &Process) -> Id {
    Id::new(Name::literal(process.runner().provider()), process.name.clone())
}
