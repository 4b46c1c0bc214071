//! `[[workflow]]`: workflows of GitHub Actions to give a backup. The JSON Schema is made from this
//! file too.

use std::{collections::BTreeMap, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{patterns::Patterns, units::Span};

/// `[[workflow]]`: workflows to give a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// File names or patterns, like `"ci.yml"` or `"*.yml"`. Backups never match.
    pub backs_up: Patterns,
    /// File names or patterns to leave out.
    #[serde(default)]
    pub except: Patterns,
    /// How the backup does the primary's work.
    #[serde(default)]
    pub mode: WorkflowMode,
    /// When the backup looks by itself whether it is needed: `hourly`, `daily`, `weekly`, `*/6h`, or
    /// five cron fields as GitHub reads them (UTC, weekdays 0 to 6 or SUN to SAT, at most every 5
    /// minutes). A word leaves the time to the tool, which keeps away from the primary's own times.
    #[serde(default = "Workflow::default_schedule")]
    pub schedule: String,
    /// Whether the backup works only when the primary has failed or has not succeeded for
    /// `stale_after`. Without it, the backup works at each time of `schedule`.
    #[serde(default = "Workflow::yes")]
    pub guard: bool,
    /// How old the primary's last success may be until the backup works; at least `5m`. Left out,
    /// it follows from the primary's schedule: twice its longest gap, at least that and 3 h. Without
    /// a schedule it may be as old as it will.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_after: Option<Span>,
    /// What the backup does when it can't find out how the primary is.
    #[serde(default)]
    pub on_error: OnError,
    /// Whether the backup waits for the primary where that has a concurrency group.
    #[serde(default)]
    pub concurrency: Grouping,
    /// Values for the inputs of the primary with `mode = "call"` and `mode = "dispatch"`, and for
    /// those of the backup when a watch starts it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Input>,
    /// Whether a watch recovers the primary, which takes a token: a run that failed is run again
    /// once, then the backup is started, at most `failover.max_recovery_attempts` times in all
    /// until either does the work.
    #[serde(default = "Workflow::yes")]
    pub recover: bool,
    /// Whether the primary is enabled again where a person or GitHub has disabled it.
    #[serde(default)]
    pub enable: bool,
}

impl Workflow {
    fn default_schedule() -> String {
        "daily".to_owned()
    }

    fn yes() -> bool {
        true
    }
}

/// How a backup does the work of its primary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WorkflowMode {
    /// It has the primary's jobs. Works even where the primary's file is broken or switched off.
    #[default]
    Copy,
    /// It calls the primary, which has to have `workflow_call`. Needs the primary's file sound.
    Call,
    /// It starts the primary by its `workflow_dispatch`. Keeps the primary's identity: file name,
    /// run numbers, what follows from its runs. Needs the primary sound and not switched off.
    Dispatch,
}

/// What a backup does when GitHub does not say how the primary is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// It works: better twice than not at all.
    #[default]
    Run,
    /// It does nothing: for work that must not be done twice.
    Skip,
}

/// Which concurrency group a backup is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Grouping {
    /// The primary's, so that they wait for each other, unless the primary breaks off what runs in
    /// its group.
    #[default]
    Auto,
    /// One of its own.
    Separate,
}

/// The value of an input of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Input {
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(it) => write!(f, "{it}"),
            Self::Whole(it) => write!(f, "{it}"),
            Self::Number(it) => write!(f, "{it}"),
            Self::Text(it) => f.write_str(it),
        }
    }
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Input;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, `true` or `false`")
            }

            fn visit_bool<E: de::Error>(self, it: bool) -> Result<Input, E> {
                Ok(Input::Flag(it))
            }

            fn visit_i64<E: de::Error>(self, it: i64) -> Result<Input, E> {
                Ok(Input::Whole(it))
            }

            fn visit_f64<E: de::Error>(self, it: f64) -> Result<Input, E> {
                Ok(Input::Number(it))
            }

            fn visit_str<E: de::Error>(self, it: &str) -> Result<Input, E> {
                Ok(Input::Text(it.to_owned()))
            }
        }

        from.deserialize_any(Visitor)
    }
}

impl JsonSchema for Input {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Input".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "number", "boolean"],
            "description": "The value of an input: a text, a number, `true` or `false`.",
        })
    }
}
