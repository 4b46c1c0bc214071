//! `alerts`: what is open, and whether alerts arrive.

use std::{fmt::Write as _, process::ExitCode};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    open::{Project, block_on},
    output::{self, visible},
    status::ago,
    table::table,
    watch::log_to_onlooker,
};
use crate::{
    controller::alerts,
    core::alert::{Book, Kind, Loss, Open, Severity},
    journal::Journal,
};

/// The version of the JSON form.
const VERSION: u32 = 1;

/// The exit code where a sink could not be told.
const NOT_TOLD: u8 = 2;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct AlertsOptions {
    #[command(subcommand)]
    pub(super) verb: Option<AlertsVerb>,
    /// Print as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum AlertsVerb {
    /// Send a test alert to each sink, and say what came of it
    ///
    /// The exit code is 0 where all were told, 2 where one was not, and 1 where this verb itself
    /// failed.
    Test {
        /// Only to this one, by its name
        #[arg(value_name = "SINK")]
        sink: Option<String>,
    },
}

/// What `alerts --json` prints.
#[derive(Debug, Serialize)]
struct Report {
    /// The version of the form.
    version: u32,
    /// When it was asked.
    at: Timestamp,
    /// Whether a watch runs. Without one this is what the last one left.
    watched: bool,
    /// The worst first.
    open: Vec<Row>,
    /// How many messages were not sent because there were too many, since that was last told.
    unsent: u32,
    lost: Vec<LostRow>,
}

#[derive(Debug, Serialize)]
struct Row {
    key: String,
    kind: Kind,
    /// The resource or the provider that it is about.
    about: Option<String>,
    severity: Severity,
    text: String,
    since: Timestamp,
    /// When somebody was told last, where anybody was.
    told_at: Option<Timestamp>,
}

/// What a sink was not told.
#[derive(Debug, Serialize)]
pub(super) struct LostRow {
    pub(super) sink: String,
    #[serde(flatten)]
    pub(super) loss: Loss,
}

pub(super) fn run(project: &Project, options: &AlertsOptions) -> anyhow::Result<ExitCode> {
    match &options.verb {
        None => list(project, options.json),
        Some(AlertsVerb::Test { sink }) => test(project, sink.as_deref()),
    }
}

/// What the watch has told.
pub(super) fn book_of(journal: &Journal) -> anyhow::Result<Book> {
    alerts::recalled(journal.recall(alerts::BOOK)?.as_deref()).context(
        "what a watch has told can't be read, so it is not known which alerts are open; the next \
         watch begins it anew",
    )
}

/// What sinks were not told.
pub(super) fn lost(book: &Book) -> Vec<LostRow> {
    let row = |(sink, loss): (&String, &Loss)| LostRow { sink: sink.clone(), loss: loss.clone() };
    book.lost().iter().map(row).collect()
}

/// The same, in words.
pub(super) fn lost_in_words(lost: &[LostRow], now: Timestamp) -> String {
    let line = |LostRow { sink, loss: Loss { messages, at, why } }: &LostRow| {
        let times = if *messages == 1 { "once".to_owned() } else { format!("{messages} times") };
        let (last, why) = (ago(*at, now), visible(why));
        format!("alerts: {sink} could not be told {times}, last {last}: {why}\n")
    };
    lost.iter().map(line).collect()
}

fn list(project: &Project, json: bool) -> anyhow::Result<ExitCode> {
    let file = Journal::file(&project.loaded.project.state_dir());
    let book = match Journal::open_to_read(&file)? {
        Some(journal) => book_of(&journal)?,
        None => Book::default(),
    };
    let now = Timestamp::now();
    let row = |it: &Open| Row {
        key: it.alert.key.to_string(),
        kind: it.alert.key.kind,
        about: Some(it.alert.key.about.clone()).filter(|it| !it.is_empty()),
        severity: it.alert.severity,
        text: it.alert.text.clone(),
        since: it.alert.since,
        told_at: it.told_at.filter(|_| it.told),
    };
    let open = book.open(now).into_iter().map(row).collect();
    let (watched, unsent) = (project.controller().is_watched(), book.unsent());
    let report = Report { version: VERSION, at: now, watched, open, unsent, lost: lost(&book) };
    let text = if json { serde_json::to_string_pretty(&report)? + "\n" } else { human(&report) };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn human(report: &Report) -> String {
    let cells = |row: &Row| {
        vec![
            row.severity.to_string(),
            row.kind.word().to_owned(),
            row.about.as_deref().map_or_else(|| "-".to_owned(), visible),
            ago(row.since, report.at),
            visible(&row.text),
        ]
    };
    let rows: Vec<Vec<String>> = report.open.iter().map(cells).collect();
    let mut text = if rows.is_empty() {
        "no alert is open\n".to_owned()
    } else {
        table(&["SEVERITY", "ALERT", "ABOUT", "SINCE", "WHAT"], &rows)
    };
    if report.unsent > 0 {
        let _ = writeln!(text, "{} more were not sent: too many within an hour", report.unsent);
    }
    text.push_str(&lost_in_words(&report.lost, report.at));
    if !report.watched {
        text.push_str(
            "nobody watches, so no alert is opened or closed; `redundancy start` begins a watch\n",
        );
    }
    text
}

fn test(project: &Project, only: Option<&str>) -> anyhow::Result<ExitCode> {
    log_to_onlooker();
    let project = &project.loaded.project;
    let sinks = &project.config.alerts.sink;
    if sinks.is_empty() {
        bail!("nobody would be told anything: the config has no `[[alerts.sink]]`");
    }
    let told = block_on(alerts::test(project, only, Timestamp::now()))?;
    if told.is_empty() {
        let names: Vec<_> = sinks.iter().map(|it| it.called()).collect();
        let only = only.unwrap_or_default();
        bail!("there is no sink called {only}; there is {}", names.join(", "));
    }
    let mut text = String::new();
    for (sink, done) in &told {
        let _ = match done {
            Ok(()) => writeln!(text, "{sink}: told"),
            Err(why) => writeln!(text, "{sink}: not told: {}", visible(why)),
        };
    }
    output::print(&text)?;
    let all = told.iter().all(|(_, done)| done.is_ok());
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::from(NOT_TOLD) })
}
