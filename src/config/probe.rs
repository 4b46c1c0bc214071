//! `probe` of a `[[process]]`: how to tell whether it does its work.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::Span;

/// `probe = { ... }` of a `[[process]]`: how to tell whether it does its work while it runs. It
/// asks one thing: `http`, `tcp`, `command` or `file`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["http"] }, { "required": ["tcp"] },
                             { "required": ["command"] }, { "required": ["file", "max_age"] }]))]
pub struct Probe {
    /// An address that begins with `http://` and answers with a status below 400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// A host and port, like `127.0.0.1:5432`, that accepts connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// A program and its arguments that ends with exit code 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// A file, relative to the project, that is written to again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The longest time since the last change of `file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Span>,
    /// Time between two questions.
    #[serde(default = "Probe::default_every")]
    pub every: Span,
    /// How long an answer may take.
    #[serde(default = "Probe::default_timeout")]
    pub timeout: Span,
    /// How long a process has after its start to come up: it is asked meanwhile, more often, and bad
    /// answers count only after that, or after a good one. A `file` is looked at only after that.
    #[serde(default = "Probe::default_start_period")]
    pub start_period: Span,
}

impl Probe {
    fn default_every() -> Span {
        Span::secs(10)
    }

    fn default_timeout() -> Span {
        Span::secs(5)
    }

    fn default_start_period() -> Span {
        Span::secs(10)
    }
}
