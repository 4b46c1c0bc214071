//! The guard of a backup workflow, executed for real: the program generates the backup, `act` runs it
//! on this machine, and a server on the loopback answers as GitHub does.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod act;
mod github;
mod jobs;
#[path = "../parts/mod.rs"]
mod parts;
#[path = "../parts/python.rs"]
mod python;
mod rules;
mod token;
