//! PM2's event bus, heard by a task of its own. It says when to look, and what a look can't see:
//! the signals that ended processes, and crashes that were over before anybody looked.
//!
//! The daemon keeps what a listener does not read, without bound. So this one always reads, and
//! drops what it does not need before it is in memory.

use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::Deserialize;
use tokio::{io::BufReader, net::UnixStream, sync::Notify, task::AbortHandle};

use super::{
    client::connect,
    listed::PmId,
    log::ended_by,
    memory::COMES_BACK,
    status::{Heard, LOOP_WINDOW},
    wire::{self, FrameError},
};

/// The longest topic. Those that matter are short.
const LONGEST_TOPIC: u32 = 64;

/// The longest event. It holds an app's definition and its environment.
const LONGEST_EVENT: u32 = 4 * 1024 * 1024;

/// The shortest time between two looks that the bus asks for, however much is going on.
const CALM: Duration = Duration::from_millis(100);

/// How long to wait before listening again, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// The most processes whose ends are remembered.
const MOST_PROCESSES: usize = 10_000;

/// The most crashes of one that are remembered: more than any limit that makes sense.
const MOST_CRASHES: usize = 200;

/// The ear at the bus of one daemon. Dropping it ends the task.
pub(super) struct Bus {
    home: PathBuf,
    shared: Arc<Shared>,
    task: Mutex<Option<AbortHandle>>,
}

#[derive(Default)]
struct Shared {
    news: AtomicBool,
    /// Whether somebody looked at the daemon since the ear last tried to reach it.
    answered: AtomicBool,
    woken: Notify,
    /// Whether a daemon is listened to.
    listening: AtomicBool,
    /// When a daemon that was listened to went away.
    gone_at: Mutex<Option<Instant>>,
    heard: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    last_wake: Option<Instant>,
    processes: HashMap<PmId, Past>,
}

#[derive(Default)]
struct Past {
    signal: Option<String>,
    crashes: VecDeque<Timestamp>,
    /// How many there were.
    all_crashes: u64,
    /// When the run started that ended last: both ends of one stop have the same.
    run: Option<i64>,
}

impl Bus {
    pub(super) fn new(home: PathBuf) -> Self {
        Self { home, shared: Arc::default(), task: Mutex::default() }
    }

    /// Resolves when there is something to look at. Begins to listen when asked for the first time:
    /// whoever looks once needs no ear.
    pub(super) async fn woken(&self) {
        self.listen();
        loop {
            if self.shared.news.load(Ordering::Acquire) {
                let last = lock(&self.shared.heard).last_wake;
                if let Some(rest) = last.and_then(|it| CALM.checked_sub(it.elapsed())) {
                    tokio::time::sleep(rest).await;
                }
                self.shared.news.store(false, Ordering::Release);
                lock(&self.shared.heard).last_wake = Some(Instant::now());
                return;
            }
            self.shared.woken.notified().await;
        }
    }

    /// Notes that the daemon answered a look: that it is absent later is news, even if the ear never
    /// heard of this one because it was resting.
    pub(super) fn answered(&self) {
        self.shared.answered.store(true, Ordering::Release);
    }

    /// When a daemon that was listened to went away: it may have been quiet for long before.
    pub(super) fn gone_at(&self) -> Option<Instant> {
        // Its socket is gone a moment before the connection ends.
        let going = self.shared.listening.load(Ordering::Acquire).then(Instant::now);
        going.or(*lock(&self.shared.gone_at))
    }

    /// What was heard of a process.
    pub(super) fn heard(&self, id: &PmId, now: Timestamp) -> Heard {
        let memory = lock(&self.shared.heard);
        let Some(past) = memory.processes.get(id) else { return Heard::default() };
        let recent = |at: &&Timestamp| now.duration_since(**at).unsigned_abs() < LOOP_WINDOW;
        let recent: Vec<&Timestamp> = past.crashes.iter().filter(recent).collect();
        let pace = match recent.as_slice() {
            [first, .., last] => {
                let all = last.duration_since(**first).unsigned_abs();
                all / u32::try_from(recent.len() - 1).unwrap_or(u32::MAX)
            }
            _ => LOOP_WINDOW,
        };
        Heard { signal: past.signal.clone(), crashes: recent.len(), pace }
    }

    /// How often a process was heard to crash.
    pub(super) fn crashes(&self, id: &PmId) -> u64 {
        lock(&self.shared.heard).processes.get(id).map_or(0, |past| past.all_crashes)
    }

    /// Forgets what was heard of processes that are none of `listed` any more.
    pub(super) fn keep_only(&self, listed: impl Fn(&PmId) -> bool) {
        lock(&self.shared.heard).processes.retain(|id, _| listed(id));
    }

    /// Forgets the crashes of a process, which a person or we have begun anew.
    pub(super) fn forgive(&self, id: &PmId) {
        lock(&self.shared.heard).processes.remove(id);
    }

    fn listen(&self) {
        let mut task = lock(&self.task);
        if task.is_none() {
            let listening = listen(self.home.join("pub.sock"), Arc::clone(&self.shared));
            *task = Some(tokio::spawn(listening).abort_handle());
        }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
    }
}

impl Shared {
    fn wake(&self) {
        self.news.store(true, Ordering::Release);
        self.woken.notify_one();
    }
}

/// Listens for ever, and again when the daemon is gone or came back.
async fn listen(path: PathBuf, shared: Arc<Shared>) {
    let (first, longest) = PAUSES;
    let mut pause = first;
    let mut absence = None;
    // A daemon that was shut down gets a while before anybody acts on it.
    let mut act_at = None;
    loop {
        // Before the attempt: what a look finds during it is for the next one.
        let answered = shared.answered.swap(false, Ordering::AcqRel);
        let before = absence.filter(|_| !answered);
        absence = match connect(&path).await {
            Ok(Ok(stream)) => {
                shared.listening.store(true, Ordering::Release);
                // What happened before is not told.
                shared.wake();
                let began = Instant::now();
                if let Err(error) = follow(stream, &shared).await {
                    tracing::debug!("PM2's event bus at {} ended: {error}", path.display());
                }
                *lock(&shared.gone_at) = Some(Instant::now());
                shared.listening.store(false, Ordering::Release);
                // One that hangs up at once is no reason to be at it all the time.
                if began.elapsed() > longest {
                    pause = first;
                }
                act_at = Some(Instant::now() + COMES_BACK);
                None
            }
            Ok(Err(absence)) => Some(absence),
            // What is wrong with it is said by the look.
            Err(_) => None,
        };
        if absence != before || act_at.is_some_and(|at| at <= Instant::now()) {
            act_at = act_at.filter(|at| *at > Instant::now());
            shared.wake();
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

/// Reads events until the connection ends.
async fn follow(stream: UnixStream, shared: &Shared) -> Result<(), FrameError> {
    let mut from = BufReader::with_capacity(64 * 1024, stream);
    loop {
        wire::head(&mut from).await?;
        let topic = wire::argument(&mut from, LONGEST_TOPIC).await?.unwrap_or_default();
        let of_interest =
            matches!(topic.as_slice(), b"s:process:event" | b"s:log:PM2" | b"s:pm2:kill");
        let longest = if of_interest { LONGEST_EVENT } else { 0 };
        let data = wire::argument(&mut from, longest).await?;
        if !of_interest {
            continue;
        }
        let data = data.unwrap_or_default();
        let json = data.strip_prefix(b"j:").unwrap_or_default();
        match topic.as_slice() {
            // What can't be read is a reason to look as any other.
            b"s:process:event" => {
                if let Ok(event) = serde_json::from_slice::<Event>(json) {
                    lock(&shared.heard).note(&event);
                }
                shared.wake();
            }
            b"s:log:PM2" => {
                if let Ok(line) = serde_json::from_slice::<Line>(json)
                    && let Some((id, signal)) = ended_by(&line.data)
                {
                    lock(&shared.heard).past(id).signal = signal;
                }
            }
            _ => shared.wake(),
        }
    }
}

/// A part of what `process:event` says.
#[derive(Deserialize)]
struct Event {
    event: String,
    process: Process,
}

#[derive(Deserialize)]
struct Process {
    pm_id: PmId,
    #[serde(default)]
    status: String,
    pm_uptime: Option<i64>,
    exit_code: Option<i64>,
}

/// A line of the daemon's own log.
#[derive(Deserialize)]
struct Line {
    data: String,
}

impl Memory {
    fn past(&mut self, id: PmId) -> &mut Past {
        if self.processes.len() >= MOST_PROCESSES {
            self.processes.clear();
        }
        self.processes.entry(id).or_default()
    }

    fn note(&mut self, event: &Event) {
        let Process { pm_id, status, pm_uptime, exit_code } = &event.process;
        let past = self.past(pm_id.clone());
        if event.event != "exit" || past.run == *pm_uptime {
            return;
        }
        past.run = *pm_uptime;
        // A stop that was asked for is told as `stopping` first. The line of the log that tells the
        // signal comes before the event.
        if status == "stopping" {
            // It may have taken a kill, and nobody asks for a restart of what was stopped.
            past.signal = None;
        }
        let failed = exit_code.is_some_and(|code| code != 0) || past.signal.is_some();
        if status != "stopping" && failed {
            if past.crashes.len() >= MOST_CRASHES {
                past.crashes.pop_front();
            }
            past.crashes.push_back(Timestamp::now());
            past.all_crashes += 1;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(status: &str, run: i64) -> Event {
        let process = Process {
            pm_id: PmId::Number(1),
            status: status.to_owned(),
            pm_uptime: Some(run),
            exit_code: Some(1),
        };
        Event { event: "exit".to_owned(), process }
    }

    #[test]
    fn a_stop_is_no_crash_and_no_crash_counts_twice() {
        let mut memory = Memory::default();
        for event in [exit("stopping", 1), exit("stopped", 1)] {
            memory.note(&event);
        }
        assert!(memory.past(PmId::Number(1)).crashes.is_empty());
        memory.past(PmId::Number(1)).signal = Some("SIGKILL".to_owned());
        memory.note(&exit("stopping", 0));
        assert_eq!(memory.past(PmId::Number(1)).signal, None);
        for event in [exit("stopped", 2), exit("errored", 2), exit("stopped", 3)] {
            memory.note(&event);
        }
        assert_eq!(memory.past(PmId::Number(1)).crashes.len(), 2);
        for run in 4..1000 {
            memory.note(&exit("stopped", run));
        }
        assert_eq!(memory.past(PmId::Number(1)).crashes.len(), MOST_CRASHES);
    }
}
