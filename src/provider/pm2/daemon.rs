//! PM2's daemon: found, and started where it must run.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    io::{self, Read, Seek, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::process::Command;

use super::{
    client::{Absence, Client, Prepared},
    dump,
    listed::{Listed, registrations},
    orphans,
    settings::Settings,
};
use crate::{
    core::{checkup::Finding, id::Name},
    provider::Error,
};

/// The version that is installed where there is none.
const VERSION: &str = "7.0.4";

/// How long npm may take.
const INSTALL: Duration = Duration::from_mins(5);

/// How long, after npm failed, PM2 counts as something that can't be had.
const TRY_AGAIN: Duration = Duration::from_hours(1);

/// How long the daemon may take to begin.
const BEGIN: Duration = Duration::from_secs(30);

/// How long what a dead daemon left may take to stop, by PM2's own default, before it is killed.
const STOP: Duration = Duration::from_millis(1600);

/// The variables that the daemon gets from this tool's environment. Cluster workers inherit them.
const PASSED_ON: &[&str] =
    &["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// The daemon of `home`, started if there is none.
///
/// What its predecessor left running is ended first, and what that had saved is started, except for
/// the apps of ours: those are planned one by one. The second is whether it was started.
pub(super) async fn ensure(
    settings: &Settings,
    home: &Path,
    off_duty: &BTreeSet<Name>,
) -> Result<(Client, bool), Error> {
    if let Ok(client) = Client::connect(home).await? {
        return Ok((client, false));
    }
    let program = program(settings).await?;
    if let Some(error) = unreachable(home)? {
        return Err(error);
    }
    let saved = dump::saved(settings, home, off_duty);
    end_left_over(home, &saved, &[]).await?;
    // Somebody else may have started it meanwhile.
    if let Ok(client) = Client::connect(home).await? {
        return Ok((client, false));
    }
    start(&program, home)?;
    let mut client = await_answer(home).await?;
    tracing::info!("PM2's daemon was started, pid {}", client.pid);
    // What failed is said, and does not hold up what is ours.
    start_saved(&mut client, &saved).await?;
    Ok((client, true))
}

/// Starts what was saved and is not there, in a daemon that runs.
pub(super) async fn resurrect(
    settings: &Settings,
    home: &Path,
    off_duty: &BTreeSet<Name>,
) -> Result<(), Error> {
    let gone = |absence| Error::Passing(format!("PM2's daemon {}; plan again", explain(absence)));
    let mut client = Client::connect(home).await?.map_err(gone)?;
    let saved = dump::saved(settings, home, off_duty);
    start_lost(&mut client, home, &saved).await
}

/// Starts those of `saved` that are not there, in a daemon that runs, once nothing is left of them.
pub(super) async fn start_lost(
    client: &mut Client,
    home: &Path,
    saved: &[Prepared],
) -> Result<(), Error> {
    let listed = client.list().await?;
    end_left_over(home, saved, &listed).await?;
    let failed = start_saved(client, saved).await?;
    if failed.is_empty() {
        return Ok(());
    }
    let names = failed.join(", ");
    Err(Error::Passing(format!("PM2 could not start again what `pm2 save` kept: {names}")))
}

/// Ends what an earlier daemon left running of those that are about to be started.
async fn end_left_over(home: &Path, saved: &[Prepared], listed: &[Listed]) -> Result<(), Error> {
    if saved.is_empty() {
        return Ok(());
    }
    let names: BTreeSet<String> = saved.iter().map(|it| it.name().to_owned()).collect();
    orphans::end_of_home(home, &names, &registrations(listed), STOP).await
}

/// Starts what was saved and is not there. The names of what could not be started.
async fn start_saved(client: &mut Client, saved: &[Prepared]) -> Result<Vec<String>, Error> {
    let there = client.list().await?;
    let mut failed = Vec::new();
    for definition in saved.iter().filter(|it| there.iter().all(|there| there.name != it.name())) {
        let name = definition.name();
        match client.prepare(definition).await {
            Ok(_) => tracing::info!("PM2's process {name:?} was resurrected"),
            Err(error) => {
                tracing::error!("PM2's process {name:?} was not resurrected: {error}");
                failed.push(name.to_owned());
            }
        }
    }
    Ok(failed)
}

/// Why a daemon that runs can't be talked to, if there is one although there is no socket.
pub(super) fn unreachable(home: &Path) -> Result<Option<Error>, Error> {
    let found = orphans::daemon_of(home);
    let found =
        found.map_err(|error| Error::Passing(format!("cannot look through /proc: {error}")))?;
    Ok(found.map(|pid| {
        Error::Passing(format!(
            "PM2's daemon runs (pid {pid}) and can't be reached: its socket {} is not there or not \
             its own. It may be about to begin; if not, end it with `kill {pid}`",
            super::client::socket(home).display()
        ))
    }))
}

/// PM2, as it is installed.
pub(super) struct Program {
    /// The command.
    command: PathBuf,
    /// What the daemon begins with, where the command is a part of the package itself.
    daemon: Option<PathBuf>,
    node: PathBuf,
}

/// PM2, installed if need be and if that is allowed.
async fn program(settings: &Settings) -> Result<Program, Error> {
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

pub(super) fn in_path(program: &str) -> Option<PathBuf> {
    let path: OsString = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|it| it.is_file())
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
    let mut text = String::new();
    let read = said.rewind().and_then(|()| said.take(4096).read_to_string(&mut text));
    let text = read.map_or_else(|error| error.to_string(), |_| text);
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|it| !it.is_empty()).take(3).collect();
    let reason = lines.join("; ");
    Err(failed(format!("npm failed ({status}): {reason}; is the network there?")))
}

/// Starts the daemon and does not wait for it.
fn start(program: &Program, home: &Path) -> Result<(), Error> {
    let failed = |error: io::Error| {
        Error::Refused(format!("PM2's daemon can't be started in {}: {error}", home.display()))
    };
    for folder in [home.to_owned(), home.join("logs"), home.join("pids")] {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    // As PM2's own command does: the daemon fills its log with complaints where it is not there.
    match fs::OpenOptions::new().write(true).create_new(true).open(home.join("module_conf.json")) {
        Ok(mut file) => file.write_all(b"{}").map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    let log = fs::OpenOptions::new().create(true).append(true).open(home.join("pm2.log"));
    let log = log.map_err(failed)?;
    let mut command = match &program.daemon {
        Some(daemon) => {
            let mut command = Command::new(&program.node);
            command.arg(daemon);
            command
        }
        // A wrapper of some version manager: PM2 itself has to know.
        None => {
            let mut command = Command::new(&program.command);
            command.arg("ping");
            command
        }
    };
    let passed_on = PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    command
        .env_clear()
        .envs(passed_on)
        .env("PM2_HOME", home)
        // What the daemon starts itself anew with, when it is told to or something goes wrong.
        .env("_", &program.command)
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(failed)?)
        .stderr(log)
        .process_group(0);
    // Once it has ended it is reaped by the runtime.
    command.spawn().map(drop).map_err(failed)
}

/// Waits until a daemon answers.
async fn await_answer(home: &Path) -> Result<Client, Error> {
    let began = Instant::now();
    loop {
        let absence = match Client::connect(home).await? {
            Ok(mut client) => {
                client.version().await?;
                return Ok(client);
            }
            Err(absence) => absence,
        };
        if began.elapsed() > BEGIN {
            let log = home.join("pm2.log");
            let (log, seconds) = (log.display(), BEGIN.as_secs());
            return Err(Error::Passing(format!(
                "PM2's daemon was started and {} after {seconds} s; see {log}",
                explain(absence)
            )));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An absence in words.
pub(super) fn explain(absence: Absence) -> &'static str {
    match absence {
        Absence::NoSocket => "is not running",
        Absence::Stale => "was killed: nobody answers at its socket",
    }
}
