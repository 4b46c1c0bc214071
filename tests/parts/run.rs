//! What a run of a program came to.

// Each crate that has it needs a part of it.
#![allow(dead_code)]

use std::{os::unix::process::ExitStatusExt as _, process::Output};

/// What a run of a program came to.
#[derive(Debug)]
pub(crate) struct Run {
    /// What it ended with; where a signal ended it, that and 128, as shells have it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        let by_signal = || output.status.signal().map_or(-1, |it| 128 + it);
        Self {
            code: output.status.code().unwrap_or_else(by_signal),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Fails the test unless the program ended well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless the program refused, with this in what it said.
    #[track_caller]
    pub(crate) fn refused(&self, because: &str) {
        assert_eq!(self.code, 1, "{self:?}");
        assert!(self.stderr.contains(because), "{because:?} is not in {}", self.stderr);
    }

    /// All that it said.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}
