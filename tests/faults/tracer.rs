//! Runs the program and stops it at each call by which it changes something outside itself.

use std::{
    collections::HashMap,
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::{
        ptrace::{self, Options},
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

/// How long after it was asked whether the program shall end that is asked again.
const SOON: Duration = Duration::from_millis(20);

/// How often one that waits is asked.
const OFTEN: Duration = Duration::from_millis(50);

/// How long one run may take, on a machine that has much else to do.
const LONGEST: Duration = Duration::from_mins(1);

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: the calls are only counted.
    None,
    /// The program is killed before the call of this number, from 1.
    Kill {
        /// Which call.
        at: usize,
    },
    /// Nothing, and whoever runs it does something else at the call of this number.
    Meanwhile {
        /// Which call.
        at: usize,
    },
    /// The call of this number fails, if it is one of the disk's, and `all` that come after it too.
    Disk {
        /// Which call.
        at: usize,
        /// With what.
        errno: Errno,
        /// Whether it stays so.
        all: bool,
    },
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// How many calls there were.
    pub(crate) calls: usize,
    /// The exit code; none where it was killed.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it said.
    pub(crate) stderr: String,
}

/// A call by which something outside the program is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// One that changes what is on the disk, by the number of its name.
    Disk(u64),
    /// One that begins or ends a process.
    Process(u64),
    /// One by which it will be told of changes of files.
    Listen,
}

/// The numbers of the calls, by the kernel's table for this architecture (`syscall_64.tbl`).
mod number {
    pub(super) const WRITE: u64 = 1;
    pub(super) const PWRITE64: u64 = 18;
    pub(super) const WRITEV: u64 = 20;
    pub(super) const FSYNC: u64 = 74;
    pub(super) const FDATASYNC: u64 = 75;
    pub(super) const FTRUNCATE: u64 = 77;
    pub(super) const RENAME: u64 = 82;
    pub(super) const MKDIR: u64 = 83;
    pub(super) const LINK: u64 = 86;
    pub(super) const UNLINK: u64 = 87;
    pub(super) const VFORK: u64 = 58;
    pub(super) const KILL: u64 = 62;
    pub(super) const INOTIFY_ADD_WATCH: u64 = 254;
    pub(super) const OPENAT: u64 = 257;
    pub(super) const MKDIRAT: u64 = 258;
    pub(super) const UNLINKAT: u64 = 263;
    pub(super) const RENAMEAT: u64 = 264;
    pub(super) const LINKAT: u64 = 265;
    pub(super) const RENAMEAT2: u64 = 316;
    pub(super) const PIDFD_SEND_SIGNAL: u64 = 424;
    pub(super) const CLONE3: u64 = 435;
    /// What no call has: it does nothing.
    pub(super) const NONE: u64 = u64::MAX;
}

/// The flag of `openat` by which a file may come to be.
const O_CREAT: u64 = 0o100;

impl Call {
    /// The call that `pid` is about to make, if it is one of these.
    fn of(pid: Pid, registers: &nix::libc::user_regs_struct) -> Option<Self> {
        use number::{
            CLONE3, FDATASYNC, FSYNC, FTRUNCATE, INOTIFY_ADD_WATCH, KILL, LINK, LINKAT, MKDIR,
            MKDIRAT, OPENAT, PIDFD_SEND_SIGNAL, PWRITE64, RENAME, RENAMEAT, RENAMEAT2, UNLINK,
            UNLINKAT, VFORK, WRITE, WRITEV,
        };
        let (number, first, third) = (registers.orig_rax, registers.rdi, registers.rdx);
        match number {
            // Not those by which it wakes itself.
            WRITE | WRITEV | PWRITE64 if !is_file(pid, first) => None,
            OPENAT if third & O_CREAT == 0 => None,
            WRITE | WRITEV | PWRITE64 | OPENAT | FSYNC | FDATASYNC | FTRUNCATE | RENAME
            | RENAMEAT | RENAMEAT2 | MKDIR | MKDIRAT | LINK | LINKAT | UNLINK | UNLINKAT => {
                Some(Self::Disk(number))
            }
            VFORK | CLONE3 | KILL | PIDFD_SEND_SIGNAL => Some(Self::Process(number)),
            INOTIFY_ADD_WATCH => Some(Self::Listen),
            _ => None,
        }
    }
}

/// Whether the descriptor is one of a file with a name.
fn is_file(pid: Pid, descriptor: u64) -> bool {
    let link = fs::read_link(format!("/proc/{pid}/fd/{descriptor}"));
    link.is_ok_and(|it| it.is_absolute() && !it.starts_with("/dev"))
}

/// Runs `command` and has `fault` happen; what it prints goes to files in `output`. `end` is asked at each call, with its number, and
/// again and again, and says whether the program shall be told to end now.
pub(crate) fn run(
    command: &Command,
    fault: Fault,
    output: &Path,
    mut end: impl FnMut(usize) -> bool,
) -> Outcome {
    let file = |name: &str| output.join(name);
    // It stops itself before it becomes the program, so that nothing is missed.
    let mut stopped = Command::new("sh");
    stopped.args(["-c", "kill -STOP $$; exec \"$@\"", "sh"]).arg(command.get_program());
    stopped.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => stopped.env(name, value),
            None => stopped.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        stopped.current_dir(folder);
    }
    // A group of its own, so that nobody else is waited for.
    #[expect(clippy::zombie_processes, reason = "it is waited for below, as one that is traced")]
    let child = stopped
        .stdin(Stdio::null())
        .stdout(File::create(file("stdout")).unwrap())
        .stderr(File::create(file("stderr")).unwrap())
        .process_group(0)
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
    let mut traced = Traced {
        pid,
        fault,
        entered: HashMap::new(),
        calls: 0,
        is_program: false,
        told: false,
        asked: Instant::now(),
    };
    let (done, over) = mpsc::channel::<()>();
    let began = Instant::now();
    let watchdog = thread::spawn(move || {
        // One that waits makes no call, at which it could be ended: it is disturbed by what it never hears of.
        while over.recv_timeout(OFTEN) == Err(RecvTimeoutError::Timeout) {
            let late = began.elapsed() > LONGEST;
            let _ = kill(pid, if late { Signal::SIGKILL } else { Signal::SIGWINCH });
        }
    });
    let code = traced.go(&mut end);
    drop(done);
    watchdog.join().unwrap();
    Outcome {
        calls: traced.calls,
        code,
        stdout: fs::read_to_string(file("stdout")).unwrap(),
        stderr: fs::read_to_string(file("stderr")).unwrap(),
    }
}

struct Traced {
    pid: Pid,
    fault: Fault,
    /// The threads that are in a call, and the error that it shall end with.
    entered: HashMap<Pid, Option<Errno>>,
    calls: usize,
    /// Whether it has become the program.
    is_program: bool,
    /// Whether it was told to end.
    told: bool,
    /// When it was last asked whether it shall be.
    asked: Instant,
}

impl Traced {
    fn go(&mut self, end: &mut impl FnMut(usize) -> bool) -> Option<i32> {
        let group = Pid::from_raw(-self.pid.as_raw());
        ptrace::attach(self.pid).unwrap();
        waitpid(self.pid, None).unwrap();
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        ptrace::setoptions(self.pid, options).unwrap();
        ptrace::syscall(self.pid, Signal::SIGCONT).unwrap();
        loop {
            match waitpid(group, Some(WaitPidFlag::__WALL)).unwrap() {
                WaitStatus::Exited(pid, code) if pid == self.pid => return Some(code),
                WaitStatus::Signaled(pid, _, _) if pid == self.pid => return None,
                WaitStatus::PtraceSyscall(pid) => {
                    let before = self.calls;
                    if self.call(pid) {
                        // The last of its threads tells of the end of all.
                        let _ = kill(self.pid, Signal::SIGKILL);
                        continue;
                    }
                    let is_news = self.calls > before || self.asked.elapsed() > SOON;
                    if is_news {
                        self.ask(end);
                    }
                    go_on(pid, None);
                }
                WaitStatus::PtraceEvent(pid, _, _) => {
                    self.is_program |= pid == self.pid && self.entered.contains_key(&pid);
                    go_on(pid, None);
                }
                WaitStatus::Stopped(pid, Signal::SIGWINCH) => {
                    self.ask(end);
                    go_on(pid, None);
                }
                // That a thread begins is shown by a stop; other signals are its own.
                WaitStatus::Stopped(pid, Signal::SIGSTOP | Signal::SIGTRAP) => go_on(pid, None),
                WaitStatus::Stopped(pid, signal) => go_on(pid, Some(signal)),
                _ => {}
            }
        }
    }

    /// Asks whether the program shall be told to end, and tells it.
    fn ask(&mut self, end: &mut impl FnMut(usize) -> bool) {
        if !self.told {
            self.told = end(self.calls);
            self.asked = Instant::now();
            if self.told {
                let _ = kill(self.pid, Signal::SIGTERM);
            }
        }
    }

    /// Takes that `pid` begins or ends a call. Whether it is to be killed now.
    fn call(&mut self, pid: Pid) -> bool {
        // A thread that is gone by now makes no call.
        let Ok(mut registers) = ptrace::getregs(pid) else { return false };
        if let Some(fails) = self.entered.remove(&pid) {
            if let Some(errno) = fails {
                registers.rax = (-i64::from(errno as i32)).cast_unsigned();
                ptrace::setregs(pid, registers).unwrap();
            }
            return false;
        }
        self.entered.insert(pid, None);
        let call = Call::of(pid, &registers).filter(|_| self.is_program);
        let Some(call) = call else { return false };
        self.calls += 1;
        match (self.fault, call) {
            (Fault::Kill { at }, _) => self.calls == at,
            (Fault::Disk { at, errno, all }, Call::Disk(_))
                if self.calls == at || (all && self.calls > at) =>
            {
                registers.orig_rax = number::NONE;
                ptrace::setregs(pid, registers).unwrap();
                self.entered.insert(pid, Some(errno));
                false
            }
            (Fault::None | Fault::Meanwhile { .. } | Fault::Disk { .. }, _) => false,
        }
    }
}

/// One that is gone by now needs nothing to go on.
fn go_on(pid: Pid, signal: Option<Signal>) {
    match ptrace::syscall(pid, signal) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => panic!("cannot go on with {pid}: {error}"),
    }
}
