//! What comes from the environment and must never be shown: addresses and keys.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Url;
use sha2::Sha256;

use crate::http::{address::is_loopback, text::harmless};

/// What stands in the place of a secret.
const HIDDEN: &str = "(hidden)";

/// A part of an address that is shorter than this says nothing, and would be found in any text.
const SHORTEST: usize = 4;

/// The most characters of a text from outside that are shown.
const MOST_SHOWN: usize = 120;

/// Where something is sent. Who knows it can send there too, so it is in no text.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address(Url);

impl Address {
    /// The address in an environment variable. Over http only on this machine.
    pub(super) fn from_env(variable: &str) -> Result<Self, String> {
        let text = std::env::var(variable).ok().filter(|it| !it.trim().is_empty());
        let text = text.ok_or_else(|| {
            format!("there is no address in the environment variable {variable}; put it there")
        })?;
        Self::new(&text).map_err(|why| format!("the address in {variable} can't be used: {why}"))
    }

    fn new(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text.trim()).map_err(|_| "it is none")?;
        match url.scheme() {
            "https" if url.has_host() => Ok(Self(url)),
            "http" if is_loopback(&url) => Ok(Self(url)),
            "http" => Err("over http it could be read on the way; use https"),
            _ => Err("it does not begin with https://"),
        }
    }

    /// The address, to send something there.
    pub(super) fn reveal(&self) -> &Url {
        &self.0
    }

    /// The address of something below it.
    pub(super) fn below(mut self, parts: &[&str]) -> Self {
        if let Ok(mut path) = self.0.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        self
    }

    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    /// Whether it is spoken to without TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// `text` from outside, short and without any part of this address.
    pub(super) fn hide_in(&self, text: &str) -> String {
        let url = &self.0;
        let own = [Some(url.as_str()), url.host_str(), url.query(), url.password()];
        let own = own.into_iter().flatten().chain([url.path(), url.username()]);
        // The longest first, so that nothing is left of it.
        let mut own: Vec<&str> = own.chain(url.path().split('/')).collect();
        own.retain(|it| it.len() >= SHORTEST);
        own.sort_by_key(|it| std::cmp::Reverse(it.len()));
        let hidden = own.iter().fold(text.to_owned(), |text, it| text.replace(it, HIDDEN));
        harmless(&hidden, MOST_SHOWN)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address{HIDDEN}")
    }
}

/// The key by which messages are signed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SigningKey(String);

impl SigningKey {
    /// The key in an environment variable. Blanks and line ends around it are no part of it.
    pub(super) fn from_env(variable: &str) -> Result<Self, String> {
        let text = std::env::var(variable).ok().filter(|it| !it.trim().is_empty());
        text.map(|it| Self(it.trim().to_owned())).ok_or_else(|| {
            format!("there is no key in the environment variable {variable}; put it there")
        })
    }

    /// The signature of `body`, sent at `timestamp`: the HMAC-SHA256 (RFC 2104) of `TIMESTAMP.BODY`, in
    /// hexadecimal digits. The time is in it so that an old message can't be sent again.
    pub(super) fn sign(&self, timestamp: &str, body: &str) -> Result<String, String> {
        let mut hmac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes())
            .map_err(|error| format!("cannot sign the message: {error}"))?;
        for part in [timestamp, ".", body] {
            hmac.update(part.as_bytes());
        }
        let bytes = hmac.finalize().into_bytes();
        let digit = |it: u8| char::from_digit(it.into(), 16);
        Ok(bytes.iter().flat_map(|it| [it >> 4, it & 15]).filter_map(digit).collect())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey{HIDDEN}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_or_stays_on_this_machine() {
        for text in ["https://hooks.example.com/a?b=c", "http://127.0.0.1:1/", " http://[::1]/x\n"]
        {
            assert!(Address::new(text).is_ok(), "{text}");
        }
        for text in ["http://example.com/", "ftp://127.0.0.1/", "hooks.example.com", "", "https://"]
        {
            assert!(Address::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_part_of_an_address_is_shown() {
        let address =
            Address::new("https://me:pass1@hooks.example.com/services/T0/B12345/s3cr3t?q=key7");
        let address = address.unwrap();
        let text =
            "no route to hooks.example.com (s3cr3t), /services/T0/B12345/s3cr3t, q=key7, pass1";
        let shown = address.hide_in(text);
        for part in ["example", "s3cr3t", "key7", "B12345", "pass1"] {
            assert!(!shown.contains(part), "{shown}");
        }
        assert!(shown.starts_with("no route to (hidden)"), "{shown}");
        assert_eq!(format!("{address:?}"), "Address(hidden)");
    }

    #[test]
    fn a_signature_is_an_hmac() {
        let key = SigningKey("Jefe".to_owned());
        // `printf '1.{}' | openssl dgst -sha256 -hmac Jefe`
        let signed = key.sign("1", "{}").unwrap();
        assert_eq!(signed, "dc7943cccf20f64327d263db5e2aca27c2b8175e8e6e7ea04f482091bf456b0f");
        assert_eq!(format!("{key:?}"), "SigningKey(hidden)");
    }
}
