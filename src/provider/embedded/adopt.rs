//! Taking over processes of ours that no record knows.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::{
    Embedded,
    definition::Definition,
    record::{Entry, Record, Run},
    records::Reading,
    running::lock,
};
use crate::{
    core::{digest::Digest, id::Name},
    provider::{
        Error,
        process::{
            kernel::{self, ProcessId, failed},
            mark::Member,
        },
    },
};

impl Embedded {
    /// Takes over a process of ours that its record does not know. None: there is a record that
    /// can't be read and must not be replaced.
    pub(super) fn adopt(
        &self,
        name: &Name,
        leader: &Leader,
        known: Option<&Reading>,
        boot: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Entry>>, Error> {
        let process = ProcessId { pid: leader.pid, start: leader.start, boot: boot.to_owned() };
        let age = SignedDuration::try_from(kernel::age(leader.start)).unwrap_or_default();
        let since = now.checked_sub(age).unwrap_or(now);
        let run = Run::Started { process: process.clone(), since };
        let (seen, record) = match known {
            Some(Ok(entry)) => (Some(&entry.record.run), Record { run, ..entry.record.clone() }),
            Some(Err(damage)) if !damage.torn => return Ok(None),
            Some(Err(_)) | None => (None, self.record_of(name, leader, run, now)),
        };
        let entry = lock(&self.records).put_if(name, seen, record)?;
        let log = self.settings.log(name, &entry.record.definition);
        let watch = || {
            if let Some(handle) = kernel::open(leader.pid, leader.start)? {
                return self.running.watch(name, &process, handle, log);
            }
            // It ended just now: the next look says so.
            self.running.look_again();
            Ok(())
        };
        watch().map_err(|error| failed(&format!("watch {name}"), &error))?;
        Ok(Some(entry))
    }

    /// A record for a running process that has none: from the config, if the process was made from
    /// that, or else from what can be seen.
    fn record_of(&self, name: &Name, leader: &Leader, run: Run, now: Timestamp) -> Record {
        let configured = self.settings.processes.get(name);
        let made_from = configured.filter(|it| it.body.digest() == leader.written);
        let definition = made_from.map_or_else(
            || {
                let (command, folder) = kernel::command_and_folder(leader.pid);
                Definition::seen(command, folder)
            },
            |it| it.definition.clone(),
        );
        Record {
            written: definition.body().digest(),
            definition,
            backs_up: configured.and_then(|it| it.backs_up.clone()),
            on: true,
            run,
            failures: 0,
            restarts: 0,
            last_tick: Some(now),
        }
    }
}

/// The first process of a run: its pid is the number of its group.
pub(super) struct Leader {
    pid: i32,
    start: u64,
    /// The digest of what it was made from.
    written: Digest,
}

/// The leader of each name. What it has started may lead groups of its own; but that is younger,
/// and mostly the leader of a session too, which no process is that we started as a group's leader.
pub(super) fn leaders(members: Vec<Member>) -> BTreeMap<Name, Leader> {
    let mut leaders: BTreeMap<Name, Leader> = BTreeMap::new();
    for Member { pid, stat, mark } in members {
        let Some((name, written)) = mark.filter(|_| stat.group == pid && stat.session != pid)
        else {
            continue;
        };
        let older = leaders.get(&name).is_some_and(|it| (it.start, it.pid) < (stat.start, pid));
        if !older {
            leaders.insert(name, Leader { pid, start: stat.start, written });
        }
    }
    leaders
}
