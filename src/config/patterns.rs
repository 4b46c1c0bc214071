//! Patterns: which of many names are meant.

use globset::{Glob, GlobSet, GlobSetBuilder};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// One pattern or several: `"*.yml"` or `["a*", "b"]`. `*` stands for any characters, `?` for
/// one, `[ab]` for one of these, `{a,b}` for either. Checked when read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OneOrMany", into = "OneOrMany")]
pub struct Patterns(Vec<Glob>);

impl Patterns {
    /// Whether there is no pattern at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The texts of the patterns.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Glob::glob)
    }

    /// What tells whether a name is meant. Make it once for many names.
    #[must_use]
    pub fn matcher(&self) -> GlobSet {
        let mut set = GlobSetBuilder::new();
        for glob in &self.0 {
            set.add(glob.clone());
        }
        // Each glob was compiled once when it was read, and a set of sound globs is sound.
        set.build().unwrap_or_else(|_| GlobSet::empty())
    }
}

/// The two ways to write [`Patterns`].
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl TryFrom<OneOrMany> for Patterns {
    type Error = globset::Error;

    fn try_from(texts: OneOrMany) -> Result<Self, globset::Error> {
        let texts = match texts {
            OneOrMany::One(text) => vec![text],
            OneOrMany::Many(texts) => texts,
        };
        texts.iter().map(|text| Glob::new(text)).collect::<Result<_, _>>().map(Self)
    }
}

impl From<Patterns> for OneOrMany {
    fn from(patterns: Patterns) -> Self {
        let mut texts: Vec<String> = patterns.texts().map(str::to_owned).collect();
        match texts.len() {
            1 => Self::One(texts.remove(0)),
            _ => Self::Many(texts),
        }
    }
}

impl JsonSchema for Patterns {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Patterns".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "One pattern or several. `*` stands for any characters, `?` for one, \
                            `[ab]` for one of these, `{a,b}` for either.",
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
        })
    }
}
