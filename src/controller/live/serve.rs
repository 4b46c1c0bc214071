//! The socket: who looks on gets the newest frame, as fast as it reads.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::{Notify, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    controller::listen::{Bound, SocketFile},
    core::live::VERSION,
};

/// So many may look on at once.
const CLIENTS: usize = 16;

/// How long somebody may take to read a frame.
const PATIENCE: Duration = Duration::from_secs(5);

/// After the system had no room for one more, when to try again.
const REST: Duration = Duration::from_secs(1);

type Frames = watch::Sender<Option<Arc<str>>>;

/// What listens.
pub(super) struct Server {
    /// It goes with this.
    file: SocketFile,
    frames: Frames,
    joined: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Server {
    pub(super) fn begin(bound: Bound) -> Self {
        let Bound { listener, file } = bound;
        let (frames, joined) = (Frames::default(), Arc::new(Notify::new()));
        let task = tokio::spawn(listen_on(listener, frames.clone(), Arc::clone(&joined)));
        Self { file, frames, joined, task }
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
        drop(self.file);
        self.task.abort();
    }
}

async fn listen_on(listener: UnixListener, frames: Frames, joined: Arc<Notify>) {
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok((client, _)) if frames.receiver_count() >= CLIENTS => refuse(&client),
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
fn refuse(client: &UnixStream) {
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;
    use crate::controller::live::place;

    /// Far longer than anything takes.
    const LONG: Duration = Duration::from_mins(1);

    fn server(dir: &tempfile::TempDir) -> Server {
        Server::begin(place::bind(dir.path()).unwrap())
    }

    /// Somebody who is let in.
    async fn client(server: &Server, dir: &tempfile::TempDir) -> UnixStream {
        let stream = place::connect(dir.path()).await.unwrap();
        timeout(LONG, server.joined()).await.unwrap();
        stream
    }

    async fn line(stream: &mut BufReader<UnixStream>) -> String {
        let mut line = String::new();
        timeout(LONG, stream.read_line(&mut line)).await.unwrap().unwrap();
        line
    }

    /// Waits until so many look on.
    async fn wait_for(server: &Server, clients: usize) {
        let reached = async {
            while server.frames.receiver_count() != clients {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, reached).await.unwrap();
    }

    #[tokio::test]
    async fn one_who_never_reads_holds_up_nobody_and_is_let_go() {
        let dir = tempfile::tempdir().unwrap();
        let server = server(&dir);
        let slow = client(&server, &dir).await;
        let mut quick = BufReader::new(client(&server, &dir).await);
        let large = "x".repeat(4 * 1024 * 1024);
        for n in 0..3 {
            server.show(Arc::from(format!("{n}{large}\n")));
            let heard = line(&mut quick).await;
            assert_eq!((heard.len(), heard.starts_with(&n.to_string())), (large.len() + 2, true));
        }
        wait_for(&server, 1).await;
        drop(slow);
        server.end();
        assert!(!place::file(dir.path()).exists());
    }

    #[tokio::test]
    async fn one_who_says_anything_or_goes_is_let_go() {
        let dir = tempfile::tempdir().unwrap();
        let server = server(&dir);
        let mut talker = client(&server, &dir).await;
        talker.write_all(b"GET / HTTP/1.1\r\n\x00\xff").await.unwrap();
        let mut rest = Vec::new();
        // What it said was not read to its end, so it may hear that it was cut off.
        let _ = timeout(LONG, talker.read_to_end(&mut rest)).await.unwrap();
        assert_eq!(rest, b"");
        drop(client(&server, &dir).await);
        wait_for(&server, 0).await;
        server.show(Arc::from("to nobody\n"));
        let mut late = BufReader::new(client(&server, &dir).await);
        server.show(Arc::from("news\n"));
        assert_eq!(line(&mut late).await, "news\n", "and nothing that is out of date");
        server.end();
    }

    #[tokio::test]
    async fn more_than_may_look_on_are_told_so() {
        let dir = tempfile::tempdir().unwrap();
        let server = server(&dir);
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(client(&server, &dir).await);
        }
        let mut refused = BufReader::new(place::connect(dir.path()).await.unwrap());
        let said = line(&mut refused).await;
        assert_eq!(said, "{\"refused\":\"16 look on already\",\"version\":1}\n");
        assert_eq!(line(&mut refused).await, "");
        clients.pop();
        wait_for(&server, CLIENTS - 1).await;
        client(&server, &dir).await;
        server.end();
    }
}
