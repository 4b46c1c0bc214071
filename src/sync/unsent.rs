//! What of a checkout nobody else has yet. Looks only.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use super::{error::GitError, git::Git};

/// How long git may take.
const LIMIT: Duration = Duration::from_mins(1);

/// What of a checkout nobody else has yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsent {
    /// The files that differ from the last commit, relative to the folder, in order.
    pub uncommitted: Vec<String>,
    /// How many commits the branch has that its upstream has not; none, where it has no upstream.
    pub unpushed: Option<usize>,
}

/// What of the files below `folder` that `matter` nobody else has yet.
pub fn unsent(folder: &Path, matter: impl Fn(&str) -> bool) -> Result<Unsent, GitError> {
    let git = Git::new(folder, LIMIT, Arc::new(AtomicBool::new(false)));
    let prefix = git.call(["rev-parse", "--show-prefix"]).line()?;
    let status = ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "."];
    let status = git.call(status).output()?;
    let status = String::from_utf8_lossy(&status);
    // `XY path`, from the top of the checkout.
    let paths = status.split('\0').filter_map(|it| it.get(3..)?.strip_prefix(prefix.as_str()));
    let mut uncommitted: Vec<String> = paths.filter(|it| matter(it)).map(str::to_owned).collect();
    uncommitted.sort_unstable();
    let ahead = git.call(["rev-list", "--count", "@{upstream}..HEAD"]).answer()?;
    let unpushed = String::from_utf8_lossy(&ahead.out).trim().parse().ok();
    Ok(Unsent { uncommitted, unpushed: unpushed.filter(|_| ahead.code == 0) })
}
