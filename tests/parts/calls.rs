//! Calls of a client, made in a test.

use std::time::Duration;

use redundancy::provider::github::api::Pace;

/// Enough time for any answer, and none between changes.
pub(crate) const PACE: Pace = Pace {
    connect: Duration::from_secs(20),
    whole: Duration::from_mins(1),
    between_writes: Duration::ZERO,
};

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Fails where `token` is in `text`, or a piece of it.
#[track_caller]
pub(crate) fn without(token: &str, text: &str) {
    let pieces = (4..token.len() - 8).map(|at| &token[at..at + 8]);
    assert!(!pieces.into_iter().any(|it| text.contains(it)), "the token is in {text}");
}
