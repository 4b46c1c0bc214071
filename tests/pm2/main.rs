//! Processes of PM2, through the binary and with real daemons from npm.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
// What a failed test tells is read by people.
#![allow(clippy::print_stderr)]

mod apps;
mod by_hand;
mod changes;
mod chaos;
mod daemon;
mod example;
mod failing;
mod fake;
mod left;
mod missing;
mod names;
#[path = "../parts/mod.rs"]
mod parts;
mod primaries;
mod secrets;
mod updates;
mod versions;
#[path = "../parts/wait.rs"]
mod wait;
#[path = "../parts/watch.rs"]
mod watch;
mod world;
mod zion;
