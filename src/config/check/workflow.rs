//! `[[workflow]]`: what its keys mean for each other.

use super::{at_least, github_cron, sections};
use crate::config::{
    model::{Input, Workflow},
    problem::Problem,
    tree::Item,
    units::Span,
};

/// A shorter time would find a primary stale that GitHub only starts a little late.
const SHORTEST_STALE: Span = Span::secs(5 * 60);

/// What GitHub takes at most for one start by hand.
const MOST_INPUTS: usize = 25;

pub(super) fn check(workflow: &Workflow, item: &Item<'_>, problems: &mut Vec<Problem>) {
    sections::check_patterns(&workflow.backs_up, item, problems);
    if let Err((message, help)) = github_cron::check(&workflow.schedule) {
        problems.push(Problem::at(item.value("schedule"), message).help(help));
    }
    if let Some(stale_after) = workflow.stale_after {
        at_least(SHORTEST_STALE, ("stale_after", stale_after), item, problems);
    }
    if !workflow.guard
        && let Some(at) = item.key("on_error")
    {
        let message = "`on_error` is for the guard, and `guard = false` leaves it out";
        problems.push(Problem::at(at, message).help("leave out `guard` or `on_error`"));
    }
    inputs(workflow, item, problems);
}

fn inputs(workflow: &Workflow, item: &Item<'_>, problems: &mut Vec<Problem>) {
    let Some(at) = item.key("inputs") else { return };
    if workflow.inputs.len() > MOST_INPUTS {
        let n = workflow.inputs.len();
        let message = format!("GitHub takes at most {MOST_INPUTS} inputs, these are {n}");
        problems.push(Problem::at(at, message));
    }
    let Some(table) = item.child("inputs") else { return };
    for (name, value) in &workflow.inputs {
        let first = name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_');
        let rest = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-');
        let at = || table.key(name).unwrap_or_else(|| table.span());
        if !first || !name.chars().all(rest) {
            let message = format!("no input can be called `{}`", name.escape_debug());
            let help = "the name of an input has letters, digits, `_` and `-`, and begins with a \
                        letter or `_`";
            problems.push(Problem::at(at(), message).help(help));
        }
        if let Input::Text(text) = value
            && text.contains("${{")
        {
            let message = format!("the input `{name}` is given as it is written, without `${{{{`");
            problems.push(Problem::at(table.value(name), message));
        }
        if let Input::Number(number) = value
            && !number.is_finite()
        {
            let message = format!("the input `{name}` can't be {number}");
            problems.push(Problem::at(table.value(name), message));
        }
    }
}
