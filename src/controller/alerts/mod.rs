//! Sending alerts. `core/alert` decides what is told; here it goes to the sinks of the config, each
//! with a queue and a task of its own, so that none of them holds up the watch or another one.

mod bound;
mod form;
mod outbox;
mod ping;
mod secret;
mod target;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::{task::JoinHandle, time::timeout};

pub use self::bound::tell;
pub(crate) use self::outbox::Lost;
use self::{
    outbox::{Losses, Outbox},
    ping::Ping,
    target::Target,
};
use crate::{
    config::{Project, model},
    core::{
        alert::{Book, Message},
        checkup::Finding,
    },
};

/// Under which key the journal has the [`Book`].
pub(crate) const BOOK: &str = "alerts";

/// What an earlier watch has told, or why this version can't read it.
pub(crate) fn recalled(text: Option<&str>) -> Result<Book, serde_json::Error> {
    text.map_or_else(|| Ok(Book::default()), serde_json::from_str)
}

/// How long a watch that ends waits for what is still to be delivered.
const AT_THE_END: Duration = Duration::from_secs(5);

/// All sinks, and the address that hears of each look.
#[derive(Debug)]
pub(crate) struct Alerts {
    config: model::Alerts,
    outboxes: Vec<Outbox>,
    /// Of sinks that are not in the config any more.
    leaving: Vec<JoinHandle<()>>,
    ping: Option<Ping>,
    losses: Arc<Losses>,
}

impl Alerts {
    /// The sinks of `project`, and what is missing for some of them, in words for people.
    pub(crate) fn new(project: &Project) -> (Self, Vec<String>) {
        let mut alerts = Self {
            config: model::Alerts::default(),
            outboxes: Vec::new(),
            leaving: Vec::new(),
            ping: None,
            losses: Arc::default(),
        };
        let missing = alerts.configure(project);
        (alerts, missing)
    }

    /// Takes a new config over; what is missing for it. What waits for a sink is still delivered, where
    /// it was to go before.
    pub(crate) fn configure(&mut self, project: &Project) -> Vec<String> {
        let config = &project.config.alerts;
        if self.config == *config {
            return Vec::new();
        }
        self.config = config.clone();
        let before = std::mem::take(&mut self.outboxes);
        self.leaving.retain(|it| !it.is_finished());
        self.leaving.extend(before.into_iter().filter_map(Outbox::close));
        let mut missing = Vec::new();
        for sink in &config.sink {
            let (name, target) = (sink.called().into_owned(), Target::new(sink, project));
            let outbox =
                Outbox::open(name.clone(), sink.min_severity, target, Arc::clone(&self.losses));
            missing.extend(
                outbox.missing().map(|why| format!("{name} can't be told anything: {why}")),
            );
            self.outboxes.push(outbox);
        }
        self.ping = match config.heartbeat_env.as_deref().map(Ping::new).transpose() {
            Ok(ping) => ping,
            Err(why) => {
                missing.push(format!("nobody hears of the looks: {why}"));
                None
            }
        };
        missing
    }

    /// Whether anybody is told anything.
    pub(crate) fn has_sinks(&self) -> bool {
        !self.outboxes.is_empty()
    }

    /// Has a message sent to each sink that it is severe enough for. Never waits.
    pub(crate) fn send(&self, message: &Message) {
        for outbox in &self.outboxes {
            outbox.put(message);
        }
    }

    /// Says to whoever wants to know that a look was completed. Never waits.
    pub(crate) fn looked(&mut self) {
        if let Some(ping) = &mut self.ping {
            ping.looked();
        }
    }

    /// Resolves when something could not be delivered.
    pub(crate) async fn changed(&self) {
        self.losses.changed.notified().await;
    }

    /// What could not be delivered since this was last asked.
    pub(crate) fn lost(&self) -> Vec<Lost> {
        self.losses.take()
    }

    /// Takes no more, and waits a while for what is still to be delivered. What is not by then is lost.
    pub(crate) async fn finish(&mut self) {
        let closed = std::mem::take(&mut self.outboxes).into_iter().filter_map(Outbox::close);
        let mut tasks: Vec<JoinHandle<()>> = std::mem::take(&mut self.leaving);
        tasks.extend(closed);
        if timeout(AT_THE_END, join_all(&mut tasks)).await.is_err() {
            for task in &tasks {
                task.abort();
            }
            // Those that are ended are gone at once.
            let ended = tasks.into_iter().filter(|it| !it.is_finished());
            join_all(ended).await;
        }
    }
}

/// Sends a test to each sink of `project` that is called `only`, or to all; what came of it, by sink.
pub async fn test(
    project: &Project,
    only: Option<&str>,
    now: Timestamp,
) -> Vec<(String, Result<(), String>)> {
    let sinks = project.config.alerts.sink.iter();
    let sinks = sinks.filter(|it| only.is_none_or(|only| it.called() == only));
    let message = Message::test(now);
    let tests = sinks.map(|sink| {
        let message = &message;
        async move {
            let done = match Target::new(sink, project) {
                Ok(target) => target.deliver(message).await.map_err(|it| it.to_string()),
                Err(why) => Err(why),
            };
            (sink.called().into_owned(), done)
        }
    });
    join_all(tests).await
}

/// Whether what the sinks of `project` need is there. Nothing is sent.
pub(super) fn checkup(project: &Project) -> Vec<Finding> {
    let config = &project.config.alerts;
    let finding = |what: String, missing: Result<(), String>, fine: &str| match missing {
        Ok(()) => Finding::fine(what, fine),
        Err(why) => Finding::lacking(what, format!("it can't be told anything: {why}")),
    };
    let sinks = config.sink.iter().map(|sink| {
        let fine = format!("it is set; `redundancy alerts test {}` tries it", sink.called());
        let what = format!("alerts: {}", sink.called());
        finding(what, Target::new(sink, project).map(drop), &fine)
    });
    let heartbeat = config.heartbeat_env.as_deref().map(|variable| {
        finding("alerts: heartbeat".to_owned(), Ping::check(variable), "its address is set")
    });
    sinks.chain(heartbeat).collect()
}
