//! A GitHub to test against: one repository that remembers what is done to it, and answers as
//! GitHub's published description says, which `contract.rs` checks.
//!
//! What it holds is a [`World`], open to whoever tests: runs end when the test says so, at the time
//! that the test says.

mod actions;
mod faults;
mod git;
mod objects;
mod pulls;
mod routes;
mod serve;
mod world;

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

pub(crate) use faults::Fault;
pub(crate) use world::{Hour, Input, Seen, World};

/// The token that may do everything.
pub(crate) const TOKEN: &str = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";

/// A server on this machine. It ends with its handle.
pub(crate) struct Fake {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What all connections share.
struct Shared {
    world: Mutex<World>,
    /// Bytes of bodies that faults could send.
    sent: AtomicU64,
    ended: AtomicBool,
}

impl Fake {
    /// A github.com with an empty repository `team/app`.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let world = World::new(&format!("http://{address}"));
        let ended = AtomicBool::new(false);
        let shared = Arc::new(Shared { world: Mutex::new(world), sent: 0.into(), ended });
        let for_all = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if for_all.ended.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&for_all);
                thread::spawn(move || serve::connection(stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// Where it is, as `api_url` wants it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it holds, to look at and to change. It answers nobody meanwhile.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world()
    }

    /// How many requests were answered with each of these.
    pub(crate) fn answered<const N: usize>(&self, statuses: [u16; N]) -> [usize; N] {
        let requests = &self.world().requests;
        statuses.map(|status| requests.iter().filter(|it| it.status == status).count())
    }

    /// How many bytes of bodies it could send while it was broken.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        // A test that failed while it looked says so itself.
        self.world.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes it, so that it sees that.
        drop(TcpStream::connect(self.address));
    }
}
