//! Differences between two bodies: fields one by one, files line by line.

use similar::TextDiff;

use super::resource::{Body, Value};

/// A field that two bodies have differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDiff<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value in the first body.
    pub from: Option<&'a Value>,
    /// Its value in the second body.
    pub to: Option<&'a Value>,
}

/// The fields that differ, by name.
#[must_use]
pub fn fields<'a>(from: &'a Body, to: &'a Body) -> Vec<FieldDiff<'a>> {
    (from.differing_fields(to).into_iter())
        .map(|name| FieldDiff { name, from: from.fields.get(name), to: to.fields.get(name) })
        .collect()
}

/// A file that two bodies have differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileDiff<'a> {
    /// Only the second body has it.
    Added {
        /// Its path.
        path: &'a str,
        /// Its text.
        text: &'a str,
    },
    /// Only the first body has it.
    Removed {
        /// Its path.
        path: &'a str,
        /// Its text.
        text: &'a str,
    },
    /// Both have it.
    Changed {
        /// Its path.
        path: &'a str,
        /// The changed lines with three around them, in the unified form without a head.
        hunks: String,
    },
}

impl FileDiff<'_> {
    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Added { path, .. } | Self::Removed { path, .. } | Self::Changed { path, .. } => {
                path
            }
        }
    }
}

/// The files that differ, by path.
#[must_use]
pub fn files<'a>(from: &'a Body, to: &'a Body) -> Vec<FileDiff<'a>> {
    let mut diffs = Vec::new();
    for (path, old) in &from.files {
        match to.files.get(path) {
            None => diffs.push(FileDiff::Removed { path, text: old }),
            Some(new) if new != old => {
                let hunks = TextDiff::from_lines(old, new).unified_diff().to_string();
                diffs.push(FileDiff::Changed { path, hunks });
            }
            Some(_) => {}
        }
    }
    let added = to.files.iter().filter(|(path, _)| !from.files.contains_key(*path));
    diffs.extend(added.map(|(path, text)| FileDiff::Added { path, text }));
    diffs.sort_by(|a, b| a.path().cmp(b.path()));
    diffs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(fields: &[(&str, &str)], files: &[(&str, &str)]) -> Body {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Body {
            fields: fields.iter().map(own).map(|(key, value)| (key, value.into())).collect(),
            files: files.iter().map(own).collect(),
        }
    }

    #[test]
    fn a_body_does_not_differ_from_itself() {
        let it = body(&[("a", "1")], &[("f", "x\n")]);
        assert!(fields(&it, &it).is_empty() && files(&it, &it).is_empty());
    }

    #[test]
    fn each_difference_is_named_once() {
        let from = body(&[("a", "1"), ("b", "1")], &[("f", "1\n2\n3\n"), ("g", "")]);
        let to = body(&[("b", "2"), ("c", "3")], &[("f", "1\ntwo\n3\n"), ("e", "new")]);
        let names: Vec<_> = fields(&from, &to).iter().map(|it| it.name).collect();
        assert_eq!(names, ["a", "b", "c"]);
        let paths: Vec<_> = files(&from, &to).iter().map(|it| it.path().to_owned()).collect();
        assert_eq!(paths, ["e", "f", "g"]);
        let FileDiff::Changed { hunks, .. } = &files(&from, &to)[1] else { panic!("f is in both") };
        insta::assert_snapshot!(hunks, @r"
        @@ -1,3 +1,3 @@
         1
        -2
        +two
         3
        ");
    }
}
