//! Probes: asking a process whether it does its work, in place of taking its pid for an answer.

mod ask;
mod asking;
mod precheck;
mod watch;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

pub use precheck::Prechecks;
pub use watch::Probes;

use crate::{
    config::{self, Project, probe::Probe},
    core::{
        id::{Id, Name},
        probe::{Judgement, Patience},
        resource::{Observed, Status},
    },
};

/// The rest between two questions of somebody who looks only once.
const IN_A_ROW: Duration = Duration::from_millis(300);

/// A probe of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    probe: Probe,
    /// The folder that a file or a program is meant from.
    root: PathBuf,
    patience: Patience,
}

/// The probes of a project, by what they ask about.
#[must_use]
pub fn of(project: &Project) -> BTreeMap<Id, Spec> {
    let failover = &project.config.failover;
    let patience = Patience { fall: failover.fall, rise: failover.rise };
    let processes = project.config.process.iter();
    let probed = processes.filter_map(|process| {
        let probe = process.probe.clone()?;
        let id = Id::new(Name::literal(process.runner().provider()), process.name.clone());
        Some((id, Spec { probe, root: project.root.clone(), patience }))
    });
    probed.collect()
}

/// The prechecks of the primaries of a project, by their backups.
#[must_use]
pub fn prechecks_of(project: &Project) -> BTreeMap<Id, Spec> {
    let patience = Patience { fall: 1, rise: project.config.failover.rise };
    let prechecks = config::prechecks(project);
    let spec = |probe: &Probe| Spec { probe: probe.clone(), root: project.root.clone(), patience };
    prechecks.map(|(id, probe)| (id, spec(probe))).collect()
}

/// Asks everything that runs and has a probe, as often in a row as it takes to be sure, and notes in
/// `observed` what is unwell, and of what that is not known. For somebody who looks only once.
pub async fn ask_once(specs: &BTreeMap<Id, Spec>, observed: &mut Observed, now: Timestamp) {
    for id in specs.keys() {
        note(observed, id, &Judgement::default());
    }
    let due = specs.iter().filter(|(id, spec)| is_due(spec, observed, id, now));
    let asked = join_all(due.map(|(id, spec)| async move { (id, in_a_row(spec).await) })).await;
    for (id, judgement) in asked {
        note(observed, id, &judgement);
    }
}

/// Whether a process runs, and has for long enough to be asked.
fn is_due(spec: &Spec, observed: &Observed, id: &Id, now: Timestamp) -> bool {
    let grace = SignedDuration::try_from(spec.probe.start_period.0).unwrap_or_default();
    match observed.found.get(id).map(|it| &it.status) {
        // A start that is yet to come says that the clock was set back.
        Some(Status::Running { since, .. }) => {
            let age = now.duration_since(*since);
            age.is_negative() || age >= grace
        }
        _ => false,
    }
}

async fn in_a_row(spec: &Spec) -> Judgement {
    let mut judgement = Judgement::default();
    for n in 0..spec.patience.fall {
        if n > 0 {
            tokio::time::sleep(IN_A_ROW).await;
        }
        let answer = ask::ask(spec).await;
        let fine = answer.is_ok();
        judgement = judgement.after(answer, spec.patience);
        if fine {
            break;
        }
    }
    judgement
}

/// Notes that a process that runs is unwell, if it is, or that this is not known yet.
fn note(observed: &mut Observed, id: &Id, judgement: &Judgement) {
    observed.unproven.remove(id);
    let Some(actual) = observed.found.get_mut(id) else { return };
    let Status::Running { pid, since } = actual.status else { return };
    if let Some(why) = judgement.unwell() {
        let how = format!("fails its probe: {why}");
        actual.status = Status::Unwell { pid, since, how, proven: true };
    } else if judgement.is_well().is_none() {
        observed.unproven.insert(id.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::resource::{Actual, Body};

    fn running() -> (Id, Observed) {
        let id: Id = "embedded/w".parse().unwrap();
        let status = Status::Running { pid: 7, since: Timestamp::UNIX_EPOCH };
        let actual = Actual { body: Body::default(), status, mark: None, vitals: None };
        (id.clone(), Observed { found: [(id, actual)].into(), ..Observed::default() })
    }

    fn spec(program: &str, start_period: &str) -> Spec {
        let text = format!("command = [\"{program}\"]\nstart_period = \"{start_period}\"");
        let probe = toml::from_str(&text).unwrap();
        Spec { probe, root: PathBuf::from("/"), patience: Patience { fall: 1, rise: 1 } }
    }

    #[tokio::test]
    async fn what_was_not_asked_yet_is_not_known_to_be_well() {
        let (id, mut observed) = running();
        let specs = BTreeMap::from([(id.clone(), spec("true", "1h"))]);
        ask_once(&specs, &mut observed, Timestamp::UNIX_EPOCH).await;
        assert!(observed.unproven.contains(&id), "it has just begun");
        ask_once(&specs, &mut observed, Timestamp::from_second(3600).unwrap()).await;
        assert!(observed.unproven.is_empty());

        let (id, mut observed) = running();
        let specs = BTreeMap::from([(id.clone(), spec("true", "0s"))]);
        let mut probes = Probes::default();
        probes.follow(&specs, &mut observed);
        assert!(observed.unproven.contains(&id), "nobody has answered yet");
        // A good answer to the first question is news.
        probes.changed().await;
        probes.follow(&specs, &mut observed);
        assert!(observed.unproven.is_empty());
        // Without a probe nothing has to be proven.
        observed.unproven.insert(id);
        probes.follow(&BTreeMap::new(), &mut observed);
        assert!(observed.unproven.is_empty());
    }
}
