//! What a watch tells those who look on (`status --watch`): a [`Frame`] a line, over a socket in the state folder
//! that only its owner may open. Nothing can be asked over it: requests go by the journal, as from any verb.
//! Nobody who reads slowly, or says anything, holds up the watch.

mod build;
mod place;
mod serve;

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use self::serve::Server;
pub use self::{
    build::frame,
    place::{Unreachable, connect, file},
};

/// Between two frames at least.
const BETWEEN: Duration = Duration::from_millis(200);

/// The watch's side of it.
pub(super) struct Live {
    /// None where the socket can't be had.
    server: Option<Server>,
    /// When it was last looked.
    pub(super) looked_at: Option<Timestamp>,
    /// Whether something is new since the last frame.
    is_news: bool,
    last: Instant,
}

impl Live {
    /// Begins to listen. Where that can't be done, the watch goes on without.
    pub(super) fn begin(state_dir: &Path) -> Self {
        let server = place::bind(state_dir).map(Server::begin);
        if let Err(why) = &server {
            tracing::warn!("`status --watch` can't hear this watch and looks by itself: {why}");
        }
        Self { server: server.ok(), looked_at: None, is_news: false, last: Instant::now() }
    }

    /// Notes what was seen in a look.
    pub(super) fn looked(&mut self, now: Timestamp) {
        self.looked_at = Some(now);
        self.is_news = true;
    }

    /// Says that something else is new.
    pub(super) fn has_news(&mut self) {
        self.is_news = true;
    }

    /// Whether anybody looks on.
    fn has_onlookers(&self) -> bool {
        self.server.as_ref().is_some_and(Server::has_clients)
    }

    /// Resolves when somebody is to be shown a frame. Never, where nobody looks on.
    pub(super) async fn wanted(&self) {
        let Some(server) = &self.server else { return std::future::pending().await };
        if !(self.is_news && self.has_onlookers()) {
            server.joined().await;
        }
        sleep_until(self.last + BETWEEN).await;
    }

    /// Shows a frame to all who look on.
    pub(super) fn show(&mut self, line: String) {
        self.is_news = false;
        self.last = Instant::now();
        if let Some(server) = &self.server {
            server.show(Arc::from(line));
        }
    }

    /// Takes the socket away.
    pub(super) fn end(&mut self) {
        if let Some(server) = self.server.take() {
            server.end();
        }
    }
}
