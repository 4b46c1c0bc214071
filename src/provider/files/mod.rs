//! Backups that are plain files in the project, generated from a primary that is one too: what
//! the workflows of GitHub and the functions of Netlify have in common.
//!
//! A generated file begins with a [header](mark) that says whose it is. [`read`] looks, [`wish`]
//! decides, [`write`] acts.

pub(crate) mod mark;
pub(crate) mod read;
pub(crate) mod rule;
pub(crate) mod wish;
pub(crate) mod write;

pub(crate) use mark::Comment;
pub(crate) use read::Reader;
pub(crate) use rule::{Rule, stand_in};
pub(crate) use wish::{Order, Primary, Wisher};
pub(crate) use write::Writer;

use std::io;

use super::Error;
pub(crate) use crate::core::resource::MADE_FROM;

/// Field of the body of something that can't be read: why not. It then has no text.
pub(crate) const PROBLEM: &str = "problem";

/// Field of the body of something that can't be read: its path.
pub(crate) const PATH: &str = "path";

/// Runs `work`, which waits for the file system, where waiting is no harm.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::Passing(format!("the work on files was broken off: {error}"))),
    }
}

/// A path that somebody may have chosen to mislead, fit to be shown.
pub(crate) fn shown(path: &str) -> String {
    path.replace(char::is_control, "\u{fffd}")
}

/// Says what could not be done, by what helps against it.
pub(crate) fn failed(what: &str, path: &str, error: &io::Error) -> Error {
    let text = format!("could not {what} {path}: {error}");
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            Error::Refused(format!("{text}; allow it to the user that this runs as"))
        }
        io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidInput
        | io::ErrorKind::InvalidFilename => Error::Refused(text),
        _ => Error::Passing(format!("{text}; it is tried again at the next look")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_told_from_what_needs_a_person() {
        let told = |kind: io::ErrorKind| failed("write", "a/b.yml", &kind.into());
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Interrupted] {
            assert!(matches!(told(kind), Error::Passing(why) if why.contains("a/b.yml")), "{kind}");
        }
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem] {
            assert!(matches!(told(kind), Error::Refused(why) if why.contains("a/b.yml")), "{kind}");
        }
    }
}
