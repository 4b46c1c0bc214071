//! What there is to tell of a pair's duty, in words for people.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Duty, Phase, Side, Stuck};
use crate::core::id::Id;

/// Why duty is where it is, or goes where it goes. As text it completes "because …".
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum Cause {
    /// It was so when the controller began.
    Beginning,
    /// A side fails.
    Failing {
        /// Which.
        side: Side,
        /// What is wrong with it.
        how: String,
    },
    /// Both were found running.
    BothRan {
        /// Which of them goes on.
        keeps: Side,
    },
    /// Somebody started this side and not us.
    ByHand {
        /// Which.
        side: Side,
    },
    /// The hold is over.
    HandBack,
    /// A person asked for it.
    Asked,
    /// A person said that what could not be proven stopped is stopped.
    AssumedStopped,
}

impl Cause {
    /// Whether it counts as a failover.
    pub(super) fn is_failover(&self) -> bool {
        matches!(self, Self::Failing { .. })
    }

    /// Whether duty was moved by a person, who also says when it goes back.
    pub(crate) fn is_by_person(&self) -> bool {
        matches!(self, Self::Asked | Self::ByHand { .. } | Self::AssumedStopped)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beginning => f.write_str("it was so when the controller began"),
            Self::Failing { side, how } => write!(f, "the {side} {how}"),
            Self::BothRan { keeps } => write!(f, "both were running, and the {keeps} goes on"),
            Self::ByHand { side } => write!(f, "somebody started the {side}"),
            Self::HandBack => f.write_str("the primary gets its duty back"),
            Self::Asked => f.write_str("you asked for it"),
            Self::AssumedStopped => f.write_str("you said that the other one is stopped"),
        }
    }
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Duty began to move.
    Moves {
        /// Where to.
        to: Side,
        /// Why.
        cause: Cause,
    },
    /// Duty has arrived.
    OnDuty {
        /// Where.
        side: Side,
        /// Why it is there.
        cause: Cause,
    },
    /// A side could not be proven stopped, so the other one is not started.
    Blocked {
        /// The one that can't be proven stopped.
        side: Side,
    },
    /// Duty should move and does not.
    Stuck {
        /// Why not.
        why: Stuck,
        /// Who has duty.
        side: Side,
        /// What is wrong with it.
        how: String,
    },
    /// Nothing is moved until the pause ends.
    Paused,
    /// The pause is over.
    Resumed,
}

impl News {
    /// What a change of phase, from `from` to the one that `duty` is in, has to tell.
    pub(super) fn of(from: Phase, duty: &Duty) -> Option<Self> {
        let cause = duty.cause.clone();
        let as_usual = cause == Cause::Beginning && duty.serving == Side::Primary;
        match duty.phase {
            // That nothing happened is no news.
            Phase::Fence(_) | Phase::On(_) if as_usual => None,
            Phase::On(Side::Primary) if from == Phase::Recover => None,
            Phase::Fence(side) => Some(Self::Moves { to: side.other(), cause }),
            Phase::On(side) => Some(Self::OnDuty { side, cause }),
            Phase::Blocked => Some(Self::Blocked { side: duty.serving.other() }),
            Phase::Paused => Some(Self::Paused),
            Phase::Recover => Some(Self::Resumed),
            // That it moves was told when the other side was to be stopped.
            Phase::Start(_) => None,
        }
    }

    /// The news in words. `id` is one of the pair, for the commands that they name.
    #[must_use]
    pub fn about<'a>(&'a self, id: &'a Id) -> impl fmt::Display + 'a {
        About { news: self, id }
    }

    /// Whether a person should hear of it at once.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        match self {
            Self::Moves { cause, .. } => cause.is_failover(),
            Self::OnDuty { side, .. } => *side == Side::Backup,
            Self::Blocked { .. } | Self::Stuck { .. } => true,
            Self::Paused | Self::Resumed => false,
        }
    }
}

/// News of the pair that a resource is one of, in words.
struct About<'a> {
    news: &'a News,
    id: &'a Id,
}

impl fmt::Display for About<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id;
        match self.news {
            News::Moves { to: Side::Primary, cause: cause @ Cause::HandBack } => {
                write!(f, "hand-back: {cause}")
            }
            News::Moves { to, cause } => write!(f, "duty goes to the {to}: {cause}"),
            News::OnDuty { side, cause: Cause::HandBack } => {
                write!(f, "the {side} is on duty again")
            }
            News::OnDuty { side, cause } => write!(f, "the {side} is on duty: {cause}"),
            News::Blocked { side } => write!(
                f,
                "blocked: the {side} could not be proven stopped, so the {} is not started; end it, \
                 or say that it is stopped: `redundancy resolve {id} --assume-stopped`",
                side.other()
            ),
            News::Stuck { why, side, how } => {
                let other = side.other();
                match why {
                    Stuck::BudgetSpent => write!(
                        f,
                        "the {side} {how}, and duty has moved too often lately: it stays, and a \
                         person has to look"
                    ),
                    Stuck::OtherBroken => {
                        write!(f, "the {side} {how}, and the {other} can't take over")
                    }
                    Stuck::Storm => write!(
                        f,
                        "the {side} {how}, and so do most others at once: nothing is moved before \
                         that is seen again"
                    ),
                    Stuck::NoControl => write!(
                        f,
                        "the {side} {how}, and nothing allows to stop it, so the {other} waits; \
                         `control_primary = true` allows it"
                    ),
                    Stuck::WaitsForPerson => write!(
                        f,
                        "the primary may have its duty back; `redundancy handback {id}` gives it"
                    ),
                }
            }
            News::Paused => f.write_str("paused: nothing is changed"),
            News::Resumed => f.write_str("the pause is over"),
        }
    }
}
