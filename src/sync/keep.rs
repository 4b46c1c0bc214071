//! Keeping what a change of the checkout would lose, under refs of our own.
//!
//! `refs/redundancy/kept/WHEN-ID/head` is the commit that was checked out, where it has commits
//! that the remote has not. `refs/redundancy/kept/WHEN-ID/work` is the uncommitted work, in the
//! form of an entry of `git stash --include-untracked`: the tracked files, with the commit that was
//! checked out, the index, and the untracked files as parents.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Error, GitError,
    checkout::Checkout,
    git::{Call, Git, Oid},
    path::records,
    snapshot::Snapshot,
};
use crate::core::digest::Digest;

/// Below what it is kept.
const PREFIX: &str = "refs/redundancy/kept/";

/// Who kept it. A commit needs somebody, and the user may have told git no name.
const IDENTITY: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "redundancy"),
    ("GIT_AUTHOR_EMAIL", "redundancy@localhost"),
    ("GIT_COMMITTER_NAME", "redundancy"),
    ("GIT_COMMITTER_EMAIL", "redundancy@localhost"),
];

/// What is kept of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// When, and an id: `20260102T030405Z-0123456789ab`.
    pub name: String,
    /// Commits that the remote had not.
    pub commits: Option<Commits>,
    /// What was not committed.
    pub work: Option<Work>,
    /// Whether it was kept just now, not by an earlier run.
    pub anew: bool,
}

/// Commits that are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commits {
    /// The ref.
    pub reference: String,
    /// How many no remote is known to have.
    pub count: usize,
    /// The first line of the last one.
    pub subject: String,
}

/// Uncommitted work that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The ref.
    pub reference: String,
    /// How many tracked files differed.
    pub changed: usize,
    /// How many untracked files are in it.
    pub untracked: usize,
}

impl Kept {
    /// When, as people read it.
    #[must_use]
    pub fn when(&self) -> Option<Timestamp> {
        jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", self.name.split('-').next()?)
            .and_then(|it| it.to_zoned(jiff::tz::TimeZone::UTC))
            .ok()
            .map(|it| it.timestamp())
    }

    /// The branch that the printed commands make.
    fn branch(&self) -> String {
        format!("rescued-{}", self.name.split_once('-').map_or(&*self.name, |it| it.1))
    }
}

impl Commits {
    /// The command that brings them back, on a branch.
    #[must_use]
    pub fn way_back(&self, kept: &Kept) -> String {
        format!("git branch {} {}", kept.branch(), self.reference)
    }
}

impl Work {
    /// The command that brings it back on top of what is checked out.
    #[must_use]
    pub fn way_back(&self) -> String {
        format!("git stash apply {}", self.reference)
    }

    /// The command that brings it back just as it was, where it was.
    #[must_use]
    pub fn exact_way_back(&self, kept: &Kept) -> String {
        let (branch, reference) = (kept.branch(), &self.reference);
        format!(
            "git switch --create {branch}-work {reference}~1 && git stash apply --index {reference}"
        )
    }
}

/// Keeps the uncommitted work of `snapshot`, and with `unpushed` its commits. None when there is
/// nothing to keep. What is kept already is not kept twice.
pub(super) fn keep(
    checkout: &Checkout,
    branch: &str,
    snapshot: &Snapshot,
    unpushed: bool,
    now: Timestamp,
) -> Result<Option<Kept>, Error> {
    if !unpushed && !snapshot.has_work() {
        return Ok(None);
    }
    let git = &checkout.git;
    let Snapshot { head, staged, work, untracked_tree, .. } = snapshot;
    let untracked = untracked_tree.as_ref().map_or("", Oid::as_str);
    let parts = [head.as_str(), staged.as_str(), work.as_str(), untracked];
    let parts = parts.into_iter().chain([if unpushed { "unpushed" } else { "" }]);
    let id = Digest::of(parts).to_string()[..12].to_owned();

    let same = |it: &String| it.ends_with(&format!("-{id}"));
    if let Some(name) = names(git)?.into_keys().find(same)
        && verify(git, &name, snapshot, unpushed).is_ok()
    {
        return read_one(git, &name).map(Some);
    }
    let name = format!("{}-{id}", now.strftime("%Y%m%dT%H%M%SZ"));
    let mut refs = Vec::new();
    if unpushed {
        refs.push((format!("{PREFIX}{name}/head"), head.clone()));
    }
    if snapshot.has_work() {
        refs.push((format!("{PREFIX}{name}/work"), commit_work(git, branch, snapshot)?));
    }
    // In one transaction. A ref of that name can only be of the same content.
    let input =
        refs.iter().flat_map(|(name, oid)| format!("update {name}\0{oid}\0\0").into_bytes());
    let message = "redundancy sync: kept";
    git.call(["update-ref", "-m", message, "--stdin", "-z"]).input(input.collect()).output()?;
    verify(git, &name, snapshot, unpushed)?;
    Ok(Some(Kept { anew: true, ..read_one(git, &name)? }))
}

/// The uncommitted work as a commit, as `git stash --include-untracked` makes it.
fn commit_work(git: &Git, branch: &str, snapshot: &Snapshot) -> Result<Oid, GitError> {
    let Snapshot { head, staged, work, untracked_tree, .. } = snapshot;
    let commit = |tree: &Oid, what: &str, parents: &[&Oid]| {
        let message = format!("redundancy sync: {what} on {branch} at {}", head.short());
        let mut arguments = vec!["commit-tree", "-m", &message];
        for parent in parents {
            arguments.extend(["-p", parent.as_str()]);
        }
        arguments.push(tree.as_str());
        signed(git.call(arguments)).oid()
    };
    let index = commit(staged, "index", &[head])?;
    match untracked_tree {
        None => commit(work, "uncommitted work", &[head, &index]),
        Some(tree) => {
            let untracked = commit(tree, "untracked files", &[])?;
            commit(work, "uncommitted work", &[head, &index, &untracked])
        }
    }
}

/// With a name for the commits that it makes.
pub(super) fn signed(call: Call<'_>) -> Call<'_> {
    IDENTITY.iter().fold(call, |call, (name, value)| call.set(name, value))
}

/// Makes sure that the refs are there and hold all that is in the snapshot.
fn verify(git: &Git, name: &str, snapshot: &Snapshot, unpushed: bool) -> Result<(), Error> {
    let mut expected = Vec::new();
    if unpushed {
        expected.push((format!("{PREFIX}{name}/head"), &snapshot.head));
    }
    let work = format!("{PREFIX}{name}/work");
    if snapshot.has_work() {
        expected.push((format!("{work}^{{tree}}"), &snapshot.work));
        expected.push((format!("{work}^1"), &snapshot.head));
        expected.push((format!("{work}^2^{{tree}}"), &snapshot.staged));
        let tree = snapshot.untracked_tree.iter();
        expected.extend(tree.map(|it| (format!("{work}^3^{{tree}}"), it)));
    }
    let ask = ["rev-parse"].into_iter().chain(expected.iter().map(|(what, _)| what.as_str()));
    let found = git.call(ask).line()?;
    if !found.lines().eq(expected.iter().map(|(_, oid)| oid.as_str())) {
        return Err(Error::NotKept { what: format!("{PREFIX}{name}") });
    }
    if snapshot.has_work() {
        // Walks through all that is new in it, to its last file.
        let ask =
            ["rev-list", "--quiet", "--objects", &work, "--not", snapshot.head.as_str(), "--"];
        git.call(ask).output()?;
    }
    Ok(())
}

/// Keeps a commit alone that was made between the last look and the change.
pub(super) fn keep_late(git: &Git, commit: &Oid, now: Timestamp) -> Result<Kept, Error> {
    let id = &Digest::of([commit.as_str()]).to_string()[..12];
    let name = format!("{}-{id}", now.strftime("%Y%m%dT%H%M%SZ"));
    let reference = format!("{PREFIX}{name}/head");
    git.call(["update-ref", &reference, commit.as_str()]).output()?;
    Ok(Kept { anew: true, ..read_one(git, &name)? })
}

/// All that is kept, the oldest first.
pub(super) fn read_all(git: &Git) -> Result<Vec<Kept>, Error> {
    names(git)?.into_keys().map(|name| read_one(git, &name)).collect()
}

/// The names of all that is kept, and which refs each has.
fn names(git: &Git) -> Result<BTreeMap<String, Vec<String>>, GitError> {
    let list = git.call(["for-each-ref", "--format=%(refname)", PREFIX]).output()?;
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for reference in String::from_utf8_lossy(&list).lines() {
        let parts = reference.strip_prefix(PREFIX).and_then(|it| it.split_once('/'));
        if let Some((name, part)) = parts {
            names.entry(name.to_owned()).or_default().push(part.to_owned());
        }
    }
    Ok(names)
}

fn read_one(git: &Git, name: &str) -> Result<Kept, Error> {
    let parts = names(git)?.remove(name).unwrap_or_default();
    let mut kept = Kept { name: name.to_owned(), commits: None, work: None, anew: false };
    for part in parts {
        let reference = format!("{PREFIX}{name}/{part}");
        match &*part {
            "head" => kept.commits = Some(read_commits(git, reference)?),
            "work" => kept.work = Some(read_work(git, reference)?),
            // Not from this program.
            _ => {}
        }
    }
    Ok(kept)
}

fn read_commits(git: &Git, reference: String) -> Result<Commits, GitError> {
    let count = git.call(["rev-list", "--count", &reference, "--not", "--remotes", "--"]).line()?;
    let subject = git.call(["log", "-1", "--no-show-signature", "--format=%s", &reference, "--"]);
    let subject = subject.line()?.replace(char::is_control, "\u{fffd}");
    let odd =
        |_| GitError::Odd { command: "`git rev-list --count`".to_owned(), answer: count.clone() };
    Ok(Commits { count: count.parse().map_err(odd)?, subject, reference })
}

fn read_work(git: &Git, reference: String) -> Result<Work, GitError> {
    let paths = |arguments: &[&str]| -> Result<usize, GitError> {
        Ok(records(&git.call(arguments).output()?).count())
    };
    let (base, index) = (format!("{reference}^1"), format!("{reference}^2"));
    let diff = |to: &str| {
        paths(&["diff-tree", "-r", "-z", "--name-only", "--no-renames", &base, to, "--"])
    };
    let changed = diff(&reference)?.max(diff(&index)?);
    let third = format!("{reference}^3");
    let has_untracked = git.call(["rev-parse", "--quiet", "--verify", &third]).holds()?;
    let untracked =
        if has_untracked { paths(&["ls-tree", "-r", "-z", "--name-only", &third])? } else { 0 };
    Ok(Work { reference, changed, untracked })
}
