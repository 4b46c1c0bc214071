//! What a process that is tried writes, and what that tells of its end.

use std::process::ExitStatus;

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::run::{HEAP_MB, MEMORY};

/// How much of each of its outputs is read to be kept, in bytes. The rest is dropped.
pub(super) const KEPT: u64 = 64 * 1024;

/// How much it may write in all before it is ended, in bytes.
pub(super) const FLOOD: u64 = 16 * 1024 * 1024;

/// What a process wrote.
pub(super) struct Heard<R> {
    from: R,
    pub(super) kept: Vec<u8>,
    bytes: u64,
}

impl<R: AsyncRead + Unpin> Heard<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, kept: Vec::new(), bytes: 0 }
    }

    /// Listens until it has written too much, and for ever where it does not.
    pub(super) async fn flood(&mut self) {
        self.listen(FLOOD).await;
        if self.bytes <= FLOOD {
            std::future::pending::<()>().await;
        }
    }

    /// Listens until there were more than so many bytes, or all that there are.
    pub(super) async fn listen(&mut self, most: u64) {
        let mut chunk = vec![0; 8 * 1024];
        while self.bytes <= most {
            match self.from.read(&mut chunk).await {
                Ok(0) | Err(_) => return,
                Ok(n) => {
                    self.bytes += n as u64;
                    let room = usize::try_from(KEPT).unwrap_or(usize::MAX) - self.kept.len();
                    self.kept.extend_from_slice(&chunk[..n.min(room)]);
                }
            }
        }
    }
}

pub(super) fn memory() -> String {
    let all = MEMORY / 1024 / 1024;
    format!("it needs more memory than a test gives ({HEAP_MB} MB of objects, {all} MB in all)")
}

/// How a process ended that should not have.
pub(super) fn ended(status: ExitStatus, err: &[u8]) -> String {
    use std::os::unix::process::ExitStatusExt as _;

    let said = String::from_utf8_lossy(err);
    if ["heap out of memory", "out of memory", "OutOfMemory", "Cannot allocate memory"]
        .iter()
        .any(|it| said.contains(it))
    {
        return memory();
    }
    match (status.code(), status.signal()) {
        // Node.js's own code for this.
        (Some(13), _) => "it waits for something that never comes".to_owned(),
        (Some(code), _) => format!("it ends its process (exit code {code})"),
        (None, Some(signal)) => {
            format!("its process is ended by signal {signal}, as by a lack of memory or time")
        }
        (None, None) => "its process ends".to_owned(),
    }
}

/// What a backup logged of what went wrong.
pub(super) fn told(out: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Line {
        source: String,
        message: Option<String>,
        detail: Option<String>,
    }
    let text = String::from_utf8_lossy(out);
    let lines = text.lines().filter_map(|it| serde_json::from_str::<Line>(it).ok());
    let line = lines.filter(|it| it.source == "redundancy").find(|it| it.message.is_some())?;
    let detail = line.detail.as_deref().and_then(|it| it.lines().next()).map(str::to_owned);
    let parts: Vec<String> = line.message.into_iter().chain(detail).collect();
    Some(cleaned(&parts.join(": ")))
}

/// One line, not too long and without what moves a cursor.
pub(super) fn cleaned(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).take(700).collect()
}
