//! Where an API is.

use std::net::IpAddr;

use reqwest::Url;

use super::{Error, Service};

/// Where an API is: like `https://api.github.com`, or `https://api.netlify.com/api/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base(Url);

impl Base {
    /// The address `text` of the API of `service`. Over http only on this machine.
    pub(crate) fn new(service: &Service, text: &str) -> Result<Self, Error> {
        let unusable = |why: &str| {
            Err(Error::Unusable(format!(
                "cannot use the address of `api_url` in `[{}]`: {why}; write it like {}",
                service.section, service.like
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
    pub(crate) fn join<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    /// Whether `url` is at the same place, so that the token may go there.
    pub(crate) fn is_home_of(&self, url: &Url) -> bool {
        url.origin() == self.0.origin() && url.username().is_empty() && url.password().is_none()
    }

    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Whether it is spoken to without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// The path of the API at its host.
    pub(crate) fn path(&self) -> &str {
        self.0.path()
    }
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::EXAMPLE;

    #[test]
    fn the_token_goes_over_https_or_stays_on_this_machine() {
        for text in [
            "https://api.github.com",
            "https://github.example.com/api/v3/",
            "http://127.0.0.1:4010",
            "http://[::1]:4010",
            "http://localhost:4010/api/v3",
        ] {
            assert!(Base::new(&EXAMPLE, text).is_ok(), "{text}");
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
            let error = Base::new(&EXAMPLE, text).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn every_part_stays_one_component() {
        let base = Base::new(&EXAMPLE, "https://github.example.com/api/v3/").unwrap();
        let url = base.join(["repos", "a", "b", "git", "ref", "heads/x y/../#?"]);
        let path = "/api/v3/repos/a/b/git/ref/heads%2Fx%20y%2F..%2F%23%3F";
        assert_eq!(url.as_str(), format!("https://github.example.com{path}"));
        assert!(base.path().starts_with("/api/v3") && base.is_home_of(&url));
        for elsewhere in ["https://example.com/", "http://github.example.com/"] {
            assert!(!base.is_home_of(&Url::parse(elsewhere).unwrap()));
        }
    }
}
