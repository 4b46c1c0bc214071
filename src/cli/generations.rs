//! `generations`: what was changed together, and what that replaced.

use std::{collections::BTreeMap, fmt::Write, process::ExitCode};

use jiff::Timestamp;
use serde::Serialize;
use similar::TextDiff;

use super::{
    open::Project,
    output::{self, BOLD, DIM, count, visible},
    table::table,
};
use crate::{
    config::redacted,
    controller::generations::Generations,
    core::{
        generation::{Generation, Replaced},
        resource::Body,
    },
};

/// The version of the JSON form.
const VERSION: u32 = 1;

#[derive(Debug, clap::Args)]
pub(super) struct GenerationsOptions {
    /// Only this one, with what it replaced
    #[arg(value_name = "N")]
    number: Option<u64>,
    /// Print as JSON
    #[arg(long, conflicts_with = "number")]
    json: bool,
}

/// What `generations --json` prints.
#[derive(Debug, Serialize)]
struct List {
    /// The version of the form.
    version: u32,
    /// The oldest first.
    generations: Vec<Row>,
}

/// A generation, in short.
#[derive(Debug, Serialize)]
struct Row {
    number: u64,
    at: Timestamp,
    by: String,
    /// Whether the config is another one than that of the generation before. None where that is not kept.
    config_changed: Option<bool>,
    /// How many resources were changed, by the change.
    changes: BTreeMap<String, usize>,
}

pub(super) fn run(project: &Project, options: &GenerationsOptions) -> anyhow::Result<ExitCode> {
    let generations = Generations::of(&project.loaded.project.state_dir());
    if let Some(number) = options.number {
        let generation = generations.read(number)?;
        let before = number.checked_sub(1).and_then(|it| generations.read(it).ok());
        output::print(&one(&generation, before.as_ref()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = Vec::new();
    let mut config_before: Option<String> = None;
    let mut all_read = true;
    for number in generations.numbers()? {
        match generations.read(number) {
            Ok(it) => {
                rows.push(row(&it, config_before.as_deref()));
                config_before = Some(it.config);
            }
            Err(error) => {
                output::remark(&format!("{}\n", visible(&error.to_string())));
                (all_read, config_before) = (false, None);
            }
        }
    }
    let text = if options.json {
        serde_json::to_string_pretty(&List { version: VERSION, generations: rows })? + "\n"
    } else if rows.is_empty() {
        "Nothing was changed yet: each apply becomes a generation.\n".to_owned()
    } else {
        let cells: Vec<Vec<String>> = rows.iter().rev().map(cells).collect();
        table(&["N", "WHEN", "BY", "CHANGES"], &cells)
            + "`redundancy generations N` shows one; `redundancy rollback N` goes back to it.\n"
    };
    output::print(&text)?;
    Ok(output::exit_code(all_read))
}

fn row(generation: &Generation, config_before: Option<&str>) -> Row {
    let mut changes = BTreeMap::new();
    for Replaced { verb, .. } in &generation.changes {
        *changes.entry(verb.clone()).or_default() += 1;
    }
    Row {
        number: generation.number,
        at: generation.at,
        by: generation.by.to_string(),
        config_changed: config_before.map(|it| it != generation.config),
        changes,
    }
}

fn cells(row: &Row) -> Vec<String> {
    let done = |(verb, n): (&String, &usize)| format!("{n} {verb}d");
    let mut what: Vec<String> = row.changes.iter().map(done).collect();
    if row.config_changed == Some(true) {
        what.push("redundancy.toml changed".to_owned());
    }
    if what.is_empty() {
        what.push("none".to_owned());
    }
    vec![row.number.to_string(), format!("{:.0}", row.at), row.by.clone(), what.join(", ")]
}

/// A generation with what it replaced.
fn one(generation: &Generation, before: Option<&Generation>) -> String {
    let Generation { number, at, by, changes, .. } = generation;
    let mut text = format!(
        "{BOLD}Generation {number}{BOLD:#}  {DIM}{at:.0}, by {by}, {}{DIM:#}\n",
        count(changes.len(), "change")
    );
    match before {
        Some(before) => text.push_str(&config_diff(&before.config, &generation.config)),
        None if *number == 1 => text.push_str("it is the first one\n"),
        None => text.push_str(
            "the one before it is not kept, so nobody knows what changed in redundancy.toml\n",
        ),
    }
    for Replaced { id, verb, reason, before } in changes {
        let reason = visible(reason);
        let _ = writeln!(text, "{verb:7} {BOLD}{id}{BOLD:#}  {reason}");
        match before {
            Some(body) => text.push_str(&replaced(body)),
            None => text.push_str("    it was not there before\n"),
        }
    }
    text
}

/// What was replaced, as it was.
fn replaced(body: &Body) -> String {
    let mut text = String::new();
    for (name, value) in &body.fields {
        let _ = writeln!(text, "    {name}  {}", visible(&value.to_string()));
    }
    for (path, file) in &body.files {
        let _ = writeln!(text, "    {}, {}", visible(path), count(file.lines().count(), "line"));
    }
    text
}

/// How two texts of the config differ, without what must not be shown; nothing where they do not.
pub(super) fn config_diff(from: &str, to: &str) -> String {
    if from == to {
        return String::new();
    }
    let (from, to) = (redacted(from), redacted(to));
    let mut text = format!("{BOLD}redundancy.toml{BOLD:#}\n");
    let diff = TextDiff::from_lines(&from, &to).unified_diff().to_string();
    if diff.is_empty() {
        text.push_str("    (only what is not shown differs)\n");
    }
    for line in diff.lines() {
        let _ = writeln!(text, "    {}", visible(line));
    }
    text
}
