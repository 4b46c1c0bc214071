//! What can go wrong with an update. Whatever it is, the program is as it was.

use std::{io, path::PathBuf};

use crate::http;

/// Why there is no other program in the place of this one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Who is asked is not known, or can't be.
    #[error("{0}")]
    Config(String),
    /// Where this program is can't be found out.
    #[error(
        "cannot find out where the file of this program is ({0}); it may have been replaced or removed \
         while this ran: try again"
    )]
    Nowhere(io::Error),
    /// The file can't be replaced by whoever runs this.
    #[error(
        "cannot replace {}: {source}; if a package manager has put it there, have that update it, \
         otherwise run this as somebody who may write in its folder",
        path.display()
    )]
    NotOurs {
        /// The program.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another one does the same.
    #[error("another self-update of {} is going on; try again when it has ended", .0.display())]
    Busy(PathBuf),
    /// GitHub gave nothing.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// The release has nothing for this machine, or no sums.
    #[error(
        "release {tag} has no file {file}, so nothing of it is taken; it has {}",
        if there.is_empty() { "none at all".to_owned() } else { there.join(", ") }
    )]
    NoFile {
        /// The release.
        tag: String,
        /// What is missing.
        file: String,
        /// What it has, the first of it.
        there: Vec<String>,
    },
    /// What came is not what it should be.
    #[error("{file} of release {tag} is not taken, and nothing was replaced: {how}")]
    Wrong {
        /// The release.
        tag: String,
        /// Its file.
        file: String,
        /// What is wrong with it.
        how: String,
    },
    /// Something of the disk failed.
    #[error("cannot {doing} {}: {source}", path.display())]
    Disk {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is none before this one.
    #[error("there is no {}, so there is nothing to go back to: an update leaves it", .0.display())]
    NoOld(PathBuf),
    /// The one before does not run.
    #[error("{} is not put back, and nothing was replaced: {how}", path.display())]
    OldWrong {
        /// The program before this one.
        path: PathBuf,
        /// What is wrong with it.
        how: String,
    },
}

impl Error {
    /// The release `tag` lacks `file`.
    pub(super) fn no_file(tag: &str, file: &str, there: impl Iterator<Item = String>) -> Self {
        let there = there.take(20).map(|it| http::text::harmless(&it, 80)).collect();
        Self::NoFile { tag: tag.to_owned(), file: file.to_owned(), there }
    }
}
