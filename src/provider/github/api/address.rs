//! Where the API is, and which repository is meant.

use std::{fmt, net::IpAddr, str::FromStr};

use reqwest::Url;

use super::Error;

/// The path under which GitHub Enterprise Server has its API; github.com has it at the root of a
/// host of its own.
const ENTERPRISE: &str = "/api/v3";

/// Where the API is: `https://api.github.com`, or `https://HOST/api/v3` of GitHub Enterprise Server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base(Url);

impl Base {
    pub(super) fn new(text: &str) -> Result<Self, Error> {
        let unusable = |why: &str| {
            Err(Error::Unusable(format!(
                "cannot use the address of `api_url` in `[github]`: {why}; write it like \
                 https://api.github.com or https://HOST/api/v3"
            )))
        };
        let Ok(url) = Url::parse(text) else { return unusable("it is no address") };
        // Whoever can read the line could read what is in these.
        if !url.username().is_empty() || url.password().is_some() {
            return unusable("there is a name or a password in it");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return unusable("there is more in it than a path");
        }
        match url.scheme() {
            "https" if url.has_host() => Ok(Self(url)),
            "http" if is_loopback(&url) => Ok(Self(url)),
            "http" => unusable("over http the token could be read on the way"),
            _ => unusable("it does not begin with https://"),
        }
    }

    /// The address of something in the API. Each part is one component of the path, whatever
    /// characters it has.
    pub(super) fn join<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    /// Whether `url` is at the same place, so that the token may go there.
    pub(super) fn is_home_of(&self, url: &Url) -> bool {
        url.origin() == self.0.origin() && url.username().is_empty() && url.password().is_none()
    }

    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Whether it is spoken to without TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Whether GitHub Enterprise Server answers here, which knows less than github.com.
    pub(super) fn is_enterprise(&self) -> bool {
        self.0.path().starts_with(ENTERPRISE)
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// A repository: `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Whose it is: a person or an organisation.
    pub owner: String,
    /// What it is called.
    pub name: String,
}

impl FromStr for Repository {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // https://docs.github.com/en/repositories: letters, digits, `-`, `_` and `.`
        let is_part = |it: &str| {
            let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            !it.is_empty() && it != "." && it != ".." && it.bytes().all(known)
        };
        match text.split_once('/') {
            Some((owner, name)) if is_part(owner) && is_part(name) => {
                Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
            }
            _ => Err(Error::Unusable(format!(
                "`repository` of `[github]` is {text:?}, which is no repository; write it like \
                 \"owner/name\""
            ))),
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
    fn the_token_goes_over_https_or_stays_on_this_machine() {
        for text in [
            "https://api.github.com",
            "https://github.example.com/api/v3/",
            "http://127.0.0.1:4010",
            "http://[::1]:4010",
            "http://localhost:4010/api/v3",
        ] {
            assert!(Base::new(text).is_ok(), "{text}");
        }
        for text in [
            "http://api.github.com",
            "http://127.0.0.1.example.com",
            "ftp://127.0.0.1",
            "https://me:secret@api.github.com",
            "https://api.github.com?token=secret",
            "api.github.com",
            "",
        ] {
            let error = Base::new(text).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn every_part_stays_one_component() {
        let base = Base::new("https://github.example.com/api/v3/").unwrap();
        let url = base.join(["repos", "a", "b", "git", "ref", "heads/x y/../#?"]);
        let path = "/api/v3/repos/a/b/git/ref/heads%2Fx%20y%2F..%2F%23%3F";
        assert_eq!(url.as_str(), format!("https://github.example.com{path}"));
        assert!(base.is_enterprise() && base.is_home_of(&url));
        for elsewhere in ["https://example.com/", "http://github.example.com/"] {
            assert!(!base.is_home_of(&Url::parse(elsewhere).unwrap()));
        }
    }

    #[test]
    fn a_repository_is_two_plain_names() {
        assert_eq!("a-b/c.d_e".parse::<Repository>().unwrap().to_string(), "a-b/c.d_e");
        for text in ["", "a", "a/", "/b", "a/b/c", "../b", "a/..", "a b/c", "a/b?c", "a/b\n"] {
            assert!(text.parse::<Repository>().is_err(), "{text:?}");
        }
    }
}
