//! Netlify's own bundler: a process that bundles one function after the other.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::{
    group::end,
    node::{Node, environment},
    subject::Subjects,
};
use crate::{
    group::Group,
    provider::netlify::{archive::Archive, tools::Package, zipped::called},
};

/// The bundler, in the last version that runs on Node.js 20 too.
pub(in crate::provider::netlify) const PACKAGE: Package =
    Package { name: "@netlify/zip-it-and-ship-it", version: "14.7.1" };

/// How long it may take to begin and to bundle one function.
const LIMIT: Duration = Duration::from_mins(2);

/// The longest answer, in bytes.
const LONGEST: u64 = 64 * 1024;

/// A function as Netlify would run it.
#[derive(Debug, Deserialize)]
pub(super) struct Bundle {
    pub(super) folder: PathBuf,
    /// The file to load.
    pub(super) file: PathBuf,
    /// The calling style: 1 or 2.
    pub(super) style: u8,
    /// Whether it works by a schedule or in the background.
    pub(super) deferred: bool,
}

/// An answer of the script.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Bundle(Bundle),
    /// A zip file, which was taken as it is.
    Zip {
        zip: PathBuf,
        deferred: bool,
    },
    Why {
        why: String,
    },
}

/// The process, and the folder of what it makes. Ends with this value.
pub(super) struct Bundler {
    pub(super) version: String,
    // In this order: all processes are gone before the folder goes.
    group: Group,
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    ended: bool,
    home: TempDir,
}

/// The version of the bundler in `folder`.
pub(super) fn version(folder: &Path) -> Result<String, String> {
    manifest(folder).map(|it| it.version)
}

#[derive(Deserialize)]
struct Manifest {
    version: String,
    main: PathBuf,
}

fn manifest(folder: &Path) -> Result<Manifest, String> {
    let path = folder.join("package.json");
    let text = fs::read(&path).map_err(|error| error.to_string());
    let manifest = text.and_then(|it| serde_json::from_slice(&it).map_err(|it| it.to_string()));
    manifest.map_err(|why| format!("{} can't be read: {why}", path.display()))
}

impl Bundler {
    /// Starts it, installed if need be and if that is allowed.
    pub(super) async fn begin(node: &Node, subjects: &Subjects) -> Result<Self, String> {
        let folder = subjects.tools.have(&PACKAGE).await.map_err(|error| error.to_string())?;
        let Manifest { version, main } = manifest(&folder)?;
        let failed = |error: std::io::Error| format!("{} can't be started: {error}", PACKAGE.name);
        let home = tempfile::Builder::new().prefix("redundancy-test-").tempdir().map_err(failed)?;
        let main = fs::canonicalize(folder.join(main)).map_err(failed)?;
        let mut command = Command::new(&node.program);
        command
            .args(["--input-type=module", "--eval", include_str!("bundle.mjs")])
            .args([&main, &subjects.base])
            .arg(fs::canonicalize(home.path()).map_err(failed)?.join("bundles"))
            .arg(subjects.functions.to_string())
            .current_dir(&subjects.base)
            .env_clear()
            .envs(environment(home.path()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        let mut process = command.spawn().map_err(failed)?;
        let group = Group::of(&process);
        let gone = || format!("{} can't be spoken to", PACKAGE.name);
        let input = process.stdin.take().ok_or_else(gone)?;
        let output = BufReader::new(process.stdout.take().ok_or_else(gone)?);
        let ended = false;
        Ok(Self { version, group, process, input, output, ended, home })
    }

    /// Ends it, with all that it has started.
    pub(super) async fn end(mut self) {
        if let Err(error) = end(&mut self.group, &mut self.process).await {
            tracing::warn!("Netlify's bundler is not ended: {error}");
        }
    }

    /// Whether it takes no more functions.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The folder for what it makes and whoever uses that.
    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Bundles the function called `name` at `entry`: the bundle, or why there is none, or why nobody
    /// knows.
    pub(super) async fn bundle(
        &mut self,
        name: &str,
        entry: &Path,
    ) -> Result<Result<Bundle, String>, String> {
        // Until it has answered well.
        self.ended = true;
        let Some(entry) = entry.to_str() else { return Err("its path is no text".to_owned()) };
        let question = format!("{}\n", Value::from(entry));
        let mut line = Vec::new();
        let exchange = async {
            self.input.write_all(question.as_bytes()).await?;
            self.input.flush().await?;
            (&mut self.output).take(LONGEST).read_until(b'\n', &mut line).await
        };
        match timeout(LIMIT, exchange).await {
            Err(_) => {
                let seconds = LIMIT.as_secs();
                Err(format!("Netlify's bundler has not bundled it within {seconds} s"))
            }
            Ok(Err(error)) => Err(format!("Netlify's bundler can't be spoken to: {error}")),
            Ok(Ok(0)) => {
                let how = timeout(Duration::from_secs(2), self.process.wait()).await;
                let how = how.map_or_else(
                    |_| String::new(),
                    |it| match it {
                        Ok(status) => format!(" ({status})"),
                        Err(error) => format!(" ({error})"),
                    },
                );
                let name = PACKAGE.name;
                Err(format!("Netlify's bundler broke down{how}; is {name} installed whole?"))
            }
            Ok(Ok(_)) => {
                let answer: Answer = serde_json::from_slice(&line)
                    .map_err(|error| format!("Netlify's bundler can't be understood: {error}"))?;
                self.ended = false;
                match answer {
                    Answer::Bundle(bundle) => Ok(Ok(bundle)),
                    Answer::Zip { zip, deferred } => unpacked(zip, name.to_owned(), deferred).await,
                    Answer::Why { why } => Ok(Err(why)),
                }
            }
        }
    }
}

/// The function called `name` in a zip file, unpacked beside it as it is when it is called.
async fn unpacked(
    zip: PathBuf,
    name: String,
    deferred: bool,
) -> Result<Result<Bundle, String>, String> {
    let unpacking = tokio::task::spawn_blocking(move || {
        let failed = |error: io::Error| format!("it could not be unpacked: {error}");
        let folder = zip.with_extension("");
        let bytes = fs::read(&zip).map_err(failed)?;
        fs::remove_file(&zip).map_err(failed)?;
        let archive = Archive::read(&bytes);
        let called = archive.and_then(|it| Ok((called(&it, &name)?, it)));
        let ((main, bootstrapped), archive) = match called {
            Ok(called) => called,
            Err(trouble) if trouble.broken => return Ok(Err(trouble.why)),
            Err(trouble) => return Err(trouble.why),
        };
        fs::create_dir(&folder).map_err(failed)?;
        archive.unpack(&folder).map_err(failed)?;
        let style = if bootstrapped { 2 } else { 1 };
        Ok(Ok(Bundle { file: folder.join(main), folder, style, deferred }))
    });
    unpacking.await.unwrap_or_else(|error| Err(format!("unpacking it was broken off: {error}")))
}
