//! Names and ids: what a resource is called, checked once where it enters.

use std::{fmt, str::FromStr, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A name that is safe as a file name, as a command-line argument and in a log line.
///
/// ASCII letters, digits, `_`, `-` and `.`, at most [`Name::MAX`] of them, the first one a letter,
/// a digit or `_`. So it can't leave a folder, can't be taken for an option, and can't hold a
/// line break. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

impl Name {
    /// The longest name, in bytes: leaves room for suffixes within a file name's 255.
    pub const MAX: usize = 120;

    /// A name that is written in the program itself.
    pub(crate) fn literal(text: &'static str) -> Self {
        debug_assert!(text.parse::<Self>().is_ok(), "{text:?} is no name");
        Self(text.into())
    }

    /// The name that comes closest to `text`, for what others have named.
    #[must_use]
    pub fn nearest(text: &str) -> Self {
        let good = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.');
        let mut plain: String = text.chars().map(|it| if good(it) { it } else { '_' }).collect();
        // Room for a number behind it.
        plain.truncate(Self::MAX - 8);
        if !plain.starts_with(|it: char| it.is_ascii_alphanumeric() || it == '_') {
            plain.insert(0, '_');
        }
        Self(plain.into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing.
    #[error("a name can't be empty")]
    Empty,
    /// Longer than [`Name::MAX`].
    #[error("a name has at most {max} characters, this one has {0}", max = Name::MAX)]
    TooLong(usize),
    /// The first character is not a letter, a digit or `_`.
    #[error("a name starts with a letter, a digit or `_`, not with {0:?}")]
    BadStart(char),
    /// A character that a name can't have.
    #[error("a name has only letters, digits, `_`, `-` and `.`, not {0:?}")]
    BadCharacter(char),
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let first = text.chars().next().ok_or(NameError::Empty)?;
        if !(first.is_ascii_alphanumeric() || first == '_') {
            return Err(NameError::BadStart(first));
        }
        match text.chars().find(|&c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))) {
            Some(bad) => Err(NameError::BadCharacter(bad)),
            None if text.len() > Self::MAX => Err(NameError::TooLong(text.len())),
            None => Ok(Self(text.into())),
        }
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl JsonSchema for Name {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": Self::MAX,
            "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]*$",
        })
    }
}

/// What a resource is called everywhere: `provider/name`, e.g. `embedded/mailer-backup`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id {
    /// The place where it lives.
    pub provider: Name,
    /// What it is called there.
    pub name: Name,
}

impl Id {
    /// The id of `name` at `provider`.
    #[must_use]
    pub fn new(provider: Name, name: Name) -> Self {
        Self { provider, name }
    }
}

/// Why a text is not an [`Id`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// There is no `/`.
    #[error("an id is `provider/name`, like `embedded/mailer-backup`; {0:?} has no `/`")]
    NoSlash(String),
    /// One of its halves is no name.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (provider, name) =
            text.split_once('/').ok_or_else(|| IdError::NoSlash(text.to_owned()))?;
        Ok(Self::new(provider.parse()?, name.parse()?))
    }
}

impl TryFrom<String> for Id {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.to_string()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.provider, self.name))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_could_do_harm_are_refused() {
        for bad in ["", "..", "../../x", "-rf", "a;rm", "a b", "a\nb", "a/b", "$(x)", "ü", "a\0"] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
        assert_eq!("x".repeat(121).parse::<Name>(), Err(NameError::TooLong(121)));
        // Fewer than that, and more bytes.
        assert_eq!("ü".repeat(70).parse::<Name>(), Err(NameError::BadStart('ü')));
    }

    #[test]
    fn what_others_have_named_gets_the_nearest_name() {
        for (text, name) in [
            ("web-1.js", "web-1.js"),
            ("_web", "_web"),
            ("9", "9"),
            ("my app/web", "my_app_web"),
            ("\u{fc}ber", "_ber"),
            ("-rf", "_-rf"),
            (".env", "_.env"),
            ("", "_"),
        ] {
            assert_eq!(Name::nearest(text).as_str(), name, "{text:?}");
        }
        // There is room for a number behind it.
        assert_eq!(Name::nearest(&"x".repeat(300)).as_str(), "x".repeat(112));
        let longest = "x".repeat(Name::MAX);
        assert_eq!(longest.parse::<Name>().unwrap().as_str(), longest);
    }

    #[test]
    fn names_and_ids_are_plain_in_what_is_told_of_mistakes() {
        let id: Id = "p/w".parse().unwrap();
        assert_eq!(
            (format!("{:?}", id.name), format!("{id:?}")),
            ("\"w\"".to_owned(), "p/w".to_owned())
        );
    }

    #[test]
    fn an_id_reads_back_as_it_prints() {
        let id: Id = "github/ci.yml-backup".parse().unwrap();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("github".parse::<Id>().is_err());
        assert!("github/a/b".parse::<Id>().is_err());
    }

    proptest! {
        #[test]
        fn a_name_is_always_one_plain_path_component(text in any::<String>()) {
            if let Ok(name) = text.parse::<Name>() {
                let path = std::path::Path::new(name.as_str());
                prop_assert_eq!(path.components().count(), 1);
                prop_assert_eq!(path.file_name(), Some(path.as_os_str()));
                prop_assert!(!name.as_str().starts_with('-'));
            }
            let nearest = Name::nearest(&text);
            prop_assert_eq!(nearest.as_str().parse::<Name>(), Ok(nearest.clone()));
        }
    }
}
