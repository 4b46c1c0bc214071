//! `functions-manifest.json`: the functions that there should be, as somebody or some program has
//! listed them beside the functions. Nothing is made from it; what it lists and the disk has not, or
//! the other way round, is told.
//!
//! ```json
//! {"generatedAt": "2026-01-01T00:00:00Z", "functions": ["send-mail", {"name": "pay", "path": "pay.js"}]}
//! ```
//!
//! The items may be those of Netlify's own manifest too, which have a `name` among much else.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::provider::files::{Reader, shown};

/// The file, in the functions folder.
pub(super) const FILE: &str = "functions-manifest.json";

/// The most names that are believed: more than any site has.
const MOST: usize = 20_000;

/// The names that a manifest lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Manifest(BTreeSet<String>);

impl Manifest {
    /// Reads the one at `path`, if there is one, or says why it can't be read.
    pub(super) fn read(reader: &Reader, path: &str) -> Result<Option<Self>, String> {
        let text = reader.text(path).map_err(|why| format!("{path}: {why}"))?;
        text.map(|text| Self::parse(&text).map_err(|why| format!("{path}{why}"))).transpose()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let file: Value = serde_json::from_str(text)
            .map_err(|error| format!(":{}: this is no JSON: {error}", error.line()))?;
        let list = file.get("functions").unwrap_or(&file);
        let Some(list) = list.as_array() else {
            return Err(": it has no list of `functions`".to_owned());
        };
        if list.len() > MOST {
            return Err(format!(": it lists {} functions, more than {MOST}", list.len()));
        }
        let names = list.iter().enumerate().map(|(at, item)| {
            let name = item.as_str().or_else(|| item.get("name")?.as_str());
            let name = name.filter(|it| !it.is_empty());
            name.map(str::to_owned).ok_or_else(|| {
                format!(": item {} of `functions` is neither a name nor has one", at + 1)
            })
        });
        names.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// The names that it lists and that are not among `there`.
    pub(super) fn ghosts<'a>(&'a self, there: &'a BTreeSet<&str>) -> impl Iterator<Item = &'a str> {
        self.0.iter().map(String::as_str).filter(|it| !there.contains(it))
    }

    /// Why a name that it lists can't have a backup.
    pub(super) fn ghost(path: &str, folder: &str, name: &str) -> String {
        format!("{path} names `{}`, and there is no such function in {folder}", shown(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        for text in [
            r#"{"generatedAt": "x", "functions": ["a", "b"]}"#,
            r#"{"functions": [{"name": "a", "path": "a.js"}, "b"]}"#,
            r#"{"functions": [{"name": "a", "mainFile": "/x/a.js", "runtime": "js"}, {"name": "b"}], "version": 1}"#,
            r#"["a", "b"]"#,
            "\u{feff}[\"a\", \"b\"]",
        ] {
            let names = Manifest::parse(text).unwrap();
            assert!(names.has("a") && names.has("b") && names.0.len() == 2, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_with_the_place() {
        let huge = format!("[{}\"a\"]", "\"a\",".repeat(MOST));
        let deep = "[".repeat(100_000);
        let why = |text: &str| Manifest::parse(text).unwrap_err();
        insta::assert_snapshot!([
            why(""),
            why("{\n  \"functions\": [\"a\",\n"),
            why("{}"),
            why("{\"functions\": {}}"),
            why("[\"a\", 5]"),
            why("[\"\"]"),
            why("[{\"path\": \"a.js\"}]"),
            why(&huge),
            why(&deep),
        ].join("\n"), @r"
        :1: this is no JSON: EOF while parsing a value at line 1 column 0
        :3: this is no JSON: EOF while parsing a value at line 3 column 0
        : it has no list of `functions`
        : it has no list of `functions`
        : item 2 of `functions` is neither a name nor has one
        : item 1 of `functions` is neither a name nor has one
        : item 1 of `functions` is neither a name nor has one
        : it lists 20001 functions, more than 20000
        :1: this is no JSON: recursion limit exceeded at line 1 column 128
        ");
    }
}
