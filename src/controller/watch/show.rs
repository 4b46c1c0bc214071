//! What a watch shows those who look on.

use jiff::Timestamp;
use tracing::error;

use super::Watch;
use crate::controller::{Known, live};

impl Watch {
    /// Shows what is so now to all who look on.
    pub(super) fn show(&mut self) {
        // The watch itself goes by what its reconciler knows.
        self.world.known = Known {
            pairs: self.controller.pairs().to_vec(),
            duties: self.reconciler.duties().clone(),
            memory: self.reconciler.memory().clone(),
            pauses: self.reconciler.pauses().clone(),
        };
        let frame = {
            let (journal, pid) = (self.journal.borrow(), Some(std::process::id()));
            live::frame(&self.controller, &self.world, Some(&journal), pid, Timestamp::now())
        };
        self.world.known = Known::default();
        let in_hand = self.in_hand.all().map(|(id, verb)| (verb.to_owned(), id.clone())).collect();
        let frame = crate::core::live::Frame { looked_at: self.live.looked_at, in_hand, ..frame };
        match serde_json::to_string(&frame) {
            Ok(line) => self.live.show(line + "\n"),
            Err(error) => error!("what is so can't be shown to those who look on: {error}"),
        }
    }
}
