//! Alerts through the binary: a watch with processes that fail, and those who are told, on the loopback.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
// Texts are readable as they are.
#![allow(clippy::format_push_string)]
// What a failed test tells is read by people.
#![allow(clippy::print_stderr)]

mod bad_sinks;
mod config;
#[path = "../cli/project.rs"]
#[allow(dead_code)]
mod project;
mod providers;
#[path = "../parts/watch.rs"]
mod running;
mod scene;
#[path = "../parts/server/mod.rs"]
mod server;
mod story;
mod verbs;
#[path = "../parts/wait.rs"]
mod wait;
