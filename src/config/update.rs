//! `[update]`: where newer versions of this program are. The JSON Schema is made from this file too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::Span;

/// `[update]`: where newer versions of this program are. Nobody is asked but by `redundancy self-update`, unless
/// `automatic` is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Update {
    /// `owner/name` of the repository on GitHub whose releases they are.
    pub repository: Option<String>,
    /// Name of the environment variable that holds a token, for releases that not everybody may see. Never
    /// the token itself.
    pub token_env: Option<String>,
    /// Base address of the API; another one for GitHub Enterprise.
    pub api_url: String,
    /// Whether a running watch becomes a newer version by itself, while all is healthy.
    pub automatic: bool,
    /// How often it looks for one. At least a minute.
    pub check_every: Span,
    /// How long a version that was taken so may take until all is healthy under it; else the one before goes on.
    pub trial: Span,
}

impl Default for Update {
    fn default() -> Self {
        Self {
            repository: None,
            token_env: None,
            api_url: "https://api.github.com".into(),
            automatic: false,
            check_every: Span::secs(24 * 3600),
            trial: Span::secs(600),
        }
    }
}
