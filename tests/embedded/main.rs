//! Embedded processes, from their start to their removal, with real processes under a real kernel.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod adoption;
mod changes;
mod logs;
mod records;
mod restarts;
mod schedules;
mod stopping;
mod world;
