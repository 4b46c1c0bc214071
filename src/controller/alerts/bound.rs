//! The command of a sink, bound to the program that has it run: it ends with it, however that ends.
//!
//! A watch that is killed can't end anything any more. So a command is run by a small program between
//! the two (the hidden verb `tell`), whose standard output is a pipe that only the watch reads. That has
//! no reader any more as soon as the watch is gone, and then the whole group of the command is killed.
//! The same pipe tells the watch what went wrong.

use std::{
    io::{self, Write},
    os::{fd::AsFd, unix::process::CommandExt},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, getpgrp, getpid, kill_process_group, pidfd_open},
};

/// The exit code where the next attempt may work.
const FAILED: u8 = 1;

/// The exit code where it would fail too.
const LASTING: u8 = 2;

/// Whether the next attempt may work after this exit code of [`tell`].
pub(super) fn passes(code: Option<i32>) -> bool {
    code != Some(i32::from(LASTING))
}

/// What runs `program` with `arguments` in `folder`, bound to this process: the leader of a group of its
/// own. Its standard output says why it failed, in words for people.
pub(super) fn bound(program: &str, arguments: &[String], folder: &Path) -> Command {
    // This very program, also where a newer one has taken its place.
    let mut command = Command::new("/proc/self/exe");
    command.args(["tell", "--", program]).args(arguments).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.process_group(0);
    command
}

/// Runs `command` with what comes on the standard input, until it ends or nobody reads the standard
/// output any more. Only as the leader of a group, which is killed then.
#[must_use]
pub fn tell(command: &[String]) -> ExitCode {
    let [program, arguments @ ..] = command else { return ExitCode::from(LASTING) };
    if getpgrp() != getpid() {
        return fail(LASTING, "only a watch runs this, in a group of its own");
    }
    let child =
        Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return fail(LASTING, &format!("cannot run {program:?}: {error}")),
    };
    match wait(&mut child) {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => fail(FAILED, &format!("{program:?} ended with {status}")),
        Err(error) => {
            let _ = child.kill();
            fail(FAILED, &format!("{program:?} was lost: {error}"))
        }
    }
}

fn fail(code: u8, why: &str) -> ExitCode {
    // Where there is nobody to tell, nobody wants to know.
    let _ = io::stdout().write_all(why.as_bytes());
    let _ = io::stdout().flush();
    ExitCode::from(code)
}

fn wait(child: &mut Child) -> io::Result<std::process::ExitStatus> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let ended = pidfd_open(pid.ok_or(Errno::SRCH)?, PidfdFlags::empty())?;
    let stdout = io::stdout();
    loop {
        // Of the output nothing is asked for: that it has no reader is always told (poll(2)).
        let mut both = [
            PollFd::from_borrowed_fd(ended.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::empty()),
        ];
        match poll(&mut both, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        if !both[0].revents().is_empty() {
            return child.wait();
        }
        if !both[1].revents().is_empty() {
            // This process is one of them.
            kill_process_group(getpgrp(), Signal::KILL)?;
        }
    }
}
