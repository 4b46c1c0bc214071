//! Running a bundle in a process of its own, which gets little time and memory, no network, no
//! environment, and is gone afterwards with all that it started.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdStream},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::{
    io::Errno,
    process::{
        Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, kill_process_group, prlimit,
        test_kill_process_group, waitid,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::{LIMIT, PROBE, bundler::Bundle};
use crate::{config::model::FunctionTest, provider::netlify::tools::in_path};

/// The most that JavaScript's own memory may grow to, in MB: half of what Netlify gives a function,
/// which has to do for loading it.
const HEAP_MB: u64 = 512;

/// The most memory of all kinds, in bytes: what Netlify gives a function.
const MEMORY: u64 = 1024 * 1024 * 1024;

/// The largest file that it may write, in bytes.
const FILE: u64 = 16 * 1024 * 1024;

/// How much of each of its outputs is read to be kept, in bytes. The rest is dropped.
const KEPT: u64 = 64 * 1024;

/// How much it may write in all before it is ended, in bytes.
const FLOOD: u64 = 16 * 1024 * 1024;

/// The longest that Node.js is waited for where it runs nothing of the function: far longer than it
/// takes on a busy machine.
const NODE: Duration = Duration::from_secs(30);

/// Time between two looks at what is about to end.
const MOMENT: Duration = Duration::from_millis(10);

/// Node.js's own sandbox, by the names that it has had, and what is allowed in there all the same:
/// what packages do when they are loaded, and what reaches no network.
const SANDBOX: [&str; 2] = ["--permission", "--experimental-permission"];
const ALLOWED: [&str; 3] = ["--allow-addons", "--allow-wasi", "--allow-worker"];

/// Node.js, and what it knows of keeping a program in.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) program: PathBuf,
    pub(super) version: String,
    flags: Vec<String>,
}

#[derive(Deserialize)]
struct About {
    version: String,
    flags: Vec<String>,
}

impl Node {
    /// The one in `PATH`.
    pub(super) async fn find() -> Result<Self, String> {
        let program = in_path("node").ok_or_else(|| {
            "testing needs Node.js, and there is no `node` in PATH; install it".to_owned()
        })?;
        let failed = |why: String| format!("{} can't be used: {why}", program.display());
        let known = json!([SANDBOX.as_slice(), &ALLOWED].concat());
        let script = format!(
            "JSON.stringify({{ version: process.version, flags: {known}.filter((it) => \
             process.allowedNodeEnvironmentFlags.has(it)) }})"
        );
        let mut command = Command::new(&program);
        command.args(["--print", &script]).env_clear().envs(environment(Path::new("/")));
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(NODE, command.output()).await;
        let output = output.map_err(|_| failed("it does not answer".to_owned()))?;
        let output = output.map_err(|error| failed(error.to_string()))?;
        let about: About = serde_json::from_slice(&output.stdout)
            .map_err(|_| failed(format!("it does not say its version ({})", output.status)))?;
        let mut flags = about.flags;
        let sandbox = SANDBOX.iter().find(|name| flags.iter().any(|it| it == **name));
        let sandbox = sandbox.map(|it| (*it).to_owned());
        match sandbox {
            Some(sandbox) => {
                flags.retain(|it| ALLOWED.contains(&it.as_str()));
                flags.push(sandbox);
            }
            None => flags.clear(),
        }
        Ok(Self { program, version: about.version, flags })
    }

    fn has_sandbox(&self) -> bool {
        !self.flags.is_empty()
    }
}

/// The environment of what is tried: nothing of ours but where programs are.
pub(super) fn environment(home: &Path) -> BTreeMap<String, std::ffi::OsString> {
    let home = |key: &str| (key.to_owned(), home.as_os_str().to_owned());
    let path = std::env::var_os("PATH").map(|it| ("PATH".to_owned(), it));
    path.into_iter().chain([home("HOME"), home("TMPDIR")]).collect()
}

/// A group of processes, which ends with this value.
pub(super) struct Group(Option<Pid>);

impl Group {
    /// The group that `process` leads. It must not have been waited for.
    pub(super) fn of(process: &Child) -> Self {
        Self(process.id().and_then(|it| Pid::from_raw(it.cast_signed())))
    }

    fn kill(&mut self) -> Option<Pid> {
        let group = self.0.take()?;
        if let Err(error) = kill_process_group(group, Signal::KILL)
            && error != Errno::SRCH
        {
            tracing::warn!("cannot end process group {}: {error}", group.as_raw_nonzero());
        }
        Some(group)
    }

    /// Ends all of it, and gives how `process`, which leads it, ended.
    pub(super) async fn end(&mut self, process: &mut Child) -> io::Result<ExitStatus> {
        let group = self.kill();
        let status = timeout(NODE, process.wait()).await;
        let status = status.map_err(|_| io::Error::other("it can't be ended"))??;
        // Those that are killed are gone a moment later.
        for _ in 0..200 {
            let Some(group) = group else { break };
            if test_kill_process_group(group).is_err() {
                break;
            }
            sleep(MOMENT).await;
        }
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// A call of a function.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Call {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Option<String>,
    /// How long it may take, in milliseconds.
    limit: u64,
    /// The status that is expected.
    #[serde(skip)]
    pub(super) status: u16,
    #[serde(skip)]
    is_probe: bool,
}

impl Call {
    pub(super) fn probe(limit: Duration) -> Self {
        let headers = [(PROBE.to_owned(), "1".to_owned())].into();
        let call = Self::of(&FunctionTest::default(), limit);
        Self { headers, is_probe: true, ..call }
    }

    pub(super) fn of(test: &FunctionTest, limit: Duration) -> Self {
        let or = |it: &Option<String>, or: &str| it.clone().unwrap_or_else(|| or.to_owned());
        Self {
            method: or(&test.method, "GET"),
            path: or(&test.path, "/"),
            headers: test.headers.clone(),
            body: test.body.clone(),
            limit: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            status: test.status.unwrap_or(200),
            is_probe: false,
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_probe {
            f.write_str("its probe")
        } else {
            write!(f, "{} {}", self.method, self.path)
        }
    }
}

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
    if let Some(pid) = group.0 {
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
    if let (Stop::Silent, Some(pid)) = (&stop, group.0) {
        // So that how it ended is its own doing.
        wait_for_end(pid).await;
    }
    let status = group.end(&mut process).await.map_err(said)?;
    // What it wrote last. Nobody is left who could go on writing, or so it should be.
    let rest = async { tokio::join!(out.listen(FLOOD), err.listen(FLOOD)) };
    let _ = timeout(Duration::from_secs(1), rest).await;
    let loaded = answers.first().is_some();
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
        if node.has_sandbox() {
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

/// Sets what a process may use. It waits for its job meanwhile.
fn limit(pid: Pid, job: &Job<'_>) -> io::Result<()> {
    let runs = 1 + job.calls.len() as u64;
    // Twice what it may take: Node.js works on several processors.
    let seconds = NODE.as_secs() + 2 * runs * job.limit.max(LIMIT).as_secs();
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
    let text = json!({ "folder": folder, "file": file, "style": style, "name": job.name, "calls": job.calls });
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

/// Waits until a process has ended, and leaves it to be waited for by its parent. Not for ever: it may
/// have closed what it was heard by.
async fn wait_for_end(pid: Pid) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    for _ in 0..200 {
        match waitid(WaitId::Pid(pid), options) {
            Ok(None) => sleep(MOMENT).await,
            Ok(Some(_)) | Err(_) => return,
        }
    }
}

/// What a process wrote.
struct Heard<R> {
    from: R,
    kept: Vec<u8>,
    bytes: u64,
}

impl<R: AsyncRead + Unpin> Heard<R> {
    fn new(from: R) -> Self {
        Self { from, kept: Vec::new(), bytes: 0 }
    }

    /// Listens until it has written too much, and for ever where it does not.
    async fn flood(&mut self) {
        self.listen(FLOOD).await;
        if self.bytes <= FLOOD {
            std::future::pending().await
        }
    }

    /// Listens until there were more than so many bytes, or all that there are.
    async fn listen(&mut self, most: u64) {
        let mut chunk = [0; 8 * 1024];
        while self.bytes <= most {
            match self.from.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(n) => {
                    self.bytes += n as u64;
                    let room = usize::try_from(KEPT).unwrap_or(usize::MAX) - self.kept.len();
                    self.kept.extend_from_slice(&chunk[..n.min(room)]);
                }
            }
        }
    }
}

fn memory() -> String {
    let all = MEMORY / 1024 / 1024;
    format!("it needs more memory than a test gives ({HEAP_MB} MB of objects, {all} MB in all)")
}

/// How a process ended that should not have.
fn ended(status: ExitStatus, err: &[u8]) -> String {
    use std::os::unix::process::ExitStatusExt as _;

    let said = String::from_utf8_lossy(err);
    if ["heap out of memory", "out of memory", "OutOfMemory", "Cannot allocate memory"]
        .iter()
        .any(|it| said.contains(it))
    {
        return memory();
    }
    match (status.code(), status.signal()) {
        // Node.js's own code for this.
        (Some(13), _) => "it waits for something that never comes".to_owned(),
        (Some(code), _) => format!("it ends its process (exit code {code})"),
        (None, Some(signal)) => {
            format!("its process is ended by signal {signal}, as by a lack of memory or time")
        }
        (None, None) => "its process ends".to_owned(),
    }
}

/// What a backup logged of what went wrong.
fn told(out: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Line {
        source: String,
        message: Option<String>,
        detail: Option<String>,
    }
    let text = String::from_utf8_lossy(out);
    let lines = text.lines().filter_map(|it| serde_json::from_str::<Line>(it).ok());
    let line = lines.filter(|it| it.source == "redundancy").find(|it| it.message.is_some())?;
    let detail = line.detail.as_deref().and_then(|it| it.lines().next()).map(str::to_owned);
    let parts: Vec<String> = line.message.into_iter().chain(detail).collect();
    Some(cleaned(&parts.join(": ")))
}

/// One line, not too long and without what moves a cursor.
fn cleaned(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).take(700).collect()
}
