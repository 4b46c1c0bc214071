//! How an app does, by what PM2 says of it and by what the kernel says. Pure.
//!
//! PM2's own words are not enough: it calls online what never started, what is frozen and what
//! crashes again and again, and leaves some waiting for ever.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{listed::Listed, settings::schedule};
use crate::core::{
    recovery::Exit,
    resource::{Status, Vitals},
    schedule::Schedule,
};

/// How long a crash counts towards a loop of them.
pub(super) const LOOP_WINDOW: Duration = Duration::from_mins(5);

/// Fewer crashes than this within that time are no loop, whatever `max_restarts` says.
const FEWEST_CRASHES: usize = 5;

/// A run that is no longer than this says nothing.
const SHORT_RUN: Duration = Duration::from_secs(1);

/// How long PM2 may take for what it does by itself.
const PATIENCE: SignedDuration = SignedDuration::from_secs(2);

/// What is known of a process beside what PM2 lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kernel {
    /// Whether there is a process of that number, and it runs.
    pub(super) alive: bool,
    /// Whether a signal has stopped it until another one lets it go on.
    pub(super) frozen: bool,
    /// The memory that it uses, in bytes.
    pub(super) memory: Option<u64>,
}

/// What was heard of a process since this program listens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// The signal that ended its last run, where PM2 told.
    pub(super) signal: Option<String>,
    /// Crashes within [`LOOP_WINDOW`].
    pub(super) crashes: usize,
    /// The mean time between these.
    pub(super) pace: Duration,
}

/// How one instance does.
pub(super) fn of(listed: &Listed, kernel: &Kernel, heard: &Heard, now: Timestamp) -> Status {
    let env = &listed.pm2_env;
    let pid = listed.pid.and_then(|it| u32::try_from(it).ok()).filter(|it| *it > 0);
    let exit = exit(listed, heard);
    let retry = |after: SignedDuration| now.checked_add(after).unwrap_or(Timestamp::MAX);
    match env.status.as_str() {
        "online" | "launching" | "stopping" => match pid {
            None if listed.is_being_stopped() => Status::Down {
                at: now,
                how: "is being stopped".to_owned(),
                retry_at: retry(PATIENCE),
            },
            None => Status::Failed {
                at: now,
                how: format!(
                    "is {} for PM2, and there is no process: its program or its folder is missing",
                    env.status
                ),
            },
            Some(_) if !kernel.alive => {
                Status::Down { at: now, how: exit, retry_at: retry(PATIENCE) }
            }
            Some(pid) => running(listed, pid, kernel, heard, now),
        },
        "stopped" => stopped(listed, exit, heard, now),
        "waiting restart" => match waits_for_ever(listed) {
            true if was_killed(listed, heard) => Status::Down { at: now, how: exit, retry_at: now },
            true if stays_down(listed) => {
                Status::Finished { at: now, how: exit, well: ended_well(listed, heard) }
            }
            true => Status::Failed {
                at: now,
                how: format!("{exit}, and PM2 has given it up after `max_restarts`"),
            },
            false => {
                let delay = env.prev_restart_delay.or(env.restart_delay).unwrap_or(0).max(0);
                let rest = SignedDuration::from_millis(delay).saturating_add(PATIENCE);
                Status::Down { at: now, how: exit, retry_at: retry(rest) }
            }
        },
        "errored" => {
            let restarts = env.restart_time.unwrap_or(0);
            Status::Failed {
                at: now,
                how: format!("{exit}, and PM2 has given it up after {restarts} restarts"),
            }
        }
        other => {
            Status::Failed { at: now, how: format!("is in a state that is not known: {other:?}") }
        }
    }
}

fn running(listed: &Listed, pid: u32, kernel: &Kernel, heard: &Heard, now: Timestamp) -> Status {
    let since = listed.pm2_env.pm_uptime.and_then(|it| Timestamp::from_millisecond(it).ok());
    let since = since.unwrap_or(now);
    let limit = listed.pm2_env.max_memory_restart.and_then(|it| u64::try_from(it).ok());
    let too_much =
        kernel.memory.zip(limit.filter(|it| *it > 0)).filter(|(used, limit)| used > limit);
    let allowed = listed.pm2_env.max_restarts.and_then(|it| it.try_into().ok()).unwrap_or(15);
    // A run that has lasted for longer than those before it may be a good one.
    let uptime = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    let lasts = uptime > heard.pace.saturating_mul(3) + SHORT_RUN;
    if restarts(listed) && heard.crashes > allowed.max(FEWEST_CRASHES) && !lasts {
        let minutes = LOOP_WINDOW.as_secs() / 60;
        let how = format!("crashes again and again: {} times in {minutes} minutes", heard.crashes);
        // It runs just now: what is called failed does not.
        return Status::Unwell { pid, since, how, proven: true };
    }
    if kernel.frozen {
        let how = "is frozen: a signal has stopped it".to_owned();
        return Status::Unwell { pid, since, how, proven: false };
    }
    match too_much {
        Some((used, limit)) => {
            let mib = |it: u64| it / 1024 / 1024;
            let how = format!("uses {} MiB of memory, and may use {} MiB", mib(used), mib(limit));
            Status::Unwell { pid, since, how, proven: false }
        }
        None => Status::Running { pid, since },
    }
}

fn stopped(listed: &Listed, exit: String, heard: &Heard, now: Timestamp) -> Status {
    let env = &listed.pm2_env;
    let cron = Some(env.cron_restart.as_str()).filter(|it| !it.is_empty());
    if let Some(schedule) = cron.and_then(schedule) {
        return scheduled(listed, &schedule, now);
    }
    if !listed.ever_ran() {
        return Status::Stopped;
    }
    match () {
        () if was_killed(listed, heard) => Status::Down { at: now, how: exit, retry_at: now },
        () if stays_down(listed) => {
            Status::Finished { at: now, how: exit, well: ended_well(listed, heard) }
        }
        () => Status::StoppedByHand,
    }
}

/// How something does that runs by the clock and does not run now.
fn scheduled(listed: &Listed, schedule: &Schedule, now: Timestamp) -> Status {
    let known = listed.pm2_env.pm_uptime.or(listed.pm2_env.created_at);
    let last = known.and_then(|it| Timestamp::from_millisecond(it).ok());
    let missed = last.and_then(|last| schedule.due(last, now)).filter(|due| {
        let late = SignedDuration::from_mins(1).saturating_add(PATIENCE);
        now.duration_since(*due) > late
    });
    if let Some(due) = missed {
        let how = format!("was due at {due:.0}, and PM2 did not start it");
        return Status::Down { at: now, how, retry_at: now };
    }
    match schedule.next_after(now) {
        Some(next) => Status::Scheduled { next },
        None => Status::Failed { at: now, how: "has a schedule that never comes".to_owned() },
    }
}

fn restarts(listed: &Listed) -> bool {
    listed.pm2_env.autorestart.unwrap_or(true)
}

/// Whether it ended as one that has done its work.
fn ended_well(listed: &Listed, heard: &Heard) -> bool {
    // PM2 reads a signal as the exit code 0.
    let zero = heard.signal.is_none() && matches!(listed.pm2_env.exit_code, Some(0) | None);
    ends_for_good(listed) || zero
}

/// Whether the code that it is said to have ended with is one after which it stays down.
fn ends_for_good(listed: &Listed) -> bool {
    let code = listed.pm2_env.exit_code;
    code.is_some_and(|code| listed.pm2_env.stop_exit_codes.contains(&code))
}

/// Whether PM2 leaves it down for an exit code of 0, which may have been a signal.
pub(super) fn may_have_been_killed(listed: &Listed) -> bool {
    let down = matches!(listed.pm2_env.status.as_str(), "stopped" | "waiting restart");
    down && listed.pm2_env.exit_code == Some(0) && ends_for_good(listed) && restarts(listed)
}

/// Whether it was ended by a signal and PM2 leaves it so: it reads a signal as the exit code 0.
fn was_killed(listed: &Listed, heard: &Heard) -> bool {
    heard.signal.is_some() && ends_for_good(listed) && restarts(listed)
}

/// Whether PM2 does not restart it, by its own definition.
fn stays_down(listed: &Listed) -> bool {
    !restarts(listed) || ends_for_good(listed)
}

/// Whether PM2 will never start it although it says so: it has stopped to count.
fn waits_for_ever(listed: &Listed) -> bool {
    let env = &listed.pm2_env;
    stays_down(listed) || (env.created_at.is_none() && env.unstable_restarts == Some(0))
}

fn exit(listed: &Listed, heard: &Heard) -> String {
    match (&heard.signal, listed.pm2_env.exit_code) {
        (Some(signal), _) => format!("was ended by {signal}"),
        // It may have been a signal: PM2 does not tell.
        (None, Some(0) | None) => Exit::Unseen.to_string(),
        (None, Some(code)) => Exit::Code(code.try_into().unwrap_or(-1)).to_string(),
    }
}

/// How an app does: as its worst instance.
pub(super) fn worst(instances: Vec<(String, Status)>) -> Option<Status> {
    let many = instances.len() > 1;
    let worst = instances.into_iter().max_by_key(|(_, status)| badness(status))?;
    let (id, status) = worst;
    let of = |how: String| if many { format!("instance {id} {how}") } else { how };
    Some(match status {
        Status::Failed { at, how } => Status::Failed { at, how: of(how) },
        Status::Down { at, how, retry_at } => Status::Down { at, how: of(how), retry_at },
        Status::Unwell { pid, since, how, proven } => {
            Status::Unwell { pid, since, how: of(how), proven }
        }
        other => other,
    })
}

fn badness(status: &Status) -> u8 {
    match status {
        Status::Present | Status::Job(_) | Status::Code(_) | Status::Release(_) => 0,
        Status::Running { .. } => 1,
        Status::Scheduled { .. } => 2,
        Status::Finished { .. } => 3,
        Status::Stopped => 4,
        Status::StoppedByHand => 5,
        Status::Down { .. } => 6,
        Status::Unwell { .. } => 7,
        Status::Failed { .. } => 8,
    }
}

/// What all instances use together.
pub(super) fn vitals<'a>(
    instances: impl Iterator<Item = (&'a Listed, &'a Kernel, &'a Heard)>,
) -> Vitals {
    let mut vitals = Vitals::default();
    for (listed, kernel, heard) in instances {
        let env = &listed.pm2_env;
        let restarts = env.restart_time.and_then(|it| u64::try_from(it).ok()).unwrap_or(0);
        vitals.restarts = vitals.restarts.saturating_add(restarts);
        if kernel.alive {
            let memory = vitals.memory.get_or_insert(0);
            *memory = memory.saturating_add(kernel.memory.unwrap_or(0));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share")]
            let share = listed.monit.cpu.map_or(0, |it| (it * 10.0).clamp(0.0, 1e9) as u32);
            let cpu = vitals.cpu.get_or_insert(0);
            *cpu = cpu.saturating_add(share);
        }
        if env.exit_code.is_some() {
            vitals.last_exit = Some(exit(listed, heard));
        }
    }
    vitals
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn listed(pid: Option<i64>, env: Value) -> Listed {
        let mut it = json!({ "pm_id": 0, "name": "a", "pid": pid, "pm2_env": { "pm_uptime": 0 } });
        let Value::Object(env) = env else { panic!("it is an object") };
        it["pm2_env"].as_object_mut().unwrap().extend(env);
        serde_json::from_value(it).unwrap()
    }

    fn told(listed: &Listed, alive: bool, heard: &Heard) -> String {
        let kernel = Kernel { alive, ..Kernel::default() };
        of(listed, &kernel, heard, NOW).to_string()
    }

    #[test]
    fn what_was_killed_has_not_finished() {
        let killed = Heard { signal: Some("SIGKILL".to_owned()), ..Heard::default() };
        for status in ["stopped", "waiting restart"] {
            let it = json!({ "status": status, "exit_code": 0, "stop_exit_codes": [0] });
            let it = listed(None, it);
            assert_eq!(told(&it, false, &Heard::default()), "finished: ended", "{status}");
            assert_eq!(told(&it, false, &killed), "down: was ended by SIGKILL", "{status}");
        }
    }

    #[test]
    fn what_pm2_calls_online_is_believed_only_with_a_process() {
        let it = listed(None, json!({ "status": "online" }));
        let ghost = told(&it, false, &Heard::default());
        assert!(ghost.starts_with("failed: is online for PM2, and there is no process"), "{ghost}");
        let it = listed(Some(7), json!({ "status": "online" }));
        assert_eq!(told(&it, true, &Heard::default()), "running, pid 7");
        assert_eq!(told(&it, false, &Heard::default()), "down: ended");
    }

    #[test]
    fn an_endless_loop_of_crashes_is_a_failure_although_pm2_goes_on() {
        let it = listed(Some(7), json!({ "status": "online", "max_restarts": 3 }));
        let crashes = |crashes| Heard { crashes, pace: LOOP_WINDOW, ..Heard::default() };
        assert_eq!(told(&it, true, &crashes(5)), "running, pid 7");
        let failed = told(&it, true, &crashes(6));
        assert_eq!(failed, "unwell, pid 7: crashes again and again: 6 times in 5 minutes");
        let quick = Heard { pace: Duration::ZERO, ..crashes(6) };
        let since = json!({ "status": "online", "max_restarts": 3, "pm_uptime": -5000 });
        assert_eq!(told(&listed(Some(7), since), true, &quick), "running, pid 7", "it lasts");
    }

    #[test]
    fn numbers_of_any_size_are_added_up() {
        let mut it = listed(Some(7), json!({ "status": "online", "restart_time": i64::MAX }));
        it.monit.cpu = Some(f64::MAX);
        let kernel = Kernel { alive: true, memory: Some(u64::MAX / 2), ..Kernel::default() };
        let heard = Heard::default();
        let all = vitals(std::iter::repeat_n((&it, &kernel, &heard), 5));
        assert_eq!((all.restarts, all.memory, all.cpu), (u64::MAX, Some(u64::MAX), Some(u32::MAX)));
    }

    #[test]
    fn what_waits_for_ever_is_told_from_what_waits() {
        let waits = json!({ "status": "waiting restart", "created_at": 1, "unstable_restarts": 2,
                            "exit_code": 3, "prev_restart_delay": 100 });
        let waits = listed(None, waits);
        assert_eq!(told(&waits, false, &Heard::default()), "down: exited with code 3");
        let given_up = json!({ "status": "waiting restart", "created_at": null,
                               "unstable_restarts": 0, "exit_code": 3 });
        let failed = told(&listed(None, given_up), false, &Heard::default());
        assert!(
            failed.starts_with("failed: exited with code 3, and PM2 has given it up"),
            "{failed}"
        );
    }
}
