//! `doctor`: what this machine has, and what does not work without the rest.

use std::{fmt::Write as _, process::ExitCode};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    open::{Project, block_on, shown},
    output::{self, visible},
    table::table,
};
use crate::core::checkup::{Finding, Verdict};

/// The version of the JSON form.
const VERSION: u32 = 1;

#[derive(Debug, clap::Args)]
pub(super) struct DoctorOptions {
    /// Print it as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What `doctor --json` prints.
#[derive(Debug, Serialize)]
struct Report {
    /// The version of the form.
    version: u32,
    /// When it was found.
    at: Timestamp,
    findings: Vec<Finding>,
}

pub(super) fn run(project: &Project, options: &DoctorOptions) -> anyhow::Result<ExitCode> {
    let at = Timestamp::now();
    let mut findings = vec![Finding::fine("config", format!("{} is sound", shown(&project.path)))];
    findings.extend(block_on(project.controller().checkup(at))?);
    let lacks = findings.iter().any(|it| it.verdict == Verdict::Lacking);
    if options.json {
        let report = Report { version: VERSION, at, findings };
        output::print(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    } else {
        output::print(&human(&findings))?;
    }
    Ok(ExitCode::from(if lacks { 2 } else { 0 }))
}

fn human(findings: &[Finding]) -> String {
    let cells = |it: &Finding| vec![it.what.clone(), it.verdict.to_string(), visible(&it.said)];
    let rows: Vec<Vec<String>> = findings.iter().map(cells).collect();
    let mut text = table(&["CHECKED", "VERDICT", "FOUND"], &rows);
    let counts =
        [Verdict::Lacking, Verdict::Poor, Verdict::Fine].into_iter().filter_map(|verdict| {
            let count = findings.iter().filter(|it| it.verdict == verdict).count();
            (count > 0).then(|| format!("{count} {verdict}"))
        });
    let _ = writeln!(text, "\n{}", counts.collect::<Vec<_>>().join(", "));
    text
}
