//! Workflows and their runs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Reply, World, objects, routes::Asked, world::Run};

/// Older runs can't be run again.
const RERUN_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// More often a run is not run again.
const MOST_ATTEMPTS: u32 = 50;

pub(super) fn workflows(world: &mut World, asked: &Asked<'_>) -> Reply {
    let total = world.workflows.len();
    let (page, headers) = asked.page(world, world.workflows.iter().collect());
    let page: Vec<Value> = page.into_iter().map(|it| objects::workflow(world, it)).collect();
    let body = json!({ "total_count": total, "workflows": page });
    Reply { headers, ..Reply::json(200, body) }
}

pub(super) fn runs(world: &mut World, asked: &Asked<'_>) -> Reply {
    let workflow = match asked.path.as_slice() {
        [_, _, id, _] => match find_workflow(world, id) {
            Some(id) => Some(id),
            None => return Reply::error(404, "Not Found"),
        },
        _ => None,
    };
    let since: Option<Timestamp> = match asked.query.get("created") {
        Some(range) => match range.strip_prefix(">=").and_then(|it| it.parse().ok()) {
            Some(since) => Some(since),
            None => return Reply::error(422, "Validation Failed"),
        },
        None => None,
    };
    let is_wanted = |run: &&Run| {
        workflow.is_none_or(|it| it == run.workflow)
            && since.is_none_or(|it| it <= run.created)
            && asked.query.get("branch").is_none_or(|it| *it == run.branch)
            && asked.query.get("event").is_none_or(|it| *it == run.event)
    };
    let mut wanted: Vec<&Run> = world.runs.iter().filter(is_wanted).collect();
    wanted.sort_by_key(|run| std::cmp::Reverse((run.created, run.id)));
    let total = wanted.len();
    let (page, headers) = asked.page(world, wanted);
    let page: Vec<Value> = page.into_iter().map(|run| objects::run(world, run)).collect();
    let body = json!({ "total_count": total, "workflow_runs": page });
    Reply { headers, ..Reply::json(200, body) }
}

pub(super) fn rerun(world: &mut World, asked: &Asked<'_>) -> Reply {
    let Some(run) = find_run(world, asked) else { return Reply::error(404, "Not Found") };
    let now = world.now;
    if run.status != "completed" {
        return Reply::error(403, "This workflow is already running");
    }
    if now.duration_since(run.created) > RERUN_WITHIN {
        let message = "Unable to retry this workflow run because it was created over a month ago";
        return Reply::error(403, message);
    }
    if run.attempt >= MOST_ATTEMPTS {
        return Reply::error(403, "This workflow run has been retried too often");
    }
    let again = world.run(run.id);
    again.attempt += 1;
    "queued".clone_into(&mut again.status);
    again.conclusion = None;
    (again.started, again.updated) = (now, now);
    world.play(run.id);
    Reply::json(201, json!({}))
}

pub(super) fn dispatch(world: &mut World, asked: &Asked<'_>) -> Reply {
    let Some(id) = find_workflow(world, &asked.path[2]) else {
        return Reply::error(404, "Not Found");
    };
    let details = asked.request.body.get("return_run_details");
    if world.enterprise && details.is_some() {
        return Reply::error(400, "\"return_run_details\" is not a permitted key.");
    }
    let Some(branch) = asked.text("ref") else { return Reply::error(422, "ref is missing") };
    if !world.git.branches.contains_key(&branch) {
        return Reply::error(422, &format!("No ref found for: {branch}"));
    }
    let workflow = world.workflow(id);
    if workflow.state != "active" {
        let message = "Cannot trigger a 'workflow_dispatch' on a disabled workflow";
        return Reply::error(422, message);
    }
    let Some(known) = workflow.dispatch.clone() else {
        return Reply::error(422, "Workflow does not have 'workflow_dispatch' trigger");
    };
    let given = asked.request.body.get("inputs").and_then(Value::as_object);
    let inputs: BTreeMap<String, String> = given
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    let names: BTreeSet<&String> = known.iter().map(|it| &it.name).collect();
    if let Some(unknown) = inputs.keys().find(|it| !names.contains(it)) {
        return Reply::error(422, &format!("Unexpected inputs provided: [\"{unknown}\"]"));
    }
    if let Some(missing) = known.iter().find(|it| it.required && !inputs.contains_key(&it.name)) {
        return Reply::error(422, &format!("Required input '{}' not provided", missing.name));
    }
    let now = world.now;
    let run = world.add_run(id, "workflow_dispatch", now);
    let made = world.run(run);
    made.inputs = inputs;
    made.branch = branch;
    world.play(run);
    if details != Some(&json!(true)) {
        return Reply::empty(204);
    }
    let url = format!("{}/repos/team/app/actions/runs/{run}", world.public);
    Reply::json(200, json!({ "workflow_run_id": run, "run_url": url, "html_url": url }))
}

pub(super) fn enable(world: &mut World, asked: &Asked<'_>) -> Reply {
    let Some(id) = find_workflow(world, &asked.path[2]) else {
        return Reply::error(404, "Not Found");
    };
    world.set_state(id, "active");
    Reply::empty(204)
}

/// A workflow by its id or the name of its file.
fn find_workflow(world: &World, name: &str) -> Option<u64> {
    let is_it = |path: &str| path.rsplit('/').next() == Some(name);
    world.workflows.iter().find(|it| it.id.to_string() == name || is_it(&it.path)).map(|it| it.id)
}

fn find_run(world: &World, asked: &Asked<'_>) -> Option<Run> {
    let id: u64 = asked.path.get(2)?.parse().ok()?;
    world.runs.iter().find(|it| it.id == id).cloned()
}
