//! A service to test against, as far as it is HTTP: what it is like is the business of its world.

// Each crate that has it needs a part of it.
#![allow(dead_code)]

mod faults;
mod serve;

use std::{
    collections::{BTreeMap, VecDeque},
    net::{SocketAddr, TcpListener, TcpStream},
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

pub(crate) use faults::Fault;
pub(crate) use serve::{Reply, Request};

/// What a service is like: it answers.
pub(crate) trait World: Send + 'static {
    /// The answer to a request.
    fn answer(&mut self, request: &Request) -> Reply;

    /// What this request gets in place of an answer, if anything.
    fn fault(&mut self, _: &Request) -> Option<Fault> {
        None
    }
}

/// A world, what happened to it, and what is going to.
pub(crate) struct Logged<W> {
    world: W,
    /// What is wrong with the next answers.
    pub(crate) faults: VecDeque<Fault>,
    /// Every request so far.
    pub(crate) requests: Vec<Seen>,
}

impl<W> Logged<W> {
    /// The next `count` requests get `fault` in place of an answer.
    pub(crate) fn fail(&mut self, count: usize, fault: &Fault) {
        self.faults.extend(std::iter::repeat_n(fault.clone(), count));
    }

    /// How many requests so far had this method and an address that ends so.
    pub(crate) fn count(&self, method: &str, end: &str) -> usize {
        let is_meant = |it: &&Seen| it.method == method && it.target.ends_with(end);
        self.requests.iter().filter(is_meant).count()
    }
}

impl<W> Deref for Logged<W> {
    type Target = W;

    fn deref(&self) -> &W {
        &self.world
    }
}

impl<W> DerefMut for Logged<W> {
    fn deref_mut(&mut self) -> &mut W {
        &mut self.world
    }
}

/// A request, and how it was answered; 0 is not at all.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// With its query.
    pub(crate) target: String,
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
}

/// A server on this machine. It ends with its handle.
pub(crate) struct Server<W: World> {
    address: SocketAddr,
    shared: Arc<Shared<W>>,
}

/// What all connections share.
struct Shared<W> {
    world: Mutex<Logged<W>>,
    /// Bytes of bodies that faults could send.
    sent: AtomicU64,
    ended: AtomicBool,
}

impl<W: World> Server<W> {
    /// A service as `world` says, which is given its address.
    pub(crate) fn serve(world: impl FnOnce(&str) -> W) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let world = world(&format!("http://{address}"));
        let world = Logged { world, faults: VecDeque::new(), requests: Vec::new() };
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            sent: 0.into(),
            ended: AtomicBool::new(false),
        });
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

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it holds, to look at and to change. It answers nobody meanwhile.
    pub(crate) fn world(&self) -> MutexGuard<'_, Logged<W>> {
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

impl<W> Shared<W> {
    fn world(&self) -> MutexGuard<'_, Logged<W>> {
        // A test that failed while it looked says so itself.
        self.world.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<W: World> Drop for Server<W> {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes it, so that it sees that.
        drop(TcpStream::connect(self.address));
    }
}
