//! Prism, from npm: a proxy that refuses what GitHub's published description doesn't allow, in both
//! directions.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
};

use crate::fake::Fake;

const PARTS: [(&str, &str); 4] = [
    ("package.json", include_str!("../node/prism/package.json")),
    ("package-lock.json", include_str!("../node/prism/package-lock.json")),
    (".npmrc", include_str!("../node/prism/.npmrc")),
    ("github.json", include_str!("contract/github.json")),
];

/// A proxy in front of a fake. It ends with its handle.
pub(crate) struct Prism {
    process: Child,
    url: String,
}

impl Prism {
    pub(crate) fn before(fake: &Fake) -> Self {
        let folder = crate::parts::install("prism", &PARTS);
        let cli = folder.join("node_modules/@stoplight/prism-cli/dist/index.js");
        let mut process = Command::new("node")
            .arg(cli)
            .arg("proxy")
            .arg(folder.join("github.json"))
            .arg(fake.url())
            .args(["--host", "127.0.0.1", "--port", "0", "--errors"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("these tests need node in PATH: {error}"));
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("Prism is listening on ")?.1.trim().to_owned()));
        // What it says has to go somewhere, or it stops.
        thread::spawn(move || lines.for_each(drop));
        let prism = Self { process, url: url.expect("prism ended before it listened") };
        fake.world().public.clone_from(&prism.url);
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
