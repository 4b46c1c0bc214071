//! Probes: asking a process whether it does its work, in place of taking its pid for an answer.

mod ask;
mod asking;
mod precheck;
mod watch;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

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

/// How many are asked at the same time by somebody who looks only once: each may be a program.
const AT_ONCE: usize = 32;

/// A probe of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    probe: Probe,
    /// The folder that a file or a program is meant from.
    root: PathBuf,
    patience: Patience,
}

impl Spec {
    /// How much is left, at `now`, of the time that what began at `since` has to come up.
    fn grace(&self, since: Timestamp, now: Timestamp) -> Duration {
        let age = now.duration_since(since);
        // A start that is yet to come says that the clock was set back.
        let Ok(age) = Duration::try_from(age) else { return Duration::ZERO };
        self.probe.start_period.0.saturating_sub(age)
    }

    /// Whether a good answer says something before that time is over. A file may be as young as it is
    /// from the run before.
    fn can_answer_early(&self) -> bool {
        self.probe.file.is_none()
    }
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
/// `observed` what is unwell, and of what that is not known. For somebody who looks only once. What may
/// still come up is asked once, and a bad answer of it says nothing.
pub async fn ask_once(specs: &BTreeMap<Id, Spec>, observed: &mut Observed, now: Timestamp) {
    for id in specs.keys() {
        note(observed, id, &Judgement::default());
    }
    let running = specs.iter().filter_map(|(id, spec)| {
        let Status::Running { since, .. } = observed.found.get(id)?.status else { return None };
        Some((id, spec, spec.grace(since, now)))
    });
    let asked = running.map(|(id, spec, grace)| async move {
        let judgement = if grace.is_zero() { in_a_row(spec).await } else { early(spec).await };
        (id, judgement)
    });
    let asked: Vec<_> = stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
    for (id, judgement) in asked {
        note(observed, id, &judgement);
    }
}

/// What one answer says of what may still come up: only that it has, where it is good.
async fn early(spec: &Spec) -> Judgement {
    let judgement = Judgement::default();
    if !spec.can_answer_early() {
        return judgement;
    }
    match ask::ask(spec).await {
        Ok(()) => judgement.after(Ok(()), spec.patience),
        Err(_) => judgement,
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

    /// Whether what began an hour ago less a second, or an hour ago, does its work, as far as a single look
    /// can tell.
    async fn asked_once(spec: Spec) -> [Option<bool>; 2] {
        let specs = BTreeMap::from([(running().0, spec)]);
        let mut known = [None; 2];
        for (second, known) in [3599, 3600].into_iter().zip(&mut known) {
            let (id, mut observed) = running();
            ask_once(&specs, &mut observed, Timestamp::from_second(second).unwrap()).await;
            let is_well = matches!(observed.found[&id].status, Status::Running { .. });
            *known = (!observed.unproven.contains(&id)).then_some(is_well);
        }
        known
    }

    #[tokio::test]
    async fn as_long_as_it_may_come_up_only_a_good_answer_counts() {
        assert_eq!(asked_once(spec("false", "1h")).await, [None, Some(false)]);
        assert_eq!(asked_once(spec("true", "1h")).await, [Some(true), Some(true)]);
        // A file may be from before.
        let probe =
            toml::from_str("file = \".\"\nmax_age = \"87600h\"\nstart_period = \"1h\"").unwrap();
        let file = Spec { probe, ..spec("true", "1h") };
        assert_eq!(asked_once(file).await, [None, Some(true)]);
    }

    #[tokio::test]
    async fn what_was_not_asked_yet_is_not_known_to_be_well() {
        let (id, mut observed) = running();
        let specs = BTreeMap::from([(id.clone(), spec("true", "1h"))]);
        let mut probes = Probes::default();
        let now = Timestamp::UNIX_EPOCH;
        probes.follow(&specs, &mut observed, now);
        assert!(observed.unproven.contains(&id), "nobody has answered yet");
        // A good answer to the first question is news.
        probes.changed().await;
        probes.follow(&specs, &mut observed, now);
        assert!(observed.unproven.is_empty());
        // Without a probe nothing has to be proven.
        observed.unproven.insert(id);
        probes.follow(&BTreeMap::new(), &mut observed, now);
        assert!(observed.unproven.is_empty());
    }
}
