//! A zip file, read as one that anybody may have made: within bounds, and refused as a whole where a
//! part of it would be left out, or would go elsewhere than it says.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Cursor, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use zip::{CompressionMethod, ZipArchive, result::ZipError};

use super::reached::Trouble;
use crate::{core::digest::Digest, provider::files::shown};

/// The largest zip file that is read, in bytes. Its snapshot, in base64, would be no file that is
/// read again if it were larger.
pub(super) const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// The most bytes that its files may have together: a backup unpacks them whenever it starts.
const MOST_UNPACKED: u64 = 64 * 1024 * 1024;

/// The most files in it.
const MOST_FILES: usize = 4_000;

/// The bits of a Unix mode with which a file may be run.
const RUN: u32 = 0o111;

/// What a zip file holds.
#[derive(Debug)]
pub(super) struct Archive {
    /// By their paths in it: relative, with `/`, without `.` and `..`.
    pub(super) files: BTreeMap<String, Packed>,
}

/// A file in a zip file.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) content: Vec<u8>,
    /// Its bytes in the zip file.
    pub(super) bytes: Vec<u8>,
    /// Whether these are deflated; else they are the content itself.
    pub(super) deflated: bool,
    /// Whether it may be run as a program.
    pub(super) runs: bool,
}

impl Archive {
    /// Reads a zip file of these bytes.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Trouble> {
        let no_zip = |error: &ZipError| {
            Trouble::broken(format!("this is no zip file that can be unpacked: {error}"))
        };
        let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| no_zip(&error))?;
        if zip.len() > MOST_FILES {
            return Err(Trouble::unclear(format!(
                "{} files are in it, and one of more than {MOST_FILES} is not unpacked",
                zip.len()
            )));
        }
        if zip.has_duplicate_names() {
            let why = "two files of one name are in it, and which of them counts nobody says";
            return Err(Trouble::unclear(why.to_owned()));
        }
        // A few bytes may be those of thousands of files, which together are without end.
        if zip.has_overlapping_files().map_err(|error| no_zip(&error))? {
            let why =
                "files in it share their bytes, as in no zip file that was made to be unpacked";
            return Err(Trouble::unclear(why.to_owned()));
        }
        let mut files = BTreeMap::new();
        let mut left = MOST_UNPACKED;
        for at in 0..zip.len() {
            let mut raw = zip.by_index_raw(at).map_err(|error| no_zip(&error))?;
            let name = String::from_utf8(raw.name_raw().to_vec())
                .map_err(|_| Trouble::unclear("a name in it is no text in UTF-8".to_owned()))?;
            let refuse =
                |what: &str| Err(Trouble::unclear(format!("`{}` in it {what}", shown(&name))));
            if let Some(what) = leads_away(name.trim_end_matches('/')) {
                return refuse(what);
            }
            if raw.encrypted() {
                return refuse("is encrypted");
            }
            if raw.is_symlink() {
                return refuse("is a symbolic link, which is not followed; zip what it leads to");
            }
            if raw.is_dir() {
                continue;
            }
            let deflated = match raw.compression() {
                CompressionMethod::Stored => false,
                CompressionMethod::Deflated => true,
                _ => return refuse("is packed in a way that is not known here; deflate it"),
            };
            let runs = raw.unix_mode().is_some_and(|it| it & RUN != 0);
            let broken = |error: &dyn std::fmt::Display| {
                Trouble::broken(format!("`{}` in it can't be unpacked: {error}", shown(&name)))
            };
            let mut bytes = Vec::new();
            raw.read_to_end(&mut bytes).map_err(|error| broken(&error))?;
            drop(raw);
            let mut content = Vec::new();
            let file = zip.by_index(at).map_err(|error| broken(&error))?;
            file.take(left + 1).read_to_end(&mut content).map_err(|error| broken(&error))?;
            let Some(rest) = left.checked_sub(content.len() as u64) else {
                let mb = MOST_UNPACKED / 1024 / 1024;
                return Err(Trouble::unclear(format!(
                    "unpacked it has more than {mb} MB, and as much is not unpacked whenever a \
                     backup starts"
                )));
            };
            left = rest;
            files.insert(name, Packed { content, bytes, deflated, runs });
        }
        for name in files.keys() {
            let mut above = name.match_indices('/').filter_map(|(at, _)| name.get(..at));
            if let Some(file) = above.find(|it| files.contains_key(*it)) {
                let file = shown(file);
                return Err(Trouble::unclear(format!("`{file}` in it is a file and a folder")));
            }
        }
        Ok(Self { files })
    }

    /// The text of a file in it, where there is one.
    pub(super) fn text(&self, path: &str) -> Option<Result<String, Trouble>> {
        let content = self.files.get(path)?.content.clone();
        Some(
            String::from_utf8(content).map_err(|_| {
                Trouble::broken(format!("`{}` in it is no text in UTF-8", shown(path)))
            }),
        )
    }

    /// Unpacks it into `folder`, which is empty.
    pub(super) fn unpack(&self, folder: &Path) -> io::Result<()> {
        for (path, file) in &self.files {
            let place = folder.join(path);
            fs::create_dir_all(place.parent().unwrap_or(folder))?;
            let mode = if file.runs { 0o755 } else { 0o644 };
            let mut options = OpenOptions::new();
            options
                .write(true)
                .create_new(true)
                .mode(mode)
                .open(&place)?
                .write_all(&file.content)?;
        }
        Ok(())
    }
}

impl Packed {
    /// The digest of its content.
    pub(super) fn digest(&self) -> Digest {
        Digest::of([&self.content])
    }
}

/// Why a file of this name can't be unpacked into a folder, if it can't.
fn leads_away(name: &str) -> Option<&'static str> {
    if name.starts_with('/') || name.contains(['\\', ':']) {
        return Some("names a place outside of it");
    }
    if name.chars().any(char::is_control) {
        return Some("has a name that is no text");
    }
    let mut parts = name.split('/');
    parts
        .any(|it| matches!(it, "" | "." | ".."))
        .then_some("names a place that is not plainly inside of it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_away_are_found() {
        for name in ["/etc/x", "../x", "a/../../x", "a//b", "./a", "c:\\x", "a\\b", "", "a\nb"] {
            assert!(leads_away(name).is_some(), "{name}");
        }
        for name in ["a.js", "a/b/c.js", "..a/b..", "node_modules/@x/y/.z", "ü.js"] {
            assert_eq!(leads_away(name), None, "{name}");
        }
    }
}
