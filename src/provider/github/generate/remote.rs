//! Backups that have no jobs of the primary but start it: `mode = "call"` and `mode = "dispatch"`.

use serde_yaml::{Mapping, Value};

use super::{
    Request, concurrency, condition,
    edit::{GuardJob, name, runs_on},
    keys, notes,
    source::{Refusal, Source},
    text, triggers,
};
use crate::config::model::{Input, WorkflowMode};

/// The text of a backup that starts its primary by `event`.
pub(super) fn backup(
    source: &Source<'_>,
    request: &Request<'_>,
    mode: WorkflowMode,
) -> Result<String, Refusal> {
    let primary = &source.tree;
    let event = if mode == WorkflowMode::Call { keys::CALL } else { keys::DISPATCH };
    let inputs = inputs(source, request, event)?;
    let triggers = triggers::triggers(source, request)?.without_inputs();
    let guard = GuardJob::new(primary, request);
    let mut head = Mapping::from_iter([(keys::NAME.into(), name(primary, request)?.into())]);
    head.insert(keys::ON.into(), triggers.tree());
    // The caller's group, not the primary's: that waits for itself where the caller has it too.
    head.insert(keys::CONCURRENCY.into(), concurrency::own(request.stem));
    let mut lines: String = notes(source, request, mode).iter().map(|it| super::note(it)).collect();
    lines.push_str(&write(&head)?);
    lines.push_str("jobs:\n");
    let mut wait = String::new();
    if let Some(guard) = &guard {
        lines.push_str(&guard.lines(2));
        let condition = condition::joined(&guard.condition(), None);
        wait = format!("    needs: {}\n    if: >-\n      {condition}\n", guard.id);
    }
    let job = match mode {
        WorkflowMode::Call => call(primary, request, &inputs, &wait)?,
        WorkflowMode::Copy | WorkflowMode::Dispatch => dispatch(primary, request, &inputs, &wait),
    };
    Ok(lines + &job)
}

fn write(map: &Mapping) -> Result<String, Refusal> {
    serde_yaml::to_string(map)
        .map_err(|error| format!("it can't be written as YAML: {error}").into())
}

/// What a reader should know.
fn notes(source: &Source<'_>, request: &Request<'_>, mode: WorkflowMode) -> Vec<String> {
    match mode {
        // The run is the primary's own.
        WorkflowMode::Dispatch => Vec::new(),
        WorkflowMode::Call | WorkflowMode::Copy => notes::of(&source.tree, request),
    }
}

/// The inputs that the primary gets, or why it can't be started.
fn inputs<'r>(
    source: &Source<'_>,
    request: &'r Request<'_>,
    event: &str,
) -> Result<Vec<(&'r str, &'r Input)>, Refusal> {
    let on = source.tree.get(keys::ON);
    let line = source.line(&[keys::ON]);
    let mode = if event == keys::CALL { "call" } else { "dispatch" };
    if !triggers::has(on, event) {
        let why =
            format!("`mode = \"{mode}\"` needs `{event}` here, which this primary does not have");
        return Err(Refusal::at(line, why));
    }
    let known = on.and_then(|on| on.get(event)?.get(keys::INPUTS)?.as_mapping());
    let given = &request.settings.workflow.inputs;
    for (input, about) in known.into_iter().flatten() {
        let Some(input) = input.as_str() else { continue };
        if triggers::is_needed(about) && !given.contains_key(input) {
            let line = source.line(&[keys::ON, event, keys::INPUTS, input]).or(line);
            let why = format!(
                "the input `{input}` is required; give it a value in redundancy.toml: `inputs = {{ \
                 {input} = \"…\" }}`"
            );
            return Err(Refusal::at(line, why));
        }
    }
    triggers::unknown(given, known, event).map_err(|why| Refusal::at(line, why))?;
    Ok(given.iter().map(|(name, value)| (name.as_str(), value)).collect())
}

/// The job that calls the primary.
fn call(
    primary: &Mapping,
    request: &Request<'_>,
    inputs: &[(&str, &Input)],
    wait: &str,
) -> Result<String, Refusal> {
    let mut lines = format!("  primary:\n{wait}");
    if let Some(permissions) = permissions(primary) {
        let block = text::block(keys::PERMISSIONS, &permissions, 4);
        lines.push_str(&block.ok_or("its permissions can't be written")?);
    }
    lines.extend(["    uses: ./", request.path, "\n"]);
    for (index, (name, value)) in inputs.iter().enumerate() {
        let value = match value {
            Input::Text(text) => text::scalar(text),
            other => other.to_string(),
        };
        let with = if index == 0 { "    with:\n" } else { "" };
        lines.extend([with, "      ", name, ": ", &value, "\n"]);
    }
    lines.push_str("    secrets: inherit\n");
    Ok(lines)
}

/// What the jobs of the primary may do, all of them together: a called workflow can't have more
/// than its caller. None where it leaves that to the repository.
fn permissions(primary: &Mapping) -> Option<Value> {
    let top = primary.get(keys::PERMISSIONS);
    let jobs = primary.get(keys::JOBS).and_then(Value::as_mapping);
    let all: Vec<&Value> = jobs
        .into_iter()
        .flat_map(Mapping::values)
        .filter_map(|it| it.get(keys::PERMISSIONS))
        .collect();
    if top.is_none() && all.is_empty() {
        return None;
    }
    let mut union = Mapping::new();
    if top.is_none() {
        // What a job that says nothing of it has at least.
        union.extend(
            [("contents", "read"), ("packages", "read")].map(|(a, b)| (a.into(), b.into())),
        );
    }
    let (mut reads_all, mut writes) = (false, false);
    for permissions in top.into_iter().chain(all) {
        match permissions {
            Value::String(it) if it == "write-all" => return Some(permissions.clone()),
            Value::String(it) if it == "read-all" => reads_all = true,
            Value::Mapping(map) => {
                for (scope, level) in map {
                    writes |= level == "write";
                    raise(&mut union, scope, level);
                }
            }
            _ => {}
        }
    }
    if reads_all && !writes {
        return Some("read-all".into());
    }
    if reads_all {
        for scope in READ_ALL {
            raise(&mut union, &scope.into(), &"read".into());
        }
    }
    Some(Value::Mapping(union))
}

/// What `read-all` stands for, where it can't be written beside a `write`.
const READ_ALL: [&str; 12] = [
    "actions",
    "attestations",
    "checks",
    "contents",
    "deployments",
    "discussions",
    "issues",
    "packages",
    "pages",
    "pull-requests",
    "security-events",
    "statuses",
];

/// Allows `level` in `scope`, where less is allowed yet.
fn raise(permissions: &mut Mapping, scope: &Value, level: &Value) {
    let rank = |level: Option<&Value>| match level.and_then(Value::as_str) {
        Some("write") => 3,
        Some("read") => 2,
        Some(_) => 1,
        None => 0,
    };
    if rank(Some(level)) > rank(permissions.get(scope)) {
        permissions.insert(scope.clone(), level.clone());
    }
}

/// The job that starts the primary through GitHub's API. It tries once: where the answer is lost,
/// the primary may have been started, and a second start is worse than waiting for the next time.
fn dispatch(
    primary: &Mapping,
    request: &Request<'_>,
    inputs: &[(&str, &Input)],
    wait: &str,
) -> String {
    let inputs: serde_json::Map<String, serde_json::Value> =
        inputs.iter().map(|(name, value)| ((*name).to_owned(), value.to_string().into())).collect();
    // JSON that is a single-quoted scalar of YAML.
    let inputs = serde_json::Value::Object(inputs).to_string().replace('\'', "''");
    let (file, runner) = (request.file, runs_on(primary));
    format!(
        r#"  dispatch:
{wait}    runs-on: {runner}
    timeout-minutes: 5
    permissions:
      actions: write
    steps:
      - name: Start {file}
        shell: bash
        env:
          TOKEN: ${{{{ github.token }}}}
          REF: ${{{{ github.ref_name }}}}
          INPUTS: '{inputs}'
        run: |
          body=$(jq -cn --arg ref "$REF" --argjson inputs "$INPUTS" '{{ref: $ref, inputs: $inputs}}')
          answer=$(curl -sS --connect-timeout 10 -m 60 -w '\n%{{http_code}}' -d @- <<<"$body" \
            -H @<(echo "Authorization: Bearer $TOKEN") -H 'Content-Type: application/json' \
            -H 'Accept: application/vnd.github+json' -H 'X-GitHub-Api-Version: 2022-11-28' \
            "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/actions/workflows/{file}/dispatches")
          echo "$answer"
          [[ ${{answer##*$'\n'}} == 2?? ]]
"#
    )
}
