//! The reports as files: one for each place where resources live, and one for all, in the folder of the logs.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;

use super::Controller;
use crate::{
    core::{
        id::{Id, Name},
        monitor::patience,
        report::{Budget, Period, Question, Record, Report, end, strips},
        resource::Desired,
        strip::Strip,
    },
    disk::replace_private,
    journal::{self, Journal},
};

/// The time that a report is about where nobody says otherwise.
pub const USUAL: Duration = Duration::from_hours(24);

/// Under which key the watch remembers what services told of their limits.
pub(super) const BUDGET: &str = "budget";

/// The files, each with the providers that it is about; all, where none is named.
const FILES: [(&str, &[&str]); 4] = [
    ("pm2-redundancy-report.json", &["pm2", "embedded"]),
    ("github-actions-redundancy-report.json", &["github"]),
    ("netlify-functions-redundancy-report.json", &["netlify"]),
    ("comprehensive-redundancy-report.json", &[]),
];

/// Why reports can't be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What they are made from can't be read.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// There is nothing that they could be made from.
    #[error(
        "there is no journal in {folder}, so nothing is known of what was: `redundancy start` begins a watch, \
         which writes one", folder = .0.display()
    )]
    NoJournal(PathBuf),
    /// A file can't be written.
    #[error("cannot write {file}: {source}", file = file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A report can't be put into words, which is a mistake of this program.
    #[error("cannot put a report into JSON: {0}")]
    Form(#[from] serde_json::Error),
}

/// What came of making reports.
pub(super) type Made = Result<(), Error>;

/// What it takes to make reports, apart from the watch.
#[derive(Debug)]
pub struct Job {
    state_dir: PathBuf,
    log_dir: PathBuf,
    look_every: Duration,
    expected: BTreeSet<Id>,
}

/// What a watch wrote down.
struct Read {
    record: Record,
    budget: Vec<Budget>,
}

impl Job {
    /// What it takes for the project of `controller`, where `desired` is wanted.
    #[must_use]
    pub fn of(controller: &Controller, desired: &Desired) -> Self {
        let project = controller.project();
        let pairs = controller.pairs().iter();
        let expected = pairs.flat_map(|it| [it.primary.clone(), it.backup.clone()]);
        Self {
            state_dir: project.state_dir(),
            log_dir: project.log_dir(),
            look_every: project.config.controller.look_every.0,
            expected: expected.chain(desired.wanted.keys().cloned()).collect(),
        }
    }

    /// The report on the last `length`, of what `providers` have, or of all where none is named.
    ///
    /// # Errors
    /// When there is no journal, or it can't be read.
    pub fn report(
        &self,
        providers: &[Name],
        length: Duration,
        now: Timestamp,
    ) -> Result<Report, Error> {
        Ok(self.report_on(&self.read(length, now)?, providers, length, now))
    }

    /// What was written down of twice the last `length`.
    fn read(&self, length: Duration, now: Timestamp) -> Result<Read, Error> {
        let no_journal = || Error::NoJournal(self.state_dir.clone());
        let journal = Journal::open_to_read(&Journal::file(&self.state_dir))?;
        // It ends up to this much before now.
        let twice = length.saturating_mul(2).saturating_add(self.patience());
        let journal = journal.ok_or_else(no_journal)?;
        let record = journal.record(Period::until(now, twice))?;
        // What another version wrote is not known here.
        let budget = journal.recall(BUDGET)?.and_then(|it| serde_json::from_str(&it).ok());
        let mut budget: Vec<Budget> = budget.unwrap_or_default();
        budget.retain(|it| now < it.until);
        Ok(Read { record, budget })
    }

    fn patience(&self) -> Duration {
        patience(self.look_every, None)
    }

    fn report_on(
        &self,
        read: &Read,
        providers: &[Name],
        length: Duration,
        now: Timestamp,
    ) -> Report {
        let record = &read.record;
        let period = Period::until(end(record, now, self.patience()), length);
        let (expected, budget) = (&self.expected, &read.budget);
        Report::of(record, &Question { period, now, providers, expected, budget })
    }

    /// Makes the files. One that can't be written keeps no other one from being.
    pub(super) fn make(&self, now: Timestamp) -> Made {
        let read = self.read(USUAL, now)?;
        let mut made = Ok(());
        for (file, providers) in FILES {
            let providers: Vec<Name> = providers.iter().copied().map(Name::literal).collect();
            let report = self.report_on(&read, &providers, USUAL, now);
            made = made.and(write(&self.log_dir.join(file), &report));
        }
        made
    }
}

/// How each resource did in the last day, by what a watch wrote down; of none where there is no journal.
///
/// # Errors
/// When the journal can't be read.
pub fn last_day(state_dir: &Path, now: Timestamp) -> Result<BTreeMap<Id, Strip>, journal::Error> {
    let Some(journal) = Journal::open_to_read(&Journal::file(state_dir))? else {
        return Ok(BTreeMap::new());
    };
    let period = Period::until(now, USUAL);
    Ok(strips(&journal.record(period)?, period))
}

fn write(file: &Path, report: &Report) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(report)? + "\n";
    let refused = |source| Error::File { file: file.to_owned(), source };
    replace_private(file, &text).map_err(refused)
}
