//! PM2's daemon: found, and started where it must run.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::process::Command;

use super::{
    client::{Absence, Client, Prepared},
    definition::PASSED_ON,
    dump,
    listed::{Listed, registrations},
    orphans,
    program::{Program, program},
    settings::Settings,
};
use crate::{core::id::Name, provider::Error};

/// How long the daemon may take to begin.
const BEGIN: Duration = Duration::from_secs(30);

/// How long what a dead daemon left may take to stop, by PM2's own default, before it is killed.
const STOP: Duration = Duration::from_millis(1600);

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
    // Workers of a cluster inherit them.
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
