//! `redundancy sync`: keeps a git checkout in step with its remote, and loses nothing.
//!
//! # The rules
//!
//! 1. **Look first.** A checkout in which a person is in the middle of something (another branch,
//!    no branch, a rebase, merge, am, cherry-pick, revert or bisect, unmerged files, an
//!    `index.lock`) is refused. The remote is fetched before anything else happens; without remote
//!    or branch nothing does.
//! 2. **In step is left alone.** Where the commit that is checked out is the remote's, nothing is
//!    touched: uncommitted work and untracked files stay as they are.
//! 3. **`hardreset`**: where the two differ in any way, the checkout is made equal to the remote.
//!    Before, all that this would lose is [kept](keep):
//!    the commit that was checked out, if the remote's does not contain it; and the uncommitted
//!    work: tracked files (those marked `assume-unchanged` too), what is staged, and untracked
//!    files that are about to go. Changed files that are marked `skip-worktree` stay as they are;
//!    where the remote changes them too, nothing is done.
//! 4. **Which untracked files go:** those in the place of something incoming, ignored or not; and,
//!    with [`Options::clean`], all others that are not ignored. Without `clean` those stay.
//!    Never: ignored files; repositories of their own; `.gitignore`; `redundancy.toml`, the
//!    state folder and log folder of a project; and files that begin with the mark of this tool.
//!    They stay in place. A file goes only while it is still as it was kept.
//! 5. **`rebase`, `merge`, `ff-only`** carry uncommitted work along or, where it is in the way, do
//!    nothing and say so; they never remove a file that is not tracked. What is only behind is
//!    moved forward. Where both sides have commits, `rebase` (which keeps the old commit first) and
//!    `merge` bring them together, taking it back at a conflict, and `ff-only` refuses.
//! 6. **Pushing**: `rebase` and `merge` push what the remote has not, never by force.
//! 7. **Submodules** are never entered: their files and commits stay as they are.
//! 8. **Hooks** run where a person would expect them: for `git rebase`, `git merge` and `git push`.
//!    Nothing else that is done here runs one.
//! 9. **Killed at any moment**, the work is in the checkout or under a ref: refs are written and
//!    read back before the first file is touched. The picture of the work is taken once more after
//!    that; only when it is still the same, and no file was touched while it was taken, the
//!    checkout is changed. What is left is the instant in which git itself begins.
//!
//! Kept work is as git stores a file: its bytes as the filters of the repository leave them, and of
//! its mode whether it is executable. Nothing that is kept is ever deleted here.

mod bring;
mod checkout;
mod clean;
mod error;
mod git;
mod in_the_way;
mod keep;
mod path;
mod snapshot;
mod spare;
mod unsent;

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use jiff::Timestamp;

use error::commits as count;
pub use error::{Error, GitError};
pub use git::Oid;
pub use keep::{Commits, Kept, Work};
pub use unsent::{Unsent, unsent};

use self::{bring::Run, checkout::Checkout, git::Git, snapshot::Studio};
use crate::controller::lock::{Lock, LockError};

/// The lock in the git folder of the checkout.
const LOCK: &str = "redundancy-sync.lock";

/// The remote's commit as it was fetched: a ref of this checkout alone, so that nobody else's fetch
/// changes it under our hands.
const FETCHED: &str = "refs/worktree/redundancy-fetched";

/// How a checkout is brought in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Made equal to the remote.
    HardReset,
    /// Own commits are put on top of the remote's, and pushed.
    Rebase,
    /// Own commits are merged with the remote's, and pushed.
    Merge,
    /// Only moved forward.
    FfOnly,
}

impl Strategy {
    const ALL: [Self; 4] = [Self::HardReset, Self::Rebase, Self::Merge, Self::FfOnly];

    fn word(self) -> &'static str {
        match self {
            Self::HardReset => "hardreset",
            Self::Rebase => "rebase",
            Self::Merge => "merge",
            Self::FfOnly => "ff-only",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A text that is no [`Strategy`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a strategy is one of hardreset, rebase, merge, ff-only")]
pub struct StrategyError;

impl FromStr for Strategy {
    type Err = StrategyError;

    fn from_str(text: &str) -> Result<Self, StrategyError> {
        let text = text.to_ascii_lowercase();
        Self::ALL.into_iter().find(|it| it.word() == text).ok_or(StrategyError)
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name of the remote.
    pub remote: String,
    /// The branch, here and there.
    pub branch: String,
    /// How.
    pub strategy: Strategy,
    /// Whether a hard reset also removes untracked files that are not ignored.
    pub clean: bool,
    /// Whether `git gc` runs at the end.
    pub gc: bool,
    /// How long one run of git may take.
    pub limit: Duration,
    /// Folders in which no untracked file is removed.
    pub spare: Vec<PathBuf>,
}

impl Options {
    /// What is followed, as git calls it.
    #[must_use]
    pub fn upstream(&self) -> String {
        format!("{}/{}", self.remote, self.branch)
    }
}

/// What happened on the way.
#[derive(Debug)]
pub enum Event {
    /// Something was kept, and is safe now.
    Kept(Kept),
    /// Something that the user should know.
    Note(String),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Both had the same commit.
    InStep {
        /// The commit.
        at: Oid,
        /// How many files differ from it or are not tracked.
        local_changes: usize,
    },
    /// Commits of the remote are here now.
    Moved {
        /// The commit that was checked out.
        from: Oid,
        /// The one that is.
        to: Oid,
        /// How many commits of the remote are new here.
        commits: usize,
        /// How many commits are not in it any more; they are kept.
        put_aside: usize,
    },
    /// The remote has commits of ours now.
    Pushed {
        /// The last of them.
        to: Oid,
        /// How many.
        commits: usize,
        /// How many commits of the remote are new here.
        taken: usize,
    },
    /// There are commits here that the remote has not, and the strategy does not push.
    Ahead {
        /// The last of them.
        at: Oid,
        /// How many.
        commits: usize,
    },
}

impl Done {
    /// It in one line.
    #[must_use]
    pub fn describe(&self, options: &Options) -> String {
        let upstream = options.upstream();
        match self {
            Self::InStep { at, local_changes: 0 } => {
                format!("in step with {upstream} at {}", at.short())
            }
            Self::InStep { at, local_changes } => {
                let local = if *local_changes == 1 {
                    "1 local change is".to_owned()
                } else {
                    format!("{local_changes} local changes are")
                };
                format!("in step with {upstream} at {}; {local} left alone", at.short())
            }
            Self::Moved { from, to, commits, put_aside } => {
                let (from, to) = (from.short(), to.short());
                let aside = match put_aside {
                    0 => String::new(),
                    n => format!("; put aside: {} that {upstream} has not", count(*n)),
                };
                match commits {
                    0 => format!("moved back from {from} to {to}{aside}"),
                    n => format!("moved from {from} to {to}, {}{aside}", count(*n)),
                }
            }
            Self::Pushed { to, commits, taken } => {
                let taken = match taken {
                    0 => String::new(),
                    n => format!(", on top of {} taken from there", count(*n)),
                };
                format!(
                    "pushed {} to {upstream}{taken}; in step at {}",
                    count(*commits),
                    to.short()
                )
            }
            Self::Ahead { at, commits } => {
                let number = count(*commits);
                format!("{number} ahead of {upstream} at {}; ff-only does not push", at.short())
            }
        }
    }
}

/// Brings the checkout that `folder` is in in step with its remote. When `stop` is set, waiting for
/// the remote ends; what changes the checkout goes on to its end.
///
/// # Errors
/// When it is not in step afterwards. Nothing is lost then either.
pub fn run(
    folder: &Path,
    options: &Options,
    stop: &Arc<AtomicBool>,
    tell: &mut dyn FnMut(Event),
) -> Result<Done, Error> {
    let git = Git::new(folder, options.limit, Arc::clone(stop));
    check_name("remote", &options.remote)?;
    check_name("branch", &options.branch)?;
    let checkout = Checkout::find(&git)?;
    let sound = ["check-ref-format".to_owned(), format!("refs/heads/{}", options.branch)];
    if !git.call(sound).holds()? {
        return Err(Error::Argument { what: "branch", value: options.branch.clone() });
    }
    let lock = checkout.git_dir.join(LOCK);
    let _lock = Lock::take(&lock, "sync", Timestamp::now()).map_err(|error| match error {
        LockError::Held(_) => Error::Locked(error),
        LockError::System { .. } => Error::NoLock(error),
    })?;
    checkout.check(&options.branch, &options.remote)?;
    let status = checkout.status()?;
    if !status.unmerged.is_empty() {
        return Err(Error::Unmerged { paths: status.unmerged });
    }
    let target = fetch(&checkout, options)?;
    let studio = Studio::new(&checkout)?;
    let mut run = Run { checkout: &checkout, studio: &studio, options, target, tell };
    let done = run.bring_in_step()?;
    run.tell_of_submodules()?;
    if options.gc {
        // Not `--prune=now`: what only the reflog knows is somebody's way back.
        checkout.git.call(["gc", "--quiet"]).output()?;
    }
    Ok(done)
}

/// What is kept in the repository that `folder` is in, the oldest first.
///
/// # Errors
/// When git can't say.
pub fn list(folder: &Path, limit: Duration) -> Result<Vec<Kept>, Error> {
    let git = Git::new(folder, limit, Arc::default());
    let answer = git.call(["rev-parse", "--git-dir"]).answer()?;
    if answer.code != 0 {
        return Err(Error::NotACheckout { folder: folder.to_owned(), said: answer.said });
    }
    keep::read_all(&git)
}

/// Refuses what git could take for an option, or what would print as two lines.
fn check_name(what: &'static str, value: &str) -> Result<(), Error> {
    if value.is_empty() || value.starts_with('-') || value.contains(char::is_control) {
        return Err(Error::Argument { what, value: value.to_owned() });
    }
    Ok(())
}

/// Fetches the branch and says which commit it is at.
fn fetch(checkout: &Checkout, options: &Options) -> Result<Oid, Error> {
    let Options { remote, branch, .. } = options;
    let known = checkout.git.call(["remote"]).line()?;
    if !known.lines().any(|it| it == remote) {
        let known = known.lines().map(str::to_owned).collect();
        return Err(Error::NoRemote { remote: remote.clone(), known });
    }
    let git = checkout.git.asking_nothing()?;
    let what = format!("+refs/heads/{branch}:{FETCHED}");
    // Nothing is pruned: a ref that is gone there may be the last that leads to a commit here.
    let ask = ["fetch", "--quiet", "--no-prune", "--no-write-fetch-head", remote, &what];
    match git.call(ask).waiting_for_others().output() {
        Ok(_) => {}
        Err(GitError::Failed { said, .. }) if said.contains("couldn't find remote ref") => {
            return Err(Error::NoRemoteBranch { remote: remote.clone(), branch: branch.clone() });
        }
        Err(source @ GitError::Failed { .. }) => {
            return Err(Error::Fetch { remote: remote.clone(), source });
        }
        Err(other) => return Err(other.into()),
    }
    let command = "`git fetch`".to_owned();
    let odd = || GitError::Odd { command, answer: "no commit".to_owned() };
    Ok(checkout.tip(FETCHED)?.ok_or_else(odd)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_is_one_of_four() {
        for strategy in Strategy::ALL {
            assert_eq!(strategy.to_string().to_uppercase().parse(), Ok(strategy));
        }
        for bad in ["", "reset", "ff", "-X", "rebase "] {
            assert_eq!(bad.parse::<Strategy>(), Err(StrategyError));
        }
    }
}
