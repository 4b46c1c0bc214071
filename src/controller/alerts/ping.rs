//! The address that hears of each look, as at healthchecks.io ("Pinging API"): a request by GET. When
//! none comes for a while, whoever is there tells a person that the watch is gone.

use std::time::Duration;

use tokio::{sync::mpsc, time::Instant};
use tracing::{info, warn};

use super::{secret::Address, target::Http};

/// Healthchecks.io takes five within a minute. One says the same.
const EVERY: Duration = Duration::from_mins(1);

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What asks for the address, by a task of its own, which ends with it.
#[derive(Debug)]
pub(super) struct Ping {
    last: Option<Instant>,
    queue: mpsc::Sender<()>,
}

impl Ping {
    /// Whether there is a fit address in an environment variable, or what is wrong with it.
    pub(super) fn check(variable: &str) -> Result<(), String> {
        Address::from_env(variable).map(drop)
    }

    /// For the address in an environment variable.
    pub(super) fn new(variable: &str) -> Result<Self, String> {
        let http = Http::new(Address::from_env(variable)?, LIMIT)?;
        let (queue, mut looks) = mpsc::channel(1);
        tokio::spawn(async move {
            let mut told = false;
            while looks.recv().await.is_some() {
                match http.get().await {
                    Ok(()) if told => {
                        told = false;
                        info!("the heartbeat is heard again");
                    }
                    // Once is enough: whoever should hear it says so too.
                    Err(why) if !told => {
                        told = true;
                        warn!("the heartbeat was not heard: {why}");
                    }
                    Ok(()) | Err(_) => {}
                }
            }
        });
        Ok(Self { last: None, queue })
    }

    /// Says that a look was completed, unless that was said within the last minute.
    pub(super) fn looked(&mut self) {
        if self.last.is_some_and(|it| it.elapsed() < EVERY) {
            return;
        }
        // Where the last one is still under way, the next look says it.
        if self.queue.try_send(()).is_ok() {
            self.last = Some(Instant::now());
        }
    }
}
