//! One question to one function, and its answer.

use reqwest::Url;

use super::super::edge::GUARD;
use crate::{
    config::model::FunctionProbe,
    http::{answer::root_cause, text::harmless},
};

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Verdict {
    /// It answers as it should.
    Answers,
    /// It answers, and not as it should.
    Odd(String),
    /// It does not do its work.
    Fails(String),
    /// It could not be asked: that says nothing about it.
    Unreached(String),
}

/// Asks the function called `name` of the site, or of a single deploy, at `address`.
pub(in super::super) async fn ask(address: &str, name: &str, probe: &FunctionProbe) -> Verdict {
    let path = probe.path_of(name);
    let unreached = |how: String| Verdict::Unreached(harmless(&how, 200));
    let Ok(url) = Url::parse(&format!("{}{path}", address.trim_end_matches('/'))) else {
        return unreached("its address is none".to_owned());
    };
    // A new connection each time: one that is kept says nothing about the next.
    let client = crate::http::builder()
        .user_agent(concat!("redundancy/", env!("CARGO_PKG_VERSION")))
        .timeout(probe.timeout.0)
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none());
    let client = if url.scheme() == "http" { client.tls_certs_only([]).no_proxy() } else { client };
    let client = match client.build() {
        Ok(client) => client,
        Err(error) => return unreached(format!("cannot ask: {}", root_cause(&error))),
    };
    // It is asked itself, and not who would answer in its place.
    let request = client.request(probe.method.into(), url).header(GUARD, "probe");
    match request.send().await {
        Ok(response) => judge(response.status().as_u16(), probe.expect_status),
        Err(error) if error.is_timeout() && !error.is_connect() => {
            Verdict::Fails(format!("does not answer within {}", probe.timeout))
        }
        Err(error) => unreached(format!("it could not be asked: {}", root_cause(&error))),
    }
}

/// What the status of an answer says. One below 500 comes from code that works: it may only not like
/// how it was asked.
fn judge(status: u16, expected: Option<u16>) -> Verdict {
    match expected {
        Some(expected) if status == expected => Verdict::Answers,
        None if status < 500 => Verdict::Answers,
        _ if status >= 500 => Verdict::Fails(format!("answers {status}")),
        Some(expected) => Verdict::Odd(format!("it answers {status}, and {expected} is expected")),
        None => Verdict::Answers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_says_no_is_alive() {
        for (status, expected, verdict) in [
            (200, None, "Answers"),
            (404, None, "Answers"),
            (405, None, "Answers"),
            (500, None, "Fails"),
            (204, Some(204), "Answers"),
            (503, Some(503), "Answers"),
            (401, Some(200), "Odd"),
            (502, Some(200), "Fails"),
        ] {
            let judged = format!("{:?}", judge(status, expected));
            assert!(judged.starts_with(verdict), "{status} {expected:?}: {judged}");
        }
    }
}
