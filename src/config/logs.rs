//! `[logs]`: what a watch writes down beside its journal. The JSON Schema is made from this file too.

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    table,
    units::{self, Span},
};

/// The longest line of a log, in bytes. What is longer is cut.
pub const LONGEST_LINE: u64 = 16 * 1024;

/// `[logs]`: the files in `controller.log_dir` that a watch writes what it does into, one for each of PM2,
/// GitHub and Netlify, and `master-redundancy.log` for all else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Logs {
    /// Lines for people, or one JSON object for each.
    pub format: LogFormat,
    /// What is written: this, and what is graver.
    pub level: LogLevel,
    /// The same for what is about one provider, where it differs.
    #[serde(deserialize_with = "table::table")]
    pub levels: ProviderLevels,
    /// Size at which a file is put aside and a new one begun, like `10MiB`; at least `16KiB`.
    #[serde(deserialize_with = "units::size")]
    #[schemars(schema_with = "units::size_schema")]
    pub max_size: ByteSize,
    /// Age at which it is, at least `1s`.
    pub max_age: Span,
    /// How many files put aside are kept of each.
    pub keep: u32,
    /// Bound on all of these files together, at least four times `max_size`. The oldest of those put aside
    /// goes first.
    #[serde(deserialize_with = "units::size")]
    #[schemars(schema_with = "units::size_schema")]
    pub max_total: ByteSize,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            level: LogLevel::default(),
            levels: ProviderLevels::default(),
            max_size: ByteSize::mib(10),
            max_age: Span::secs(24 * 3600),
            keep: 14,
            max_total: ByteSize::mib(200),
        }
    }
}

impl Logs {
    /// What is written of what is about the provider called `name`, or about none.
    #[must_use]
    pub fn level_of(&self, name: Option<&str>) -> LogLevel {
        let levels = &self.levels;
        let own = match name {
            Some("pm2") => levels.pm2,
            Some("github") => levels.github,
            Some("netlify") => levels.netlify,
            Some("embedded") => levels.embedded,
            _ => None,
        };
        own.unwrap_or(self.level)
    }

    /// What is written of any provider.
    #[must_use]
    pub fn widest_level(&self) -> LogLevel {
        let ProviderLevels { pm2, github, netlify, embedded } = self.levels;
        let own = [pm2, github, netlify, embedded].into_iter().flatten();
        own.fold(self.level, LogLevel::max)
    }
}

/// How a line of a log looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object: `time`, `level`, `message`, and where they apply `provider` and `look`.
    Json,
}

/// How much is written, from nothing upwards.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What could not be done.
    Error,
    /// What somebody should look at.
    Warn,
    /// What was seen and done.
    #[default]
    Info,
    /// What helps to find a mistake of this tool.
    Debug,
}

/// `levels` of `[logs]`: how much is written of each provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderLevels {
    /// Of PM2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pm2: Option<LogLevel>,
    /// Of the workflows of GitHub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub github: Option<LogLevel>,
    /// Of the functions of Netlify.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netlify: Option<LogLevel>,
    /// Of the processes that this tool runs itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedded: Option<LogLevel>,
}

/// One of the logs, by what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// What is about none of the others.
    All,
    /// PM2.
    Pm2,
    /// The workflows of GitHub.
    GitHub,
    /// The functions of Netlify.
    Netlify,
}

impl Subject {
    /// All of them.
    pub const EACH: [Self; 4] = [Self::All, Self::Pm2, Self::GitHub, Self::Netlify];

    /// What the provider called `name` belongs to.
    #[must_use]
    pub fn of(name: Option<&str>) -> Self {
        match name {
            Some("pm2") => Self::Pm2,
            Some("github") => Self::GitHub,
            Some("netlify") => Self::Netlify,
            _ => Self::All,
        }
    }

    /// The name of the provider that it is about, where it is one.
    #[must_use]
    pub fn provider(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::Pm2 => Some("pm2"),
            Self::GitHub => Some("github"),
            Self::Netlify => Some("netlify"),
        }
    }

    /// The name of its file, without `.log`.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::All => "master-redundancy",
            Self::Pm2 => "pm2-redundancy",
            Self::GitHub => "github-actions-redundancy",
            Self::Netlify => "netlify-functions-redundancy",
        }
    }
}

/// What a watch in the background says goes into this file, without `.log`.
pub const OF_THE_WATCH: &str = "watch";

/// Whether the output of a process called `name` would go where a log of this tool is.
pub(super) fn is_taken(name: &str) -> bool {
    name == OF_THE_WATCH || Subject::EACH.iter().any(|it| it.file() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_has_the_level_of_all_unless_it_has_its_own() {
        let logs: Logs =
            toml::from_str("level = 'warn'\nlevels = { pm2 = 'debug', github = 'off' }").unwrap();
        let level = |name| logs.level_of(name);
        assert_eq!(level(None), LogLevel::Warn);
        assert_eq!(level(Some("netlify")), LogLevel::Warn);
        assert_eq!(level(Some("pm2")), LogLevel::Debug);
        assert_eq!(level(Some("github")), LogLevel::Off);
        assert_eq!(logs.widest_level(), LogLevel::Debug);
    }

    #[test]
    fn what_is_about_a_provider_finds_its_file_again() {
        for subject in Subject::EACH {
            assert_eq!(Subject::of(subject.provider()), subject);
        }
        assert_eq!(Subject::of(Some("embedded")), Subject::All);
    }
}
