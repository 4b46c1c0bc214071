//! The changes that a watch has in hand: how they are begun, and what follows when they are done.

use std::time::Duration;

use jiff::Timestamp;
use tracing::{error, info};

use super::Watch;
use crate::{
    controller::{Progress, Scope, in_hand::Finished, service_manager},
    core::{change::Step, reconciler::Failed},
};

/// The longest time without a sign of life while changes in hand are waited for.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);

impl Watch {
    /// Waits until nothing is in hand.
    pub(super) async fn finish_all(&mut self) {
        let pause = self.look_every().min(LONGEST_SILENCE);
        while !self.in_hand.is_empty() {
            tokio::select! {
                finished = self.in_hand.finished() => {
                    self.take_finished(finished);
                }
                // It may take long, and is not hanging.
                () = tokio::time::sleep(pause) => {
                    self.lock.touch();
                    service_manager::lives();
                }
            }
        }
    }

    /// Notes what came of a lane and begins the next one; what to look at when it was the last.
    pub(super) fn take_finished(
        &mut self,
        Finished { lane, done, error, .. }: Finished,
    ) -> Option<Scope> {
        let failed = error.map(Failed::from);
        self.metrics.changed(&lane, done, failed.is_some());
        self.reconciler.finish(&lane, done, failed, Timestamp::now());
        if !self.in_hand.is_empty() {
            self.remember();
        }
        // Else the look that follows remembers it.
        self.begin();
        let place = |step: &Step| {
            let providers = &self.controller.providers;
            let index = providers.iter().position(|it| *it.name() == step.id.provider);
            index.map_or(Scope::All, Scope::One)
        };
        let touched = self.touched.take().into_iter().chain(lane.iter().map(place));
        self.touched = touched.reduce(Scope::and);
        if self.in_hand.is_empty() { self.touched.take() } else { None }
    }

    pub(super) fn begin(&mut self) {
        self.in_hand.begin(
            &self.controller,
            &self.journal,
            &self.stop,
            |progress| match progress {
                Progress::Done(step) => {
                    info!(provider = %step.id.provider, "{}: {} done ({})", step.id, step.change.verb(), step.reason);
                }
                Progress::Failed(step, why) => {
                    error!(provider = %step.id.provider, "{}: {} failed: {why}", step.id, step.change.verb());
                }
                Progress::NotBegun(step) => {
                    info!(provider = %step.id.provider, "{}: {} not begun", step.id, step.change.verb());
                }
                Progress::JournalFailed(why) => error!("the journal was not written: {why}"),
            },
        );
    }
}
