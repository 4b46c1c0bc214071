//! Changing files: whole, in one step, and only our own.

use std::{
    fs::{self, File},
    io,
    path::{Component, Path, PathBuf},
};

use super::{
    MADE_FROM, Reader, failed,
    mark::{Header, Role},
    wish,
};
use crate::{
    core::{
        change::Change,
        id::Name,
        resource::{Actual, Body},
    },
    disk::{PUBLIC, replace},
    provider::Error,
};

/// Writes and deletes the files of a project.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    /// What reads them again before they are changed.
    pub(crate) reader: Reader,
}

impl Writer {
    /// Makes one change of the resource `name`, a backup. Nothing is touched that is not as the change
    /// says.
    pub(crate) fn apply(&self, name: &Name, change: &Change) -> Result<(), Error> {
        let backed_up = match change {
            Change::Create { backs_up, .. } | Change::Update { backs_up, .. } => {
                backs_up.as_deref()
            }
            Change::Delete { .. } | Change::Start | Change::Stop | Change::Restart => None,
        };
        let role = backed_up.and_then(|it| Some(Role::BacksUp(it.parse().ok()?)));
        self.apply_as(role.as_ref(), name, change)
    }

    /// The same for a file of any role, which its header will say.
    pub(crate) fn apply_as(
        &self,
        role: Option<&Role>,
        name: &Name,
        change: &Change,
    ) -> Result<(), Error> {
        match change {
            Change::Create { to, .. } => self.write(name, None, to, role),
            Change::Update { from, to, .. } => self.write(name, Some(from), to, role),
            Change::Delete { from } => self.delete(name, from),
            Change::Start | Change::Stop | Change::Restart => {
                let why = format!("{name} is a file, which is neither started nor stopped");
                Err(Error::Refused(why))
            }
        }
    }

    fn write(
        &self,
        name: &Name,
        from: Option<&Body>,
        to: &Body,
        role: Option<&Role>,
    ) -> Result<(), Error> {
        let header = header(to, role)?;
        let mut places = Vec::new();
        for (path, text) in &to.files {
            places.push((self.place(path)?, path, text));
        }
        // What it no longer consists of, as where one file gives way to another.
        let mut left = Vec::new();
        for path in from.into_iter().flat_map(|it| it.files.keys()) {
            if !to.files.contains_key(path) {
                left.push((self.place(path)?, path));
            }
        }
        let live = self.live(to.files.keys().chain(left.iter().map(|(_, path)| *path)))?;
        let done = live.as_ref().is_some_and(|it| it.body == *to && it.mark == Some(header.mark()));
        if done {
            return Ok(());
        }
        if live.as_ref().map(|it| &it.body.files) != from.map(|it| &it.files) {
            return Err(changed(to));
        }
        // Broken off, there is a part that nobody uses, and not one that lacks another.
        places.sort_by_key(|(place, ..)| place.file_stem().is_some_and(|it| it == name.as_str()));
        for (place, path, text) in places {
            // It goes into version control as any other.
            replace(&place, &header.above(text, self.reader.comment), PUBLIC)
                .map_err(|error| failed("write", path, &error))?;
        }
        for (place, path) in left {
            remove(&place, name).map_err(|error| failed("delete", path, &error))?;
        }
        Ok(())
    }

    fn delete(&self, name: &Name, from: &Body) -> Result<(), Error> {
        let mut places = Vec::new();
        for path in from.files.keys() {
            places.push((self.place(path)?, path));
        }
        let Some(live) = self.live(from.files.keys())? else { return Ok(()) };
        if live.mark.is_none() {
            return Err(not_ours(from));
        }
        if live.body != *from {
            return Err(changed(from));
        }
        for (place, path) in places {
            remove(&place, name).map_err(|error| failed("delete", path, &error))?;
        }
        Ok(())
    }

    /// What is there now at `paths`.
    fn live<'a>(&self, paths: impl Iterator<Item = &'a String>) -> Result<Option<Actual>, Error> {
        self.reader.look_at_all(paths).map_err(Error::Refused)
    }

    /// Where `path` is, if it is safe to change something there: inside the project, also when
    /// every symbolic link on the way is followed, and no link itself.
    pub(crate) fn place(&self, path: &str) -> Result<PathBuf, Error> {
        let refuse = |why: &str| Err(Error::Refused(format!("{path} is left alone: {why}")));
        let parts = Path::new(path).components();
        if path.is_empty() || !parts.into_iter().all(|it| matches!(it, Component::Normal(_))) {
            return refuse("it is no path inside the project");
        }
        let root = &self.reader.root;
        let place = root.join(path);
        for folder in place.ancestors().skip(1).take_while(|it| it.starts_with(root)) {
            match fs::symlink_metadata(folder) {
                Ok(_) => {
                    let Ok(end) = fs::canonicalize(folder) else {
                        return refuse("a symbolic link on the way leads nowhere");
                    };
                    if !end.starts_with(root) {
                        return refuse("a symbolic link on the way leads out of the project");
                    }
                    if !end.is_dir() {
                        return refuse("there is a file where one of its folders should be");
                    }
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
                Err(error) => return Err(failed("reach", path, &error)),
            }
        }
        match fs::symlink_metadata(&place) {
            Ok(it) if it.is_symlink() => refuse("it is a symbolic link; remove it first"),
            Ok(it) if !it.is_file() => refuse("something that is no file is in its place"),
            Ok(_) => Ok(place),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(place),
            Err(error) => Err(failed("reach", path, &error)),
        }
    }
}

/// The header of the file that `to` becomes.
pub(crate) fn header(to: &Body, role: Option<&Role>) -> Result<Header, Error> {
    let read = || {
        Some(Header {
            written: to.digest(),
            made_from: wish::text(to, MADE_FROM)?.parse().ok()?,
            role: role?.clone(),
        })
    };
    read().ok_or_else(|| {
        let paths = paths(to);
        Error::Refused(format!("this change of {paths} does not say what it is made from"))
    })
}

/// Deletes a file, and its folder where that is the resource's own and now empty.
fn remove(place: &Path, name: &Name) -> io::Result<()> {
    match fs::remove_file(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let folder = place.parent().ok_or(io::ErrorKind::InvalidInput)?;
    File::open(folder)?.sync_all()?;
    if folder.file_name().is_some_and(|it| it == name.as_str()) {
        match fs::remove_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn paths(body: &Body) -> String {
    let paths: Vec<&str> = body.files.keys().map(String::as_str).collect();
    paths.join(", ")
}

/// Why what carries no mark is not deleted.
pub(crate) fn not_ours(body: &Body) -> Error {
    let what = paths(body);
    Error::Refused(format!("{what} is not ours to delete: it carries no mark of ours"))
}

/// Why what is no longer as the plan saw it is not touched.
pub(crate) fn changed(body: &Body) -> Error {
    let what = paths(body);
    Error::Passing(format!(
        "{what} has changed since the plan was made; it is left for the next plan"
    ))
}
