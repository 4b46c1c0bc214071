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
use tokio::task::spawn_blocking;

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
        Self::of(env::current_exe().and_then(|it| it.canonicalize()).map_err(Error::Nowhere)?)
    }

    /// The place of `program`, its file itself.
    ///
    /// # Errors
    /// When that is no path of a file.
    pub fn of(program: PathBuf) -> Result<Self, Error> {
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
    pub(super) async fn finish(&self, file: NamedTempFile) -> Result<TempPath, Error> {
        let path = file.path().to_owned();
        let failed = |source| Error::Disk { doing: "write", path: path.clone(), source };
        let mode = fs::metadata(&self.place.program).map_err(failed)?.permissions().mode();
        let mode = Permissions::from_mode(mode & 0o777 | 0o500);
        file.as_file().set_permissions(mode).map_err(failed)?;
        // A disk may take its time, and a watch has something else to do.
        let synced = spawn_blocking(move || file.as_file().sync_all().map(|()| file)).await;
        let file = synced.unwrap_or_else(|it| Err(io::Error::other(it))).map_err(failed)?;
        // What is open for writing can't be run.
        Ok(file.into_temp_path())
    }

    /// The program before, if there is one.
    pub(super) fn old(&self) -> Result<&Path, Error> {
        let old = &self.place.old;
        if old.exists() { Ok(old) } else { Err(Error::NoOld(old.clone())) }
    }

    /// Puts the program at `new`, in the same folder, in the place of this one, which becomes the one before. All is
    /// as it was where that fails. Whoever is killed in the middle leaves a program in its place, and the same one or
    /// the one before it as `NAME.old`.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn put(&self, new: &Path) -> Result<(), Error> {
        let Place { program, old, folder } = &self.place;
        let before = if old.exists() { Some(self.second_name(old)?) } else { None };
        self.keep_old()?;
        let replaced = match fs::rename(new, program) {
            Err(source) => Err(failed("replace", program)(source)),
            // Without this, the next start may find the one or the other.
            Ok(()) => match File::open(folder).and_then(|it| it.sync_all()) {
                Ok(()) => return Ok(()),
                Err(source) => {
                    fs::rename(old, program).map_err(failed("put back", program))?;
                    Err(failed("write", folder)(source))
                }
            },
        };
        match before {
            Some(before) => fs::rename(&before, old).map_err(failed("put back", old))?,
            None => match fs::remove_file(old) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(failed("remove", old)(source));
                }
                _ => {}
            },
        }
        replaced
    }

    /// Puts the one before in the place of the program, and the other way round.
    pub(super) fn swap(&self) -> Result<(), Error> {
        self.put(&self.second_name(self.old()?)?)
    }

    /// Has the program be the one before, too: by then its own name may be another's.
    fn keep_old(&self) -> Result<(), Error> {
        let Place { program, old, .. } = &self.place;
        let spare = self.second_name(program)?;
        fs::rename(&spare, old).map_err(failed("write", old))
    }

    /// A second name for the file at `path`, in the same folder, which is removed when it is dropped.
    fn second_name(&self, path: &Path) -> Result<TempPath, Error> {
        let spare = self.beside()?.into_temp_path();
        let copied = fs::remove_file(&spare).and_then(|()| match fs::hard_link(path, &spare) {
            Ok(()) => Ok(()),
            // Not every file system has them.
            Err(_) => fs::copy(path, &spare).and_then(|_| File::open(&spare)?.sync_all()),
        });
        copied.map_err(failed("keep", path))?;
        Ok(spare)
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Disk { doing, path, source }
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

    #[tokio::test]
    async fn one_takes_the_place_of_the_other_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let kept = kept(dir.path());
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        let file = kept.beside().unwrap();
        fs::write(file.path(), "two").unwrap();
        let new = kept.finish(file).await.unwrap();
        kept.put(&new).unwrap();
        assert_eq!((read("p"), read("p.old")), ("two".to_owned(), "one".to_owned()));
        let mode = fs::metadata(dir.path().join("p")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755);
        kept.swap().unwrap();
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
        assert_eq!((read("p"), read("new")), ("one".to_owned(), "two".to_owned()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn whoever_is_killed_in_the_middle_leaves_a_program_and_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let kept = kept(dir.path());
        fs::write(&kept.place.old, "zero").unwrap();
        fs::write(dir.path().join("new"), "two").unwrap();
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        // Before the first of the two renames, the names that it needs are there.
        let spare = kept.second_name(&kept.place.program).unwrap();
        assert_eq!((read("p"), read("p.old")), ("one".to_owned(), "zero".to_owned()));
        drop(spare);
        // Between the two.
        kept.keep_old().unwrap();
        assert_eq!((read("p"), read("p.old")), ("one".to_owned(), "one".to_owned()));
        // One that is done after that goes on from there.
        kept.put(&dir.path().join("new")).unwrap();
        assert_eq!((read("p"), read("p.old")), ("two".to_owned(), "one".to_owned()));
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
