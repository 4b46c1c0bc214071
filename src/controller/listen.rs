//! Sockets of this machine that only their owner may use.

use std::{
    fs::{self, File, Permissions},
    io,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::{
            ffi::OsStrExt as _,
            fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
            net::UnixStream,
        },
    },
    path::{Path, PathBuf},
};

use tokio::net::UnixListener;

/// A socket that is listened at, and whose file is this one.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) listener: UnixListener,
    pub(super) file: SocketFile,
}

/// The file of a socket. It goes with its handle, if it is still the same one.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path);
        if found.is_ok_and(|it| (it.dev(), it.ino()) == self.inode)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!("the socket {} is left behind: {error}", self.path.display());
        }
    }
}

/// Listens at `path`. What an earlier program left there is replaced; what somebody listens at, or is no socket, is not.
///
/// # Errors
/// When something else is in its place, or another user's, or when it can't be made.
pub(super) fn listen(path: &Path) -> io::Result<Bound> {
    match fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => {
            let why = format!("{} is there and is no socket", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        Ok(there) if there.uid() != rustix::process::geteuid().as_raw() => {
            let why = format!("{} belongs to another user", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        Ok(_) if Short::of(path).is_ok_and(|it| UnixStream::connect(&it.path).is_ok()) => {
            let why = format!("somebody else listens at {}", path.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    // Made in a folder that nobody else may enter, so that it is private before anybody can see it.
    let private = tempfile::Builder::new().prefix(".socket-").tempdir_in(folder)?;
    let made = private.path().join("s");
    let short = Short::of(&made)?;
    let listener = UnixListener::bind(&short.path).map_err(|error| short.explain(error))?;
    fs::set_permissions(&made, Permissions::from_mode(0o600))?;
    fs::rename(&made, path)?;
    let about = fs::symlink_metadata(path)?;
    let file = SocketFile { path: path.to_owned(), inode: (about.dev(), about.ino()) };
    Ok(Bound { listener, file })
}

/// The longest path that a socket can be bound to or reached by, in bytes.
const LONGEST: usize = 107;

/// A path that is short enough for a socket. One that is too long leads through its folder, held open.
pub(super) struct Short {
    pub(super) path: PathBuf,
    folder: Option<OwnedFd>,
}

impl Short {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
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
    pub(super) fn explain(&self, error: io::Error) -> io::Error {
        if self.folder.is_none() || Path::new("/proc/self/fd").exists() {
            return error;
        }
        let why = format!(
            "its path has more than {LONGEST} bytes, and without /proc it can't be reached through its \
             folder ({error})"
        );
        io::Error::other(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_loop<T>(work: impl FnOnce() -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        work()
    }

    #[test]
    fn a_socket_is_private_and_a_stale_one_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.sock");
        on_loop(|| {
            // What a program that was killed leaves.
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
            let first = listen(&path).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(listen(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
            drop(first);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        });
    }

    #[test]
    fn what_is_no_socket_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.sock");
        fs::write(&path, "precious").unwrap();
        on_loop(|| assert_eq!(listen(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }
}
