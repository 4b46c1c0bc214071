//! A Netlify to test against: one site that remembers what is done to it, and answers as Netlify's
//! published description says, which `contract.rs` checks. It serves the functions of the site and
//! of each deploy too.
//!
//! What it holds is a [`World`], open to whoever tests: builds go as the test says.

mod routes;
mod world;

pub(crate) use crate::server::Fault;
use crate::server::{Reply, Request, Server};
pub(crate) use world::{Answer, World};

/// The token that may do everything.
pub(crate) const TOKEN: &str = "nfp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";

/// The site.
pub(crate) const SITE: &str = "0d3a9d2f-ef94-4380-93df-27ee400e2048";

/// The secret part of the address of its build hook.
pub(crate) const HOOK: &str = "5c23abe4f0a1b2c3d4e5f607";

/// A Netlify on this machine. It ends with its handle.
pub(crate) type Fake = Server<World>;

impl Fake {
    /// A Netlify with a site of which nothing is published.
    pub(crate) fn start() -> Self {
        Self::serve(World::new)
    }
}
