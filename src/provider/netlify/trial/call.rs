//! A call of a function, as the config says it, and the probe of a backup.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Serialize;

use crate::config::model::FunctionTest;

/// The header that a backup answers without doing its work.
const PROBE: &str = "x-redundancy-probe";

/// A call of a function.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Call {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Option<String>,
    /// How long it may take, in milliseconds.
    limit: u64,
    /// The status that is expected.
    #[serde(skip)]
    pub(super) status: u16,
    #[serde(skip)]
    is_probe: bool,
}

impl Call {
    pub(super) fn probe(limit: Duration) -> Self {
        let headers = [(PROBE.to_owned(), "1".to_owned())].into();
        let call = Self::of(&FunctionTest::default(), limit);
        Self { headers, is_probe: true, ..call }
    }

    pub(super) fn of(test: &FunctionTest, limit: Duration) -> Self {
        let or = |it: &Option<String>, or: &str| it.clone().unwrap_or_else(|| or.to_owned());
        Self {
            method: or(&test.method, "GET"),
            path: or(&test.path, "/"),
            headers: test.headers.clone(),
            body: test.body.clone(),
            limit: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            status: test.status.unwrap_or(200),
            is_probe: false,
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_probe {
            f.write_str("its probe")
        } else {
            write!(f, "{} {}", self.method, self.path)
        }
    }
}
