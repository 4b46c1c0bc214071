//! What the keys ask for, done as the verbs do it: requests go by the journal.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use crate::{
    cli::{duty, explain, open, output::whole, pause},
    config::units::Span,
    controller::{
        Controller,
        requests::{Request, What},
    },
    core::{
        duty::Asked,
        id::Id,
        live::{Input, plain},
    },
    journal::Journal,
};

/// How long a resource is left alone.
const PAUSE: Duration = Duration::from_hours(1);

/// How much of the end of a log is read, in bytes.
const TAIL: u64 = 64 * 1024;

/// How many lines of it are shown at most.
const LINES: usize = 200;

/// All that there is to read of a resource.
pub(super) async fn open(controller: &Controller, id: Id) -> Input {
    let text = match explain::in_words(controller, &id).await {
        Ok(text) => text,
        Err(error) => whole(&error),
    };
    let text = anstream::adapter::strip_str(&text).to_string();
    let mut lines: Vec<String> = text.lines().map(|it| plain(it).into_owned()).collect();
    for log in controller.logs(&id) {
        lines.push(String::new());
        let name = plain(&log.to_string_lossy()).into_owned();
        match tail(&log) {
            Ok(end) if end.is_empty() => lines.push(format!("{name} is empty")),
            Ok(end) => {
                lines.push(format!("the end of {name}:"));
                lines.extend(end);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                lines.push(format!("{name} is not there yet"));
            }
            Err(error) => lines.push(format!("{name} can't be read: {error}")),
        }
    }
    Input::Opened(id, lines)
}

/// The last lines of a log.
fn tail(log: &Path) -> io::Result<Vec<String>> {
    // A pipe would have whoever opens it wait for its other end.
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let mut file: File = OpenOptions::new().read(true).custom_flags(nonblock).open(log)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let from = found.len().saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    file.take(TAIL).read_to_end(&mut end)?;
    let end = String::from_utf8_lossy(&end);
    // The first one may be a half.
    let lines: Vec<&str> = end.lines().skip(usize::from(from > 0)).collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    let shown = |it: &&str| plain(&anstream::adapter::strip_str(it).to_string()).into_owned();
    Ok(last.iter().map(shown).collect())
}

pub(super) fn pause(controller: &Controller, id: Id) -> Input {
    said(leave_alone(controller, id))
}

fn leave_alone(controller: &Controller, id: Id) -> anyhow::Result<String> {
    let mut journal = journal(controller)?;
    let pause = pause::pause(Some(id), Span(PAUSE), "")?;
    let line = pause::line(&pause);
    pause::add(&mut journal, pause)?;
    wake(controller, &mut journal)?;
    Ok(format!("paused {line}"))
}

pub(super) fn resume(controller: &Controller, id: &Id) -> Input {
    said(leave_alone_no_longer(controller, id))
}

fn leave_alone_no_longer(controller: &Controller, id: &Id) -> anyhow::Result<String> {
    let mut journal = journal(controller)?;
    let (ended, _) = pause::remove(controller, &mut journal, Some(id))?;
    if !ended {
        anyhow::bail!(
            "{id} is not paused by itself; `redundancy resume` ends the pause of everything"
        );
    }
    wake(controller, &mut journal)?;
    Ok(format!("the pause of {id} is over"))
}

pub(super) async fn move_duty(controller: &Controller, id: Id, asked: Asked) -> Input {
    said(duty::have_moved(controller, &id, asked).await)
}

fn said(came_of_it: anyhow::Result<String>) -> Input {
    Input::Said(came_of_it.unwrap_or_else(|error| whole(&error)))
}

fn journal(controller: &Controller) -> anyhow::Result<Journal> {
    let state_dir = open::state_dir(controller.project())?;
    // There is no place for a word on a damaged one: the screen is taken.
    Ok(Journal::open(&Journal::file(&state_dir))?.0)
}

/// Has the watch go by what was changed, if one runs.
fn wake(controller: &Controller, journal: &mut Journal) -> anyhow::Result<()> {
    if controller.is_watched() {
        controller.ask(journal, &Request { what: What::Look, id: None })?;
    }
    Ok(())
}
