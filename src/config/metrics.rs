//! `[metrics]`: figures for a monitoring system. The JSON Schema is made from this file too.

use std::{num::NonZeroU16, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[metrics]`: where a running watch tells its figures to Prometheus and what else reads `OpenMetrics`.
/// When left out it tells them nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// The port of `http://127.0.0.1:PORT/metrics`. Only this machine reaches it.
    pub port: Option<NonZeroU16>,
    /// A socket of this machine in its place, relative to the project, for its owner alone, like
    /// `.redundancy/metrics.sock`.
    pub socket: Option<PathBuf>,
}
