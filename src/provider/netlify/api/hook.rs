//! Build hooks: addresses by which whoever knows them has the site built. Not in Netlify's description
//! of its API: <https://docs.netlify.com/configure-builds/build-hooks/>.

use std::fmt;

use reqwest::Url;

use super::{Error, NETLIFY, Pace};
use crate::http::{address::Base, answer::root_cause};

/// What is tried with it, for errors.
const TASK: &str = "build the site by its build hook";

/// A build hook. Its address is a secret, and shown nowhere.
#[derive(Clone)]
pub struct Hook(Url);

impl Hook {
    /// The build hook at the address `text`. Over http only on this machine.
    pub fn new(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        // The error says nothing of the address itself.
        let is_sound = Base::new(&NETLIFY, text.split(['?', '#']).next().unwrap_or_default());
        match Url::parse(text) {
            Ok(url) if is_sound.is_ok() => Ok(Self(url)),
            _ => Err(Error::Unusable(
                "it is no address of a build hook; one looks like \
                 https://api.netlify.com/build_hooks/ID"
                    .to_owned(),
            )),
        }
    }

    /// Has the site built.
    pub async fn trigger(&self, pace: Pace) -> Result<(), Error> {
        let unavailable = |how: String| Error::Unavailable { task: TASK.to_owned(), how };
        let client = crate::http::builder()
            .connect_timeout(pace.connect)
            .timeout(pace.whole)
            .redirect(reqwest::redirect::Policy::none());
        let client =
            if self.0.scheme() == "http" { client.no_proxy().tls_certs_only([]) } else { client };
        let client = client.build().map_err(|error| unavailable(root_cause(&error)))?;
        let sent = client.post(self.0.clone()).send().await;
        let status = sent.map_err(|error| unavailable(root_cause(&error)))?.status().as_u16();
        let (service, task) = (&NETLIFY, TASK.to_owned());
        match status {
            200..300 => Ok(()),
            404 => Err(Error::NotFound { service, task, needs: "a build hook that still exists" }),
            429 | 500.. => Err(unavailable(format!("it answers {status}"))),
            _ => Err(Error::Rejected { service, task, status, said: "nothing more".to_owned() }),
        }
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook(hidden)")
    }
}
