//! Pull requests: <https://docs.github.com/en/rest/pulls>.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Client, Error, Sha, words::PullState};
use crate::http::{pages, transport::Call};

const READ: &str = "the permission Pull requests: read (a classic token: repo)";
const WRITE: &str = "the permission Pull requests: write (a classic token: repo)";

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pull {
    /// Its number in the repository.
    pub number: u64,
    /// Where a person sees it.
    pub html_url: String,
    /// Its first line.
    pub title: String,
    /// Whether it waits to be merged.
    pub state: PullState,
    /// What it says.
    #[serde(default)]
    pub body: Option<String>,
    /// What it would merge.
    pub head: End,
    /// Into what.
    pub base: End,
}

/// One of the two ends of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct End {
    /// Its branch.
    #[serde(rename = "ref")]
    pub branch: String,
    /// Its last commit.
    pub sha: Sha,
}

impl Client {
    /// The pull requests for `branch` of this very repository, open and closed, the newest first.
    pub async fn pulls(&self, branch: &str) -> Result<Vec<Pull>, Error> {
        let mut url = self.url(&["pulls"]);
        url.query_pairs_mut()
            .append_pair("state", "all")
            .append_pair("head", &format!("{}:{branch}", self.repository().owner))
            .append_pair("per_page", "100");
        let task = format!("list the pull requests of {}", self.repository());
        let call = Call::ask(url, task, READ);
        Ok(pages::all::<Vec<Pull>, _>(&self.transport, call, |it| it.number).await?.items)
    }

    /// Opens a pull request that would merge `branch` into `base`.
    pub async fn open_pull(
        &self,
        branch: &str,
        base: &str,
        title: &str,
        text: &str,
    ) -> Result<Pull, Error> {
        let url = self.url(&["pulls"]);
        let body = json!({ "head": branch, "base": base, "title": title, "body": text });
        let task = format!("open a pull request in {}", self.repository());
        self.transport.change_for(&Call::change(Method::POST, url, Some(body), task, WRITE)).await
    }

    /// Gives a pull request another title and text.
    pub async fn update_pull(&self, number: u64, title: &str, text: &str) -> Result<Pull, Error> {
        let url = self.url(&["pulls", &number.to_string()]);
        let body = json!({ "title": title, "body": text });
        let task = format!("update pull request {number} of {}", self.repository());
        self.transport.change_for(&Call::change(Method::PATCH, url, Some(body), task, WRITE)).await
    }

    /// Closes a pull request without merging it.
    pub async fn close_pull(&self, number: u64) -> Result<Pull, Error> {
        let url = self.url(&["pulls", &number.to_string()]);
        let body = json!({ "state": "closed" });
        let task = format!("close pull request {number} of {}", self.repository());
        self.transport.change_for(&Call::change(Method::PATCH, url, Some(body), task, WRITE)).await
    }
}
