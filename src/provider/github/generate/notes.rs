//! What a reader of a backup should know: lines above it, so that they are in the plan and in a
//! pull request.

use std::collections::BTreeSet;

use serde_yaml::{Mapping, Value};

use super::{Request, condition::lookups, edit::JobEdit, keys};

/// What changes its meaning in a copy of `primary`.
pub(super) fn of(primary: &Mapping, request: &Request<'_>) -> Vec<String> {
    let file = request.file;
    let mut seen = Seen::default();
    seen.table(primary);
    let note = |it: &Trait| match it {
        Trait::IdToken => format!(
            "`id-token: write`: who trusts {file} by name (OIDC, trusted publishing) does not trust \
             this file"
        ),
        Trait::Environment => {
            "`environment`: where it asks for an approval, this waits for it too".to_owned()
        }
        Trait::RunNumber => "the run number: this file counts its own runs, from 1".to_owned(),
        Trait::Name => format!("the workflow's own name is read; here it is not that of {file}"),
        Trait::Schedule => format!("`github.event.schedule` is not one of {file} here"),
        Trait::Payload(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|it| format!("`github.event.{it}`")).collect();
            let are = if fields.len() == 1 { "is" } else { "are" };
            let fields = fields.join(", ");
            format!("{fields} {are} empty where the schedule or a person starts this")
        }
    };
    let payload = Some(Trait::Payload(seen.payload)).filter(|it| *it != Trait::Payload(Vec::new()));
    seen.traits.extend(payload);
    let mut notes: Vec<String> = seen.traits.iter().map(note).collect();
    let identity = [Trait::IdToken, Trait::RunNumber, Trait::Name];
    if identity.iter().any(|it| seen.traits.contains(it)) {
        let has_dispatch = super::triggers::has(primary.get(keys::ON), keys::DISPATCH);
        let what = if has_dispatch { "" } else { ", which needs `workflow_dispatch` there" };
        notes.push(format!("`mode = \"dispatch\"` would start {file} itself{what}"));
    }
    notes
}

/// Of the jobs that now need the guard too, those that look at all that they need.
pub(super) fn of_needs(primary: &Mapping, jobs: &[JobEdit]) -> Vec<String> {
    let mut notes = Vec::new();
    for change in jobs {
        let Some((guard, _)) = &change.guarded else { continue };
        let Some(job) = primary.get(keys::JOBS).and_then(|it| it.get(&change.id)) else { continue };
        let mut found = Vec::new();
        leaves(job, &mut |key, text| found.extend(lookups(text, key == keys::IF)));
        if found.iter().any(|it| it == "needs" || it.starts_with("needs.*")) {
            let id = &change.id;
            notes.push(format!("in the job `{id}`, `needs` has `{guard}` in it too"));
        }
    }
    notes
}

/// What makes a workflow another one in another file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trait {
    IdToken,
    Environment,
    RunNumber,
    Name,
    Schedule,
    /// It looks at these of the event that starts it.
    Payload(Vec<String>),
}

/// What was seen in a workflow.
#[derive(Default)]
struct Seen {
    traits: BTreeSet<Trait>,
    payload: Vec<String>,
}

impl Seen {
    fn see(&mut self, what: Trait, is_there: bool) {
        if is_there {
            self.traits.insert(what);
        }
    }

    fn table(&mut self, primary: &Mapping) {
        self.permissions(primary.get(keys::PERMISSIONS));
        let jobs = primary.get(keys::JOBS).and_then(Value::as_mapping);
        for job in jobs.into_iter().flat_map(Mapping::values) {
            self.permissions(job.get(keys::PERMISSIONS));
            self.see(Trait::Environment, job.get(keys::ENVIRONMENT).is_some());
        }
        for (key, value) in primary {
            if key.as_str() != Some(keys::ON) && key.as_str() != Some(keys::CONCURRENCY) {
                leaves(value, &mut |key, text| self.text(key, text));
            }
        }
    }

    fn permissions(&mut self, permissions: Option<&Value>) {
        let is_there = match permissions {
            Some(Value::String(it)) => it == "write-all",
            Some(it) => it.get("id-token").and_then(Value::as_str) == Some("write"),
            None => false,
        };
        self.see(Trait::IdToken, is_there);
    }

    fn text(&mut self, key: &str, text: &str) {
        // Of an event, these are there whatever it is.
        const ALWAYS: [&str; 5] = ["inputs", "repository", "organization", "sender", "enterprise"];
        self.see(Trait::RunNumber, text.contains("GITHUB_RUN_NUMBER"));
        self.see(Trait::Name, text.contains("GITHUB_WORKFLOW"));
        for lookup in lookups(text, key == keys::IF) {
            let Some(rest) = lookup.strip_prefix("github.") else { continue };
            self.see(Trait::RunNumber, rest == "run_number");
            self.see(Trait::Name, matches!(rest, "workflow" | "workflow_ref"));
            let field = rest.strip_prefix("event.").and_then(|it| it.split('.').next());
            match field {
                None => {}
                Some("schedule") => self.see(Trait::Schedule, true),
                Some(field) if ALWAYS.contains(&field) => {}
                Some(field) if self.payload.iter().any(|it| it == field) => {}
                Some(field) => self.payload.push(field.to_owned()),
            }
        }
    }
}

/// Each text in a value, with the nearest key above it. Groups have rules of their own and are left
/// out.
fn leaves(value: &Value, see: &mut impl FnMut(&str, &str)) {
    fn walk(key: &str, value: &Value, see: &mut impl FnMut(&str, &str)) {
        match value {
            Value::String(text) => see(key, text),
            Value::Sequence(list) => list.iter().for_each(|it| walk(key, it, see)),
            Value::Mapping(map) => {
                map.iter()
                    .filter(|(key, _)| key.as_str() != Some(keys::CONCURRENCY))
                    .for_each(|(key, value)| walk(key.as_str().unwrap_or_default(), value, see));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Tagged(_) => {}
        }
    }
    walk("", value, see);
}
