//! The signals that end a program that goes on until it is told to stop.

use std::fs;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Those of them that this process heeds.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// The end of its terminal; none where whoever began it would have it outlive that (`nohup`).
    hang_up: Option<Signal>,
}

impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        let hang_up =
            if ignores(SignalKind::hangup()) { None } else { Some(signal(SignalKind::hangup())?) };
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())?, hang_up })
    }

    pub(crate) async fn received(&mut self) {
        let hang_up = async {
            match &mut self.hang_up {
                Some(it) => it.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = hang_up => {}
        }
    }
}

/// Whether this process was begun so that it ignores the signal.
fn ignores(kind: SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|it| it.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|it| u64::from_str_radix(it.trim(), 16).ok()).unwrap_or_default();
    let bit = u32::try_from(kind.as_raw_value() - 1).ok();
    bit.is_some_and(|bit| mask.checked_shr(bit).unwrap_or_default() & 1 == 1)
}
