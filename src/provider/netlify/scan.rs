//! Which functions there are, by the rules of Netlify's bundler.
//!
//! Each file or folder directly in the functions folder is one function. Source:
//! `@netlify/zip-it-and-ship-it`, its `finder` and its list of extensions by precedence.

use std::{
    collections::BTreeMap,
    fs::{self, DirEntry},
    io,
    path::Path,
};

use super::SNAPSHOT_FILE;
use crate::provider::{each::each, files::rule::SUFFIX};

/// Extensions of functions, the one that wins among files of one name first.
const EXTENSIONS: [&str; 8] = ["js", "zip", "mjs", "cjs", "ts", "tsx", "mts", "cts"];

/// Extensions of a main file in a function's folder, the one that wins first.
const MAIN_EXTENSIONS: [&str; 7] = ["js", "ts", "mjs", "cjs", "tsx", "mts", "cts"];

/// A function as its files name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Its name: no other one than this is called.
    pub(super) name: String,
    /// Its main file, or the zip file that it is, relative to the functions folder, with `/`.
    pub(super) main: String,
    /// Why it is nothing that can be wrapped.
    pub(super) problem: Option<String>,
}

impl Found {
    /// Whether it is a zip file, which Netlify's bundler takes as it is.
    pub(super) fn is_zip(&self) -> bool {
        self.main.rsplit_once('.').is_some_and(|(_, it)| it == "zip")
    }
}

/// The functions in `folder`, in the order of their names. None where there is no such folder.
pub(super) fn scan(folder: &Path) -> io::Result<Vec<Found>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let entries: Vec<DirEntry> = entries.collect::<io::Result<_>>()?;
    // By name, with the rank among those of the same name.
    let mut functions: BTreeMap<String, (usize, Found)> = BTreeMap::new();
    for (rank, found) in each(&entries, function).into_iter().flatten() {
        match functions.get(&found.name) {
            Some((other, _)) if *other <= rank => {}
            _ => _ = functions.insert(found.name.clone(), (rank, found)),
        }
    }
    Ok(functions.into_values().map(|(_, found)| found).collect())
}

/// The function that an entry is, with its rank among those of the same name.
fn function(entry: &DirEntry) -> Option<(usize, Found)> {
    let file = entry.file_name().to_string_lossy().into_owned();
    // What is gone again is none.
    let kind = entry.file_type().ok()?;
    if !(kind.is_dir() || (kind.is_symlink() && entry.path().is_dir())) {
        return by_itself(&file);
    }
    // What can't be looked into holds only itself.
    let found = in_folder(&entry.path(), &file).unwrap_or_else(|error| {
        let problem = Some(format!("its folder can't be read: {error}"));
        Some(Found { name: file.clone(), main: file.clone(), problem })
    });
    // Also of a folder's name, what looks like an extension is left out.
    let name = file.rsplit_once('.').map(|(name, _)| name).filter(|it| !it.is_empty());
    found.map(|found| (0, Found { name: name.unwrap_or(&file).to_owned(), ..found }))
}

fn by_itself(file: &str) -> Option<(usize, Found)> {
    let (name, extension) = file.rsplit_once('.')?;
    let rank = EXTENSIONS.iter().position(|it| *it == extension)?;
    // A file of declarations has nothing to run.
    if name.is_empty() || name.rsplit_once('.').is_some_and(|(_, it)| it == "d") {
        return None;
    }
    Some((rank + 1, Found { name: name.to_owned(), main: file.to_owned(), problem: None }))
}

fn in_folder(folder: &Path, name: &str) -> io::Result<Option<Found>> {
    if name == "node_modules" {
        return Ok(None);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        files.push(entry?.file_name().to_string_lossy().into_owned());
    }
    let candidates = MAIN_EXTENSIONS
        .iter()
        .flat_map(|extension| [format!("{name}.{extension}"), format!("index.{extension}")]);
    let there = |file: &str| files.iter().any(|it| it == file);
    let main = candidates.into_iter().find(|file| there(file));
    // What is left of a backup whose writing was broken off.
    let left = (there(SNAPSHOT_FILE) && name.ends_with(SUFFIX)).then(|| SNAPSHOT_FILE.to_owned());
    let main = main.or(left);
    let other = |file: &str, language: &str| {
        there(file)
            .then(|| (file.to_owned(), format!("a function in {language} can't be wrapped yet")))
    };
    let found = main.map(|main| (main, None)).or_else(|| {
        other("main.go", "Go")
            .or_else(|| other(&format!("{name}.go"), "Go"))
            .or_else(|| other("Cargo.toml", "Rust"))
            .map(|(main, problem)| (main, Some(problem)))
    });
    Ok(found.map(|(main, problem)| Found {
        name: name.to_owned(),
        main: format!("{name}/{main}"),
        problem,
    }))
}
