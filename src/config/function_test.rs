//! `test` of a `[[function]]`: how `redundancy test` tries it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::Span;

/// `test = { ... }` of a `[[function]]`: how `redundancy test` tries it. Without `method`, `path`,
/// `headers`, `body` or `status` it is loaded and not called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FunctionTest {
    /// The method that it is called with; `GET` when left out.
    #[schemars(extend("pattern" = "^[A-Z]+$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path that it is called with, and the query; `/` when left out.
    #[schemars(extend("pattern" = "^/"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Headers that it is called with.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What is sent to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The status that it has to answer with; 200 when left out.
    #[schemars(range(min = 200, max = 599))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Variables of its environment, which has none otherwise. Made-up values: never real secrets.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// How long it may take to be loaded, and to answer; 10s when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
}

impl FunctionTest {
    /// Whether the function is called.
    #[must_use]
    pub fn calls(&self) -> bool {
        let Self { method, path, headers, body, status, env: _, timeout: _ } = self;
        let texts = [method, path, body].into_iter().any(Option::is_some);
        texts || status.is_some() || !headers.is_empty()
    }
}
