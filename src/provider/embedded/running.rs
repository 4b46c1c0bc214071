//! The running processes, watched by the kernel's word: a handle for each, which becomes readable
//! when its process ends.

use std::{
    collections::HashMap,
    io,
    os::fd::OwnedFd,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::{sync::Notify, task::AbortHandle};

use crate::{
    core::{
        id::Name,
        recovery::{Ended, Exit},
    },
    disk::{Log, LogLimits},
    provider::process::kernel::{self, Fate, ProcessId},
};

/// Time between two looks at the size of the logs.
const ROTATE_EVERY: Duration = Duration::from_secs(10);

/// The processes that run, as far as this program knows.
#[derive(Default)]
pub(super) struct Running {
    table: Arc<Mutex<Table>>,
    ended: Arc<Notify>,
}

#[derive(Default)]
struct Table {
    processes: HashMap<Name, Watched>,
    rotation: Option<AbortHandle>,
}

struct Watched {
    process: ProcessId,
    handle: Arc<OwnedFd>,
    log: Log,
    /// Whether the kernel has said that it ended.
    told: Arc<AtomicBool>,
    /// How it ended, once that was asked. The kernel tells it only once.
    ended: Option<Ended>,
    task: AbortHandle,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
        // Asked for its end, a child of ours that has ended leaves no zombie.
        if self.ended.is_none()
            && let Err(error) = kernel::fate(&self.handle, &self.process)
        {
            tracing::warn!("cannot ask how process {} ended: {error}", self.process.pid);
        }
    }
}

/// What is known of a process.
pub(super) enum Known {
    /// It is not watched.
    Nothing,
    /// It runs.
    Alive,
    /// It was a child of this program, and it ended.
    Ended(Ended),
    /// It is gone, and nobody saw how it ended.
    Gone,
}

impl Running {
    /// Watches a process by its handle.
    pub(super) fn watch(
        &self,
        name: &Name,
        process: &ProcessId,
        handle: OwnedFd,
        log: Log,
    ) -> io::Result<()> {
        let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
        let handle = Arc::new(handle);
        let readable = kernel::await_end(Arc::clone(&handle))?;
        let told = Arc::new(AtomicBool::new(false));
        let (tell, ended) = (Arc::clone(&told), Arc::clone(&self.ended));
        let task = runtime.spawn(async move {
            // An error means that the runtime is about to end, and nobody looks any more.
            if readable.readable().await.is_ok() {
                tell.store(true, Ordering::Release);
                ended.notify_one();
            }
        });
        let task = task.abort_handle();
        let watched = Watched { process: process.clone(), handle, log, told, ended: None, task };
        let mut table = self.table();
        table.processes.insert(name.clone(), watched);
        if table.rotation.is_none() {
            let rotation = runtime.spawn(rotate(Arc::clone(&self.table)));
            table.rotation = Some(rotation.abort_handle());
        }
        Ok(())
    }

    /// What is known of `process` at `now`. Costs nothing while it runs.
    pub(super) fn known(
        &self,
        name: &Name,
        process: &ProcessId,
        now: Timestamp,
    ) -> io::Result<Known> {
        let mut table = self.table();
        let Some(watched) = table.processes.get_mut(name).filter(|it| it.process == *process)
        else {
            return Ok(Known::Nothing);
        };
        if let Some(ended) = &watched.ended {
            return Ok(Known::Ended(ended.clone()));
        }
        if !watched.told.load(Ordering::Acquire) {
            return Ok(Known::Alive);
        }
        match kernel::fate(&watched.handle, process)? {
            Fate::Alive => Ok(Known::Alive),
            Fate::Gone => Ok(Known::Gone),
            Fate::Ended(exit) => {
                let ended = over(process, exit, now);
                watched.ended = Some(ended.clone());
                Ok(Known::Ended(ended))
            }
        }
    }

    /// Has the kernel asked about a process the next time, whether or not it has told anything.
    pub(super) fn doubt(&self, name: &Name) {
        if let Some(watched) = self.table().processes.get(name) {
            watched.told.store(true, Ordering::Release);
        }
    }

    /// Stops watching.
    pub(super) fn forget(&self, name: &Name) {
        self.table().processes.remove(name);
    }

    /// The watched processes among those that `unknown` accepts, which have no record any more.
    /// Those that have ended are forgotten.
    pub(super) fn unrecorded(&self, unknown: impl Fn(&Name) -> bool) -> io::Result<Vec<Name>> {
        let mut table = self.table();
        let names: Vec<Name> = table.processes.keys().filter(|it| unknown(it)).cloned().collect();
        let mut alive = Vec::new();
        for name in names {
            let Some(watched) = table.processes.get(&name) else { continue };
            match kernel::fate(&watched.handle, &watched.process)? {
                Fate::Alive => alive.push(name),
                Fate::Ended(_) | Fate::Gone => drop(table.processes.remove(&name)),
            }
        }
        Ok(alive)
    }

    /// Obeys other limits for a log from now on.
    pub(super) fn limit_log(&self, name: &Name, limits: LogLimits) {
        if let Some(watched) = self.table().processes.get_mut(name) {
            watched.log.limits = limits;
        }
    }

    /// Makes [`Running::ended`] resolve.
    pub(super) fn look_again(&self) {
        self.ended.notify_one();
    }

    /// Resolves when a process has ended since the last time.
    pub(super) async fn ended(&self) {
        self.ended.notified().await;
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        lock(&self.table)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(rotation) = self.table().rotation.take() {
            rotation.abort();
        }
    }
}

/// The end of a run that was seen at `now`.
pub(super) fn over(process: &ProcessId, exit: Exit, now: Timestamp) -> Ended {
    let uptime_ms = kernel::age(process.start).as_millis().try_into().unwrap_or(u64::MAX);
    Ended { exit, at: now, uptime_ms }
}

/// No code that holds these locks can panic half-way through a change.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the logs small for as long as anything runs.
async fn rotate(table: Arc<Mutex<Table>>) {
    loop {
        tokio::time::sleep(ROTATE_EVERY).await;
        let logs: Vec<Log> = {
            let mut table = lock(&table);
            if table.processes.is_empty() {
                table.rotation = None;
                return;
            }
            table.processes.values().map(|it| it.log.clone()).collect()
        };
        let rotated = tokio::task::spawn_blocking(move || {
            for log in logs {
                if let Err(error) = log.rotate() {
                    let file = log.file.display();
                    tracing::warn!("cannot put {file} aside, so it goes on growing: {error}");
                }
            }
        });
        if let Err(error) = rotated.await {
            tracing::warn!("putting logs aside failed: {error}");
        }
    }
}
