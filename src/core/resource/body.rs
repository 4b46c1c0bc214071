//! Bodies: what a resource consists of, to be compared, printed and told from another by a digest.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::core::digest::Digest;

/// The value of a field, small enough to print on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// Several texts, in order.
    List(Vec<String>),
    /// Something that must not be shown. It compares by its digest.
    Hidden {
        /// The digest of what is hidden, salted by whoever made it.
        hidden: Digest,
    },
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(it) => write!(f, "{it}"),
            Self::Number(it) => write!(f, "{it}"),
            Self::Text(it) => write!(f, "{it:?}"),
            Self::List(it) => write!(f, "{it:?}"),
            Self::Hidden { hidden } => write!(f, "(hidden, {})", hidden.short()),
        }
    }
}

impl From<bool> for Value {
    fn from(it: bool) -> Self {
        Self::Bool(it)
    }
}

impl From<u32> for Value {
    fn from(it: u32) -> Self {
        Self::Number(it.into())
    }
}

impl From<&str> for Value {
    fn from(it: &str) -> Self {
        Self::Text(it.to_owned())
    }
}

impl From<String> for Value {
    fn from(it: String) -> Self {
        Self::Text(it)
    }
}

impl From<Vec<String>> for Value {
    fn from(it: Vec<String>) -> Self {
        Self::List(it)
    }
}

/// What a resource consists of: fields, which compare and print one by one, and files, which
/// compare line by line. The mark of ownership is not part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Settings by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Value>,
    /// Texts by path, relative to the project, with `/` between the parts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

impl Body {
    /// The digest of all of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let fields = self.fields.iter().flat_map(|(key, value)| {
            // `Value` holds only plain data, which JSON can always say.
            [key.clone(), serde_json::to_string(value).unwrap_or_default()]
        });
        let files = self.files.iter().flat_map(|(path, text)| [path.clone(), text.clone()]);
        Digest::of(
            ["fields".to_owned()].into_iter().chain(fields).chain(["files".into()]).chain(files),
        )
    }

    /// The fields of `self` that `other` has otherwise or not at all, and those it has more.
    #[must_use]
    pub fn differing_fields<'a>(&'a self, other: &'a Self) -> BTreeSet<&'a str> {
        let keys = self.fields.keys().chain(other.fields.keys());
        keys.filter(|key| self.fields.get(*key) != other.fields.get(*key))
            .map(String::as_str)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(fields: &[(&str, Value)], files: &[(&str, &str)]) -> Body {
        let fields = fields.iter().map(|(key, it)| ((*key).to_owned(), it.clone())).collect();
        let files = files.iter().map(|(key, it)| ((*key).to_owned(), (*it).to_owned())).collect();
        Body { fields, files }
    }

    #[test]
    fn a_value_is_printed_on_a_line_and_what_is_hidden_is_not() {
        let hidden = Value::Hidden { hidden: Digest::of(["salt", "secret"]) };
        let list = Value::from(vec!["sh".to_owned(), "-c".to_owned()]);
        let told = [true.into(), 7.into(), "a\nb".into(), list].map(|it: Value| it.to_string());
        assert_eq!(told, ["true", "7", r#""a\nb""#, r#"["sh", "-c"]"#]);
        let short = Digest::of(["salt", "secret"]).short();
        assert_eq!(hidden.to_string(), format!("(hidden, {short})"));
    }

    #[test]
    fn what_differs_is_named_and_shows_in_the_digest() {
        let one = || body(&[("a", 1.into()), ("b", "x".into()), ("c", true.into())], &[]);
        assert!(one().differing_fields(&one()).is_empty());
        let other = body(&[("a", 1.into()), ("b", "y".into()), ("d", true.into())], &[]);
        assert!(one().differing_fields(&other).iter().eq(&["b", "c", "d"]));
        let bodies = [
            body(&[("a", "x".into())], &[]),
            body(&[], &[("a", "x")]),
            body(&[("a", "y".into())], &[]),
            body(&[], &[("a", "y")]),
            body(&[], &[("b", "x")]),
            Body::default(),
        ];
        let digests: BTreeSet<Digest> = bodies.iter().map(Body::digest).collect();
        assert_eq!(digests.len(), bodies.len());
    }
}
