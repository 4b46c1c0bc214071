//! `failover`, `handback` and `resolve`: a person says who of a pair is on duty.

use std::{process::ExitCode, time::Duration};

use anyhow::bail;
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::{
    apply::{begin, until_done},
    open::{self, Project, block_on},
    output::{self, BOLD, GREEN, RED, YELLOW, visible},
    pair::{self, Place},
    pause::line,
    route,
    watch::log_to_onlooker,
};
use crate::{
    config::units::Span,
    controller::{
        Controller, Stop, World,
        moving::{Ended, Goal, Told},
    },
    core::{
        duty::{Asked, News, Phase, Side},
        failover::Pair,
        id::Id,
        resource::Status,
    },
    journal::{Entry, Journal, Kind},
};

/// How long a watch that has just begun may take to find out what runs.
const FINDING_OUT: Duration = Duration::from_secs(10);

pub(super) fn run(project: &Project, id: &Id, asked: Asked) -> anyhow::Result<ExitCode> {
    log_to_onlooker();
    block_on(ask(&project.controller(), id, asked))?
}

async fn ask(controller: &Controller, id: &Id, asked: Asked) -> anyhow::Result<ExitCode> {
    if !is_in_a_pair(controller, id)
        && let Some(code) = route::ask(controller, id, asked).await?
    {
        return Ok(code);
    }
    let world = look(controller, id).await?;
    let pair = pair::exclusive(&world, id)?;
    let goal = Goal { pair, asked, to: allowed(controller, &world, pair, asked)? };
    let ended = if controller.is_watched() {
        let mut journal = open::journal(&controller.project().state_dir())?;
        write_down(&mut journal, &goal)?;
        controller.have_moved(&goal, &mut journal, tell).await?
    } else {
        let (_lock, journal) = begin(controller, verb(asked)).await?;
        if controller.is_watched() {
            bail!("a watch has begun meanwhile; run the same again, and it does it");
        }
        write_down(&mut journal.borrow_mut(), &goal)?;
        let stop = Stop::default();
        until_done(controller.move_duty(&goal, &journal, &stop, tell), &stop).await??
    };
    conclude(&goal, &ended)
}

/// Has the watch that runs move duty, for somebody who looks on; what came of it.
pub(super) async fn have_moved(
    controller: &Controller,
    id: &Id,
    asked: Asked,
) -> anyhow::Result<String> {
    if !is_in_a_pair(controller, id) {
        let world = controller.look_around(Timestamp::now()).await;
        if pair::Functions::of(&world, id).is_some() {
            bail!(
                "{id} is called and not started; `redundancy {} {id}` moves its route, if it has one",
                verb(asked)
            );
        }
    }
    let world = look(controller, id).await?;
    let pair = pair::exclusive(&world, id)?;
    let goal = Goal { pair, asked, to: allowed(controller, &world, pair, asked)? };
    if !controller.is_watched() {
        bail!("nobody watches; `redundancy {} {id}` does it without a watch", verb(asked));
    }
    // There is no place for a word on a damaged one, and the watch says it.
    let (mut journal, _) = Journal::open(&Journal::file(&controller.project().state_dir()))?;
    write_down(&mut journal, &goal)?;
    let ended = controller.have_moved(&goal, &mut journal, |_| {}).await?;
    arrived(&goal, &ended)?;
    Ok(format!("{} is on duty", pair.id(goal.to)))
}

/// Whether `id` is one of a pair of which one at a time may run, or both.
fn is_in_a_pair(controller: &Controller, id: &Id) -> bool {
    controller.pairs().iter().any(|it| it.has(id))
}

/// Looks until it is known who is on duty, where a watch is finding that out.
async fn look(controller: &Controller, id: &Id) -> anyhow::Result<World> {
    let began = Instant::now();
    loop {
        let world = controller.look_around(Timestamp::now()).await;
        let pair = pair::exclusive(&world, id)?;
        let watched = controller.is_watched();
        let duty = Place::of(&world, pair, watched).duty;
        if duty.is_some_and(|it| it.phase != Phase::Recover) {
            return Ok(world);
        }
        if !watched || began.elapsed() > FINDING_OUT {
            let blind = world.observed.blind.iter();
            let mut blind = blind.filter(|(it, _)| {
                [&pair.primary, &pair.backup].iter().any(|id| id.provider == **it)
            });
            let why = blind.next().map_or(String::new(), |(provider, why)| {
                format!(": {provider} could not be asked: {}", visible(why))
            });
            bail!(
                "it is not known yet which of {} and {} runs{why}; nothing was moved; `redundancy \
                 explain {id}` says when it is known",
                pair.primary,
                pair.backup
            );
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// To whom duty goes, if that may be.
fn allowed(
    controller: &Controller,
    world: &World,
    pair: &Pair,
    asked: Asked,
) -> anyhow::Result<Side> {
    let known = &world.known;
    if let Some(pause) = known.pauses.of_either(&known.pairs, &pair.backup, Timestamp::now()) {
        let resume = pause.id.as_ref().map_or(String::new(), |id| format!(" {id}"));
        bail!(
            "nothing was moved, because of a pause of {}; `redundancy resume{resume}` ends it",
            line(pause)
        );
    }
    let place = Place::of(world, pair, controller.is_watched());
    let remembered = known.memory.duties.of(&pair.backup);
    let to = match asked {
        Asked::FailOver => Side::Backup,
        Asked::HandBack => Side::Primary,
        Asked::AssumeStopped => {
            let Some(blocked) = remembered.filter(|it| it.phase == Phase::Blocked) else {
                let (primary, backup) =
                    (place.row(Side::Primary, false), place.row(Side::Backup, false));
                bail!(
                    "the pair is not blocked, so there is nothing to assume: {} {}, {} {}",
                    pair.primary,
                    is(&primary.phase.to_string()),
                    pair.backup,
                    is(&backup.phase.to_string())
                );
            };
            return Ok(blocked.serving);
        }
    };
    let id = pair.id(to);
    match place.duty.map(|it| it.phase) {
        Some(Phase::On(side)) if side == to => bail!("{id} is on duty already"),
        Some(Phase::Blocked) if place.watched => {
            let news = News::Blocked { side: fenced(&place) };
            bail!("the pair is {}", news.about(id))
        }
        _ => {}
    }
    if let Some(why) = world.desired.impossible.get(id) {
        bail!("{id} can't be given duty: {}", visible(why));
    }
    if !pair.rules.controls_primary {
        let primary = &pair.primary;
        let status = world.observed.found.get(primary).map(|it| &it.status);
        let runs = !matches!(status, None | Some(Status::Stopped | Status::StoppedByHand));
        match to {
            Side::Backup if runs => bail!(
                "{primary} is not of this config and nothing allows to stop it, so {id} can't be \
                 given duty; `control_primary = true` allows it"
            ),
            Side::Primary if !runs => bail!(
                "{primary} is not of this config and nothing allows to start it; start it, and {} \
                 is stopped; or allow it by `control_primary = true`",
                pair.backup
            ),
            _ => {}
        }
    }
    Ok(to)
}

/// The side that could not be proven stopped.
fn fenced(place: &Place<'_>) -> Side {
    place.duty.map_or(Side::Primary, |it| it.serving.other())
}

/// `is on duty`, but `stands by`.
fn is(standing: &str) -> String {
    if standing == "stands by" { standing.to_owned() } else { format!("is {standing}") }
}

pub(super) fn verb(asked: Asked) -> &'static str {
    match asked {
        Asked::FailOver => "failover",
        Asked::HandBack => "handback",
        Asked::AssumeStopped => "resolve",
    }
}

/// Writes down who asked for what, before anything follows from it.
fn write_down(journal: &mut Journal, goal: &Goal<'_>) -> anyhow::Result<()> {
    let to = goal.pair.id(goal.to);
    let who = user();
    let text = match goal.asked {
        Asked::AssumeStopped => format!(
            "{who} says that {} is stopped, although that could not be proven; so {to} is started",
            goal.pair.id(goal.to.other())
        ),
        Asked::FailOver | Asked::HandBack => format!("{who} asks for duty to go to {to}"),
    };
    let id = Some(goal.pair.backup.clone());
    Ok(journal.write(&[Entry { at: Timestamp::now(), kind: Kind::Duty, id, text }])?)
}

/// Who runs this, as far as the environment says.
pub(super) fn user() -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|it| !it.trim().is_empty());
    named("USER").or_else(|| named("LOGNAME")).map_or("somebody".to_owned(), |it| visible(&it))
}

fn tell(told: Told<'_>) {
    let style = match told.kind {
        "done" => GREEN,
        "failed" => RED,
        _ => YELLOW,
    };
    let Told { kind, id, text } = told;
    // Told as it happens; a reader that went away stops nothing.
    let text = visible(text);
    let _ = output::print(&format!("{style}{kind:8}{style:#} {BOLD}{id}{BOLD:#}: {text}\n"));
}

fn conclude(goal: &Goal<'_>, ended: &Ended) -> anyhow::Result<ExitCode> {
    arrived(goal, ended)?;
    output::print(&format!("\n{BOLD}{}{BOLD:#} is on duty.\n", goal.pair.id(goal.to)))?;
    Ok(ExitCode::SUCCESS)
}

/// Says why duty is not where it should be, if it is not.
fn arrived(goal: &Goal<'_>, ended: &Ended) -> anyhow::Result<()> {
    let Goal { pair, to, .. } = *goal;
    let (this, other) = (pair.id(to), pair.id(to.other()));
    let explain = format!("`redundancy explain {this}` says how it stands");
    match ended {
        Ended::Arrived => Ok(()),
        Ended::Elsewhere => {
            bail!("{this} was to come on duty, and duty went to {other}; {explain}")
        }
        Ended::Blocked => {
            bail!("{other} could not be proven stopped, so {this} was not started; {explain}")
        }
        Ended::Stuck(why) => {
            let (why, side) = (*why, to);
            let news = News::Stuck { why, side, how: "does not come on duty".to_owned() };
            bail!("{}; {explain}", news.about(this))
        }
        Ended::Paused => bail!("the pair was paused meanwhile; {explain}"),
        Ended::Unwatched => bail!(
            "the watch ended before {this} was on duty; run the same again, and it is done without \
             a watch"
        ),
        Ended::Stopped => bail!(
            "stopped before {this} was on duty, and maybe neither of the two runs now; run the same \
             again, or `redundancy watch`"
        ),
        Ended::TookTooLong { taken: true } => {
            bail!("{this} is not on duty after {}; {explain}", Span(goal.limit()))
        }
        Ended::TookTooLong { taken: false } => bail!(
            "the watch has not looked for {}, so the request was taken back and nothing was moved; \
             `redundancy status` says whether it hangs",
            Span(goal.limit())
        ),
    }
}
