//! A plan as Markdown, for a comment on a pull request.

use std::fmt::Write;

use super::{
    human::{Of, help},
    output::{shortened, visible},
};
use crate::core::{
    change::{Change, Why},
    diff::{self, FileDiff},
    plan::Plan,
    resource::Body,
};

/// The whole plan: a table of all changes, then each difference, folded.
pub(super) fn plan(of: Of, plan: &Plan) -> String {
    let mut text = String::from("## redundancy plan\n\n");
    let summary = anstream::adapter::strip_str(&super::human::summary(of, plan)).to_string();
    text.push_str(&summary);
    if !plan.lanes.is_empty() {
        text.push_str("\n| change | resource | why |\n| --- | --- | --- |\n");
        for step in plan.steps() {
            let (verb, id) = (step.change.verb(), &step.id);
            let _ = writeln!(text, "| {verb} | `{id}` | {} |", cell(&step.reason.to_string()));
        }
    }
    if !plan.held.is_empty() {
        text.push_str("\n| left alone | why | what helps |\n| --- | --- | --- |\n");
        for held in &plan.held {
            let help = help(held).unwrap_or_default();
            let why = cell(&held.why.to_string());
            let _ = writeln!(text, "| `{}` | {why} | {} |", held.id, cell(&help));
        }
    }
    for step in plan.steps() {
        let nothing = Body::default();
        let title = format!("{} {}", step.change.verb(), step.id);
        match &step.change {
            Change::Create { to, .. } => details(&title, &nothing, to, &mut text),
            Change::Update { from, to, .. } => details(&title, from, to, &mut text),
            Change::Delete { from } => details(&title, from, &nothing, &mut text),
            Change::Start | Change::Stop | Change::Restart => {}
        }
    }
    for held in &plan.held {
        if let Why::EditedByHand { from, to } = &held.why {
            let title =
                format!("left alone: {}, edited by hand; to overwrite it would be", held.id);
            details(&title, from, to, &mut text);
        }
    }
    text
}

fn details(title: &str, from: &Body, to: &Body, text: &mut String) {
    let mut shown = String::new();
    let files = diff::files(from, to);
    let fields = if files.is_empty() { diff::fields(from, to) } else { Vec::new() };
    for field in fields {
        if let Some(value) = field.from {
            let _ = writeln!(shown, "- {} = {}", field.name, value);
        }
        if let Some(value) = field.to {
            let _ = writeln!(shown, "+ {} = {}", field.name, value);
        }
    }
    for file in files {
        match file {
            FileDiff::Added { path, text: added } => {
                let _ = writeln!(shown, "+++ {path}");
                signed('+', added, &mut shown);
            }
            FileDiff::Removed { path, text: removed } => {
                let _ = writeln!(shown, "--- {path}");
                signed('-', removed, &mut shown);
            }
            FileDiff::Changed { path, hunks } => {
                let _ = write!(shown, "--- {path}\n+++ {path}\n{hunks}");
            }
        }
    }
    if shown.is_empty() {
        return;
    }
    let shown: Vec<String> = shown.lines().map(shortened).collect();
    let shown = shown.join("\n");
    let fence = fence(&shown);
    let _ = write!(
        text,
        "\n<details><summary>{title}</summary>\n\n{fence}diff\n{}\n{fence}\n\n</details>\n",
        shown.trim_end_matches('\n')
    );
}

fn signed(sign: char, lines: &str, to: &mut String) {
    for line in lines.lines() {
        let _ = writeln!(to, "{sign}{line}");
    }
}

/// A text that fits into a cell of a table: can't end it, make elements, or call people.
pub(super) fn cell(text: &str) -> String {
    let text = visible(text).replace('\n', " ").replace('&', "&amp;").replace('<', "&lt;");
    text.replace('|', "\\|").replace('@', "&#64;")
}

/// Longer than any run of backquotes in `text`, so that it can't be ended by it.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}
