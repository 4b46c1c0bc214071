//! `[alerts]`: whom to tell what nobody would otherwise notice. The JSON Schema is made from this file
//! too.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{table, units::Span};
use crate::core::{
    alert::{Policy, Severity},
    id::Name,
};

/// `[alerts]`: whom a watch tells what a person should hear of, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Alerts {
    /// Time after which what is still so is told again, at least `1m`.
    pub remind_every: Span,
    /// The most messages within an hour, at least 1. What is more is counted, and how much it was is
    /// told with the next message.
    #[schemars(range(min = 1))]
    pub at_most: u32,
    /// How long something has to be over before that is told. What comes back sooner was never over.
    pub calm: Span,
    /// Name of the environment variable that holds an address which is asked after each completed look,
    /// at most once a minute: whoever is there notices when the watch itself is gone. It is a secret.
    pub heartbeat_env: Option<String>,
    /// Whom to tell.
    #[serde(deserialize_with = "table::list")]
    pub sink: Vec<Sink>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            remind_every: Span::secs(4 * 3600),
            at_most: 30,
            calm: Span::secs(60),
            heartbeat_env: None,
            sink: Vec::new(),
        }
    }
}

impl Alerts {
    /// How often things are told.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy { remind_every: self.remind_every.0, at_most: self.at_most, calm: self.calm.0 }
    }
}

/// `[[alerts.sink]]`: one to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sink {
    /// What it is called in `redundancy alerts test NAME` and in the log; its `kind` when left out. No
    /// two have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// What is told how.
    pub kind: SinkKind,
    /// Name of the environment variable that holds its address, which is a secret. Not of a `command`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_env: Option<String>,
    /// Name of the environment variable that holds the key by which the messages of a `webhook` are
    /// signed. When left out they are not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_env: Option<String>,
    /// The program of a `command` and its arguments, without a shell. It gets the message as JSON on its
    /// standard input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// It is told only what is at least so severe.
    #[serde(default)]
    pub min_severity: Severity,
    /// How long one attempt may take, from `100ms` to `1m`.
    #[serde(default = "Sink::default_timeout")]
    pub timeout: Span,
}

impl Sink {
    fn default_timeout() -> Span {
        Span::secs(10)
    }

    /// What it is called.
    #[must_use]
    pub fn called(&self) -> Cow<'_, str> {
        match &self.name {
            Some(name) => name.to_string().into(),
            None => self.kind.word().into(),
        }
    }
}

/// What a sink is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SinkKind {
    /// It gets each message as JSON by POST.
    Webhook,
    /// An incoming webhook of Slack, or of what understands the same.
    Slack,
    /// The address of an Alertmanager, without `/api/v2/alerts`.
    Alertmanager,
    /// A program on this machine.
    Command,
}

impl SinkKind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Alertmanager => "alertmanager",
            Self::Command => "command",
        }
    }
}
