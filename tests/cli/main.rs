//! The program as its users run it: the binary, real files, real processes.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
// Permissions and tables are readable as they are.
#![allow(clippy::format_collect, clippy::format_push_string, clippy::verbose_bit_mask)]
// What a failed test tells is read by people.
#![allow(clippy::print_stderr)]

mod apply;
mod canary;
mod doctor;
mod duty;
mod explain;
mod faults;
mod first_steps;
mod live;
mod logs;
mod metrics;
mod monitor;
mod order;
#[path = "../parts/mod.rs"]
mod parts;
mod pauses;
mod plan;
mod probes;
mod project;
#[path = "../parts/python.rs"]
mod python;
mod release;
mod reports;
mod rollback;
#[path = "../parts/watch.rs"]
mod running;
mod saving;
mod self_update;
#[path = "../parts/server/mod.rs"]
mod server;
mod service;
mod simulate;
mod start;
mod unattended;
mod updates;
#[path = "../parts/wait.rs"]
mod wait;
mod watch;
