//! `history`: what was seen, decided and done.

use std::{fmt::Write, process::ExitCode};

use serde::Serialize;

use super::{
    open::Project,
    output::{self, DIM, visible},
};
use crate::{
    core::id::Id,
    journal::{Event, Journal},
};

#[derive(Debug, clap::Args)]
pub(super) struct HistoryOptions {
    /// Only of this resource
    #[arg(value_name = "ID")]
    pub(super) id: Option<Id>,
    /// How many entries, the latest
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
    /// Print as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// The version of the JSON form.
const VERSION: u32 = 1;

/// What `history --json` prints.
#[derive(Debug, Serialize)]
struct History {
    /// The version of the form.
    version: u32,
    /// The oldest first.
    events: Vec<Event>,
}

pub(super) fn run(project: &Project, options: &HistoryOptions) -> anyhow::Result<ExitCode> {
    let state_dir = project.loaded.project.state_dir();
    let events = match Journal::open_to_read(&Journal::file(&state_dir))? {
        Some(journal) => journal.history(options.id.as_ref(), options.limit)?,
        None => Vec::new(),
    };
    let text = if options.json {
        serde_json::to_string_pretty(&History { version: VERSION, events })? + "\n"
    } else if events.is_empty() {
        match &options.id {
            Some(id) => {
                format!("nothing is written of {id}; `redundancy status` lists what there is\n")
            }
            None => "nothing has happened yet\n".to_owned(),
        }
    } else {
        human(&events)
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn human(events: &[Event]) -> String {
    let width = events.iter().filter_map(|it| it.id.as_ref()).map(String::len).max().unwrap_or(0);
    let mut text = String::new();
    for Event { at, kind, id, text: what, .. } in events {
        let id = id.as_deref().unwrap_or("");
        let _ = writeln!(text, "{DIM}{at}{DIM:#}  {kind:10}  {id:width$}  {}", visible(what));
    }
    text
}
