//! `redundancy` gives every automation of a team a stand-in that really takes over.
pub mod config;
pub mod core;
pub mod journal;
pub mod provider;
