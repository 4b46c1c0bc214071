//! Whether a program runs at all: it is asked for its version.

use std::{
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use semver::Version;
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, Command},
    time::{Instant, sleep, timeout_at},
};

use crate::{core::update::version_said, group::Group, http::text::harmless};

/// How long it may take to say it. Ours take some milliseconds.
const LIMIT: Duration = Duration::from_secs(10);

/// How much of what it says is read, in bytes.
const MOST: u64 = 4096;

/// The version that the program at `path` says it has, or what it does in place of saying it.
pub(super) async fn version(path: &Path) -> Result<Version, String> {
    let until = Instant::now() + LIMIT;
    let mut child =
        spawn(path, until).await.map_err(|error| format!("it can't be run: {error}"))?;
    let mut group = Group::of(&child);
    let said = timeout_at(until, said(&mut child)).await;
    if let Ok(Ok(_)) = said {
        group.release();
    }
    let said =
        said.map_err(|_| format!("it has not told its version within {} s", LIMIT.as_secs()))?;
    let (how, said) = said.map_err(|error| format!("it can't be run: {error}"))?;
    let shown = harmless(&String::from_utf8_lossy(&said), 80);
    if !how.success() {
        return Err(format!("asked for its version, it ends with {how} ({shown})"));
    }
    let version = version_said(&String::from_utf8_lossy(&said));
    version.ok_or_else(|| format!("asked for its version, it says {shown:?}"))
}

async fn spawn(path: &Path, until: Instant) -> io::Result<Child> {
    loop {
        let spawned = Command::new(path)
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        match spawned {
            // Another process that is just being begun may have it open for a moment.
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy && Instant::now() < until =>
            {
                sleep(Duration::from_millis(20)).await;
            }
            other => return other,
        }
    }
}

async fn said(child: &mut Child) -> io::Result<(ExitStatus, Vec<u8>)> {
    let mut said = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(MOST).read_to_end(&mut said).await?;
    }
    Ok((child.wait().await?, said))
}
