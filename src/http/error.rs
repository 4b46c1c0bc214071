//! What can go wrong between us and a service, by what helps against it.

use jiff::Timestamp;

use super::Service;

/// Why a call gave nothing. `task` is what was tried, as in "cannot *list the workflows of a/b*";
/// `said` is what the service said about it, made harmless: short, one line, without the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The address, the repository or the token can't be used at all. Nothing was sent.
    #[error("{0}")]
    Unusable(String),
    /// There is no token. Nothing was sent.
    #[error(
        "cannot {task} without a token: put one into the environment variable that `token_env` of \
         `[{section}]` names; it needs {needs}",
        section = service.section
    )]
    NoToken {
        /// Whom it was asked.
        service: &'static Service,
        /// What was tried.
        task: String,
        /// The permissions that the task takes.
        needs: &'static str,
    },
    /// The service asked to be left alone for a while, or what is left of its limit is for others.
    #[error("cannot {task} before {until}: {why}")]
    Resting {
        /// What was tried.
        task: String,
        /// Nothing is sent before then.
        until: Timestamp,
        /// Why, in words.
        why: String,
    },
    /// 401.
    #[error(
        "cannot {task}: {service} does not accept the token ({said}); it may have expired or been \
         revoked: make a new one"
    )]
    BadToken {
        /// Whom it was asked.
        service: &'static Service,
        /// What was tried.
        task: String,
        /// What the service said.
        said: String,
    },
    /// 403, and no limit is behind it.
    #[error("cannot {task}: the token may not do that ({said}); it needs {needs}")]
    NotPermitted {
        /// What was tried.
        task: String,
        /// The permissions that are missing, in the service's words where it says them.
        needs: String,
        /// What the service said.
        said: String,
    },
    /// 404: services say the same of what is not there and of what the token may not see.
    #[error(
        "cannot {task}: {service} finds no such thing, or the token may not see it; check the name, \
         and that the token has {needs}"
    )]
    NotFound {
        /// Whom it was asked.
        service: &'static Service,
        /// What was tried.
        task: String,
        /// The permissions that the task takes.
        needs: &'static str,
    },
    /// 410: this way of asking is closed for good.
    #[error(
        "cannot {task}: {service} does not answer this any more (410: {said}); a newer version of \
         redundancy may know how to ask"
    )]
    Gone {
        /// Whom it was asked.
        service: &'static Service,
        /// What was tried.
        task: String,
        /// What the service said.
        said: String,
    },
    /// The service understood and said no: 422, or another answer that asking again doesn't change.
    #[error("cannot {task}: {service} refuses it ({status}: {said})")]
    Rejected {
        /// Whom it was asked.
        service: &'static Service,
        /// What was tried.
        task: String,
        /// The status of the answer.
        status: u16,
        /// What the service said.
        said: String,
    },
    /// Nobody could be connected to. Nothing was sent; the next time may be better.
    #[error("cannot {task}: {how}")]
    Unreached {
        /// What was tried.
        task: String,
        /// Why there is no connection.
        how: String,
    },
    /// No answer, half an answer, or one that makes no sense. The next time may be better.
    #[error("cannot {task}: {how}")]
    Unavailable {
        /// What was tried.
        task: String,
        /// What came in place of an answer.
        how: String,
    },
}

impl Error {
    /// Whether the same call may succeed later without anybody's help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Resting { .. } | Self::Unreached { .. } | Self::Unavailable { .. } => true,
            Self::Unusable(_)
            | Self::NoToken { .. }
            | Self::BadToken { .. }
            | Self::NotPermitted { .. }
            | Self::NotFound { .. }
            | Self::Gone { .. }
            | Self::Rejected { .. } => false,
        }
    }

    /// Whether what was asked for may have been done all the same, because only the answer is missing.
    #[must_use]
    pub fn may_be_done(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
