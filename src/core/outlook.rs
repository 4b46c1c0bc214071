//! What a pair's duty means for each of its sides, and what happens to it next and when: for people
//! who want to know.

#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{
    duty::{Duty, HandBack, Look, Phase, Side},
    evidence::Sight,
    failover::Pair,
    span::{after, signed},
};

/// What duty means for one side of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It does the work.
    OnDuty,
    /// The work rests on the other one, and this one runs too.
    Beside,
    /// The other one does the work, and this one is off.
    StandsBy,
    /// It comes on duty.
    Starting,
    /// It goes off duty.
    BeingStopped,
    /// It would come on duty, and nobody is there to start it.
    ToBeStarted,
    /// It would go off duty, and nobody is there to stop it.
    ToBeStopped,
    /// It could not be proven stopped, or waits for the other one to be.
    Blocked,
    /// A person asked that nothing be moved.
    Paused,
    /// That is not found out yet.
    NotKnown,
}

impl Standing {
    /// What `duty` means for `side` of a pair. `watched`: whether somebody sees to it.
    #[must_use]
    pub fn of(duty: &Duty, side: Side, exclusive: bool, watched: bool) -> Self {
        match duty.phase {
            Phase::Recover => Self::NotKnown,
            Phase::Paused => Self::Paused,
            Phase::Blocked => Self::Blocked,
            Phase::On(it) if it == side => Self::OnDuty,
            Phase::On(_) if exclusive => Self::StandsBy,
            Phase::On(_) => Self::Beside,
            Phase::Fence(it) if it == side && watched => Self::BeingStopped,
            Phase::Fence(it) if it == side => Self::ToBeStopped,
            Phase::Start(it) if it == side && watched => Self::Starting,
            Phase::Start(it) if it == side => Self::ToBeStarted,
            Phase::Fence(_) | Phase::Start(_) => Self::StandsBy,
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::OnDuty => "on duty",
            Self::Beside => "beside",
            Self::StandsBy => "stands by",
            Self::Starting => "starting",
            Self::BeingStopped => "being stopped",
            Self::ToBeStarted => "to be started",
            Self::ToBeStopped => "to be stopped",
            Self::Blocked => "blocked",
            Self::Paused => "paused",
            Self::NotKnown => "not known",
        })
    }
}

/// Something that will or may happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Next {
    /// When, where it is the clock that brings it.
    pub at: Option<Timestamp>,
    /// What, and on what it depends.
    pub what: String,
}

/// What is known of a pair.
#[derive(Debug, Clone, Copy)]
pub struct Outlook<'a> {
    /// The pair.
    pub pair: &'a Pair,
    /// Its duty.
    pub duty: &'a Duty,
    /// What is seen of it.
    pub look: &'a Look,
    /// Whether a precheck says if the stopped primary could do its work.
    pub has_precheck: bool,
    /// When the pause ends that it is in, if it is in one.
    pub paused_until: Option<Timestamp>,
}

impl Outlook<'_> {
    /// What happens next.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Vec<Next> {
        let rules = &self.pair.rules;
        if let Some(until) = self.paused_until {
            let what = "the pause ends; until then nothing is started, stopped or moved".to_owned();
            return vec![Next { at: Some(until), what }];
        }
        match self.duty.phase {
            Phase::Recover | Phase::Paused => vec![when(
                "each side has been seen, and no command of an earlier watch can take effect any \
                 more, it is known who is on duty",
            )],
            Phase::On(side) if !rules.exclusive => vec![self.beside(side)],
            Phase::On(Side::Primary) => vec![self.leave(Side::Primary, now)],
            Phase::On(Side::Backup) => {
                vec![self.leave(Side::Backup, now), self.hand_back(now)]
            }
            Phase::Fence(side) => {
                let (this, other) = (self.pair.id(side), self.pair.id(side.other()));
                vec![
                    when(&format!("{this} is seen stopped, {other} is started")),
                    Next {
                        at: Some(after(self.duty.since, rules.fence)),
                        what: format!(
                            "if {this} is not proven stopped by then, the pair is blocked: {other} \
                             is not started"
                        ),
                    },
                ]
            }
            Phase::Start(side) => {
                let (this, other) = (self.pair.id(side), self.pair.id(side.other()));
                let well = self.duty.evidence.of(side).well_since();
                let settle = span(rules.settle);
                let settled = match well {
                    Some(since) if self.look.sight.of(side).is_proven() => Next {
                        at: Some(after(since, rules.settle)),
                        what: format!("{this} is on duty, if it is well until then ({settle})"),
                    },
                    Some(_) => when(&format!(
                        "{this} has answered its probe well and has run for {settle}, it is on duty"
                    )),
                    None => when(&format!("{this} has been well for {settle}, it is on duty")),
                };
                let fall = rules.patience.fall;
                let runs = self.look.sight.of(side).may_run();
                let started = Next { at: None, what: format!("{this} is started") };
                let mut next = if runs { Vec::new() } else { vec![started] };
                next.extend([
                    settled,
                    when(&format!("{this} fails {}, {other} is tried", row(fall))),
                ]);
                next
            }
            Phase::Blocked => {
                let serving = self.duty.serving;
                let (this, other) = (self.pair.id(serving.other()), self.pair.id(serving));
                vec![
                    when(&format!("{this} is seen stopped, {other} is started")),
                    Next {
                        at: None,
                        what: format!(
                            "or, where you know that {this} is stopped: `redundancy resolve {this} \
                             --assume-stopped` starts {other}"
                        ),
                    },
                ]
            }
        }
    }

    fn beside(&self, side: Side) -> Next {
        let Pair { primary, backup, rules } = self.pair;
        match side {
            Side::Primary => when(&format!(
                "{primary} fails {} and {backup} does well, the work rests on {backup}; neither is \
                 stopped",
                row(rules.patience.fall)
            )),
            Side::Backup => when(&format!(
                "{primary} does well again, the work rests on it; neither is stopped"
            )),
        }
    }

    /// What it takes for duty to leave a side.
    fn leave(&self, side: Side, now: Timestamp) -> Next {
        let rules = &self.pair.rules;
        let (this, other) = (self.pair.id(side), self.pair.id(side.other()));
        let spent = self.duty.failovers_within(rules, now);
        if spent >= rules.budget {
            return Next {
                at: None,
                what: format!(
                    "duty does not leave {this} by itself: {spent} of {} failovers within {} are \
                     spent",
                    rules.budget,
                    span(rules.window)
                ),
            };
        }
        if !rules.controls_primary {
            return match side {
                Side::Primary => when(&format!(
                    "{this} has ended and is given up by its runner, {other} is started; nothing \
                     allows to stop {this} (`control_primary = true` does)"
                )),
                Side::Backup => Next {
                    at: None,
                    what: format!(
                        "when {this} fails, it is started again; nothing allows to start {other}"
                    ),
                },
            };
        }
        when(&format!(
            "{this} fails {} or is given up, it is stopped, proven stopped (up to {}), and {other} \
             is started",
            row(rules.patience.fall),
            span(rules.fence)
        ))
    }

    fn hand_back(&self, now: Timestamp) -> Next {
        let Pair { primary, backup, rules } = self.pair;
        let seen = &self.look.sight.primary;
        if !rules.controls_primary {
            return when(&format!("{primary} runs and does well again, {backup} is stopped"));
        }
        let hold = self.duty.hold_ends_at(rules).unwrap_or(now);
        let by_person = self.duty.cause.is_by_person();
        if by_person || rules.hand_back == HandBack::Manual {
            let why = if by_person { " (a person moved duty here)" } else { "" };
            let what = format!("duty waits for `redundancy handback {primary}`{why}");
            return Next { at: None, what };
        }
        let Some(at) = rules.hand_back.next(hold.max(now)) else {
            let what = format!("duty does not go back as long as {backup} does its work");
            return Next { at: None, what };
        };
        let mut conditions = Vec::new();
        if !matches!(seen, Sight::Off | Sight::StoppedByHand | Sight::Absent) {
            conditions.push(format!("{primary} is seen stopped"));
        }
        if self.duty.evidence.primary.is_flapping() {
            conditions.push(format!("{primary} has not failed for a while"));
        }
        if self.duty.failovers_within(rules, at) >= rules.budget {
            let window = span(rules.window);
            conditions.push(format!("one of {} failovers within {window} is left", rules.budget));
        }
        if self.has_precheck {
            conditions.push("its precheck answers well".to_owned());
        }
        let held = span_between(self.duty.since, hold);
        let mut what = format!("duty goes back to {primary}, after a hold of {held}");
        if matches!(rules.hand_back, HandBack::Window { .. }) {
            what.push_str(", within its time of the day");
        }
        if !conditions.is_empty() {
            what = format!("{what}, as soon as {}", conditions.join(" and "));
        }
        Next { at: Some(at), what }
    }
}

fn when(what: &str) -> Next {
    Next { at: None, what: format!("when {what}") }
}

/// `3 times in a row`.
fn row(fall: u32) -> String {
    if fall == 1 { "once".to_owned() } else { format!("{fall} times in a row") }
}

fn span(duration: Duration) -> String {
    format!("{:#}", signed(duration))
}

fn span_between(from: Timestamp, to: Timestamp) -> String {
    format!("{:#}", SignedDuration::from_secs(to.duration_since(from).as_secs().max(0)))
}
