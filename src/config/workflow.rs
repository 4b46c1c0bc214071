//! The keys of a `[[workflow]]` that have types of their own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a backup does when GitHub does not say how its primary fares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// Its work, so that it gets done in any case.
    #[default]
    Run,
    /// Nothing, for work that must not be done twice.
    Skip,
}
