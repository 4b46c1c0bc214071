//! What a pull request says.

use std::{collections::BTreeMap, fmt::Write};

use super::there::There;
use crate::provider::files::{Comment, mark::Header, shown};

/// Its title, and the first line of its commits.
pub(super) const TITLE: &str = "Backups of workflows";

/// How many files it names. GitHub takes no text without end.
const MOST: usize = 200;

/// Its text. `files`: what shall be in the repository, in view of what is `there`.
pub(super) fn text(files: &BTreeMap<String, Option<String>>, there: &There) -> String {
    let mut text = "Each of these workflows stands in for another one when that does not do its \
                    work. Merging puts them into effect; until then nothing changes.\n\n"
        .to_owned();
    for (path, content) in files.iter().take(MOST) {
        let on_base = there.files.get(path).is_some_and(|it| it.on_base);
        let primary = content.as_deref().and_then(|it| Header::take_off(it, Comment::Hash).1);
        let primary = primary.map(|it| format!("`{}`", it.role.primary()));
        let primary = primary.as_deref().unwrap_or("another workflow");
        let what = match (content, on_base) {
            (Some(_), false) => format!("new, the backup of {primary}, which has none yet"),
            (Some(_), true) => {
                format!("changed, because {primary} or the config has changed since it was made")
            }
            (None, _) => "deleted, because the config no longer asks for it".to_owned(),
        };
        // Writing to a text can't fail.
        let _ = writeln!(text, "- `{}`: {what}", shown(path).replace('`', "\u{fffd}"));
    }
    if files.len() > MOST {
        let _ = writeln!(text, "- and {} more", files.len() - MOST);
    }
    text + "\nMade by redundancy, which keeps this pull request up to date as long as nobody else \
            adds commits to its branch. Close it to decline.\n"
}
