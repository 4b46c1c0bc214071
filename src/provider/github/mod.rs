//! Workflows of GitHub Actions: each primary that the config names gets a backup file beside it.
//!
//! A primary is called by its file name, `ci.yml`; its backup `ci-backup` is the file
//! `ci-backup.yml` in the same folder.

mod generate;
mod guard;
mod timetable;

use std::{fs, io, path::PathBuf};

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::{
    Error, Provider,
    each::each,
    files::{
        Comment, Order, Primary, Reader, Rule, Wisher, Writer, failed, read, rule::SUFFIX, shown,
        stand_in,
    },
};
use crate::{
    config::Project,
    core::{
        change::Change,
        digest::Digest,
        id::Name,
        resource::{Actual, Sightings, Wishes},
    },
};
use generate::{Request, Settings};

/// The version of what is generated. Raise it with every change of the text that comes out for
/// the same primary and settings.
const GENERATOR: &str = "github/2";

/// The workflows of a project and their backups.
#[derive(Debug)]
pub struct Github {
    name: Name,
    look: Look,
    rules: Vec<(Rule, Settings)>,
}

impl Github {
    /// The workflows of `project`.
    #[must_use]
    pub fn new(project: &Project) -> Self {
        let config = &project.config;
        let rule = |it: &crate::config::model::Workflow| {
            let repository = config.github.repository.clone();
            (Rule::new(&it.backs_up, &it.except), Settings { repository, workflow: it.clone() })
        };
        Self {
            name: Name::literal("github"),
            look: Look {
                reader: Reader { root: project.root.clone(), comment: Comment::Hash },
                folder: config.github.workflows_dir.clone(),
            },
            rules: config.workflow.iter().map(rule).collect(),
        }
    }
}

impl Provider for Github {
    fn name(&self) -> &Name {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "workflow"
    }

    fn configure(&mut self, project: &Project) {
        *self = Self::new(project);
    }

    fn observe(&self, _: Timestamp) -> BoxFuture<'_, Result<Sightings, Error>> {
        let look = self.look.clone();
        Box::pin(super::files::blocking(move || look.look()))
    }

    fn desire(&self, seen: &Sightings) -> Wishes {
        let mut wisher = Wisher::new(seen);
        for primary in seen.values().filter_map(Primary::of) {
            let file = file_name(primary.path);
            let Some(stem) = primary_stem(file) else { continue };
            let Some((rule, settings)) = self.rules.iter().find(|(rule, _)| rule.asks_for(file))
            else {
                continue;
            };
            let text = match primary.text {
                Ok(text) => text,
                Err(problem) => {
                    wisher.refuse(stem, format!("{}: {problem}", shown(primary.path)));
                    continue;
                }
            };
            // A pattern means what needs a backup.
            if !rule.names().any(|it| it == file) && generate::is_only_called(text) {
                continue;
            }
            let folder = primary.path.strip_suffix(file).unwrap_or_default();
            let order = Order {
                primary: file,
                stem,
                made_from: Digest::of([GENERATOR, primary.path, &settings.recipe(), text]),
                path: format!("{folder}{stem}{SUFFIX}.yml"),
            };
            let request = Request { path: primary.path, file, stem, text, settings };
            wisher.ask(&order, || generate::backup(&request));
        }
        wisher.finish(self.rules.iter().map(|(rule, _)| rule), primary_stem)
    }

    fn apply<'a>(
        &'a self,
        name: &'a Name,
        change: &'a Change,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let writer = Writer { reader: self.look.reader.clone() };
        let (name, change) = (name.clone(), change.clone());
        Box::pin(super::files::blocking(move || writer.apply(&name, &change)))
    }

    fn places(&self) -> Vec<PathBuf> {
        vec![self.look.reader.root.join(&self.look.folder)]
    }
}

/// Where to look.
#[derive(Debug, Clone)]
struct Look {
    reader: Reader,
    folder: PathBuf,
}

impl Look {
    fn look(&self) -> Result<Sightings, Error> {
        let folder = read::relative(&self.folder);
        let names = file_names(&self.reader.root.join(&self.folder))
            .map_err(|error| failed("look into", &folder, &error))?;
        let seen = each(&names, |file| self.one(&folder, file));
        Ok(seen.into_iter().flatten().collect())
    }

    /// The workflow file `file`, or none when it has gone meanwhile.
    fn one(&self, folder: &str, file: &str) -> Option<(Name, Actual)> {
        let path = if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") };
        let actual = self.reader.look(&path)?;
        // Only a file where we would write it is spoken of by a backup's name.
        let backup = file.strip_suffix(".yml").filter(|stem| stem.ends_with(SUFFIX));
        let name = backup.unwrap_or(file).parse().unwrap_or_else(|_| stand_in(file, ""));
        Some((name, actual))
    }
}

/// The names in `folder` that workflow files have, in order.
fn file_names(folder: &std::path::Path) -> io::Result<Vec<String>> {
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

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, file)| file)
}

/// What the name of the backup of a workflow file begins with; none where the file is a backup.
fn primary_stem(file: &str) -> Option<&str> {
    workflow_stem(file).filter(|it| !it.ends_with(SUFFIX))
}

/// What a workflow file is called without its extension. GitHub knows these two.
fn workflow_stem(file: &str) -> Option<&str> {
    file.strip_suffix(".yml").or_else(|| file.strip_suffix(".yaml"))
}
