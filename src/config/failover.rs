//! `[failover]`, and `failover = { ... }` of a backup: how duty moves between a primary and its
//! backup.

use std::{fmt, str::FromStr};

use jiff::{civil::Time, tz::TimeZone};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{probe::Probe, table, units::Span};
use crate::core::{backoff, duty};

/// `[failover]`: how duty moves between a primary and its backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Failover {
    /// Whether a primary and its backup may run at once.
    pub mode: Mode,
    /// Bad answers to a probe in a row until a process counts as unwell, and failures in a row until
    /// its backup takes over; at least 1. What its runner has given up is taken over at once.
    #[schemars(range(min = 1))]
    pub fall: u32,
    /// Good answers in a row until it counts as well again, at least 1.
    #[schemars(range(min = 1))]
    pub rise: u32,
    /// How long a backup keeps duty at least before it goes back; each further failover within a day
    /// doubles it, up to 6 h. Also how long what failed has to be well before that counts as over.
    pub hold: Span,
    /// How long what was started has to run well before it counts as on duty. What has a probe has to
    /// have answered it too.
    pub settle: Span,
    /// Whether duty goes back to the primary: `auto`, `manual` (when `redundancy handback` says so),
    /// `never`, or by itself at a time of the day, like `02:00-05:00 Europe/Berlin`. UTC where no
    /// time zone is named.
    pub hand_back: HandBack,
    /// Failovers of a pair within `window`. When they are spent, duty stays where it is.
    pub max_failovers: u32,
    /// See `max_failovers`.
    pub window: Span,
    /// Whether a primary that is not of this file may be stopped and started, as an exclusive pair
    /// needs it. If not, its backup takes over only when PM2 has given the primary up.
    pub control_primary: bool,
    /// Attempts to start again what was given up, or to restart what does not do its work, before
    /// a person is called. What has been well for `hold` has all of them again.
    pub max_recovery_attempts: u32,
    /// Rest between restarts in a row, and the longest rest between attempts at recovery.
    #[serde(deserialize_with = "table::table")]
    pub backoff: Backoff,
}

impl Default for Failover {
    fn default() -> Self {
        Self {
            mode: Mode::Exclusive,
            fall: 3,
            rise: 3,
            hold: Span::secs(120),
            settle: Span::secs(5),
            hand_back: HandBack::Auto,
            max_failovers: 3,
            window: Span::secs(3600),
            control_primary: false,
            max_recovery_attempts: 3,
            backoff: Backoff::default(),
        }
    }
}

/// `failover = { ... }` of a backup: what is otherwise for this pair. What is left out is as in
/// `[failover]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PairFailover {
    /// Failures in a row until the backup takes over, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub fall: Option<u32>,
    /// How long the backup keeps duty at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Span>,
    /// How long what was started has to run well before it counts as on duty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle: Option<Span>,
    /// Whether duty goes back: `auto`, `manual`, `never`, or a time of the day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hand_back: Option<HandBack>,
    /// Failovers within `window`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_failovers: Option<u32>,
    /// See `max_failovers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
    /// Whether a primary that is not of this file may be stopped and started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_primary: Option<bool>,
    /// How to tell, while the primary is stopped, whether it could do its work. Duty goes back only
    /// after `failover.rise` good answers in a row. `start_period` means nothing here.
    #[serde(deserialize_with = "table::optional", skip_serializing_if = "Option::is_none")]
    pub precheck: Option<Probe>,
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
    /// How many times as long each further rest is, at least 1.
    #[schemars(range(min = 1))]
    pub factor: f64,
    /// The longest rest, at least as long as `initial`.
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

/// Whether duty goes back to the primary by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HandBack {
    /// When the hold is over and nothing speaks against it.
    Auto,
    /// When a person says so.
    Manual,
    /// Not as long as the backup does its work.
    Never,
    /// As `Auto`, within a time of the day.
    Window {
        /// Its begin.
        from: Time,
        /// Its end.
        to: Time,
        /// The name of the time zone.
        zone: String,
    },
}

/// A text that is no [`HandBack`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandBackError {
    /// Neither a word nor a time of the day.
    #[error(
        "`hand_back` is \"auto\", \"manual\", \"never\" or a time of the day, like \"02:00-05:00\" or \
         \"02:00-05:00 Europe/Berlin\""
    )]
    Unknown,
    /// A time zone that this machine does not know.
    #[error(
        "unknown time zone {0:?}; write it as \"Area/City\", like \"Europe/Berlin\", or \"UTC\""
    )]
    Zone(String),
    /// It begins when it ends.
    #[error("a time of the day that begins when it ends is none; for any time: \"auto\"")]
    Empty,
}

impl FromStr for HandBack {
    type Err = HandBackError;

    fn from_str(text: &str) -> Result<Self, HandBackError> {
        match text {
            "auto" => return Ok(Self::Auto),
            "manual" => return Ok(Self::Manual),
            "never" => return Ok(Self::Never),
            _ => {}
        }
        let (times, zone) = text.split_once(' ').unwrap_or((text, "UTC"));
        let (from, to) = times.split_once('-').ok_or(HandBackError::Unknown)?;
        let time = |text: &str| Time::strptime("%H:%M", text).map_err(|_| HandBackError::Unknown);
        let (from, to) = (time(from)?, time(to)?);
        if from == to {
            return Err(HandBackError::Empty);
        }
        if TimeZone::get(zone).is_err() {
            return Err(HandBackError::Zone(zone.to_owned()));
        }
        Ok(Self::Window { from, to, zone: zone.to_owned() })
    }
}

impl fmt::Display for HandBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Manual => f.write_str("manual"),
            Self::Never => f.write_str("never"),
            Self::Window { from, to, zone } => {
                write!(f, "{}-{} {zone}", from.strftime("%H:%M"), to.strftime("%H:%M"))
            }
        }
    }
}

impl TryFrom<String> for HandBack {
    type Error = HandBackError;

    fn try_from(text: String) -> Result<Self, HandBackError> {
        text.parse()
    }
}

impl From<HandBack> for String {
    fn from(it: HandBack) -> Self {
        it.to_string()
    }
}

impl From<HandBack> for duty::HandBack {
    fn from(it: HandBack) -> Self {
        match it {
            HandBack::Auto => Self::Auto,
            HandBack::Manual => Self::Manual,
            HandBack::Never => Self::Never,
            HandBack::Window { from, to, zone } => {
                // It was there when the file was read.
                let zone = TimeZone::get(&zone).unwrap_or(TimeZone::UTC);
                Self::Window { from, to, zone }
            }
        }
    }
}

impl JsonSchema for HandBack {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HandBack".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(auto|manual|never|[0-9]{1,2}:[0-9]{2}-[0-9]{1,2}:[0-9]{2}( [A-Za-z0-9_+/-]+)?)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_back_reads_back_as_it_prints() {
        for text in ["auto", "manual", "never", "02:00-05:00 Europe/Berlin", "22:30-01:00 UTC"] {
            assert_eq!(text.parse::<HandBack>().unwrap().to_string(), text);
        }
        assert_eq!("02:00-05:00".parse::<HandBack>().unwrap().to_string(), "02:00-05:00 UTC");
        for bad in ["", "yes", "2-5", "25:00-26:00", "02:00-02:00", "02:00-03:00 Mars/Crater"] {
            assert!(bad.parse::<HandBack>().is_err(), "{bad:?}");
        }
    }
}
