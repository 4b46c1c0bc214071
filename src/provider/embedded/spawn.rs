//! Starting a process: its program, its folder, its environment, its output. Never through a shell.

use std::{
    fs::File,
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
};

use super::definition::Definition;
use crate::{
    disk::Log,
    provider::{self, Error, process::mark},
};

/// Starts a process as the leader of a group of its own; its pid.
///
/// The caller watches it by that: it outlives this program, so nothing of it is kept here.
pub(super) fn spawn(
    definition: &Definition,
    root: &Path,
    log: &Log,
    marked: &str,
) -> Result<u32, Error> {
    let folder = definition.cwd.as_ref().map_or_else(|| root.to_owned(), |it| root.join(it));
    let (output, errors) = open(log).map_err(|error| {
        sorted(&error, format!("cannot open its log {}: {error}", log.file.display()))
    })?;
    let [program, arguments @ ..] = definition.command.as_slice() else {
        return Err(Error::Refused("its command is empty".into()));
    };
    let mut command = Command::new(program);
    // What this program is known by to whoever runs it.
    for variable in provider::marks() {
        command.env_remove(variable);
    }
    let child = command
        .args(arguments)
        .current_dir(&folder)
        .envs(&definition.env)
        .env(mark::MARK, marked)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .spawn();
    match child {
        Ok(child) => Ok(child.id()),
        Err(error) => Err(explain(&error, program, &folder)),
    }
}

fn open(log: &Log) -> io::Result<(File, File)> {
    let output = log.open()?;
    let errors = output.try_clone()?;
    Ok((output, errors))
}

fn explain(error: &io::Error, program: &str, folder: &Path) -> Error {
    let shown = folder.display();
    if !folder.is_dir() {
        return Error::Refused(format!(
            "its folder {shown} is not there or is no folder ({error}); make it, or correct `cwd`"
        ));
    }
    let what = match error.kind() {
        io::ErrorKind::NotFound if program.contains('/') => format!(
            "there is no program {program:?} in {shown}, or what its first line names is missing; \
             correct `command`"
        ),
        io::ErrorKind::NotFound => {
            format!("there is no program {program:?} in PATH; install it, or correct `command`")
        }
        io::ErrorKind::PermissionDenied => format!(
            "running {program:?} in {shown} is not permitted; make it executable (chmod +x) and \
             the folder accessible for this user"
        ),
        _ => format!("running {program:?} in {shown} failed: {error}"),
    };
    sorted(error, what)
}

/// Whether only a person can help against `error`.
fn sorted(error: &io::Error, what: String) -> Error {
    use io::ErrorKind::{
        Interrupted, OutOfMemory, QuotaExceeded, ResourceBusy, StorageFull, WouldBlock,
    };
    match error.kind() {
        Interrupted | OutOfMemory | QuotaExceeded | ResourceBusy | StorageFull | WouldBlock => {
            Error::Passing(what)
        }
        _ => Error::Refused(what),
    }
}
