//! Prism, from npm: a proxy that refuses what a published description of an API doesn't allow, in
//! both directions.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use tempfile::TempDir;

const PARTS: [(&str, &str); 3] = [
    ("package.json", include_str!("../node/prism/package.json")),
    ("package-lock.json", include_str!("../node/prism/package-lock.json")),
    (".npmrc", include_str!("../node/prism/.npmrc")),
];

/// Has node end when this process ends, however it does: then its standard input is closed.
const END_WITH_US: &str =
    "data:text/javascript,process.stdin.on('end',()=>process.exit()).resume()";

/// How long prism may take to begin, on a machine that has much else to do.
const BEGIN: Duration = Duration::from_mins(3);

/// A proxy in front of a fake. It ends with its handle.
pub(crate) struct Prism {
    process: Child,
    url: String,
    /// What it goes by.
    _dir: TempDir,
}

impl Prism {
    /// One in front of `url`, which goes by `description`.
    pub(crate) fn before(url: &str, description: &str) -> Self {
        let folder = crate::parts::install("prism", &PARTS);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("description.json");
        fs::write(&file, description).unwrap();
        let cli = folder.join("node_modules/@stoplight/prism-cli/dist/index.js");
        let process = Command::new("node")
            .args(["--import", END_WITH_US])
            .arg(cli)
            .arg("proxy")
            .arg(&file)
            .arg(url)
            .args(["--host", "127.0.0.1", "--port", "0", "--errors"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("these tests need node in PATH: {error}"));
        let mut prism = Self { process, url: String::new(), _dir: dir };
        let lines = BufReader::new(prism.process.stdout.take().unwrap()).lines();
        let (sender, receiver) = mpsc::channel();
        // It goes on reading: what prism says has to go somewhere, or it stops.
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((_, url)) = line.split_once("Prism is listening on ") {
                    let _ = sender.send(url.trim().to_owned());
                }
            }
        });
        prism.url = receiver.recv_timeout(BEGIN).expect("prism does not begin");
        prism
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
