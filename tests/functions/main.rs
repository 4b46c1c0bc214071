//! `redundancy test`: through the program, with Netlify's own bundler and the real Node.js.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod again;
mod failures;
mod forms;
// What it has for other tests is not needed here.
#[allow(dead_code)]
#[path = "../files/node.rs"]
mod node;
#[path = "../parts/mod.rs"]
mod parts;
mod programs;
mod safety;
mod served;
mod site;
#[path = "../parts/wait.rs"]
mod wait;
mod zipped;
#[path = "../parts/zips.rs"]
mod zips;
