//! What the service manager that runs this program is told: by `sd_notify(3)`, which systemd and others
//! read. Where nobody asked to be told, nothing is said.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::warn;

use crate::core::monitor;

/// A look at everything was completed: it is ready, and hangs where it does not say so again in time.
pub(super) fn looked(look_every: Duration) {
    let mut states = vec![NotifyState::Ready];
    // How long that may take changes with the config. The crate's own form ends at 71 minutes.
    let patience = monitor::patience(look_every, None).as_micros();
    let patience = format!("WATCHDOG_USEC={patience}");
    if sd_notify::watchdog_enabled().is_some() {
        states.extend([NotifyState::Custom(&patience), NotifyState::Watchdog]);
    }
    tell(&states);
}

/// What is in hand takes long, and does not hang.
pub(super) fn lives() {
    if sd_notify::watchdog_enabled().is_some() {
        tell(&[NotifyState::Watchdog]);
    }
}

/// It is about to end.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!("the service manager was not told: {error}");
    }
}
