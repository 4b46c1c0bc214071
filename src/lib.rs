//! `redundancy` gives every automation of a team a stand-in that really takes over.
//!
//! The map of the house, in the direction that data flows:
//!
//! - [`config`] reads `redundancy.toml`: what must exist.
//! - [`provider`] has a folder for each place where resources live. Each looks at its place, says
//!   what the config asks of it, and makes one change at a time.
//! - [`probe`] asks what runs whether it does its work.
//! - [`core`] decides: what differs, in which order it is changed, what is left alone and why. Pure
//!   functions of data.
//! - [`controller`] is the loop around them: look, plan, carry out, and under `watch` again.
//! - [`journal`] remembers what was seen and done, and for the next watch who was on duty.
//! - [`sync`] keeps a git checkout in step with its remote. It stands beside the loop and uses only
//!   its locks.
//! - [`update`] puts a newer version of this program in its place, and the one before back.
//! - `http` is what the clients of services have in common, `disk` what all have who write files, and `group`
//!   what all have who run a command and may give it up.
//! - [`cli`] has a file for each verb, and the only code that prints.

pub mod cli;
pub mod config;
pub mod controller;
pub mod core;
mod disk;
mod group;
mod http;
pub mod journal;
pub mod probe;
pub mod provider;
pub mod sync;
pub mod update;
