//! `report`: how everything did, from what the watch wrote down.

mod html;
mod markdown;
mod words;

use std::process::ExitCode;

use anyhow::bail;
use clap::ValueEnum;
use jiff::Timestamp;

use super::{args::some_time, open::Project, output};
use crate::{
    config::units::Span,
    controller::reports::Job,
    core::{id::Name, resource::Desired},
};

#[derive(Debug, clap::Args)]
pub(super) struct ReportOptions {
    /// Only what this provider has, like pm2 or github [default: all]
    #[arg(value_name = "PROVIDER")]
    provider: Option<Name>,
    /// How long ago it begins, like 24h or 90m; it ends now, or with the last look of the watch that runs
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = some_time)]
    since: Span,
    /// In which form
    #[arg(long, value_name = "FORM", value_enum, default_value = "md")]
    format: Format,
}

/// The forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For programs; what the watch writes into its files
    Json,
    /// Markdown
    Md,
    /// One page with plots for a browser, which needs nothing else
    Html,
}

pub(super) fn run(project: &Project, options: &ReportOptions) -> anyhow::Result<ExitCode> {
    let controller = project.controller();
    if let Some(name) = &options.provider {
        let kinds = controller.kinds();
        if !kinds.contains_key(name) {
            let all: Vec<&str> = kinds.keys().map(|it| it.as_str()).collect();
            bail!("there is no provider {name}; there are {}", all.join(", "));
        }
    }
    let job = Job::of(&controller, &Desired::default());
    let report = job.report(options.provider.as_slice(), options.since.0, Timestamp::now())?;
    let text = match options.format {
        Format::Json => serde_json::to_string_pretty(&report)? + "\n",
        Format::Md => markdown::report(&report),
        Format::Html => html::report(&report),
    };
    output::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
