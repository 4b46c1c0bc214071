//! What an answer means.

use reqwest::{Url, header::HeaderMap};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Error, Service, Token, limits::Signs, text::harmless, transport::Call};

/// How much of what a service says is shown, in characters.
const MOST_SAID: usize = 200;

/// How much of what makes no sense is shown, in characters.
const MOST_SHOWN: usize = 80;

/// An answer that has come whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// The form of an error that GitHub and Netlify share.
#[derive(Debug, Default, Deserialize)]
struct Complaint {
    message: String,
    #[serde(default)]
    errors: serde_json::Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.header(name)?.trim().parse().ok()
    }

    /// What it says about limits.
    pub(crate) fn signs(&self) -> Signs {
        let message = self.complaint().message.to_lowercase();
        Signs {
            status: self.status,
            retry_after: self.header("retry-after").map(str::to_owned),
            limit: self.number("x-ratelimit-limit"),
            remaining: self.number("x-ratelimit-remaining"),
            reset: self.number("x-ratelimit-reset"),
            spoken: message.contains("rate limit") || message.contains("abuse detection"),
        }
    }

    fn complaint(&self) -> Complaint {
        // What is no complaint of a service is none: a page of a proxy, a good answer.
        if self.status < 400 {
            return Complaint::default();
        }
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What the service says is wrong, or how what it says begins.
    fn said(&self, token: Option<&Token>) -> String {
        let Complaint { message, errors } = self.complaint();
        if message.is_empty() {
            return self.shown(token);
        }
        let more = match errors {
            serde_json::Value::Null => String::new(),
            // GitHub writes them as texts or as `{resource, field, code, message?}`.
            errors => format!(": {errors}"),
        };
        harmless(&hide(token, &format!("{message}{more}")), MOST_SAID)
    }

    /// What has come, for a person who wonders: the type that it says it has, and how it begins.
    fn shown(&self, token: Option<&Token>) -> String {
        let show = |text: &str| harmless(&hide(token, text), MOST_SHOWN);
        let kind = show(self.header("content-type").unwrap_or("of no type"));
        if self.body.is_empty() {
            return "nothing".to_owned();
        }
        format!("{kind}: {}", show(&String::from_utf8_lossy(&self.body)))
    }

    /// The answer, if it is a good one. `conditional` says whether 304 is.
    pub(crate) fn check(
        self,
        service: &'static Service,
        call: &Call,
        token: Option<&Token>,
        conditional: bool,
    ) -> Result<Self, Error> {
        let task = call.task.clone();
        let status = self.status;
        match status {
            200..300 => return Ok(self),
            304 if conditional => return Ok(self),
            _ => {}
        }
        let said = self.said(token);
        Err(match status {
            401 => Error::BadToken { service, task, said },
            403 if self.lacks_permission() => {
                let named = service.permissions.and_then(|it| self.header(it));
                let needs = match named.map(|it| harmless(&hide(token, it), MOST_SAID)) {
                    Some(named) if !named.is_empty() => {
                        format!("{} ({service}: {named})", call.needs)
                    }
                    _ => call.needs.to_owned(),
                };
                Error::NotPermitted { task, needs, said }
            }
            404 => Error::NotFound { service, task, needs: call.needs },
            410 => Error::Gone { service, task, said },
            // Others do something there just now, or the connection was too slow.
            408 | 409 | 425 => call.unavailable(format!("it answers {status} ({said})")),
            400..500 => Error::Rejected { service, task, status, said },
            _ => call.unavailable(format!("it answers {status} ({said})")),
        })
    }

    /// Whether a 403 is about the token, and not about what is asked: a run that is too old to be run
    /// again, or a repository that is archived.
    fn lacks_permission(&self) -> bool {
        let message = self.complaint().message.to_lowercase();
        let words = ["not accessible", "must have", "permission", "forbidden", "not allowed"];
        message.is_empty() || words.iter().any(|it| message.contains(it))
    }

    /// The body as what it should be.
    pub(crate) fn decode<T: DeserializeOwned>(
        &self,
        service: &Service,
        call: &Call,
        token: Option<&Token>,
    ) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let status = self.status;
            let shown = self.shown(token);
            let place = (error.line(), error.column());
            call.unavailable(format!(
                "its answer is not what {service} answers ({status} with {shown}; wrong at line {}, \
                 column {})",
                place.0, place.1
            ))
        })
    }

    /// Where the next page is: `link: <https://...>; rel="next"` (RFC 8288).
    pub(crate) fn next(&self, from: &Url) -> Option<Url> {
        let link = self.header("link")?;
        let next = link.split(',').find_map(|link| {
            let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
            let is_next = |it: &str| matches!(it.trim(), r#"rel="next""# | "rel=next");
            parameters.split(';').any(is_next).then_some(target)
        })?;
        from.join(next).ok()
    }
}

/// `text` without the token, where there is one.
pub(super) fn hide(token: Option<&Token>, text: &str) -> String {
    token.map_or_else(|| text.to_owned(), |token| token.hide_in(text))
}

/// What an error comes down to: its own words name the address and hide the cause.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut source: &dyn std::error::Error = error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    source.to_string()
}
