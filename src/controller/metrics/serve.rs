//! Telling the figures over HTTP, to this machine alone.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HOST, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::Semaphore,
    task::JoinHandle,
};
use tracing::{info, warn};

use crate::{
    config::metrics::Metrics,
    controller::listen::{Bound, SocketFile, listen},
};

/// How many may ask at once; others wait.
const AT_ONCE: usize = 8;

/// How long somebody may take to ask and to read the answer.
const LONGEST: Duration = Duration::from_secs(30);

/// The rest after a connection could not be taken, as when there are too many open files.
const REST: Duration = Duration::from_secs(1);

/// The type of the answer, by version 1.0 of the `OpenMetrics` specification.
const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What listens. It ends with its handle.
#[derive(Debug, Default)]
pub(super) struct Server {
    registry: Arc<Registry>,
    port: Place,
    socket: Place,
    /// The socket's file, once there is one. It goes with this.
    file: Option<SocketFile>,
}

/// One place to listen at.
#[derive(Debug, Default)]
enum Place {
    #[default]
    Idle,
    Listening(JoinHandle<()>),
    /// It could not be listened at, and that was said.
    Failed,
}

impl Place {
    /// Takes what came of an attempt. Said is only what was not said before.
    fn take(&mut self, at: &str, attempt: io::Result<JoinHandle<()>>) {
        match attempt {
            Ok(task) => {
                info!("figures are told at {at}");
                *self = Self::Listening(task);
            }
            Err(_) if matches!(self, Self::Failed) => {}
            Err(error) => {
                warn!("figures can't be told at {at}: {error}; it is tried again");
                *self = Self::Failed;
            }
        }
    }

    fn is_listening(&self) -> bool {
        matches!(self, Self::Listening(_))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for place in [&self.port, &self.socket] {
            if let Place::Listening(task) = place {
                task.abort();
            }
        }
    }
}

impl Server {
    pub(super) fn of(registry: Arc<Registry>) -> Self {
        Self { registry, port: Place::Idle, socket: Place::Idle, file: None }
    }

    /// Listens where `asked` says and nobody listens yet. `root` is where the project is.
    pub(super) fn listen(&mut self, asked: &Metrics, root: &Path) {
        let serve = |it: Listener| tokio::spawn(it.serve(Arc::clone(&self.registry)));
        if let Some(port) = asked.port.filter(|_| !self.port.is_listening()) {
            let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port.get()));
            self.port.take(&format!("http://{at}/metrics"), Listener::at_port(at).map(serve));
        }
        if let Some(socket) = asked.socket.as_ref().filter(|_| !self.socket.is_listening()) {
            let path = root.join(socket);
            let attempt = listen(&path).map(|Bound { listener, file }| {
                self.file = Some(file);
                serve(Listener::Socket(listener))
            });
            self.socket.take(&path.display().to_string(), attempt);
        }
    }
}

/// What is listened at.
#[derive(Debug)]
enum Listener {
    Port(TcpListener),
    Socket(UnixListener),
}

/// A connection to one who asks.
trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

impl Listener {
    fn at_port(at: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(at)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener).map(Self::Port)
    }

    async fn accept(&self) -> io::Result<Box<dyn Connection>> {
        Ok(match self {
            Self::Port(it) => Box::new(it.accept().await?.0),
            Self::Socket(it) => Box::new(it.accept().await?.0),
        })
    }

    async fn serve(self, registry: Arc<Registry>) {
        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        let mut told = false;
        loop {
            let Ok(permit) = Arc::clone(&at_once).acquire_owned().await else { return };
            match self.accept().await {
                Ok(connection) => {
                    told = false;
                    let answer = answer(connection, Arc::clone(&registry));
                    tokio::spawn(async move {
                        answer.await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    if !told {
                        warn!(
                            "somebody who asks for figures can't be let in, and is later: {error}"
                        );
                    }
                    told = true;
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }
}

/// Answers one who asks.
async fn answer(connection: Box<dyn Connection>, registry: Arc<Registry>) {
    let answer = service_fn(|request| {
        let response = respond(&request, &registry);
        async { Ok::<_, Infallible>(response) }
    });
    let answered = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LONGEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(connection), answer);
    // Whoever asks badly, or goes away, harms nobody but himself.
    let _ = tokio::time::timeout(LONGEST, answered).await;
}

fn respond(request: &Request<Incoming>, registry: &Registry) -> Response<Full<Bytes>> {
    let text = |status, text: &str| {
        let mut response = Response::new(Full::from(text.to_owned()));
        *response.status_mut() = status;
        response
    };
    if !is_from_here(request) {
        return text(StatusCode::FORBIDDEN, "this is told to this machine alone\n");
    }
    if request.uri().path() != "/metrics" {
        return text(StatusCode::NOT_FOUND, "the figures are at /metrics\n");
    }
    if request.method() != Method::GET {
        return text(StatusCode::METHOD_NOT_ALLOWED, "the figures can only be read\n");
    }
    let mut figures = String::new();
    if let Err(error) = encode(&mut figures, registry) {
        return text(StatusCode::INTERNAL_SERVER_ERROR, &format!("no figures: {error}\n"));
    }
    let mut response = text(StatusCode::OK, &figures);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TYPE));
    response
}

/// Whether it is asked by a name of this machine. A page in somebody's browser asks by its own, whatever address
/// that has.
fn is_from_here(request: &Request<Incoming>) -> bool {
    let Some(host) = request.headers().get(HOST) else { return true };
    let host = host.to_str().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1" | "")
}
