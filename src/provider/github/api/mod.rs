//! A client for GitHub's REST API: what is used of it, and no more.
//!
//! <https://docs.github.com/en/rest>, version 2022-11-28, which GitHub Enterprise Server speaks too.
//!
//! Requests go one after another, changes at least a second apart. A question that was asked before
//! is asked with its `ETag`: if nothing changed, it costs nothing.

mod actions;
mod git;
mod pulls;
mod words;

use jiff::Timestamp;
use reqwest::Url;

pub use actions::{About, Run, RunId, Workflow, WorkflowId};
pub use git::{Commit, Edit, Entry, File, Sha};
pub use pulls::{End, Pull};
pub use words::{Conclusion, PullState, State, Status};

pub use crate::core::repository::{NoRepository, Repository};
pub use crate::http::{Error, Listed, Pace, Token, limits};
use crate::http::{Service, address::Base, transport::Transport};

/// GitHub. It serves this version of its API at least until March 2028, GitHub Enterprise Server knows
/// no other yet.
static GITHUB: Service = Service {
    name: "GitHub",
    section: "github",
    like: "https://api.github.com or https://HOST/api/v3",
    span: "hour",
    headers: &[("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")],
    permissions: Some("x-accepted-github-permissions"),
    public: false,
};

/// The path under which GitHub Enterprise Server has its API; github.com has it at the root of a
/// host of its own.
const ENTERPRISE: &str = "/api/v3";

/// One repository on GitHub. Its calls stand with their subjects: workflows and runs, git, pull
/// requests.
///
/// Keep one for as long as its settings stay: it remembers answers, and GitHub's limits.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    repository: Repository,
}

impl Client {
    /// A client for `repository` at `api_url`: `https://api.github.com`, or `https://HOST/api/v3` of
    /// GitHub Enterprise Server. Over http only on this machine. Without a token every call fails
    /// with [`Error::NoToken`].
    pub fn new(api_url: &str, token: Option<Token>, repository: Repository) -> Result<Self, Error> {
        Self::at_pace(api_url, token, repository, Pace::default())
    }

    /// As [`Self::new`], with other limits of time.
    pub fn at_pace(
        api_url: &str,
        token: Option<Token>,
        repository: Repository,
        pace: Pace,
    ) -> Result<Self, Error> {
        let transport = Transport::new(&GITHUB, Base::new(&GITHUB, api_url)?, token, pace)?;
        Ok(Self { transport, repository })
    }

    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// What is left of this hour's requests, if an answer has told.
    pub fn budget(&self, now: Timestamp) -> Option<limits::Budget> {
        self.transport.budget(now)
    }

    /// Whether GitHub Enterprise Server answers, which knows less than github.com.
    fn is_enterprise(&self) -> bool {
        self.transport.base().path().starts_with(ENTERPRISE)
    }

    /// The address of something in the repository.
    fn url(&self, parts: &[&str]) -> Url {
        let Repository { owner, name } = &self.repository;
        let repository = ["repos", owner, name];
        self.transport.base().join(repository.into_iter().chain(parts.iter().copied()))
    }
}
