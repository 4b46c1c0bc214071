//! The job of a backup that finds out whether the backup is needed.

use std::time::Duration;

use crate::config::model::OnError;

/// What the job is called where nothing else is.
pub(super) const JOB: &str = "redundancy_guard";

/// What a guard has to know.
#[derive(Debug)]
pub(super) struct Guard<'a> {
    /// File name of the primary: `ci.yml`.
    pub(super) primary: &'a str,
    /// How old its last success may be.
    pub(super) stale_after: Duration,
    /// What to do when that can't be found out.
    pub(super) on_error: OnError,
    /// Where it runs, as YAML in flow style: `ubuntu-latest`, `[self-hosted, x]`.
    pub(super) runs_on: &'a str,
}

/// The lines of the job `id`: its key at `indent` spaces, all else deeper; ends with a line end.
pub(super) fn job(id: &str, guard: &Guard<'_>, indent: usize) -> String {
    let seconds = guard.stale_after.as_secs();
    let on_error = match guard.on_error {
        OnError::Run => "true",
        OnError::Skip => "false",
    };
    let lines = [
        format!("{id}:"),
        "  # Whether this backup is needed.".to_owned(),
        format!("  runs-on: {}", guard.runs_on),
        "  timeout-minutes: 5".to_owned(),
        "  permissions:".to_owned(),
        "    actions: read".to_owned(),
        "  outputs:".to_owned(),
        "    run: ${{ steps.look.outputs.run }}".to_owned(),
        "  steps:".to_owned(),
        "    - id: look".to_owned(),
        "      shell: bash".to_owned(),
        "      env:".to_owned(),
        format!("        PRIMARY: {}", guard.primary),
        format!("        STALE_AFTER: \"{seconds}\""),
        format!("        ON_ERROR: \"{on_error}\""),
        "      run: |".to_owned(),
        "        echo \"run=$ON_ERROR\" >> \"$GITHUB_OUTPUT\"".to_owned(),
    ];
    let pad = " ".repeat(indent);
    lines.iter().flat_map(|line| [&pad, line.as_str(), "\n"]).collect()
}

/// What a job tests that waits for the guard `id`.
pub(super) fn condition(id: &str) -> String {
    format!("needs.{id}.outputs.run == 'true'")
}
