//! Real parts from npm: installed once for all test runs, then called.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde::de::DeserializeOwned;

const PARTS: [(&str, &str); 8] = [
    ("package.json", include_str!("../node/package.json")),
    ("package-lock.json", include_str!("../node/package-lock.json")),
    (".npmrc", include_str!("../node/.npmrc")),
    ("workflows.mjs", include_str!("../node/workflows.mjs")),
    ("json-modules.mjs", include_str!("../node/json-modules.mjs")),
    ("bundle.mjs", include_str!("../node/bundle.mjs")),
    ("call.mjs", include_str!("../node/call.mjs")),
    ("edge.mjs", include_str!("../node/edge.mjs")),
];

/// The folder with the parts, made on first use.
pub(crate) fn parts() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| crate::parts::install("node", &PARTS))
}

/// Where a package of theirs is.
pub(crate) fn package(name: &str) -> PathBuf {
    parts().join("node_modules").join(name)
}

/// What a script said: its standard output as JSON, and each line of its standard error.
pub(crate) fn script<T: DeserializeOwned>(name: &str, args: &[&str]) -> T {
    let script = parts().join(name);
    let (out, _) = node(&[&[script.to_str().unwrap()], args].concat());
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{name} said {out:?}: {error}"))
}

/// Runs node. What it writes has to be text, and it has to end well.
pub(crate) fn node(args: &[&str]) -> (String, String) {
    let node = Command::new("node").args(args).output();
    let node = node.unwrap_or_else(|error| panic!("these tests need node in PATH: {error}"));
    let (out, err) =
        (String::from_utf8(node.stdout).unwrap(), String::from_utf8(node.stderr).unwrap());
    assert!(node.status.success(), "node {args:?} failed:\n{err}");
    (out, err)
}
