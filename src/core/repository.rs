//! Repositories, as GitHub names them.

use std::{fmt, str::FromStr};

/// A repository: `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Whose it is: a person or an organisation.
    pub owner: String,
    /// What it is called.
    pub name: String,
}

/// A text that names no repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?}, which is no repository; write it like \"owner/name\"")]
pub struct NoRepository(String);

impl FromStr for Repository {
    type Err = NoRepository;

    fn from_str(text: &str) -> Result<Self, NoRepository> {
        // https://docs.github.com/en/repositories: letters, digits, `-`, `_` and `.`
        let is_part = |it: &str| {
            let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            !it.is_empty() && it != "." && it != ".." && it.bytes().all(known)
        };
        match text.split_once('/') {
            Some((owner, name)) if is_part(owner) && is_part(name) => {
                Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
            }
            _ => Err(NoRepository(text.to_owned())),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_two_plain_names() {
        assert_eq!("a-b/c.d_e".parse::<Repository>().unwrap().to_string(), "a-b/c.d_e");
        for text in ["", "a", "a/", "/b", "a/b/c", "../b", "a/..", "a b/c", "a/b?c", "a/b\n"] {
            assert!(text.parse::<Repository>().is_err(), "{text:?}");
        }
    }
}
