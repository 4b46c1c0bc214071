//! What can come in place of an answer.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

/// Ten gigabytes.
const ENDLESS: u64 = 10 << 30;

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// This status, with these headers and this body.
    Status(u16, &'static str, String),
    /// Nothing, for ever.
    Silence,
    /// A good beginning, then a byte at a time with so much time between.
    Drip(Duration),
    /// A body of ten gigabytes.
    Endless,
    /// Headers without end.
    EndlessHead,
    /// A body that unpacks to far more than it has.
    Bomb,
    /// Half of what was promised.
    Half,
    /// The connection breaks before the answer. Nothing of the request is read.
    Reset,
}

impl Fault {
    /// A page of something that is no API.
    pub(crate) fn html() -> Self {
        let page = "<!DOCTYPE html>\n<html><head><title>Please log in</title></head></html>";
        Self::Status(200, "content-type: text/html\r\n", page.to_owned())
    }

    /// A status with words, as APIs have them.
    pub(crate) fn said(status: u16, message: &str) -> Self {
        Self::Status(status, "content-type: application/json\r\n", complaint(message))
    }

    /// A 403 because of a limit that no header tells of.
    pub(crate) fn secondary_limit() -> Self {
        let message = "You have exceeded a secondary rate limit. Please wait a few minutes before \
                       you try again.";
        Self::said(403, message)
    }

    /// Sends it, and ends the connection. What could be sent of a body is added to `sent`.
    pub(super) fn play(&self, mut stream: TcpStream, sent: &AtomicU64, ended: &AtomicBool) {
        let mut send = |bytes: &[u8]| {
            let done = stream.write_all(bytes).and_then(|()| stream.flush());
            done.is_ok() && !ended.load(Ordering::SeqCst)
        };
        let mut send_body = |bytes: &[u8]| {
            let done = send(bytes);
            if done {
                sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
            }
            done
        };
        match self {
            Self::Status(status, headers, body) => {
                let length = body.len();
                let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}");
                send_body(format!("{head}\r\nconnection: close\r\n\r\n{body}").as_bytes());
            }
            Self::Silence => {
                // Until the other side has had enough.
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest);
            }
            Self::Drip(pause) => {
                send_body(head("content-length: 100000\r\n").as_bytes());
                while send_body(b" ") {
                    thread::sleep(*pause);
                }
            }
            Self::Endless => {
                send_body(head(&format!("content-length: {ENDLESS}\r\n")).as_bytes());
                let piece = vec![b'['; 1 << 16];
                let mut left = ENDLESS;
                while left > 0 && send_body(&piece) {
                    left -= piece.len() as u64;
                }
            }
            Self::EndlessHead => {
                send_body(b"HTTP/1.1 200 OK\r\n");
                while send_body("x-more: and more\r\n".repeat(1000).as_bytes()) {}
            }
            Self::Bomb => {
                let bomb = bomb();
                let length = bomb.len();
                let headers = format!("content-encoding: gzip\r\ncontent-length: {length}\r\n");
                send_body(head(&headers).as_bytes());
                send_body(&bomb);
            }
            Self::Half => {
                send_body(head("content-length: 1000\r\n").as_bytes());
                send_body(br#"{"total_count": 0, "workflows": ["#);
            }
            // The kernel resets a connection that is closed with something unread.
            Self::Reset => {}
        }
    }
}

fn head(headers: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{headers}\r\n")
}

fn complaint(message: &str) -> String {
    serde_json::json!({ "message": message }).to_string()
}

/// Some megabytes that unpack to thousands of times as much: a packed megabyte of zeros, again and
/// again, which is one file of gzip still (RFC 1952, members).
fn bomb() -> Vec<u8> {
    /// `head -c 1048576 /dev/zero | gzip -9n`, around the zeros in the middle of it.
    const START: [u8; 25] = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xed, 0xc1, 0x31, 1, 0, 0, 0, 0xc2, 0xa0, 0xf5, 0x4f,
        0x6d, 8, 0x5f, 0xa0,
    ];
    const END: [u8; 10] = [0x3e, 3, 0x1c, 0xea, 0x38, 0xa7, 0, 0, 0x10, 0];
    let member = [&START[..], &[0; 1016], &END].concat();
    member.repeat(4096)
}
