//! The job that starts a primary, executed for real, with a server on the loopback in GitHub's place.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::odd::backup_by;

const LONG: Duration = Duration::from_mins(1);

const PRIMARY: &str = "on:\n  workflow_dispatch:\n    inputs:\n      level: {type: string}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{run: make}]\n";

/// Runs the job against a server that answers with this status. What the server was asked, and
/// whether the job ended well.
fn start(status: &str) -> (String, bool) {
    let keys = "mode = 'dispatch'\ninputs = { level = \"it's \\\"1\\\" $(x)\" }";
    let backup: Value = serde_yaml::from_str(&backup_by(keys, PRIMARY)).unwrap();
    let step = &backup["jobs"]["dispatch"]["steps"][0];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, asked) = mpsc::channel();
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut request = Vec::new();
        // The body is JSON, and nothing before it ends so.
        while !request.trim_ascii_end().ends_with(b"}}") {
            let mut part = [0; 4096];
            let read = stream.read(&mut part).unwrap();
            assert!(read > 0, "the request ends in its midst");
            request.extend_from_slice(&part[..read]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        send.send(String::from_utf8(request).unwrap()).unwrap();
    });
    let ran = Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"].as_str().unwrap()])
        .env("INPUTS", step["env"]["INPUTS"].as_str().unwrap())
        .env("REF", "a\"b $(x)")
        .env("TOKEN", "ghs_secret")
        .env("GITHUB_REPOSITORY", "acme/shop")
        .env("GITHUB_API_URL", format!("http://127.0.0.1:{port}"))
        .output()
        .expect("these tests need bash, curl and jq");
    let request = asked.recv_timeout(LONG).unwrap_or_else(|_| panic!("nothing was asked: {ran:?}"));
    (request, ran.status.success())
}

#[test]
fn github_is_asked_to_start_the_primary_with_its_inputs() {
    let (request, well) = start("204 No Content");
    assert!(well);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let first = "POST /repos/acme/shop/actions/workflows/x.yml/dispatches HTTP/1.1\r\n";
    assert!(head.starts_with(first), "{head}");
    for header in ["Authorization: Bearer ghs_secret", "Content-Type: application/json"] {
        assert!(head.contains(header), "{head}");
    }
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body, json!({ "ref": "a\"b $(x)", "inputs": { "level": "it's \"1\" $(x)" } }));
}

#[test]
fn what_did_not_start_it_is_a_failure() {
    assert!(start("200 OK").1, "newer versions of the API say which run it is");
    for status in ["301 Moved", "401 Unauthorized", "422 Unprocessable", "500 Broken"] {
        assert!(!start(status).1, "{status}");
    }
}
