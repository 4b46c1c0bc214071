//! The checkout: where it is, and whether it is in a state that can be worked on. Changes nothing.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use super::{
    Error, GitError,
    git::{Answer, Git, Oid},
    path::records,
};

/// A checkout, with git at its top.
#[derive(Debug, Clone)]
pub(super) struct Checkout {
    pub(super) git: Git,
    /// Its own git folder: of a linked worktree the one inside the main `.git`.
    pub(super) git_dir: PathBuf,
}

/// What a checkout is in the middle of: the trace of it in the git folder, and the command for it.
const IN_PROGRESS: [(&str, &str); 7] = [
    ("rebase-apply/applying", "am"),
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("BISECT_LOG", "bisect"),
];

impl Checkout {
    /// The checkout that `git` is in, at its top or in a folder below it.
    pub(super) fn find(git: &Git) -> Result<Self, Error> {
        let ask = ["rev-parse", "--is-bare-repository", "--is-inside-work-tree"];
        let answer = git.call(ask).answer()?;
        let folder = || git.folder().to_owned();
        if answer.code != 0 {
            return Err(Error::NotACheckout { folder: folder(), said: answer.said });
        }
        match &*String::from_utf8_lossy(&answer.out) {
            "false\ntrue\n" => {}
            "true\nfalse\n" => return Err(Error::Bare { folder: folder() }),
            _ => return Err(Error::NoWorkTree { folder: folder() }),
        }
        let path = |what: &str| -> Result<PathBuf, GitError> {
            let mut path = git.call(["rev-parse", what]).output()?;
            // One line break is git's; the others are the path's own.
            path.pop_if(|it| *it == b'\n');
            Ok(OsString::from_vec(path).into())
        };
        let (top, git_dir) = (path("--show-toplevel")?, path("--absolute-git-dir")?);
        Ok(Self { git: git.at(&top), git_dir })
    }

    pub(super) fn top(&self) -> &Path {
        self.git.folder()
    }

    /// Refuses a checkout in which a person, or another git, is at work.
    pub(super) fn check(&self, branch: &str, remote: &str) -> Result<(), Error> {
        for (trace, command) in IN_PROGRESS {
            if self.git_dir.join(trace).symlink_metadata().is_ok() {
                return Err(Error::InProgress { command });
            }
        }
        // This way of storing refs leaves no files of these names.
        if self.git_dir.join("reftable").is_dir() {
            for (name, command) in [("CHERRY_PICK_HEAD", "cherry-pick"), ("REVERT_HEAD", "revert")]
            {
                if self.git.call(["rev-parse", "--quiet", "--verify", name]).holds()? {
                    return Err(Error::InProgress { command });
                }
            }
        }
        // Between two commits of a cherry-pick or revert of many. It names them by what their authors
        // wrote, in any encoding.
        let todo = self.git_dir.join("sequencer/todo");
        match fs::read(&todo) {
            Ok(said) => {
                let command = if said.starts_with(b"revert") { "revert" } else { "cherry-pick" };
                return Err(Error::InProgress { command });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(Error::Io { what: "read", path: todo, source }),
        }
        self.check_branch(branch)?;
        self.check_index_lock()?;
        if self.tip("HEAD")?.is_none() {
            return Err(Error::Unborn { branch: branch.to_owned(), remote: remote.to_owned() });
        }
        Ok(())
    }

    /// Refuses another branch than this, or none.
    pub(super) fn check_branch(&self, branch: &str) -> Result<(), Error> {
        let answer = self.git.call(["symbolic-ref", "--quiet", "HEAD"]).answer()?;
        let found = String::from_utf8_lossy(&answer.out);
        let found = found.trim_end_matches('\n');
        match answer.code {
            0 if found.strip_prefix("refs/heads/") == Some(branch) => Ok(()),
            0 => {
                let found = found.strip_prefix("refs/heads/").unwrap_or(found).to_owned();
                Err(Error::OtherBranch { found, wanted: branch.to_owned() })
            }
            1 => Err(Error::Detached { branch: branch.to_owned() }),
            code => {
                let command = "`git symbolic-ref HEAD`".to_owned();
                Err(GitError::Failed { command, code, said: answer.said }.into())
            }
        }
    }

    /// Refuses while another git writes the index, or left its lock behind.
    pub(super) fn check_index_lock(&self) -> Result<(), Error> {
        let lock = self.git_dir.join("index.lock");
        match lock.symlink_metadata() {
            Ok(_) => Err(Error::IndexLock { lock }),
            Err(_) => Ok(()),
        }
    }

    /// The commit that a name leads to.
    pub(super) fn tip(&self, name: &str) -> Result<Option<Oid>, GitError> {
        let name = format!("{name}^{{commit}}");
        let ask = ["rev-parse", "--quiet", "--verify", "--end-of-options", &name];
        let call = self.git.call(ask);
        match call.answer()? {
            Answer { code: 0, out, .. } => {
                let answer = String::from_utf8_lossy(&out).trim_end().to_owned();
                let command = "`git rev-parse`".to_owned();
                answer.parse().map(Some).map_err(|()| GitError::Odd { command, answer })
            }
            Answer { code: 1, .. } => Ok(None),
            Answer { code, said, .. } => {
                let command = format!("`git rev-parse {name}`");
                Err(GitError::Failed { command, code, said })
            }
        }
    }

    /// The commit that is checked out.
    pub(super) fn head(&self) -> Result<Oid, Error> {
        self.tip("HEAD")?.ok_or(Error::Moved)
    }

    /// How many commits `ours` has that `theirs` has not, and the other way round.
    pub(super) fn count(&self, ours: &Oid, theirs: &Oid) -> Result<(usize, usize), GitError> {
        let range = format!("{ours}...{theirs}");
        let answer = self.git.call(["rev-list", "--left-right", "--count", &range, "--"]).line()?;
        let numbers = answer.split_once('\t').map(|(a, b)| (a.parse(), b.trim().parse()));
        match numbers {
            Some((Ok(ahead), Ok(behind))) => Ok((ahead, behind)),
            _ => Err(GitError::Odd { command: "`git rev-list --count`".to_owned(), answer }),
        }
    }

    /// What `git status` says.
    pub(super) fn status(&self) -> Result<Status, GitError> {
        let ask = [
            "status",
            "--porcelain=v2",
            "-z",
            "--no-renames",
            "--untracked-files=all",
            "--ignore-submodules=none",
        ];
        Ok(Status::read(&self.git.call(ask).output()?))
    }
}

/// What differs from the commit that is checked out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// How many tracked files.
    pub(super) changed: usize,
    /// How many files that are not tracked and not ignored.
    pub(super) untracked: usize,
    /// What a merge left open.
    pub(super) unmerged: Vec<Vec<u8>>,
    /// Submodules with changes inside.
    pub(super) submodules: Vec<Vec<u8>>,
}

impl Status {
    fn read(porcelain: &[u8]) -> Self {
        let mut status = Self::default();
        for entry in records(porcelain) {
            // `1 XY sub mH mI mW hH hI path`, `u XY sub m1 m2 m3 mW h1 h2 h3 path`, `? path`
            let mut fields =
                entry.splitn(if entry.starts_with(b"u") { 11 } else { 9 }, |it| *it == b' ');
            match fields.next() {
                Some(b"1") => {
                    status.changed += 1;
                    let inside = fields.nth(1).is_some_and(|it| {
                        it.starts_with(b"S") && (it.ends_with(b"U") || it.get(2) == Some(&b'M'))
                    });
                    if inside {
                        status.submodules.extend(fields.next_back_path());
                    }
                }
                Some(b"u") => status.unmerged.extend(fields.next_back_path()),
                Some(b"?") => status.untracked += 1,
                _ => {}
            }
        }
        status
    }

    pub(super) fn local_changes(&self) -> usize {
        self.changed + self.untracked
    }
}

trait LastField {
    fn next_back_path(self) -> Option<Vec<u8>>;
}

impl<'a, I: Iterator<Item = &'a [u8]>> LastField for I {
    fn next_back_path(self) -> Option<Vec<u8>> {
        self.last().map(<[u8]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_with_its_odd_names() {
        let status = b"1 .M N... 100644 100644 100644 a a a b\nlank  name\0\
            1 .M S.MU 160000 160000 160000 a a sub module\0\
            u UU N... 100644 100644 100644 100644 a a a both \xff\0? new\0? 1 x\0";
        let read = Status::read(status);
        assert_eq!((read.changed, read.untracked), (2, 2));
        assert_eq!(read.unmerged, [b"both \xff".to_vec()]);
        assert_eq!(read.submodules, [b"sub module".to_vec()]);
        assert_eq!(Status::read(b""), Status::default());
    }
}
