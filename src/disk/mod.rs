//! What everybody needs who writes files of this program's own: a file put in place whole, and a log that is put
//! aside before it grows too large.

mod log;

use std::{
    fs::{self, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

pub(crate) use log::{Log, LogLimits};

/// Permissions of a file that only its owner may read.
const PRIVATE: u32 = 0o600;

/// Permissions of a file that anybody may read.
pub(crate) const PUBLIC: u32 = 0o644;

/// Puts a file in place whole: whoever reads it, also after a power cut, sees the old or the new
/// text and nothing between.
pub(crate) fn replace(place: &Path, text: &str, mode: u32) -> io::Result<()> {
    let folder = place.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".redundancy-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(place).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// The same for a file that only its owner may read.
pub(crate) fn replace_private(place: &Path, text: &str) -> io::Result<()> {
    replace(place, text, PRIVATE)
}

/// Puts another text in place of a file's, whole, with the permissions that it has; through a link, that of the file
/// that it leads to.
pub(crate) fn replace_text(place: &Path, text: &str) -> io::Result<()> {
    let place = match place.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => place.to_owned(),
        found => found?,
    };
    let mode = match fs::metadata(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => PUBLIC,
        found => found?.permissions().mode(),
    };
    replace(&place, text, mode & 0o7777)
}

/// Whether something could not be written because there is no room for it.
pub(crate) fn no_room(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), FileTooLarge | QuotaExceeded | StorageFull)
}
