//! `redundancy sync`, as its users run it: the binary, the real git, a real remote.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::format_collect, clippy::format_push_string)]

mod faults;
mod keeping;
mod refusals;
mod repeating;
mod repo;
mod strategies;
#[path = "../parts/wait.rs"]
mod wait;
