//! The logs of a watch: what it says goes into a file for each provider and one for all else, as
//! `[logs]` says. [`Logs`] is the handle that the watch has; the layer that [`layer`] makes hears of all
//! that is said, also before the config is there, and hands lines to a thread that alone touches the
//! files. So no disk holds the watch up, and what could not be written is counted.
//!
//! What a line is about is, in this order: its own field `provider`; the innermost span around it that
//! has one; the folder of the code that says it. The field `look` of a span is the id of the look.

mod file;
mod layer;
mod line;
mod writer;

use std::{
    fmt, io,
    path::PathBuf,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use jiff::Timestamp;
use tracing::{Metadata, callsite::rebuild_interest_cache};
use tracing_subscriber::{Layer, registry::LookupSpan};

use crate::config::{
    Project,
    logs::{LogFormat, LogLevel, Subject},
};
use layer::{IsWanted, ToFiles};
use writer::Order;

/// What is said with this target is not written to files: that a file can't be written.
const ELSEWHERE: &str = "redundancy::elsewhere";

/// So many lines may wait to be written.
const MOST_WAITING: usize = 4096;

/// How long the end of the program waits for the last lines.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How the logs of this program are told what to do.
#[derive(Debug)]
pub struct Logs {
    shared: Arc<Shared>,
}

/// What the one who hears the lines and the one who writes them share.
#[derive(Debug)]
struct Shared {
    /// Nothing until there is a config.
    rules: RwLock<Option<Rules>>,
    /// To the writer.
    orders: SyncSender<Order>,
    /// Lines that found no room there.
    crowded_out: Arc<AtomicU64>,
}

/// What decides which lines are written, and how.
#[derive(Debug, Clone, PartialEq)]
struct Rules {
    logs: crate::config::logs::Logs,
    folder: PathBuf,
}

impl Logs {
    /// The logs of this program and the layer that hears what is to be written there. Nothing is before
    /// [`Logs::configure`].
    ///
    /// # Errors
    /// When there can't be another thread.
    pub fn new<S>() -> io::Result<(Self, impl Layer<S>)>
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    {
        let (orders, queue) = sync_channel(MOST_WAITING);
        let crowded_out = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&crowded_out);
        let thread = std::thread::Builder::new().name("logs".to_owned());
        thread.spawn(move || writer::run(&queue, &counted))?;
        let shared = Arc::new(Shared { rules: RwLock::new(None), orders, crowded_out });
        let layer = ToFiles(Arc::clone(&shared)).with_filter(IsWanted(Arc::clone(&shared)));
        Ok((Self { shared }, layer))
    }

    /// Tells whether something that is said can't be in the files: as long as no config says where they
    /// are, and where it is said that one of them can't be written.
    pub fn elsewhere(&self) -> impl Fn(&Metadata<'_>) -> bool + use<> {
        let shared = Arc::clone(&self.shared);
        move |said| {
            let rules = shared.rules.read().unwrap_or_else(PoisonError::into_inner);
            rules.is_none() || said.target() == ELSEWHERE
        }
    }

    /// Goes by the config of `project` from now on.
    pub fn configure(&self, project: &Project) {
        let rules = Rules { logs: project.config.logs.clone(), folder: project.log_dir() };
        {
            let mut in_force = self.shared.rules.write().unwrap_or_else(PoisonError::into_inner);
            if in_force.as_ref() == Some(&rules) {
                return;
            }
            *in_force = Some(rules.clone());
        }
        self.shared.order(Order::GoBy(Box::new(rules)));
        // What nobody wanted before may be wanted now.
        rebuild_interest_cache();
    }
}

impl Drop for Logs {
    /// Waits for the last lines, within bounds.
    fn drop(&mut self) {
        let (written, wait) = sync_channel(1);
        self.shared.order(Order::Tell(written));
        // Where it takes longer, the lines are lost with the disk.
        let _ = wait.recv_timeout(LAST_WORDS);
    }
}

impl Shared {
    /// What is written of what is about the provider called `provider`, and how; nothing while there is no
    /// config.
    fn rules_for(&self, provider: Option<&str>) -> Option<(LogLevel, LogFormat)> {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        rules.as_ref().map(|it| (it.logs.level_of(provider), it.logs.format))
    }

    /// The most that is written of anything.
    fn widest_level(&self) -> LogLevel {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        rules.as_ref().map_or(LogLevel::Off, |it| it.logs.widest_level())
    }

    fn write(&self, subject: Subject, line: String, at: Timestamp) {
        self.order(Order::Write { subject, line, at });
    }

    /// Gives the writer an order. Never waits: a line that finds no room is counted.
    fn order(&self, order: Order) {
        match self.orders.try_send(order) {
            Ok(()) => {}
            Err(TrySendError::Full(Order::Write { .. }) | TrySendError::Disconnected(_)) => {
                self.crowded_out.fetch_add(1, Ordering::Relaxed);
            }
            // It is no line, and rare: a moment is well spent.
            Err(TrySendError::Full(order)) => {
                if self.orders.send(order).is_err() {
                    self.crowded_out.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

/// Which look something is said in: unlike any other of the project.
#[derive(Debug, Clone, Copy)]
pub(super) struct LookId {
    /// When the watch began.
    since: Timestamp,
    number: u64,
}

impl LookId {
    /// Before the first look of a watch that began then.
    pub(super) fn before_the_first(since: Timestamp) -> Self {
        Self { since, number: 0 }
    }

    /// Goes on to the next look; the span that all of it happens in.
    pub(super) fn next(&mut self) -> tracing::Span {
        self.number += 1;
        tracing::info_span!(parent: None, "look", look = %self)
    }
}

impl fmt::Display for LookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.since.as_millisecond(), self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_finds_no_room_is_counted_and_nobody_waits() {
        let (orders, queue) = sync_channel(2);
        let shared = Shared { rules: RwLock::new(None), orders, crowded_out: Arc::default() };
        for _ in 0..5 {
            shared.write(Subject::All, "x\n".to_owned(), Timestamp::UNIX_EPOCH);
        }
        assert_eq!(shared.crowded_out.load(Ordering::Relaxed), 3);
        drop(queue);
        shared.write(Subject::All, "x\n".to_owned(), Timestamp::UNIX_EPOCH);
        assert_eq!(shared.crowded_out.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn each_look_has_an_id_of_its_own() {
        let mut look = LookId::before_the_first(Timestamp::from_millisecond(0xabc).unwrap());
        let ids = [(); 2].map(|()| {
            look.next();
            look.to_string()
        });
        assert_eq!(ids, ["abc-1", "abc-2"]);
    }
}
