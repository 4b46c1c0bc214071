//! What has to change in a primary to make it its backup. Decided on what it means; [`super::tree`]
//! carries it out on that, [`super::splice`] on its text.

use std::time::Duration;

use serde_yaml::{Mapping, Value};

use super::{
    Request, concurrency, condition, keys, notes,
    source::{Refusal, Source},
    text,
    triggers::{self, Triggers},
};
use crate::{
    config::model::OnError,
    provider::github::{
        guard::{self, Guard},
        timetable::Timetable,
    },
};

/// All changes.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) name: String,
    pub(super) triggers: Triggers,
    /// What becomes of the workflow's concurrency group; none where it has none and gets its own.
    pub(super) group: Option<concurrency::Change>,
    /// The group where it has none.
    pub(super) own_group: Value,
    pub(super) guard: Option<GuardJob>,
    /// The jobs that change, in order.
    pub(super) jobs: Vec<JobEdit>,
    /// What a reader of the backup should know.
    pub(super) notes: Vec<String>,
}

/// The guard, before it is text.
#[derive(Debug)]
pub(super) struct GuardJob {
    pub(super) id: String,
    primary: String,
    stale_after: Option<Duration>,
    on_error: OnError,
    runs_on: String,
}

/// The changes of one job.
#[derive(Debug)]
pub(super) struct JobEdit {
    pub(super) id: String,
    /// The guard that it waits for, and the expression for its `if`.
    pub(super) guarded: Option<(String, String)>,
    pub(super) group: Option<concurrency::Change>,
}

impl GuardJob {
    /// The guard for the primary of `request`, with an id that none of its jobs has.
    pub(super) fn new(primary: &Mapping, request: &Request<'_>) -> Option<Self> {
        let settings = &request.settings.workflow;
        let taken = |id: &str| primary.get(keys::JOBS).is_some_and(|jobs| jobs.get(id).is_some());
        let mut ids = (2..).map(|n| format!("{}_{n}", guard::JOB));
        let first = Some(guard::JOB.to_owned()).filter(|it| !taken(it));
        let stale_after = settings.stale_after.map(|it| it.0);
        settings.guard.then_some(())?;
        Some(Self {
            id: first.or_else(|| ids.find(|it| !taken(it)))?,
            primary: request.file.to_owned(),
            stale_after: stale_after.or_else(|| Timetable::of_tree(primary).stale_after()),
            on_error: settings.on_error,
            runs_on: runs_on(primary),
        })
    }

    /// Its lines at `indent` spaces.
    pub(super) fn lines(&self, indent: usize) -> String {
        let Self { id, primary, stale_after, on_error, runs_on } = self;
        let (stale_after, on_error) = (*stale_after, *on_error);
        guard::job(id, &Guard { primary, stale_after, on_error, runs_on }, indent)
    }

    /// What waits for it tests this.
    pub(super) fn condition(&self) -> String {
        guard::condition(&self.id)
    }
}

impl Edit {
    /// What makes a copy of the primary its backup.
    pub(super) fn of(source: &Source<'_>, request: &Request<'_>) -> Result<Self, Refusal> {
        let primary = &source.tree;
        let triggers = triggers::triggers(source, request)?;
        let at = |way: &[&str], why: String| Refusal::at(source.line(way), why);
        let group = concurrency::of_workflow(primary, request)
            .map_err(|why| at(&[keys::CONCURRENCY], why))?;
        let guard = GuardJob::new(primary, request);
        let mut jobs = Vec::new();
        for (id, job) in primary.get(keys::JOBS).and_then(Value::as_mapping).into_iter().flatten() {
            let (Some(id), Some(job)) = (id.as_str(), job.as_mapping()) else { continue };
            let group = match job.get(keys::CONCURRENCY).filter(|it| !it.is_null()) {
                Some(value) => concurrency::of_job(value, primary, request)
                    .map_err(|why| at(&[keys::JOBS, id, keys::CONCURRENCY], why))?,
                None => None,
            };
            let guarded = match &guard {
                Some(guard) => guarded(job, guard)
                    .map_err(|(key, why)| at(&[keys::JOBS, id, key], why.to_owned()))?,
                None => None,
            };
            if guarded.is_some() || group.is_some() {
                jobs.push(JobEdit { id: id.to_owned(), guarded, group });
            }
        }
        let mut notes = notes::of(primary, request);
        notes.extend(notes::of_needs(primary, &jobs));
        notes.extend(triggers.notes.iter().cloned());
        let own_group = concurrency::own(request.stem);
        Ok(Self { name: name(primary, request)?, triggers, group, own_group, guard, jobs, notes })
    }
}

/// The name of the backup.
pub(super) fn name(primary: &Mapping, request: &Request<'_>) -> Result<String, Refusal> {
    let name = super::name(primary);
    if primary.get(keys::NAME).is_some_and(|it| it.is_mapping() || it.is_sequence()) {
        return Err("its `name` is no text".into());
    }
    Ok(format!("{} (backup)", name.as_deref().unwrap_or(request.stem)))
}

/// How a job waits for the guard: that is its id, and the job's new `if`; none where the job needs
/// others and is skipped with them. Or the key that is wrong, and why.
fn guarded(
    job: &Mapping,
    guard: &GuardJob,
) -> Result<Option<(String, String)>, (&'static str, &'static str)> {
    let own = condition::expression(job.get(keys::IF)).map_err(|why| (keys::IF, why))?;
    let is_root = match job.get(keys::NEEDS) {
        None | Some(Value::Null) => true,
        Some(Value::String(it)) => it.is_empty(),
        Some(Value::Sequence(it)) => it.is_empty(),
        Some(_) => return Err((keys::NEEDS, "these `needs` are neither a job nor a list of jobs")),
    };
    if !is_root && !own.as_deref().is_some_and(condition::asks_for_status) {
        return Ok(None);
    }
    Ok(Some((guard.id.clone(), condition::joined(&guard.condition(), own.as_deref()))))
}

/// Where the guard runs, as YAML in flow style: where the primary does, if that is never one of
/// GitHub's own runners.
pub(super) fn runs_on(primary: &Mapping) -> String {
    const USUAL: &str = "ubuntu-latest";
    let jobs = primary.get(keys::JOBS).and_then(Value::as_mapping);
    let runners: Vec<&Value> = jobs
        .into_iter()
        .flat_map(|jobs| jobs.values())
        .filter_map(|it| it.get(keys::RUNS_ON))
        .collect();
    if runners.iter().any(|it| is_hosted(it)) {
        return USUAL.to_owned();
    }
    let literal = runners.iter().filter(|it| !depends(it)).find_map(|it| text::flow(it));
    literal.unwrap_or_else(|| USUAL.to_owned())
}

/// Whether GitHub provides the runner.
fn is_hosted(runner: &Value) -> bool {
    const HOSTED: [&str; 3] = ["ubuntu-", "windows-", "macos-"];
    match runner {
        Value::String(it) => HOSTED.iter().any(|name| it.starts_with(name)),
        Value::Sequence(it) => it.iter().any(is_hosted),
        Value::Mapping(it) => it.get("labels").is_some_and(is_hosted),
        _ => false,
    }
}

/// Whether a runner is known only when the job runs, or is none.
fn depends(runner: &Value) -> bool {
    match runner {
        Value::String(it) => it.contains("${{") || it.trim().is_empty(),
        Value::Sequence(it) => it.is_empty() || it.iter().any(depends),
        Value::Mapping(it) => it.is_empty() || it.values().any(depends),
        _ => true,
    }
}
