//! `[update]`: where newer versions of this program are. The JSON Schema is made from this file too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[update]`: where `redundancy self-update` finds newer versions. Nobody is asked but by that verb.
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
}

impl Default for Update {
    fn default() -> Self {
        Self { repository: None, token_env: None, api_url: "https://api.github.com".into() }
    }
}
