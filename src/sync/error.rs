//! Why a checkout was not brought in step. Each says what to do.

use std::{io, path::PathBuf, time::Duration};

use super::{Oid, Strategy};
use crate::controller::lock::LockError;

/// Why a checkout was not brought in step. Whatever it is, nothing of the user is lost.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the text of each says it")]
pub enum Error {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("{folder} is no git checkout{}; go to a folder of one{}",
        if .said.contains("not a git repository") { "" } else { " that git can use" },
        if .said.contains("not a git repository") { String::new() } else { format!(": {said}") },
        folder = .folder.display())]
    NotACheckout { folder: PathBuf, said: String },
    #[error(
        "{} is a bare repository and has no files to keep in step; go to a checkout of it",
        .folder.display()
    )]
    Bare { folder: PathBuf },
    #[error("{} is inside a git folder; go to the checkout itself", .folder.display())]
    NoWorkTree { folder: PathBuf },
    #[error(
        "{value:?} can't be a {what}: it is empty, begins with `-`, or has a character that git \
         refuses"
    )]
    Argument { what: &'static str, value: String },
    #[error("this checkout is being synced already, by {0}; wait for it, or end it")]
    Locked(LockError),
    #[error("cannot lock this checkout: {0}")]
    NoLock(LockError),
    #[error(
        "`git {command}` is in progress here, so nothing was touched; finish it, or give it up \
         with `git {command} {}`",
        if *.command == "bisect" { "reset" } else { "--abort" })]
    InProgress { command: &'static str },
    #[error(
        "there are unmerged files, so nothing was touched: {}; resolve them and `git add` them, \
         or restore them with `git restore --staged --worktree`",
        shown(.paths)
    )]
    Unmerged { paths: Vec<Vec<u8>> },
    #[error(
        "{lock} exists, so nothing was touched: another git is at work here, or one was killed. \
         If none is running, remove that file",
        lock = .lock.display())]
    IndexLock { lock: PathBuf },
    #[error(
        "no branch is checked out (detached HEAD), so nothing was touched; `git switch {branch}` \
         checks it out, or AUTO_SYNC_BRANCH or --branch names another"
    )]
    Detached { branch: String },
    #[error(
        "the branch {found} is checked out, not {wanted}, so nothing was touched; `git switch \
         {wanted}` checks it out, or AUTO_SYNC_BRANCH or --branch names another"
    )]
    OtherBranch { found: String, wanted: String },
    #[error(
        "{branch} has no commit yet, so nothing was touched; `git pull {remote} {branch}` brings \
         the first, or make one"
    )]
    Unborn { branch: String, remote: String },
    #[error(
        "there is no remote {remote}, so nothing was touched; {}. `git remote add {remote} URL` \
         adds it, or AUTO_SYNC_REMOTE or --remote names another",
        there_is(.known)
    )]
    NoRemote { remote: String, known: Vec<String> },
    #[error(
        "{remote} has no branch {branch}, so nothing was touched; `git push {remote} {branch}` \
         makes it, or AUTO_SYNC_BRANCH or --branch names another"
    )]
    NoRemoteBranch { remote: String, branch: String },
    #[error("cannot fetch from {remote}, so nothing was touched: {source}")]
    Fetch { remote: String, source: GitError },
    #[error(
        "these are not tracked and lie where {upstream} has files, so nothing was touched: {}; \
         move them away",
        shown(.paths)
    )]
    InTheWay { upstream: String, paths: Vec<Vec<u8>> },
    #[error(
        "the remote changes files that have changes here and that git is told not to look at, so \
         nothing was touched: {}; `git update-index --no-assume-unchanged --no-skip-worktree` \
         lets it look at them",
        shown(.paths)
    )]
    Hidden { paths: Vec<Vec<u8>> },
    #[error(
        "{} is a git repository of its own and lies where the remote has something else, so \
         nothing was touched; move it away",
        .path.display()
    )]
    RepositoryInTheWay { path: PathBuf },
    #[error(
        "{upstream} has new commits, and so has this checkout, and tracked files have changes \
         that are not committed: {strategy} can't begin, and nothing was touched; commit them, \
         or put them aside with `git stash`"
    )]
    Dirty { upstream: String, strategy: Strategy },
    #[error(
        "{upstream} has {} that are not here, and here are {} that it has not: ff-only can't \
         bring them together, and nothing was touched; do it by hand with `git rebase \
         {upstream}` or `git merge {upstream}`",
        commits(*.behind), commits(*.ahead)
    )]
    Diverged { upstream: String, ahead: usize, behind: usize },
    #[error("{upstream} could not be taken over, and everything is as it was: {source}")]
    Blocked { upstream: String, source: GitError },
    #[error(
        "{upstream} and this checkout could not be brought together by {strategy}; it was taken \
         back, and everything is as it was. Do it by hand: `git {strategy} {upstream}` \
         ({source})"
    )]
    Conflict { upstream: String, strategy: Strategy, source: GitError },
    #[error(
        "{strategy} failed ({source}) and could not be taken back ({abort}); `git {strategy} \
         --abort` takes it back"
    )]
    NotTakenBack { strategy: Strategy, source: GitError, abort: String },
    #[error(
        "{strategy} was broken off half-way ({source}). Your commits and your untracked files \
         are all there; `git reset --hard {head}` goes back to where it began"
    )]
    HalfDone { strategy: Strategy, source: GitError, head: Oid },
    #[error(
        "{upstream} did not take {} from here; they stay, and the next sync tries again: {source}",
        commits(*.ahead)
    )]
    Push { upstream: String, ahead: usize, source: GitError },
    #[error(
        "the checkout was changed by somebody each time that its work had just been kept; what \
         was seen is kept (`redundancy sync --list`), nothing else was touched. Try again when \
         it rests"
    )]
    Restless,
    #[error("the checked-out commit is gone since it was looked at; try again")]
    Moved,
    #[error(
        "{what} does not hold what was to be kept, so nothing was touched; `git fsck` may say more"
    )]
    NotKept { what: String },
    #[error("cannot {what} {path}: {source}", path = .path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },
}

/// Why git gave no answer, or a bad one.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is none.
    #[error("git was not found; install it, or add its folder to PATH")]
    Missing,
    /// The operating system did not run it.
    #[error("cannot run {command}: {source}")]
    Start {
        /// What was to be run.
        command: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A signal ended it.
    #[error(
        "{command} was killed by signal {signal}, so what it was to do may be half done{}",
        colon(.said)
    )]
    Killed {
        /// What ran.
        command: String,
        /// The number of the signal.
        signal: i32,
        /// What it said on standard error.
        said: String,
    },
    /// It took too long.
    #[error(
        "{command} did not end within {} s and was ended; `--timeout` sets another limit",
        .limit.as_secs_f32()
    )]
    TimedOut {
        /// What ran.
        command: String,
        /// How long it was given.
        limit: Duration,
    },
    /// We were told to stop.
    #[error("stopped by a signal during {command}")]
    Stopped {
        /// What ran.
        command: String,
    },
    /// It failed.
    #[error("{command} failed (exit code {code}){}", colon(.said))]
    Failed {
        /// What ran.
        command: String,
        /// Its exit code.
        code: i32,
        /// What it said on standard error.
        said: String,
    },
    /// Its answer makes no sense.
    #[error("{command} gave an answer that makes no sense: {answer:?}")]
    Odd {
        /// What ran.
        command: String,
        /// What it said.
        answer: String,
    },
}

fn colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn there_is(remotes: &[String]) -> String {
    if remotes.is_empty() {
        "there is none at all".to_owned()
    } else {
        format!("there is {}", remotes.join(", "))
    }
}

/// So many commits, in words.
pub(super) fn commits(n: usize) -> String {
    if n == 1 { "1 commit".to_owned() } else { format!("{n} commits") }
}

/// The first few of a list of paths.
fn shown(paths: &[Vec<u8>]) -> String {
    const MOST: usize = 3;
    let name = |it: &Vec<u8>| String::from_utf8_lossy(it).replace(char::is_control, "\u{fffd}");
    let mut names: Vec<_> = paths.iter().take(MOST).map(name).collect();
    if paths.len() > MOST {
        names.push(format!("and {} more", paths.len() - MOST));
    }
    names.join(", ")
}
