//! HTTP/1.1, as little of it as clients need.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};

use jiff::Timestamp;
use redundancy::core::digest::Digest;
use serde_json::{Value, json};

use super::{Fault, Shared, World, routes, world::Seen};

/// A connection on which nothing happens for so long is forgotten.
const IDLE: Duration = Duration::from_mins(1);

pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Value,
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
}

impl Reply {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None }
    }

    pub(super) fn error(status: u16, message: &str) -> Self {
        let docs = "https://docs.github.com/rest";
        Self::json(status, json!({ "message": message, "documentation_url": docs }))
    }
}

pub(super) fn connection(stream: TcpStream, shared: &Shared) {
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
        if let Some(fault) = fault {
            note(&mut shared.world(), &request, 0);
            fault.play(stream, &shared.sent, &shared.ended);
            return;
        }
        let text = {
            let mut world = shared.world();
            let reply = answer(&mut world, &request);
            note(&mut world, &request, reply.status);
            text(&reply)
        };
        if stream.write_all(&text).is_err() {
            return;
        }
    }
}

fn note(world: &mut World, request: &Request, status: u16) {
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
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Some(Request { method, target, headers, body })
}

/// The answer of GitHub: what it is about, and what GitHub does with every answer.
fn answer(world: &mut World, request: &Request) -> Reply {
    let mut reply = match &world.hour {
        Some(hour) if hour.remaining == 0 && Timestamp::now() < hour.reset => {
            Reply::error(403, "API rate limit exceeded for user ID 1.")
        }
        _ => routes::answer(world, request),
    };
    if request.method == "GET" && reply.status == 200 {
        let body = reply.body.as_ref().map(Value::to_string).unwrap_or_default();
        let etag = format!("W/\"{}\"", Digest::of([body.as_str()]).short());
        if request.headers.get("if-none-match") == Some(&etag) {
            // Real ones have no `Link` with a 304 either.
            reply = Reply::empty(304);
        }
        reply.headers.push(("etag", etag));
    }
    if let Some(hour) = &mut world.hour {
        if reply.status != 304 {
            hour.remaining = hour.remaining.saturating_sub(1);
        }
        reply.headers.push(("x-ratelimit-limit", hour.limit.to_string()));
        reply.headers.push(("x-ratelimit-remaining", hour.remaining.to_string()));
        reply.headers.push(("x-ratelimit-reset", hour.reset.as_second().to_string()));
    }
    reply
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
