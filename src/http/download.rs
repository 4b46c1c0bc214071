//! Files that a service keeps, which may be large and may lie elsewhere. While one comes, other requests go on.

use std::{io, time::Duration};

use reqwest::{Response, Url, header};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Error, Token,
    address::is_loopback,
    answer::{Answer, hide, root_cause},
    transport::{Call, MOST_REDIRECTS, Transport, is_packed, read},
};

/// How long a whole file may take, with everything that leads to it.
const WHOLE: Duration = Duration::from_mins(10);

/// How long nothing may come until nothing is waited for any more.
const SILENCE: Duration = Duration::from_secs(20);

impl Transport {
    /// Asks for a file, and gives `sink` what comes, piece by piece. What has more than `most` bytes is an
    /// error. The service may send us to another host for it, which gets no token.
    pub(crate) async fn download(
        &self,
        call: &Call,
        most: u64,
        mut sink: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Error> {
        let until = Instant::now() + WHOLE;
        let whole = async {
            let mut response = self.find(call).await?;
            if is_packed(response.headers()) {
                return Err(
                    call.unavailable("it answers with a packed body, which was not asked for")
                );
            }
            let mut had = 0;
            while let Some(chunk) = self.piece(call, &mut response, had).await? {
                had += chunk.len() as u64;
                if had > most {
                    return Err(call
                        .unavailable(format!("more than the {most} bytes come that it may have")));
                }
                sink(&chunk).map_err(|error| {
                    call.unavailable(format!("what comes could not be written: {error}"))
                })?;
            }
            Ok(())
        };
        let late = || call.unavailable(format!("it has not come whole within {WHOLE:?}"));
        timeout_at(until, whole).await.map_err(|_| late())?
    }

    /// The next of what comes, after `had` bytes.
    async fn piece(
        &self,
        call: &Call,
        response: &mut Response,
        had: u64,
    ) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]>>, Error> {
        let silent = |_| call.unavailable(format!("nothing comes any more after {had} bytes"));
        timeout(SILENCE, response.chunk()).await.map_err(silent)?.map_err(|error| {
            let cause = hide(self.token.as_ref(), &root_cause(&error));
            call.unavailable(format!("it broke off after {had} bytes: {cause}"))
        })
    }

    /// The answer that brings the file, from wherever it is.
    async fn find(&self, call: &Call) -> Result<Response, Error> {
        let mut url = call.url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let response = if self.base.is_home_of(&url) {
                self.ask_at_home(call, &url).await?
            } else {
                self.ask_elsewhere(call, &url).await?
            };
            let status = response.status().as_u16();
            if status == 200 {
                return Ok(response);
            }
            let place = response.headers().get(header::LOCATION).and_then(|it| it.to_str().ok());
            let Some(place) = place.and_then(|it| url.join(it).ok()) else {
                return Err(
                    call.unavailable(format!("it sends us elsewhere ({status}), to nowhere"))
                );
            };
            let is_safe = place.scheme() == "https"
                || (place.scheme() == "http" && is_loopback(&place) && self.base.is_loopback());
            if !is_safe {
                let host = hide(self.token.as_ref(), place.host_str().unwrap_or("no host"));
                return Err(call.unavailable(format!("it sends us to {host} without https")));
            }
            url = place;
        }
        let times = MOST_REDIRECTS;
        Err(call.unavailable(format!("it sends us elsewhere again and again, {times} times")))
    }

    /// What the service itself answers: the file, or where that is. It counts as every other request does.
    async fn ask_at_home(&self, call: &Call, url: &Url) -> Result<Response, Error> {
        self.state.lock().await.may_ask(call)?;
        let response = self.fetch(call, url).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let (response, body) = if leads_on(status) {
            (Some(response), Vec::new())
        } else {
            // Without its body, the status says what there is to know.
            let body = timeout(SILENCE, read(response, call)).await;
            (None, body.ok().and_then(Result::ok).unwrap_or_default())
        };
        let answer = Answer { status, headers, body };
        self.note_limits(&mut *self.state.lock().await, call, &answer)?;
        if let Some(response) = response {
            return Ok(response);
        }
        answer.check(self.service, call, self.token.as_ref(), false)?;
        Err(call.unavailable(format!("it answers {status}, and no file")))
    }

    /// The same of another host. What that refuses says nothing of the token, which it does not get.
    async fn ask_elsewhere(&self, call: &Call, url: &Url) -> Result<Response, Error> {
        let response = self.fetch(call, url).await?;
        let status = response.status().as_u16();
        if leads_on(status) {
            return Ok(response);
        }
        let host = hide(self.token.as_ref(), url.host_str().unwrap_or("no host"));
        Err(call.unavailable(format!("{host}, where the file is, answers {status}")))
    }

    async fn fetch(&self, call: &Call, url: &Url) -> Result<Response, Error> {
        let mut request =
            self.http.get(url.clone()).header(header::ACCEPT, "application/octet-stream");
        if self.base.is_home_of(url) {
            let accept = header::ACCEPT.as_str();
            for (name, value) in self.service.headers.iter().filter(|(name, _)| *name != accept) {
                request = request.header(*name, *value);
            }
            if let Some(value) = self.token.as_ref().and_then(Token::header) {
                request = request.header(header::AUTHORIZATION, value);
            }
        }
        let host = url.host_str().unwrap_or_default();
        let late = |_| call.unavailable(format!("no answer from {host} within {SILENCE:?}"));
        let answer = timeout(SILENCE, request.send()).await.map_err(late)?;
        answer.map_err(|error| call.unanswered(url, self.token.as_ref(), &error))
    }
}

/// Whether an answer with this status is the file, or leads to it.
fn leads_on(status: u16) -> bool {
    matches!(status, 200 | 301 | 302 | 307 | 308)
}
