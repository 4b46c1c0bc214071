//! From the text of a file to a [`Config`], or to everything that is wrong with it.

use std::collections::HashSet;

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, Deserializer},
};

use super::{
    check,
    model::Config,
    problem::{Note, Problem},
    secrets,
    tree::{self, Item, Removed},
    wording,
};

/// More problems than this are not looked for: whoever has so many has one mistake at the root of
/// most of them.
const MOST_PROBLEMS: usize = 100;

/// Reads the text of a `redundancy.toml`.
///
/// # Errors
/// All problems of the text, in its order. Syntax errors come alone: what a text with them means
/// is a guess. None quotes a token that was written into the text, or a value of `env`.
pub fn parse(text: &str) -> Result<(Config, Vec<Note>), Vec<Problem>> {
    let mut problems: Vec<Problem> = secrets::problems(text).take(MOST_PROBLEMS).collect();
    let text = &*secrets::mask(text);
    let (root, errors) = DeTable::parse_recoverable(text);
    problems.extend(syntax_problems(text, &errors));
    // A key that is there twice leaves no doubt about the rest.
    if errors.iter().any(|error| error.message() != "duplicate key") {
        return Err(told(text, problems));
    }
    if root.get_ref().is_empty() && problems.is_empty() {
        return Err(vec![Problem::whole("the file is empty: nothing is taken from it").help(
            "to manage nothing on purpose, write `[controller]`; `redundancy init` writes a first \
             file where there is none",
        )]);
    }
    let mut root = root;
    let mut removed = Removed::new();
    let config = read(&mut root, text, &mut removed, &mut problems).map(Config::with_runners);
    let root = Item::root(root.get_ref(), &removed);
    if let Some(config) = &config {
        check::all(config, &root, &mut problems);
    }
    match config {
        Some(config) if problems.is_empty() => {
            let mut notes = check::failover::notes(&config, &root);
            notes.sort_by_key(|note| note.span.start);
            Ok((config, notes))
        }
        _ => Err(told(text, problems)),
    }
}

/// Deserializes the tree. Each problem is noted, and what it is about taken out of the tree, until
/// the rest of it makes a config.
fn read(
    root: &mut Spanned<DeTable<'_>>,
    text: &str,
    removed: &mut Removed,
    problems: &mut Vec<Problem>,
) -> Option<Config> {
    let mut stood_in = HashSet::new();
    loop {
        let error = match Config::deserialize(Deserializer::from(root.clone())) {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        match wording::complaint(root.get_ref(), text, &error) {
            Err(problem) => {
                problems.push(problem);
                return None;
            }
            Ok(complaint) => {
                let start = complaint.problem.span.as_ref().map_or(0, |span| span.start);
                let missing = complaint.missing.map(|key| (start, key));
                // A key that was there and wrong is a problem already.
                if missing.as_ref().is_none_or(|it| !removed.contains(it)) {
                    problems.push(complaint.problem);
                }
                match missing {
                    // The rest of the table is read too, with something in the place of the key.
                    Some(it) if stood_in.insert(it.clone()) => {
                        tree::stand_in(root.get_mut(), &complaint.way, &it.1);
                    }
                    _ => tree::remove(root.get_mut(), &complaint.way, removed),
                }
            }
        }
        if problems.len() >= MOST_PROBLEMS {
            problems.push(Problem::whole(format!(
                "there are more than {MOST_PROBLEMS} problems; the others show when these are gone"
            )));
            return None;
        }
    }
}

/// The syntax errors, one a line: what follows on the same line mostly follows from the first.
fn syntax_problems(text: &str, errors: &[toml::de::Error]) -> Vec<Problem> {
    let found = errors.iter().map(|error| wording::syntax(text, error)).collect();
    let mut problems: Vec<Problem> = in_order(found);
    let mut last_end = None;
    problems.retain(|problem| {
        let Some(span) = &problem.span else { return true };
        let start = text.floor_char_boundary(span.start);
        let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        last_end.replace(line_end) != Some(line_end)
    });
    problems.truncate(MOST_PROBLEMS);
    problems
}

/// All of `problems`, in the order of the text, without help that quotes a value of `env`.
fn told(text: &str, mut problems: Vec<Problem>) -> Vec<Problem> {
    let lines = secrets::env_lines(text);
    for problem in &mut problems {
        let (Some(span), Some(help)) = (&problem.span, &problem.help) else { continue };
        let hidden = lines.iter().any(|line| line.contains(&span.start));
        if hidden && help.starts_with("write it as") {
            problem.help = Some("write its value in quotes: `NAME = \"...\"`".to_owned());
        }
    }
    in_order(problems)
}

fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    // Those of the file as a whole come last.
    problems.sort_by_key(|problem| problem.span.as_ref().map_or(usize::MAX, |span| span.start));
    problems
}
