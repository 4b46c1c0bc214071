//! Parts from npm: installed once for all test runs, below the target folder.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// The folder with the parts that `files` describe, made on first use. Its name depends on what is
/// in it, so that a change of the parts makes a new one.
pub(crate) fn install(kind: &str, files: &[(&str, &str)]) -> PathBuf {
    let digest = redundancy::core::digest::Digest::of(files.iter().map(|(_, text)| text));
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = tmp.join(format!("{kind}-{}", digest.short()));
    let lock = File::create(tmp.join(format!("{kind}.lock"))).unwrap();
    lock.lock().unwrap();
    let done = folder.join("installed");
    if !done.exists() {
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        let args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        let npm = Command::new("npm").args(args).current_dir(&folder).output();
        let npm = npm.unwrap_or_else(|error| panic!("these tests need npm in PATH: {error}"));
        let said = String::from_utf8_lossy(&npm.stderr);
        assert!(npm.status.success(), "npm could not install the test parts:\n{said}");
        File::create(done).unwrap();
    }
    folder
}
