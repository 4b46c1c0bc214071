//! Where the socket is, and how it is reached there.

use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{
            ffi::OsStrExt,
            fs::{FileTypeExt, MetadataExt, PermissionsExt},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
};

use tokio::net::UnixStream;

/// The longest path that a socket can be bound to or reached by, in bytes.
const LONGEST: usize = 107;

/// The socket's name in its folder.
const NAME: &str = "live.sock";

/// The socket in a state folder.
#[must_use]
pub fn file(state_dir: &Path) -> PathBuf {
    state_dir.join(NAME)
}

/// A socket that listens, and its place.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) listener: UnixListener,
    pub(super) path: PathBuf,
    /// Device and inode of the socket, by which it is known to be ours still.
    pub(super) inode: (u64, u64),
}

/// Listens in the place of what an earlier watch left there, if it left something. Whoever binds has the
/// lock of the watch, so nobody listens there any more.
pub(super) fn bind(state_dir: &Path) -> Result<Bound, String> {
    let path = file(state_dir);
    let failed = |what: &str| {
        let path = path.display().to_string();
        let what = what.to_owned();
        move |error: io::Error| format!("cannot {what} the socket {path}: {error}")
    };
    match fs::symlink_metadata(&path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(format!(
                "{} is no socket; move it away, and `redundancy restart` makes one there",
                path.display()
            ));
        }
        Ok(found) if found.uid() != rustix::process::geteuid().as_raw() => {
            return Err(format!(
                "{} belongs to another user; remove it, and `redundancy restart` makes one there",
                path.display()
            ));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("look at")(error));
        }
        _ => {}
    }
    // In a folder that nobody else can enter, so that it is never there with other permissions.
    let folder = tempfile::Builder::new().prefix(".live-").tempdir_in(state_dir);
    let folder = folder.map_err(failed("make"))?;
    let new = folder.path().join(NAME);
    let short = Short::of(&new).map_err(failed("make"))?;
    let listener =
        UnixListener::bind(&short.path).map_err(|it| failed("make")(short.explain(it)))?;
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&new, private).map_err(failed("protect"))?;
    fs::rename(&new, &path).map_err(failed("put in place"))?;
    let made = fs::symlink_metadata(&path).map_err(failed("look at"))?;
    Ok(Bound { listener, inode: (made.dev(), made.ino()), path })
}

/// Takes the socket away, if it is still ours.
pub(super) fn remove(path: &Path, inode: (u64, u64)) {
    let found = fs::symlink_metadata(path);
    if found.is_ok_and(|it| (it.dev(), it.ino()) == inode)
        && let Err(error) = fs::remove_file(path)
    {
        tracing::warn!("the socket {} is left behind: {error}", path.display());
    }
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

/// A path that is short enough for a socket. One that is too long leads through its folder, held open.
struct Short {
    path: PathBuf,
    folder: Option<OwnedFd>,
}

impl Short {
    fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().as_bytes().len() <= LONGEST {
            return Ok(Self { path: path.to_owned(), folder: None });
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidFilename.into());
        };
        let folder: OwnedFd = File::open(folder)?.into();
        let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
        Ok(Self { path, folder: Some(folder) })
    }

    /// Says that the way was not the plain one, where that may be why it failed.
    fn explain(&self, error: io::Error) -> io::Error {
        if self.folder.is_none() || Path::new("/proc/self/fd").exists() {
            return error;
        }
        let why = format!(
            "its path has more than {LONGEST} bytes, and without /proc it can't be reached through its \
             folder ({error}); `state_dir` in [controller] can name a shorter one"
        );
        io::Error::other(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_socket_is_its_owners_only_and_goes_with_whoever_made_it() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(connect(dir.path()).await, Err(Unreachable::None(_))));
        let bound = bind(dir.path()).unwrap();
        assert_eq!((mode(&bound.path), &bound.path), (0o600, &file(dir.path())));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
        connect(dir.path()).await.unwrap();
        remove(&bound.path, bound.inode);
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
        remove(&old.path, old.inode);
        connect(dir.path()).await.unwrap();
        drop(new);
    }

    #[test]
    fn what_is_no_socket_stays() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(file(dir.path()), "mine").unwrap();
        let refused = bind(dir.path()).unwrap_err();
        assert!(refused.contains("is no socket; move it away"), "{refused}");
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
        assert_eq!(mode(&bound.path), 0o600);
        connect(&long).await.unwrap();
        remove(&bound.path, bound.inode);
        assert!(matches!(connect(&long).await, Err(Unreachable::None(_))));
    }

    #[test]
    fn where_nothing_can_be_made_it_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let refused = bind(&dir.path().join("gone")).unwrap_err();
        assert!(refused.starts_with("cannot make the socket"), "{refused}");
    }
}
