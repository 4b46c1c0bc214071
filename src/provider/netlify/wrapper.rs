//! The code around a snapshot, which answers honestly where that fails.

use super::function::{Function, Style};
use crate::core::digest::Digest;

/// Stands for the digest of what the backup is made from, until that is known.
const SNAPSHOT: &str = "__SNAPSHOT__";

/// The wrapper of the function called `name`.
pub(super) fn text(name: &str, function: &Function) -> String {
    let template = match function.style {
        Style::V1 => include_str!("v1.cjs"),
        Style::V2 => include_str!("v2.mjs"),
    };
    // A checked name, which needs no escaping in a JavaScript string.
    let mut text = format!("{template}\n{}", include_str!("failure.js"))
        .replace("__NAME__", name)
        .replace("__RETHROWS__", if function.rethrows { "true" } else { "false" })
        .replace("__LIMIT__", &function.limit.to_string());
    if !function.config.is_empty() {
        // Netlify's bundler reads it without running it. JSON is JavaScript.
        let config = serde_json::Value::Object(function.config.clone());
        text = format!("{text}\nexport const config = {config:#}\n");
    }
    text
}

/// Whether the function in a wrapper of ours works by a schedule or in the background; none where `text`
/// is no wrapper.
pub(super) fn rethrows(text: &str) -> Option<bool> {
    let mut said = text.lines().filter_map(|it| it.strip_prefix("const RETHROWS = "));
    Some(said.next()? == "true")
}

/// The same, of this recipe.
pub(super) fn of_recipe(wrapper: &str, recipe: &Digest) -> String {
    wrapper.replacen(SNAPSHOT, &recipe.short(), 1)
}
