//! Finding and reading `redundancy.toml`.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use toml::de::DeTable;

use super::{Config, Note, Problem, Project, check, env_files, parse, render};
use crate::core::digest::Digest;

/// What the file is called.
pub const FILE_NAME: &str = "redundancy.toml";

/// The largest file that is read, in bytes.
const LARGEST: u64 = 8 * 1024 * 1024;

/// A file that was read and is sound.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it says, and where.
    pub project: Project,
    /// The digest of its text: tells whether it changed.
    pub digest: Digest,
    /// What its writer should know.
    pub notes: Vec<Note>,
    /// Its text, to show the notes by.
    pub text: String,
}

/// Why a file can't be taken. [`LoadError::render`] shows all of it; as an error it is one line.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is none.
    #[error("there is no file {path}; `redundancy init` writes a first one", path = .0.display())]
    Missing(PathBuf),
    /// It is a folder, a pipe or a device.
    #[error("{path} is not a file but {what}", path = .path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The operating system refuses to give it.
    #[error("{path} can't be read: {source}", path = .path.display())]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It is larger than any config could be.
    #[error(
        "{path} is larger than {} MiB, the most that is read; is it the right file?",
        LARGEST / 1024 / 1024, path = .0.display()
    )]
    TooLarge(PathBuf),
    /// It is no text in UTF-8.
    #[error(
        "{path}:{line}:{column}: the byte {byte:#04x} is not UTF-8; save the file as UTF-8",
        path = .path.display()
    )]
    NotUtf8 {
        /// Where.
        path: PathBuf,
        /// The line of the first bad byte, from 1.
        line: usize,
        /// Its column in characters, from 1.
        column: usize,
        /// The bad byte.
        byte: u8,
    },
    /// There is something wrong in it.
    #[error("{path} has {}", count(.problems.len()), path = .path.display())]
    Invalid {
        /// Where.
        path: PathBuf,
        /// Its text.
        text: String,
        /// What is wrong, in the order of the text.
        problems: Vec<Problem>,
    },
}

fn count(problems: usize) -> String {
    if problems == 1 { "a problem".to_owned() } else { format!("{problems} problems") }
}

impl LoadError {
    /// All of it, for a person: each problem with its line, then the one-line summary.
    #[must_use]
    pub fn render(&self, style: render::Style) -> String {
        match self {
            Self::Invalid { path, text, problems } => {
                let shown = render::problems(&path.to_string_lossy(), text, problems, style);
                format!("{shown}\n{}", render::error(&self.to_string(), style))
            }
            _ => render::error(&self.to_string(), style),
        }
    }
}

/// The `redundancy.toml` in `start` or in the nearest folder above it that has one.
#[must_use]
pub fn find(start: &Path) -> Option<PathBuf> {
    let start = std::path::absolute(start).ok()?;
    // What is there but is no readable file is found too, so that reading it says what is wrong.
    start.ancestors().map(|folder| folder.join(FILE_NAME)).find(|it| it.symlink_metadata().is_ok())
}

/// Reads the file at `path`.
///
/// # Errors
/// When there is no such file, when it can't be read, or with all that is wrong in it.
pub fn load(path: &Path) -> Result<Loaded, LoadError> {
    load_text(path, read(path)?)
}

/// Takes `text` for that of the file at `path`.
///
/// # Errors
/// When the folder can't be reached, or with all that is wrong in the text.
pub fn load_text(path: &Path, text: String) -> Result<Loaded, LoadError> {
    let invalid = |text, problems| LoadError::Invalid { path: path.to_owned(), text, problems };
    let (mut config, notes) = match parse(&text) {
        Ok(read) => read,
        Err(problems) => return Err(invalid(text, problems)),
    };
    let root = root(path)?;
    let env_files = match env_files::merge(&mut config, &text, &root) {
        Ok(texts) => texts,
        Err(problems) => return Err(invalid(text, problems)),
    };
    let digest = Digest::of([&text].into_iter().chain(&env_files));
    Ok(Loaded { project: Project { root, config }, digest, notes, text })
}

/// The project of the config at `path`, and with a broken one the project that it most likely is:
/// for who must not miss a project because of its config.
///
/// # Errors
/// When its folder can't be reached.
pub fn load_or_default(path: &Path) -> Result<Project, LoadError> {
    load(path).map(|it| it.project).or_else(|_| by_default(path))
}

/// The project of the config at `path` as if nothing were in it but its folders, as far as they can be read: for
/// who must work in trouble most of all.
///
/// # Errors
/// When its folder can't be reached.
pub fn by_default(path: &Path) -> Result<Project, LoadError> {
    let mut project = Project { root: root(path)?, config: Config::default() };
    // What can't be read at all names no folder.
    let text = read(path).unwrap_or_default();
    let (table, _) = DeTable::parse_recoverable(&text);
    let said = |key: &str| {
        let controller = table.get_ref().get("controller")?.get_ref();
        let folder = PathBuf::from(controller.get(key)?.get_ref().as_str()?);
        check::not_inside_project(&folder).is_none().then_some(folder)
    };
    let controller = &mut project.config.controller;
    for (key, folder) in
        [("state_dir", &mut controller.state_dir), ("log_dir", &mut controller.log_dir)]
    {
        if let Some(said) = said(key) {
            *folder = said;
        }
    }
    Ok(project)
}

/// The folder of the path, not of what a link at the path leads to.
fn root(path: &Path) -> Result<PathBuf, LoadError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    folder.canonicalize().map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: io::Error) -> LoadError {
    match source.kind() {
        io::ErrorKind::NotFound => {
            LoadError::Missing(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
        }
        _ => LoadError::Unreadable { path: path.to_owned(), source },
    }
}

/// The text of the file at `path`.
///
/// # Errors
/// When there is no such file, when it can't be read, or when it is no text.
pub fn read(path: &Path) -> Result<String, LoadError> {
    // Before it is opened: opening a pipe waits for a writer.
    let about = fs::metadata(path).map_err(|source| failed(path, source))?;
    if !about.is_file() {
        let what = if about.is_dir() { "a folder" } else { "a pipe, a socket or a device" };
        return Err(LoadError::NotAFile { path: path.to_owned(), what });
    }
    let file = File::open(path).map_err(|source| failed(path, source))?;
    let mut bytes = Vec::with_capacity(usize::try_from(about.len().min(LARGEST)).unwrap_or(0));
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|source| failed(path, source))?;
    if bytes.len() as u64 > LARGEST {
        return Err(LoadError::TooLarge(path.to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(good).copied().unwrap_or_default();
        let text = String::from_utf8_lossy(&error.as_bytes()[..good]);
        let (line, column) = super::problem::position(&text, good);
        LoadError::NotUtf8 { path: path.to_owned(), line, column, byte }
    })
}
