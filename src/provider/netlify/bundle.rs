//! A snapshot made by esbuild: the project's own, or one that is installed for this tool alone.

use std::{process::Stdio, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};

use super::tools::{Package, Tools, in_path};
use crate::provider::Error;

/// What bundles.
pub(super) const ESBUILD: Package = Package { name: "esbuild", version: "0.28.0" };

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

impl Tools {
    /// Whether functions could be bundled here.
    pub(super) fn can_bundle(&self) -> bool {
        in_path("node").is_some() && self.can_be_had(&ESBUILD)
    }

    /// Bundles every one of `jobs`, in their order.
    pub(super) async fn bundle(&self, jobs: &[Job]) -> Result<Vec<Bundled>, Error> {
        let node = in_path("node").ok_or_else(|| {
            Error::Refused("bundling needs Node.js, and there is no `node` in PATH".to_owned())
        })?;
        let esbuild = self.have(&ESBUILD).await?;
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
