//! The socket: who looks on gets the newest frame, as fast as it reads.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::{Notify, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::place::{self, Bound};
use crate::core::live::VERSION;

/// So many may look on at once.
const CLIENTS: usize = 16;

/// How long somebody may take to read a frame.
const PATIENCE: Duration = Duration::from_secs(5);

/// After the system had no room for one more, when to try again.
const REST: Duration = Duration::from_secs(1);

type Frames = watch::Sender<Option<Arc<str>>>;

/// What listens.
pub(super) struct Server {
    path: PathBuf,
    inode: (u64, u64),
    frames: Frames,
    joined: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) fn begin(bound: Bound) -> Result<Self, String> {
        let Bound { listener, path, inode } = bound;
        let listen = || {
            listener.set_nonblocking(true)?;
            UnixListener::from_std(listener)
        };
        let listener = listen().map_err(|it: std::io::Error| it.to_string())?;
        let (frames, joined) = (Frames::default(), Arc::new(Notify::new()));
        let task = tokio::spawn(listen_on(listener, frames.clone(), Arc::clone(&joined)));
        Ok(Self { path, inode, frames, joined, task })
    }

    pub(super) fn has_clients(&self) -> bool {
        self.frames.receiver_count() > 0
    }

    /// Resolves when somebody has joined.
    pub(super) async fn joined(&self) {
        self.joined.notified().await;
    }

    pub(super) fn show(&self, line: Arc<str>) {
        self.frames.send_replace(Some(line));
    }

    pub(super) fn end(self) {
        place::remove(&self.path, self.inode);
        self.task.abort();
    }
}

async fn listen_on(listener: UnixListener, frames: Frames, joined: Arc<Notify>) {
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok((client, _)) if frames.receiver_count() >= CLIENTS => refuse(client),
            Ok((client, _)) => {
                tokio::spawn(attend(client, frames.subscribe()));
                joined.notify_one();
            }
            Err(error) => {
                if !told {
                    tracing::warn!("somebody who wants to look on can't be let in: {error}");
                }
                told = true;
                sleep(REST).await;
            }
        }
    }
}

/// Says why, without waiting for it to be read.
fn refuse(client: UnixStream) {
    let why = format!("{CLIENTS} look on already");
    let line = serde_json::json!({ "version": VERSION, "refused": why }).to_string() + "\n";
    // Whoever does not hear it sees the end.
    let _ = client.try_write(line.as_bytes());
}

/// Shows frames until the other side has gone, is too slow, or says anything.
async fn attend(client: UnixStream, mut frames: watch::Receiver<Option<Arc<str>>>) {
    let (mut from, mut to) = client.into_split();
    let mut said = [0; 1];
    let send = async {
        while frames.changed().await.is_ok() {
            let line = frames.borrow_and_update().clone();
            let Some(line) = line else { continue };
            if !matches!(timeout(PATIENCE, to.write_all(line.as_bytes())).await, Ok(Ok(()))) {
                return;
            }
        }
    };
    tokio::select! {
        () = send => {}
        _ = from.read(&mut said) => {}
    }
}
