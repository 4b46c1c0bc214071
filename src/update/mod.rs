//! A newer version of this program, put in its place, and the one before put back.
//!
//! - Nobody is asked and nothing is changed but by `redundancy self-update`, or by a watch whose config says so.
//! - A program takes the place of this one only when it has come whole, its SHA-256 is what the release says in
//!   `SHA256SUMS` and what GitHub says, and it tells its version when it is run.
//! - The place is never empty and never half written: a file beside it is renamed over it, as the program may be
//!   running. The one before is `NAME.old` then, which stays as it is when an update fails.
//!
//! The crates for this bring an HTTP client of their own and take what comes as it is (`self_update`), or keep
//! nothing of the one before (`self-replace`), which on Linux is a rename.

mod error;
mod place;
mod release;
mod run;

pub use error::Error;
pub use place::{Kept, Place};
pub use release::{Release, Releases};

use std::{io::Write as _, path::Path};

use semver::Version;
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;

use crate::core::update::{self, SUMS, Sum, Told};

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The file of a release that is a program for this machine.
pub const FILE: &str = concat!("redundancy-", env!("TARGET"));

/// More than this no program of ours has, in bytes.
const MOST: u64 = 256 << 20;

/// A program that may take the place of this one. Where it does not, it is removed.
#[derive(Debug)]
pub struct Fetched {
    path: TempPath,
    /// The version that it says it has.
    pub version: Version,
}

/// Downloads the program of `release` beside the one at `place`, and makes sure that it is what it should be.
///
/// # Errors
/// When it is not, or can't be had. Nothing is left of it then.
pub async fn fetch(releases: &Releases, release: &Release, place: &Kept) -> Result<Fetched, Error> {
    let asset = release.asset(FILE)?;
    let wrong = |how: String| Error::Wrong { file: FILE.into(), tag: release.tag.clone(), how };
    if asset.size > MOST {
        return Err(wrong(format!("it has {} bytes, and at most {MOST} are read", asset.size)));
    }
    let sums = releases.sums(release).await?;
    // Without this nothing of it needs to come.
    update::listed(&sums, FILE).map_err(|error| wrong(error.to_string()))?;
    let mut file = place.beside()?;
    let (mut size, mut hash) = (0, Sha256::new());
    let sink = |bytes: &[u8]| {
        size += bytes.len() as u64;
        hash.update(bytes);
        file.write_all(bytes)
    };
    releases.download(release, asset, sink).await?;
    let told = Told { name: FILE, size: asset.size, digest: asset.digest.as_deref(), sums: &sums };
    update::check(&told, size, Sum(hash.finalize().into())).map_err(|it| wrong(it.to_string()))?;
    let path = place.finish(file).await?;
    let version = run::version(&path).await.map_err(wrong)?;
    match update::version_of(&release.tag) {
        Some(tagged) if tagged.cmp_precedence(&version).is_ne() => {
            Err(wrong(format!("it says that it is {version}")))
        }
        _ => Ok(Fetched { path, version }),
    }
}

/// Puts what was fetched in the place of the program.
///
/// # Errors
/// When that is not possible. All is as it was then.
pub fn put(fetched: Fetched, place: &Kept) -> Result<Version, Error> {
    place.put(&fetched.path)?;
    // It is somewhere else now.
    let _ = fetched.path.keep();
    Ok(fetched.version)
}

impl Fetched {
    /// Gives it the name `name` in its folder, under which it stays.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn persist(self, name: &Path) -> Result<Version, Error> {
        let failed = |error: tempfile::PathPersistError| Error::Disk {
            doing: "write",
            path: name.to_owned(),
            source: error.error,
        };
        self.path.persist(name).map_err(failed)?;
        Ok(self.version)
    }
}

/// Puts the program before back, and keeps this one in its stead; the version that is back.
///
/// # Errors
/// When there is none that runs.
pub async fn put_back(place: &Kept) -> Result<Version, Error> {
    let old = place.old()?;
    let version =
        run::version(old).await.map_err(|how| Error::OldWrong { path: old.into(), how })?;
    place.swap()?;
    Ok(version)
}

/// `SHA256SUMS` is never longer, in bytes.
const MOST_SUMS: u64 = 1 << 20;

impl Releases {
    /// What the release says of its files.
    async fn sums(&self, release: &Release) -> Result<String, Error> {
        let asset = release.asset(SUMS)?;
        let wrong = |how: String| Error::Wrong { file: SUMS.into(), tag: release.tag.clone(), how };
        if asset.size > MOST_SUMS {
            return Err(wrong(format!(
                "it has {} bytes, and at most {MOST_SUMS} are read",
                asset.size
            )));
        }
        let mut text = Vec::new();
        let sink = |bytes: &[u8]| {
            text.extend_from_slice(bytes);
            Ok(())
        };
        self.download(release, asset, sink).await?;
        String::from_utf8(text).map_err(|_| wrong("it is no text".into()))
    }
}
