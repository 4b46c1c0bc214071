//! What `redundancy test` found out, kept by the digest of what it tried and how: a file for each in
//! `STATE_DIR/netlify/tests`. What has changed since has another digest, and so no verdict.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{config::model::FunctionTest, core::digest::Digest};

/// By what the verdict on what has the digest `of` is kept, where it is tried as `test` says.
#[must_use]
pub fn key(of: &Digest, test: &FunctionTest) -> Digest {
    if *test == FunctionTest::default() {
        *of
    } else {
        Digest::of([of.to_string(), format!("{test:?}")])
    }
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether all went well.
    pub passed: bool,
    /// What was found, for people.
    pub why: String,
    /// When.
    pub at: Timestamp,
    /// What it was tried with, for people: programs and their versions.
    #[serde(default)]
    pub tool: BTreeMap<String, String>,
    /// The digest of what it was tried with: the programs, the packages of the project, the test's
    /// settings. With others it is tried again.
    #[serde(default)]
    pub tried_with: Option<Digest>,
}

/// The verdicts of a project.
#[derive(Debug, Clone)]
pub struct Verdicts {
    folder: PathBuf,
}

impl Verdicts {
    /// Those that are kept in `state_dir`.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        Self { folder: state_dir.join("netlify/tests") }
    }

    /// The verdict on what has this digest, if there is one that can be read.
    #[must_use]
    pub fn read(&self, of: &Digest) -> Option<Verdict> {
        let path = self.file(of);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            text => text,
        };
        let verdict = text
            .map_err(|error| error.to_string())
            .and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()));
        verdict
            .inspect_err(|error| {
                tracing::warn!("{} counts as not there: {error}", path.display());
            })
            .ok()
    }

    /// Keeps a verdict, in place of an earlier one.
    pub fn write(&self, of: &Digest, verdict: &Verdict) -> io::Result<()> {
        keep(&self.file(of), &serde_json::to_vec(verdict)?)
    }

    /// Forgets that what has this digest has failed: it was tried once more, and nobody knows any more.
    pub(super) fn forget_failure(&self, of: &Digest) -> io::Result<()> {
        if self.read(of).is_none_or(|it| it.passed) {
            return Ok(());
        }
        match fs::remove_file(self.file(of)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn file(&self, of: &Digest) -> PathBuf {
        self.folder.join(format!("{of}.json"))
    }
}

/// Puts a file for this user alone in place, whole or not at all.
pub(super) fn keep(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = place.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(place).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_verdict_is_kept_by_digest() {
        let dir = tempfile::tempdir().unwrap();
        let verdicts = Verdicts::new(dir.path());
        let digest = Digest::of(["a"]);
        assert_eq!(verdicts.read(&digest), None);
        let verdict = Verdict {
            passed: true,
            why: "it answers".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            tool: BTreeMap::new(),
            tried_with: Some(digest),
        };
        verdicts.write(&digest, &verdict).unwrap();
        assert_eq!(verdicts.read(&digest), Some(verdict));
        assert_eq!(verdicts.read(&Digest::of(["b"])), None);
        let file = dir.path().join(format!("netlify/tests/{digest}.json"));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&file, "{").unwrap();
        assert_eq!(verdicts.read(&digest), None);
    }
}
