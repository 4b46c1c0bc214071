//! Probes that go on for as long as a watch does.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{Spec, asking::Asking, note};
use crate::core::{
    id::Id,
    probe::Judgement,
    resource::{Observed, Status},
};

/// The probes that are being asked.
#[derive(Default)]
pub struct Probes {
    asked: BTreeMap<Id, Asked>,
    changed: Arc<Notify>,
}

/// A probe that is being asked about one run of a process.
struct Asked {
    pid: u32,
    since: Timestamp,
    asking: Asking,
}

impl Probes {
    /// Asks about what runs now, by `specs`, and about nothing else; what was asked before goes on.
    /// Notes in `observed` what is unwell, and of what that is not known yet.
    pub fn follow(&mut self, specs: &BTreeMap<Id, Spec>, observed: &mut Observed, now: Timestamp) {
        let running = |id: &Id| match observed.found.get(id)?.status {
            // What was found unwell before, and not looked at since, is still asked.
            Status::Running { pid, since } | Status::Unwell { pid, since, .. } => {
                Some((pid, since))
            }
            _ => None,
        };
        self.asked.retain(|id, asked| {
            // What can't be seen just now is asked on.
            let is_there = observed.blind.contains_key(&id.provider)
                || running(id) == Some((asked.pid, asked.since));
            is_there && specs.get(id) == Some(&asked.asking.spec)
        });
        for (id, spec) in specs {
            if let Some((pid, since)) = running(id)
                && !self.asked.contains_key(id)
            {
                let (grace, changed) = (spec.grace(since, now), Arc::clone(&self.changed));
                let asking = Asking::begin(spec.clone(), Judgement::default(), grace, changed);
                self.asked.insert(id.clone(), Asked { pid, since, asking });
            }
        }
        observed.unproven.clear();
        for (id, asked) in &self.asked {
            note(observed, id, &asked.asking.judgement());
        }
    }

    /// Resolves when something has become unwell, or well, or is known to be so at last.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}
