//! A plan as a person reads it on a terminal.

use std::{collections::BTreeMap, fmt::Write};

use anstyle::Style;

use super::output::{BOLD, CYAN, DIM, GREEN, RED, YELLOW, count, shortened, visible};
use crate::core::{
    change::{Change, Held, Step, Why},
    diff::{self, FileDiff},
    plan::Plan,
    resource::Body,
};

/// How many lines of one file's differences are shown.
const MOST_LINES: usize = 60;

/// The whole plan: each change with its reason and its difference, what is left alone and what
/// helps against that, and the sum.
pub(super) fn plan(plan: &Plan) -> String {
    shown(plan, Of::All, MOST_LINES, |_| None)
}

/// What a plan was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// Of all that there is.
    All,
    /// Of some of it: it says nothing of the rest.
    Part,
}

/// The same of a plan that may be a part of one.
pub(super) fn plan_of(of: Of, plan: &Plan) -> String {
    shown(plan, of, MOST_LINES, |_| None)
}

/// The same with all lines of each difference, for what no other verb could show.
pub(super) fn whole_plan(plan: &Plan) -> String {
    shown(plan, Of::All, usize::MAX, |_| None)
}

/// The same, where what is made is shown by how it differs from what is `beside` it.
pub(super) fn plan_beside(of: Of, plan: &Plan, beside: impl Fn(&Step) -> Option<Body>) -> String {
    shown(plan, of, MOST_LINES, beside)
}

fn shown(plan: &Plan, of: Of, most: usize, beside: impl Fn(&Step) -> Option<Body>) -> String {
    let mut text = String::new();
    for step in plan.steps() {
        show_step(step, beside(step), most, &mut text);
    }
    for held in &plan.held {
        show_held(held, most, &mut text);
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text + &summary(of, plan)
}

/// The sum of a plan in one line.
pub(super) fn summary(of: Of, plan: &Plan) -> String {
    let mut verbs: BTreeMap<&str, usize> = BTreeMap::new();
    for step in plan.steps() {
        *verbs.entry(step.change.verb()).or_default() += 1;
    }
    let mut parts: Vec<String> = ["create", "update", "delete", "start", "stop", "restart"]
        .iter()
        .filter_map(|verb| Some(format!("{} to {verb}", verbs.get(verb)?)))
        .collect();
    if !plan.held.is_empty() {
        parts.push(format!("{} left alone", plan.held.len()));
    }
    if parts.is_empty() {
        return match of {
            Of::All => "Everything is as the config asks: there is nothing to do.\n",
            Of::Part => "There is nothing to do in this part; `redundancy plan` shows all.\n",
        }
        .to_owned();
    }
    format!("{BOLD}Plan:{BOLD:#} {}.\n", parts.join(", "))
}

fn sign(change: &Change) -> (char, Style) {
    match change {
        Change::Create { .. } => ('+', GREEN),
        Change::Update { .. } => ('~', YELLOW),
        Change::Delete { .. } => ('-', RED),
        Change::Start => ('>', GREEN),
        Change::Stop => ('x', RED),
        Change::Restart => ('>', YELLOW),
    }
}

fn show_step(step: &Step, beside: Option<Body>, most: usize, text: &mut String) {
    let (sign, style) = sign(&step.change);
    let verb = step.change.verb();
    let reason = visible(&step.reason.to_string());
    let _ = writeln!(text, "{style}{sign} {verb:7}{style:#} {BOLD}{}{BOLD:#}  {reason}", step.id);
    match &step.change {
        // Whoever asks for that wants all of it.
        Change::Create { to, .. } => match beside {
            Some(beside) => differences(&beside, to, usize::MAX, text),
            None => differences(&Body::default(), to, most, text),
        },
        Change::Update { from, to, restart, .. } => {
            differences(from, to, most, text);
            if *restart {
                let _ = writeln!(text, "    {YELLOW}it is restarted for that{YELLOW:#}");
            }
        }
        Change::Delete { from } => {
            for path in from.files.keys() {
                let _ = writeln!(text, "    {}", visible(path));
            }
        }
        Change::Start | Change::Stop | Change::Restart => {}
    }
}

fn show_held(held: &Held, most: usize, text: &mut String) {
    let why = visible(&held.why.to_string());
    let id = &held.id;
    let _ = writeln!(text, "{CYAN}! left   {CYAN:#} {BOLD}{id}{BOLD:#}  {why}");
    if let Why::EditedByHand { from, to } = &held.why {
        differences(from, to, most, text);
    }
    if let Some(help) = help(held) {
        let _ = writeln!(text, "    {DIM}help:{DIM:#} {help}");
    }
}

/// What a person can do about something that is left alone.
pub(super) fn help(held: &Held) -> Option<String> {
    let id = &held.id;
    Some(match &held.why {
        Why::NotOurs => format!("`--adopt {id}` makes it ours and as the config says"),
        Why::EditedByHand { to, .. } if to == &Body::default() => {
            format!("`--overwrite {id}` removes it all the same")
        }
        Why::EditedByHand { .. } => format!(
            "`--overwrite {id}` makes the change shown here and loses the edit; to keep the edit, \
             make it in what the file is made from"
        ),
        Why::TooManyDeletions { deletions, .. } => {
            format!("when this is meant: `--allow-deletions {deletions}`")
        }
        Why::GivenUp { .. } => format!("`redundancy recover {id}` tries it again"),
        Why::StoppedByHand => format!(
            "`redundancy apply --target {id}` starts it again; `state = \"running\"` in the config \
             keeps it running whoever stops it"
        ),
        Why::Paused { .. } => format!("`redundancy resume {id}` ends the pause"),
        Why::Undecided => format!("`redundancy explain {id}` says what is waited for"),
        Why::NotProven { .. } => {
            "`redundancy test` tries what it is made from; passed, it is made anew".to_owned()
        }
        Why::Blind { .. }
        | Why::Impossible { .. }
        | Why::Resting { .. }
        | Why::BreakerOpen { .. }
        | Why::BreakerHalfOpen { .. } => return None,
    })
}

/// Fields one a line, files by their changed lines.
fn differences(from: &Body, to: &Body, most: usize, text: &mut String) {
    let files = diff::files(from, to);
    // Where files differ they say it all: the fields of such a body are about them.
    let fields = if files.is_empty() { diff::fields(from, to) } else { Vec::new() };
    let width = fields.iter().map(|field| field.name.len()).max().unwrap_or(0);
    let from_nothing = *from == Body::default();
    for field in fields {
        let name = visible(field.name);
        let shown = |value: &crate::core::resource::Value| visible(&value.to_string());
        let change = match (field.from, field.to) {
            (None, Some(to)) if from_nothing => shown(to),
            (None, Some(to)) => format!("{DIM}not set{DIM:#} → {GREEN}{}{GREEN:#}", shown(to)),
            (Some(from), None) => format!("{RED}{}{RED:#} {DIM}→ not set{DIM:#}", shown(from)),
            (Some(from), Some(to)) => {
                format!("{RED}{}{RED:#} → {GREEN}{}{GREEN:#}", shown(from), shown(to))
            }
            (None, None) => continue,
        };
        let _ = writeln!(text, "    {name:width$}  {change}");
    }
    for file in files {
        let path = visible(file.path());
        match file {
            FileDiff::Added { text: added, .. } => {
                let lines = count(added.lines().count(), "line");
                let _ = writeln!(text, "    {path} ({GREEN}{lines}{GREEN:#})");
            }
            FileDiff::Removed { text: removed, .. } => {
                let lines = count(removed.lines().count(), "line");
                let _ = writeln!(text, "    {path} ({RED}{lines} removed{RED:#})");
            }
            FileDiff::Changed { hunks, .. } => {
                let _ = writeln!(text, "    {path}");
                show_hunks(&hunks, most, text);
            }
        }
    }
}

fn show_hunks(hunks: &str, most: usize, text: &mut String) {
    for line in hunks.lines().take(most) {
        let style = match line.as_bytes().first() {
            Some(b'+') => GREEN,
            Some(b'-') => RED,
            Some(b'@') => CYAN,
            _ => Style::new(),
        };
        let _ = writeln!(text, "    {style}{}{style:#}", shortened(line));
    }
    let more = hunks.lines().count().saturating_sub(most);
    if more > 0 {
        let more = count(more, "more line");
        let _ = writeln!(
            text,
            "    {DIM}… and {more}; `redundancy plan --json` has all of them{DIM:#}"
        );
    }
}
