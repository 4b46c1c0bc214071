//! From the text of a workflow to the text of its backup.
//!
//! The backup does the same jobs under another name, starts by its own schedule and by hand only,
//! and has a concurrency group of its own. Source of the format: GitHub's "Workflow syntax" and
//! the schema of its `@actions/workflow-parser`.

use serde_yaml::{Mapping, Value};

use super::{cron::cron, scalar::ambiguous};
use crate::provider::files::rule::SUFFIX;

const NAME: &str = "name";
const ON: &str = "on";
const JOBS: &str = "jobs";
const CONCURRENCY: &str = "concurrency";
const GROUP: &str = "group";
const SCHEDULE: &str = "schedule";
const DISPATCH: &str = "workflow_dispatch";
const CALL: &str = "workflow_call";

/// The text of the backup of the workflow at `path` whose file is called `stem`, or why there can
/// be none, with the place.
pub(super) fn backup(path: &str, stem: &str, text: &str, schedule: &str) -> Result<String, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let primary = read(text).map_err(|(line, why)| match line {
        Some(line) => format!("{path}:{line}: {why}"),
        None => format!("{path}: {why}"),
    })?;
    let tree = Value::Mapping(
        change(primary, path, stem, schedule).map_err(|why| format!("{path}: {why}"))?,
    );
    let written = serde_yaml::to_string(&tree)
        .map_err(|error| format!("{path}: its backup can't be written as YAML: {error}"))?;
    // What was written has to mean what was meant.
    match serde_yaml::from_str::<Value>(&written) {
        Ok(again) if again == tree => Ok(written),
        _ => Err(format!(
            "{path}: it holds something that can't be written again with the same \
                          meaning"
        )),
    }
}

/// Whether other workflows start this one and nothing else does, so that it needs no backup of its
/// own.
pub(super) fn is_only_called(text: &str) -> bool {
    text.contains(CALL) && read(text).is_ok_and(|tree| events(tree.get(ON)) == [CALL])
}

type Refusal = (Option<usize>, String);

/// The tree of a workflow that can have a backup, or the line and the reason.
fn read(text: &str) -> Result<Mapping, Refusal> {
    if let Some(line) = text.lines().position(is_conflict) {
        let why = "a merge was left unfinished here (conflict marker); resolve it first";
        return Err((Some(line + 1), why.to_owned()));
    }
    if text.starts_with('%') {
        return Err((
            Some(1),
            "it begins with a YAML directive, which is not supported".to_owned(),
        ));
    }
    // A file without a last line end: GitHub reads a text block at its end as if there were one,
    // `serde_yaml` does not.
    let text = &if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
    let tree: Value = serde_yaml::from_str(text).map_err(|error| {
        let message = error.to_string();
        // Without a place of its own, an error points at the first line.
        let line = error.location().filter(|_| message.contains(" at line ")).map(|it| it.line());
        let several = message.contains("more than one document");
        let why = if several {
            "it holds several YAML documents, and GitHub reads one"
        } else {
            &message
        };
        (line, format!("this is no workflow: {why}"))
    })?;
    if let Some((line, what)) = ambiguous(text, &tree) {
        let why =
            format!("{what}: it would not come out the same; write it as a plain text in quotes");
        return Err((line, why));
    }
    if let Some(what) = unknown_to_github(&tree) {
        return Err((None, format!("it holds {what}, which GitHub does not know")));
    }
    let Value::Mapping(tree) = tree else {
        return Err((None, "this is no workflow: it is not made of `key: value`".to_owned()));
    };
    if tree.contains_key(Value::Bool(true)) {
        let line = text.lines().position(|line| line.starts_with("true"));
        let why = "the key `true` stands where `on` should; some tools turn `on` into it";
        return Err((line.map(|it| it + 1), why.to_owned()));
    }
    match tree.get(JOBS) {
        Some(Value::Mapping(jobs)) if !jobs.is_empty() => Ok(tree),
        _ => Err((None, "it has no jobs".to_owned())),
    }
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
            _ => unknown_to_github(key).or_else(|| unknown_to_github(value)),
        }),
        _ => None,
    }
}

/// The tree of the backup, with the keys in the primary's order.
fn change(primary: Mapping, path: &str, stem: &str, schedule: &str) -> Result<Mapping, String> {
    let name = primary.get(NAME).and_then(scalar).filter(|name| !name.trim().is_empty());
    let name = Value::from(format!("{} (backup)", name.as_deref().unwrap_or(stem)));
    let on = triggers(primary.get(ON), path, schedule)?;
    let group = concurrency(primary.get(CONCURRENCY), stem)?;
    let mut backup = Mapping::new();
    if !primary.contains_key(NAME) {
        backup.insert(NAME.into(), name.clone());
    }
    let has_group = primary.contains_key(CONCURRENCY);
    for (key, value) in primary {
        match key.as_str() {
            Some(NAME) => backup.insert(key, name.clone()),
            Some(CONCURRENCY) => backup.insert(key, group.clone()),
            Some(ON) => {
                backup.insert(key, on.clone());
                (!has_group).then(|| backup.insert(CONCURRENCY.into(), group.clone())).flatten()
            }
            Some(JOBS) => backup.insert(key, jobs(value, stem)?),
            _ => backup.insert(key, value),
        };
    }
    Ok(backup)
}

/// `on` of the backup: by hand, with the inputs of the primary, and by one schedule.
fn triggers(on: Option<&Value>, path: &str, schedule: &str) -> Result<Value, String> {
    let empty = Mapping::new();
    match events(on).as_slice() {
        [] if matches!(on, None | Some(Value::Null)) => {
            return Err("it has no `on`, so nothing starts it".to_owned());
        }
        [] => return Err("its `on` names no event".to_owned()),
        [CALL] => {
            let why = "only other workflows start it (`workflow_call`); back up these instead";
            return Err(why.to_owned());
        }
        _ => {}
    }
    let details = on.and_then(Value::as_mapping).unwrap_or(&empty);
    let crons: Vec<&str> =
        (details.get(SCHEDULE).and_then(Value::as_sequence).into_iter().flatten())
            .filter_map(|entry| entry.get("cron")?.as_str())
            .collect();
    let dispatch = details.get(DISPATCH).cloned().unwrap_or(Value::Null);
    let entry = Mapping::from_iter([("cron".into(), cron(schedule, path, &crons).into())]);
    Ok(Value::Mapping(Mapping::from_iter([
        (DISPATCH.into(), dispatch),
        (SCHEDULE.into(), Value::Sequence(vec![Value::Mapping(entry)])),
    ])))
}

/// The events that `on` names.
fn events(on: Option<&Value>) -> Vec<&str> {
    match on {
        Some(Value::String(event)) => vec![event],
        Some(Value::Sequence(events)) => events.iter().filter_map(Value::as_str).collect(),
        Some(Value::Mapping(events)) => events.keys().filter_map(Value::as_str).collect(),
        None | Some(_) => Vec::new(),
    }
}

/// The jobs of the backup: the primary's, each with a concurrency group of its own where it has
/// one.
fn jobs(mut jobs: Value, stem: &str) -> Result<Value, String> {
    let all = jobs.as_mapping_mut().into_iter().flat_map(Mapping::values_mut);
    for job in all.filter_map(Value::as_mapping_mut) {
        if let Some(group) = job.get_mut(CONCURRENCY) {
            *group = concurrency(Some(group), stem)?;
        }
    }
    Ok(jobs)
}

/// `concurrency` of the backup: a group of its own, in which nothing is broken off. In the
/// primary's group, one of them could cancel the other.
fn concurrency(primary: Option<&Value>, stem: &str) -> Result<Value, String> {
    let (mut settings, group) = match primary {
        None | Some(Value::Null) => (Mapping::new(), stem.to_owned()),
        Some(Value::Mapping(settings)) => {
            let group = settings.get(GROUP).and_then(scalar);
            (settings.clone(), group.ok_or("its `concurrency` has no `group`")?)
        }
        Some(group) => (Mapping::new(), scalar(group).ok_or("its `concurrency` is not a group")?),
    };
    settings.insert(GROUP.into(), format!("{group}{SUFFIX}").into());
    settings.insert("cancel-in-progress".into(), false.into());
    Ok(Value::Mapping(settings))
}

/// A scalar as the text that GitHub makes of it.
fn scalar(value: &Value) -> Option<String> {
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
    use proptest::prelude::*;

    /// Scalars that one reader of YAML or another takes for something else.
    fn nasty() -> impl Strategy<Value = Value> {
        let words = prop::sample::select(vec![
            "yes",
            "no",
            "on",
            "off",
            "y",
            "n",
            "null",
            "~",
            "",
            "true",
            "0o14",
            "014",
            "1.10",
            "1e3",
            "12:30",
            "0x1F",
            ".inf",
            ".nan",
            "<<",
            "=",
            "- a",
            "a: b",
            "a #b",
            "#",
            "&a",
            "*a",
            "!a",
            "%a",
            "@a",
            "`a",
            "'",
            "\"",
            "{",
            "[",
            "|",
            ">",
            "?",
            "---",
            "...",
            " a",
            "a ",
            "\n",
            "a\n",
            "\na",
            "  a\nb\n\n",
            "a \nb",
            "a\tb",
            "\ta\n",
            "echo \\\n  b\n",
            "${{ x }}",
            "\r\n",
            "a\r\nb",
            "2001-01-01",
            "+1",
            "-0x1F",
            "0b1",
            "1_000",
            "é",
            "🦀",
            "\u{a0}",
            "\u{0}",
            "\u{7}",
            "\u{feff}",
        ]);
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            words.prop_map(Value::from),
            "[ a:#\\-\n\t'\"|>!&*%{}\\[\\]]{0,12}".prop_map(Value::from),
            ".{0,200}".prop_map(Value::from),
        ]
    }

    fn trees() -> impl Strategy<Value = Value> {
        nasty().prop_recursive(4, 32, 4, |inner| {
            let pair = (nasty(), inner.clone());
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(Value::Sequence),
                prop::collection::vec(pair, 0..4)
                    .prop_map(|pairs| Value::Mapping(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_backup_means_what_was_meant(jobs in trees(), env in trees()) {
            let tree = Mapping::from_iter([
                (NAME.into(), "x".into()),
                (ON.into(), "push".into()),
                ("env".into(), env),
                (JOBS.into(), Value::Mapping(Mapping::from_iter([("a".into(), jobs)]))),
            ]);
            let expected = Value::Mapping(change(tree.clone(), "x.yml", "x", "daily").unwrap());
            let text = serde_yaml::to_string(&tree).unwrap();
            match backup("x.yml", "x", &text, "daily") {
                Ok(text) => {
                    let got: Value = serde_yaml::from_str(&text).unwrap();
                    prop_assert_eq!(got, expected);
                }
                Err(why) => prop_assert!(
                    why.contains("would not come out the same") || why.contains("same meaning")
                        || why.contains("no workflow"),
                    "{}", why
                ),
            }
        }
    }
}
