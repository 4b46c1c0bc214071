//! One request at a time, bounded in time and in memory, and what came of it.

use std::{
    sync::{Mutex as Held, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use reqwest::{
    Method, Response, Url,
    header::{self, HeaderMap},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    Error, Service, Token,
    address::Base,
    answer::{Answer, hide, root_cause},
    cache::{Cache, Kept},
    limits::{Budget, Limits},
};

/// Answers with more than this are none of a service's: a page of 100 runs of GitHub has about 1.5 MB.
const MOST_BYTES: usize = 8 << 20;

/// How often we let ourselves be sent elsewhere for one answer.
pub(super) const MOST_REDIRECTS: usize = 5;

/// How much time things may take, and must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The longest wait for a connection.
    pub connect: Duration,
    /// The longest wait for a whole answer, with everything that leads to it.
    pub whole: Duration,
    /// The shortest time between two requests that change something: GitHub asks for a second.
    pub between_writes: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            whole: Duration::from_secs(20),
            between_writes: Duration::from_secs(1),
        }
    }
}

/// One question to a service, or one thing to do there.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<Value>,
    /// What it is for, as in "cannot *list the workflows of a/b*".
    pub(crate) task: String,
    /// The permissions that it takes.
    pub(crate) needs: &'static str,
}

impl Call {
    pub(crate) fn ask(url: Url, task: String, needs: &'static str) -> Self {
        Self { method: Method::GET, url, body: None, task, needs }
    }

    pub(crate) fn change(
        method: Method,
        url: Url,
        body: Option<Value>,
        task: String,
        needs: &'static str,
    ) -> Self {
        Self { method, url, body, task, needs }
    }

    pub(crate) fn unavailable(&self, how: impl Into<String>) -> Error {
        Error::Unavailable { task: self.task.clone(), how: how.into() }
    }

    /// What a request came to that got no answer from the host of `url`.
    pub(super) fn unanswered(
        &self,
        url: &Url,
        token: Option<&Token>,
        error: &reqwest::Error,
    ) -> Error {
        let host = url.host_str().unwrap_or_default();
        let cause = hide(token, &root_cause(error));
        if error.is_connect() {
            let how = format!("cannot connect to {host}: {cause}");
            return Error::Unreached { task: self.task.clone(), how };
        }
        self.unavailable(format!("no answer from {host}: {cause}"))
    }
}

/// What is spoken through. Requests are sent one after another, as GitHub asks.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(super) service: &'static Service,
    pub(super) http: reqwest::Client,
    pub(super) base: Base,
    pub(super) token: Option<Token>,
    pace: Pace,
    pub(super) state: Mutex<State>,
    /// The last budget that an answer told: whoever asks for it waits for no request.
    told: Held<Option<Budget>>,
}

#[derive(Debug)]
pub(super) struct State {
    limits: Limits,
    cache: Cache,
    /// When something was changed last.
    written: Option<Instant>,
}

impl State {
    /// Refuses a call while it is time to rest.
    pub(super) fn may_ask(&self, call: &Call) -> Result<(), Error> {
        self.limits.may_ask(Timestamp::now()).map_err(|rest| Error::Resting {
            task: call.task.clone(),
            until: rest.until,
            why: rest.why,
        })
    }
}

impl Transport {
    pub(crate) fn new(
        service: &'static Service,
        base: Base,
        token: Option<Token>,
        pace: Pace,
    ) -> Result<Self, Error> {
        let mut http = crate::http::builder()
            .user_agent(concat!("redundancy/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(pace.connect)
            .redirect(reqwest::redirect::Policy::none());
        if base.is_loopback() {
            // A proxy has no business with it.
            http = http.no_proxy();
        }
        if base.is_plain() {
            // Some machines have no certificates, and none are needed.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(|error| {
            let cause = root_cause(&error);
            Error::Unusable(format!("cannot talk to {service} from this machine: {cause}"))
        })?;
        let state = State { limits: Limits::of(service), cache: Cache::default(), written: None };
        let (state, told) = (Mutex::new(state), Held::default());
        Ok(Self { service, http, base, token, pace, state, told })
    }

    pub(crate) fn base(&self) -> &Base {
        &self.base
    }

    /// What is left of the hour, as far as answers have told.
    pub(crate) fn budget(&self, now: Timestamp) -> Option<Budget> {
        let told = *self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.filter(|it| now < it.reset)
    }

    /// Asks for something, or for whether it is still the same. The answer, and where its next page is.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        call: &Call,
    ) -> Result<(T, Option<Url>), Error> {
        let mut state = self.state.lock().await;
        let kept = state.cache.get(&call.url);
        let etag = kept.as_ref().map(|it| it.etag.as_str());
        let answer = self.exchange(call, etag, &mut state).await?;
        if let Some(kept) = kept
            && answer.status == 304
        {
            let same = Answer { status: 200, body: kept.body, ..answer };
            return Ok((same.decode(self.service, call, self.token.as_ref())?, kept.next));
        }
        let decoded = answer.decode(self.service, call, self.token.as_ref())?;
        let next = answer.next(&call.url);
        if next.as_ref().is_some_and(|it| !self.base.is_home_of(it)) {
            return Err(call.unavailable("its next page is at another host"));
        }
        // Only what made sense is kept: else nonsense would be the same still for ever.
        if let Some(etag) = answer.header(header::ETAG.as_str()) {
            let etag = etag.to_owned();
            state.cache.put(&call.url, Kept { etag, body: answer.body, next: next.clone() });
        }
        Ok((decoded, next))
    }

    /// Changes something, not sooner than the pace allows after the last change.
    pub(crate) async fn change(&self, call: &Call) -> Result<Answer, Error> {
        let mut state = self.state.lock().await;
        self.exchange(call, None, &mut state).await
    }

    /// As [`Self::change`], for what answers with something.
    pub(crate) async fn change_for<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        self.change(call).await?.decode(self.service, call, self.token.as_ref())
    }

    /// Sends a call, unless it is time to rest. A status of success, or 304 where `etag` was sent.
    async fn exchange(
        &self,
        call: &Call,
        etag: Option<&str>,
        state: &mut State,
    ) -> Result<Answer, Error> {
        let token = self.token.as_ref();
        if token.is_none() && !self.service.public {
            return Err(Error::NoToken {
                service: self.service,
                task: call.task.clone(),
                needs: call.needs,
            });
        }
        state.may_ask(call)?;
        if call.method != Method::GET {
            if let Some(written) = state.written {
                sleep_until(written + self.pace.between_writes).await;
            }
            state.written = Some(Instant::now());
        }
        let until = Instant::now() + self.pace.whole;
        let late = |_| call.unavailable(format!("no whole answer within {:?}", self.pace.whole));
        let response = timeout_at(until, self.follow(call, token, etag)).await.map_err(late)??;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = match timeout_at(until, read(response, call)).await {
            Ok(body) => body,
            Err(elapsed) => Err(late(elapsed)),
        };
        let (body, broken) = match body {
            Ok(body) => (body, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let answer = Answer { status, headers, body };
        self.note_limits(state, call, &answer)?;
        // Without its body, only these statuses say all that there is to know.
        match broken {
            Some(error) if !matches!(status, 401 | 404 | 410) => Err(error),
            _ => answer.check(self.service, call, token, etag.is_some()),
        }
    }

    /// Notes what an answer says of limits. An error where it is a refusal because of one.
    pub(super) fn note_limits(
        &self,
        state: &mut State,
        call: &Call,
        answer: &Answer,
    ) -> Result<(), Error> {
        let (signs, now) = (answer.signs(), Timestamp::now());
        state.limits.note(&signs, now);
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = state.limits.budget(now);
        if !signs.is_refusal() {
            return Ok(());
        }
        state.may_ask(call)?;
        // By a clock that was set back just now there is no rest.
        Err(call.unavailable(format!("it says that we ask too much ({})", signs.status)))
    }

    /// Sends a call to where it belongs now. To no other host: the token is meant for one.
    async fn follow(
        &self,
        call: &Call,
        token: Option<&Token>,
        etag: Option<&str>,
    ) -> Result<Response, Error> {
        let mut url = call.url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send(call, &url, token, etag).await?;
            if !matches!(response.status().as_u16(), 301 | 302 | 307 | 308) {
                return Ok(response);
            }
            let place = response.headers().get(header::LOCATION).and_then(|it| it.to_str().ok());
            let Some(place) = place.and_then(|it| url.join(it).ok()) else {
                let status = response.status().as_u16();
                return Err(
                    call.unavailable(format!("it sends us elsewhere ({status}), to nowhere"))
                );
            };
            if !self.base.is_home_of(&place) {
                let host = hide(token, place.host_str().unwrap_or("no host"));
                return Err(call.unavailable(format!(
                    "it sends us to another host, where the token does not belong: {host}"
                )));
            }
            url = place;
        }
        Err(call
            .unavailable(format!("it sends us elsewhere again and again, {MOST_REDIRECTS} times")))
    }

    async fn send(
        &self,
        call: &Call,
        url: &Url,
        token: Option<&Token>,
        etag: Option<&str>,
    ) -> Result<Response, Error> {
        let mut request = self.http.request(call.method.clone(), url.clone());
        for (name, value) in self.service.headers {
            request = request.header(*name, *value);
        }
        if let Some(value) = token.and_then(Token::header) {
            request = request.header(header::AUTHORIZATION, value);
        }
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        if let Some(body) = &call.body {
            request =
                request.header(header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        request.send().await.map_err(|error| call.unanswered(url, token, &error))
    }
}

/// The body of an answer, if it has a sensible size and form.
pub(super) async fn read(mut response: Response, call: &Call) -> Result<Vec<u8>, Error> {
    if is_packed(response.headers()) {
        return Err(call.unavailable("it answers with a packed body, which was not asked for"));
    }
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await.map_err(|error| {
            let cause = root_cause(&error);
            call.unavailable(format!("the answer broke off after {} bytes: {cause}", body.len()))
        })?;
        let Some(chunk) = chunk else { return Ok(body) };
        if body.len() + chunk.len() > MOST_BYTES {
            let most = MOST_BYTES >> 20;
            return Err(call.unavailable(format!("the answer has more than {most} MiB")));
        }
        body.extend_from_slice(&chunk);
    }
}

pub(super) fn is_packed(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_ENCODING).is_some_and(|it| it != "identity")
}
