//! Looking at files: what they hold, or why that can't be said.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt as _,
    path::{Component, Path, PathBuf},
};

use rustix::{fs::OFlags, io::Errno};

use super::{Comment, MADE_FROM, PATH, PROBLEM, mark::Header};
use crate::core::resource::{Actual, Body, Mark, Status};

/// The largest file that is read, in bytes. GitHub and Netlify take larger ones; a person writes
/// none, and a wrong path should not fill the memory.
pub(crate) const MOST_BYTES: u64 = 500 * 1024;

/// The largest file of a resource of several files, in bytes: such a one may be a generated file that
/// holds all that its primary consists of.
pub(crate) const MOST_GENERATED_BYTES: u64 = 8 * 1024 * 1024;

/// Reads the files of a project.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    /// The project's folder, canonical.
    pub(crate) root: PathBuf,
    /// How the files' comments look.
    pub(crate) comment: Comment,
}

impl Reader {
    /// The text of the file at `path` (relative, with `/`), or why it can't be had, or none when
    /// there is none.
    pub(crate) fn text(&self, path: &str) -> Result<Option<String>, String> {
        self.text_within(path, MOST_BYTES)
    }

    fn text_within(&self, path: &str, most: u64) -> Result<Option<String>, String> {
        self.bytes(path, most)?.map(decoded).transpose()
    }

    /// The bytes of the file at `path`, at most so many, or why they can't be had, or none when there is
    /// none.
    pub(crate) fn bytes(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, String> {
        let place = self.root.join(path);
        let failed = |error: io::Error| format!("it can't be read: {error}");
        let file = match open(&place, OFlags::NOFOLLOW) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                let end = fs::canonicalize(&place).map_err(|error| {
                    format!("it is a symbolic link that leads nowhere: {error}")
                })?;
                if !end.starts_with(&self.root) {
                    return Err("it is a symbolic link that leads out of the project".to_owned());
                }
                open(&end, OFlags::NOFOLLOW).map_err(failed)?
            }
            file => {
                let file = file.map_err(failed)?;
                let folder = place.parent().map(fs::canonicalize).transpose().map_err(failed)?;
                if !folder.is_some_and(|it| it.starts_with(&self.root)) {
                    let why = "a symbolic link on the way to it leads out of the project";
                    return Err(why.to_owned());
                }
                file
            }
        };
        let found = file.metadata().map_err(failed)?;
        if !found.is_file() {
            let what = if found.is_dir() { "a folder" } else { "something else" };
            return Err(format!("it should be a file and is {what}"));
        }
        let size = found.len();
        if size > most {
            return Err(too_large(size, most));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
        file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > most {
            return Err(too_large(bytes.len() as u64, most));
        }
        Ok(Some(bytes))
    }

    /// The file at `path` as a resource, ours or not, or none when there is none.
    pub(crate) fn look(&self, path: &str) -> Option<Actual> {
        match self.text(path) {
            // Where a name is no text, there is a file and no way to say which.
            Ok(None) if path.contains('\u{fffd}') => {
                Some(unreadable(path, "its name is no text in UTF-8"))
            }
            Ok(text) => Some(resource(path, &text?, self.comment)),
            Err(problem) => Some(unreadable(path, &problem)),
        }
    }

    /// The files at `paths` as one resource: ours if every one carries the same mark.
    pub(crate) fn look_at_all<'a>(
        &self,
        paths: impl Iterator<Item = &'a String>,
    ) -> Result<Option<Actual>, String> {
        let mut whole: Option<Actual> = None;
        for path in paths {
            let text = self.text_within(path, MOST_GENERATED_BYTES);
            let text = text.map_err(|problem| format!("{path}: {problem}"))?;
            let Some(part) = text.map(|text| resource(path, &text, self.comment)) else { continue };
            whole = Some(match whole {
                None => part,
                Some(mut whole) => {
                    whole.mark = whole.mark.filter(|mark| part.mark.as_ref() == Some(mark));
                    whole.body.files.extend(part.body.files);
                    whole
                }
            });
        }
        Ok(whole)
    }
}

/// The file at `path` with this text as a resource, ours or not.
pub(crate) fn resource(path: &str, text: &str, comment: Comment) -> Actual {
    let (text, header) = Header::take_off(text, comment);
    let made_from = header.as_ref().map(|it| it.made_from.to_string());
    let fields = made_from.map(|it| (MADE_FROM.to_owned(), it.into())).into_iter().collect();
    let files = BTreeMap::from([(path.to_owned(), text)]);
    present(Body { fields, files }, header.map(|it| it.mark()))
}

/// Opens a file for reading, without waiting where it is a pipe that nobody writes to.
fn open(place: &Path, flags: OFlags) -> io::Result<File> {
    let flags = (flags | OFlags::NONBLOCK).bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(place)
}

/// The text of a file.
pub(crate) fn decoded(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("it is no text in UTF-8: byte {} is wrong", at + 1)
    })
}

pub(crate) fn too_large(size: u64, most: u64) -> String {
    let (kb, most) = (size.div_ceil(1024), most / 1024);
    format!("it has {kb} KB, and files of more than {most} KB are not read")
}

/// Something of which only is seen that it is there: what it holds is no text.
pub(crate) fn there() -> Actual {
    present(Body::default(), None)
}

/// Something that is there and can't be read.
pub(crate) fn unreadable(path: &str, problem: &str) -> Actual {
    let fields = [(PATH, path), (PROBLEM, problem)];
    let fields = fields.map(|(key, value)| (key.to_owned(), value.into())).into();
    present(Body { fields, files: BTreeMap::new() }, None)
}

fn present(body: Body, mark: Option<Mark>) -> Actual {
    Actual { body, status: Status::Present, mark, vitals: None }
}

/// A folder of the project as bodies name it: with `/`, without `.` and `..`.
pub(crate) fn relative(path: &Path) -> String {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_string_lossy()),
            Component::ParentDir => _ = parts.pop(),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    parts.join("/")
}
