//! Prechecks: asking, while a primary is stopped, whether it could do its work.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::sync::Notify;

use super::{Spec, asking::Asking};
use crate::core::{id::Id, probe::Judgement};

/// The prechecks that are being asked, by the backup on duty.
#[derive(Default)]
pub struct Prechecks {
    /// Those that there are, asked just now or not.
    known: BTreeMap<Id, Spec>,
    asked: BTreeMap<Id, Asking>,
    changed: Arc<Notify>,
}

impl Prechecks {
    /// Asks those of `specs` whose backup is `on_duty`, and no others.
    pub fn follow(&mut self, specs: &BTreeMap<Id, Spec>, on_duty: impl Fn(&Id) -> bool) {
        self.known.clone_from(specs);
        self.asked.retain(|id, asked| on_duty(id) && specs.get(id) == Some(&asked.spec));
        for (id, spec) in specs.iter().filter(|(id, _)| on_duty(id)) {
            if !self.asked.contains_key(id) {
                let (spec, changed) = (spec.clone(), Arc::clone(&self.changed));
                let asked = Asking::begin(spec, Judgement::unproven(), Duration::ZERO, changed);
                self.asked.insert(id.clone(), asked);
            }
        }
    }

    /// Whether the primary of a backup could do its work, if anything tells.
    #[must_use]
    pub fn of(&self, backup: &Id) -> Option<bool> {
        self.known.get(backup)?;
        let fine = |asked: &Asking| asked.judgement().unwell().is_none();
        Some(self.asked.get(backup).is_some_and(fine))
    }

    /// Resolves when one has changed its mind.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}
