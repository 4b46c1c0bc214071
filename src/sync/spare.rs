//! Untracked files that stay although untracked files are removed: what `redundancy` made
//! itself, and what tells git what to ignore.

use std::{
    ffi::OsStr,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use super::{
    GitError,
    checkout::Checkout,
    path::{place, records},
};
use crate::{config, provider::files::mark};

/// How much of a file is read to find the mark.
const BEGINNING: u64 = 16 * 1024;

/// What is spared.
#[derive(Debug)]
pub(super) struct Spare {
    top: PathBuf,
    /// State folders and log folders of projects in the checkout.
    folders: Vec<PathBuf>,
}

impl Spare {
    /// For the projects in the checkout, and these folders.
    pub(super) fn new(checkout: &Checkout, more: &[PathBuf]) -> Result<Self, GitError> {
        let pattern = format!(":(top,glob)**/{}", config::FILE_NAME);
        let ask = ["ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", &pattern];
        let configs = checkout.git.call(ask).output()?;
        let top = checkout.top().to_owned();
        let projects =
            records(&configs).filter_map(|it| config::load_or_default(&place(&top, it)).ok());
        let folders = projects.flat_map(|it| [it.state_dir(), it.log_dir()]);
        let folders = folders.chain(more.iter().cloned()).collect();
        Ok(Self { top, folders })
    }

    /// Whether this untracked file stays.
    pub(super) fn holds(&self, path: &[u8]) -> bool {
        let path = place(&self.top, path);
        // Without its `.gitignore`, what is ignored would be the next to go.
        let by_name = |it: &OsStr| it == config::FILE_NAME || it == ".gitignore";
        path.file_name().is_some_and(by_name)
            || self.folders.iter().any(|it| path.starts_with(it))
            || is_ours(&path)
    }
}

fn is_ours(path: &Path) -> bool {
    // Not through a link, and nothing that reading would wait for.
    if !path.symlink_metadata().is_ok_and(|it| it.is_file()) {
        return false;
    }
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|it| it.take(BEGINNING).read_to_end(&mut beginning));
    read.is_ok() && mark::is_ours(&beginning)
}
