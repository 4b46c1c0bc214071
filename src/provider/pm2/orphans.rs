//! Processes of PM2 that no daemon knows. When the daemon is killed they live on, and a new daemon
//! would start each a second time: so they are looked for by their environment, and ended first.

use std::{collections::BTreeSet, io, path::Path, time::Duration};

use rustix::process::Signal;

use crate::{
    core::{digest::Digest, id::Name},
    provider::{
        Error,
        process::{
            end::{Manner, end},
            kernel::{self, stat},
            mark::{self, Member},
        },
    },
};

/// A process of ours that no daemon knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Orphan {
    pub(super) name: Name,
    pub(super) written: Digest,
    pub(super) pid: i32,
}

/// A living process under our mark.
pub(super) struct Marked {
    pub(super) name: Name,
    /// The digest of what it was made from.
    pub(super) written: Digest,
    /// What tells one registration at a daemon from every other; PM2 gives it to the process. None
    /// where the process did not keep it.
    registration: Option<String>,
    pub(super) member: Member,
}

/// Every living process under a mark of `scope`.
pub(super) fn marked(scope: Digest) -> io::Result<Vec<Marked>> {
    let prefix = mark::prefix(scope);
    let mut found = Vec::new();
    mark::each_environ(|pid, environ| {
        if let Some((name, written)) = mark::find(environ, &prefix)
            && let Some(stat) = stat(pid)?.filter(|it| !it.zombie)
        {
            let registration = variable(environ, "unique_id").map(str::to_owned);
            let member = Member { pid, stat, mark: None };
            found.push(Marked { name, written, registration, member });
        }
        Ok(())
    })?;
    Ok(found)
}

impl Marked {
    /// Whether no registration of `known` started it.
    pub(super) fn is_orphan(&self, known: &BTreeSet<String>) -> bool {
        self.registration.as_ref().is_some_and(|it| !known.contains(it))
    }
}

/// Ends every process under the mark of `name` that no registration of `known` started. When this
/// succeeds, there is none.
pub(super) async fn end_marked(
    name: &Name,
    scope: Digest,
    known: &BTreeSet<String>,
    timeout: Duration,
) -> Result<(), Error> {
    let left = || {
        let mut found = marked(scope)?;
        found.retain(|it| it.name == *name && it.is_orphan(known));
        Ok((None, found.into_iter().map(|it| it.member).collect()))
    };
    // PM2's own signal.
    end(name.as_str(), left, Manner { signal: Signal::INT, timeout }).await
}

/// Ends every process that a daemon of `home` started under one of `names`, and that no registration
/// of `known` started.
pub(super) async fn end_of_home(
    home: &Path,
    names: &BTreeSet<String>,
    known: &BTreeSet<String>,
    timeout: Duration,
) -> Result<(), Error> {
    // This program may itself have been started by one of them.
    let above =
        kernel::ancestors().map_err(|error| kernel::failed("look through /proc", &error))?;
    let left = || {
        let mut members = Vec::new();
        each_of_home(home, names, known, |_, member| members.push(member))?;
        members.retain(|it| !above.contains(&it.pid));
        Ok((None, members))
    };
    end("what a daemon of PM2 left", left, Manner { signal: Signal::INT, timeout }).await
}

/// The processes that a daemon of `home` started under one of `names`, and that no registration of
/// `known` started: each name once, with one of its pids.
pub(super) fn of_home(
    home: &Path,
    names: &BTreeSet<String>,
    known: &BTreeSet<String>,
) -> io::Result<Vec<(String, i32)>> {
    let mut found = Vec::new();
    each_of_home(home, names, known, |name, member| found.push((name.to_owned(), member.pid)))?;
    found.sort();
    found.dedup_by(|one, other| one.0 == other.0);
    Ok(found)
}

fn each_of_home(
    home: &Path,
    names: &BTreeSet<String>,
    known: &BTreeSet<String>,
    mut visit: impl FnMut(&str, Member),
) -> io::Result<()> {
    let home = home.to_string_lossy();
    mark::each_environ(|pid, environ| {
        let has = |it: &str| variable(environ, it).is_some();
        if variable(environ, "PM2_HOME") == Some(&*home)
            && has("pm_id")
            && has("pm_exec_path")
            && variable(environ, "unique_id").is_some_and(|it| !known.contains(it))
            && let Some(name) = variable(environ, "name").filter(|it| names.contains(*it))
            && let Some(stat) = stat(pid)?.filter(|it| !it.zombie)
        {
            visit(name, Member { pid, stat, mark: None });
        }
        Ok(())
    })
}

/// The daemon of `home`, if there is a process that says so of itself.
pub(super) fn daemon_of(home: &Path) -> io::Result<Option<i32>> {
    let says = format!("God Daemon ({})", home.display());
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|it| it.parse::<i32>().ok()) else {
            continue;
        };
        let title = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let title = String::from_utf8_lossy(&title);
        if title.starts_with("PM2 v") && title.contains(&says) {
            return Ok(Some(pid));
        }
    }
    Ok(None)
}

/// The value of a variable in an environment.
fn variable<'e>(environ: &'e [u8], name: &str) -> Option<&'e str> {
    let value = |it: &'e [u8]| it.strip_prefix(name.as_bytes())?.strip_prefix(b"=");
    std::str::from_utf8(environ.split(|b| *b == 0).find_map(value)?).ok()
}
