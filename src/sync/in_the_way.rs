//! What is not tracked and lies where an incoming commit has something. Git overwrites it without a
//! word where it is ignored, and on a hard reset in any case.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::ffi::OsStrExt,
    path::Path,
};

use super::{
    Error, GitError,
    checkout::Checkout,
    git::{Git, Oid},
    path::{GitPath, name_status, place, records},
};

/// The mode of a submodule.
const SUBMODULE: &[u8] = b"160000";

/// What an index has: paths, and whether each is a submodule.
#[derive(Debug)]
pub(super) struct Tracked(BTreeMap<GitPath, bool>);

impl Tracked {
    pub(super) fn read(git: &Git, index: &Path) -> Result<Self, GitError> {
        let list = git.call(["ls-files", "--stage", "-z"]).index(index).output()?;
        let entries = records(&list).filter_map(|entry| {
            let at = entry.iter().position(|it| *it == b'\t')?;
            Some((entry[at + 1..].to_vec(), entry.starts_with(SUBMODULE)))
        });
        Ok(Self(entries.collect()))
    }

    fn holds(&self, path: &[u8]) -> bool {
        self.0.contains_key(path)
    }

    fn is_submodule(&self, path: &[u8]) -> bool {
        self.0.get(path).copied().unwrap_or_default()
    }
}

/// How an incoming commit differs from an index.
#[derive(Debug)]
pub(super) struct Incoming(Vec<u8>);

impl Incoming {
    pub(super) fn read(git: &Git, index: &Path, target: &Oid) -> Result<Self, GitError> {
        let ask = ["diff-index", "--cached", "--raw", "--no-renames", "-z", target.as_str(), "--"];
        Ok(Self(git.call(ask).index(index).output()?))
    }

    /// Refuses where it changes files that differ and that git is told not to look at: it would
    /// stop at them half-way.
    pub(super) fn check_hidden(&self, hidden: &BTreeMap<GitPath, Vec<u8>>) -> Result<(), Error> {
        let changed = name_status(&self.0).map(|(_, path)| path.to_vec());
        let paths: Vec<_> = changed.filter(|it| hidden.contains_key(it)).collect();
        if paths.is_empty() { Ok(()) } else { Err(Error::Hidden { paths }) }
    }
}

/// Finds it, file by file. `differing` is what `git diff-files --name-status -z` says.
pub(super) fn find(
    checkout: &Checkout,
    tracked: &Tracked,
    incoming: &Incoming,
    differing: &[u8],
) -> Result<BTreeSet<GitPath>, Error> {
    let mut search = Search { top: checkout.top(), tracked, found: BTreeSet::new() };
    for (about, path) in name_status(&incoming.0) {
        // `:MODE_THERE MODE_HERE OBJECT_THERE OBJECT_HERE STATUS`
        let mut fields = about.split(|it| *it == b' ');
        let (there, here) = (fields.next().unwrap_or(b""), fields.next().unwrap_or(b""));
        let there_is_submodule = there.strip_prefix(b":") == Some(SUBMODULE);
        match fields.next_back() {
            Some(b"D") => search.look(path, there_is_submodule)?,
            Some(b"T") if here == SUBMODULE => search.empty_submodule(path)?,
            _ => {}
        }
    }
    // What the index has and the disk has no more, or has something else in its place.
    for (status, path) in name_status(differing) {
        if matches!(status, b"D" | b"T") && !tracked.is_submodule(path) {
            search.look(path, false)?;
        }
    }
    Ok(search.found)
}

struct Search<'a> {
    top: &'a Path,
    tracked: &'a Tracked,
    found: BTreeSet<GitPath>,
}

impl Search<'_> {
    /// Looks at a path that git would write, from the top down.
    fn look(&mut self, path: &[u8], as_folder: bool) -> Result<(), Error> {
        let slashes = path.iter().enumerate().filter(|(_, it)| **it == b'/').map(|(at, _)| at);
        for end in slashes {
            let above = &path[..end];
            match self.kind(above)? {
                None => return Ok(()),
                Some(true) => self.not_a_repository(above)?,
                Some(false) => {
                    self.note(above);
                    return Ok(());
                }
            }
        }
        match self.kind(path)? {
            Some(false) => self.note(path),
            Some(true) if !as_folder => self.folder(path)?,
            _ => {}
        }
        Ok(())
    }

    fn note(&mut self, path: &[u8]) {
        if !self.tracked.holds(path) {
            self.found.insert(path.to_vec());
        }
    }

    /// All that is in a folder and below.
    fn folder(&mut self, path: &[u8]) -> Result<(), Error> {
        self.not_a_repository(path)?;
        let place = place(self.top, path);
        let failed = |source| Error::Io { what: "read", path: place.clone(), source };
        for entry in fs::read_dir(&place).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let inside = [path, b"/", name.as_bytes()].concat();
            match self.kind(&inside)? {
                None => {}
                Some(true) => self.folder(&inside)?,
                Some(false) => self.note(&inside),
            }
        }
        Ok(())
    }

    /// Whether something is a folder; None when it is not there.
    fn kind(&self, path: &[u8]) -> Result<Option<bool>, Error> {
        let path = place(self.top, path);
        match path.symlink_metadata() {
            Ok(there) => Ok(Some(there.is_dir())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
            Err(source) => Err(Error::Io { what: "look at", path, source }),
        }
    }

    /// What is in a repository of its own can't be kept here.
    fn not_a_repository(&self, path: &[u8]) -> Result<(), Error> {
        let place = place(self.top, path);
        if self.tracked.is_submodule(path) || place.join(".git").symlink_metadata().is_ok() {
            return Err(Error::RepositoryInTheWay { path: place });
        }
        Ok(())
    }

    fn empty_submodule(&self, path: &[u8]) -> Result<(), Error> {
        let place = place(self.top, path);
        match fs::read_dir(&place).map(|mut it| it.next().is_none()) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::RepositoryInTheWay { path: place }),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(())
            }
            Err(source) => Err(Error::Io { what: "read", path: place, source }),
        }
    }
}
