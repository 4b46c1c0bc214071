//! What the kernel knows of processes: who lives, since when, how it ended; and signals.
//!
//! The formats of `/proc` are those of proc(5).

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::OsStringExt,
    },
    path::PathBuf,
    sync::OnceLock,
    time::Duration,
};

use rustix::{
    io::Errno,
    process::{
        Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open,
        pidfd_send_signal, test_kill_process_group, waitid,
    },
    time::{ClockId, clock_gettime},
};
use serde::{Deserialize, Serialize};
use tokio::io::{Interest, unix::AsyncFd};

use crate::{config::model::StopSignal, core::recovery::Exit, provider::Error};

/// One process, told from every other: a pid alone is given out again. When it becomes another program, it
/// is still the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pub(in crate::provider) pid: i32,
    /// When it started, in clock ticks since the boot: field 22 of `/proc/PID/stat`.
    pub(in crate::provider) start: u64,
    /// Which boot that was, and in which pid namespace: see [`boot_id`].
    pub(in crate::provider) boot: String,
}

impl ProcessId {
    /// The one that asks.
    pub(crate) fn this() -> Result<Self, Error> {
        let what = "find out which process this is";
        let found = Self::of(std::process::id().cast_signed(), what)?;
        found.ok_or_else(|| failed(what, &io::ErrorKind::NotFound.into()))
    }

    /// The one that has this pid now, if there is one. A zombie is still there. `what` is for the error.
    pub(in crate::provider) fn of(pid: i32, what: &str) -> Result<Option<Self>, Error> {
        let Some(stat) = stat(pid).map_err(|error| failed(what, &error))? else { return Ok(None) };
        Ok(Some(Self { pid, start: stat.start, boot: boot_id()? }))
    }

    /// Whether it has not ended. Where that can't be seen, it has not.
    pub(crate) fn lives(&self) -> bool {
        let same_boot = boot_id().map_or(true, |it| it == self.boot);
        same_boot && is_alive(self.pid, self.start).unwrap_or(true)
    }
}

/// A part of what `/proc/PID/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::provider) struct Stat {
    /// It has ended, and its parent has not asked how yet.
    pub(in crate::provider) zombie: bool,
    /// A signal has stopped it until another one lets it go on.
    pub(in crate::provider) frozen: bool,
    /// The process that it comes from.
    pub(in crate::provider) parent: i32,
    /// Its process group.
    pub(in crate::provider) group: i32,
    /// Its session.
    pub(in crate::provider) session: i32,
    /// See [`ProcessId::start`].
    pub(in crate::provider) start: u64,
    /// It is becoming another program, and the kernel has not given it its environment yet: the
    /// parent goes on a moment before that.
    pub(in crate::provider) becoming: bool,
}

/// Where pids mean what they mean now: the id of the running boot, and the pid namespace, since a
/// container that is started again numbers its processes anew. Fails where there is no `/proc`,
/// and then nothing may be concluded about any process.
pub(in crate::provider) fn boot_id() -> Result<String, Error> {
    // Neither changes while this program runs.
    static KNOWN: OnceLock<String> = OnceLock::new();
    if let Some(known) = KNOWN.get() {
        return Ok(known.clone());
    }
    let failed = |path: &str, error| {
        let what = "looking after processes needs Linux with /proc mounted";
        Error::Refused(format!("cannot read {path}: {error}; {what}"))
    };
    let path = "/proc/sys/kernel/random/boot_id";
    let id = fs::read_to_string(path).map_err(|error| failed(path, error))?;
    let path = "/proc/self/ns/pid";
    let namespace = fs::read_link(path).map_err(|error| failed(path, error))?;
    Ok(KNOWN.get_or_init(|| format!("{} {}", id.trim(), namespace.display())).clone())
}

/// What the kernel says of `pid`, or none when there is no such process.
pub(in crate::provider) fn stat(pid: i32) -> io::Result<Option<Stat>> {
    let mut buffer = [0; 1024];
    let read = File::open(format!("/proc/{pid}/stat")).and_then(|mut it| it.read(&mut buffer));
    match read {
        Ok(length) => parse_stat(&buffer[..length])
            .map(Some)
            .ok_or_else(|| io::Error::other(format!("/proc/{pid}/stat is not as expected"))),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(Errno::SRCH.raw_os_error())
}

/// Whether a file of a process can't be read because that is gone since, or another user's. Whatever else keeps
/// it from being read, such as too many open files, says nothing of the process.
pub(super) fn is_out_of_reach(error: &io::Error) -> bool {
    is_gone(error) || error.kind() == io::ErrorKind::PermissionDenied
}

/// The pid of every process that there is.
pub(super) fn pids() -> io::Result<impl Iterator<Item = io::Result<i32>>> {
    Ok(fs::read_dir("/proc")?.filter_map(|entry| match entry {
        Ok(entry) => entry.file_name().to_str()?.parse().ok().map(Ok),
        Err(error) => Some(Err(error)),
    }))
}

/// The program's name, in brackets, may itself hold brackets and blanks: what follows the last one
/// is plain.
fn parse_stat(bytes: &[u8]) -> Option<Stat> {
    let text = String::from_utf8_lossy(bytes);
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    Some(Stat {
        zombie: matches!(*fields.first()?, "Z" | "X"),
        frozen: *fields.first()? == "T",
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
        // It has memory (field 23), and in there no end of an environment (field 51).
        becoming: *fields.get(20)? != "0" && *fields.get(48)? == "0",
    })
}

/// Whether it runs. A zombie does not.
pub(in crate::provider) fn is_alive(pid: i32, start: u64) -> io::Result<bool> {
    Ok(stat(pid)?.is_some_and(|it| it.start == start && !it.zombie))
}

/// A handle that means this process for ever, even when its pid is given out again; none when it
/// is gone. A zombie is still there.
pub(in crate::provider) fn open(pid: i32, start: u64) -> io::Result<Option<OwnedFd>> {
    let Some(raw) = Pid::from_raw(pid) else { return Ok(None) };
    let handle = match pidfd_open(raw, PidfdFlags::empty()) {
        Ok(handle) => handle,
        Err(Errno::SRCH) => return Ok(None),
        Err(error @ (Errno::NOSYS | Errno::PERM)) => {
            return Err(io::Error::other(format!(
                "pidfd_open is not available ({error}); looking after processes needs Linux 5.4 or \
                 later, and a sandbox that lets pidfd_open pass"
            )));
        }
        Err(error) => return Err(error.into()),
    };
    // The pid could have been given out again before the handle was made.
    Ok(stat(pid)?.is_some_and(|it| it.start == start).then_some(handle))
}

/// What a handle's process is doing.
pub(in crate::provider) enum Fate {
    /// It runs.
    Alive,
    /// It ended, and it was a child of ours, so the kernel told how.
    Ended(Exit),
    /// It is gone, and nobody told us how.
    Gone,
}

/// Asks what became of a process, and takes the exit status of a child that has ended.
pub(in crate::provider) fn fate(handle: &impl AsFd, process: &ProcessId) -> io::Result<Fate> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    match waitid(WaitId::PidFd(handle.as_fd()), options) {
        Ok(None) => Ok(Fate::Alive),
        Ok(Some(status)) => Ok(Fate::Ended(match status.terminating_signal() {
            Some(signal) => Exit::Signal(signal),
            None => status.exit_status().map_or(Exit::Unseen, Exit::Code),
        })),
        Err(Errno::CHILD) => {
            let alive = is_alive(process.pid, process.start)?;
            Ok(if alive { Fate::Alive } else { Fate::Gone })
        }
        Err(error) => Err(error.into()),
    }
}

/// How long ago something started that started `ticks` after the boot.
pub(in crate::provider) fn age(ticks: u64) -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let now = Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0));
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let started = Duration::from_secs(ticks / per_second)
        + Duration::from_secs(1) * u32::try_from(ticks % per_second).unwrap_or(0)
            / u32::try_from(per_second).unwrap_or(1);
    now.saturating_sub(started)
}

/// What becomes readable when the process of a handle ends.
#[expect(deprecated, reason = "its successor is unsafe; an owned handle is what it asks for")]
pub(in crate::provider) fn await_end<T: AsRawFd + AsFd>(handle: T) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(handle, Interest::READABLE)
}

/// The command line of a process: each part ends with a zero. Nothing where it is out of reach.
pub(in crate::provider) fn command_line(pid: i32) -> io::Result<Vec<u8>> {
    match fs::read(format!("/proc/{pid}/cmdline")) {
        Err(error) if is_out_of_reach(&error) => Ok(Vec::new()),
        read => read,
    }
}

/// The command line and the working folder of a running process, as far as they can be read.
pub(in crate::provider) fn command_and_folder(pid: i32) -> (Vec<String>, Option<PathBuf>) {
    let bytes = command_line(pid).unwrap_or_default();
    let parts = bytes.strip_suffix(&[0]).unwrap_or(&bytes).split(|b| *b == 0);
    let text = |it: &[u8]| OsString::from_vec(it.to_vec()).to_string_lossy().into_owned();
    (parts.map(text).collect(), fs::read_link(format!("/proc/{pid}/cwd")).ok())
}

/// Sends `signal` to every process of a group. None there is fine; and those of another user, which
/// we may not signal, are found by whoever looks what is left.
pub(in crate::provider) fn signal_group(group: i32, signal: Signal) -> io::Result<()> {
    let Some(group) = Pid::from_raw(group) else { return Ok(()) };
    match kill_process_group(group, signal) {
        Ok(()) | Err(Errno::SRCH | Errno::PERM) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Sends `signal` to the process of a handle. As with [`signal_group`], it may be gone or another
/// user's.
pub(in crate::provider) fn signal(handle: &impl AsFd, signal: Signal) -> io::Result<()> {
    match pidfd_send_signal(handle, signal) {
        Ok(()) | Err(Errno::SRCH | Errno::PERM) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether the group of `leader` can't be another one by now. While a group has members, the
/// kernel gives its number to no new process: so it is the same as long as the number is either
/// the leader's or nobody's.
pub(in crate::provider) fn owns_its_group(leader: &ProcessId) -> io::Result<bool> {
    let same_boot = boot_id().is_ok_and(|boot| boot == leader.boot);
    Ok(same_boot && stat(leader.pid)?.is_none_or(|it| it.start == leader.start))
}

/// Whether a group has any members, zombies among them. One without stays so: nobody can join it.
pub(in crate::provider) fn has_members(group: i32) -> bool {
    Pid::from_raw(group).is_some_and(|it| test_kill_process_group(it) != Err(Errno::SRCH))
}

/// Kills what is left of the group of a leader that has ended.
pub(in crate::provider) fn kill_remains(leader: &ProcessId) -> io::Result<()> {
    if owns_its_group(leader)? { signal_group(leader.pid, Signal::KILL) } else { Ok(()) }
}

/// This process and all that it comes from.
pub(in crate::provider) fn ancestors() -> io::Result<BTreeSet<i32>> {
    let mut found = BTreeSet::new();
    let mut at = i32::try_from(std::process::id()).map_err(io::Error::other)?;
    while at > 0 && found.insert(at) {
        at = stat(at)?.map_or(0, |it| it.parent);
    }
    Ok(found)
}

/// The config's signal as the kernel's.
pub(in crate::provider) fn signal_of(signal: StopSignal) -> Signal {
    match signal {
        StopSignal::SIGTERM => Signal::TERM,
        StopSignal::SIGINT => Signal::INT,
        StopSignal::SIGQUIT => Signal::QUIT,
        StopSignal::SIGHUP => Signal::HUP,
        StopSignal::SIGUSR1 => Signal::USR1,
        StopSignal::SIGUSR2 => Signal::USR2,
    }
}

/// What the kernel refused. Only too many open files pass by themselves.
pub(in crate::provider) fn failed(what: &str, error: &io::Error) -> Error {
    let said = format!("cannot {what}: {error}");
    match error.raw_os_error() {
        // EMFILE and ENFILE.
        Some(23 | 24) => Error::Passing(format!("{said}; raise the limit (`ulimit -n`)")),
        Some(_) => Error::Passing(said),
        None => Error::Refused(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_be_called_anything() {
        let line = |memory: u32, environment: u32| {
            let middle = "S 1 42 41 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 777";
            let zeros = "0 ".repeat(27);
            format!("42 (a) R 9 (b) {middle} {memory} {zeros}{environment} 0\n")
        };
        let started = Stat {
            zombie: false,
            frozen: false,
            parent: 1,
            group: 42,
            session: 41,
            start: 777,
            becoming: false,
        };
        assert_eq!(parse_stat(line(8192, 4096).as_bytes()), Some(started));
        assert_eq!(parse_stat(line(0, 0).as_bytes()), Some(started), "one of the kernel's own");
        let becoming = Stat { becoming: true, ..started };
        assert_eq!(parse_stat(line(8192, 0).as_bytes()), Some(becoming));
        assert_eq!(parse_stat(b"42 (a"), None);
    }

    #[test]
    fn this_process_lives_and_is_not_older_than_the_machine() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let stat = stat(pid).unwrap().unwrap();
        assert!(is_alive(pid, stat.start).unwrap());
        assert!(!is_alive(pid, stat.start + 1).unwrap(), "another start is another process");
        let this = ProcessId::this().unwrap();
        assert!(this.lives() && !ProcessId { start: stat.start + 1, ..this }.lives());
        assert!(open(pid, stat.start + 1).unwrap().is_none());
        assert!(age(stat.start) < age(0));
    }

    #[test]
    fn a_group_of_another_boot_or_of_a_number_given_out_again_is_not_touched() {
        let this = ProcessId::this().unwrap();
        assert!(owns_its_group(&this).unwrap());
        assert!(!owns_its_group(&ProcessId { start: this.start + 1, ..this.clone() }).unwrap());
        assert!(!owns_its_group(&ProcessId { boot: "another".to_owned(), ..this }).unwrap());
    }
}
