//! Waiting for what must come, never for a time.

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: far longer than it takes.
pub(crate) const LONG: Duration = Duration::from_mins(1);

/// Waits until `what` is there, and fails the test when it never is.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
