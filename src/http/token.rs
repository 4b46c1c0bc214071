//! The token, which is never shown.

use std::fmt;

use reqwest::header::HeaderValue;

use super::Error;

/// What a token is shown as.
const HIDDEN: &str = "(hidden)";

/// A token of a service. Its text goes into the header of a request and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token `text`. Blanks and line ends around it are no part of it: a file often ends with one.
    pub fn new(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let unusable = |why: &str| Err(Error::Unusable(format!("the token {why}")));
        if text.is_empty() {
            return unusable("is empty: give one, or unset the variable that `token_env` names");
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return unusable("has characters in it that no token has: copy it again");
        }
        Ok(Self(text.to_owned()))
    }

    /// The header that shows it to the service.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Its text, for the environment of a program that has to have it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` without this token, wherever it stands in it.
    pub(crate) fn hide_in(&self, text: &str) -> String {
        text.replace(&self.0, HIDDEN)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token{HIDDEN}")
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let token = Token::new(" ghp_secret\n").unwrap();
        assert_eq!(format!("{token} {token:?}"), "(hidden) Token(hidden)");
        assert_eq!(format!("{:?}", token.header().unwrap()), "Sensitive");
        assert_eq!(token.hide_in("it is ghp_secret!"), "it is (hidden)!");
    }

    #[test]
    fn what_cannot_be_a_token_is_refused_without_being_shown() {
        for text in ["", " \n", "ghp_se\ncret", "ghp_se cret", "ghp_sécret"] {
            let error = Token::new(text).unwrap_err();
            assert!(!error.is_passing());
            assert!(!format!("{error} {error:?}").contains("cret"), "{error}");
        }
    }
}
