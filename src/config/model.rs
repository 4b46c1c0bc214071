//! The keys of `redundancy.toml`, their meaning and their defaults. The JSON Schema is made from
//! this file, and its descriptions are these comments.

use std::{collections::BTreeMap, path::PathBuf};

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{patterns::Patterns, units::Span};
use crate::core::{backoff, id::Name};

/// Everything that `redundancy.toml` can say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The loop: where things go and how often to look.
    pub controller: Controller,
    /// How duty moves between a primary and its backup. Each backup may override it.
    pub failover: Failover,
    /// Where PM2 is.
    pub pm2: Pm2,
    /// Where the workflows are.
    pub github: Github,
    /// Where the functions are.
    pub netlify: Netlify,
    /// Processes to keep running, most of them backups.
    pub process: Vec<Process>,
    /// Workflows to give a backup.
    pub workflow: Vec<Workflow>,
    /// Functions to give a backup.
    pub function: Vec<Function>,
}

/// `[controller]`: where things go and how often to look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Controller {
    /// Folder of the logs, the output of embedded processes among them.
    pub log_dir: PathBuf,
    /// Folder of what the tool keeps for itself: journal, locks, records of processes.
    pub state_dir: PathBuf,
    /// Longest time between two looks at everything; events only make it shorter.
    pub look_every: Span,
    /// How long the journal keeps an entry.
    pub history_for: Span,
    /// Time between two checks of the whole system's health.
    pub system_check_every: Span,
    /// Time between two reports.
    pub report_every: Span,
    /// Share of healthy components below which emergency recovery begins, from 0 to 1.
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

/// `[failover]`: how duty moves between a primary and its backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Failover {
    /// Whether a primary and its backup may run at once.
    pub mode: Mode,
    /// Bad observations in a row before the backup takes over.
    pub fall: u32,
    /// Good observations of the primary in a row before duty returns to it.
    pub rise: u32,
    /// Shortest time on the backup before duty returns.
    pub hold: Span,
    /// Recovery attempts an incident before a person is called.
    pub max_recovery_attempts: u32,
    /// Rest between restarts in a row.
    pub backoff: Backoff,
}

impl Default for Failover {
    fn default() -> Self {
        Self {
            mode: Mode::Exclusive,
            fall: 3,
            rise: 3,
            hold: Span::secs(120),
            max_recovery_attempts: 3,
            backoff: Backoff::default(),
        }
    }
}

/// Whether a primary and its backup may run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Never at once: the backup stands by, stopped, until it is on duty.
    Exclusive,
    /// At once, always.
    Parallel,
}

/// How long to rest between restarts in a row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Backoff {
    /// Rest after the second failure in a row; after the first there is none.
    pub initial: Span,
    /// How much longer each further rest is, at least 1.
    pub factor: f64,
    /// The longest rest.
    pub max: Span,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Span::secs(1), factor: 2.0, max: Span::secs(300) }
    }
}

impl From<Backoff> for backoff::Backoff {
    fn from(it: Backoff) -> Self {
        Self { initial: it.initial.0, factor: it.factor, max: it.max.0 }
    }
}

/// `[pm2]`: where PM2 is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pm2 {
    /// PM2's home folder; `$PM2_HOME` or `~/.pm2` when left out.
    pub home: Option<PathBuf>,
    /// Whether to install PM2 into a private folder when it is missing.
    pub install_if_missing: bool,
    /// PM2 namespace of the backups.
    pub namespace: Option<Name>,
}

/// `[github]`: where the workflows are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Github {
    /// Folder of the workflow files.
    pub workflows_dir: PathBuf,
    /// `owner/name` of the repository on GitHub.
    pub repository: Option<String>,
    /// Name of the environment variable that holds the token.
    pub token_env: String,
    /// Base address of the API; another one for GitHub Enterprise.
    pub api_url: String,
}

impl Default for Github {
    fn default() -> Self {
        Self {
            workflows_dir: ".github/workflows".into(),
            repository: None,
            token_env: "GITHUB_TOKEN".into(),
            api_url: "https://api.github.com".into(),
        }
    }
}

/// `[netlify]`: where the functions are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Netlify {
    /// Folder of the functions; what `netlify.toml` says, or `netlify/functions`, when left out.
    pub functions_dir: Option<PathBuf>,
    /// Id of the site.
    pub site: Option<String>,
    /// Name of the environment variable that holds the token.
    pub token_env: String,
    /// Base address of the API.
    pub api_url: String,
}

impl Default for Netlify {
    fn default() -> Self {
        Self {
            functions_dir: None,
            site: None,
            token_env: "NETLIFY_AUTH_TOKEN".into(),
            api_url: "https://api.netlify.com/api/v1".into(),
        }
    }
}

/// `[[process]]`: a process to keep running.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// What it is called.
    pub name: Name,
    /// The automation that it stands in for.
    #[serde(default)]
    pub backs_up: Option<String>,
    /// Who runs it.
    #[serde(default)]
    pub runner: Runner,
    /// The program and its arguments. Never given to a shell.
    pub command: Vec<String>,
    /// Folder that it runs in; the project's when left out.
    #[serde(default)]
    pub cwd: Option<PathBuf>,
    /// Environment variables, on top of those that the tool itself has. Values are never shown.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Whether it may run beside what it backs up; `failover.mode` when left out.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// Whether it should run at all.
    #[serde(default)]
    pub state: State,
    /// When it is started again after it ended. With `cron` it is never restarted between runs.
    #[serde(default)]
    pub restart: Restart,
    /// Restarts in a row before it is given up as failed.
    #[serde(default = "Process::default_max_restarts")]
    pub max_restarts: u32,
    /// A run shorter than this counts as a failure in a row.
    #[serde(default = "Process::default_min_uptime")]
    pub min_uptime: Span,
    /// Rest between restarts in a row; `failover.backoff` when left out.
    #[serde(default)]
    pub backoff: Option<Backoff>,
    /// Five cron fields: when it is started.
    #[serde(default)]
    pub cron: Option<String>,
    /// Time zone of `cron`, like `Europe/Berlin`; UTC when left out.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Signal that asks it to stop.
    #[serde(default)]
    pub stop_signal: StopSignal,
    /// How long it may take to stop before its whole group is killed.
    #[serde(default = "Process::default_stop_timeout")]
    pub stop_timeout: Span,
    /// Its output.
    #[serde(default)]
    pub log: Log,
}

impl Process {
    fn default_max_restarts() -> u32 {
        15
    }

    fn default_min_uptime() -> Span {
        Span::secs(1)
    }

    fn default_stop_timeout() -> Span {
        Span::secs(10)
    }
}

/// Who runs a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Runner {
    /// This tool.
    #[default]
    Embedded,
    /// PM2.
    Pm2,
}

/// Whether a process should run at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It should.
    #[default]
    Running,
    /// It should be there and stopped.
    Stopped,
}

/// When a process is started again after it ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// However it ended.
    #[default]
    Always,
    /// When it ended with an exit code other than 0, or by a signal.
    OnFailure,
    /// Never.
    Never,
}

/// A signal that asks a process to stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StopSignal {
    /// Terminate, the usual one.
    #[default]
    SIGTERM,
    /// Interrupt, as by Ctrl-C.
    SIGINT,
    /// Quit.
    SIGQUIT,
    /// Hang up.
    SIGHUP,
    /// The first one that programs give a meaning of their own.
    SIGUSR1,
    /// The second one.
    SIGUSR2,
}

/// What happens to the output of a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Size at which the file is put aside and a new one begun, like `10MiB`.
    #[schemars(with = "String")]
    pub max_size: ByteSize,
    /// How many files put aside are kept.
    pub keep: u32,
}

impl Default for Log {
    fn default() -> Self {
        Self { max_size: ByteSize::mib(10), keep: 5 }
    }
}

/// `[[workflow]]`: workflows to give a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// File names or patterns, like `"ci.yml"` or `"*.yml"`. Backups never match.
    pub backs_up: Patterns,
    /// File names or patterns to leave out.
    #[serde(default)]
    pub except: Patterns,
    /// When the backup runs by itself: `hourly`, `daily`, `weekly` or five cron fields (UTC).
    #[serde(default = "Workflow::default_schedule")]
    pub schedule: String,
}

impl Workflow {
    fn default_schedule() -> String {
        "daily".to_owned()
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
}
