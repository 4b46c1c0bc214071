//! Services that are spoken to over HTTP, with a token: what their clients have in common.
//!
//! - Nothing is sent without a token, but to a service that is asked for what is public; the token goes to one host only, and into no text.
//! - Requests go one after another, changes not too close together, and none while the service has
//!   asked to be left alone ([`limits`]): then a call answers [`Error::Resting`] at once.
//! - A question that was asked before is asked with its `ETag`: if nothing changed, the answer is
//!   short, and at some services costs nothing.
//! - An answer is bounded in time and size. What is no answer of the service is an error that passes.

pub(crate) mod address;
pub(crate) mod answer;
mod cache;
mod download;
mod error;
pub mod limits;
pub(crate) mod pages;
pub(crate) mod text;
mod token;
pub(crate) mod transport;
pub(crate) mod words;

use std::fmt;

pub use error::Error;
pub use pages::Listed;
pub use token::Token;
pub use transport::Pace;

/// A service, as far as its API differs from others.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// What people call it.
    pub name: &'static str,
    /// Its table in the config.
    pub section: &'static str,
    /// How the address of its API looks.
    pub like: &'static str,
    /// The span of time for which it counts requests: `hour`.
    pub span: &'static str,
    /// What each request says, beside its token.
    pub headers: &'static [(&'static str, &'static str)],
    /// The header in which it names the permissions that a token lacks.
    pub permissions: Option<&'static str>,
    /// Whether it may be asked without a token, for what everybody may see.
    pub public: bool,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A service to test with.
#[cfg(test)]
const EXAMPLE: Service = Service {
    name: "Example",
    section: "example",
    like: "https://api.example.com",
    span: "hour",
    headers: &[],
    permissions: None,
    public: false,
};

/// A builder of clients. Their TLS is rustls over ring, which needs nothing but a C compiler, and
/// trusts the certificates that this machine trusts.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    // Refused where the process has one already, and then that one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}
