//! The guard: the first job of a backup, which decides whether the others have anything to do.
//!
//! It asks GitHub once for the latest runs of the primary and needs nothing else, so that a backup
//! stands in also while no `redundancy` runs anywhere. `guard.sh` is what it does. The backup's own
//! runs mean nothing to it: as long as the primary is broken, the backup works at each of its times,
//! as the primary would.
//!
//! Source of the format: GitHub's "Workflow syntax" and "List workflow runs for a workflow".

use std::{fmt::Write as _, time::Duration};

use crate::config::{model::OnError, units::Span};

/// What the job is called where no job of the primary is called so.
pub(super) const JOB: &str = "redundancy_guard";

const SCRIPT: &str = include_str!("guard.sh");

/// What a guard goes by.
#[derive(Debug)]
pub(super) struct Guard<'a> {
    /// The file name of the primary, like `ci.yml`.
    pub(super) primary: &'a str,
    /// How old the primary's last success may be, and how long a run of it may take. None: as old
    /// as it will, because nothing plans its runs.
    pub(super) stale_after: Option<Duration>,
    /// What to do when GitHub can't be asked.
    pub(super) on_error: OnError,
    /// Where the guard runs, as YAML in one line: `ubuntu-latest` or `[self-hosted, x]`.
    pub(super) runs_on: &'a str,
}

/// The lines of the job `id`: its key after `indent` spaces, everything below deeper. Ends with a
/// line end.
pub(super) fn job(id: &str, guard: &Guard<'_>, indent: usize) -> String {
    let Guard { primary, stale_after, on_error, runs_on } = guard;
    let primary = in_address(primary);
    let stale_after = match stale_after {
        Some(it) => format!("\"{}\" # seconds: {}", it.as_secs(), Span(*it)),
        None => "\"null\" # never: nothing plans its runs".to_owned(),
    };
    let run_on_error = match on_error {
        OnError::Run => true,
        OnError::Skip => false,
    };
    // A primary may have `defaults` for its steps, so the guard says for itself where it runs, and by what.
    let head = format!(
        r#"{id}:
  runs-on: {runs_on}
  timeout-minutes: 5
  permissions:
    actions: read
  outputs:
    run: ${{{{ steps.primary.outputs.run }}}}
    reason: ${{{{ steps.primary.outputs.reason }}}}
  steps:
    - id: primary
      name: Does the primary need its backup?
      env:
        TOKEN: ${{{{ github.token }}}}
        PRIMARY: "{primary}"
        STALE_AFTER: {stale_after}
        ON_ERROR: "{run_on_error}" # whether to run when GitHub can't be asked
      shell: bash
      working-directory: .
      run: |
"#
    );
    let script = SCRIPT.lines().map(|line| (8, line));
    let mut text = String::new();
    for (deeper, line) in head.lines().map(|line| (0, line)).chain(script) {
        let depth = if line.is_empty() { 0 } else { indent + deeper };
        // Writing into a text can't fail.
        let _ = writeln!(text, "{:depth$}{line}", "");
    }
    text
}

/// What a job that waits for the guard `id` tests.
pub(super) fn condition(id: &str) -> String {
    format!("needs.{id}.outputs.run == 'true'")
}

/// A file name as it stands in an address. What is left needs no care in YAML, in an expression or
/// in a shell.
fn in_address(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(primary: &str) -> Guard<'_> {
        let stale_after = Some(Duration::from_hours(48));
        Guard { primary, stale_after, on_error: OnError::Skip, runs_on: "[self-hosted, x]" }
    }

    #[test]
    fn a_job_is_yaml_at_any_depth_and_holds_the_script_as_it_is() {
        for indent in [1, 2, 4, 7] {
            let text = format!("jobs:\n{}", job("x", &guard("ci.yml"), indent));
            let tree: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
            let job = &tree["jobs"]["x"];
            assert_eq!(job["runs-on"][1], "x");
            assert_eq!(job["permissions"]["actions"], "read");
            let step = &job["steps"][0];
            assert_eq!(step["run"].as_str(), Some(SCRIPT));
            assert_eq!(step["env"]["STALE_AFTER"], "172800");
            assert_eq!(step["env"]["ON_ERROR"], "false");
            assert!(text.ends_with("\"\n"), "{text}");
        }
    }

    #[test]
    fn no_name_of_a_file_can_say_anything() {
        let name = "a b\"'`$(x)${{ github.token }}\n é%.yml";
        let text = job("x", &guard(name), 2);
        let primary =
            "\"a%20b%22%27%60%24%28x%29%24%7B%7B%20github.token%20%7D%7D%0A%20%C3%A9%25.yml\"";
        assert!(text.contains(&format!("PRIMARY: {primary}\n")), "{text}");
    }

    /// GitHub replaces expressions before a shell reads a script.
    #[test]
    fn the_script_holds_no_expression_and_no_line_that_yaml_reads_otherwise() {
        assert!(!SCRIPT.contains("${{"));
        assert!(!SCRIPT.contains(['\t', '\r']));
        assert!(SCRIPT.ends_with('\n') && !SCRIPT.ends_with("\n\n"));
    }
}
