//! One sink: what waits for it, and the task that delivers it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::sleep,
};
use tracing::{debug, warn};

use super::target::{Failure, Target};
use crate::core::alert::{Message, Severity};

/// The most messages that wait for one sink. What is more is lost, and counted.
const WAITING: usize = 64;

/// The rests before the second and the third attempt.
const RESTS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// A message that could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    /// The sink.
    pub(crate) sink: String,
    /// What it was about.
    pub(crate) message: String,
    /// What is in the way.
    pub(crate) why: String,
}

/// What was lost, and whoever waits to hear of it.
#[derive(Debug, Default)]
pub(super) struct Losses {
    lost: Mutex<Vec<Lost>>,
    pub(super) changed: Notify,
}

impl Losses {
    pub(super) fn add(&self, lost: Lost) {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).push(lost);
        self.changed.notify_one();
    }

    pub(super) fn take(&self) -> Vec<Lost> {
        std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a sink is sent, by a task of its own: a sink that is slow or gone holds up nobody.
#[derive(Debug)]
pub(super) struct Outbox {
    name: String,
    min_severity: Severity,
    losses: Arc<Losses>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Open {
        queue: mpsc::Sender<Message>,
        task: JoinHandle<()>,
    },
    /// Something is missing for it.
    Closed(String),
}

impl Outbox {
    pub(super) fn open(
        name: String,
        min_severity: Severity,
        target: Result<Target, String>,
        losses: Arc<Losses>,
    ) -> Self {
        let way = match target {
            Err(why) => Way::Closed(why),
            Ok(target) => {
                let (queue, waiting) = mpsc::channel(WAITING);
                let task =
                    tokio::spawn(deliver_all(name.clone(), target, waiting, Arc::clone(&losses)));
                Way::Open { queue, task }
            }
        };
        Self { name, min_severity, losses, way }
    }

    /// What is missing for it, if anything is.
    pub(super) fn missing(&self) -> Option<&str> {
        match &self.way {
            Way::Open { .. } => None,
            Way::Closed(why) => Some(why),
        }
    }

    /// Takes a message to be delivered, if it is severe enough. Never waits.
    pub(super) fn put(&self, message: &Message) {
        if message.alert.severity < self.min_severity {
            return;
        }
        let why = match &self.way {
            Way::Closed(why) => why.clone(),
            Way::Open { queue, .. } => match queue.try_send(message.clone()) {
                Ok(()) => return,
                Err(_) => format!("{WAITING} messages wait for it already"),
            },
        };
        self.losses.add(lost(&self.name, message, why));
    }

    /// Takes no more. The task, which ends when what waits is delivered or lost.
    pub(super) fn close(self) -> Option<JoinHandle<()>> {
        match self.way {
            Way::Open { task, .. } => Some(task),
            Way::Closed(_) => None,
        }
    }
}

fn lost(sink: &str, message: &Message, why: String) -> Lost {
    let text = format!("{} {}", message.what.word(), message.alert.key);
    Lost { sink: sink.to_owned(), message: text, why }
}

/// Counts as lost what is not delivered when it goes: also where its task is ended in the middle.
struct Delivering<'a> {
    sink: &'a str,
    message: Message,
    losses: &'a Losses,
    failed_of: Option<String>,
}

impl Drop for Delivering<'_> {
    fn drop(&mut self) {
        if let Some(why) = self.failed_of.take() {
            self.losses.add(lost(self.sink, &self.message, why));
        }
    }
}

async fn deliver_all(
    name: String,
    target: Target,
    mut waiting: mpsc::Receiver<Message>,
    losses: Arc<Losses>,
) {
    /// What still waits when the task is ended is lost.
    struct Rest<'a> {
        sink: &'a str,
        waiting: &'a mut mpsc::Receiver<Message>,
        losses: &'a Losses,
    }

    impl Drop for Rest<'_> {
        fn drop(&mut self) {
            while let Ok(message) = self.waiting.try_recv() {
                let why = "the watch ended before it could be sent".to_owned();
                self.losses.add(lost(self.sink, &message, why));
            }
        }
    }

    let rest = Rest { sink: &name, waiting: &mut waiting, losses: &losses };
    while let Some(message) = rest.waiting.recv().await {
        let mut delivering = Delivering {
            sink: &name,
            message,
            losses: &losses,
            failed_of: Some("the watch ended while it was sent".to_owned()),
        };
        delivering.failed_of = attempts(&name, &target, &delivering.message).await.err();
    }
}

/// Delivers a message, in more than one attempt where that may help.
async fn attempts(name: &str, target: &Target, message: &Message) -> Result<(), String> {
    let mut rests = RESTS.into_iter();
    loop {
        let Failure { why, passes } = match target.deliver(message).await {
            Ok(()) => {
                debug!("{} was told to {name}", message.alert.key);
                return Ok(());
            }
            Err(failure) => failure,
        };
        match rests.next().filter(|_| passes) {
            Some(rest) => {
                warn!(
                    "{} could not be told to {name}, and is tried again: {why}",
                    message.alert.key
                );
                sleep(rest).await;
            }
            None => return Err(why),
        }
    }
}
