//! Where this program is, and how another takes its place.

use std::{
    env,
    ffi::OsString,
    fs::{self, File, Permissions, TryLockError},
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::Access;
use tempfile::{NamedTempFile, TempPath};

use super::Error;

/// The place of a program: its file, whatever links lead there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub program: PathBuf,
    /// The program before it.
    pub old: PathBuf,
    folder: PathBuf,
}

/// A place at which nobody else puts anything, as long as this is there.
#[derive(Debug)]
pub struct Kept {
    place: Place,
    /// Its folder, locked.
    _lock: File,
}

impl Place {
    /// The place of the program that runs.
    ///
    /// # Errors
    /// When its file is there no more.
    pub fn of_this() -> Result<Self, Error> {
        let program =
            env::current_exe().and_then(|it| it.canonicalize()).map_err(Error::Nowhere)?;
        let nowhere = || Error::Nowhere(io::Error::from(io::ErrorKind::InvalidFilename));
        let folder = program.parent().ok_or_else(nowhere)?.to_owned();
        let mut name: OsString = program.file_name().ok_or_else(nowhere)?.to_owned();
        name.push(".old");
        Ok(Self { old: folder.join(name), folder, program })
    }

    /// Keeps others from putting anything here, and makes sure that we could.
    ///
    /// # Errors
    /// When we could not, or somebody else just does.
    pub fn keep(self) -> Result<Kept, Error> {
        let not_ours = |source| Error::NotOurs { path: self.program.clone(), source };
        let may = |path: &Path, how| {
            rustix::fs::access(path, how).map_err(|error| not_ours(io::Error::from(error)))
        };
        may(&self.program, Access::WRITE_OK)?;
        may(&self.folder, Access::WRITE_OK | Access::EXEC_OK)?;
        let lock = File::open(&self.folder).map_err(not_ours)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Busy(self.program)),
            Err(TryLockError::Error(source)) => return Err(not_ours(source)),
        }
        match fs::symlink_metadata(&self.old) {
            Ok(it) if !it.is_file() => {
                let source =
                    io::Error::other("it is no file, and the program before would go there");
                Err(Error::Disk { doing: "use", path: self.old, source })
            }
            _ => Ok(Kept { place: self, _lock: lock }),
        }
    }
}

impl Kept {
    /// An empty file in the same folder, which is removed when it is dropped.
    pub(super) fn beside(&self) -> Result<NamedTempFile, Error> {
        let made = tempfile::Builder::new().prefix(".redundancy-").tempfile_in(&self.place.folder);
        made.map_err(|source| Error::NotOurs { path: self.place.program.clone(), source })
    }

    /// A file that is written: on the disk, and one that may be run as the program may.
    pub(super) fn finish(&self, file: NamedTempFile) -> Result<TempPath, Error> {
        let failed = |source| Error::Disk { doing: "write", path: file.path().to_owned(), source };
        let mode = fs::metadata(&self.place.program).map_err(failed)?.permissions().mode();
        let mode = Permissions::from_mode(mode & 0o777 | 0o500);
        file.as_file().set_permissions(mode).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        // What is open for writing can't be run.
        Ok(file.into_temp_path())
    }

    /// The program before, if there is one.
    pub(super) fn old(&self) -> Result<&Path, Error> {
        let old = &self.place.old;
        if old.exists() { Ok(old) } else { Err(Error::NoOld(old.clone())) }
    }

    /// Puts the program at `new`, in the same folder, in the place of this one, which becomes the one before. All is
    /// as it was where that fails.
    pub(super) fn put(&self, new: &Path) -> Result<(), Error> {
        let Place { program, old, folder } = &self.place;
        let failed = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Disk { doing, path, source }
        };
        // A second name for it, so that it is not gone when its own is another's.
        let spare = self.beside()?.into_temp_path();
        let copied = fs::remove_file(&spare).and_then(|()| match fs::hard_link(program, &spare) {
            Ok(()) => Ok(()),
            // Not every file system has them.
            Err(_) => fs::copy(program, &spare).and_then(|_| File::open(&spare)?.sync_all()),
        });
        copied.map_err(failed("keep", program))?;
        fs::rename(new, program).map_err(failed("replace", program))?;
        if let Err(source) = fs::rename(&spare, old) {
            // The new one can be had again; this one can't.
            fs::rename(&spare, program).map_err(failed("put back", program))?;
            return Err(failed("write", old)(source));
        }
        // It was moved away.
        let _ = spare.keep();
        let synced = File::open(folder).and_then(|it| it.sync_all());
        synced.map_err(failed("write", folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(dir: &Path) -> Kept {
        let program = dir.join("p");
        fs::write(&program, "one").unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        Place { program, old: dir.join("p.old"), folder: dir.to_owned() }.keep().unwrap()
    }

    #[test]
    fn one_takes_the_place_of_the_other_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let kept = kept(dir.path());
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        let file = kept.beside().unwrap();
        fs::write(file.path(), "two").unwrap();
        let new = kept.finish(file).unwrap();
        kept.put(&new).unwrap();
        assert_eq!((read("p"), read("p.old")), ("two".to_owned(), "one".to_owned()));
        let mode = fs::metadata(dir.path().join("p")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755);
        let old = kept.old().unwrap().to_owned();
        kept.put(&old).unwrap();
        assert_eq!((read("p"), read("p.old")), ("one".to_owned(), "two".to_owned()));
        drop(new);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_fails_leaves_all_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let kept = kept(dir.path());
        fs::write(&kept.place.old, "zero").unwrap();
        kept.put(&dir.path().join("missing")).unwrap_err();
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!((read("p"), read("p.old")), ("one".to_owned(), "zero".to_owned()));
        // Where the one before can't be kept, it stays in its place.
        fs::remove_file(&kept.place.old).unwrap();
        fs::create_dir(&kept.place.old).unwrap();
        fs::write(dir.path().join("new"), "two").unwrap();
        kept.put(&dir.path().join("new")).unwrap_err();
        assert_eq!(read("p"), "one");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn two_do_not_do_it_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let kept = kept(dir.path());
        assert!(matches!(kept.place.clone().keep(), Err(Error::Busy(_))));
        let place = kept.place.clone();
        drop(kept);
        assert!(place.keep().is_ok());
    }
}
