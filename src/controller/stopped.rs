//! The word that a person ended the watch: `STATE_DIR/stopped`, left by `redundancy stop` and
//! removed by the next `redundancy watch`. As long as it is there, no monitor starts one.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::provider::no_room;

/// The file in a state folder. That it is there is the word; what it says is for people.
#[must_use]
pub fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("stopped")
}

/// Leaves the word.
///
/// # Errors
/// When the file can't be made.
pub fn say(state_dir: &Path, now: Timestamp) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(file(state_dir))?;
    let text = format!("stopped at {now:.0} by `redundancy stop`, pid {}\n", std::process::id());
    match file.write_all(text.as_bytes()) {
        // The file is there, and that is what counts.
        Err(error) if no_room(&error) => Ok(()),
        other => other,
    }
}

/// Whether the word is there.
///
/// # Errors
/// When that can't be seen.
pub fn is_said(state_dir: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(file(state_dir)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes the word back.
///
/// # Errors
/// When the file can't be removed.
pub fn take_back(state_dir: &Path) -> io::Result<()> {
    match fs::remove_file(file(state_dir)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
