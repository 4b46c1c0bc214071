//! `status --watch`: how everything does, on the whole screen, for as long as somebody looks on.
//!
//! What is shown and what the keys do is the business of `core/live`; here it is drawn, and what it asks
//! for is done.

mod acts;
mod draw;
mod screen;
mod source;
#[cfg(test)]
mod tests;

use std::{
    io::{self, IsTerminal},
    pin::pin,
    process::ExitCode,
    time::Duration,
};

use anyhow::bail;
use futures_util::{
    future::{FutureExt, LocalBoxFuture},
    stream::{FuturesUnordered, StreamExt},
};
use jiff::Timestamp;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::open::{Project, block_on};
use crate::{
    controller::Controller,
    core::live::{Act, Input, View},
};
use draw::Palette;
use screen::{Heard, Screen, Signals};

/// How often what is shown is brought up to date though nothing has happened: it says how long ago things were.
const TICK: Duration = Duration::from_secs(1);

pub(super) fn run(project: &Project) -> anyhow::Result<ExitCode> {
    if !io::stdout().is_terminal() {
        bail!(
            "`status --watch` needs a terminal, and its output goes elsewhere; `redundancy status` prints how \
             everything does once, and with `--json` for programs; `redundancy history` prints what happened"
        );
    }
    if std::env::var_os("TERM").is_none_or(|it| it.is_empty() || it == "dumb") {
        bail!(
            "`status --watch` needs a terminal that can place text on its screen, and TERM says that this one \
             can't; `redundancy status` prints how everything does once"
        );
    }
    let controller = project.controller();
    block_on(look_on(&controller))?
}

async fn look_on(controller: &Controller) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new()?;
    let mut screen = Screen::open()?;
    let palette = Palette::of_environment();
    let (tell, mut news) = mpsc::channel(4);
    let mut days = pin!(source::days(controller, tell.clone()));
    let mut source = pin!(source::follow(controller, tell));
    let mut acts: FuturesUnordered<LocalBoxFuture<'_, Input>> = FuturesUnordered::new();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut view = View::default();
    loop {
        view.update(Input::Fits(draw::room(screen.size()?, &view, Timestamp::now())));
        screen.show(|frame| draw::draw(frame, &view, palette, Timestamp::now()))?;
        let input = tokio::select! {
            biased;
            code = signals.received() => return Ok(ExitCode::from(code)),
            heard = screen.heard() => match heard? {
                Heard::Key(key) => Some(Input::Key(key)),
                Heard::Interrupt => return Ok(ExitCode::SUCCESS),
                Heard::Redraw => { screen.clear()?; None }
                Heard::Nothing => None,
            },
            Some(input) = acts.next() => Some(input),
            Some(input) = news.recv() => Some(input),
            never = &mut source => match never {},
            never = &mut days => match never {},
            _ = ticks.tick() => None,
        };
        let Some(act) = input.and_then(|it| view.update(it)) else { continue };
        match act {
            Act::Quit => return Ok(ExitCode::SUCCESS),
            Act::Open(id) => acts.push(acts::open(controller, id).boxed_local()),
            Act::Pause(id) => drop(view.update(acts::pause(controller, id))),
            Act::Resume(id) => drop(view.update(acts::resume(controller, &id))),
            Act::Move(id, asked) => {
                view.update(Input::Said(format!("asked the watch to move duty of {id}")));
                acts.push(acts::move_duty(controller, id, asked).boxed_local());
            }
        }
    }
}
