//! From the text of a workflow to the text of its backup.
//!
//! [`source`] reads the primary, twice. [`edit`] decides what has to change. [`tree`] says what the
//! backup then means, and [`splice`] changes the primary's text, which is read again and has to
//! mean just that. Where the text is in a form that can't be changed so, the backup is written
//! anew from the tree; where even that would not mean the same, it is refused with its line.
//!
//! With `mode = "call"` or `"dispatch"` there is nothing to be changed: [`remote`].
//!
//! All of it is pure.

mod agreement;
mod concurrency;
mod condition;
mod edit;
pub(super) mod keys;
mod notes;
mod remote;
mod scalar;
pub(super) mod source;
mod spans;
mod splice;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod triggers;

use serde_yaml::{Mapping, Value};

use crate::config::model::{Workflow, WorkflowMode};
use edit::Edit;
use source::{Refusal, Source};

/// The largest backup, in bytes: GitHub starts no workflow of more than 500 KB, and our header has
/// to go above it.
const MOST_BYTES: usize = 499 * 1024;

/// What the config says of a backup.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// `owner/name`, where it is known.
    pub(super) repository: Option<String>,
    /// The table that asks for the backup.
    pub(super) workflow: Workflow,
}

impl Settings {
    /// Everything of them that a backup's text depends on, as a text.
    pub(super) fn recipe(&self) -> String {
        let Workflow { schedule, mode, guard, stale_after, on_error, concurrency, inputs, .. } =
            &self.workflow;
        let repository = &self.repository;
        format!(
            "{repository:?} {schedule:?} {mode:?} {guard} {stale_after:?} {on_error:?} \
             {concurrency:?} {inputs:?}"
        )
    }
}

/// A backup that is to be made.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// Where the primary is: `.github/workflows/ci.yml`.
    pub(super) path: &'a str,
    /// Its file name: `ci.yml`.
    pub(super) file: &'a str,
    /// The same without its extension: `ci`.
    pub(super) stem: &'a str,
    /// What it says.
    pub(super) text: &'a str,
    pub(super) settings: &'a Settings,
}

/// The text of a backup, and why it could not be made by changing the primary's text; none where it
/// was.
type Made = (String, Option<String>);

/// The text of the backup, or why there can be none, with the place.
pub(super) fn backup(request: &Request<'_>) -> Result<String, String> {
    made(request).map(|(text, _)| text)
}

/// Whether other workflows start this one and nothing else does, so that it needs no backup of its
/// own.
pub(super) fn is_only_called(text: &str) -> bool {
    text.contains(keys::CALL)
        && Source::read(text).is_ok_and(|it| triggers::is_only_called(&it.tree))
}

fn made(request: &Request<'_>) -> Result<Made, String> {
    let path = request.path;
    let made = match request.settings.workflow.mode {
        WorkflowMode::Copy => copy(request),
        mode => Source::read(request.text).and_then(|source| {
            let text = remote::backup(&source, request, mode)?;
            tree::parsed(&text)?;
            Ok((text, None))
        }),
    };
    let made = made.map_err(|Refusal { line, why }| match line {
        Some(line) => format!("{path}:{line}: {why}"),
        None => format!("{path}: {why}"),
    })?;
    let size = made.0.len();
    if size > MOST_BYTES {
        let kb = size.div_ceil(1024);
        let why = "GitHub starts no workflow of more than 500 KB";
        return Err(format!("{path}: its backup would have {kb} KB, and {why}"));
    }
    Ok(made)
}

fn copy(request: &Request<'_>) -> Result<Made, Refusal> {
    let source = Source::read(request.text)?;
    let edit = Edit::of(&source, request)?;
    let expected = tree::expected(&source.tree, &edit)?;
    let (text, anew) = match splice::spliced(&source, &edit).and_then(|it| checked(it, &expected)) {
        Ok(text) => (text, None),
        Err(why) => {
            source.writable()?;
            let text = serde_yaml::to_string(&expected)
                .map_err(|error| format!("its backup can't be written as YAML: {error}"))?;
            let text = checked(text, &expected).map_err(
                |_| "it holds something that can't be written again with the same meaning",
            )?;
            (text, Some(why))
        }
    };
    let anew_note = anew
        .as_ref()
        .map(|why| format!("written anew, without the comments of {}: {why}", request.file));
    let notes: String = anew_note.iter().chain(&edit.notes).map(|it| note(it)).collect();
    Ok((notes + &text, anew))
}

/// `text`, if it means what it has to.
fn checked(text: String, expected: &Mapping) -> Result<String, String> {
    match serde_yaml::from_str::<Value>(&text) {
        Ok(Value::Mapping(tree)) if tree == *expected => Ok(text),
        Ok(_) => Err("changed in its own text it would mean something else".to_owned()),
        Err(_) => Err("its own text can't be changed in place".to_owned()),
    }
}

/// A line above a backup for who reads it.
fn note(text: &str) -> String {
    // Whatever some reader takes for a line end would begin something else.
    let ends = |it: char| it.is_control() || matches!(it, '\u{2028}' | '\u{2029}');
    format!("# note: {}\n", text.replace(ends, "\u{fffd}"))
}

/// What the primary is called, if it says so.
fn name(primary: &Mapping) -> Option<String> {
    let name = primary.get(keys::NAME).and_then(concurrency::scalar);
    name.filter(|it| !it.trim().is_empty())
}
