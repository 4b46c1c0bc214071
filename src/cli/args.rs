//! What the command line takes. `--help` is made from these comments.

use std::path::PathBuf;

use clap::{
    Parser, Subcommand,
    builder::styling::{AnsiColor, Styles},
};

use crate::{
    config::units::{Span, SpanError},
    core::{id::Id, plan::Consent},
};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Gives every automation of a team a stand-in that really takes over.
///
/// redundancy.toml says what must exist. `plan` shows how the world differs from it, `apply`
/// closes the difference, and `watch` goes on doing so.
#[derive(Debug, Parser)]
#[command(version, styles = STYLES, max_term_width = 100)]
pub(super) struct Args {
    /// The config [default: redundancy.toml here or in the nearest folder above that has one]
    #[arg(long, short, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Look at the project in this folder and write a first redundancy.toml
    ///
    /// Looks for ecosystem files of PM2, workflows and functions. Never overwrites a file.
    Init,
    /// Check redundancy.toml alone
    Validate,
    /// Print the JSON Schema of redundancy.toml, by which editors complete and check it
    Schema,
    /// Show what would change, and why
    Plan(PlanOptions),
    /// Plan, ask, and make the changes
    Apply(ApplyOptions),
    /// Look, plan and apply again and again, until told to stop
    ///
    /// Looks when a file changes, when a process ends and at least every `controller.look_every`.
    /// Takes a changed redundancy.toml over when it is sound. SIGTERM or SIGINT ends it after the
    /// change in hand; processes go on running.
    Watch(WatchOptions),
    /// Start the watch again when it is gone or hangs, until told to stop
    ///
    /// To be run beside the watch, as a program of its own. A watch that was ended by `redundancy
    /// stop` is left so. SIGTERM or SIGINT ends the monitor and leaves the watch running.
    Monitor(MonitorOptions),
    /// Begin a watch in the background: the hand of the monitor
    #[command(hide = true)]
    Begin,
    /// End the watch, then the processes that this tool runs itself
    ///
    /// No monitor starts the watch again until somebody runs `redundancy watch`.
    Stop,
    /// Show every resource and how it does
    Status(StatusOptions),
    /// Show what was seen, decided and done
    History(HistoryOptions),
}

/// Which resources, and what is allowed.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Choice {
    /// Only this resource; may be given several times
    #[arg(long, value_name = "ID")]
    pub(super) target: Vec<Id>,
    /// Not this resource; may be given several times
    #[arg(long, value_name = "ID")]
    pub(super) exclude: Vec<Id>,
    /// Make this one ours although it carries no mark of ours; may be given several times
    #[arg(long, value_name = "ID")]
    pub(super) adopt: Vec<Id>,
    /// Overwrite what was edited by hand in this one; may be given several times
    #[arg(long, value_name = "ID")]
    pub(super) overwrite: Vec<Id>,
    /// Allow up to N deletions, where more than a quarter of all or the last one of a provider
    /// would go
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(super) allow_deletions: usize,
}

impl Choice {
    /// Whether it is asked for by its name.
    pub(super) fn names(&self, id: &Id) -> bool {
        [&self.target, &self.adopt, &self.overwrite].into_iter().any(|it| it.contains(id))
    }

    pub(super) fn consent(&self) -> Consent {
        Consent {
            adopt: self.adopt.iter().cloned().collect(),
            overwrite: self.overwrite.iter().cloned().collect(),
            deletions: self.allow_deletions,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct PlanOptions {
    #[command(flatten)]
    pub(super) choice: Choice,
    /// Print the plan as JSON, the form that --out saves
    #[arg(long, conflicts_with = "markdown")]
    pub(super) json: bool,
    /// Print the plan as Markdown, for a pull request
    #[arg(long)]
    pub(super) markdown: bool,
    /// Also save the plan, for `apply FILE`
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Exit with 0 for nothing to do, 2 for changes of the config, 3 for drift only, 4 when
    /// something is left alone and needs a person; 1 is an error as always
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ApplyOptions {
    /// A plan saved by `plan --out`: only what it holds is done, and only where the world has not
    /// moved since
    #[arg(value_name = "FILE", conflicts_with_all = ["target", "exclude", "adopt", "overwrite", "allow_deletions"])]
    pub(super) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(super) choice: Choice,
    /// Do not ask
    #[arg(long, short)]
    pub(super) yes: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct WatchOptions {
    /// Do not begin where a person ended the watch: what the monitor runs
    #[arg(long, hide = true)]
    pub(super) unless_stopped: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct MonitorOptions {
    /// Time between two looks at the watch
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = pause)]
    pub(super) every: Span,
    /// How long the watch may give no sign of life, never less than twice `controller.look_every`
    /// [default: three times that, and a minute]
    #[arg(long, value_name = "TIME", value_parser = pause)]
    pub(super) hung_after: Option<Span>,
    /// Look once: exit with 0 when the watch does well or was started, with 1 otherwise
    #[arg(long)]
    pub(super) once: bool,
}

/// A time that is long enough not to be busy with nothing else.
fn pause(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|error: SpanError| error.to_string())?;
    if span < Span::millis(100) { Err("at least 100ms".to_owned()) } else { Ok(span) }
}

#[derive(Debug, clap::Args)]
pub(super) struct StatusOptions {
    /// Print as JSON
    #[arg(long)]
    pub(super) json: bool,
}

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
