//! `test`: whether what works only when it is called would work, and in the exit code.

use std::{fmt::Write as _, process::ExitCode};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    open::{Project, block_on},
    output::{self, visible},
    status::ago,
    table::table,
    watch::log_to_onlooker,
};
use crate::core::{
    id::Id,
    trial::{Outcome, Trial},
};

#[derive(Debug, clap::Args)]
pub(super) struct TestOptions {
    /// Only these [default: all that the config names, and all backups]
    #[arg(value_name = "ID")]
    pub(super) ids: Vec<Id>,
    /// Try also what has passed and has not changed since
    #[arg(long)]
    pub(super) again: bool,
    /// Print as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// The version of the JSON form.
const VERSION: u32 = 1;

/// The outcomes, the worst first, with the exit code that each comes to.
const ORDER: [(Outcome, u8); 3] =
    [(Outcome::Failed, 2), (Outcome::NotTested, 3), (Outcome::Passed, 0)];

/// What `test --json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    /// The version of the form.
    version: u32,
    /// When it was tested.
    at: Timestamp,
    results: Vec<Row<'a>>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    id: &'a Id,
    result: Outcome,
    why: &'a str,
    /// When it was tried, which may be earlier; none where it was not.
    tested_at: Option<Timestamp>,
}

pub(super) fn run(project: &Project, options: &TestOptions) -> anyhow::Result<ExitCode> {
    log_to_onlooker();
    let now = Timestamp::now();
    let mut trials = block_on(project.controller().test(&options.ids, options.again, now))??;
    let rank = |outcome| ORDER.iter().position(|(it, _)| *it == outcome);
    trials.sort_by_key(|(_, trial)| rank(trial.outcome));
    if options.json {
        let results = trials.iter().map(|(id, trial)| Row {
            id,
            result: trial.outcome,
            why: &trial.why,
            tested_at: trial.at,
        });
        let results = results.collect();
        let report = Report { version: VERSION, at: now, results };
        output::print(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    } else {
        output::print(&human(&trials, now))?;
    }
    let is_there = |outcome| trials.iter().any(|(_, trial)| trial.outcome == outcome);
    let code = ORDER.iter().find(|(outcome, _)| is_there(*outcome)).map_or(0, |(_, code)| *code);
    Ok(ExitCode::from(code))
}

fn human(trials: &[(Id, Trial)], now: Timestamp) -> String {
    if trials.is_empty() {
        return "there is nothing to test: the config names no functions\n".to_owned();
    }
    let cells = |(id, trial): &(Id, Trial)| {
        let at = match trial.at {
            None => "-".to_owned(),
            Some(at) if at == now => "now".to_owned(),
            Some(at) => ago(at, now),
        };
        vec![id.to_string(), trial.outcome.words().to_owned(), at, visible(&trial.why)]
    };
    let rows: Vec<Vec<String>> = trials.iter().map(cells).collect();
    let mut text = table(&["RESOURCE", "RESULT", "TESTED", "WHY"], &rows);
    let counts = ORDER.iter().filter_map(|(outcome, _)| {
        let count = trials.iter().filter(|(_, trial)| trial.outcome == *outcome).count();
        (count > 0).then(|| format!("{count} {}", outcome.words()))
    });
    let _ = writeln!(text, "\n{}", counts.collect::<Vec<_>>().join(", "));
    text
}
