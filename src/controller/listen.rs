//! Sockets of this machine that only their owner may use.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::Path,
};

use tokio::net::UnixListener;

/// Listens at `path`. What an earlier program left there is replaced; what somebody listens at, or is no socket, is not.
///
/// # Errors
/// When something else is in its place, when the path is too long for a socket, or when it can't be made.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => {
            let why = format!("{} is there and is no socket", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
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
    let listener = UnixListener::bind(&made)?;
    fs::set_permissions(&made, Permissions::from_mode(0o600))?;
    fs::rename(&made, path)?;
    Ok(listener)
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
            let first = listen(&path).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(listen(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
            drop(first);
            listen(&path).unwrap();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
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
