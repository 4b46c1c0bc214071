//! `[[process]]`: the keys of one process, their meaning and their defaults.

use std::{collections::BTreeMap, path::PathBuf};

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    failover::{Backoff, Failover, Mode, PairFailover},
    pm2::Pm2Process,
    probe::Probe,
    table,
    units::{self, Span},
};
use crate::core::id::Name;

/// `[[process]]`: a process to keep running. It says what to run either by `command`, or by
/// `script` with `args` and `interpreter`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["command"] }, { "required": ["script"] }]))]
#[schemars(extend("dependencies" = { "args": ["script"], "interpreter": ["script"],
                                     "timezone": ["cron"] }))]
pub struct Process {
    /// What it is called. Not `all` and not only digits: PM2 means something else by these.
    pub name: Name,
    /// The automation that it stands in for: the name of another process, of this file or of PM2.
    /// `pm2/NAME` or `embedded/NAME` says whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backs_up: Option<String>,
    /// Who runs it; `runner` at the top of the file when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<Runner>,
    /// The program and its arguments, one by one. Never given to a shell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// Instead of `command`: the file to run, relative to `cwd`. A name without `/` that no
    /// interpreter is known for is looked up in `PATH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// Arguments of `script`, one by one. Never given to a shell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Program that runs `script`. When left out: `node` for `.js`, `.cjs` and `.mjs`, `python3`
    /// for `.py`, `bash` for `.sh`; any other script is run itself, as it is with `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// Folder that it runs in; the project's when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// Environment variables, on top of those that the tool itself has; under PM2, on top of
    /// `PATH`, `HOME`, `USER`, `LOGNAME`, `SHELL`, `LANG`, `LC_ALL`, `TZ` and `TMPDIR`. Values are
    /// never shown. No secrets: put them into a file of `env_files`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Files with lines like `NAME=value`, relative to the project. A later one wins over an
    /// earlier one, and `env` over all of them. `$NAME` in a value stands for a variable of the file
    /// or of this tool; `NAME='value'` is taken as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_files: Vec<PathBuf>,
    /// Whether it may run beside what it backs up; `failover.mode` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Whether it should run at all. `running` also starts again what a person stopped under PM2;
    /// when left out, such a stop is respected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// When it is started again after it ended. With `cron` it is never restarted between runs.
    #[serde(default)]
    pub restart: Restart,
    /// Restarts in a row before it is given up as failed.
    #[serde(default = "Process::default_max_restarts")]
    pub max_restarts: u32,
    /// A run shorter than this counts as a failure in a row.
    #[serde(default = "Process::default_min_uptime")]
    pub min_uptime: Span,
    /// Rest between restarts in a row; `failover.backoff` when left out. PM2 rests before the first
    /// restart too, for `initial`, `100ms` when left out; each further rest is half as long again,
    /// up to 15 s.
    #[serde(
        default,
        deserialize_with = "table::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub backoff: Option<Backoff>,
    /// Five cron fields (minute, hour, day, month, weekday): when it is started. PM2 reads them in
    /// the time zone of its daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// Time zone of `cron`, like `Europe/Berlin`; UTC when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Signal that asks it to stop. PM2 has one of its own, `SIGINT`.
    #[serde(default)]
    pub stop_signal: StopSignal,
    /// How long it may take to stop before its whole group is killed.
    #[serde(default = "Process::default_stop_timeout")]
    pub stop_timeout: Span,
    /// Its output, where this tool runs it.
    #[serde(default, deserialize_with = "table::table")]
    pub log: Log,
    /// How duty moves between this backup and its primary, where that is not as in `[failover]`.
    #[serde(
        default,
        deserialize_with = "table::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub failover: Option<PairFailover>,
    /// How to tell whether it does its work while it runs. After `failover.fall` bad answers in a
    /// row its exclusive backup takes over; what has none is restarted.
    #[serde(
        default,
        deserialize_with = "table::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub probe: Option<Probe>,
    /// What only PM2 has.
    #[serde(default, deserialize_with = "table::table")]
    pub pm2: Pm2Process,
}

impl Process {
    /// The value of `interpreter` that means: the script is run itself. PM2's word.
    pub const NO_INTERPRETER: &'static str = "none";

    /// A process of which nothing more is said than what it is called and what it runs.
    #[must_use]
    pub fn new(name: Name, command: Vec<String>) -> Self {
        Self {
            name,
            backs_up: None,
            runner: None,
            command,
            script: None,
            args: Vec::new(),
            interpreter: None,
            cwd: None,
            env: BTreeMap::new(),
            env_files: Vec::new(),
            mode: None,
            state: None,
            restart: Restart::default(),
            max_restarts: Self::default_max_restarts(),
            min_uptime: Self::default_min_uptime(),
            backoff: None,
            cron: None,
            timezone: None,
            stop_signal: StopSignal::default(),
            stop_timeout: Self::default_stop_timeout(),
            log: Log::default(),
            failover: None,
            probe: None,
            pm2: Pm2Process::default(),
        }
    }

    /// Who runs it.
    #[must_use]
    pub fn runner(&self) -> Runner {
        self.runner.unwrap_or_default()
    }

    /// Whether it should run now: it may be switched off, or stand by until it is on duty.
    #[must_use]
    pub fn runs(&self, failover: &Failover) -> bool {
        let mode = self.mode.unwrap_or(failover.mode);
        let stands_by = self.backs_up.is_some() && mode == Mode::Exclusive;
        self.state != Some(State::Stopped) && !stands_by
    }

    fn default_max_restarts() -> u32 {
        15
    }

    fn default_min_uptime() -> Span {
        Span::secs(1)
    }

    fn default_stop_timeout() -> Span {
        Span::secs(10)
    }

    /// The program that runs `script`, if one does.
    #[must_use]
    pub fn interpreter(&self) -> Option<&str> {
        match self.interpreter.as_deref() {
            Some(Self::NO_INTERPRETER) => None,
            Some(named) => Some(named),
            None => usual_interpreter(self.script.as_ref()?),
        }
    }

    /// The program and its arguments: `command`, or what `script`, `args` and `interpreter` come
    /// to. Never empty for a config that was loaded.
    #[must_use]
    pub fn argv(&self) -> Vec<String> {
        let Some(script) = &self.script else { return self.command.clone() };
        let program = self.interpreter().map(str::to_owned);
        program.into_iter().chain([script.clone()]).chain(self.args.iter().cloned()).collect()
    }

    /// Whether a script of this name has an interpreter without one being named.
    pub(super) fn has_usual_interpreter(script: &str) -> bool {
        usual_interpreter(script).is_some()
    }
}

fn usual_interpreter(script: &str) -> Option<&'static str> {
    match script.rsplit_once('.')?.1 {
        "js" | "cjs" | "mjs" => Some("node"),
        "py" => Some("python3"),
        "sh" => Some("bash"),
        _ => None,
    }
}

/// Who runs a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Runner {
    /// PM2.
    #[default]
    Pm2,
    /// This tool.
    Embedded,
}

impl Runner {
    /// The first half of the ids of what it runs.
    #[must_use]
    pub fn provider(self) -> &'static str {
        match self {
            Self::Pm2 => "pm2",
            Self::Embedded => "embedded",
        }
    }
}

/// Whether a process should run at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It should.
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
    #[serde(deserialize_with = "units::size")]
    #[schemars(schema_with = "units::size_schema")]
    pub max_size: ByteSize,
    /// How many files put aside are kept.
    pub keep: u32,
}

impl Default for Log {
    fn default() -> Self {
        Self { max_size: ByteSize::mib(10), keep: 5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(text: &str) -> Vec<String> {
        toml::from_str::<Process>(&format!("name = 'a'\n{text}")).unwrap().argv()
    }

    #[test]
    fn a_script_runs_by_its_extension() {
        assert_eq!(
            argv("script = 'a/job.cjs'\nargs = ['-x', 'a b']"),
            ["node", "a/job.cjs", "-x", "a b"]
        );
        assert_eq!(argv("script = 'job.py'"), ["python3", "job.py"]);
        assert_eq!(argv("script = './job.sh'"), ["bash", "./job.sh"]);
        assert_eq!(argv("script = 'npm'\nargs = ['start']"), ["npm", "start"]);
        assert_eq!(argv("script = 'a.js/run'"), ["a.js/run"]);
    }

    #[test]
    fn a_new_process_is_what_the_shortest_table_says() {
        let read: Process = toml::from_str("name = 'a'\ncommand = ['b']").unwrap();
        assert_eq!(Process::new("a".parse().unwrap(), vec!["b".to_owned()]), read);
    }

    #[test]
    fn an_interpreter_that_is_named_wins() {
        assert_eq!(argv("script = 'job.js'\ninterpreter = 'bun'"), ["bun", "job.js"]);
        assert_eq!(argv("script = './job.sh'\ninterpreter = 'none'"), ["./job.sh"]);
        assert_eq!(argv("command = ['sleep', '1']"), ["sleep", "1"]);
    }
}
