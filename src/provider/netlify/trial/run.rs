//! Running a bundle in a process of its own, which gets little time and memory, no network, no
//! environment, and is gone afterwards with all that it started.

use std::{
    collections::BTreeMap,
    fs, io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdStream},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    process::Command,
    time::timeout,
};

use super::{
    LIMIT,
    bundler::Bundle,
    call::Call,
    group::{end, wait_for_end},
    node::{NODE, Node, environment},
    output::{FLOOD, Heard, KEPT, cleaned, ended, memory, told},
};

use crate::group::Group;

/// The most that JavaScript's own memory may grow to, in MB: half of what Netlify gives a function,
/// which has to do for loading it.
pub(super) const HEAP_MB: u64 = 512;

/// The most memory of all kinds, in bytes: what Netlify gives a function.
pub(super) const MEMORY: u64 = 1024 * 1024 * 1024;

/// The largest file that it may write, in bytes.
const FILE: u64 = 16 * 1024 * 1024;

/// What is to be run.
pub(super) struct Job<'a> {
    pub(super) bundle: &'a Bundle,
    pub(super) name: &'a str,
    pub(super) calls: &'a [Call],
    pub(super) env: &'a BTreeMap<String, String>,
    /// How long it may take to be loaded, and then for each call.
    pub(super) limit: Duration,
}

/// An answer to a call.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: Option<u16>,
    /// What a backup wrote of what went wrong.
    pub(super) told: Option<String>,
}

/// How it ended.
#[derive(Debug)]
pub(super) enum End {
    /// It was loaded and has answered all calls.
    Answered(Vec<Answer>),
    /// It does not work.
    Failed(String),
    /// It wanted something that no test gives.
    Refused(String),
}

/// A line of the script.
#[derive(Deserialize)]
#[serde(tag = "at", rename_all = "lowercase")]
enum Told {
    Begun,
    Loaded,
    Answered { status: Option<u16> },
    Done,
    Failed { what: String, why: Option<String>, place: Option<String>, refused: Option<bool> },
}

/// How it stopped telling.
enum Stop {
    Done,
    Failed(End),
    /// It has ended, or does not tell any more.
    Silent,
    Late,
    Flood,
}

/// Runs a bundle, below `home`. The error is about running it, and not about the function.
pub(super) async fn run(node: &Node, home: &Path, job: &Job<'_>) -> Result<End, String> {
    let said = |error: io::Error| error.to_string();
    let home = tempfile::Builder::new().prefix("run-").tempdir_in(home).map_err(said)?;
    let home = Place { _dir: &home, path: fs::canonicalize(home.path()).map_err(said)? };
    let (ours, theirs) = StdStream::pair().map_err(said)?;
    ours.set_nonblocking(true).map_err(said)?;
    let ours = UnixStream::from_std(ours).map_err(said)?;
    let mut process = home.command(node, job, theirs).map_err(said)?.spawn().map_err(said)?;
    let mut group = Group::of(&process);
    if let Some(pid) = group.leader() {
        limit(pid, job).map_err(said)?;
    }
    let (Some(out), Some(err)) = (process.stdout.take(), process.stderr.take()) else {
        return Err("its output can't be read".to_owned());
    };
    let (mut out, mut err) = (Heard::new(out), Heard::new(err));
    let mut answers = Vec::new();
    let stop = tokio::select! {
        stop = follow(ours, job, &mut answers) => stop.map_err(said)?,
        () = out.flood() => Stop::Flood,
        () = err.flood() => Stop::Flood,
    };
    if let (Stop::Silent, Some(pid)) = (&stop, group.leader()) {
        // So that how it ended is its own doing.
        wait_for_end(pid).await;
    }
    let status = end(&mut group, &mut process).await.map_err(said)?;
    // What it wrote last. Nobody is left who could go on writing, or so it should be.
    let rest = async { tokio::join!(out.listen(FLOOD), err.listen(FLOOD)) };
    let _ = timeout(Duration::from_secs(1), rest).await;
    let loaded = !answers.is_empty();
    let doing = match job.calls.get(answers.len().saturating_sub(1)).filter(|_| loaded) {
        Some(call) => format!("while {call} is answered"),
        None => "while it is loaded".to_owned(),
    };
    Ok(match stop {
        Stop::Done => {
            let told = told(&out.kept);
            // The first is that it was loaded.
            let answers = answers.into_iter().skip(1);
            End::Answered(answers.map(|status| Answer { status, told: told.clone() }).collect())
        }
        Stop::Failed(End::Failed(why)) => End::Failed(format!("{doing}, {why}")),
        Stop::Failed(End::Refused(why)) => End::Refused(format!("{doing}, {why}")),
        Stop::Failed(end) => end,
        Stop::Late => End::Failed(format!("{doing}, it takes more than {:?}", job.limit)),
        Stop::Flood => {
            let most = FLOOD / 1024 / 1024;
            End::Failed(format!("{doing}, it writes more than {most} MB of output"))
        }
        Stop::Silent => End::Failed(format!("{doing}, {}", ended(status, &err.kept))),
    })
}

/// A folder for one run.
struct Place<'a> {
    _dir: &'a tempfile::TempDir,
    path: PathBuf,
}

impl Place<'_> {
    fn command(&self, node: &Node, job: &Job<'_>, stdin: StdStream) -> io::Result<Command> {
        let (script, preload) = (self.path.join("run.mjs"), self.path.join("refuse.cjs"));
        fs::write(&script, include_str!("run.mjs"))?;
        fs::write(&preload, include_str!("refuse.cjs"))?;
        let scratch = self.path.join("home");
        fs::create_dir(&scratch)?;
        let mut command = Command::new(&node.program);
        command.arg("--no-warnings").arg(format!("--max-old-space-size={HEAP_MB}"));
        if !node.flags.is_empty() {
            let within = |flag: &str, folder: &Path| {
                let mut flag = std::ffi::OsString::from(flag);
                flag.push(folder.join("*"));
                flag
            };
            command
                .args(&node.flags)
                .arg(within("--allow-fs-read=", &self.path))
                .arg(within("--allow-fs-read=", &job.bundle.folder))
                .arg(within("--allow-fs-write=", &scratch));
        }
        command
            .arg("--require")
            .args([&preload, &script])
            .current_dir(&job.bundle.folder)
            .env_clear()
            .envs(environment(&scratch))
            .envs(job.env)
            .stdin(OwnedFd::from(stdin))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        Ok(command)
    }
}

impl Job<'_> {
    /// The longest that all of it may take, in seconds, on a busy machine.
    fn longest(&self) -> u64 {
        let runs = 1 + self.calls.len() as u64;
        // More is more than Node.js can count to.
        (NODE.as_secs() + runs * self.limit.max(LIMIT).as_secs()).min(2_000_000)
    }
}

/// Sets what a process may use. It waits for its job meanwhile.
fn limit(pid: Pid, job: &Job<'_>) -> io::Result<()> {
    // Node.js works on several processors.
    let seconds = 2 * job.longest();
    let limits = [
        (Resource::Data, MEMORY),
        (Resource::Fsize, FILE),
        (Resource::Core, 0),
        (Resource::Cpu, seconds),
    ];
    for (resource, most) in limits {
        let most = Rlimit { current: Some(most), maximum: Some(most) };
        prlimit(Some(pid), resource, most)?;
    }
    Ok(())
}

/// Gives it its job and listens to what becomes of that. The first of `answers` is none: that it was
/// loaded.
async fn follow(
    mut stream: UnixStream,
    job: &Job<'_>,
    answers: &mut Vec<Option<u16>>,
) -> io::Result<Stop> {
    let Bundle { folder, file, style, .. } = job.bundle;
    let text = json!({
        "folder": folder,
        "file": file,
        "style": style,
        "name": job.name,
        "calls": job.calls,
        "longest": 1000 * job.longest(),
    });
    // One that is gone already is heard of below.
    let given = async {
        stream.write_all(text.to_string().as_bytes()).await?;
        stream.shutdown().await
    };
    if let Err(error) = given.await {
        tracing::debug!("{} did not take its job: {error}", job.name);
    }
    let mut lines = BufReader::new(stream.take(KEPT));
    let mut line = Vec::new();
    // Its own time begins when Node.js has begun with it.
    let mut limit = NODE;
    loop {
        line.clear();
        match timeout(limit, lines.read_until(b'\n', &mut line)).await {
            Err(_) => return Ok(Stop::Late),
            // Broken off, or ended.
            Ok(Err(_) | Ok(0)) => return Ok(Stop::Silent),
            Ok(Ok(_)) => {}
        }
        limit = job.limit;
        match serde_json::from_slice(&line) {
            Ok(Told::Begun) => {}
            Ok(Told::Loaded) => answers.push(None),
            Ok(Told::Answered { status }) => answers.push(status),
            Ok(Told::Done) => return Ok(Stop::Done),
            Ok(Told::Failed { what, why, place, refused }) => {
                let why = why.map(|it| format!(": {it}")).unwrap_or_default();
                let place = place.map(|it| format!(" ({it} of the bundle)")).unwrap_or_default();
                let lacks = why.contains("Array buffer allocation failed");
                let lacks = if lacks { format!("; {}", memory()) } else { String::new() };
                let text = cleaned(&format!("{what}{why}{place}{lacks}"));
                let refused = refused.unwrap_or(false);
                let end = if refused { End::Refused(text) } else { End::Failed(text) };
                return Ok(Stop::Failed(end));
            }
            // Something else was written there.
            Err(_) => return Ok(Stop::Silent),
        }
    }
}
