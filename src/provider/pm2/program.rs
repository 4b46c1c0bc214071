//! PM2's own program: found, or installed with npm where that is allowed.

use std::{
    ffi::OsStr,
    fs,
    io::{Read, Seek},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::process::Command;

use super::settings::Settings;
use crate::{core::checkup::Finding, provider::Error};

/// The version that is installed where there is none.
const VERSION: &str = "7.0.4";

/// How much of what npm says is read, in bytes.
const MOST_SAID: u64 = 4096;

/// How long npm may take.
const INSTALL: Duration = Duration::from_mins(5);

/// How long, after npm failed, PM2 counts as something that can't be had.
const TRY_AGAIN: Duration = Duration::from_hours(1);

/// PM2, as it is installed.
pub(super) struct Program {
    /// The command.
    pub(super) command: PathBuf,
    /// What the daemon begins with, where the command is a part of the package itself.
    pub(super) daemon: Option<PathBuf>,
    pub(super) node: PathBuf,
}

/// PM2, installed if need be and if that is allowed.
pub(super) async fn program(settings: &Settings) -> Result<Program, Error> {
    let node = in_path("node").ok_or_else(|| {
        Error::Refused("PM2 needs Node.js, and there is no `node` in PATH; install it".to_owned())
    })?;
    if let Some(command) = installed(settings) {
        return Ok(Program { daemon: package(&command), command, node });
    }
    if !settings.options.install_if_missing {
        return Err(Error::Refused(
            "there is no `pm2` in PATH; install it (`npm install -g pm2`), or set \
             `install_if_missing = true` in [pm2]"
                .to_owned(),
        ));
    }
    if let Err(error) = install(&settings.private).await {
        if let Err(untold) = fs::write(failure(&settings.private), error.to_string()) {
            tracing::debug!("cannot note that PM2 could not be installed: {untold}");
        }
        return Err(error);
    }
    let command = installed(settings).ok_or_else(|| {
        Error::Refused(format!("npm installed no pm2 in {}", settings.private.display()))
    })?;
    Ok(Program { daemon: package(&command), command, node })
}

/// The command `pm2`, if it is installed for all or for this project.
pub(super) fn installed(settings: &Settings) -> Option<PathBuf> {
    let private = settings.private.join("node_modules/.bin/pm2");
    in_path("pm2").or_else(|| Some(private).filter(|it| it.exists()))
}

/// Whether there is what a daemon is started with.
pub(super) fn checkup(settings: &Settings) -> Vec<Finding> {
    let in_vain = "PM2 starts nothing";
    let node = match in_path("node") {
        Some(node) => Finding::fine("Node.js", format!("in {}", node.display())),
        None => Finding::lacking("Node.js", format!("there is no `node` in PATH: {in_vain}")),
    };
    let command = match installed(settings) {
        Some(command) => Finding::fine("PM2", format!("in {}", command.display())),
        None if can_be_installed(settings) => {
            Finding::fine("PM2", "not here; npm installs it when it is needed")
        }
        None => Finding::lacking(
            "PM2",
            format!(
                "there is no `pm2` in PATH: {in_vain}; `npm install -g pm2`, or set \
                 `install_if_missing` or `fall_back_to_embedded` in [pm2]"
            ),
        ),
    };
    vec![node, command]
}

/// Whether installing it is allowed, and did not fail lately.
pub(super) fn can_be_installed(settings: &Settings) -> bool {
    let failed_at = fs::metadata(failure(&settings.private)).and_then(|it| it.modified());
    let lately = failed_at.is_ok_and(|at| at.elapsed().is_ok_and(|it| it < TRY_AGAIN));
    settings.options.install_if_missing && in_path("npm").is_some() && !lately
}

/// The file that says that installing failed, by its time.
fn failure(private: &Path) -> PathBuf {
    private.join("could-not-be-installed")
}

/// Where the daemon begins, in the package that the command belongs to.
fn package(command: &Path) -> Option<PathBuf> {
    let bin = command.canonicalize().ok()?;
    Some(bin.parent()?.parent()?.join("lib/Daemon.js")).filter(|it| it.is_file())
}

fn in_path(program: &str) -> Option<PathBuf> {
    find(program, &std::env::var_os("PATH")?)
}

/// The program of that name in the folders of `path`.
pub(super) fn find(program: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).map(|folder| folder.join(program)).find(|it| can_run(it))
}

/// Whether a file is a program.
pub(super) fn can_run(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

/// Installs PM2 into `folder`.
async fn install(folder: &Path) -> Result<(), Error> {
    let npm = in_path("npm").ok_or_else(|| {
        Error::Refused(
            "PM2 is missing and can't be installed: there is no `npm` in PATH; install Node.js with \
             npm, or PM2 itself"
                .to_owned(),
        )
    })?;
    let failed = |why: String| {
        Error::Passing(format!(
            "PM2 {VERSION} could not be installed into {}: {why}",
            folder.display()
        ))
    };
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| failed(error.to_string()))?;
    tracing::info!("installing PM2 {VERSION} into {} with npm", folder.display());
    let mut said = tempfile::tempfile().map_err(|error| failed(error.to_string()))?;
    let output = said.try_clone().map_err(|error| failed(error.to_string()))?;
    let began = Instant::now();
    let mut npm = Command::new(npm)
        .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
        .arg("--prefix")
        .arg(folder)
        .arg(format!("pm2@{VERSION}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("npm can't be run: {error}")))?;
    let status = loop {
        match tokio::time::timeout(Duration::from_secs(10), npm.wait()).await {
            Ok(status) => break status.map_err(|error| failed(error.to_string()))?,
            Err(_) if began.elapsed() > INSTALL => {
                return Err(failed(format!("npm has not ended within {} s", INSTALL.as_secs())));
            }
            Err(_) => tracing::info!("npm is at it since {} s", began.elapsed().as_secs()),
        }
    };
    if status.success() {
        tracing::info!("PM2 {VERSION} is installed, after {} s", began.elapsed().as_secs());
        return Ok(());
    }
    let mut bytes = Vec::new();
    let read = said.rewind().and_then(|()| said.take(MOST_SAID).read_to_end(&mut bytes));
    let reason = read.map_or_else(|error| error.to_string(), |_| first_lines(&bytes));
    Err(failed(format!("npm failed ({status}): {reason}; is the network there?")))
}

/// The first lines of what npm said that say anything, without what moves a cursor.
fn first_lines(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let plain = |line: &str| line.chars().filter(|it| !it.is_control()).collect::<String>();
    let lines = text.lines().map(|line| plain(line).trim().to_owned());
    lines.filter(|it| !it.is_empty()).take(3).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_npm_says_is_told_although_it_was_cut_off_within_a_letter() {
        let said = "npm error code E404\r\n\n\u{1b}[31mnpm\u{1b}[0m error gefunden: für".as_bytes();
        let cut = &said[..said.len() - 2];
        assert_eq!(first_lines(cut), "npm error code E404; [31mnpm[0m error gefunden: f\u{fffd}");
    }
}
