//! Where the socket is, and how it is reached there.

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio::net::UnixStream;

use crate::controller::listen::{Bound, Short, listen};

/// The socket's name in its folder.
const NAME: &str = "live.sock";

/// The socket in a state folder.
#[must_use]
pub fn file(state_dir: &Path) -> PathBuf {
    state_dir.join(NAME)
}

/// Listens in the place of what a watch that was killed left there, if it left something.
pub(super) fn bind(state_dir: &Path) -> Result<Bound, String> {
    let path = file(state_dir);
    listen(&path).map_err(|error| {
        format!(
            "cannot listen at the socket {}: {error}; with that mended, `redundancy restart` tries again",
            path.display()
        )
    })
}

/// Why a watch can't be heard.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// There is no socket.
    #[error("there is no socket {0}")]
    None(PathBuf),
    /// Nobody listens, or it can't be opened.
    #[error("cannot reach the socket {path}: {why}", path = path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
        /// What the operating system said.
        why: io::Error,
    },
}

/// Reaches the watch that listens in `state_dir`.
///
/// # Errors
/// When none does.
pub async fn connect(state_dir: &Path) -> Result<UnixStream, Unreachable> {
    let path = file(state_dir);
    let connected = match Short::of(&path) {
        Ok(short) => UnixStream::connect(&short.path).await.map_err(|it| short.explain(it)),
        Err(error) => Err(error),
    };
    connected.map_err(|why| {
        if why.kind() == io::ErrorKind::NotFound {
            Unreachable::None(path)
        } else {
            Unreachable::Refused { path, why }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_socket_is_its_owners_only_and_goes_with_whoever_made_it() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(connect(dir.path()).await, Err(Unreachable::None(_))));
        let bound = bind(dir.path()).unwrap();
        assert_eq!(mode(&file(dir.path())), 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
        connect(dir.path()).await.unwrap();
        drop(bound);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_a_killed_watch_left_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let old = bind(dir.path()).unwrap();
        drop(old.listener);
        let refused = connect(dir.path()).await.unwrap_err();
        assert!(matches!(refused, Unreachable::Refused { .. }), "{refused}");
        let new = bind(dir.path()).unwrap();
        // The old one's end does not take away what is another's.
        drop(old.file);
        connect(dir.path()).await.unwrap();
        drop(new);
    }

    #[tokio::test]
    async fn what_is_no_socket_stays() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(file(dir.path()), "mine").unwrap();
        let refused = bind(dir.path()).unwrap_err();
        assert!(refused.contains("is there and is no socket"), "{refused}");
        fs::remove_file(file(dir.path())).unwrap();
        std::os::unix::fs::symlink("elsewhere", file(dir.path())).unwrap();
        assert!(bind(dir.path()).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_path_may_be_longer_than_a_socket_can_be_bound_to() {
        let dir = tempfile::tempdir().unwrap();
        let long = dir.path().join("x".repeat(90)).join("y".repeat(90));
        fs::create_dir_all(&long).unwrap();
        let bound = bind(&long).unwrap();
        assert_eq!(mode(&file(&long)), 0o600);
        connect(&long).await.unwrap();
        drop(bound);
        assert!(matches!(connect(&long).await, Err(Unreachable::None(_))));
    }

    #[tokio::test]
    async fn where_nothing_can_be_made_it_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let refused = bind(&dir.path().join("gone")).unwrap_err();
        assert!(refused.starts_with("cannot listen at the socket"), "{refused}");
    }
}
