//! Branches, commits and files without a checkout: <https://docs.github.com/en/rest/git>.

use base64::Engine;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Client, Error};
use crate::http::transport::Call;

const READ: &str = "the permission Contents: read (a classic token: repo)";
const WRITE: &str =
    "the permissions Contents: write and Workflows: write (a classic token: repo and workflow)";

/// How many entries of a folder GitHub lists.
const MOST_ENTRIES: usize = 1000;

/// The name of a commit, a tree or a file's content: a digest in hex.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sha(pub String);

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its name.
    pub sha: Sha,
    /// What the files are like after it.
    pub tree: Sha,
    /// The commits that it follows.
    pub parents: Vec<Sha>,
    /// What it says.
    pub message: String,
}

/// A file at some commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The name of its content.
    pub sha: Sha,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// One entry of a folder at some commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// Its name in the folder.
    pub name: String,
    /// The name of its content.
    pub sha: Sha,
    /// Its size in bytes.
    pub size: u64,
    /// What it is: `file`, `dir`, `symlink`, `submodule`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// One file of a change: its path from the root of the repository, and its text, or none where it
/// shall be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Where.
    pub path: String,
    /// What it shall hold.
    pub text: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    sha: Sha,
}

#[derive(Deserialize)]
struct Reference {
    object: Named,
}

#[derive(Deserialize)]
struct RawCommit {
    sha: Sha,
    tree: Named,
    parents: Vec<Named>,
    message: String,
}

impl From<RawCommit> for Commit {
    fn from(raw: RawCommit) -> Self {
        Self {
            sha: raw.sha,
            tree: raw.tree.sha,
            parents: raw.parents.into_iter().map(|it| it.sha).collect(),
            message: raw.message,
        }
    }
}

#[derive(Deserialize)]
struct RawFile {
    sha: Sha,
    encoding: String,
    content: String,
}

impl Client {
    /// The last commit of a branch, or none where there is no such branch.
    pub async fn branch(&self, branch: &str) -> Result<Option<Sha>, Error> {
        let url = self.url(&["git", "ref", &format!("heads/{branch}")]);
        let task = format!("find the branch {branch:?} of {}", self.repository());
        let found = self.transport.get::<Reference>(&Call::ask(url, task, READ)).await;
        Ok(if_there(found)?.map(|it| it.object.sha))
    }

    /// A commit.
    pub async fn commit(&self, sha: &Sha) -> Result<Commit, Error> {
        let url = self.url(&["git", "commits", &sha.0]);
        let task = format!("read commit {} of {}", sha.0, self.repository());
        let (raw, _) = self.transport.get::<RawCommit>(&Call::ask(url, task, READ)).await?;
        Ok(raw.into())
    }

    /// A file at a branch or commit, or none where there is no such file.
    pub async fn file(&self, path: &str, at: &str) -> Result<Option<File>, Error> {
        let mut url = self.url(&["contents", path]);
        url.query_pairs_mut().append_pair("ref", at);
        let task = format!("read {path:?} of {}", self.repository());
        let call = Call::ask(url, task, READ);
        let found = self.transport.get::<RawFile>(&call).await;
        if_there(found)?.map(|raw| decoded(raw, &call)).transpose()
    }

    /// What is in a folder at a branch or commit; nothing where there is no such folder.
    pub async fn folder(&self, path: &str, at: &str) -> Result<Vec<Entry>, Error> {
        let mut url = self.url(&["contents", path]);
        url.query_pairs_mut().append_pair("ref", at);
        let call = Call::ask(url, format!("look into {path:?} of {}", self.repository()), READ);
        let found = if_there(self.transport.get::<Vec<Entry>>(&call).await)?;
        let entries = found.unwrap_or_default();
        if entries.len() < MOST_ENTRIES {
            return Ok(entries);
        }
        Err(call.unavailable("GitHub lists no more than 1000 files of a folder"))
    }

    /// Makes the tree that `base` becomes by `edits`. Nothing points at it yet. Making one that is
    /// there already gives its name.
    pub async fn make_tree(&self, base: &Sha, edits: &[Edit]) -> Result<Sha, Error> {
        let url = self.url(&["git", "trees"]);
        let entry = |edit: &Edit| {
            let mut entry = json!({ "path": edit.path, "mode": "100644", "type": "blob" });
            match &edit.text {
                Some(text) => entry["content"] = json!(text),
                None => entry["sha"] = json!(null),
            }
            entry
        };
        let entries: Vec<_> = edits.iter().map(entry).collect();
        let body = json!({ "base_tree": base, "tree": entries });
        let task = format!("write the files of a commit for {}", self.repository());
        let call = Call::change(Method::POST, url, Some(body), task, WRITE);
        Ok(self.transport.change_for::<Named>(&call).await?.sha)
    }

    /// Makes a commit. Nothing points at it yet.
    pub async fn make_commit(
        &self,
        message: &str,
        tree: &Sha,
        parents: &[Sha],
    ) -> Result<Sha, Error> {
        let url = self.url(&["git", "commits"]);
        let body = json!({ "message": message, "tree": tree, "parents": parents });
        let task = format!("write a commit for {}", self.repository());
        let call = Call::change(Method::POST, url, Some(body), task, WRITE);
        Ok(self.transport.change_for::<Named>(&call).await?.sha)
    }

    /// Makes a branch that ends with `commit`. It is refused where there is one of that name.
    pub async fn make_branch(&self, branch: &str, commit: &Sha) -> Result<(), Error> {
        let url = self.url(&["git", "refs"]);
        let body = json!({ "ref": format!("refs/heads/{branch}"), "sha": commit });
        let task = format!("make the branch {branch:?} of {}", self.repository());
        self.transport
            .change(&Call::change(Method::POST, url, Some(body), task, WRITE))
            .await
            .map(drop)
    }

    /// Has a branch go on to `commit`. It is refused where that would lose a commit, so nothing that
    /// somebody else adds meanwhile is lost.
    pub async fn move_branch(&self, branch: &str, commit: &Sha) -> Result<(), Error> {
        let url = self.url(&["git", "refs", &format!("heads/{branch}")]);
        let body = json!({ "sha": commit, "force": false });
        let task = format!("move the branch {branch:?} of {}", self.repository());
        let call = Call::change(Method::PATCH, url, Some(body), task, WRITE);
        self.transport.change(&call).await.map(drop)
    }
}

/// What was found, or none where it was not.
fn if_there<T, U>(found: Result<(T, U), Error>) -> Result<Option<T>, Error> {
    match found {
        Ok((found, _)) => Ok(Some(found)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn decoded(raw: RawFile, call: &Call) -> Result<File, Error> {
    // Base64 in lines. Files of more than 1 MB come without their content.
    let text: String = raw.content.split_ascii_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    match bytes {
        Ok(bytes) if raw.encoding == "base64" => Ok(File { sha: raw.sha, bytes }),
        _ => Err(call.unavailable("its content does not come in base64; it may be over 1 MB")),
    }
}
