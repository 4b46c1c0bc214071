//! The watch: the loop that goes on until it is told to stop.

mod adapt;
mod alert;
mod chronicle;
mod decide;
mod hands;
mod show;
mod start;
mod tell;
mod update;
mod wake;

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{Instrument, info};

pub(crate) use self::decide::{MEMORY, recalled};
pub use self::start::{Error, run};
use self::{chronicle::Chronicler, update::Updates, wake::Wake};
use super::{
    Controller, Scope, Stop, World,
    alerts::Alerts,
    heartbeat::Pulse,
    in_hand::InHand,
    live::Live,
    lock::{self, Lock},
    logs::{Logs, LookId},
    metrics::Metrics,
    reload::ConfigFile,
    self_update::Next,
    service_manager,
    signals::Signals,
    triggers::{Changed, Triggers},
};
use crate::{
    core::{
        alert::{Alert, Book, Message},
        change::Why,
        id::Id,
        reconciler::{Decision, Reconciler},
        resource::Status,
        system::System,
    },
    journal::Journal,
    probe::{self, Prechecks, Probes},
};

/// When somebody else is making changes, how long to wait before looking again.
const LOCKED: Duration = Duration::from_secs(1);

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
        self.end(next.is_some()).await;
        next
    }

    /// Finishes what is in hand, and tells and writes down the rest. `goes_on`: as another version.
    async fn end(&mut self, goes_on: bool) {
        self.live.end();
        if !goes_on {
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
            self.probes.follow(&specs, &mut self.world.observed, Timestamp::now());
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
