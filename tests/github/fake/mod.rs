//! A GitHub to test against: one repository that remembers what is done to it, and answers as
//! GitHub's published description says, which `contract.rs` checks.
//!
//! What it holds is a [`World`], open to whoever tests: runs end when the test says so, at the time
//! that the test says.

mod actions;
mod git;
mod objects;
mod pulls;
mod routes;
mod world;

pub(crate) use crate::server::{Fault, Seen};
use crate::server::{Reply, Request, Server};
pub(crate) use world::{Hour, Input, World};

/// The token that may do everything.
pub(crate) const TOKEN: &str = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";

/// A GitHub on this machine. It ends with its handle.
pub(crate) type Fake = Server<World>;

impl Fake {
    /// A github.com with an empty repository `team/app`.
    pub(crate) fn start() -> Self {
        Self::serve(World::new)
    }
}
