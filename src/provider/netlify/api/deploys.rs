//! Deploys: what they are like, and what is done with them.

use std::fmt;

use jiff::Timestamp;
use reqwest::{Method, Url};
use serde::Deserialize;

use super::{ACCESS, Client, Error, State};
use crate::http::transport::Call;

/// How many deploys are looked at, the newest first. Netlify sends no longer pages.
const DEPLOYS: &str = "100";

/// The name of a deploy in the API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct DeployId(pub String);

impl fmt::Display for DeployId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A deploy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Deploy {
    /// Its name in the API.
    pub id: DeployId,
    /// How far it is.
    pub state: State,
    /// When it was asked for.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
    /// When visitors began to see it; none, where they never did.
    #[serde(default)]
    pub published_at: Option<Timestamp>,
    /// What it is for: `production`, `deploy-preview`, `branch-deploy`.
    #[serde(default)]
    pub context: Option<String>,
    /// The commit it is of.
    #[serde(default)]
    pub commit_ref: Option<String>,
    /// What went wrong with it, in Netlify's words.
    #[serde(default)]
    pub error_message: Option<String>,
    /// Whether nothing was built because its commit says so, or because nothing has changed.
    #[serde(default)]
    pub skipped: Option<bool>,
    /// Whether it was made to be looked at, and never to be published by itself.
    #[serde(default)]
    pub draft: Option<bool>,
    /// Whether a person wants it to stay published, whatever is built.
    #[serde(default)]
    pub locked: Option<bool>,
    /// Its own address, over https, where it stays as it is.
    #[serde(default)]
    pub deploy_ssl_url: Option<String>,
    /// Its functions. Told of the published one; not in Netlify's description, and what its command
    /// line goes by.
    #[serde(default)]
    pub available_functions: Option<Vec<Available>>,
}

/// A function of a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Available {
    /// Its name.
    #[serde(rename = "n")]
    pub name: String,
}

/// Whether a deploy goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It is not over.
    Active,
    /// It waits for a person, who may let it.
    Waiting,
    /// It can be published.
    Ready,
    /// It never will be.
    Failed,
}

impl Deploy {
    /// Whether it goes on.
    #[must_use]
    pub fn progress(&self) -> Progress {
        match self.state {
            State::Ready | State::Old => Progress::Ready,
            State::Error | State::Rejected => Progress::Failed,
            State::PendingReview => Progress::Waiting,
            State::New
            | State::Accepted
            | State::Enqueued
            | State::Building
            | State::Uploading
            | State::Uploaded
            | State::Preparing
            | State::Prepared
            | State::Processing
            | State::Processed
            | State::Retrying
            | State::Other(_) => Progress::Active,
        }
    }

    /// Whether it is for visitors: it costs, and is published when it is ready.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.context.as_deref() == Some("production") && self.draft != Some(true)
    }

    /// Whether a person locked it.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.locked == Some(true)
    }
}

impl Client {
    /// The newest deploys, of all kinds, the newest first.
    pub async fn deploys(&self) -> Result<Vec<Deploy>, Error> {
        let mut url = self.url(&["deploys"]);
        url.query_pairs_mut().append_pair("per_page", DEPLOYS);
        let task = format!("list the deploys of the site {}", self.site);
        Ok(self.transport.get(&Call::ask(url, task, ACCESS)).await?.0)
    }

    /// One deploy.
    pub async fn deploy(&self, id: &DeployId) -> Result<Deploy, Error> {
        let url = self.url(&["deploys", &id.0]);
        let task = format!("look at deploy {id} of the site {}", self.site);
        Ok(self.transport.get(&Call::ask(url, task, ACCESS)).await?.0)
    }

    /// Publishes a deploy that is ready, in place of the one that is published.
    pub async fn restore(&self, id: &DeployId) -> Result<Deploy, Error> {
        let url = self.url(&["deploys", &id.0, "restore"]);
        self.post(url, format!("publish deploy {id} of the site {}", self.site)).await
    }

    /// Has the site stay with the deploy `id`, which is published, whatever is built.
    pub async fn lock(&self, id: &DeployId) -> Result<Deploy, Error> {
        let task = format!("lock deploy {id} of the site {}", self.site);
        self.post(self.of_deploy(id, "lock"), task).await
    }

    /// Gives up a deploy that is not over.
    pub async fn cancel(&self, id: &DeployId) -> Result<Deploy, Error> {
        let task = format!("cancel deploy {id} of the site {}", self.site);
        self.post(self.of_deploy(id, "cancel"), task).await
    }

    /// Has Netlify build the site's production branch anew. The deploy that comes of it, where
    /// Netlify says which.
    pub async fn build(&self) -> Result<Option<DeployId>, Error> {
        #[derive(Deserialize)]
        struct Build {
            deploy_id: Option<DeployId>,
        }
        let task = format!("build the site {}", self.site);
        let build: Build = self.post(self.url(&["builds"]), task).await?;
        Ok(build.deploy_id)
    }

    async fn post<T: serde::de::DeserializeOwned>(
        &self,
        url: Url,
        task: String,
    ) -> Result<T, Error> {
        self.transport.change_for(&Call::change(Method::POST, url, None, task, ACCESS)).await
    }

    /// The address of something of the site.
    pub(super) fn url(&self, parts: &[&str]) -> Url {
        let site = ["sites", &self.site.0];
        self.transport.base().join(site.into_iter().chain(parts.iter().copied()))
    }

    fn of_deploy(&self, id: &DeployId, what: &str) -> Url {
        self.transport.base().join(["deploys", &id.0, what])
    }
}
