//! What a watch sleeps until.

use std::time::Duration;

use futures_util::future::{FutureExt, select_all};
use jiff::Timestamp;
use tokio::time::Instant;

use super::Watch;
use crate::controller::{in_hand::Finished, signals::Signals, triggers::Changed};

/// The longest sleep while something is due by the clock: a clock that jumped is noticed by then.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// Later than anybody waits for: a time that the config gives may be longer than time itself.
const NEVER: Duration = Duration::from_hours(24 * 365);

/// Why the loop woke up.
pub(super) enum Wake {
    Signal,
    Finished(Finished),
    Files(Changed),
    Provider(usize),
    Probe,
    /// An alert could not be delivered.
    Lost,
    /// Somebody who looks on is to be shown what is so now.
    Onlooker,
    /// It is known whether there is a newer version of this program.
    Update,
    Timer,
}

impl Watch {
    pub(super) async fn sleep(&mut self, signals: &mut Signals) -> Wake {
        // However often something else wakes it.
        let mut until = self.looked_at + self.look_every().min(NEVER);
        if let Some(reports) = self.next_reports() {
            until = until.min(reports);
        }
        if let Some((_, at)) = &self.told_system {
            // Where all stays as it is, that is worth a look too.
            until = until.min((*at + self.check_every().min(NEVER)).max(Instant::now()));
        }
        if let Some(next) = self.next {
            let left = Duration::try_from(next.duration_since(Timestamp::now()));
            until = until.min(Instant::now() + left.unwrap_or_default().min(LONGEST_SLEEP));
        }
        let providers = self.controller.providers.iter();
        let providers =
            providers.map(|it| self.controller.oversight.woken(it.as_ref()).boxed_local());
        tokio::select! {
            biased;
            () = signals.received() => Wake::Signal,
            finished = self.in_hand.finished() => Wake::Finished(finished),
            changed = self.triggers.changed() => Wake::Files(changed),
            () = self.probes.changed() => Wake::Probe,
            () = self.prechecks.changed() => Wake::Probe,
            () = self.alerts.changed() => Wake::Lost,
            () = self.live.wanted() => Wake::Onlooker,
            () = self.updates.looked() => Wake::Update,
            () = tokio::time::sleep_until(until) => Wake::Timer,
            // Last, because one where much is going on always has news.
            ((), index, _) = select_all(providers) => Wake::Provider(index),
        }
    }
}
