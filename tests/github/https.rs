//! Over TLS: with who proves to be the right one, and with nobody else.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::Arc,
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::{client, run, told};

/// Where the server is, for the process that has its certificate among those that it trusts.
const SERVER: &str = "REDUNDANCY_TEST_HTTPS";

const NAME: &str = "https::the_token_goes_to_whom_this_machine_trusts";

#[test]
fn the_token_goes_to_whom_this_machine_trusts() {
    if let Ok(url) = env::var(SERVER) {
        assert!(run(client(&url).workflows()).unwrap().complete);
        return;
    }
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let url = serve(&certified);
    let error = run(client(&url).workflows()).unwrap_err();
    assert!(error.is_passing());
    assert!(told(&error).contains("cannot connect to localhost: invalid peer certificate"));

    // What a process trusts is settled when it begins.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("trusted.pem");
    fs::write(&file, certified.cert.pem()).unwrap();
    let child = Command::new(env::current_exe().unwrap())
        .args([NAME, "--exact"])
        .env(SERVER, &url)
        .env("SSL_CERT_FILE", &file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

/// A server with this certificate that knows no workflows. It ends with the test.
fn serve(certified: &rcgen::CertifiedKey<rcgen::KeyPair>) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // One that does not trust us ends in the middle of it.
            let _ = answer(stream, Arc::clone(&config));
        }
    });
    format!("https://localhost:{port}")
}

fn answer(stream: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let body = r#"{"total_count": 0, "workflows": []}"#;
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}", body.len());
    let stream = reader.get_mut();
    write!(stream, "{head}\r\n\r\n{body}")?;
    stream.conn.send_close_notify();
    stream.flush()
}
