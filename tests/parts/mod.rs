//! Parts from npm and elsewhere: installed once for all test runs, below the target folder.

// Each crate that has it needs a part of it.
#![allow(dead_code)]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// The folder with the parts from npm that `files` describe, made on first use.
pub(crate) fn install(kind: &str, files: &[(&str, &str)]) -> PathBuf {
    let args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    once(kind, files, &mut Command::new("npm"), &args)
}

/// The folder that `installer` fills as `files` describe, on first use. Its name depends on what is in
/// them, so that a change of the parts makes a new one.
pub(crate) fn once(
    kind: &str,
    files: &[(&str, &str)],
    installer: &mut Command,
    args: &[&str],
) -> PathBuf {
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
        let name = installer.get_program().display().to_string();
        let ran = installer.args(args).current_dir(&folder).output();
        let ran = ran.unwrap_or_else(|error| panic!("these tests need {name} in PATH: {error}"));
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{name} could not install the test parts:\n{said}");
        File::create(done).unwrap();
    }
    folder
}
