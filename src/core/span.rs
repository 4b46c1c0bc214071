//! Lengths of time beside points in time, without an end that could be overrun.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// `duration`, as the difference of two points in time; the longest one where it is longer than that.
pub(crate) fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// `duration` after `at`; the end of time where that is later.
pub(crate) fn after(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_add(signed(duration)).unwrap_or(Timestamp::MAX)
}
