//! What the config says to PM2: `[pm2]`, and the `pm2` table of a process.

use std::path::PathBuf;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{self, Span};
use crate::core::id::Name;

/// The name among the processes of PM2 that means its daemon.
pub const DAEMON: &str = "daemon";

/// `[pm2]`: where PM2 is, and what may be done about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pm2 {
    /// PM2's home folder, one for each daemon, relative to the project; `$PM2_HOME` or `~/.pm2`
    /// when left out.
    pub home: Option<PathBuf>,
    /// Whether to install PM2 into a private folder (in `controller.state_dir`) when there is none
    /// in `PATH`. Needs npm.
    pub install_if_missing: bool,
    /// Whether this tool runs the processes itself, as with `runner = "embedded"`, as long as PM2
    /// can't be had.
    pub fall_back_to_embedded: bool,
    /// Whether, when PM2's daemon is started again, the processes of its last `pm2 save` are
    /// started too. What still runs of them without a daemon is ended first.
    pub resurrect: bool,
    /// PM2 namespace of the processes.
    pub namespace: Option<Name>,
}

impl Default for Pm2 {
    fn default() -> Self {
        Self {
            home: None,
            install_if_missing: false,
            fall_back_to_embedded: false,
            resurrect: true,
            namespace: None,
        }
    }
}

/// `pm2 = { ... }` of a `[[process]]`: what only PM2 has, in PM2's words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pm2Process {
    /// How many instances of it run.
    #[schemars(range(min = 1))]
    pub instances: u32,
    /// Whether the instances share their ports, as Node.js clusters do. Needs a `script` of
    /// Node.js.
    pub cluster: bool,
    /// Arguments of the interpreter, before the script.
    pub interpreter_args: Vec<String>,
    /// PM2 namespace; `pm2.namespace` when left out.
    pub namespace: Option<Name>,
    /// Memory at which it is restarted, like `300MiB`.
    #[serde(deserialize_with = "optional_size")]
    #[schemars(schema_with = "units::size_schema")]
    pub max_memory_restart: Option<ByteSize>,
    /// Exit codes after which it is not started again.
    pub stop_exit_codes: Vec<u8>,
    /// Whether it counts as started only when it says so, by `process.send("ready")`.
    pub wait_ready: bool,
    /// How long to wait for that.
    pub listen_timeout: Option<Span>,
    /// File of its output, relative to the project; in PM2's folder of logs when left out.
    pub out_file: Option<PathBuf>,
    /// File of its errors, relative to the project; in PM2's folder of logs when left out.
    pub error_file: Option<PathBuf>,
    /// Puts the time before each line of its output, in this form, like `YYYY-MM-DD HH:mm:ss`.
    pub log_date_format: Option<String>,
}

impl Default for Pm2Process {
    fn default() -> Self {
        Self {
            instances: 1,
            cluster: false,
            interpreter_args: Vec::new(),
            namespace: None,
            max_memory_restart: None,
            stop_exit_codes: Vec::new(),
            wait_ready: false,
            listen_timeout: None,
            out_file: None,
            error_file: None,
            log_date_format: None,
        }
    }
}

fn optional_size<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<ByteSize>, D::Error> {
    units::size(from).map(Some)
}
