//! Running `git`: no shell, a limit of time, and an end that is known. A git that is missing, was
//! killed or took too long is an error, never an answer.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    fs::File,
    io::{self, Read, Seek, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::error::GitError;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, OwnedFd},
    fs::{MemfdFlags, memfd_create},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open},
};

/// How long a git that was asked to end may take for it. It removes its lock files then.
const GRACE: Duration = Duration::from_secs(5);

/// How often a running git is left alone before looking whether it is to be stopped.
const SLICE: Duration = Duration::from_millis(100);

/// What git would take from the environment instead of from the checkout that we are in, as it does
/// when a hook of another repository started us.
const FOREIGN: [&str; 17] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// What holds for every run, whatever the user's config says: no work in the background, nothing
/// put aside or moved that was not asked for, no program that answers for the file system.
const PROTECTIONS: [&str; 10] = [
    "core.fsmonitor=false",
    "core.safecrlf=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "merge.autoStash=false",
    "rebase.autoStash=false",
    "rebase.updateRefs=false",
    // What is kept must survive a power cut too.
    "core.fsync=all",
    "core.fsyncMethod=batch",
];

/// The name of an object of git.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Oid(String);

impl Oid {
    /// The first digits: enough for a person to tell two apart.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..7]
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Oid {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let sound = matches!(text.len(), 40 | 64) && text.bytes().all(|it| it.is_ascii_hexdigit());
        sound.then(|| Self(text.to_owned())).ok_or(())
    }
}

/// Git in one folder.
#[derive(Debug, Clone)]
pub(super) struct Git {
    folder: PathBuf,
    limit: Duration,
    stop: Arc<AtomicBool>,
    /// Keeps ssh from asking for a password, which nobody would answer.
    quiet_ssh: bool,
}

impl Git {
    pub(super) fn new(folder: &Path, limit: Duration, stop: Arc<AtomicBool>) -> Self {
        Self { folder: folder.to_owned(), limit, stop, quiet_ssh: false }
    }

    /// The same in another folder.
    pub(super) fn at(&self, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ..self.clone() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The same, with an ssh that asks nothing, unless the user chose a program for it.
    pub(super) fn asking_nothing(&self) -> Result<Self, GitError> {
        let chosen = ["GIT_SSH_COMMAND", "GIT_SSH"].iter().any(|it| std::env::var_os(it).is_some())
            || self.call(["config", "--get", "core.sshCommand"]).holds()?;
        Ok(Self { quiet_ssh: !chosen, ..self.clone() })
    }

    /// A run of git with these arguments, still to be made.
    pub(super) fn call<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Call<'_> {
        Call {
            git: self,
            arguments: arguments.into_iter().map(|it| it.as_ref().to_owned()).collect(),
            environment: Vec::new(),
            input: Vec::new(),
            hooks: false,
            submodules: false,
            waits_for_others: false,
        }
    }
}

/// One run of git.
#[derive(Debug)]
pub(super) struct Call<'a> {
    git: &'a Git,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    input: Vec<u8>,
    hooks: bool,
    submodules: bool,
    waits_for_others: bool,
}

/// What a run that ended by itself came to.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: i32,
    pub(super) out: Vec<u8>,
    /// What it said on standard error, without hints and empty lines.
    pub(super) said: String,
}

impl Call<'_> {
    pub(super) fn set(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// On another index than the checkout's.
    pub(super) fn index(self, file: &Path) -> Self {
        self.set("GIT_INDEX_FILE", file)
    }

    pub(super) fn input(mut self, input: Vec<u8>) -> Self {
        self.input = input;
        self
    }

    /// As a person would run it: with the hooks of the repository.
    pub(super) fn with_hooks(mut self) -> Self {
        self.hooks = true;
        self
    }

    /// As the user's config says of submodules.
    pub(super) fn with_submodules(mut self) -> Self {
        self.submodules = true;
        self
    }

    /// It waits for other machines, so it is broken off when we are told to stop.
    pub(super) fn waiting_for_others(mut self) -> Self {
        self.waits_for_others = true;
        self
    }

    /// For people: what is run, without what only we need.
    fn name(&self) -> String {
        let words: Vec<_> = self.arguments.iter().take(4).map(|it| it.to_string_lossy()).collect();
        let more = if self.arguments.len() > 4 { " …" } else { "" };
        format!("`git {}{more}`", words.join(" ").replace(char::is_control, "\u{fffd}"))
    }

    /// Its answer, whatever the exit code.
    pub(super) fn answer(self) -> Result<Answer, GitError> {
        let name = self.name();
        let failed = |source| GitError::Start { command: name.clone(), source };
        let memory = |what| memfd_create(what, MemfdFlags::CLOEXEC).map(File::from);
        // Files in memory instead of pipes: a program that git leaves running and that holds its
        // output open, as ssh does, keeps nobody waiting.
        let (mut out, mut err, mut input) = (
            memory("git-out").map_err(|it| failed(it.into()))?,
            memory("git-err").map_err(|it| failed(it.into()))?,
            memory("git-in").map_err(|it| failed(it.into()))?,
        );
        input.write_all(&self.input).and_then(|()| input.rewind()).map_err(failed)?;
        let mut command = self.command();
        command.stdin(input);
        command.stdout(out.try_clone().map_err(failed)?);
        command.stderr(err.try_clone().map_err(failed)?);
        let child = command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound if self.git.folder.is_dir() => GitError::Missing,
            _ => failed(source),
        })?;
        let stop = self.waits_for_others.then_some(&*self.git.stop);
        let (ended, status) = wait(child, self.git.limit, stop).map_err(failed)?;
        let said = read(&mut err).map_err(failed)?;
        let said = shorten(&String::from_utf8_lossy(&said));
        match (ended, status.code()) {
            (Ended::TooLate, _) => Err(GitError::TimedOut { command: name, limit: self.git.limit }),
            (Ended::Stopped, _) => Err(GitError::Stopped { command: name }),
            (Ended::ByItself, None) => {
                let signal = status.signal().unwrap_or_default();
                Err(GitError::Killed { command: name, signal, said })
            }
            (Ended::ByItself, Some(code)) => {
                Ok(Answer { code, out: read(&mut out).map_err(failed)?, said })
            }
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        for protection in PROTECTIONS {
            command.args(["-c", protection]);
        }
        if !self.hooks {
            command.args(["-c", "core.hooksPath=/dev/null"]);
        }
        if !self.submodules {
            command.args(["-c", "submodule.recurse=false"]);
        }
        command.args(&self.arguments).current_dir(&self.git.folder);
        for name in FOREIGN {
            command.env_remove(name);
        }
        let always = [
            ("LC_ALL", "C"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_EDITOR", ":"),
            ("GIT_SEQUENCE_EDITOR", ":"),
            ("GIT_MERGE_AUTOEDIT", "no"),
            ("GIT_PAGER", "cat"),
        ];
        command.envs(always).env_remove("LANGUAGE");
        if self.git.quiet_ssh {
            command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        // A group of its own: it can be ended with all that it started, and Ctrl-C reaches only us.
        command.process_group(0);
        command
    }

    fn failed(command: String, answer: Answer) -> GitError {
        let Answer { code, out, said } = answer;
        // Of conflicts it tells on standard output.
        let said = if said.is_empty() { shorten(&String::from_utf8_lossy(&out)) } else { said };
        GitError::Failed { command, code, said }
    }

    /// Its output. An error unless it did what it was to do.
    pub(super) fn output(self) -> Result<Vec<u8>, GitError> {
        let name = self.name();
        let answer = self.answer()?;
        if answer.code == 0 { Ok(answer.out) } else { Err(Self::failed(name, answer)) }
    }

    /// Its output as one line of text.
    pub(super) fn line(self) -> Result<String, GitError> {
        let out = self.output()?;
        Ok(String::from_utf8_lossy(&out).trim_end_matches('\n').to_owned())
    }

    /// The name of an object that it prints.
    pub(super) fn oid(self) -> Result<Oid, GitError> {
        let command = self.name();
        let answer = self.line()?;
        answer.parse().map_err(|()| GitError::Odd { command, answer })
    }

    /// Whether what it asks is so: git says it by an exit code of 0 or 1.
    pub(super) fn holds(self) -> Result<bool, GitError> {
        let name = self.name();
        let answer = self.answer()?;
        match answer.code {
            0 => Ok(true),
            1 => Ok(false),
            _ => Err(Self::failed(name, answer)),
        }
    }
}

/// How a child came to its end.
enum Ended {
    ByItself,
    TooLate,
    Stopped,
}

/// Waits for the end of a child, and brings it about when it is time.
fn wait(
    mut child: Child,
    limit: Duration,
    stop: Option<&AtomicBool>,
) -> io::Result<(Ended, ExitStatus)> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("the process has no number"))?;
    // Not waited for yet, so its number is nobody else's.
    let handle = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => handle,
        Err(error) => {
            let _ = kill_process_group(pid, Signal::KILL);
            child.wait()?;
            return Err(error.into());
        }
    };
    // None where the limit is longer than time itself.
    let deadline = Instant::now().checked_add(limit);
    let why = loop {
        let left = deadline.map(|it| it.saturating_duration_since(Instant::now()));
        if has_ended(&handle, left.map_or(SLICE, |it| it.min(SLICE)))? {
            return Ok((Ended::ByItself, child.wait()?));
        }
        if stop.is_some_and(|it| it.load(Ordering::Relaxed)) {
            break Ended::Stopped;
        }
        if left.is_some_and(|it| it.is_zero()) {
            break Ended::TooLate;
        }
    };
    // With all that it started. Where they are gone by now there is nothing to end.
    let _ = kill_process_group(pid, Signal::TERM);
    has_ended(&handle, GRACE)?;
    let _ = kill_process_group(pid, Signal::KILL);
    Ok((why, child.wait()?))
}

/// Whether a process has ended, within so long at most.
fn has_ended(handle: &OwnedFd, within: Duration) -> io::Result<bool> {
    let within = Timespec::try_from(within).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
    match poll(&mut [PollFd::new(&handle.as_fd(), PollFlags::IN)], Some(&within)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn read(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What git said, as one line without its advice on what to type.
fn shorten(said: &str) -> String {
    let lines = said.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with("hint:"));
    let lines: Vec<_> = lines.take(12).collect();
    lines.join("; ").replace(char::is_control, " ")
}
