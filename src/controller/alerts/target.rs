//! One attempt to deliver a message.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use reqwest::header;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};

use super::{
    bound::{bound, passes},
    form::{self, Origin},
    secret::{Address, SigningKey},
};
use crate::{
    config::{
        Project,
        alerts::{Sink, SinkKind},
    },
    core::alert::Message,
    group::Group,
    http::answer::root_cause,
};

/// More than this of an answer is not read: a good one has no meaning, and a bad one says it at once.
const MOST_BYTES: usize = 1 << 10;

/// The headers of a signed message.
const SIGNATURE: &str = "x-redundancy-signature";
const TIMESTAMP: &str = "x-redundancy-timestamp";

/// Why an attempt failed. Nothing secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// What happened.
    pub(super) why: String,
    /// Whether the next attempt may work.
    pub(super) passes: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Failure {
    fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), passes: true }
    }

    fn lasting(why: impl Into<String>) -> Self {
        Self { why: why.into(), passes: false }
    }
}

/// Something that is asked for by HTTP, at an address that nobody may see.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    address: Address,
    limit: Duration,
}

impl Http {
    pub(super) fn new(address: Address, limit: Duration) -> Result<Self, String> {
        let mut client = crate::http::builder()
            .user_agent(concat!("redundancy/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limit)
            .timeout(limit)
            .redirect(reqwest::redirect::Policy::none());
        if address.is_loopback() {
            // A proxy has no business with it.
            client = client.no_proxy();
        }
        if address.is_plain() {
            // Some machines have no certificates, and none are needed.
            client = client.tls_certs_only([]);
        }
        let client = client.build().map_err(|error| {
            format!("cannot send anything from this machine: {}", root_cause(&error))
        })?;
        Ok(Self { client, address, limit })
    }

    /// Asks for the address.
    pub(super) async fn get(&self) -> Result<(), Failure> {
        self.finish(self.client.get(self.address.reveal().clone())).await
    }

    async fn post(&self, body: String, signature: Option<(String, String)>) -> Result<(), Failure> {
        let mut request = self.client.post(self.address.reveal().clone());
        request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        if let Some((timestamp, signature)) = signature {
            request = request.header(TIMESTAMP, timestamp);
            request = request.header(SIGNATURE, format!("sha256={signature}"));
        }
        self.finish(request).await
    }

    async fn finish(&self, request: reqwest::RequestBuilder) -> Result<(), Failure> {
        let sent = async {
            let mut response = request.send().await.map_err(|error| self.unanswered(&error))?;
            let status = response.status();
            if status.is_success() {
                return Ok(());
            }
            if status.is_redirection() {
                return Err(Failure::lasting(format!(
                    "it sends us elsewhere ({}), where nothing secret is sent: give the address \
                     where it is now",
                    status.as_u16()
                )));
            }
            let mut body = Vec::new();
            while let Ok(Some(chunk)) = response.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() > MOST_BYTES {
                    break;
                }
            }
            body.truncate(MOST_BYTES);
            let said = self.address.hide_in(&String::from_utf8_lossy(&body));
            let said = if said.is_empty() { said } else { format!(": {said}") };
            let why = format!("it answers {}{said}", status.as_u16());
            let passes = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
            Err(Failure { why, passes })
        };
        match timeout(self.limit, sent).await {
            Ok(done) => done,
            Err(_) => Err(self.late()),
        }
    }

    fn unanswered(&self, error: &reqwest::Error) -> Failure {
        if error.is_timeout() {
            return self.late();
        }
        let doing = if error.is_connect() { "cannot connect" } else { "no answer" };
        Failure::passing(format!("{doing}: {}", self.address.hide_in(&root_cause(error))))
    }

    fn late(&self) -> Failure {
        Failure::passing(format!("no answer within {:?}", self.limit))
    }
}

/// Whom a message is sent to.
#[derive(Debug)]
pub(super) struct Target {
    from: Origin,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Webhook { http: Http, key: Option<SigningKey> },
    Slack(Http),
    Alertmanager { http: Http, remind_every: Duration },
    Command { command: Vec<String>, folder: PathBuf, limit: Duration },
}

impl Target {
    /// The target of a sink of `project`, or what is missing for it.
    pub(super) fn new(sink: &Sink, project: &Project) -> Result<Self, String> {
        let limit = sink.timeout.0;
        let address = || {
            let variable = sink.url_env.as_deref().unwrap_or_default();
            Address::from_env(variable)
        };
        let place = match sink.kind {
            SinkKind::Webhook => Place::Webhook {
                http: Http::new(address()?, limit)?,
                key: sink.secret_env.as_deref().map(SigningKey::from_env).transpose()?,
            },
            SinkKind::Slack => Place::Slack(Http::new(address()?, limit)?),
            SinkKind::Alertmanager => Place::Alertmanager {
                http: Http::new(address()?.below(&["api", "v2", "alerts"]), limit)?,
                remind_every: project.config.alerts.remind_every.0,
            },
            SinkKind::Command => Place::Command {
                command: sink.command.clone(),
                folder: project.root.clone(),
                limit,
            },
        };
        Ok(Self { from: Origin::of(&project.root), place })
    }

    /// Delivers a message, or says why it could not be.
    pub(super) async fn deliver(&self, message: &Message) -> Result<(), Failure> {
        let from = &self.from;
        match &self.place {
            Place::Webhook { http, key } => {
                let body = form::own(message, from).to_string();
                let signature = match key {
                    None => None,
                    Some(key) => {
                        let timestamp = Timestamp::now().as_second().to_string();
                        let signature = key.sign(&timestamp, &body).map_err(Failure::lasting)?;
                        Some((timestamp, signature))
                    }
                };
                http.post(body, signature).await
            }
            Place::Slack(http) => http.post(form::slack(message, from).to_string(), None).await,
            Place::Alertmanager { http, remind_every } => {
                let body = form::alertmanager(message, from, *remind_every).to_string();
                http.post(body, None).await
            }
            Place::Command { command, folder, limit } => {
                let body = form::own(message, from).to_string();
                run(command, folder, body, *limit).await
            }
        }
    }
}

/// Runs a command with `body` on its standard input, and ends all of it when the time is over or when
/// this program is gone.
async fn run(
    command: &[String],
    folder: &Path,
    body: String,
    limit: Duration,
) -> Result<(), Failure> {
    let [program, arguments @ ..] = command else {
        return Err(Failure::lasting("it names no program"));
    };
    let mut child = Command::from(bound(program, arguments, folder))
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Failure::lasting(format!("cannot run {program:?}: {error}")))?;
    let mut group = Group::of(&child);
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let ran = async {
        if let Some(mut input) = input {
            // One that does not read it says by its exit code whether that is fine.
            let _ = input.write_all(body.as_bytes()).await;
        }
        let mut said = Vec::new();
        if let Some(output) = output {
            // What is missing of it, the exit code says.
            let _ = output.take(MOST_BYTES as u64).read_to_end(&mut said).await;
        }
        let ended = child.wait().await;
        // Its number may be another one's from now on.
        group.release();
        ended.map(|status| (status, said))
    };
    match timeout(limit, ran).await {
        Ok(Ok((status, _))) if status.success() => Ok(()),
        Ok(Ok((status, said))) if said.is_empty() => {
            Err(Failure::passing(format!("{program:?} ended with {status}")))
        }
        Ok(Ok((status, said))) => {
            let why = String::from_utf8_lossy(&said).into_owned();
            Err(Failure { why, passes: passes(status.code()) })
        }
        Ok(Err(error)) => Err(Failure::passing(format!("{program:?} was lost: {error}"))),
        Err(_) => Err(Failure::passing(format!("{program:?} did not end within {limit:?}"))),
    }
}
