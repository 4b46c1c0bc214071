//! `failover` and `handback` of what has a route: a person says where that goes.

use std::process::ExitCode;

use anyhow::bail;
use jiff::Timestamp;

use super::{
    apply::{begin, carry_out_here},
    duty::{user, verb},
    output::{self, BOLD, visible},
    pair::Functions,
    pause::line,
};
use crate::{
    controller::{Controller, Manner, World},
    core::{
        duty::{Asked, Side},
        id::Id,
        route::{Place, Router},
    },
    journal::{Entry, Kind},
};

/// Moves the route of the pair that `id` is one of, also where a watch runs: that goes by where the
/// route is. None where `id` is no half of such a pair.
pub(super) async fn ask(
    controller: &Controller,
    id: &Id,
    asked: Asked,
) -> anyhow::Result<Option<ExitCode>> {
    let now = Timestamp::now();
    let mut world = controller.look_around(now).await;
    let Some(pair) = Functions::of(&world, id) else { return Ok(None) };
    let to = allowed(&world, &pair, asked, now)?;
    let (Functions { primary, backup }, who) = (&pair, user());
    let target = if to == Side::Backup { backup } else { primary };
    let place = Place::asked(to, &who, now);
    let plan = controller.reroute(&mut world, primary, place, now);
    if plan.lanes.is_empty() {
        let held =
            plan.held.iter().map(|it| format!("{}: {}", it.id, visible(&it.why.to_string())));
        let impossible = world.desired.impossible.iter();
        let impossible = impossible.filter(|(it, _)| it.provider == primary.provider);
        let why = held.chain(impossible.map(|(id, why)| format!("{id}: {}", visible(why))));
        let why: Vec<String> = why.collect();
        bail!("the route of {primary} was not moved: {}", why.join("; "));
    }
    let (_lock, journal) = begin(controller, verb(asked)).await?;
    let text = format!("{who} asks for duty to go to {target}");
    let entry = Entry { at: now, kind: Kind::Duty, id: Some(backup.clone()), text };
    journal.borrow_mut().write(&[entry])?;
    if !carry_out_here(controller, &plan, Manner::Together, &journal, None).await? {
        return Ok(Some(ExitCode::FAILURE));
    }
    output::print(&format!(
        "\nThe route of {primary} goes to {BOLD}{target}{BOLD:#}. That takes effect with the next deploy; \
         `redundancy deploy` makes it, or says how.\n"
    ))?;
    Ok(Some(ExitCode::SUCCESS))
}

/// To whom the route goes, if there is one and it may be moved.
fn allowed(world: &World, pair: &Functions, asked: Asked, now: Timestamp) -> anyhow::Result<Side> {
    let Functions { primary, backup } = pair;
    let place = match pair.router(world) {
        Some(Router::Redirect(place)) => place,
        Some(Router::Edge) => bail!(
            "what {primary} fails is answered by {backup} within the same request (`router = \"edge\"`), \
             so there is no duty that could be given from one to the other; with `router = \"redirect\"` \
             there is"
        ),
        Some(Router::None) | None => bail!(
            "nothing passes the calls of {primary} on to {backup} (`router = \"none\"`), so there is no \
             duty that could be given from one to the other: whoever wants the backup calls it, at \
             /.netlify/functions/{}; with `router = \"redirect\"` there is",
            backup.name
        ),
    };
    let to = match asked {
        Asked::FailOver => Side::Backup,
        Asked::HandBack => Side::Primary,
        Asked::AssumeStopped => bail!(
            "{primary} and {backup} are called and not started, so nothing has to be proven stopped; \
             `redundancy failover` and `redundancy handback` say who gets the calls"
        ),
    };
    let pauses = &world.known.pauses;
    if let Some(pause) = pauses.of(primary, now).or_else(|| pauses.of(backup, now)) {
        let resume = pause.id.as_ref().map_or(String::new(), |id| format!(" {id}"));
        bail!(
            "nothing was moved, because of a pause of {}; `redundancy resume{resume}` ends it",
            line(pause)
        );
    }
    if place.side == to {
        let id = if to == Side::Backup { backup } else { primary };
        bail!("{id} is on duty already");
    }
    Ok(to)
}
