//! Failover through the binary: a pair of programs of which one works at any time, whatever happens.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
// Tables are readable as they are.
#![allow(clippy::format_collect, clippy::format_push_string)]
// What was measured, and what a failed test tells, is read by people.
#![allow(clippy::print_stderr)]

mod beats;
mod chaos;
mod example;
mod hand_back;
mod pair;
#[path = "../parts/mod.rs"]
mod parts;
mod scenarios;
#[path = "../parts/wait.rs"]
mod wait;
#[path = "../parts/watch.rs"]
mod watch;
mod watch_dies;
// What only the tests of PM2 need of it is not needed here.
#[allow(dead_code, unused_imports)]
#[path = "../pm2/world/mod.rs"]
mod world;
