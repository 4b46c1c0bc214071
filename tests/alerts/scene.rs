//! A project with a process that fails until there is a file, and a service that is told.

use std::process::Command;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::{
    project::Project,
    running::Watch,
    server::{Reply, Request, Server, World},
    wait::wait_for,
};

/// What only the environment knows: a part of each address, and the key of the signature.
pub(crate) const SECRET_PATH: &str = "T0-s3cr3t-p4th";
pub(crate) const SECRET_KEY: &str = "k3y-0f-the-s1gnature";

/// A message that came.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) target: String,
    pub(crate) body: Value,
    text: String,
    timestamp: Option<String>,
    signature: Option<String>,
}

impl Told {
    /// `firing failed:embedded/w`.
    pub(crate) fn short(&self) -> String {
        let word = |key: &str| self.body[key].as_str().unwrap_or_default().to_owned();
        format!("{} {}", word("status"), word("key"))
    }

    /// Whether it is signed as the README says, with [`SECRET_KEY`].
    pub(crate) fn is_signed(&self) -> bool {
        let (Some(timestamp), Some(signature)) = (&self.timestamp, &self.signature) else {
            return false;
        };
        let mut hmac = Hmac::<Sha256>::new_from_slice(SECRET_KEY.as_bytes()).unwrap();
        hmac.update(format!("{timestamp}.{}", self.text).as_bytes());
        let digits = signature.strip_prefix("sha256=").unwrap();
        let bytes: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect();
        hmac.verify_slice(&bytes).is_ok()
    }
}

/// A status, headers and a body.
type Answer = (u16, Vec<(&'static str, String)>, Value);

/// Notes what it is told, and answers as it was asked to.
#[derive(Default)]
pub(crate) struct Listener {
    pub(crate) told: Vec<Told>,
    /// The answer to all of it, if not a plain 200.
    pub(crate) answer: Option<Answer>,
}

impl World for Listener {
    fn answer(&mut self, request: &Request) -> Reply {
        let header = |name: &str| request.headers.get(name).cloned();
        self.told.push(Told {
            target: request.target.clone(),
            body: request.body.clone(),
            text: request.text.clone(),
            timestamp: header("x-redundancy-timestamp"),
            signature: header("x-redundancy-signature"),
        });
        match &self.answer {
            None => Reply::empty(200),
            Some((status, headers, body)) => {
                Reply { status: *status, headers: headers.clone(), body: Some(body.clone()) }
            }
        }
    }
}

pub(crate) fn listener() -> Server<Listener> {
    Server::serve(|_| Listener::default())
}

/// What a service was told so far.
pub(crate) fn told(server: &Server<Listener>) -> Vec<String> {
    server.world().told.iter().map(Told::short).collect()
}

/// Waits until a service was told this last, and gives all that it was told.
#[track_caller]
pub(crate) fn wait_until_told(server: &Server<Listener>, last: &str) -> Vec<String> {
    wait_for(&format!("{last} is told"), || {
        let told = told(server);
        told.last().is_some_and(|it| it == last).then_some(told)
    })
}

/// A process that fails until there is the file `fine`, and is given up at once; another one that runs.
/// `alerts` is the rest of `[alerts]`.
pub(crate) fn failing(alerts: &str) -> Project {
    Project::new(&format!(
        "[controller]\nemergency_below = 0\n\
         [failover]\nmax_recovery_attempts = 0\n\
         [[process]]\nname = \"w\"\nmax_restarts = 0\n\
         command = [\"sh\", \"-c\", \"test -e fine && exec sleep 1000\"]\n\
         [[process]]\nname = \"v\"\ncommand = [\"sleep\", \"1000\"]\n\
         [alerts]\ncalm = \"10ms\"\n{alerts}"
    ))
}

/// A sink of this kind, whose address is in `HOOK`.
pub(crate) fn sink(kind: &str) -> String {
    format!("[[alerts.sink]]\nkind = \"{kind}\"\nurl_env = \"HOOK\"\n")
}

/// The program in `project`, with an address at `server` that is a secret.
pub(crate) fn command(project: &Project, server: &str, arguments: &[&str]) -> Command {
    let mut command = project.command(arguments);
    command.env("HOOK", format!("{server}/{SECRET_PATH}")).env("HOOK_KEY", SECRET_KEY);
    command
}

pub(crate) fn watch(project: &Project, server: &str) -> Watch {
    Watch::start(command(project, server, &["watch"]))
}

/// Fails where a secret is in `text`, also in part.
#[track_caller]
pub(crate) fn without_secrets(text: &str) {
    for secret in [SECRET_PATH, SECRET_KEY] {
        let pieces = (0..=secret.len() - 8).map(|at| &secret[at..at + 8]);
        assert!(!pieces.into_iter().any(|it| text.contains(it)), "a secret is in {text}");
    }
}

/// All that is written of a project, and what its verbs say.
pub(crate) fn everything_said(project: &Project) -> String {
    let verbs: [&[&str]; 5] = [
        &["history", "--limit", "1000"],
        &["status"],
        &["alerts"],
        &["alerts", "--json"],
        &["plan"],
    ];
    let said = verbs.map(|it| project.run(it)).map(|it| it.stdout + &it.stderr);
    let files = ["journal.db", "journal.db-wal", "heartbeat.json"];
    let files = files.map(|it| std::fs::read(project.path(&format!(".redundancy/{it}"))));
    let files = files.into_iter().flatten().map(|it| String::from_utf8_lossy(&it).into_owned());
    said.into_iter().chain(files).collect()
}
