//! Concurrency groups: the backup must never break the primary off, nor itself.
//!
//! Of a group one run runs and one waits; a newcomer replaces the one that waits, and with
//! `cancel-in-progress` also the one that runs. Groups hold for the whole repository.

use serde_yaml::{Mapping, Value};

use super::{Request, condition, keys};
use crate::{config::model::Grouping, provider::files::rule::SUFFIX};

/// What becomes of a `concurrency` of the primary.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// The new group, where it is another one.
    pub(super) group: Option<String>,
    /// Whether `cancel-in-progress` is there and has to become `false`.
    pub(super) calm: bool,
}

impl Change {
    /// The `concurrency` that comes of `old`.
    pub(super) fn apply(&self, old: &Value) -> Value {
        let Value::Mapping(settings) = old else {
            return self.group.as_ref().map_or_else(|| old.clone(), |it| it.as_str().into());
        };
        let mut settings = settings.clone();
        if let Some(group) = &self.group {
            settings.insert(keys::GROUP.into(), group.as_str().into());
        }
        if self.calm {
            settings.insert(keys::CANCEL.into(), false.into());
        }
        Value::Mapping(settings)
    }
}

/// The group of the backup of `stem` where it has one of its own.
pub(super) fn own_group(stem: &str) -> String {
    format!("redundancy-{stem}{SUFFIX}")
}

/// `concurrency` of a workflow with a group of its own and nothing broken off.
pub(super) fn own(stem: &str) -> Value {
    Value::Mapping(Mapping::from_iter([
        (keys::GROUP.into(), own_group(stem).into()),
        (keys::CANCEL.into(), false.into()),
    ]))
}

/// What becomes of the `concurrency` of the whole workflow: none where there is none.
pub(super) fn of_workflow(
    primary: &Mapping,
    request: &Request<'_>,
) -> Result<Option<Change>, String> {
    let Some(value) = primary.get(keys::CONCURRENCY).filter(|it| !it.is_null()) else {
        return Ok(None);
    };
    let group = group(value)?;
    let calm = cancels(value);
    let shared = match request.settings.workflow.concurrency {
        // In this group each run of the primary would end a backup that is at work.
        _ if calm => None,
        Grouping::Separate => None,
        Grouping::Auto => with_name(&group, &name(primary, request)),
    };
    let group = match shared {
        Some(shared) => (shared != group).then_some(shared),
        None => Some(own_group(request.stem)),
    };
    Ok(Some(Change { group, calm }))
}

/// What becomes of the `concurrency` of a job.
pub(super) fn of_job(
    value: &Value,
    primary: &Mapping,
    request: &Request<'_>,
) -> Result<Option<Change>, String> {
    let old = group(value)?;
    let apart = || format!("{old}{SUFFIX}");
    let new = match request.settings.workflow.concurrency {
        Grouping::Separate => apart(),
        Grouping::Auto => with_name(&old, &name(primary, request)).unwrap_or_else(apart),
    };
    let change = Change { group: (new != old).then_some(new), calm: cancels(value) };
    Ok((change != Change::default()).then_some(change))
}

fn group(value: &Value) -> Result<String, String> {
    match value {
        Value::Mapping(it) => it
            .get(keys::GROUP)
            .and_then(scalar)
            .ok_or_else(|| "its `concurrency` has no `group`".to_owned()),
        other => scalar(other).ok_or_else(|| "its `concurrency` is not a group".to_owned()),
    }
}

/// Whether it may break off what runs: it says so, or what it says depends.
fn cancels(value: &Value) -> bool {
    value.get(keys::CANCEL).is_some_and(|it| *it != Value::Bool(false))
}

/// What GitHub calls the primary.
fn name(primary: &Mapping, request: &Request<'_>) -> String {
    super::name(primary).unwrap_or_else(|| request.path.to_owned())
}

/// A group with the name of the primary where it asks for the name of the workflow; none where
/// that can't be put in.
fn with_name(group: &str, name: &str) -> Option<String> {
    const ASKS: &str = "github.workflow";
    let asks = |text: &str| condition::lookups(text, false).iter().any(|it| it == ASKS);
    if !asks(group) {
        return Some(group.to_owned());
    }
    if name.contains("${{") {
        return None;
    }
    let (mut new, mut rest) = (String::new(), group);
    while let Some((before, after)) = rest.split_once("${{") {
        let end = condition::tokens(after).find(|it| it.text == "}}")?;
        let inner = &after[..end.at];
        rest = &after[end.at + end.text.len()..];
        new.push_str(before);
        if inner.trim().eq_ignore_ascii_case(ASKS) {
            new.push_str(name);
        } else {
            new.extend(["${{", &in_expression(inner, name), "}}"]);
        }
    }
    new.push_str(rest);
    (!asks(&new)).then_some(new)
}

/// An expression with a text in the place of each `github.workflow`.
fn in_expression(expression: &str, name: &str) -> String {
    let tokens: Vec<_> = condition::tokens(expression).collect();
    let (mut new, mut done) = (String::new(), 0);
    for (index, window) in tokens.windows(3).enumerate() {
        let [first, dot, last] = window else { continue };
        let member = index > 0 && tokens[index - 1].text == ".";
        let goes_on = tokens.get(index + 3).is_some_and(|it| matches!(it.text, "." | "["));
        if !member
            && !goes_on
            && first.text.eq_ignore_ascii_case("github")
            && dot.text == "."
            && last.text.eq_ignore_ascii_case("workflow")
        {
            new.push_str(&expression[done..first.at]);
            new.extend(["'", &name.replace('\'', "''"), "'"]);
            done = last.at + last.text.len();
        }
    }
    new.push_str(&expression[done..]);
    new
}

/// A scalar as the text that GitHub makes of it.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(it) => Some(it.clone()),
        Value::Number(it) => Some(it.to_string()),
        Value::Bool(it) => Some(it.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_s_name_stands_where_a_group_asks_for_it() {
        for (group, expected) in [
            ("ci", Some("ci")),
            ("${{ github.ref }}", Some("${{ github.ref }}")),
            ("${{ github.workflow }}", Some("It's")),
            ("a-${{GitHub.Workflow}}-${{ github.ref }}", Some("a-It's-${{ github.ref }}")),
            (
                "${{ format('{0}-{1}', github.workflow, github.ref) }}",
                Some("${{ format('{0}-{1}', 'It''s', github.ref) }}"),
            ),
            ("${{ 'github.workflow' }}", Some("${{ 'github.workflow' }}")),
            ("${{ github.workflow_ref }}", Some("${{ github.workflow_ref }}")),
            ("${{ github['workflow'] }}", None),
            ("${{ github.workflow", None),
        ] {
            assert_eq!(with_name(group, "It's").as_deref(), expected, "{group}");
        }
        assert_eq!(with_name("${{ github.workflow }}", "a ${{ b }}"), None);
    }
}
