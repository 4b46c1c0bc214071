//! Processes as the kernel has them.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

pub(crate) fn own_pid() -> i32 {
    std::process::id().try_into().unwrap()
}

pub(crate) fn raw(pid: i32) -> Pid {
    Pid::from_raw(pid).unwrap()
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    kill_process(raw(pid), signal).unwrap();
}

pub(crate) fn kill(pid: i32) {
    signal(pid, Signal::KILL);
}

/// Whether a process of that number runs and is no zombie.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The value of a variable in the environment that a process was started with.
pub(crate) fn variable(pid: i32, name: &str) -> Option<String> {
    let environ = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let mut variables = environ.split(|it| *it == 0).map(String::from_utf8_lossy);
    variables.find_map(|it| Some(it.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
}
