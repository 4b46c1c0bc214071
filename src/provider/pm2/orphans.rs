//! Processes of PM2 that no daemon knows. When the daemon is killed they live on, and a new daemon
//! would start each a second time: so they are looked for by their environment, and ended first.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use rustix::process::Signal;

use super::{
    Pm2,
    client::Client,
    listed::{Listed, registrations},
};
use crate::{
    core::{
        digest::Digest,
        id::Name,
        resource::{Actual, Body, Mark, Status},
    },
    provider::{
        Error,
        process::{
            end::{Manner, end},
            kernel::{self, command_line, failed, stat},
            mark::{self, Member},
        },
    },
};

/// A process of ours that no daemon knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Orphan {
    pub(super) name: Name,
    /// The digest of what it was made from.
    written: Digest,
    pid: i32,
}

/// A living process under our mark.
struct Marked {
    name: Name,
    /// The digest of what it was made from.
    written: Digest,
    /// What tells one registration at a daemon from every other; PM2 gives it to the process. None
    /// where the process did not keep it.
    registration: Option<String>,
    member: Member,
}

impl Pm2 {
    /// The processes of ours that no daemon knows. All processes of the machine are looked through
    /// only for a daemon that is new to us, and as long as there is none or something was found.
    pub(super) fn orphans(&self, listed: &[Listed], daemon: i32) -> Result<Vec<Orphan>, Error> {
        {
            let memory = self.memory();
            if daemon != 0 && memory.scanned_for == Some(daemon) && memory.orphans.is_empty() {
                return Ok(Vec::new());
            }
        }
        let found = marked(self.settings.scope);
        let found = found.map_err(|error| failed("look through /proc", &error))?;
        let known = registrations(listed);
        let orphan = |it: Marked| Orphan { name: it.name, written: it.written, pid: it.member.pid };
        let mut orphans: Vec<Orphan> =
            found.into_iter().filter(|it| it.is_orphan(&known)).map(orphan).collect();
        // What an orphan has started is no other one.
        orphans.sort_by(|a, b| (&a.name, a.pid).cmp(&(&b.name, b.pid)));
        orphans.dedup_by(|a, b| a.name == b.name);
        let mut memory = self.memory();
        memory.orphans.clone_from(&orphans);
        memory.scanned_for = Some(daemon).filter(|it| *it != 0);
        Ok(orphans)
    }

    /// Whether there may be processes that the daemon does not know: not when all were looked through
    /// since it began, and every one that ended since was proven gone.
    pub(super) fn may_have_orphans(&self, client: &Client) -> bool {
        let memory = self.memory();
        memory.scanned_for != Some(client.pid) || !memory.orphans.is_empty()
    }

    /// A process of ours that runs without PM2.
    pub(super) fn seen_orphan(&self, orphan: &Orphan, now: Timestamp) -> Actual {
        let configured = self.settings.apps.get(&orphan.name);
        let made_from = configured.filter(|it| it.body.digest() == orphan.written);
        let body = made_from.map_or_else(
            || {
                let (command, _) = kernel::command_and_folder(orphan.pid);
                Body { fields: [("command".to_owned(), command.into())].into(), ..Body::default() }
            },
            |it| it.body.clone(),
        );
        let how = format!(
            "was left by a daemon of PM2 that died, as pid {}, which is ended first",
            orphan.pid
        );
        let mark = Mark {
            written: body.digest(),
            backs_up: configured.and_then(|it| it.wanted().backs_up),
        };
        Actual {
            body,
            status: Status::Down { at: now, how, retry_at: now },
            mark: Some(mark),
            vitals: None,
        }
    }
}

impl Orphan {
    /// How an app does of which this runs beside what PM2 has.
    pub(super) fn beside(&self, status: Status, now: Timestamp) -> Status {
        let how = format!("also runs outside of PM2, as pid {}", self.pid);
        match status {
            Status::Running { pid, since } => Status::Unwell { pid, since, how, proven: false },
            // As long as it lives, it is what runs.
            Status::Stopped | Status::StoppedByHand | Status::Finished { .. } => {
                let pid = self.pid.unsigned_abs();
                Status::Unwell { pid, since: now, how, proven: false }
            }
            other => other,
        }
    }
}

/// Every living process under a mark of `scope`.
fn marked(scope: Digest) -> io::Result<Vec<Marked>> {
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
    fn is_orphan(&self, known: &BTreeSet<String>) -> bool {
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
    let above = kernel::ancestors().map_err(|error| failed("look through /proc", &error))?;
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
    let home = Home::of(home);
    mark::each_environ(|pid, environ| {
        let has = |it: &str| variable(environ, it).is_some();
        if has("pm_id")
            && has("pm_exec_path")
            && variable(environ, "PM2_HOME").is_some_and(|it| home.is(it))
            && variable(environ, "unique_id").is_some_and(|it| !known.contains(it))
            && let Some(name) = variable(environ, "name").filter(|it| names.contains(*it))
            && let Some(stat) = stat(pid)?.filter(|it| !it.zombie)
        {
            visit(name, Member { pid, stat, mark: None });
        }
        Ok(())
    })
}

/// The daemon of `home`, if there is a process that says so of itself: by its title, which has no room for every
/// path, or by its environment.
pub(super) fn daemon_of(home: &Path) -> io::Result<Option<i32>> {
    let home = Home::of(home);
    let mut daemon = None;
    mark::each_environ(|pid, environ| {
        if daemon.is_some() {
            return Ok(());
        }
        let title = command_line(pid)?;
        let title = String::from_utf8_lossy(&title);
        let told = title.split_once("God Daemon (").and_then(|(_, it)| it.rsplit_once(')'));
        let places = [told.map(|(it, _)| it), variable(environ, "PM2_HOME")];
        if title.starts_with("PM2 v") && places.into_iter().flatten().any(|it| home.is(it)) {
            daemon = Some(pid);
        }
        Ok(())
    })?;
    Ok(daemon)
}

/// PM2's home folder, which may be called by several paths: whoever starts PM2 by another one that leads there
/// starts the same.
struct Home<'h> {
    path: &'h Path,
    end: Option<PathBuf>,
}

impl<'h> Home<'h> {
    fn of(path: &'h Path) -> Self {
        Self { path, end: path.canonicalize().ok() }
    }

    fn is(&self, path: &str) -> bool {
        let path = Path::new(path);
        path == self.path || (self.end.is_some() && path.canonicalize().ok() == self.end)
    }
}

/// The value of a variable in an environment.
fn variable<'e>(environ: &'e [u8], name: &str) -> Option<&'e str> {
    let value = |it: &'e [u8]| it.strip_prefix(name.as_bytes())?.strip_prefix(b"=");
    std::str::from_utf8(environ.split(|b| *b == 0).find_map(value)?).ok()
}
