//! The thread that writes the logs. What can't be written is counted, said once, and said again when
//! it can.

use std::{
    io,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tracing::{error, info, warn};

use super::{
    ELSEWHERE, Rules,
    file::{self, Limits, LogFile},
};
use crate::config::logs::Subject;

/// That a log can't be written is said once in this time at most, where it can every now and then.
const SAID_EVERY: Duration = Duration::from_mins(1);

/// What the writer is to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Write a line.
    Write { subject: Subject, line: String, at: Timestamp },
    /// Go by these rules from now on.
    GoBy(Box<Rules>),
    /// Say so when all before it is written.
    Tell(SyncSender<()>),
}

/// Does what it is told until nobody is left to tell it anything.
pub(super) fn run(queue: &Receiver<Order>, crowded_out: &AtomicU64) {
    let mut writer = None;
    while let Ok(order) = queue.recv() {
        match order {
            Order::Write { subject, line, at } => {
                if let Some(writer) = &mut writer {
                    Writer::write(writer, subject, &line, at);
                }
            }
            Order::GoBy(rules) => {
                let new = Writer::new(&rules);
                writer = Some(match writer.take() {
                    Some(old) => old.become_(new),
                    None => new,
                });
            }
            Order::Tell(written) => {
                if let Some(writer) = &mut writer {
                    writer.tell_what_is_lost();
                }
                // Who gave up waiting need not know.
                let _ = written.try_send(());
            }
        }
        let lost = crowded_out.swap(0, Ordering::Relaxed);
        if lost > 0 {
            warn!("{} lost: they came faster than they could be written", lines(lost));
        }
    }
}

struct Writer {
    rules: Rules,
    limits: Limits,
    logs: Vec<(Subject, LogFile, Losses)>,
}

/// What of a log could not be written.
#[derive(Debug, Default)]
struct Losses {
    /// Since that was last told.
    lines: u64,
    /// When it was said that they are lost, and what they are lost of.
    said: Option<Instant>,
    /// Whether that they can be written again has to be said yet.
    owed: bool,
}

impl Writer {
    fn new(rules: &Rules) -> Self {
        let logs = &rules.logs;
        let limits = Limits {
            max_size: logs.max_size.0,
            max_age: logs.max_age.0,
            keep: logs.keep,
            max_total: logs.max_total.0,
        };
        let log =
            |subject| (subject, LogFile::new(&rules.folder, subject, limits), Losses::default());
        let writer = Self {
            rules: rules.clone(),
            limits,
            logs: Subject::EACH.map(log).into_iter().collect(),
        };
        writer.tidy();
        writer
    }

    /// `new`, with what this one has not told yet.
    fn become_(self, mut new: Self) -> Self {
        for ((.., old), (.., losses)) in self.logs.into_iter().zip(&mut new.logs) {
            *losses = old;
        }
        new
    }

    fn write(&mut self, subject: Subject, line: &str, at: Timestamp) {
        let limits = self.limits;
        let Some((_, log, losses)) = self.logs.iter_mut().find(|it| it.0 == subject) else {
            return;
        };
        match log.write(line, limits, at) {
            Ok(was_put_aside) => {
                losses.over(subject, log);
                if was_put_aside {
                    self.tidy();
                }
            }
            Err(error) => losses.add(log, &error),
        }
    }

    fn tidy(&self) {
        if let Err(error) = file::tidy(&self.rules.folder, self.limits) {
            let folder = self.rules.folder.display();
            warn!(target: ELSEWHERE, "old logs in {folder} can't be removed: {error}");
        }
    }

    fn tell_what_is_lost(&mut self) {
        for (_, log, losses) in &mut self.logs {
            let lost = std::mem::take(&mut losses.lines);
            if lost > 0 {
                let path = log.path().display();
                warn!(target: ELSEWHERE, "{path} could not be written: {} lost", lines(lost));
            }
        }
    }
}

impl Losses {
    fn add(&mut self, log: &LogFile, error: &io::Error) {
        self.lines = self.lines.saturating_add(1);
        if self.owed || self.said.is_some_and(|it| it.elapsed() < SAID_EVERY) {
            return;
        }
        (self.said, self.owed) = (Some(Instant::now()), true);
        let path = log.path().display();
        error!(
            target: ELSEWHERE,
            "{path} can't be written, and all goes on; its lines are lost until it can: {error}"
        );
    }

    fn over(&mut self, subject: Subject, log: &LogFile) {
        if !std::mem::take(&mut self.owed) {
            return;
        }
        let lost = std::mem::take(&mut self.lines);
        let path = log.path().display();
        info!(provider = subject.provider(), "{path} is written again; {} lost", lines(lost));
    }
}

fn lines(number: u64) -> String {
    match number {
        1 => "1 line was".to_owned(),
        _ => format!("{number} lines were"),
    }
}
