//! Removing untracked files that are kept.

use std::{collections::BTreeSet, fs, path::Path};

use super::{
    Error,
    git::Git,
    in_the_way::place,
    snapshot::{GitPath, Snapshot, Studio, untracked_files},
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
    let same = snapshot.still_as_kept(git, studio, &paths)?;
    let mut left = Vec::new();
    if same.len() < paths.len() {
        let number = paths.len() - same.len();
        left.push(format!("{number} untracked files have changed since they were kept, and stay"));
    }
    for path in same {
        let path = place(git.folder(), &path);
        match fs::remove_file(&path) {
            Ok(()) => remove_empty_folders(git.folder(), &path),
            Err(error) => left.push(format!("{} could not be removed: {error}", path.display())),
        }
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
