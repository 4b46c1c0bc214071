//! Checkup: whether this machine has what the project needs.

use std::{io, path::Path, time::Duration};

use bytesize::ByteSize;
use futures_util::future::join_all;
use jiff::Timestamp;
use rustix::{
    fs::statvfs,
    process::{Resource, getrlimit},
};

use super::{
    Controller, World, alerts,
    heartbeat::Heartbeat,
    lock::{self, Lock, State},
};
use crate::{
    core::{checkup::Finding, id::Name, monitor},
    journal::Journal,
};

/// With less room than this, a journal and some logs may not get through the night.
const LITTLE_ROOM: ByteSize = ByteSize::mib(200);

/// How far ahead of the clock the journal may be before the clock was set back.
const AHEAD: Duration = Duration::from_mins(1);

/// How many files this program has open beside one for each process.
const OWN_FILES: u64 = 100;

impl Controller {
    /// Looks at the machine and at each provider.
    pub async fn checkup(&self, now: Timestamp) -> Vec<Finding> {
        let project = &self.project;
        let folders = [("state folder", project.state_dir()), ("log folder", project.log_dir())];
        let mut findings: Vec<Finding> =
            folders.iter().map(|(what, folder)| room(what, folder)).collect();
        findings.push(self.clock(now));
        findings.extend(self.open_files());
        findings.push(self.watch(now));
        findings.extend(alerts::checkup(project));
        let world = self.look_around(now).await;
        let each = join_all(self.providers.iter().map(|it| it.checkup())).await;
        for (provider, of_its_own) in self.providers.iter().zip(each) {
            findings.extend(of(provider.name(), &world));
            for mut finding in of_its_own {
                finding.what = format!("{}: {}", provider.name(), finding.what);
                findings.push(finding);
            }
        }
        findings
    }

    /// Whether the clock is not behind what was written by it.
    fn clock(&self, now: Timestamp) -> Finding {
        let what = "clock";
        let last = || -> Result<Option<Timestamp>, String> {
            let file = Journal::file(&self.project.state_dir());
            let journal = Journal::open_to_read(&file).map_err(|it| it.to_string())?;
            let Some(journal) = journal else { return Ok(None) };
            let events = journal.history(None, 1).map_err(|it| it.to_string())?;
            Ok(events.first().and_then(|it| it.at.parse().ok()))
        };
        match last() {
            Err(why) => Finding::lacking("journal", format!("{why}. No watch begins without it")),
            Ok(Some(last)) if now < last && now.duration_since(last).unsigned_abs() > AHEAD => {
                Finding::poor(
                    what,
                    format!(
                        "it says {now:.0}, and the journal was written at {last:.0}: it was set back"
                    ),
                )
            }
            Ok(_) => Finding::fine(what, format!("it says {now:.0}")),
        }
    }

    /// Whether enough files may be open: one for each process that runs.
    fn open_files(&self) -> Option<Finding> {
        let most = getrlimit(Resource::Nofile).current?;
        let processes = u64::try_from(self.project.config.process.len()).unwrap_or(u64::MAX);
        let needed = processes.saturating_add(OWN_FILES);
        let said = format!("{most} may be open, and {needed} are needed");
        Some(if most < needed {
            Finding::lacking(
                "open files",
                format!("{said}; raise `ulimit -n`, or `LimitNOFILE` of the unit"),
            )
        } else {
            Finding::fine("open files", said)
        })
    }

    fn watch(&self, now: Timestamp) -> Finding {
        let state_dir = self.project.state_dir();
        let file = lock::watch_file(&state_dir);
        let shown = file.display();
        let holder = match Lock::state(&file) {
            Ok(State::Held(Some(holder))) => holder,
            Ok(State::Held(None)) => {
                return Finding::poor(
                    "watch",
                    format!(
                        "somebody watches, and who is not written in {shown}: the disk may be full. Until \
                         it is begun again with room there, no verb can end it"
                    ),
                );
            }
            Ok(State::Free) => {
                return Finding::poor(
                    "watch",
                    "nobody watches, so nothing is recovered; `redundancy start` begins a watch, and \
                     `redundancy service install` has systemd do it",
                );
            }
            Err(error) => {
                return Finding::lacking(
                    "watch",
                    format!(
                        "cannot see whether anybody watches ({shown}: {error}); make it this user's"
                    ),
                );
            }
        };
        let heartbeat = Heartbeat::read(&state_dir).filter(|it| it.pid == holder.pid);
        let late = heartbeat.is_some_and(|it| {
            let silent = Duration::try_from(now.duration_since(it.looked_at)).unwrap_or_default();
            silent > monitor::patience(it.look_every(), None)
        });
        if late {
            return Finding::lacking(
                "watch",
                format!("{holder} has not looked for long: it hangs; `redundancy restart`"),
            );
        }
        Finding::fine("watch", holder.to_string())
    }
}

/// What a look at a provider found out.
fn of(name: &Name, world: &World) -> Option<Finding> {
    let observed = &world.observed;
    let lacking = |text: String| Some(Finding::lacking(name.as_str(), text));
    if let Some(why) = observed.blind.get(name) {
        return lacking(format!("{why}. Nothing of it is seen or changed"));
    }
    let wanted = world.desired.wanted.keys().filter(|id| id.provider == *name).count();
    let seen = observed.found.keys().filter(|id| id.provider == *name).count();
    match observed.unseen.get(name) {
        // Nobody asks for anything there.
        _ if wanted == 0 && seen == 0 => None,
        Some(why) if wanted > 0 => lacking(format!("{why}. How its resources do is not known")),
        _ => {
            Some(Finding::fine(name.as_str(), format!("{seen} resources seen, {wanted} asked for")))
        }
    }
}

/// Whether a folder can be written, and has room.
fn room(what: &str, folder: &Path) -> Finding {
    let shown = folder.display();
    // The nearest one that is there: the rest of it is made when it is needed.
    let there = folder.ancestors().find(|it| it.exists()).unwrap_or(folder);
    let can_write = || -> io::Result<ByteSize> {
        if !there.is_dir() {
            return Err(io::Error::other(format!("{} is no folder", there.display())));
        }
        tempfile::Builder::new().prefix(".checkup-").tempfile_in(there)?;
        let disk = statvfs(there)?;
        Ok(ByteSize(disk.f_bavail.saturating_mul(disk.f_frsize)))
    };
    match can_write() {
        Err(error) => Finding::lacking(
            what,
            format!("{shown} can't be written ({error}); make it this user's, or name another one"),
        ),
        Ok(room) if room < LITTLE_ROOM => Finding::poor(
            what,
            format!("{shown} has {} left: soon nothing can be written", room.display().iec()),
        ),
        Ok(room) => Finding::fine(what, format!("{shown}, {} left", room.display().iec())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn a_watch_that_is_not_named_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("redundancy.toml");
        fs::write(&config, "[controller]\nstate_dir = \"state\"\n").unwrap();
        let controller = Controller::new(crate::config::load(&config).unwrap().project);
        let said = || controller.watch(Timestamp::UNIX_EPOCH).said;
        assert!(said().starts_with("nobody watches"), "{}", said());
        let file = lock::watch_file(&controller.project.state_dir());
        fs::create_dir(dir.path().join("state")).unwrap();
        let held = File::create(&file).unwrap();
        held.lock().unwrap();
        assert!(said().starts_with("somebody watches"), "{}", said());
        drop(held);
        // What can't be opened may be held.
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(&file, &file).unwrap();
        assert!(said().starts_with("cannot see whether"), "{}", said());
    }
}
