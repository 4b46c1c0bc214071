//! Routes: which of a pair the callers get, where something passes their calls on.
//!
//! Where the calls go now is seen in the world, so nothing is remembered: [`decide`] says from there
//! where they should go, and [`on_duty`] tells people. To move a route may cost a deploy, so it is moved
//! only by what was seen for long, and by nothing that is not known.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    code::{Code, Live, State},
    duty::Side,
    health::Health,
    id::Name,
    span::after,
};

/// What the reason of a move begins with that a person asked for.
const ASKED: &str = "asked for by ";

/// What passes the calls of a primary on to its backup.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "router", rename_all = "snake_case")]
pub enum Router {
    /// Nothing: whoever wants the backup calls it.
    #[default]
    None,
    /// Something in front of the primary, which asks the backup within the same call where the primary fails.
    Edge,
    /// A redirect, which goes to one of them.
    Redirect(Place),
}

impl Router {
    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Whether a person said where the calls go.
    fn is_by_person(&self) -> bool {
        matches!(self, Self::Redirect(place) if place.is_by_person())
    }
}

/// Where a route goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// To which of the two.
    pub side: Side,
    /// Since when, where it was ever moved.
    pub since: Option<Timestamp>,
    /// Why it was moved there.
    pub why: Option<String>,
}

impl Place {
    /// Where a new route goes.
    pub const FIRST: Self = Self { side: Side::Primary, since: None, why: None };

    /// Where a route goes from `now` on because `who` asks for it.
    #[must_use]
    pub fn asked(side: Side, who: &str, now: Timestamp) -> Self {
        Self { side, since: Some(now), why: Some(format!("{ASKED}{who}")) }
    }

    /// The same as it counts at `now`: a move that is yet to come was written while the clock ran ahead,
    /// and keeps the route nowhere.
    #[must_use]
    pub fn counted_at(&self, now: Timestamp) -> Self {
        Self { since: self.since.filter(|it| *it <= now), ..self.clone() }
    }

    /// Whether a person moved it there, who also says when it goes back.
    #[must_use]
    pub fn is_by_person(&self) -> bool {
        self.why.as_ref().is_some_and(|it| it.starts_with(ASKED))
    }
}

/// When a route is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How often in a row the primary has to have failed.
    pub fall: u32,
    /// For how long it has to have failed.
    pub after: Duration,
    /// For how long it has to have answered well until the route goes back to it.
    pub hold: Duration,
    /// How long the route stays where it was moved.
    pub cool_down: Duration,
}

/// Where the route of a pair is to be moved next, and when, if nothing else is seen until then.
///
/// What counts is what is called, at the place where it is called: a primary that is broken only where
/// it is written goes on doing its work. What a person gave to the backup stays there until a person
/// gives it back.
#[must_use]
pub fn next(
    place: &Place,
    primary: &Code,
    backup: Option<&Code>,
    policy: &Policy,
) -> Option<Place> {
    let (side, due, why) = match (place.side, primary.live.as_ref()?) {
        (Side::Primary, Live::Fails { how, since, times }) => {
            let backup = backup.filter(|it| *times >= policy.fall && is_fit(it))?;
            let why = format!("the primary {how} on the live site since {since:.0}");
            let due = after(*since, policy.after);
            let due = match &backup.live {
                Some(Live::Answers { since: Some(since) }) => due.max(*since),
                _ => due,
            };
            (Side::Backup, due, why)
        }
        (Side::Backup, Live::Answers { since: Some(since) }) if !place.is_by_person() => {
            let why = format!("the primary answers well since {since:.0}");
            (Side::Primary, after(*since, policy.hold), why)
        }
        _ => return None,
    };
    // As long as the same is seen, the same is decided, whenever that is.
    let rests_until = place.since.map_or(due, |it| after(it, policy.cool_down));
    let since = due.max(rests_until);
    Some(Place { side, since: Some(since), why: Some(why) })
}

/// Whether a backup may get the calls: it answers, or it is served and has passed its test.
fn is_fit(backup: &Code) -> bool {
    match (&backup.state, &backup.live) {
        (State::Untested | State::Passed { .. }, Some(Live::Answers { .. }))
        | (State::Passed { .. }, Some(Live::Served)) => true,
        (State::Failed { .. } | State::Broken { .. }, _)
        | (
            _,
            None
            | Some(
                Live::NotServed
                | Live::Served
                | Live::Odd { .. }
                | Live::Fails { .. }
                | Live::Unreached { .. },
            ),
        ) => false,
    }
}

/// Who of a pair does the work of those who call the primary, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDuty {
    /// Which.
    pub side: Side,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// Why, in words.
    pub why: String,
    /// Whether people should hear of it without asking.
    pub matters: bool,
}

/// Who of the pair of `primary` and `backup` is on duty. `backup_at`: where the backup is called.
#[must_use]
pub fn on_duty(primary: (&Name, &Code), backup: (&Name, &Code), backup_at: &str) -> OnDuty {
    let ((primary, of_primary), (backup, of_backup)) = (primary, backup);
    let is_bad = matches!(of_primary.health(), Health::Unhealthy | Health::Failed);
    match &of_primary.router {
        Router::None => {
            let why = if !is_bad {
                "nothing passes its calls on to its backup by itself".to_owned()
            } else if of_backup.health() == Health::Healthy {
                format!(
                    "{primary} is {}; {backup} is well and can be called at {backup_at} (nothing routes \
                     to it by itself)",
                    told(of_primary)
                )
            } else {
                format!(
                    "{primary} is {}, and {backup} is not known to be well: {}",
                    told(of_primary),
                    told(of_backup)
                )
            };
            OnDuty { side: Side::Primary, since: None, why, matters: is_bad }
        }
        Router::Edge => {
            let fails = matches!(of_primary.live, Some(Live::Fails { .. } | Live::Odd { .. }));
            let side = if fails { Side::Backup } else { Side::Primary };
            let rule =
                format!("what {primary} fails is answered by {backup} within the same request");
            let why =
                if is_bad { format!("{primary} is {}; {rule}", told(of_primary)) } else { rule };
            OnDuty { side, since: None, why, matters: is_bad }
        }
        Router::Redirect(Place { side, since, why }) => {
            let because = why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            let name = match side {
                Side::Primary => primary,
                Side::Backup => backup,
            };
            let until = match (side, of_primary.router.is_by_person()) {
                (Side::Backup, true) => "; it stays so until `redundancy handback`",
                (Side::Primary | Side::Backup, _) => "",
            };
            let why = format!("the redirect goes to {name}{because}{until}");
            let why = if is_bad && *side == Side::Primary {
                format!("{why}; {primary} is {}", told(of_primary))
            } else {
                why
            };
            OnDuty { side: *side, since: *since, why, matters: is_bad || *side == Side::Backup }
        }
    }
}

/// How code does, without what else is noted of it.
fn told(code: &Code) -> String {
    Code { notes: Vec::new(), ..code.clone() }.to_string()
}

#[cfg(test)]
mod tests;
