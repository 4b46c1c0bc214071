//! A picture of the uncommitted work, as git objects, made through indexes of our own: neither the
//! files nor the checkout's index are touched.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{
    Error, GitError,
    checkout::Checkout,
    git::{Git, Oid},
    in_the_way::{self, Incoming, Tracked},
    path::{GitPath, name_status, place, records},
    spare::Spare,
};

/// The folder in the git folder for our indexes. Nothing in it is needed after a run.
const FOLDER: &str = "redundancy-sync";

/// Where a picture is made. The folder is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Studio {
    folder: PathBuf,
}

impl Studio {
    /// Only with the lock of the checkout in hand: what a killed run left there is removed.
    pub(super) fn new(checkout: &Checkout) -> Result<Self, Error> {
        let folder = checkout.git_dir.join(FOLDER);
        let failed = |source| Error::Io { what: "use the folder", path: folder.clone(), source };
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        fs::create_dir(&folder).map_err(failed)?;
        Ok(Self { folder })
    }

    fn fresh(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.folder.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(Error::Io { what: "remove", path, source })
            }
            _ => Ok(path),
        }
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        // Where it stays, the next run removes it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What is not in the commit that is checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) head: Oid,
    head_tree: Oid,
    /// The tree of the index: what is staged.
    pub(super) staged: Oid,
    /// The tree of the tracked files as they are.
    pub(super) work: Oid,
    /// The files that are not tracked and would be removed or overwritten: mode and object.
    pub(super) untracked: BTreeMap<GitPath, String>,
    pub(super) untracked_tree: Option<Oid>,
    /// Those of them that lie where the incoming commit has something.
    pub(super) in_the_way: BTreeSet<GitPath>,
    /// Changed files that git is told to take for unchanged.
    assumed: BTreeSet<GitPath>,
}

/// When the work was touched last.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    head: Oid,
    differing: Vec<u8>,
    /// Of each file that is not as in the commit, if it is there.
    files: Vec<Option<Touched>>,
}

/// What a file has different when it was written or replaced.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Touched {
    changed: (i64, i64),
    inode: u64,
    size: u64,
}

impl Touched {
    /// None when the file is not there.
    pub(super) fn look(path: &Path) -> Option<Self> {
        let about = path.symlink_metadata().ok()?;
        let changed = (about.ctime(), about.ctime_nsec());
        Some(Self { changed, inode: about.ino(), size: about.len() })
    }
}

/// What a picture is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// To keep what a hard reset loses.
    Reset {
        /// Where untracked files are removed too, what is spared.
        clean: Option<&'a Spare>,
    },
    /// To see whether local work can be carried along.
    Carry,
}

impl Snapshot {
    /// Takes the picture.
    pub(super) fn take(
        checkout: &Checkout,
        studio: &Studio,
        target: &Oid,
        purpose: Purpose<'_>,
    ) -> Result<Self, Error> {
        let git = &checkout.git;
        let head = checkout.head()?;
        let index = copy_index(checkout, studio)?;
        let staged = git.call(["write-tree"]).index(&index).oid()?;
        let hidden = Hidden::find(checkout, studio, &index)?;
        let mut differing = differing(git, &index)?;
        let tracked = Tracked::read(git, &index)?;
        let incoming = Incoming::read(git, &index, target)?;
        incoming.check_hidden(&hidden.skipped)?;
        let mut assumed = BTreeSet::new();
        if matches!(purpose, Purpose::Reset { .. }) {
            for (path, status) in &hidden.assumed {
                differing.extend([status, &b"\0"[..], path, b"\0"].concat());
            }
            update(git, &index, "--no-assume-unchanged", hidden.assumed.keys().map(Vec::as_slice))?;
            assumed.extend(hidden.assumed.into_keys());
        } else {
            incoming.check_hidden(&hidden.assumed)?;
        }
        let in_the_way = in_the_way::find(checkout, &tracked, &incoming, &differing)?;
        // What is gone is taken out without looking at the disk: a link or a file may be in the
        // place of its folder.
        let (gone, changed): (Vec<_>, Vec<_>) =
            name_status(&differing).partition(|(status, _)| *status == b"D");
        update(git, &index, "--force-remove", gone.into_iter().map(|(_, path)| path))?;
        update(git, &index, "--add", changed.into_iter().map(|(_, path)| path))?;
        let work = git.call(["write-tree"]).index(&index).oid()?;

        let mut paths = in_the_way.clone();
        if let Purpose::Reset { clean: Some(spare) } = purpose {
            paths.extend(untracked_files(git)?.into_iter().filter(|it| !spare.holds(it)));
        }
        let own = studio.fresh("untracked")?;
        let untracked = picture(git, &own, &paths)?;
        let untracked_tree = if untracked.is_empty() {
            None
        } else {
            Some(git.call(["write-tree"]).index(&own).oid()?)
        };
        let head_tree = git.call(["rev-parse", "--verify", &format!("{head}^{{tree}}")]).oid()?;
        Ok(Self { head, head_tree, staged, work, untracked, untracked_tree, in_the_way, assumed })
    }

    /// What differs when somebody touches the work, told without reading the files: so quick that
    /// it can be the last thing before the change.
    pub(super) fn stamp(&self, checkout: &Checkout) -> Result<Stamp, Error> {
        let git = &checkout.git;
        let head = checkout.head()?;
        let ask = ["diff-files", "--raw", "--no-renames", "--ignore-submodules=none", "-z"];
        let differing = git.call(ask).output()?;
        let paths = name_status(&differing).map(|(_, path)| path);
        let paths = paths.chain(self.untracked.keys().chain(&self.assumed).map(Vec::as_slice));
        let places = paths.map(|it| place(git.folder(), it));
        let places = places.chain([checkout.git_dir.join("index")]);
        let files = places.map(|it| Touched::look(&it)).collect();
        Ok(Stamp { head, differing, files })
    }

    /// Whether tracked files differ from the commit, staged or not.
    pub(super) fn tracked_differ(&self) -> bool {
        self.work != self.head_tree || self.staged != self.head_tree
    }

    /// Whether there is anything uncommitted in it.
    pub(super) fn has_work(&self) -> bool {
        self.tracked_differ() || self.untracked_tree.is_some()
    }

    /// Makes git look again at files that it takes for unchanged and that are not: a hard reset
    /// would stop at them half-way.
    pub(super) fn show_assumed(&self, git: &Git) -> Result<(), GitError> {
        if self.assumed.is_empty() {
            return Ok(());
        }
        let list = self.assumed.iter().flat_map(|it| [it, &b"\0"[..]].concat()).collect();
        let ask = ["update-index", "--no-assume-unchanged", "-z", "--stdin"];
        git.call(ask).input(list).output().map(drop)
    }

    /// The files, of those that are in the picture and still on the disk as they are in it.
    pub(super) fn still_as_kept(
        &self,
        git: &Git,
        studio: &Studio,
        paths: &BTreeSet<GitPath>,
    ) -> Result<Vec<GitPath>, Error> {
        let now = picture(git, &studio.fresh("again")?, paths)?;
        let same = |(path, what): &(GitPath, String)| self.untracked.get(path) == Some(what);
        Ok(now.into_iter().filter(same).map(|(path, _)| path).collect())
    }
}

/// Copies the index of the checkout. There is none in a checkout that was never filled.
fn copy_index(checkout: &Checkout, studio: &Studio) -> Result<PathBuf, Error> {
    let (from, to) = (checkout.git_dir.join("index"), studio.fresh("index")?);
    copy(&from, &to)?;
    Ok(to)
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let copy = || {
        // The time of an index tells git which files it must read again because they may have
        // changed in the same instant. It is taken first: an older one only makes git read more.
        let time = fs::metadata(from)?.modified()?;
        fs::copy(from, to)?;
        fs::File::options().write(true).open(to)?.set_modified(time)
    };
    match copy() {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Error::Io { what: "copy the index", path: from.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// The tracked files that differ from an index: `STATUS\0PATH\0` of each.
fn differing(git: &Git, index: &Path) -> Result<Vec<u8>, GitError> {
    let ask = ["diff-files", "--name-status", "--no-renames", "--ignore-submodules=none", "-z"];
    git.call(ask).index(index).output()
}

/// Changed files that git is told not to look at, and how each has changed.
#[derive(Debug, Default)]
struct Hidden {
    /// `assume-unchanged`: a promise, which a hard reset does not rely on.
    assumed: BTreeMap<GitPath, Vec<u8>>,
    /// `skip-worktree`: a wish that the file stays as it is, which a hard reset heeds.
    skipped: BTreeMap<GitPath, Vec<u8>>,
}

impl Hidden {
    fn find(checkout: &Checkout, studio: &Studio, index: &Path) -> Result<Self, Error> {
        let git = &checkout.git;
        let list = git.call(["ls-files", "-v", "-z"]).index(index).output()?;
        let mut is_skipped: BTreeMap<&[u8], bool> = BTreeMap::new();
        for entry in records(&list) {
            let Some((tag, path)) = entry.split_first() else { continue };
            let path = path.strip_prefix(b" ").unwrap_or(path);
            let skipped = tag.eq_ignore_ascii_case(&b'S');
            // A sparse checkout skips what it left out: that is not there, and not missing.
            let there = || place(git.folder(), path).symlink_metadata().is_ok();
            if (skipped && there()) || (!skipped && tag.is_ascii_lowercase()) {
                is_skipped.insert(path, skipped);
            }
        }
        let mut hidden = Self::default();
        if is_skipped.is_empty() {
            return Ok(hidden);
        }
        let shown = studio.fresh("shown")?;
        copy(index, &shown)?;
        for flag in ["--no-assume-unchanged", "--no-skip-worktree"] {
            update(git, &shown, flag, is_skipped.keys().copied())?;
        }
        for (status, path) in name_status(&differing(git, &shown)?) {
            let of_its_kind = match is_skipped.get(path) {
                Some(true) => &mut hidden.skipped,
                Some(false) => &mut hidden.assumed,
                None => continue,
            };
            of_its_kind.insert(path.to_vec(), status.to_vec());
        }
        Ok(hidden)
    }
}

/// Takes files into an index as they are now (`--add`), or out of it (`--force-remove`), or flags
/// from them.
fn update<'a>(
    git: &Git,
    index: &Path,
    how: &str,
    paths: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(), GitError> {
    let list: Vec<u8> = paths.into_iter().flat_map(|it| [it, b"\0"].concat()).collect();
    if list.is_empty() {
        return Ok(());
    }
    let call = git.call(["update-index", how, "-z", "--stdin"]);
    call.index(index).input(list).output().map(drop)
}

/// Mode and object of each of these files as they are now.
fn picture(
    git: &Git,
    index: &Path,
    paths: &BTreeSet<GitPath>,
) -> Result<BTreeMap<GitPath, String>, GitError> {
    if paths.is_empty() {
        return Ok(BTreeMap::new());
    }
    let there = |it: &&GitPath| place(git.folder(), it).symlink_metadata().is_ok();
    update(git, index, "--add", paths.iter().filter(there).map(Vec::as_slice))?;
    let list = git.call(["ls-files", "--stage", "-z"]).index(index).output()?;
    let entries = records(&list).filter_map(|entry| {
        let at = entry.iter().position(|it| *it == b'\t')?;
        let (what, path) = (String::from_utf8_lossy(&entry[..at]), &entry[at + 1..]);
        Some((path.to_vec(), what.into_owned()))
    });
    Ok(entries.collect())
}

/// The files that are neither tracked nor ignored. Repositories of their own among them are left
/// out: git could not keep what is in them, and does not remove them either.
pub(super) fn untracked_files(git: &Git) -> Result<Vec<GitPath>, GitError> {
    let list = git.call(["ls-files", "--others", "--exclude-standard", "-z"]).output()?;
    Ok(records(&list).filter(|it| !it.ends_with(b"/")).map(<[u8]>::to_vec).collect())
}
