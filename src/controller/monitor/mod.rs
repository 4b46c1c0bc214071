//! The monitor: looks whether the watch of a project does well, and has it started again when not.
//! What to do is decided by [`crate::core::monitor`]; its eyes are here, its hands in `hands`.

mod hands;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use tracing::{info, warn};

use super::{
    background,
    heartbeat::Heartbeat,
    holding::File,
    lock::{self, Lock, LockError, State},
    signals::Signals,
    stopped,
};
use crate::{
    config::{self, LoadError, Project},
    core::monitor::{
        Action, Attempts, Guard, Rules, Seen, Signs, Unknown, decide, patience, without_gap,
    },
    journal::{Entry, Journal, Kind},
};

/// How long a turn takes at most: a watch is ended and another one started.
const LONGEST_TURN: Duration = Duration::from_mins(3);

/// How to go about it.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The time between two looks.
    pub every: Duration,
    /// After how long without a sign of life a watch hangs, where it is not to follow from
    /// `look_every`.
    pub hung_after: Option<Duration>,
    /// Whether to look only once.
    pub once: bool,
}

/// Why a monitor ends by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no config.
    #[error(transparent)]
    Config(#[from] LoadError),
    /// Another monitor has the project.
    #[error("this project has a monitor already: {0}")]
    Monitored(LockError),
    /// The operating system refused.
    #[error("cannot begin: {0}")]
    System(io::Error),
}

/// Monitors the watch of the config at `config` until SIGTERM or SIGINT; `program` is what to run
/// for a new one. Whether the watch did well or was started at the last look.
///
/// # Errors
/// When it can't begin, or when another monitor takes its place.
pub async fn run(config: &Path, program: PathBuf, options: Options) -> Result<bool, Error> {
    let mut signals = Signals::new().map_err(Error::System)?;
    let mut monitor = Monitor::new(config, program, options)?;
    let ended = tokio::select! {
        () = signals.received() => None,
        ended = monitor.until_done() => Some(ended),
    };
    match ended {
        Some(ended) => ended,
        None => {
            if monitor.lock.is_some() {
                monitor.note("the monitor ended; the watch goes on as it is");
            }
            Ok(true)
        }
    }
}

/// What is said once, and again only when it has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Topic {
    Config,
    StateDir,
    Log,
    Watch,
}

struct Monitor {
    /// Absolute: the watch is started elsewhere.
    config: PathBuf,
    program: PathBuf,
    options: Options,
    /// As of the last config that was sound, or by the defaults when none was yet.
    project: Project,
    /// Keeps other monitors of the project out.
    lock: Option<Lock>,
    attempts: Attempts,
    said: HashMap<Topic, String>,
    /// See [`Seen::awake_since`] and [`Seen::unchanged_since`].
    awake_since: Timestamp,
    unchanged_since: Timestamp,
    signs: Option<Signs>,
    /// The watch that was seen last, and the file that it has locked.
    known: Option<(u32, File)>,
}

impl Monitor {
    fn new(config: &Path, program: PathBuf, options: Options) -> Result<Self, Error> {
        let config = std::path::absolute(config).map_err(Error::System)?;
        let project = match config::load(&config) {
            Ok(loaded) => loaded.project,
            Err(missing @ LoadError::Missing(_)) => return Err(missing.into()),
            Err(_) => config::by_default(&config)?,
        };
        let now = Timestamp::now();
        Ok(Self {
            config,
            program,
            options,
            project,
            lock: None,
            attempts: Attempts::default(),
            said: HashMap::new(),
            awake_since: now,
            unchanged_since: now,
            signs: None,
            known: None,
        })
    }

    /// Looks once or for ever.
    async fn until_done(&mut self) -> Result<bool, Error> {
        loop {
            let began = Timestamp::now();
            let (well, pause) = self.turn().await?;
            if self.options.once {
                return Ok(well);
            }
            let before = Timestamp::now();
            tokio::time::sleep(pause).await;
            let now = Timestamp::now();
            if !(without_gap(began, before, LONGEST_TURN) && without_gap(before, now, pause)) {
                info!("this machine slept, or its clock was set: the watch is given time");
                (self.awake_since, self.unchanged_since) = (now, now);
            }
            self.attempts.mind_the_clock(now);
        }
    }

    /// Looks at the watch and does what there is to do. Whether the watch does well then, and when
    /// to look again.
    async fn turn(&mut self) -> Result<(bool, Duration), Error> {
        self.read_config();
        let every = self.options.every;
        let Some(writable) = self.keep_out_others()? else { return Ok((false, every)) };
        match background::log(&self.project).rotate() {
            Ok(_) => drop(self.said.remove(&Topic::Log)),
            Err(error) => self.warn(Topic::Log, &format!("the log of the watch grows: {error}")),
        }
        let now = Timestamp::now();
        let (seen, rules) = match self.look(writable, now) {
            Ok(it) => it,
            Err(error) => {
                let folder = self.project.state_dir();
                self.warn(Topic::Watch, &format!("cannot look into {}: {error}", folder.display()));
                return Ok((false, every));
            }
        };
        let action = decide(&seen, &self.attempts, &rules, now);
        self.attempts.seen(action == Action::Fine, now);
        let pause = match action {
            Action::Rest { until } => {
                every.min(Duration::try_from(until.duration_since(now)).unwrap_or_default())
            }
            _ => every,
        };
        Ok((self.answer(action, seen.signs.guard).await, pause))
    }

    /// Does, or says, what is to be done or said about the watch. Whether it does well then.
    async fn answer(&mut self, action: Action, guard: Guard) -> bool {
        match action {
            Action::Fine => {
                let text = match guard {
                    Guard::Held { pid, .. } => format!("the watch does well, pid {pid}"),
                    Guard::Lost => "the lock of the watch was removed; it takes it again when it \
                                    looks next"
                        .to_owned(),
                    Guard::Free | Guard::Unnamed => "the watch does well".to_owned(),
                };
                if self.is_news(Topic::Watch, &text) {
                    info!("{text}");
                }
                true
            }
            Action::StoppedOnPurpose => {
                let text = "the watch was ended by `redundancy stop` and is left so until somebody \
                            runs `redundancy watch`";
                if self.is_news(Topic::Watch, text) {
                    self.note_unless_once(text);
                }
                false
            }
            Action::Rest { until } => {
                let text = format!("the watch does not last; it is started again at {until:.0}");
                if self.is_news(Topic::Watch, &text) {
                    info!("{text}");
                }
                false
            }
            Action::Unknown(why) => {
                let text = match why {
                    Unknown::NotWritable => {
                        "nothing can be written into the state folder, so it is not known whether \
                         the watch hangs"
                    }
                    Unknown::Unnamed => {
                        "the watch gives no sign of life, and its lock does not say which process \
                         it is; end it by hand"
                    }
                };
                self.warn(Topic::Watch, text);
                false
            }
            Action::Start => {
                self.note("no watch is running: starting one");
                self.act(None).await
            }
            Action::Replace { pid, quiet } => {
                let quiet = quiet.as_secs();
                self.note(&format!(
                    "the watch, pid {pid}, has given no sign of life for {quiet} s: replacing it"
                ));
                self.act(Some(pid)).await
            }
        }
    }

    /// Takes over what a sound config says.
    fn read_config(&mut self) {
        let project = match config::load(&self.config) {
            Ok(loaded) => loaded.project,
            Err(error) => {
                let text = format!("{error}; as it is now, no watch can be started");
                self.warn(Topic::Config, &text);
                return;
            }
        };
        if project.state_dir() != self.project.state_dir() {
            let watch = lock::watch_file(&self.project.state_dir());
            if !matches!(Lock::state(&watch), Ok(State::Free)) {
                let text = "`controller.state_dir` has changed, and the watch keeps the old one; \
                            so does the monitor";
                self.warn(Topic::Config, text);
                return;
            }
            (self.lock, self.known) = (None, None);
        }
        self.said.remove(&Topic::Config);
        self.project = project;
    }

    /// Takes the lock of the monitor, also again when somebody removed it. Whether the state
    /// folder can be written to; none when there is no lock to be had.
    fn keep_out_others(&mut self) -> Result<Option<bool>, Error> {
        let state_dir = self.project.state_dir();
        let path = lock::monitor_file(&state_dir);
        if let Some(lock) = self.lock.as_ref().filter(|it| it.is_in_place(&path)) {
            return Ok(Some(lock.is_writable()));
        }
        let made = super::make_state_dir(&state_dir).map_err(|error| error.to_string());
        let lock = made.and_then(|()| match Lock::take(&path, "monitor", Timestamp::now()) {
            Err(LockError::Held(by)) => Ok(Err(Error::Monitored(LockError::Held(by)))),
            Err(error) => Err(error.to_string()),
            Ok(lock) => Ok(Ok(lock)),
        });
        match lock {
            Err(why) => {
                let folder = state_dir.display();
                self.warn(
                    Topic::StateDir,
                    &format!("cannot use {folder}, and go on trying: {why}"),
                );
                Ok(None)
            }
            Ok(lock) => {
                let lock = lock?;
                let writable = lock.is_writable();
                let again = self.lock.replace(lock).is_some();
                self.said.remove(&Topic::StateDir);
                if again {
                    self.note(&format!("{} was removed, and is there again", path.display()));
                } else {
                    let pid = std::process::id();
                    self.note_unless_once(&format!("the monitor began, pid {pid}"));
                }
                Ok(Some(writable))
            }
        }
    }

    /// What there is to see of the watch, and the rules for it.
    fn look(&mut self, writable: bool, now: Timestamp) -> io::Result<(Seen, Rules)> {
        let state_dir = self.project.state_dir();
        let path = lock::watch_file(&state_dir);
        let guard = match Lock::state(&path)? {
            State::Held(Some(holder)) => {
                self.known = File::at(&path).ok().map(|file| (holder.pid, file));
                Guard::Held { pid: holder.pid, since: holder.since }
            }
            State::Held(None) => Guard::Unnamed,
            State::Free => match self.known {
                Some((pid, file))
                    if !File::at(&path).is_ok_and(|it| it == file)
                        && file.is_open_in(pid).unwrap_or(false) =>
                {
                    Guard::Lost
                }
                _ => Guard::Free,
            },
        };
        let heartbeat = Heartbeat::read(&state_dir);
        let beat = heartbeat.as_ref().map(Heartbeat::beat);
        let signs = Signs { guard, beat, touched: Lock::touched(&path) };
        if self.signs.replace(signs) != Some(signs) {
            self.unchanged_since = now;
        }
        let seen = Seen {
            signs,
            unchanged_since: self.unchanged_since,
            awake_since: (!self.options.once).then_some(self.awake_since),
            stopped: stopped::is_said(&state_dir)?,
            writable,
        };
        let controller = &self.project.config.controller;
        let its_own =
            heartbeat.filter(|it| matches!(guard, Guard::Held { pid, .. } if pid == it.pid));
        let look_every = its_own.map_or(controller.look_every.0, |it| it.look_every());
        let rules = Rules {
            patience: patience(look_every, self.options.hung_after),
            backoff: self.project.config.failover.backoff.into(),
        };
        Ok((seen, rules))
    }

    /// Whether `text` differs from what was said last about the topic; notes that it is said now.
    fn is_news(&mut self, topic: Topic, text: &str) -> bool {
        self.said.insert(topic, text.to_owned()).as_deref() != Some(text)
    }

    fn warn(&mut self, topic: Topic, text: &str) {
        if self.is_news(topic, text) {
            warn!("{text}");
        }
    }

    /// As [`Monitor::note`], but one that looks once does not fill the journal with what it says
    /// each time that the clock runs it.
    fn note_unless_once(&self, text: &str) {
        if self.options.once {
            info!("{text}");
        } else {
            self.note(text);
        }
    }

    /// Says something in the log and in the journal.
    fn note(&self, text: &str) {
        info!("{text}");
        self.journal(text.to_owned());
    }

    fn journal(&self, text: String) {
        let entry = Entry { at: Timestamp::now(), kind: Kind::Controller, id: None, text };
        // Opened for each entry: there are few, and another program may put the file aside.
        let written = Journal::open(&Journal::file(&self.project.state_dir()))
            .and_then(|(mut journal, _)| journal.write(&[entry]));
        if let Err(error) = written {
            warn!("the journal was not written: {error}");
        }
    }
}
