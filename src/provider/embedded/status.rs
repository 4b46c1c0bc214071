//! How a process does, from its record alone. Pure: whether a run goes on was asked before.

use jiff::Timestamp;

use super::record::{Entry, Run};
use crate::core::{
    recovery::{self, Exit, Next},
    resource::Status,
};

pub(super) fn status(entry: &Entry, now: Timestamp) -> Status {
    let record = &entry.record;
    if let Run::Started { process, since } = &record.run {
        return Status::Running { pid: process.pid.unsigned_abs(), since: *since };
    }
    if !record.on {
        return Status::Stopped;
    }
    match &entry.schedule {
        Err(why) => Status::Failed { at: now, how: format!("can't be scheduled: {why}") },
        Ok(Some(schedule)) => {
            let until = record.ticked_until().unwrap_or(now);
            let next = if until <= now { entry.next } else { schedule.next_after(now) };
            match next {
                Some(next) => Status::Scheduled { next },
                None => Status::Failed { at: now, how: "has a schedule that never comes".into() },
            }
        }
        Ok(None) => match &record.run {
            Run::Ended { ended, .. } => {
                let at = ended.at;
                let how = ended.exit.to_string();
                let policy = record.definition.policy();
                let decision = recovery::decide(&policy, ended, record.failures, now);
                match decision.next {
                    Next::Restart(retry_at) => Status::Down { at, how, retry_at },
                    Next::Finished => {
                        Status::Finished { at, how, well: ended.exit == Exit::Code(0) }
                    }
                    Next::GivenUp => {
                        let how = format!("{how}; failures in a row: {}", decision.failures);
                        Status::Failed { at, how }
                    }
                }
            }
            Run::Never | Run::Starting | Run::Started { .. } => {
                Status::Down { at: now, how: "was not started".into(), retry_at: now }
            }
        },
    }
}
