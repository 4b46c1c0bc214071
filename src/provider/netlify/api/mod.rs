//! A client for Netlify's API: what is used of it, and no more.
//!
//! <https://open-api.netlify.com>, the description in the package `@netlify/open-api`. What both this
//! client and GitHub's need is in `crate::http`.
//!
//! Nothing here uploads: a deploy replaces the whole site (pages, redirects, edge functions, schedules),
//! and what it would have to repeat can't be read back from the API. So a deploy is begun where
//! all of the site is known: by Netlify's own builder, or by its command line.

mod deploys;
mod hook;
mod site;
mod words;

use std::{fmt, str::FromStr};

use jiff::Timestamp;

pub use crate::http::{Error, Pace, Token, limits};
use crate::http::{Service, address::Base, transport::Transport};
pub use deploys::{Deploy, DeployId, Progress};
pub use hook::Hook;
pub use site::Site;
pub use words::State;

/// Netlify. It allows 500 requests a minute, and 3 deploys.
static NETLIFY: Service = Service {
    name: "Netlify",
    section: "netlify",
    like: "https://api.netlify.com/api/v1",
    span: "minute",
    headers: &[("accept", "application/json")],
    permissions: None,
    public: false,
};

/// What every call takes: Netlify's tokens have no permissions of their own.
const ACCESS: &str = "access to the site: it has to be of somebody who is in its team";

/// The name of a site: its id, or the name of its main address, like `app.netlify.app`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteId(String);

impl FromStr for SiteId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
        if text.starts_with(|it: char| it.is_ascii_alphanumeric()) && text.bytes().all(known) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::Unusable(format!(
            "`site` of `[netlify]` is {text:?}, which is no site; write its id, as \
             \"Project configuration\" shows it, or its name like \"app.netlify.app\""
        )))
    }
}

impl fmt::Display for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One site at Netlify. Its calls stand with their subjects: the site itself, and its deploys.
///
/// Keep one for as long as its settings stay: it remembers answers, and Netlify's limits.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    site: SiteId,
}

impl Client {
    /// A client for `site` at `api_url`, like `https://api.netlify.com/api/v1`. Over http only on this
    /// machine. Without a token every call fails with [`Error::NoToken`].
    pub fn new(api_url: &str, token: Option<Token>, site: SiteId) -> Result<Self, Error> {
        // Three deploys a minute are allowed, and nothing here changes anything often.
        Self::at_pace(api_url, token, site, Pace::default())
    }

    /// As [`Self::new`], with other limits of time.
    pub fn at_pace(
        api_url: &str,
        token: Option<Token>,
        site: SiteId,
        pace: Pace,
    ) -> Result<Self, Error> {
        let base = Base::new(&NETLIFY, api_url)?;
        Ok(Self { transport: Transport::new(&NETLIFY, base, token, pace)?, site })
    }

    /// What is left of this minute's requests, if an answer has told.
    pub(crate) fn budget(&self, now: Timestamp) -> Option<limits::Budget> {
        self.transport.budget(now)
    }

    /// The site.
    #[must_use]
    pub fn site_id(&self) -> &SiteId {
        &self.site
    }
}
