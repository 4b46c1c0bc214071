//! How often a watch tries to recover what failed. The journal remembers it for the next watch.

use jiff::Timestamp;
use tracing::error;

use super::Watch;
use crate::{
    controller::World,
    core::{change::Step, health::Health, id::Id, incident, plan::Plan, resource::Run},
};

/// Under which key the journal has the incidents.
pub(super) const INCIDENTS: &str = "incidents";

impl Watch {
    /// Leaves out of `plan` the recoveries that rest or were tried often enough.
    pub(super) fn hold_recoveries(&mut self, plan: &mut Plan, now: Timestamp) {
        let failover = &self.controller.project().config.failover;
        let backoff = failover.backoff.into();
        let (attempts, calm) = (failover.max_recovery_attempts, failover.hold.0);
        let policy = incident::Policy { attempts, backoff, calm };
        let mut incidents = std::mem::take(&mut self.incidents);
        incidents
            .keep_only(|id| self.world.desired.wanted.get(id).is_some_and(|it| it.run == Run::On));
        incidents.see(|id| self.is_well(id), &policy, now);
        incidents.hold(plan, &policy, now);
        self.incidents = incidents;
        self.remember_incidents();
    }

    /// Notes which of `lanes` are attempts at recovery, before they are made: whoever is killed in
    /// the middle of one has made it.
    pub(super) fn note_recoveries(&mut self, lanes: &[Vec<Step>], now: Timestamp) {
        for lane in lanes {
            self.incidents.note(lane, now);
        }
        self.remember_incidents();
    }

    fn remember_incidents(&mut self) {
        let text = match serde_json::to_string(&self.incidents) {
            Ok(text) if text != self.remembered => text,
            _ => return,
        };
        match self.journal.borrow_mut().remember(INCIDENTS, &text) {
            Ok(()) => self.remembered = text,
            Err(error) => error!("the journal was not written: {error}"),
        }
    }

    /// Whether a resource does well, as far as was seen; what was just changed shows that later.
    fn is_well(&self, id: &Id) -> Option<bool> {
        let World { desired, observed } = &self.world;
        if self.in_hand.has(id) {
            return None;
        }
        let run = desired.wanted.get(id)?.run;
        match Health::of(run, observed.found.get(id).map(|it| &it.status)) {
            Health::Healthy => Some(true),
            Health::Unhealthy | Health::Failed => Some(false),
            Health::Stopped | Health::Unknown => None,
        }
    }
}
