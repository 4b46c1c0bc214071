//! `pause` and `resume`: leaving a resource, or everything, as it is for a while.

use std::{fmt::Write, process::ExitCode, time::Duration};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use super::{
    args::{PauseOptions, SomeOptions},
    choice,
    duty::user,
    open::{self, Project, block_on},
    output::{self, BOLD, visible},
    watch::log_to_onlooker,
};
use crate::{
    config::units::Span,
    controller::{
        Controller,
        requests::{self, Request, What},
    },
    core::{
        failover::Pair,
        id::Id,
        pause::{Pause, Pauses},
    },
    journal::{Entry, Journal, Kind},
};

/// How long to wait until the watch has heard of it.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

pub(super) fn run(project: &Project, options: &PauseOptions) -> anyhow::Result<ExitCode> {
    log_to_onlooker();
    let controller = project.controller();
    block_on(async {
        let now = Timestamp::now();
        if let Some(id) = &options.id {
            choice::check_id(id, &controller.look_around(now).await)?;
        }
        begin(&controller, options).await
    })?
}

async fn begin(controller: &Controller, options: &PauseOptions) -> anyhow::Result<ExitCode> {
    let PauseOptions { id, length, reason } = options;
    let pause = pause(id.clone(), *length, reason)?;
    let line = line(&pause);
    let mut journal = open::journal(&open::state_dir(controller.project())?)?;
    add(&mut journal, pause)?;
    let mut text = format!("paused {line}\n");
    if let Some((id, other)) = id.as_ref().and_then(|id| Some((id, other(controller.pairs(), id)?)))
    {
        let _ = writeln!(
            text,
            "{other} is paused with it: of the two, {id} and {other}, only one may run"
        );
    }
    output::print(&text)?;
    tell_watch(controller, &mut journal).await?;
    Ok(ExitCode::SUCCESS)
}

/// A pause that begins now.
pub(super) fn pause(id: Option<Id>, length: Span, reason: &str) -> anyhow::Result<Pause> {
    let since = Timestamp::now();
    let until = SignedDuration::try_from(length.0).ok().and_then(|it| since.checked_add(it).ok());
    let until = until.with_context(|| format!("{length} from now is beyond all time"))?;
    Ok(Pause { id, since, until, reason: reason.to_owned() })
}

/// Has it begin.
pub(super) fn add(journal: &mut Journal, pause: Pause) -> anyhow::Result<()> {
    let (id, line) = (pause.id.clone(), line(&pause));
    requests::change_pauses(journal, pause.since, |pauses| pauses.add(pause))?;
    note(journal, id.as_ref(), format!("{} paused {line}", user()));
    Ok(())
}

/// Ends the pause of a resource, and of the other one of its pair, or of everything: whether there was one,
/// and what is paused still.
pub(super) fn remove(
    controller: &Controller,
    journal: &mut Journal,
    id: Option<&Id>,
) -> anyhow::Result<(bool, Pauses)> {
    let other = id.and_then(|id| other(controller.pairs(), id));
    let (ended, left) = requests::change_pauses(journal, Timestamp::now(), |pauses| {
        // A pause of one of a pair is one of both.
        let mut ended = pauses.end(id);
        ended |= other.is_some_and(|other| pauses.end(Some(other)));
        (ended, pauses.clone())
    })?;
    if ended {
        let what = id.map_or("everything".to_owned(), Id::to_string);
        note(journal, id, format!("{} ended the pause of {what}", user()));
    }
    Ok((ended, left))
}

pub(super) fn end(project: &Project, options: &SomeOptions) -> anyhow::Result<ExitCode> {
    log_to_onlooker();
    let controller = project.controller();
    block_on(resume(&controller, options.id.as_ref()))?
}

async fn resume(controller: &Controller, id: Option<&Id>) -> anyhow::Result<ExitCode> {
    let mut journal = open::journal(&open::state_dir(controller.project())?)?;
    let now = Timestamp::now();
    let (ended, left) = remove(controller, &mut journal, id)?;
    let what = id.map_or("everything".to_owned(), Id::to_string);
    if !ended {
        let what = if id.is_some() { what } else { "everything at once".to_owned() };
        let of_all = id.is_some() && left.of_everything(now).is_some();
        let help = if of_all { "`redundancy resume` ends the pause of everything\n" } else { "" };
        let alone = if of_all { " by itself" } else { "" };
        output::remark(&format!("{what} is not paused{alone}\n{}{help}", list(left.iter(), now)));
        return Ok(ExitCode::FAILURE);
    }
    let still = list(left.iter(), now);
    output::print(&format!("the pause of {BOLD}{what}{BOLD:#} is over\n{still}"))?;
    tell_watch(controller, &mut journal).await?;
    Ok(ExitCode::SUCCESS)
}

/// The other one of the pair of `id` that never runs at once with it.
fn other<'p>(pairs: &'p [Pair], id: &Id) -> Option<&'p Id> {
    let pair = pairs.iter().find(|it| it.rules.exclusive && it.has(id))?;
    Some(if pair.primary == *id { &pair.backup } else { &pair.primary })
}

fn note(journal: &mut Journal, id: Option<&Id>, text: String) {
    let entry = Entry { at: Timestamp::now(), kind: Kind::Controller, id: id.cloned(), text };
    if let Err(error) = journal.write(&[entry]) {
        output::remark(&format!("the journal was not written: {error}\n"));
    }
}

/// Wakes the watch, if one runs, and waits until it goes by what was changed.
async fn tell_watch(controller: &Controller, journal: &mut Journal) -> anyhow::Result<()> {
    if !controller.is_watched() {
        return Ok(());
    }
    let key = controller.ask(journal, &Request { what: What::Look, id: None })?;
    let began = Instant::now();
    while requests::is_left(journal, &key)? {
        if began.elapsed() > LONGEST_WAIT {
            output::remark(
                "the watch has not looked since; it goes by this from its next look on\n",
            );
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// What is paused, a line each.
pub(super) fn list<'p>(pauses: impl Iterator<Item = &'p Pause>, now: Timestamp) -> String {
    let mut text = String::new();
    for pause in pauses.filter(|it| it.is_on(now)) {
        let _ = writeln!(text, "paused: {}", line(pause));
    }
    text
}

pub(super) fn line(pause: &Pause) -> String {
    let what = pause.id.as_ref().map_or("everything".to_owned(), Id::to_string);
    let why = if pause.reason.is_empty() {
        String::new()
    } else {
        format!(": {}", visible(&pause.reason))
    };
    format!("{what} until {:.0}{why}", pause.until)
}
