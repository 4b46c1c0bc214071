//! The keys of `redundancy.toml`, their meaning and their defaults. The JSON Schema is made from
//! this file, `process.rs` and `workflow.rs`, and its descriptions are these comments: editors show
//! them, so they are written for whoever edits the file.

use std::{borrow::Cow, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{patterns::Patterns, table, units::Span};
use crate::core::{id::Name, recovery};

pub use super::{
    alerts::{Alerts, Sink, SinkKind},
    failover::{Backoff, Failover, HandBack, Mode, PairFailover},
    function_test::FunctionTest,
    logs::{LogFormat, LogLevel, Logs, ProviderLevels},
    metrics::Metrics,
    netlify::{DeployBy, FunctionProbe, ProbeMethod, Recover, Router},
    pm2::{Pm2, Pm2Process},
    process::{Log, Process, Restart, Runner, State, StopSignal},
    update::Update,
    workflow::{Grouping, Input, OnError, Workflow, WorkflowMode},
};

/// What must exist: the processes, workflows and functions of a project and their backups. Every
/// key has a default but the name of a process and what a workflow or a function backs up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "redundancy.toml")]
pub struct Config {
    /// Who runs the processes that do not say it themselves. Stands before the first table.
    pub runner: Runner,
    /// The loop: where things go and how often to look.
    #[serde(deserialize_with = "table::table")]
    pub controller: Controller,
    /// How duty moves between a primary and its backup. Each backup may override it.
    #[serde(deserialize_with = "table::table")]
    pub failover: Failover,
    /// Where PM2 is.
    #[serde(deserialize_with = "table::table")]
    pub pm2: Pm2,
    /// Where the workflows are.
    #[serde(deserialize_with = "table::table")]
    pub github: Github,
    /// Where the functions are.
    #[serde(deserialize_with = "table::table")]
    pub netlify: Netlify,
    /// Whom to tell what a person should hear of.
    #[serde(deserialize_with = "table::table")]
    pub alerts: Alerts,
    /// Where to tell figures to a monitoring system.
    #[serde(deserialize_with = "table::table")]
    pub metrics: Metrics,
    /// What a watch writes down of what it does, and how much of it is kept.
    #[serde(deserialize_with = "table::table")]
    pub logs: Logs,
    /// Where newer versions of this program are.
    #[serde(deserialize_with = "table::table")]
    pub update: Update,
    /// Processes to keep running, most of them backups.
    #[serde(deserialize_with = "table::list")]
    pub process: Vec<Process>,
    /// Workflows to give a backup.
    #[serde(deserialize_with = "table::list")]
    pub workflow: Vec<Workflow>,
    /// Functions to give a backup.
    #[serde(deserialize_with = "table::list")]
    pub function: Vec<Function>,
}

impl Config {
    /// The same, with each process knowing who runs it.
    pub(super) fn with_runners(mut self) -> Self {
        for process in &mut self.process {
            process.runner.get_or_insert(self.runner);
        }
        self
    }

    /// How long a process may take to stop; by what is usual, where it is none of these.
    #[must_use]
    pub fn stop_of(&self, name: &Name) -> Duration {
        self.process_or_usual(name).stop_timeout.0
    }

    fn process_or_usual(&self, name: &Name) -> Cow<'_, Process> {
        let found = self.process.iter().find(|it| it.name == *name);
        found.map_or_else(|| Cow::Owned(Process::new(name.clone(), Vec::new())), Cow::Borrowed)
    }

    /// When a process is started again; by what is usual, where it is none of these.
    #[must_use]
    pub fn restarts_of(&self, name: &Name) -> recovery::Policy {
        let process = self.process_or_usual(name);
        recovery::Policy {
            restart: match process.restart {
                Restart::Always => recovery::Restart::Always,
                Restart::OnFailure => recovery::Restart::OnFailure,
                Restart::Never => recovery::Restart::Never,
            },
            max_restarts: process.max_restarts,
            min_uptime: process.min_uptime.0,
            backoff: process.backoff.unwrap_or(self.failover.backoff).into(),
        }
    }
}

/// `[controller]`: where things go and how often to look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Controller {
    /// Folder of the logs, the output of embedded processes among them. Inside the project.
    pub log_dir: PathBuf,
    /// Folder of what the tool keeps for itself: journal, locks, records of processes. Inside the
    /// project; keep it out of version control.
    pub state_dir: PathBuf,
    /// Longest time between two looks at everything, at least `1s`; events only make it shorter.
    pub look_every: Span,
    /// How long the journal keeps an entry, of which it keeps the last 500,000.
    pub history_for: Span,
    /// Longest time until the health of the whole system is told in the log again where it stays as it is.
    pub system_check_every: Span,
    /// Time between two reports, which are JSON files in `log_dir`.
    pub report_every: Span,
    /// Share of healthy components, from 0 to 1. Where it has been smaller for a minute, what should
    /// run and is not healthy is applied and started again in order, at most once an hour; 0 for never.
    #[schemars(range(min = 0, max = 1))]
    pub emergency_below: f64,
}

impl Default for Controller {
    fn default() -> Self {
        Self {
            log_dir: "automation/logs".into(),
            state_dir: ".redundancy".into(),
            look_every: Span::secs(5 * 60),
            history_for: Span::secs(400 * 24 * 3600),
            system_check_every: Span::secs(3600),
            report_every: Span::secs(2 * 3600),
            emergency_below: 0.5,
        }
    }
}

/// `[github]`: where the workflows are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Github {
    /// Folder of the workflow files. Inside the project.
    pub workflows_dir: PathBuf,
    /// `owner/name` of the repository on GitHub.
    pub repository: Option<String>,
    /// Name of the environment variable that holds the token. Never the token itself.
    pub token_env: String,
    /// Base address of the API; another one for GitHub Enterprise.
    pub api_url: String,
    /// Time between two questions to GitHub for the runs of workflows, at least `1s`. What has not changed
    /// costs nothing of the limit that GitHub sets.
    pub poll_every: Span,
    /// Where the backups of workflows are written.
    pub write: Writing,
}

/// Where the backups of workflows are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Writing {
    /// Into the checkout. Somebody commits them.
    #[default]
    WorkingTree,
    /// Into one pull request on GitHub, and not into the checkout. The token needs the permissions
    /// Contents, Workflows and Pull requests: write.
    PullRequest,
}

impl Default for Github {
    fn default() -> Self {
        Self {
            workflows_dir: ".github/workflows".into(),
            repository: None,
            token_env: "GITHUB_TOKEN".into(),
            api_url: "https://api.github.com".into(),
            poll_every: Span::secs(60),
            write: Writing::default(),
        }
    }
}

/// `[netlify]`: where the functions are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Netlify {
    /// Folder of the functions, inside the project; what `netlify.toml` says, or
    /// `netlify/functions`, when left out.
    pub functions_dir: Option<PathBuf>,
    /// Id of the site at Netlify, or its name like `app.netlify.app`. Without it nothing of the site is
    /// seen.
    pub site: Option<String>,
    /// Name of the environment variable that holds the token. Never the token itself. Where it is not
    /// set, `NETLIFY_AUTH_TOKEN` and `NETLIFY_TOKEN` are looked at.
    pub token_env: String,
    /// Base address of the API.
    pub api_url: String,
    /// Whether to install esbuild and Netlify's own bundler into a private folder (in
    /// `controller.state_dir`) with npm when they are needed and the project has none.
    pub install_if_missing: bool,
    /// Time between two questions to Netlify for the state of the site, at least `1s`.
    pub poll_every: Span,
    /// What a watch does when functions that have a `probe` fail on the live site.
    pub recover: Recover,
    /// How long functions have to fail, `failover.fall` times in a row at least, before the last good
    /// deploy is published again, or before their routes go to their backups.
    pub restore_after: Span,
    /// How long the published deploy has to have been published before another one is published in
    /// its place, and how long a route stays where it was moved.
    pub cool_down: Span,
    /// How `redundancy deploy` gets what was generated to Netlify.
    pub deploy: DeployBy,
    /// Name of the environment variable that holds the address of the build hook. It is a secret: who
    /// knows it can have the site built.
    pub hook_env: String,
    /// Production deploys within a day, whoever asked for them, from which on `redundancy deploy`
    /// asks for none. Each costs credits, and a site without credits is paused.
    pub deploys_per_day: u32,
    /// How long a deploy may take until it is cancelled.
    pub deploy_timeout: Span,
}

impl Default for Netlify {
    fn default() -> Self {
        Self {
            functions_dir: None,
            site: None,
            token_env: "NETLIFY_AUTH_TOKEN".into(),
            api_url: "https://api.netlify.com/api/v1".into(),
            install_if_missing: false,
            poll_every: Span::secs(60),
            recover: Recover::Alert,
            restore_after: Span::secs(300),
            cool_down: Span::secs(600),
            deploy: DeployBy::Git,
            hook_env: "NETLIFY_BUILD_HOOK".into(),
            deploys_per_day: 1,
            deploy_timeout: Span::secs(20 * 60),
        }
    }
}

/// `[[function]]`: functions to give a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// Names or patterns, like `"send-mail"` or `"*"`. Backups never match.
    pub backs_up: Patterns,
    /// Names or patterns to leave out.
    #[serde(default)]
    pub except: Patterns,
    /// What a backup carries of its primary. When left out: `"zip"` of a function that is a zip file, and
    /// of others `"bundle"` where there is an esbuild, else `"files"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// How those who call them get their backups when they fail.
    #[serde(default)]
    pub router: Router,
    /// The path on the site at which they are called, where `router` is `"redirect"`. `NAME` in it stands
    /// for the function: `/api/NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// How `redundancy test` tries them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<FunctionTest>,
    /// How to tell on the live site whether they and their backups answer. Without it they are never
    /// called.
    #[serde(
        default,
        deserialize_with = "table::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub probe: Option<FunctionProbe>,
}

/// What the backup of a function carries of its primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Snapshot {
    /// One file with all that it imports, packages too, made by the project's esbuild.
    Bundle,
    /// Its file and the local files that it imports; packages stay imports. Needs no other program.
    Files,
    /// The files of the zip file that it is, as they are: for functions that are zip files, and for no
    /// others.
    Zip,
}
