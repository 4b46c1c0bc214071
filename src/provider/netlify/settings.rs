//! `netlify.toml`: where the functions are, and what it does to some of them by their names.
//! Source of the format: Netlify's "File-based configuration" and its `@netlify/config`.

use std::path::{Component, Path, PathBuf};

use globset::Glob;
use toml::{Table, Value};

use crate::provider::files::{Comment, Reader};

/// The file, in the project's folder.
pub(super) const FILE: &str = "netlify.toml";

/// Where the functions are when nobody says otherwise.
const DEFAULT_FOLDER: &str = "netlify/functions";

/// What `netlify.toml` says.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings(Table);

impl Settings {
    /// Reads it, or says why it can't be read. Without the file, nothing is set.
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let reader = Reader { root: root.to_owned(), comment: Comment::Hash };
        let Some(text) = reader.text(FILE).map_err(|why| format!("{FILE}: {why}"))? else {
            return Ok(Self::default());
        };
        text.parse().map(Self).map_err(|error: toml::de::Error| {
            let at = error.span().map_or(0, |it| it.start);
            let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
            format!("{FILE}:{line}: {}", error.message())
        })
    }

    /// The functions folder, relative to the project.
    pub(super) fn folder(&self) -> Result<PathBuf, String> {
        let text = |table: &str, key: &str| self.0.get(table)?.get(key)?.as_str();
        let base = text("build", "base").unwrap_or_default();
        let folder = text("functions", "directory")
            .or_else(|| text("build", "functions"))
            .unwrap_or(DEFAULT_FOLDER);
        let mut clean = PathBuf::new();
        // Netlify takes a leading `/` for the project's folder.
        for part in Path::new(base.trim_start_matches('/'))
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
                return Err(format!(
                    "{FILE}: its functions folder {folder} is outside the project"
                ));
            }
        }
        Ok(clean)
    }

    /// Whether something here has the function of this name run by a schedule or in the background.
    pub(super) fn works_by_itself(&self, name: &str) -> bool {
        let own = |it: &Table| it.get(name)?.as_table().and_then(harm);
        let functions = self.0.get("functions").and_then(Value::as_table);
        functions.is_some_and(|it| own(it).is_some()) || self.harm(name).is_some()
    }

    /// What the settings for many functions would do to one of this name that it must not: run it
    /// by a schedule or in the background. A table with exactly its name is somebody's wish.
    pub(super) fn harm(&self, name: &str) -> Option<String> {
        let functions = self.0.get("functions")?.as_table()?;
        let bare = harm(functions).map(|what| ("*", what));
        let tables = functions.iter().filter(|(key, _)| *key != name).filter_map(|(key, value)| {
            let what = harm(value.as_table()?)?;
            let glob = Glob::new(key).ok()?.compile_matcher();
            glob.is_match(name).then_some((key.as_str(), what))
        });
        let (pattern, what) = bare.into_iter().chain(tables).next()?;
        Some(format!(
            "{FILE} sets `{what}` for `{pattern}`, so also for its backup; name the functions one by one there"
        ))
    }
}

fn harm(table: &Table) -> Option<&'static str> {
    let schedule = table.get("schedule").is_some_and(Value::is_str);
    let background = table.get("background").and_then(Value::as_bool) == Some(true);
    schedule.then_some("schedule").or(background.then_some("background"))
}
