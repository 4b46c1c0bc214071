//! Checkups: whether the machine has what this program needs, and what does not work without it.

use std::fmt;

use serde::Serialize;

/// What came of looking at one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub what: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found; where it is not well, also what then does not work and what helps.
    pub said: String,
}

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Something does not work as long as it is so.
    Lacking,
    /// All works, and may not for long or not as well as it could.
    Poor,
    /// It is as it should be.
    Fine,
}

impl Finding {
    /// Of something that is as it should be.
    pub fn fine(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: Verdict::Fine, said: said.into() }
    }

    /// Of something that could be better.
    pub fn poor(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: Verdict::Poor, said: said.into() }
    }

    /// Of something without which something does not work.
    pub fn lacking(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: Verdict::Lacking, said: said.into() }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lacking => "missing",
            Self::Poor => "poor",
            Self::Fine => "fine",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_how_bad_it_is() {
        let all =
            [Finding::lacking("npm", "x"), Finding::poor("npm", "x"), Finding::fine("npm", "x")];
        assert_eq!(all.map(|it| it.verdict.to_string()), ["missing", "poor", "fine"]);
    }
}
