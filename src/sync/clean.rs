//! Removing untracked files that are kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::{
    Error,
    git::Git,
    path::{GitPath, place},
    snapshot::{Snapshot, Studio, Touched, untracked_files},
};

/// Removes the untracked files that are in the snapshot and still the same. Says what stays, and
/// why.
pub(super) fn remove(
    git: &Git,
    studio: &Studio,
    snapshot: &Snapshot,
) -> Result<Vec<String>, Error> {
    let there = untracked_files(git)?.into_iter();
    let paths: BTreeSet<GitPath> = there.filter(|it| snapshot.untracked.contains_key(it)).collect();
    let look = |it: &GitPath| Touched::look(&place(git.folder(), it));
    let before: BTreeMap<&GitPath, _> = paths.iter().map(|it| (it, look(it))).collect();
    let same = snapshot.still_as_kept(git, studio, &paths)?;
    let mut left = Vec::new();
    let mut changed = paths.len() - same.len();
    for path in same {
        // Whoever wrote it while it was read is noticed here.
        if before.get(&path) != Some(&look(&path)) {
            changed += 1;
            continue;
        }
        let path = place(git.folder(), &path);
        match fs::remove_file(&path) {
            Ok(()) => remove_empty_folders(git.folder(), &path),
            Err(error) => left.push(format!("{} could not be removed: {error}", path.display())),
        }
    }
    if changed > 0 {
        left.push(format!("{changed} untracked files have changed since they were kept, and stay"));
    }
    Ok(left)
}

/// Removes the folders above `path` that are empty by now, as git does.
fn remove_empty_folders(top: &Path, path: &Path) {
    for folder in path.ancestors().skip(1).take_while(|it| *it != top) {
        // Not empty, or not ours to remove: it stays.
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}
