//! The watch: the loop that goes on until it is told to stop.

mod adapt;
mod alert;
mod chronicle;
mod decide;
mod show;
mod tell;
mod update;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};

use futures_util::future::{FutureExt, select_all};
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{Instrument, error, info};

pub(crate) use self::decide::{MEMORY, recalled};
use self::{chronicle::Chronicler, update::Updates};
use super::{
    Controller, Progress, Scope, Stop, World,
    alerts::{self, Alerts},
    heartbeat::Pulse,
    in_hand::{Finished, InHand},
    live::Live,
    lock::{self, Lock, LockError},
    logs::{Logs, LookId},
    metrics::Metrics,
    reload::ConfigFile,
    service_manager,
    signals::Signals,
    stopped::Starter,
    trial::{Begun, Ledger, Next},
    triggers::{Changed, Triggers},
};
use crate::{
    config::{LoadError, Loaded, load},
    core::{
        alert::{Alert, Book, Message},
        change::{Step, Why},
        id::Id,
        reconciler::{Decision, Reconciler},
        resource::Status,
        system::System,
    },
    journal::{self, Journal, Kind},
    probe::{self, Prechecks, Probes},
};

/// When somebody else is making changes, how long to wait before looking again.
const LOCKED: Duration = Duration::from_secs(1);

/// How long a process that is being started may take to become its program.
const STARTING: Duration = Duration::from_secs(1);

/// The longest sleep while something is due by the clock: a clock that jumped is noticed by then.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// The longest time without a sign of life while changes in hand are waited for.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);

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
    super::make_state_dir(&state_dir).map_err(|source| refused(source.to_string()))?;
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
        Some(Next::Trial(_, trial)) => format!(
            "the watch becomes version {}, where this is {}, and goes back if not all is healthy then; what runs \
             goes on running",
            trial.to, trial.from
        ),
        Some(Next::Undo(_, why)) => {
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

/// Why the loop woke up.
enum Wake {
    Signal,
    Finished(Finished),
    Files(Changed),
    Provider(usize),
    Probe,
    /// An alert could not be delivered.
    Lost,
    /// Somebody who looks on is to be shown what is so now.
    Onlooker,
    /// It is known whether there is a newer version of this program.
    Update,
    Timer,
}

struct Watch {
    /// Keeps other watches of the project out.
    lock: Lock,
    logs: Logs,
    look: LookId,
    pulse: Pulse,
    controller: Rc<Controller>,
    world: World,
    config: ConfigFile,
    triggers: Triggers,
    journal: Rc<RefCell<Journal>>,
    in_hand: InHand,
    /// Where something was changed since the last look there.
    touched: Option<Scope>,
    stop: Rc<Stop>,
    reconciler: Reconciler,
    live: Live,
    probes: Probes,
    prechecks: Prechecks,
    /// Whether somebody may have asked for something since that was last looked for.
    asked: bool,
    /// The journal that the memory was last put into, by how often one was begun anew.
    remembered_in: u32,
    /// What has to be remembered, as the journal has it or is about to.
    remembered: String,
    metrics: Metrics,
    chronicler: Chronicler,
    alerts: Alerts,
    updates: Updates,
    /// What people were told of, also by the watch before.
    book: Book,
    /// The same, as the journal has it or is about to.
    remembered_book: String,
    /// What happened since the last look that people should be told of.
    happened: Vec<Alert>,
    /// What people are to be told once that is remembered.
    to_tell: Vec<Message>,
    /// What was told of each resource that is left alone, so that it is told once.
    held: BTreeMap<Id, Why>,
    /// The status of each resource of ours as of the last look, if there was one.
    seen: Option<BTreeMap<Id, Status>>,
    /// How the whole system did when that was last told, and when that was.
    told_system: Option<(System, Instant)>,
    /// When there is something to do next, by the clock.
    next: Option<Timestamp>,
    /// When everything was looked at last because it was time to.
    looked_at: Instant,
    /// Whether the last sign of life was put off.
    owes_sign: bool,
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
        let remembered = journal.recall(MEMORY)?;
        let remembered_book = journal.recall(alerts::BOOK)?;
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
            reconciler: Reconciler::new(recalled(remembered.as_deref()), now),
            asked: true,
            remembered_in: journal.times_begun_anew(),
            remembered: remembered.unwrap_or_default(),
            live: Live::begin(&loaded.project.state_dir()),
            probes: Probes::default(),
            prechecks: Prechecks::default(),
            metrics: Metrics::default(),
            chronicler: Chronicler::default(),
            alerts,
            updates,
            book: alerts::recalled(remembered_book.as_deref()),
            remembered_book: remembered_book.unwrap_or_default(),
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
        watch.tell_notes(loaded);
        watch.metrics.configure(&loaded.project);
        watch.begin_alerts(missing);
        Ok(watch)
    }

    async fn until_stopped(&mut self, signals: &mut Signals) -> Option<Next> {
        // Before anything is read: what changes from now on is heard.
        self.watch_places();
        let mut wake = Wake::Timer;
        let next = loop {
            let scope = match wake {
                Wake::Signal => break None,
                Wake::Finished(finished) => self.take_finished(finished),
                Wake::Provider(index) => Some(Scope::One(index)),
                Wake::Probe => Some(Scope::All),
                Wake::Update => {
                    self.tell_updates();
                    Some(Scope::All)
                }
                Wake::Lost => {
                    self.take_losses();
                    self.write_notes();
                    None
                }
                Wake::Onlooker => {
                    self.show();
                    wake = self.sleep(signals).await;
                    continue;
                }
                Wake::Timer => {
                    self.asked = true;
                    self.looked_at = Instant::now();
                    self.reload().await;
                    self.adapt().await;
                    self.watch_places();
                    self.prune();
                    self.bound_log();
                    self.metrics.serve();
                    self.report().await;
                    Some(Scope::All)
                }
                Wake::Files(changed) => self.take(&changed).await,
            };
            if !self.keep_out_others() {
                break None;
            }
            if let Some(scope) = scope {
                // What was changed meanwhile is decided on as it is now, and not as it was before.
                let scope = self.touched.take().map_or(scope, |touched| touched.and(scope));
                let look = self.look.next();
                tokio::select! {
                    () = self.pass(scope).instrument(look) => self.tell_that_it_looked_unless_more_is_due(),
                    // Nothing is lost with a look that is broken off.
                    () = signals.received() => break None,
                }
            }
            let next = self.mind_updates();
            if next.is_some() {
                break next;
            }
            self.live.has_news();
            wake = self.sleep(signals).await;
        };
        self.live.end();
        if next.is_none() {
            self.put_off_trial();
            service_manager::stopping();
        }
        if !self.in_hand.is_empty() {
            info!("asked to stop: finishing the changes in hand");
        }
        self.stop.ask();
        self.finish_all().await;
        self.remember();
        self.end_alerts().await;
        self.last_reports().await;
        next
    }

    /// Waits until nothing is in hand.
    async fn finish_all(&mut self) {
        let pause = self.look_every().min(LONGEST_SILENCE);
        while !self.in_hand.is_empty() {
            tokio::select! {
                finished = self.in_hand.finished() => {
                    self.take_finished(finished);
                }
                // It may take long, and is not hanging.
                () = tokio::time::sleep(pause) => {
                    self.lock.touch();
                    service_manager::lives();
                }
            }
        }
    }

    fn check_every(&self) -> Duration {
        self.controller.project().config.controller.system_check_every.0
    }

    fn look_every(&self) -> Duration {
        self.controller.project().config.controller.look_every.0
    }

    /// What follows from a change that is done already comes first, but not again and again.
    fn tell_that_it_looked_unless_more_is_due(&mut self) {
        self.owes_sign = self.in_hand.has_finished() && !self.owes_sign;
        if !self.owes_sign {
            self.tell_that_it_looked();
        }
    }

    fn tell_that_it_looked(&mut self) {
        let (state_dir, look_every) = (self.controller.project().state_dir(), self.look_every());
        let providers = self.controller.oversight.watched(Timestamp::now());
        self.pulse.looked(&self.lock, &state_dir, look_every, providers);
        self.alerts.looked();
    }

    /// Notes what came of a lane and begins the next one; what to look at when it was the last.
    fn take_finished(&mut self, Finished { lane, done, error, .. }: Finished) -> Option<Scope> {
        let failed = error.map(|it| it.to_string());
        self.metrics.changed(&lane, done, failed.is_some());
        self.reconciler.finish(&lane, done, failed, Timestamp::now());
        if !self.in_hand.is_empty() {
            self.remember();
        }
        // Else the look that follows remembers it.
        self.begin();
        let place = |step: &Step| {
            let providers = &self.controller.providers;
            let index = providers.iter().position(|it| *it.name() == step.id.provider);
            index.map_or(Scope::All, Scope::One)
        };
        let touched = self.touched.take().into_iter().chain(lane.iter().map(place));
        self.touched = touched.reduce(Scope::and);
        if self.in_hand.is_empty() { self.touched.take() } else { None }
    }

    fn begin(&mut self) {
        self.in_hand.begin(
            &self.controller,
            &self.journal,
            &self.stop,
            |progress| match progress {
                Progress::Done(step) => {
                    info!(provider = %step.id.provider, "{}: {} done ({})", step.id, step.change.verb(), step.reason);
                }
                Progress::Failed(step, why) => {
                    error!(provider = %step.id.provider, "{}: {} failed: {why}", step.id, step.change.verb());
                }
                Progress::NotBegun(step) => {
                    info!(provider = %step.id.provider, "{}: {} not begun", step.id, step.change.verb());
                }
                Progress::JournalFailed(why) => error!("the journal was not written: {why}"),
            },
        );
    }

    /// What to look at after files changed.
    async fn take(&mut self, changed: &Changed) -> Option<Scope> {
        self.asked |= changed.asked || changed.anywhere;
        let new_config = (changed.config || changed.anywhere) && self.reload().await;
        if new_config || changed.anywhere {
            self.watch_places();
            return Some(Scope::All);
        }
        if changed.asked {
            return Some(Scope::All);
        }
        let scope = changed.providers.iter().map(|&index| Scope::One(index)).reduce(Scope::and);
        if scope.is_some() {
            // A folder that was not there may have come, and one that went may have come back.
            self.watch_places();
        }
        scope
    }

    async fn sleep(&mut self, signals: &mut Signals) -> Wake {
        // However often something else wakes it.
        let mut until = self.looked_at + self.look_every();
        if let Some(reports) = self.next_reports() {
            until = until.min(reports);
        }
        if let Some((_, at)) = &self.told_system {
            // Where all stays as it is, that is worth a look too.
            until = until.min((*at + self.check_every()).max(Instant::now()));
        }
        if let Some(next) = self.next {
            let left = Duration::try_from(next.duration_since(Timestamp::now()));
            until = until.min(Instant::now() + left.unwrap_or_default().min(LONGEST_SLEEP));
        }
        let providers = self.controller.providers.iter();
        let providers =
            providers.map(|it| self.controller.oversight.woken(it.as_ref()).boxed_local());
        tokio::select! {
            biased;
            () = signals.received() => Wake::Signal,
            finished = self.in_hand.finished() => Wake::Finished(finished),
            changed = self.triggers.changed() => Wake::Files(changed),
            () = self.probes.changed() => Wake::Probe,
            () = self.prechecks.changed() => Wake::Probe,
            () = self.alerts.changed() => Wake::Lost,
            () = self.live.wanted() => Wake::Onlooker,
            () = self.updates.looked() => Wake::Update,
            () = tokio::time::sleep_until(until) => Wake::Timer,
            // Last, because one where much is going on always has news.
            ((), index, _) = select_all(providers) => Wake::Provider(index),
        }
    }

    /// Looks, plans, and takes what there is to do in hand.
    async fn pass(&mut self, scope: Scope) {
        let state_dir = self.controller.project().state_dir();
        let apply_lock = lock::apply_file(&state_dir);
        loop {
            let last_holder = Lock::last(&apply_lock);
            let began = Instant::now();
            let look = self.controller.look(&mut self.world, scope, Timestamp::now());
            self.in_hand.during(look).await;
            self.metrics.looked(began.elapsed());
            let specs = probe::of(&self.controller.possible);
            self.probes.follow(&specs, &mut self.world.observed);
            self.live.looked(Timestamp::now());
            self.tell_seen();
            let Decision { plan, in_order, news, .. } = self.decide();
            // What is off duty need not work, and that is decided only now.
            self.tell_system();
            if plan.lanes.is_empty() {
                self.conclude(news);
                break;
            }
            let lock = if self.in_hand.is_empty() {
                match Lock::take(&apply_lock, "watch", Timestamp::now()) {
                    // Somebody else made changes after the look: what was seen is out of date.
                    Ok(lock) if lock.before != last_holder => {
                        self.conclude(news);
                        continue;
                    }
                    Ok(lock) => Some(lock),
                    Err(why) => {
                        self.conclude(news);
                        info!("changes wait: {why}");
                        self.next = Some(Timestamp::now() + LOCKED);
                        break;
                    }
                }
            } else {
                None
            };
            self.conclude_with(&plan.lanes, news);
            self.keep_generation(&plan);
            self.in_hand.add(plan.lanes, in_order, lock);
            self.begin();
            // At once: what was seen is written with the intents that follow from it.
            self.in_hand.advance();
            break;
        }
        self.tell_people();
    }
}
