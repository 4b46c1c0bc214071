//! The text of a primary, read twice: for what it means and for where it stands.

use std::borrow::Cow;

use serde_yaml::{Mapping, Value};

use super::{
    agreement::disagreement,
    keys,
    scalar::ambiguous,
    spans::{self, Node, Shape, Unread},
};

/// A workflow that can have a backup, as far as its parts are there.
#[derive(Debug)]
pub(super) struct Source<'t> {
    /// Its text, without a byte order mark and with a line end at its end.
    pub(super) text: Cow<'t, str>,
    /// What it means.
    pub(super) tree: Mapping,
    /// Where everything is; none where only one of two readers could read it.
    pub(super) nodes: Option<Node>,
}

/// Why there can be no backup, and the line (from 1) where that is known.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) line: Option<usize>,
    pub(super) why: String,
}

impl Refusal {
    pub(super) fn at(line: Option<usize>, why: impl Into<String>) -> Self {
        Self { line, why: why.into() }
    }
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self { line: None, why }
    }
}

impl From<&str> for Refusal {
    fn from(why: &str) -> Self {
        why.to_owned().into()
    }
}

impl<'t> Source<'t> {
    /// Reads `text`, or says why no workflow of it can have a backup.
    pub(super) fn read(text: &'t str) -> Result<Self, Refusal> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if let Some(line) = text.lines().position(is_conflict) {
            let why = "a merge was left unfinished here (conflict marker); resolve it first";
            return Err(Refusal::at(Some(line + 1), why));
        }
        if text.starts_with('%') {
            let why = "it begins with a YAML directive, which is not supported";
            return Err(Refusal::at(Some(1), why));
        }
        // A file without a last line end: GitHub reads a text block at its end as if there were one,
        // `serde_yaml` does not.
        let end = if ends_lines_with_two(text) { "\r\n" } else { "\n" };
        let text =
            if text.ends_with('\n') { text.into() } else { Cow::from(format!("{text}{end}")) };
        let nodes = match spans::read(&text) {
            Err(Unread::TooDeep(line)) => {
                let why = "this is no workflow: it is nested too deep";
                return Err(Refusal::at(Some(line), why));
            }
            Err(Unread::Otherwise) => None,
            Ok(nodes) => Some(nodes),
        };
        let tree: Value = serde_yaml::from_str(&text).map_err(|error| no_yaml(&error, &text))?;
        if let Some(what) = unknown_to_github(&tree) {
            let is = |node: &Node| node.tagged || is_unusual_key(node);
            let line = nodes.as_ref().and_then(|it| it.first(&is));
            return Err(Refusal::at(line, format!("it holds {what}, which GitHub does not know")));
        }
        if let Some(line) = nodes.as_ref().and_then(|it| disagreement(it, &tree)) {
            let why = "readers of YAML take this for different things; write it as a plain text in \
                       quotes, without unusual line separators";
            return Err(Refusal::at(Some(line), why));
        }
        let Value::Mapping(tree) = tree else {
            return Err("this is no workflow: it is not made of `key: value`".into());
        };
        let source = Self { text, tree, nodes };
        if source.tree.contains_key(Value::Bool(true)) {
            let line = source.text.lines().position(|line| line.starts_with("true"));
            let why = "the key `true` stands where `on` should; some tools turn `on` into it";
            return Err(Refusal::at(line.map(|it| it + 1), why));
        }
        match source.tree.get(keys::JOBS) {
            Some(Value::Mapping(jobs)) if !jobs.is_empty() => {
                for (id, job) in jobs {
                    let Some(id) = id.as_str() else {
                        let line = source.line(&[keys::JOBS]);
                        return Err(Refusal::at(
                            line,
                            "one of its jobs has a name that is no text",
                        ));
                    };
                    if !job.is_mapping() {
                        let line = source.line(&[keys::JOBS, id]);
                        return Err(Refusal::at(
                            line,
                            format!("there is nothing in the job `{id}`"),
                        ));
                    }
                }
                Ok(source)
            }
            _ => Err(Refusal::at(source.line(&[keys::JOBS]), "it has no jobs")),
        }
    }

    /// The line of a key, from 1.
    pub(super) fn line(&self, way: &[&str]) -> Option<usize> {
        Some(self.nodes.as_ref()?.find(way)?.key.line)
    }

    /// Refuses what would not come out the same if it were written again, in all of the text.
    pub(super) fn writable(&self) -> Result<(), Refusal> {
        // A copy of the tree, and only where a file is written anew.
        unambiguous(&self.text, &Value::Mapping(self.tree.clone()), 0)
    }

    /// The same for the value of one key.
    pub(super) fn writable_at(&self, key: &str) -> Result<(), Refusal> {
        let (Some(value), Some(nodes)) = (self.tree.get(key), &self.nodes) else { return Ok(()) };
        let Some(entry) = nodes.entry(key) else { return Ok(()) };
        let text = self.text.get(entry.key.at.start..entry.value.at.end).unwrap_or_default();
        unambiguous(text, value, entry.key.line - 1)
    }
}

/// What a workflow means, whether it can have a backup or not; nothing where it can't be read.
pub(in super::super) fn tree(text: &str) -> Mapping {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_too_deep = matches!(spans::read(text), Err(Unread::TooDeep(_)));
    let tree = (!is_too_deep).then(|| serde_yaml::from_str(text).ok()).flatten();
    tree.unwrap_or_default()
}

fn unambiguous(text: &str, tree: &Value, lines_before: usize) -> Result<(), Refusal> {
    let Some((line, what)) = ambiguous(text, tree) else { return Ok(()) };
    let why = format!("{what}: it would not come out the same; write it as a plain text in quotes");
    Err(Refusal::at(line.map(|it| it + lines_before), why))
}

fn no_yaml(error: &serde_yaml::Error, text: &str) -> Refusal {
    let message = error.to_string();
    // Without a place of its own, an error points at the first line.
    let line = error.location().filter(|_| message.contains(" at line ")).map(|it| it.line());
    let twice = || spans::read(text).ok()?.second_of_a_key();
    let line = line.or_else(|| message.contains("duplicate").then(twice).flatten());
    let several = message.contains("more than one document");
    let why =
        if several { "it holds several YAML documents, and GitHub reads one" } else { &message };
    Refusal::at(line, format!("this is no workflow: {why}"))
}

/// Whether the lines of a text end as on Windows, judged by the first.
pub(super) fn ends_lines_with_two(text: &str) -> bool {
    text.split_once('\n').is_some_and(|(first, _)| first.ends_with('\r'))
}

fn is_conflict(line: &str) -> bool {
    line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") || line == "======="
}

/// What is in a tree that no workflow can hold.
fn unknown_to_github(tree: &Value) -> Option<&'static str> {
    match tree {
        Value::Tagged(_) => Some("a YAML tag (`!…`)"),
        Value::Sequence(list) => list.iter().find_map(unknown_to_github),
        Value::Mapping(map) => map.iter().find_map(|(key, value)| match key {
            Value::Mapping(_) | Value::Sequence(_) => Some("a key that is no text"),
            Value::String(key) if key == MERGE => Some("a merge key (`<<`)"),
            _ => unknown_to_github(key).or_else(|| unknown_to_github(value)),
        }),
        _ => None,
    }
}

const MERGE: &str = "<<";

/// Whether one of the keys of a table is what [`unknown_to_github`] finds.
fn is_unusual_key(node: &Node) -> bool {
    let Shape::Mapping { entries, .. } = &node.shape else { return false };
    entries.iter().any(|it| it.name().is_none_or(|name| name == MERGE))
}
