//! Paths as git names them, and the lists in which it does.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// A path relative to the top of the checkout, as git names it.
pub(super) type GitPath = Vec<u8>;

/// Where a path of git is on the disk.
pub(super) fn place(top: &Path, path: &[u8]) -> PathBuf {
    top.join(OsStr::from_bytes(path))
}

/// The records of a list that ends each with a zero byte.
pub(super) fn records(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|it| *it == 0).filter(|it| !it.is_empty())
}

/// The pairs of `--name-status -z`.
pub(super) fn name_status(list: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut records = records(list);
    std::iter::from_fn(move || Some((records.next()?, records.next()?)))
}
