//! Calls to PM2's daemon: each of them typed, because one that the daemon does not expect ends the
//! daemon and every process with it.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use tokio::{io::AsyncWriteExt, net::UnixStream};

use super::{
    listed::{Listed, PmId},
    wire::{self, FrameError},
};
use crate::provider::Error;

/// How long the daemon may take to answer a question.
const ANSWER: Duration = Duration::from_secs(5);

/// How long it may take to do something, beyond what the process itself may take.
const ACT: Duration = Duration::from_secs(15);

/// The longest part of what the daemon says that is passed on.
const LONGEST_WORD: usize = 300;

/// Why there is no daemon to talk to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// There is no socket: it never ran, or was shut down in order.
    NoSocket,
    /// There is a socket and nobody behind it: it was killed.
    Stale,
}

/// A connection to the daemon. Its calls are made one after the other.
pub(super) struct Client {
    stream: UnixStream,
    /// The process id of the daemon, by the kernel's word.
    pub(super) pid: i32,
    calls: u64,
    /// Whether a frame was begun, in either direction, and not brought to its end. What is sent after a part of
    /// a frame is read as the rest of it.
    within_frame: bool,
}

/// The socket for calls.
pub(super) fn socket(home: &Path) -> PathBuf {
    home.join("rpc.sock")
}

/// Connects to a socket of the daemon at `home`, without ever starting one.
pub(super) async fn connect(path: &Path) -> Result<Result<UnixStream, Absence>, Error> {
    let shown = path.display();
    match tokio::time::timeout(ANSWER, UnixStream::connect(path)).await {
        Ok(Ok(stream)) => Ok(Ok(stream)),
        Ok(Err(error)) => match error.kind() {
            io::ErrorKind::NotFound => Ok(Err(Absence::NoSocket)),
            io::ErrorKind::ConnectionRefused => Ok(Err(Absence::Stale)),
            io::ErrorKind::PermissionDenied => Err(Error::Refused(format!(
                "cannot connect to PM2 at {shown}: {error}; it belongs to another user: run this \
                 tool as that one, or name another `home` in [pm2]"
            ))),
            _ => Err(Error::Passing(format!("cannot connect to PM2 at {shown}: {error}"))),
        },
        Err(_) => Err(silent(&format!("take a connection at {shown}"), ANSWER)),
    }
}

fn silent(what: &str, limit: Duration) -> Error {
    let seconds = limit.as_secs();
    Error::Passing(format!("PM2's daemon did not {what} within {seconds} s; it hangs"))
}

impl Client {
    /// A connection to the daemon at `home`, or why there is none to connect to.
    pub(super) async fn connect(home: &Path) -> Result<Result<Self, Absence>, Error> {
        let path = socket(home);
        let stream = match connect(&path).await? {
            Ok(stream) => stream,
            Err(absence) => return Ok(Err(absence)),
        };
        let peer = stream.peer_cred().map_err(|error| {
            Error::Passing(format!("cannot tell who is behind {}: {error}", path.display()))
        })?;
        // What is sent there holds what the config keeps to itself, and runs as whoever it is.
        if peer.uid() != rustix::process::geteuid().as_raw() {
            return Err(Error::Refused(format!(
                "PM2 at {} belongs to another user (uid {}); run this tool as that one, or name \
                 another `home` in [pm2]",
                home.display(),
                peer.uid()
            )));
        }
        let pid = peer.pid().unwrap_or(0);
        Ok(Ok(Self { stream, pid, calls: 0, within_frame: false }))
    }

    /// The version of the daemon, which may be another than that of the program.
    pub(super) async fn version(&mut self) -> Result<String, Error> {
        self.call("getVersion", [json!({})], ANSWER).await
    }

    /// Every process that the daemon knows.
    pub(super) async fn list(&mut self) -> Result<Vec<Listed>, Error> {
        self.call("getMonitorData", [json!({})], ANSWER).await
    }

    /// Registers what `definition` says, and starts it unless that says `stopped`.
    pub(super) async fn prepare(&mut self, definition: &Prepared) -> Result<Vec<Started>, Error> {
        let wait = definition.longest_start();
        self.call("prepare", [&definition.0], ACT.saturating_add(wait)).await
    }

    /// Starts a process that was registered or stopped, and may take this long to be ready.
    pub(super) async fn start(&mut self, id: u64, ready: Duration) -> Result<(), Error> {
        self.act("startProcessId", json!(id), ready).await
    }

    /// Stops and starts a process, and begins its counts anew. It may take this long for both.
    pub(super) async fn restart(&mut self, id: u64, both: Duration) -> Result<(), Error> {
        self.act("restartProcessId", json!({ "id": id, "env": {} }), both).await
    }

    /// Stops a process. One that is stopped stays so.
    pub(super) async fn stop(&mut self, id: u64, kill: Duration) -> Result<(), Error> {
        self.act("stopProcessId", json!(id), kill).await
    }

    /// Stops a process and forgets it.
    pub(super) async fn delete(&mut self, id: &PmId, kill: Duration) -> Result<(), Error> {
        self.act("deleteProcessId", json!(id), kill).await
    }

    /// Starts one more instance of a process, which may take this long to be ready.
    pub(super) async fn duplicate(&mut self, id: u64, ready: Duration) -> Result<(), Error> {
        self.act("duplicateProcessId", json!(id), ready).await
    }

    async fn act(&mut self, method: &str, argument: Value, own: Duration) -> Result<(), Error> {
        // What comes back is the daemon's own view of the process, which the next look asks for.
        self.call::<Value>(method, [argument], ACT.saturating_add(own)).await.map(drop)
    }

    async fn call<T: DeserializeOwned>(
        &mut self,
        method: &str,
        arguments: [impl Serialize; 1],
        limit: Duration,
    ) -> Result<T, Error> {
        if self.within_frame {
            return Err(Error::Passing(format!(
                "PM2's daemon was not asked for `{method}`: an earlier call was broken off in the middle"
            )));
        }
        self.calls += 1;
        let call = json!({ "type": "call", "method": method, "args": arguments });
        let id = format!("s:{}", self.calls);
        let frame = wire::frame(format!("j:{call}").as_bytes(), id.as_bytes());
        let Self { stream, within_frame, .. } = self;
        let exchange = async {
            let frame = frame?;
            *within_frame = true;
            stream.write_all(&frame).await?;
            *within_frame = false;
            loop {
                wire::head(stream).await?;
                *within_frame = true;
                let (reply, of) = wire::arguments(stream).await?;
                *within_frame = false;
                // An answer that came too late belongs to a call that was given up.
                if of == id.as_bytes() {
                    return Ok(reply);
                }
            }
        };
        let reply: Result<Vec<u8>, FrameError> = tokio::time::timeout(limit, exchange)
            .await
            .map_err(|_| silent(&format!("answer `{method}`"), limit))?;
        let reply = reply.map_err(|error| {
            Error::Passing(format!("PM2's daemon did not answer `{method}`: {error}"))
        })?;
        understand(method, &reply)
    }
}

/// What the daemon answers.
#[derive(Deserialize)]
struct Reply<T> {
    error: Option<Value>,
    args: Option<Vec<T>>,
}

fn understand<T: DeserializeOwned>(method: &str, reply: &[u8]) -> Result<T, Error> {
    let strange =
        |why: String| Error::Passing(format!("PM2's daemon answered `{method}` strangely: {why}"));
    let json = reply.strip_prefix(b"j:").ok_or_else(|| strange("that is no JSON".to_owned()))?;
    let place = |error: serde_json::Error| {
        // Not the error's own words: they quote what was found, which may be a secret.
        strange(format!("line {}, column {}: not as expected", error.line(), error.column()))
    };
    // An error first: what else is there then has another form.
    let reply: Reply<serde::de::IgnoredAny> = match serde_json::from_slice(json) {
        Ok(reply) => reply,
        Err(error) => return Err(place(error)),
    };
    if let Some(error) = reply.error {
        let said = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
        return Err(Error::Passing(format!("PM2's daemon refused `{method}`: {}", first(&said))));
    }
    let reply: Reply<T> = serde_json::from_slice(json).map_err(place)?;
    let result = reply.args.and_then(|args| args.into_iter().next());
    match result {
        Some(result) => Ok(result),
        None => serde_json::from_value(Value::Null).map_err(place),
    }
}

/// The first line of what the daemon said, not too long and without what moves a cursor.
fn first(said: &str) -> String {
    let line = said.lines().next().unwrap_or_default();
    line.chars().filter(|it| !it.is_control()).take(LONGEST_WORD).collect()
}

/// A definition that the daemon can take without harm: it has what the daemon relies on.
#[derive(Clone)]
pub(super) struct Prepared(Map<String, Value>);

/// What a definition lacks. Without any of these the daemon crashes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("it lacks `{0}`")]
pub(super) struct Lacking(&'static str);

impl TryFrom<Map<String, Value>> for Prepared {
    type Error = Lacking;

    fn try_from(map: Map<String, Value>) -> Result<Self, Lacking> {
        let is = |key, kind: fn(&Value) -> bool| map.get(key).is_some_and(kind);
        if !is("env", Value::is_object) {
            return Err(Lacking("env"));
        }
        let texts = [
            "name",
            "pm_exec_path",
            "pm_pid_path",
            "pm_out_log_path",
            "pm_err_log_path",
            "exec_mode",
            "exec_interpreter",
        ];
        match texts.into_iter().find(|key| !is(key, Value::is_string)) {
            Some(key) => Err(Lacking(key)),
            None => Ok(Self(map)),
        }
    }
}

impl Prepared {
    /// How long it may take until all instances say that they are ready: they are started in turn.
    fn longest_start(&self) -> Duration {
        let number = |key| self.0.get(key).and_then(Value::as_u64).unwrap_or(0);
        let instances = u32::try_from(number("instances")).unwrap_or(u32::MAX).max(1);
        Duration::from_millis(number("listen_timeout")).saturating_mul(instances)
    }

    /// The same, as one that ran when `past` did.
    pub(super) fn with_past_of(mut self, past: &Listed) -> Self {
        let table = &past.pm2_env;
        for (key, at) in [("pm_uptime", table.pm_uptime), ("created_at", table.created_at)] {
            self.0.extend(at.map(|at| (key.to_owned(), at.into())));
        }
        self
    }

    /// The same, to be registered and not started.
    pub(super) fn stopped(mut self) -> Self {
        self.0.insert("status".to_owned(), "stopped".into());
        self
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        self.0.get("name").and_then(Value::as_str).unwrap_or_default()
    }
}

/// A process that was just registered.
#[derive(Deserialize)]
pub(super) struct Started {
    process: Option<Pid>,
    pm2_env: StartedEnv,
}

#[derive(Deserialize)]
struct Pid {
    pid: Option<i64>,
}

#[derive(Deserialize)]
struct StartedEnv {
    status: String,
    pm_id: PmId,
}

impl Started {
    /// Its number.
    pub(super) fn id(&self) -> &PmId {
        &self.pm2_env.pm_id
    }

    /// Whether the daemon says that it runs, and has no process to show for it.
    pub(super) fn is_ghost(&self) -> bool {
        let runs = matches!(self.pm2_env.status.as_str(), "online" | "launching");
        // A worker of a cluster is shown by another object, which holds its pid elsewhere.
        runs && self.process.as_ref().is_some_and(|it| it.pid.is_none())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[test]
    fn an_answer_is_understood_or_refused_without_quoting_it() {
        assert_eq!(understand::<String>("m", br#"j:{"args":["7.0.4"]}"#).unwrap(), "7.0.4");
        assert_eq!(understand::<Value>("m", br#"j:{"args":[]}"#).unwrap(), Value::Null);
        let said = |bytes: &[u8]| understand::<u32>("m", bytes).unwrap_err().to_string();
        assert_eq!(
            said(b"j:{\"error\":\"99 : id \x1b[31munknown\\n  at x\",\"stack\":\"s\"}"),
            "PM2's daemon answered `m` strangely: line 1, column 19: not as expected"
        );
        assert_eq!(
            said(br#"j:{"error":"99 : id unknown\n  at x","stack":"s"}"#),
            "PM2's daemon refused `m`: 99 : id unknown"
        );
        assert!(!said(br#"j:{"args":["hush-hush"]}"#).contains("hush-hush"));
        assert!(said(b"hello").contains("no JSON"));
    }

    /// A definition is longer than what the kernel keeps for a daemon that does not read.
    #[tokio::test]
    async fn nothing_is_sent_after_a_part_of_a_call() {
        let (stream, mut daemon) = UnixStream::pair().unwrap();
        let mut client = Client { stream, pid: 0, calls: 0, within_frame: false };
        let (long, soon) = ("x".repeat(2 * 1024 * 1024), Duration::from_millis(100));
        let late = client.call::<Value>("prepare", [&long], soon).await.unwrap_err().to_string();
        assert!(late.contains("did not answer `prepare`"), "{late}");
        let next = client.call::<Value>("stop", [json!(1)], soon).await.unwrap_err().to_string();
        assert!(next.contains("was not asked for `stop`"), "{next}");
        drop(client);
        let mut sent = Vec::new();
        daemon.read_to_end(&mut sent).await.unwrap();
        assert!(sent.len() < long.len() && sent.ends_with(b"xxx"), "{} bytes", sent.len());
    }

    #[tokio::test]
    async fn an_answer_that_comes_too_late_is_passed_over() {
        let (stream, mut daemon) = UnixStream::pair().unwrap();
        let mut client = Client { stream, pid: 0, calls: 0, within_frame: false };
        let soon = Duration::from_millis(50);
        client.call::<Value>("list", [json!({})], soon).await.unwrap_err();
        for (reply, id) in [("j:{\"args\":[1]}", "s:1"), ("j:{\"args\":[2]}", "s:2")] {
            let frame = wire::frame(reply.as_bytes(), id.as_bytes()).unwrap();
            daemon.write_all(&frame).await.unwrap();
        }
        assert_eq!(client.call::<u32>("list", [json!({})], ANSWER).await.unwrap(), 2);
    }

    #[test]
    fn a_definition_that_would_end_the_daemon_is_not_sent() {
        let whole = json!({
            "name": "a", "env": {}, "pm_exec_path": "/bin/true", "pm_pid_path": "/p", "exec_mode":
            "fork_mode", "exec_interpreter": "none", "pm_out_log_path": "/o", "pm_err_log_path": "/e",
        });
        let Value::Object(whole) = whole else { panic!("it is an object") };
        assert!(Prepared::try_from(whole.clone()).is_ok());
        for key in whole.keys() {
            let mut lacking = whole.clone();
            lacking.remove(key);
            assert!(Prepared::try_from(lacking).is_err(), "{key}");
        }
        let slow = [("instances".to_owned(), json!(4)), ("listen_timeout".to_owned(), json!(9000))];
        let slow = Prepared::try_from(whole.clone().into_iter().chain(slow).collect::<Map<_, _>>());
        assert_eq!(slow.ok().map(|it| it.longest_start()), Some(Duration::from_secs(36)));
        let env = Map::from_iter([("env".to_owned(), json!("text"))]);
        assert!(Prepared::try_from(whole.into_iter().chain(env).collect::<Map<_, _>>()).is_err());
    }
}
