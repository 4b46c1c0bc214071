//! HTTP/1.1, as little of it as clients need.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};

use redundancy::core::digest::Digest;
use serde_json::Value;

use super::{Fault, Logged, Seen, Shared, World};

/// A connection on which nothing happens for so long is forgotten.
const IDLE: Duration = Duration::from_mins(1);

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
    /// The same as it came.
    pub(crate) text: String,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    /// A good answer with its `ETag`; 304 in its place, where whoever asks has it already.
    pub(crate) fn or_unchanged(mut self, request: &Request) -> Self {
        if request.method == "GET" && self.status == 200 {
            let body = self.body.as_ref().map(Value::to_string).unwrap_or_default();
            let etag = format!("W/\"{}\"", Digest::of([body.as_str()]).short());
            if request.headers.get("if-none-match") == Some(&etag) {
                // Real ones have no `Link` with a 304 either.
                self = Self::empty(304);
            }
            self.headers.push(("etag", etag));
        }
        self
    }
}

pub(super) fn connection<W: World>(stream: TcpStream, shared: &Shared<W>) {
    stream.set_read_timeout(Some(IDLE)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        if !matches!(stream.peek(&mut [0]), Ok(1..)) {
            return;
        }
        let fault = shared.world().faults.pop_front();
        if matches!(fault, Some(Fault::Reset)) {
            return;
        }
        let Some(request) = read(&mut reader) else { return };
        let fault = fault.or_else(|| shared.world().fault(&request));
        if let Some(fault) = fault {
            note(&mut *shared.world(), &request, 0);
            fault.play(stream, &shared.sent, &shared.ended);
            return;
        }
        let text = {
            let mut world = shared.world();
            let reply = world.answer(&request);
            note(&mut *world, &request, reply.status);
            text(&reply)
        };
        if stream.write_all(&text).is_err() {
            return;
        }
    }
}

fn note<W>(world: &mut Logged<W>, request: &Request, status: u16) {
    world.requests.push(Seen {
        method: request.method.clone(),
        target: request.target.clone(),
        status,
        headers: request.headers.clone(),
    });
}

/// The next request of a connection, if it is one.
fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let text = String::from_utf8_lossy(&body).into_owned();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Some(Request { method, target, headers, body, text })
}

fn text(reply: &Reply) -> Vec<u8> {
    let body = reply.body.as_ref().map(Value::to_string).unwrap_or_default();
    let mut head = vec![format!("HTTP/1.1 {} X", reply.status)];
    head.extend(reply.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    if reply.body.is_some() {
        head.push("content-type: application/json; charset=utf-8".to_owned());
    }
    if !matches!(reply.status, 204 | 304) {
        head.push(format!("content-length: {}", body.len()));
    }
    format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes()
}
