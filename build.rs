//! Tells the program which commit it was built from, where that can be known, and for which machines.

use std::{path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for file in [".git/HEAD", ".git/logs/HEAD"].iter().filter(|it| Path::new(it).exists()) {
        println!("cargo::rerun-if-changed={file}");
    }
    // A crate that was packed for a registry has no repository, and one around it is not its own.
    let commit = Path::new(".git").is_dir().then(commit).flatten();
    let commit = commit.map(|it| format!(" ({it})")).unwrap_or_default();
    println!("cargo::rustc-env=VERSION={}{commit}", env!("CARGO_PKG_VERSION"));
    // The machines that it runs on, by which the file of a release is named.
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=TARGET={target}");
}

/// The commit, with its day: `0123abc4 2026-11-27`.
fn commit() -> Option<String> {
    let format = ["log", "-1", "--format=%h %cs", "--abbrev=8"];
    let output = Command::new("git").args(format).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !said.trim().is_empty()).then(|| said.trim().to_owned())
}
