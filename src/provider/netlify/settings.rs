//! `netlify.toml`: where the functions are, and what it does to them by their names.
//! Source of the format: Netlify's "File-based configuration", its `@netlify/config`, and
//! `getFromMainConfig` of `@netlify/zip-it-and-ship-it`.

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use globset::Glob;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::source::line;
use crate::provider::files::{Comment, Reader};

/// The file, in the project's folder.
pub(super) const FILE: &str = "netlify.toml";

/// Where the functions are when nobody says otherwise.
const DEFAULT_FOLDER: &str = "netlify/functions";

/// Where they are then in old projects.
const OLD_DEFAULT_FOLDER: &str = "netlify-automatic-functions";

/// Where the edge functions are when nobody says otherwise.
const DEFAULT_EDGE_FOLDER: &str = "netlify/edge-functions";

/// Folders whose functions other programs write, which lose whatever else is put there.
const INTERNAL: [&str; 2] = [".netlify/functions-internal", ".netlify/v1/functions"];

/// The keys of `[functions]` that are about all of them; a table of another name is about the
/// functions that match it.
const PLAIN: &str = "*";

/// What `netlify.toml` says.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    base: String,
    directory: Option<String>,
    edge_directory: Option<String>,
    /// By the pattern of the functions' names, those of most weight last.
    tables: Vec<Table>,
}

/// What is said of the functions whose names match a pattern.
#[derive(Debug, Clone, Default)]
struct Table {
    pattern: String,
    line: usize,
    schedule: Option<String>,
    background: Option<bool>,
    bundler: Option<String>,
    included_files: Vec<String>,
    external_node_modules: Vec<String>,
}

/// What is said of one function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) schedule: Option<String>,
    pub(super) background: bool,
    /// Files that come with it, by patterns.
    pub(super) included_files: BTreeSet<String>,
    /// Packages that are not put into its bundle.
    pub(super) external_node_modules: BTreeSet<String>,
    /// Which bundler takes it.
    pub(super) bundler: Option<String>,
}

impl Settings {
    /// Reads it, or says why it can't be read. Without the file, nothing is set.
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let reader = Reader { root: root.to_owned(), comment: Comment::Hash };
        let text = reader.text(FILE).map_err(|why| format!("{FILE}: {why}"))?;
        text.map_or_else(|| Ok(Self::default()), |text| Self::parse(&text))
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let file = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |it| it.start);
            format!("{FILE}:{}: {}", line(text, at), error.message())
        })?;
        let file = file.into_inner();
        let text_of =
            |table: &str, key: &str| string(file.get(table)?.get_ref().get(key)?.get_ref());
        let mut settings = Self {
            base: text_of("build", "base").unwrap_or_default(),
            directory: text_of("functions", "directory").or_else(|| text_of("build", "functions")),
            edge_directory: text_of("build", "edge_functions"),
            ..Self::default()
        };
        if let Some((key, functions)) = file.get_key_value("functions")
            && let Some(functions) = functions.get_ref().as_table()
        {
            settings.tables.push(Table::read(PLAIN, line(text, key.span().start), functions));
            for (key, value) in functions {
                if let Some(table) = value.get_ref().as_table() {
                    let at = line(text, key.span().start);
                    settings.tables.push(Table::read(key.get_ref(), at, table));
                }
            }
        }
        settings.tables.sort_by_key(Table::weight);
        Ok(settings)
    }

    /// The folder that Netlify builds in, relative to the project.
    pub(super) fn base(&self) -> &str {
        self.base.trim_matches('/')
    }

    /// The functions folder, relative to the project.
    pub(super) fn folder(&self, root: &Path) -> Result<PathBuf, String> {
        let folder = self.directory.as_deref().unwrap_or_else(|| {
            let is_there =
                |it: &str| root.join(self.base.trim_start_matches('/')).join(it).is_dir();
            let old = !is_there(DEFAULT_FOLDER) && is_there(OLD_DEFAULT_FOLDER);
            if old { OLD_DEFAULT_FOLDER } else { DEFAULT_FOLDER }
        });
        self.inside(folder)
            .ok_or_else(|| format!("{FILE}: its functions folder {folder} is outside the project"))
    }

    /// The folder of edge functions, relative to the project.
    pub(super) fn edge_folder(&self) -> Result<PathBuf, String> {
        let folder = self.edge_directory.as_deref().unwrap_or(DEFAULT_EDGE_FOLDER);
        self.inside(folder).ok_or_else(|| {
            format!("{FILE}: its folder of edge functions {folder} is outside the project")
        })
    }

    /// A folder that is named relative to the one that Netlify builds in, relative to the project.
    fn inside(&self, folder: &str) -> Option<PathBuf> {
        let mut clean = PathBuf::new();
        // Netlify takes a leading `/` for the project's folder.
        for part in Path::new(self.base.trim_start_matches('/'))
            .join(folder.trim_start_matches('/'))
            .components()
        {
            let inside = match part {
                Component::Normal(part) => {
                    clean.push(part);
                    true
                }
                Component::ParentDir => clean.pop(),
                _ => true,
            };
            if !inside {
                return None;
            }
        }
        Some(clean)
    }

    /// Whether something here has the function of this name run by a schedule or in the background.
    pub(super) fn works_by_itself(&self, name: &str) -> bool {
        let settled = self.of(name);
        settled.schedule.is_some() || settled.background
    }

    /// What is said of the function called `name`.
    pub(super) fn of(&self, name: &str) -> Settled {
        let mut settled = Settled::default();
        for table in self.tables.iter().filter(|it| it.matches(name)) {
            settled.schedule = table.schedule.clone().or(settled.schedule);
            settled.background = table.background.unwrap_or(settled.background);
            settled.bundler = table.bundler.clone().or(settled.bundler);
            settled.included_files.extend(table.included_files.iter().cloned());
            settled.external_node_modules.extend(table.external_node_modules.iter().cloned());
        }
        settled
    }

    /// What a pattern would do to the backup called `name` that it must not: run it by a schedule,
    /// or in the background where its primary is not. A table with exactly its name is somebody's
    /// wish.
    pub(super) fn harm(&self, name: &str, background: bool) -> Option<String> {
        let harmful = |it: &&Table| it.harm(background).is_some();
        let table = (self.tables.iter())
            .filter(|it| it.pattern != name && it.matches(name))
            .find(harmful)?;
        Some(format!(
            "{FILE}:{} sets `{}` for `{}`, so also for its backup; name the functions one by one \
             there",
            table.line,
            table.harm(background)?,
            table.pattern,
        ))
    }
}

impl Table {
    fn read(pattern: &str, line: usize, table: &DeTable<'_>) -> Self {
        let value = |key: &str| table.get(key).map(Spanned::get_ref);
        let list = |key: &str| {
            let items = value(key).and_then(DeValue::as_array).into_iter().flat_map(|it| it.iter());
            items.filter_map(|it| string(it.get_ref())).collect()
        };
        Self {
            pattern: pattern.to_owned(),
            line,
            schedule: value("schedule").and_then(string),
            background: value("background").and_then(DeValue::as_bool),
            bundler: value("node_bundler").and_then(string),
            included_files: list("included_files"),
            external_node_modules: list("external_node_modules"),
        }
    }

    /// How much of the pattern is no wildcard: the table of most weight is obeyed.
    fn weight(&self) -> isize {
        let wild = self.pattern.matches('*').count();
        (self.pattern.len() - wild).cast_signed() - isize::from(wild > 0)
    }

    fn matches(&self, name: &str) -> bool {
        self.pattern == name
            || Glob::new(&self.pattern).is_ok_and(|it| it.compile_matcher().is_match(name))
    }

    fn harm(&self, background: bool) -> Option<&'static str> {
        let deferred = (self.background == Some(true) && !background).then_some("background");
        self.schedule.as_ref().map(|_| "schedule").or(deferred)
    }
}

/// Why nothing can be put into this functions folder, if nothing can.
pub(super) fn internal(folder: &str) -> Option<String> {
    let is_internal = INTERNAL
        .iter()
        .any(|it| folder.strip_suffix(it).is_some_and(|it| it.is_empty() || it.ends_with('/')));
    is_internal.then(|| {
        format!("the functions in {folder} are made by other programs; name a folder of your own")
    })
}

fn string(value: &DeValue<'_>) -> Option<String> {
    value.as_str().map(str::to_owned)
}
