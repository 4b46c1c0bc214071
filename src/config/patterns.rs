//! Patterns: which of many names are meant.

use std::fmt;

use globset::{Glob, GlobSet, GlobSetBuilder};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One pattern or several: `"*.yml"` or `["a*", "b"]`. `*` stands for any characters, `?` for
/// one, `[ab]` for one of these, `{a,b}` for either. Checked when read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

impl Serialize for Patterns {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => to.serialize_str(one.glob()),
            many => to.collect_seq(many.iter().map(Glob::glob)),
        }
    }
}

impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Patterns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pattern or a list of patterns, like \"*.yml\" or [\"a\", \"b*\"]")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Patterns, E> {
                Ok(Patterns(vec![glob(text)?]))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut texts: A) -> Result<Patterns, A::Error> {
                let mut globs = Vec::new();
                while let Some(One(glob)) = texts.next_element()? {
                    globs.push(glob);
                }
                Ok(Patterns(globs))
            }
        }

        from.deserialize_any(Visitor)
    }
}

/// One pattern of a list, read on its own so that an error points at it and not at the list.
struct One(Glob);

impl<'de> Deserialize<'de> for One {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = One;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pattern in quotes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<One, E> {
                glob(text).map(One)
            }
        }

        from.deserialize_str(Visitor)
    }
}

fn glob<E: de::Error>(text: &str) -> Result<Glob, E> {
    if text.is_empty() {
        return Err(E::custom("an empty pattern matches nothing"));
    }
    Glob::new(text).map_err(|error| E::custom(format_args!("this is no pattern: {}", error.kind())))
}

impl JsonSchema for Patterns {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Patterns".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "One pattern or several. `*` stands for any characters, `?` for one, \
                            `[ab]` for one of these, `{a,b}` for either.",
            "anyOf": [
                { "type": "string", "minLength": 1 },
                { "type": "array", "items": { "type": "string", "minLength": 1 } },
            ],
        })
    }
}
