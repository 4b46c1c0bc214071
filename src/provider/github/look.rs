//! Looking at the workflow files of the checkout, and what their names say.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    core::{id::Name, resource::Sightings},
    provider::{
        Error,
        each::each,
        files::{Reader, failed, read, rule::SUFFIX, stand_in},
    },
};

/// Where to look.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) reader: Reader,
    /// The folder of the workflows, relative to the project.
    pub(super) folder: PathBuf,
}

impl Look {
    /// Every workflow file that is there. Waits for the file system.
    pub(super) fn look(&self) -> Result<Sightings, Error> {
        let names = file_names(&self.reader.root.join(&self.folder))
            .map_err(|error| failed("look into", &read::relative(&self.folder), &error))?;
        // One that has gone meanwhile is none.
        let seen = each(&names, |file| Some((name(file), self.reader.look(&self.path(file))?)));
        Ok(seen.into_iter().flatten().collect())
    }

    /// Where the workflow file `file` is, relative to the project.
    pub(super) fn path(&self, file: &str) -> String {
        let folder = read::relative(&self.folder);
        if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") }
    }
}

/// How the workflow in `file` is called. Only a file where we would write it is spoken of by a
/// backup's name.
pub(super) fn name(file: &str) -> Name {
    let backup = file.strip_suffix(".yml").filter(|stem| stem.ends_with(SUFFIX));
    backup.unwrap_or(file).parse().unwrap_or_else(|_| stand_in(file, ""))
}

/// The names in `folder` that workflow files have, in order.
fn file_names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if workflow_stem(&name).is_some() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

pub(super) fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, file)| file)
}

/// What the name of the backup of a workflow file begins with; none where the file is a backup.
pub(super) fn primary_stem(file: &str) -> Option<&str> {
    workflow_stem(file).filter(|it| !it.ends_with(SUFFIX))
}

/// What a workflow file is called without its extension. GitHub knows these two.
fn workflow_stem(file: &str) -> Option<&str> {
    file.strip_suffix(".yml").or_else(|| file.strip_suffix(".yaml"))
}
