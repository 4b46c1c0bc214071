//! How a watch begins, and why one can't.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{MEMORY, Watch, chronicle::Chronicler, decide::remembered, update::Updates};
use crate::{
    config::{LoadError, Loaded, load},
    controller::{
        self, Controller, World,
        alerts::{self, Alerts},
        heartbeat::Pulse,
        in_hand::InHand,
        live::Live,
        lock::{self, Lock, LockError},
        logs::{Logs, LookId},
        metrics::Metrics,
        reload::ConfigFile,
        self_update::{Begun, Ledger, Next},
        signals::Signals,
        stopped::Starter,
        triggers::Triggers,
    },
    core::reconciler::Reconciler,
    journal::{self, Journal, Kind},
    probe::{Prechecks, Probes},
};

/// How long a process that is being started may take to become its program.
const STARTING: Duration = Duration::from_secs(1);

/// Why a watch can't begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The config is broken or missing.
    #[error(transparent)]
    Config(#[from] LoadError),
    /// Another watch has the project.
    #[error("this project is watched already, by {0}; `redundancy stop` ends it")]
    Watched(LockError),
    /// The folder of what the tool keeps for itself, or a lock in it, can't be made.
    #[error("cannot use {folder}: {why}", folder = folder.display())]
    StateDir {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        why: String,
    },
    /// The journal can't be used.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The operating system does not tell of changes of files.
    #[error("cannot be told of changes of files: {0}")]
    Notify(#[from] notify::Error),
    /// A person ended the watch, and this one was not begun by a person.
    #[error("the watch was ended by `redundancy stop`; `redundancy watch` begins one again")]
    StoppedOnPurpose,
    /// The operating system does not pass signals on.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
}

impl Error {
    /// Whether it has nothing to do with which version of this program it is.
    #[must_use]
    pub fn is_of_another_watch(&self) -> bool {
        matches!(self, Self::Watched(_) | Self::StoppedOnPurpose)
    }
}

/// Watches the project of the config at `path` until SIGTERM or SIGINT, or until it is to become another version;
/// which. What runs goes on running afterwards.
///
/// # Errors
/// When it can't begin. Once begun it goes on, whatever fails.
pub async fn run(
    path: PathBuf,
    starter: Starter,
    logs: Logs,
    begun: Begun,
) -> Result<Option<Next>, Error> {
    // First of all, so that no signal kills it half-way.
    let mut signals = Signals::new().map_err(Error::Signals)?;
    let loaded = load(&path)?;
    let state_dir = loaded.project.state_dir();
    let refused = |why: String| Error::StateDir { folder: state_dir.clone(), why };
    controller::make_state_dir(&state_dir).map_err(|source| refused(source.to_string()))?;
    let now = Timestamp::now();
    let lock = match take_lock(&lock::watch_file(&state_dir), now).await {
        Err(held @ LockError::Held(_)) => return Err(Error::Watched(held)),
        other => other.map_err(|error| refused(error.to_string()))?,
    };
    // Not before the lock is held: `stop` leaves its word first and then looks who holds the lock.
    if !starter.may_begin(&state_dir) {
        return Err(Error::StoppedOnPurpose);
    }
    // Nor before that: the logs are of the watch that goes on.
    logs.configure(&loaded.project);
    let (journal, damaged) = Journal::open_whatever_is_there(&Journal::file(&state_dir))?;
    let updates = Updates::new(Ledger::of(&state_dir), begun);
    let mut watch = Watch::new(path, &loaded, journal, (lock, logs, updates), now)?;
    if let Some(damaged) = damaged {
        watch.note(None, Kind::Controller, damaged);
    }
    watch.note(None, Kind::Controller, format!("the watch began, pid {}", std::process::id()));
    watch.tell_of_trial();
    let next = watch.until_stopped(&mut signals).await;
    let text = match &next {
        None => "the watch ended; what runs goes on running".to_owned(),
        Some(Next::Try(_, trial)) => format!(
            "the watch becomes version {}, where this is {}, and goes back if not all is healthy then; what runs \
             goes on running",
            trial.to, trial.from
        ),
        Some(Next::Undo(_, _, why)) => {
            format!("the watch becomes the version before again: {why}; what runs goes on running")
        }
    };
    watch.note(None, Kind::Controller, text);
    Ok(next)
}

/// Takes the lock. What a watch that was killed was just starting has it too, for the moment until
/// it becomes its program.
async fn take_lock(file: &Path, now: Timestamp) -> Result<Lock, LockError> {
    let deadline = Instant::now() + STARTING;
    loop {
        match Lock::take(file, "watch", now) {
            Err(LockError::Held(Some(by))) if !by.lives() && Instant::now() < deadline => {
                tokio::time::sleep(STARTING / 50).await;
            }
            other => return other,
        }
    }
}

impl Watch {
    fn new(
        path: PathBuf,
        loaded: &Loaded,
        journal: Journal,
        (lock, logs, updates): (Lock, Logs, Updates),
        now: Timestamp,
    ) -> Result<Self, Error> {
        let config = ConfigFile::new(path, loaded);
        let name = config.path().file_name().unwrap_or_default();
        let triggers = Triggers::new(loaded.project.root.join(name))?;
        let memory_text = journal.recall(MEMORY)?;
        let (memory, no_memory) = remembered(memory_text.as_deref());
        let book_text = journal.recall(alerts::BOOK)?;
        let (book, no_book) = remembered(book_text.as_deref());
        let (alerts, missing) = Alerts::new(&loaded.project);
        let mut watch = Self {
            lock,
            logs,
            look: LookId::before_the_first(now),
            pulse: Pulse::new(now),
            controller: Rc::new(Controller::new(loaded.project.clone()).that_never_waits()),
            world: World::default(),
            config,
            triggers,
            in_hand: InHand::default(),
            touched: None,
            stop: Rc::default(),
            reconciler: Reconciler::new(memory, now),
            asked: true,
            remembered_in: journal.times_begun_anew(),
            remembered: memory_text.unwrap_or_default(),
            live: Live::begin(&loaded.project.state_dir()),
            probes: Probes::default(),
            prechecks: Prechecks::default(),
            metrics: Metrics::default(),
            chronicler: Chronicler::default(),
            alerts,
            updates,
            book,
            remembered_book: book_text.unwrap_or_default(),
            happened: Vec::new(),
            to_tell: Vec::new(),
            held: BTreeMap::new(),
            seen: None,
            told_system: None,
            next: None,
            looked_at: Instant::now(),
            owes_sign: false,
            journal: Rc::new(RefCell::new(journal)),
        };
        let unread = [
            ("who is on duty, and what is tried again", no_memory),
            ("what people were told", no_book),
        ];
        for (what, why) in unread {
            if let Some(why) = why {
                let text = format!(
                    "the watch before has left what can't be read, so {what} is begun anew: {why}"
                );
                watch.note(None, Kind::Controller, text);
            }
        }
        watch.tell_notes(loaded);
        watch.metrics.configure(&loaded.project);
        watch.begin_alerts(missing);
        Ok(watch)
    }
}
