//! The command line: a file for each verb, and how plans, tables and errors look.

mod alerts;
mod apply;
mod args;
mod choice;
mod deploy;
mod doctor;
mod document;
mod duty;
mod explain;
mod generations;
mod health;
mod history;
mod human;
mod init;
mod live;
mod markdown;
mod monitor;
mod open;
mod output;
mod pair;
mod pause;
mod plan;
mod recover;
mod report;
mod rollback;
mod route;
mod self_update;
mod service;
mod shell;
mod start;
mod status;
mod stop;
mod sync;
mod table;
mod test;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Verb};
use open::Project;

use crate::core::duty::Asked;

/// Runs the verb that the command line names.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Where there is nobody to tell, the exit code says it.
            let _ = error.print();
            // Not clap's own 2, which means something else here.
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let project = || Project::open(args.config.as_deref());
    let project_even_if_broken = || Project::open_even_if_broken(args.config.as_deref());
    let result = match &args.verb {
        Verb::Init => init::run(args.config.as_deref()),
        Verb::Validate => project().and_then(|project| open::validate(&project)),
        Verb::Schema => open::schema(),
        Verb::Plan(options) => project().and_then(|project| plan::run(&project, options)),
        Verb::Apply(options) => project().and_then(|project| apply::run(&project, options)),
        Verb::Watch(options) => watch::run(args.config.as_deref(), options),
        Verb::Monitor(options) => monitor::run(args.config.as_deref(), options),
        Verb::Begin => monitor::begin(args.config.as_deref()),
        Verb::Start => project().and_then(|project| start::run(&project)),
        Verb::Restart => project().and_then(|project| start::again(&project)),
        Verb::Stop(options) => {
            project_even_if_broken().and_then(|project| stop::run(&project, options))
        }
        Verb::Status(options) if options.watch => project().and_then(|project| live::run(&project)),
        Verb::Status(options) => project().and_then(|project| status::run(&project, options)),
        Verb::Health(options) => project().and_then(|project| health::run(&project, options)),
        Verb::Test(options) => project().and_then(|project| test::run(&project, options)),
        Verb::Explain(options) => project().and_then(|project| explain::run(&project, options)),
        Verb::Failover(options) => {
            project().and_then(|project| duty::run(&project, &options.id, Asked::FailOver))
        }
        Verb::Handback(options) => {
            project().and_then(|project| duty::run(&project, &options.id, Asked::HandBack))
        }
        Verb::Resolve(options) => {
            project().and_then(|project| duty::run(&project, &options.id, Asked::AssumeStopped))
        }
        Verb::Pause(options) => project().and_then(|project| pause::run(&project, options)),
        Verb::Resume(options) => {
            project_even_if_broken().and_then(|project| pause::end(&project, options))
        }
        Verb::Recover(options) => project().and_then(|project| recover::run(&project, options)),
        Verb::History(options) => {
            project_even_if_broken().and_then(|project| history::run(&project, options))
        }
        Verb::Report(options) => {
            project_even_if_broken().and_then(|project| report::run(&project, options))
        }
        Verb::Generations(options) => {
            project_even_if_broken().and_then(|project| generations::run(&project, options))
        }
        Verb::Rollback(options) => {
            project_even_if_broken().and_then(|project| rollback::run(&project, options))
        }
        Verb::Alerts(options) => {
            project_even_if_broken().and_then(|project| alerts::run(&project, options))
        }
        Verb::Tell { command } => return crate::controller::alerts::tell(command),
        Verb::Deploy(options) => project().and_then(|project| deploy::run(&project, options)),
        Verb::Doctor(options) => project().and_then(|project| doctor::run(&project, options)),
        Verb::Service(options) => project().and_then(|project| service::run(&project, options)),
        Verb::Completions { shell } => shell::completions(*shell),
        Verb::Man { folder } => shell::man(folder),
        Verb::SelfUpdate(options) => self_update::run(args.config.as_deref(), options),
        Verb::Sync(options) => sync::run(args.config.as_deref(), options),
    };
    result.unwrap_or_else(|error| {
        output::error(&error);
        ExitCode::FAILURE
    })
}
