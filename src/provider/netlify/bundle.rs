//! A snapshot made by esbuild: the project's own, or one that is installed for this tool alone.

use std::{fs, os::unix::fs::DirBuilderExt as _, path::PathBuf, process::Stdio, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};

use crate::provider::Error;

/// The version that is installed where there is none.
const VERSION: &str = "0.28.0";

/// How long npm may take.
const INSTALL: Duration = Duration::from_mins(5);

/// How long, after npm failed, esbuild counts as something that can't be had.
const TRY_AGAIN: Duration = Duration::from_hours(1);

/// How long bundling may take, beside what each function adds.
const BEGIN: Duration = Duration::from_secs(30);

/// How much longer for each function.
const EACH: Duration = Duration::from_secs(2);

/// A function to bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Job {
    /// Its main file, relative to the project.
    pub(super) entry: String,
    /// Packages that stay imports.
    pub(super) external: Vec<String>,
}

/// What has become of one: its text, or why there is none.
pub(super) type Bundled = Result<String, String>;

/// Where esbuild may be.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    pub(super) root: PathBuf,
    /// Folders of the project that may have packages, the likeliest first.
    pub(super) folders: Vec<PathBuf>,
    /// The folder of what is installed for this tool alone.
    pub(super) private: PathBuf,
    pub(super) install_if_missing: bool,
}

impl Tools {
    /// Whether functions could be bundled here.
    pub(super) fn can_bundle(&self) -> bool {
        in_path("node").is_some() && (self.esbuild().is_some() || self.can_install())
    }

    fn esbuild(&self) -> Option<PathBuf> {
        let places = self.folders.iter().chain([&self.private]);
        places
            .map(|it| it.join("node_modules/esbuild"))
            .find(|it| it.join("package.json").is_file())
    }

    fn can_install(&self) -> bool {
        let failed_at = fs::metadata(self.failure()).and_then(|it| it.modified());
        let lately = failed_at.is_ok_and(|at| at.elapsed().is_ok_and(|it| it < TRY_AGAIN));
        self.install_if_missing && in_path("npm").is_some() && !lately
    }

    /// The file that says that installing failed, by its time.
    fn failure(&self) -> PathBuf {
        self.private.join("could-not-be-installed")
    }

    /// Bundles every one of `jobs`, in their order.
    pub(super) async fn bundle(&self, jobs: &[Job]) -> Result<Vec<Bundled>, Error> {
        let node = in_path("node").ok_or_else(|| {
            Error::Refused("bundling needs Node.js, and there is no `node` in PATH".to_owned())
        })?;
        let esbuild = match self.esbuild() {
            Some(esbuild) => esbuild,
            None => self.install().await?,
        };
        let failed = |why: String| {
            Error::Passing(format!("esbuild in {} could not bundle: {why}", esbuild.display()))
        };
        let input = serde_json::json!({ "root": self.root, "jobs": jobs });
        let mut command = Command::new(node);
        command
            .args(["--input-type=module", "--eval", include_str!("bundle.mjs")])
            .arg(&esbuild)
            .current_dir(&self.root)
            .env_clear()
            .envs(
                ["PATH", "HOME", "TMPDIR", "LANG"]
                    .into_iter()
                    .filter_map(|it| Some((it, std::env::var_os(it)?))),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut node = command.spawn().map_err(|error| failed(error.to_string()))?;
        let stdin = node.stdin.take();
        let told = async {
            if let Some(mut stdin) = stdin {
                stdin.write_all(input.to_string().as_bytes()).await?;
                stdin.shutdown().await?;
            }
            Ok::<_, std::io::Error>(())
        };
        let limit = BEGIN + EACH.saturating_mul(jobs.len().try_into().unwrap_or(u32::MAX));
        let both = async { tokio::join!(told, node.wait_with_output()) };
        let (told, output) = timeout(limit, both)
            .await
            .map_err(|_| failed(format!("it has not ended within {} s", limit.as_secs())))?;
        let output = output.map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let line = said.lines().find(|it| it.contains("Error")).unwrap_or("it said nothing");
            return Err(failed(format!("{}: {}", output.status, line.trim())));
        }
        told.map_err(|error| failed(error.to_string()))?;
        let done: Vec<Answer> = serde_json::from_slice(&output.stdout)
            .map_err(|error| failed(format!("its answer can't be read: {error}")))?;
        if done.len() != jobs.len() {
            return Err(failed(format!("it answered {} of {} times", done.len(), jobs.len())));
        }
        Ok(done.into_iter().map(Answer::into_result).collect())
    }

    /// Installs esbuild into the private folder.
    async fn install(&self) -> Result<PathBuf, Error> {
        let npm = in_path("npm").filter(|_| self.install_if_missing).ok_or_else(|| {
            Error::Refused(
                "there is no esbuild in the project; install it there (`npm install -D esbuild`), or \
                 set `install_if_missing = true` in [netlify]"
                    .to_owned(),
            )
        })?;
        let folder = &self.private;
        let failed = |why: &str| {
            Error::Passing(format!(
                "esbuild {VERSION} could not be installed into {}: {why}",
                folder.display()
            ))
        };
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| failed(&error.to_string()))?;
        tracing::info!("installing esbuild {VERSION} into {} with npm", folder.display());
        let mut command = Command::new(npm);
        command
            .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
            .arg("--prefix")
            .arg(folder)
            .arg(format!("esbuild@{VERSION}"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let result = match timeout(INSTALL, command.output()).await {
            Err(_) => Err(failed(&format!("npm has not ended within {} s", INSTALL.as_secs()))),
            Ok(Err(error)) => Err(failed(&format!("npm can't be run: {error}"))),
            Ok(Ok(output)) if output.status.success() => {
                self.esbuild().ok_or_else(|| failed("npm ended well and left none there"))
            }
            Ok(Ok(output)) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let lines: Vec<&str> =
                    said.lines().map(str::trim).filter(|it| !it.is_empty()).take(3).collect();
                let why = format!("npm failed ({}): {}", output.status, lines.join("; "));
                Err(failed(&format!("{why}; is the network there?")))
            }
        };
        if let Err(error) = &result
            && let Err(untold) = fs::write(self.failure(), error.to_string())
        {
            tracing::debug!("cannot note that esbuild could not be installed: {untold}");
        }
        result
    }
}

/// An answer of the script.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    Text { text: String },
    Why { why: String },
}

impl Answer {
    fn into_result(self) -> Bundled {
        match self {
            Self::Text { text } => Ok(text),
            Self::Why { why } => Err(why),
        }
    }
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder: PathBuf| folder.join(program)).find(|it| it.is_file())
}
