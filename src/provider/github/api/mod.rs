//! A client for GitHub's REST API: what is used of it, and no more.
//!
//! <https://docs.github.com/en/rest>, version 2022-11-28, which GitHub Enterprise Server speaks too.
//!
//! - Nothing is sent without a token, and the token goes to one host only, and into no text.
//! - Requests go one after another, changes at least a second apart, and none while GitHub has asked
//!   to be left alone ([`limits`]): then a call answers [`Error::Resting`] at once.
//! - A question that was asked before is asked with its `ETag`: if nothing changed, it costs nothing.
//! - An answer is bounded in time and size. What is no answer of GitHub's is an error that passes.

mod actions;
mod address;
mod answer;
mod cache;
mod error;
mod git;
pub mod limits;
mod pages;
mod pulls;
mod text;
mod token;
mod transport;
mod words;

use jiff::Timestamp;
use reqwest::Url;

pub use actions::{About, Run, RunId, Workflow, WorkflowId};
pub use address::Repository;
pub use error::Error;
pub use git::{Commit, Edit, Entry, File, Sha};
pub use pages::Listed;
pub use pulls::{End, Pull};
pub use token::Token;
pub use transport::Pace;
pub use words::{Conclusion, PullState, State, Status};

use address::Base;
use transport::Transport;

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
        let transport = Transport::new(Base::new(api_url)?, token, pace)?;
        Ok(Self { transport, repository })
    }

    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// What is left of this hour's requests, if an answer has told.
    pub async fn budget(&self, now: Timestamp) -> Option<limits::Budget> {
        self.transport.budget(now).await
    }

    fn is_enterprise(&self) -> bool {
        self.transport.base().is_enterprise()
    }

    /// The address of something in the repository.
    fn url(&self, parts: &[&str]) -> Url {
        let Repository { owner, name } = &self.repository;
        let repository = ["repos", owner, name];
        self.transport.base().join(repository.into_iter().chain(parts.iter().copied()))
    }
}
