//! What to do about a job that does not do its work: first its failed run is tried again, then its
//! backup is called, and when neither helps, a person.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Job, State};
use crate::core::{backoff::Backoff, span::after};

/// What may be done about a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Whether anything may be: its run tried again, its backup called.
    pub recover: bool,
    /// Whether it is enabled again where it was disabled.
    pub enable: bool,
    /// How often, since either side did the work last.
    pub attempts: u32,
    /// The rest before each attempt but the first.
    pub backoff: Backoff,
}

/// Something that a job is to do now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Call {
    /// Its failed run is tried again.
    Again {
        /// Why: `failed`.
        how: String,
    },
    /// It begins a run.
    Now {
        /// For whom and why: `ci.yml, which failed`.
        how: String,
        /// Not before that.
        at: Timestamp,
        /// Why only a person asks for it, where it was tried often enough.
        given_up: Option<String>,
    },
    /// It is enabled again.
    Enable {
        /// Why: `is disabled by a person`.
        how: String,
    },
    /// It is changed, because duty moves.
    Move {
        /// Whose, where to, and why.
        how: String,
    },
    /// There is nobody to do its work.
    Nobody {
        /// Why.
        how: String,
    },
}

/// What each side of a pair is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    /// The primary.
    pub primary: Option<Call>,
    /// The backup.
    pub backup: Option<Call>,
    /// Whether the backup does the work instead of the primary.
    pub stands_in: bool,
}

/// What is to be done about a primary that people call `name` and its backup, if it has one that
/// can be called.
///
/// It follows from what is seen alone. A backup that was called since the work was due and has not
/// failed is not called again, whoever called it; a run that is not over is waited for.
#[must_use]
pub fn calls(name: &str, primary: &Job, backup: Option<&Job>, policy: &Policy) -> Calls {
    if let State::Disabled { by } = primary.state
        && policy.enable
    {
        let how = format!("is disabled{by}");
        return Calls { primary: Some(Call::Enable { how }), ..Calls::default() };
    }
    let Some(lacking) = primary.lacking else { return Calls::default() };
    let asked = backup.and_then(|it| it.asked.as_ref()).filter(|it| it.created > lacking);
    let works = asked.is_some_and(|it| it.failed.is_none());
    let calls = Calls { stands_in: works, ..Calls::default() };
    if !policy.recover || primary.active || works || backup.is_some_and(|it| it.active) {
        return calls;
    }
    let how = told(primary);
    let tried = tried(primary, backup);
    if let State::Failed { again: true, .. } = primary.state
        && tried < policy.attempts
    {
        return Calls { primary: Some(Call::Again { how }), ..calls };
    }
    let Some(backup) = backup else {
        return Calls {
            primary: Some(Call::Nobody { how: format!("it {how}, and has no backup yet") }),
            ..calls
        };
    };
    let out_of_order = match backup.state {
        State::Disabled { by } => Some(format!("is disabled{by}")),
        State::NotInEffect => Some("is not in effect yet".to_owned()),
        _ => None,
    };
    if let Some(backup) = out_of_order {
        let how = format!("{name} {how}, and its backup {backup}");
        return Calls { backup: Some(Call::Nobody { how }), ..calls };
    }
    let failed = backup.asked.as_ref().and_then(|it| it.failed.as_ref());
    let last = failed.map_or(lacking, |(_, at)| (*at).max(lacking)).max(ended(primary));
    let at = after(last, policy.backoff.rest(tried.saturating_add(1)));
    let given_up = (tried >= policy.attempts).then(|| {
        let backup = failed.map(|(failed, _)| format!(", and its backup {failed}"));
        let backup = backup.unwrap_or_default();
        format!("{name} {how}{backup}; attempts at recovery: {tried}")
    });
    let call = Call::Now { how: format!("{name}, which {how}"), at, given_up };
    Calls { backup: Some(call), stands_in: true, ..calls }
}

/// When its last run failed, where it is that which is wrong.
fn ended(job: &Job) -> Timestamp {
    match job.state {
        State::Failed { at, .. } => at,
        _ => Timestamp::MIN,
    }
}

/// How often something was tried since either side did the work last.
fn tried(primary: &Job, backup: Option<&Job>) -> u32 {
    let asked = backup.and_then(|it| it.asked.as_ref());
    let done = primary.last_success.max(asked.and_then(|it| it.succeeded));
    let called = asked.map(|it| it.failures.as_slice()).unwrap_or_default();
    let tries = primary.tried_again.iter().chain(called).filter(|at| Some(**at) > done).count();
    u32::try_from(tries).unwrap_or(u32::MAX)
}

/// What is wrong with a job, to be read after its name.
fn told(job: &Job) -> String {
    match &job.state {
        State::Failed { how, .. } => how.clone(),
        State::Missed { due } => format!("did not begin its run of {due:.0}"),
        State::Stuck { how, since, .. } => format!("{how} since {since:.0}"),
        State::Stale { since: Some(since) } => format!("has had no success since {since:.0}"),
        State::Stale { since: None } => "has had no success that is known".to_owned(),
        State::Disabled { by } => format!("is disabled{by}"),
        State::Well | State::Unproven { .. } | State::NotInEffect | State::Unseen => {
            job.word().to_owned()
        }
    }
}
