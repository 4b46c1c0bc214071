//! What the command line takes. `--help` is made from these comments.

use std::path::PathBuf;

use clap::{
    Parser, Subcommand,
    builder::styling::{AnsiColor, Styles},
};

use super::{
    alerts::AlertsOptions, apply::ApplyOptions, deploy::DeployOptions, doctor::DoctorOptions,
    generations::GenerationsOptions, history::HistoryOptions, monitor::MonitorOptions,
    plan::PlanOptions, report::ReportOptions, rollback::RollbackOptions,
    self_update::SelfUpdateOptions, service::ServiceOptions, stop::StopOptions, sync::SyncOptions,
    test::TestOptions,
};
use crate::{config::units::Span, core::id::Id};

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
#[command(version = env!("VERSION"), styles = STYLES, max_term_width = 100)]
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
    ///
    /// The exit code is 0 where all of them were made, and 1 where one was not, where a provider could
    /// not be asked, and where something that an option names was left alone.
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
    /// Begin a watch in the background, and wait until it has looked at everything once
    ///
    /// It does not end with the terminal. `redundancy stop` ends it.
    Start,
    /// End the watch, and begin one in the background
    ///
    /// What it runs goes on running.
    Restart,
    /// End the watch, then the processes that this tool runs itself
    ///
    /// No monitor starts the watch again until somebody runs `redundancy start` or `redundancy
    /// watch`.
    Stop(StopOptions),
    /// Show every resource, how it does, and who of each pair is on duty
    Status(StatusOptions),
    /// Show how what the config asks for does, the worst first
    ///
    /// The exit code is 0 where all is well or off on purpose, 2 where something is not, 3 where it
    /// could not be seen, and 1 where this verb itself failed.
    Health(HealthOptions),
    /// Try out functions and their backups where that does no harm
    ///
    /// Each is parsed, bundled by Netlify's own bundler, and loaded in a process of its own with little
    /// time and memory, without network and without your environment. Backups are called by their
    /// probe, primaries as `test` of their `[[function]]` says. What has passed as it is now is not
    /// tried again. The exit code is 0 where all passed, 2 where something failed, 3 where something
    /// could not be tested, and 1 where this verb itself failed.
    Test(TestOptions),
    /// Show how one resource does, who of its pair is on duty and why, and what happens next
    Explain(ExplainOptions),
    /// Give duty of a pair to its backup
    ///
    /// The primary is stopped, that is proven, and the backup is started. Without a watch this
    /// verb does it itself. Duty stays there until `redundancy handback`. Of a function with
    /// `router = "redirect"` the route is moved, which takes effect with the next deploy.
    Failover(PairOptions),
    /// Give duty of a pair back to its primary
    ///
    /// The backup is stopped, that is proven, and the primary is started. Without a watch this verb
    /// does it itself.
    Handback(PairOptions),
    /// Say that what could not be proven stopped is stopped, so that the other one is started
    ///
    /// Only for a pair that is blocked. When what is said is not so, both run at once: look first.
    /// It is written down who said it.
    Resolve(ResolveOptions),
    /// Leave a resource, or everything, as it is for a while
    ///
    /// Nothing of it is started, stopped or changed until the time is over or somebody runs
    /// `redundancy resume`. Of two that never run at once, both are paused.
    Pause(PauseOptions),
    /// End a pause before its time
    Resume(SomeOptions),
    /// Try again now what fails, was given up or rests
    ///
    /// Starts and restarts, and changes nothing else. What was tried in vain is forgotten, so that
    /// a watch tries as often as at first. With `--emergency`, what should run and is not healthy is
    /// also made anew as the config says, one after another: what others stand on, primaries,
    /// backups.
    Recover(RecoverOptions),
    /// Get the backups of functions to Netlify, in the way that `deploy` of `[netlify]` says
    ///
    /// By git, the default, it only says what to commit and to push. Otherwise the site is built, as
    /// often a day as `deploys_per_day` allows (once, where it says nothing), and followed until it is
    /// published: never while it is locked or another deploy goes on.
    Deploy(DeployOptions),
    /// Show what was seen, decided and done
    History(HistoryOptions),
    /// Report how everything did: how long it worked, what failed, who took over and how fast
    ///
    /// From what the watch wrote down. What nobody saw is unknown, and never counts as healthy. A watch also
    /// writes reports of the last day into `log_dir`, every `controller.report_every` and when it ends.
    Report(ReportOptions),
    /// List the generations: each apply, and each change that the watch made, with what it replaced
    Generations(GenerationsOptions),
    /// Go back to an earlier generation: show the plan, ask, and make the changes
    ///
    /// redundancy.toml gets the text that it had then, and backups that were made anew since then get theirs,
    /// until their primary or the config changes again. Primaries stay as they are. A rollback is a
    /// generation too, so one can go forward again; an edit of redundancy.toml that was not applied
    /// becomes one first.
    Rollback(RollbackOptions),
    /// Show the alerts that are open, or send a test to the sinks of `[alerts]`
    Alerts(AlertsOptions),
    /// Run the command of a sink, and end it when whoever reads the output is gone: the hand of the alerts
    #[command(hide = true)]
    Tell {
        /// The program and its arguments
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Check what this machine has, and say what does not work without the rest
    ///
    /// Changes nothing. The exit code is 0 where nothing is missing, 2 where something is, and 1 where
    /// this verb itself failed.
    Doctor(DoctorOptions),
    /// Print a unit by which systemd runs the watch, or install it
    ///
    /// With it the watch begins with the machine, is begun again when it dies or hangs, and leaves its
    /// processes running meanwhile.
    Service(ServiceOptions),
    /// Print the script by which a shell completes the command line
    ///
    /// For bash: `redundancy completions bash > ~/.local/share/bash-completion/completions/redundancy`.
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Write the pages of the manual into a folder
    Man {
        /// The folder, like `~/.local/share/man/man1`
        folder: PathBuf,
    },
    /// Put the newest release of this program in its place
    ///
    /// From the releases of `repository` of `[update]`, and only where their checksum is right and the new
    /// program runs. The one before is kept beside it, and `--rollback` puts it back. Nothing runs the new one
    /// before it is started again: `--restart` does that to the watch.
    SelfUpdate(SelfUpdateOptions),
    /// Keep this git checkout in step with its remote, losing nothing
    ///
    /// Needs no redundancy.toml. Fetches, and where the checkout is not at the remote's commit,
    /// brings it there. What that would remove (commits that the remote has not, uncommitted
    /// changes, untracked files) is kept first under refs/redundancy/kept: `redundancy sync --list`
    /// shows it with the commands that bring it back, `git stash apply REF` and `git branch rescued
    /// REF`. Ignored files are never removed, unless an incoming file takes their place; then they
    /// are kept too. A checkout in the middle of a rebase, a merge or the like, on another branch
    /// or on none, is left alone.
    Sync(SyncOptions),
}

#[derive(Debug, clap::Args)]
pub(super) struct WatchOptions {
    /// Do not begin where a person ended the watch: what the monitor runs
    #[arg(long, hide = true)]
    pub(super) unless_stopped: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct PairOptions {
    /// Either one of the pair
    #[arg(value_name = "ID")]
    pub(super) id: Id,
}

#[derive(Debug, clap::Args)]
pub(super) struct ResolveOptions {
    /// Either one of the pair
    #[arg(value_name = "ID")]
    pub(super) id: Id,
    /// You know that the one that could not be proven stopped is stopped
    #[arg(long, required = true)]
    assume_stopped: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct PauseOptions {
    /// Only this resource, and with it the other one of its pair [default: everything]
    #[arg(value_name = "ID")]
    pub(super) id: Option<Id>,
    /// How long, like 30m or 2h; then the pause ends by itself
    #[arg(long = "for", value_name = "TIME", value_parser = some_time)]
    pub(super) length: Span,
    /// Why, for whoever finds it so
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(super) reason: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct SomeOptions {
    /// Only this resource [default: everything]
    #[arg(value_name = "ID")]
    pub(super) id: Option<Id>,
}

#[derive(Debug, clap::Args)]
pub(super) struct RecoverOptions {
    /// Only this resource [default: everything]
    #[arg(value_name = "ID")]
    pub(super) id: Option<Id>,
    /// What the watch does by itself when too few components are healthy
    #[arg(long, conflicts_with = "id")]
    pub(super) emergency: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExplainOptions {
    /// The resource
    #[arg(value_name = "ID")]
    pub(super) id: Id,
    /// Print as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct StatusOptions {
    /// Print as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Show it on the whole screen, and go on with what changes; `q` ends it
    #[arg(long, conflicts_with = "json")]
    pub(super) watch: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct HealthOptions {
    /// A provider, like github, or one resource, like github/ci.yml [default: all]
    #[arg(value_name = "PROVIDER | ID")]
    pub(super) of: Option<String>,
    /// Print as JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn some_time(text: &str) -> Result<Span, String> {
    match text.parse::<Span>() {
        Ok(span) if span.0.is_zero() => Err("it must be longer than nothing".to_owned()),
        other => other.map_err(|error| error.to_string()),
    }
}
