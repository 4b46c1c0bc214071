//! Keys that this version reads and does not act on. The list shrinks as capabilities land.

use super::{problem::Note, tree::Item};

const NO_REPORTS: &str = "this version makes no reports by itself";

/// Table, key, and why it has no effect.
const KEYS: &[(&str, &str, &str)] = &[("controller", "report_every", NO_REPORTS)];

/// A note for each key that is set and has no effect.
pub(super) fn notes(root: &Item<'_>) -> Vec<Note> {
    let keys = KEYS.iter().filter_map(|(table, key, why)| {
        let span = root.child(table)?.key(key)?;
        Some(Note { span, message: format!("`{key}` has no effect yet: {why}") })
    });
    keys.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_list_is_a_key_of_the_file() {
        for (table, key, why) in KEYS {
            let text = format!("[{table}]\n{key} = []\n");
            let problems = super::super::parse(&text).unwrap_err();
            let wrong_type = problems.iter().any(|it| it.message.contains("is a list, and should"));
            assert!(wrong_type, "{table}.{key} ({why}): {problems:?}");
        }
    }
}
