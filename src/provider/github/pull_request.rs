//! Files as a pull request: for who wants to look at backups before they are in the repository, and
//! for a controller that has no checkout.
//!
//! There is one branch and one pull request for all of them, and each change of it is one commit. The
//! branch only ever goes on: nothing is forced, so nothing that somebody else adds is lost. The
//! message of a commit of ours says what it holds; a branch whose last commit doesn't was changed by
//! somebody else, and is left as it is.

use std::collections::BTreeMap;

use super::api::{Client, Commit, Edit, Error as ApiError, File, Pull, PullState, Sha};
use crate::provider::Error;

/// The branch of the pull request.
pub const BRANCH: &str = "redundancy/backups";

/// The lines in our commits that say what they were made on, and what they hold. Git calls such
/// lines trailers.
const ON: &str = "Redundancy-Base: ";
const HOLDS: &str = "Redundancy-Tree: ";

/// What shall be in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The branch that the pull request is for.
    pub base: String,
    /// The text of each file, or none where there shall be no such file. No other file is touched.
    pub files: BTreeMap<String, Option<String>>,
    /// The title of the pull request, and the first line of the commit.
    pub title: String,
    /// The text of the pull request.
    pub text: String,
}

/// What came of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The base has all of it already.
    Nothing,
    /// A pull request holds exactly that, and did before.
    Same(Pull),
    /// A pull request was brought up to date.
    Updated(Pull),
    /// A pull request was opened.
    Opened(Pull),
    /// Somebody closed the pull request that holds exactly that. It is not opened again.
    Declined(Pull),
    /// The base has all of it already, so the pull request that held something else was closed.
    Withdrawn(Pull),
}

/// Opens or updates the pull request that brings `proposal` about. Doing it twice does no harm.
pub async fn propose(client: &Client, proposal: &Proposal) -> Result<Outcome, Error> {
    let repository = client.repository();
    let base = client.branch(&proposal.base).await?.ok_or_else(|| {
        let base = &proposal.base;
        Error::Refused(format!(
            "cannot open a pull request for the branch {base:?} of {repository}: there is no such \
             branch, or the token may not see it; it needs the permission Contents: read"
        ))
    })?;
    let there = files(client, proposal, &base).await?;
    if edits(proposal, &there).is_empty() {
        return withdraw(client, proposal, &base, &there).await;
    }
    let branch = match client.branch(BRANCH).await? {
        Some(head) => Some(Ours::read(client, &head).await?),
        None => None,
    };
    let (head, moved) = match branch {
        Some(ours) if ours.still_says(client, proposal, &base, &there).await? => (ours.head, false),
        ours => (advance(client, proposal, &base, &there, ours).await?, true),
    };
    show(client, proposal, &head, moved).await
}

/// Closes the pull request where one is open, and empties its branch, so that what it held is no
/// longer what was proposed last.
async fn withdraw(
    client: &Client,
    proposal: &Proposal,
    base: &Sha,
    there: &Files,
) -> Result<Outcome, Error> {
    let is_ours = |it: &Pull| it.state == PullState::Open && it.base.branch == proposal.base;
    let Some(pull) = client.pulls(BRANCH).await?.into_iter().find(is_ours) else {
        return Ok(Outcome::Nothing);
    };
    if let Some(head) = client.branch(BRANCH).await? {
        let ours = Ours::read(client, &head).await?;
        advance(client, proposal, base, there, Some(ours)).await?;
    }
    Ok(Outcome::Withdrawn(client.close_pull(pull.number).await?))
}

/// The commit of the base that the commit `head` of our branch was made on; none where somebody else
/// made it.
pub(super) async fn made_on(client: &Client, head: &Sha) -> Result<Option<Sha>, ApiError> {
    Ok(Ours::of(client.commit(head).await?).map(|it| it.on))
}

/// The files of a proposal as they are at some commit.
type Files = BTreeMap<String, Option<File>>;

async fn files(client: &Client, proposal: &Proposal, at: &Sha) -> Result<Files, Error> {
    let mut files = Files::new();
    for path in proposal.files.keys() {
        files.insert(path.clone(), client.file(path, &at.0).await?);
    }
    Ok(files)
}

/// What of a proposal is not so yet.
fn edits(proposal: &Proposal, there: &Files) -> Vec<Edit> {
    let differs = |path: &String, wanted: Option<&String>| {
        let there = there.get(path).and_then(Option::as_ref);
        there.map(|it| it.bytes.as_slice()) != wanted.map(String::as_bytes)
    };
    let all = proposal.files.iter().map(|(path, text)| (path, text.as_ref()));
    all.filter(|(path, text)| differs(path, *text))
        .map(|(path, text)| Edit { path: path.clone(), text: text.cloned() })
        .collect()
}

/// The last commit of our branch, which we made.
struct Ours {
    head: Sha,
    tree: Sha,
    parents: Vec<Sha>,
    /// The commit of the base that it was made on.
    on: Sha,
}

impl Ours {
    async fn read(client: &Client, head: &Sha) -> Result<Self, Error> {
        Self::of(client.commit(head).await?).ok_or_else(|| changed_by_others(client, head))
    }

    fn of(commit: Commit) -> Option<Self> {
        let Commit { sha: head, tree, parents, message } = commit;
        let trailer = |key| message.lines().rev().find_map(|it| it.strip_prefix(key));
        // Also a commit of ours that was amended holds something else than it says.
        let (on, holds) = (trailer(ON)?, trailer(HOLDS)?);
        let on = Sha(on.trim().to_owned());
        (holds.trim() == tree.0).then_some(Self { head, tree, parents, on })
    }

    /// Whether it holds the proposal as it is now. That other files of the base have changed since
    /// is no reason for another commit.
    async fn still_says(
        &self,
        client: &Client,
        proposal: &Proposal,
        base: &Sha,
        there: &Files,
    ) -> Result<bool, Error> {
        if self.on != *base && files(client, proposal, &self.on).await? != *there {
            return Ok(false);
        }
        let on = match client.commit(&self.on).await {
            // The base was made anew without it.
            Err(ApiError::NotFound { .. }) => return Ok(false),
            on => on?,
        };
        Ok(client.make_tree(&on.tree, &edits(proposal, there)).await? == self.tree)
    }
}

/// Makes the commit with the proposal, and has the branch end with it.
async fn advance(
    client: &Client,
    proposal: &Proposal,
    base: &Sha,
    there: &Files,
    ours: Option<Ours>,
) -> Result<Sha, Error> {
    let before = client.commit(base).await?;
    let tree = match edits(proposal, there) {
        none if none.is_empty() => before.tree,
        edits => client.make_tree(&before.tree, &edits).await?,
    };
    let message = format!("{}\n\n{ON}{}\n{HOLDS}{}\n", proposal.title, base.0, tree.0);
    // With the base among its parents, all that it changes is what is proposed.
    let parents = match &ours {
        Some(ours) if ours.on == *base || ours.parents.contains(base) => vec![ours.head.clone()],
        Some(ours) => vec![ours.head.clone(), base.clone()],
        None => vec![base.clone()],
    };
    let commit = client.make_commit(&message, &tree, &parents).await?;
    match ours {
        Some(_) => client.move_branch(BRANCH, &commit).await?,
        None => client.make_branch(BRANCH, &commit).await?,
    }
    Ok(commit)
}

/// Has a pull request show the branch, which ends with `head`.
async fn show(
    client: &Client,
    proposal: &Proposal,
    head: &Sha,
    moved: bool,
) -> Result<Outcome, Error> {
    let Proposal { base, title, text, .. } = proposal;
    let mut pulls = client.pulls(BRANCH).await?;
    pulls.retain(|it| it.base.branch == *base);
    if let Some(pull) = pulls.iter().find(|it| it.state == PullState::Open) {
        let says = pull.body.as_deref().unwrap_or_default().replace('\r', "");
        let says_so = pull.title.trim() == title.trim() && says.trim() == text.trim();
        return Ok(match (says_so, moved) {
            (false, _) => Outcome::Updated(client.update_pull(pull.number, title, text).await?),
            (true, true) => Outcome::Updated(pull.clone()),
            (true, false) => Outcome::Same(pull.clone()),
        });
    }
    match pulls.into_iter().find(|it| it.head.sha == *head) {
        Some(declined) => Ok(Outcome::Declined(declined)),
        None => Ok(Outcome::Opened(client.open_pull(BRANCH, base, title, text).await?)),
    }
}

fn changed_by_others(client: &Client, head: &Sha) -> Error {
    let repository = client.repository();
    Error::Refused(format!(
        "the branch {BRANCH} of {repository} was changed by somebody else (its last commit is {}): \
         merge it, or delete the branch, and a new one is made",
        head.0
    ))
}
