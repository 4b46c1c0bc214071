//! The frame of what was seen.

use jiff::Timestamp;

use crate::{
    controller::{Controller, World, standing},
    core::{
        duty::Side,
        health::Health,
        id::Id,
        live::{Frame, Happened, Pair, Row, VERSION, Watcher},
    },
    journal::{Event, Journal},
};

/// So many of the last events are told.
const EVENTS: u32 = 50;

/// The longest text that is told of anything, in characters.
const TEXT: usize = 400;

/// What is shown of `world`. What happened is left out where there is no journal, or it can't be read.
#[must_use]
pub fn frame(
    controller: &Controller,
    world: &World,
    journal: Option<&Journal>,
    watch: Option<u32>,
    now: Timestamp,
) -> Frame {
    let kinds = controller.kinds();
    let pairs = standing::Pairs::of(world);
    let row = |id: &Id| {
        let place = pairs.with(id).filter(|it| it.rules.exclusive);
        let serves = |it: &crate::core::failover::Pair| {
            let place = standing::Place::of(world, it, watch.is_some());
            place.duty.is_some_and(|it| it.serving == Side::Backup)
        };
        Row {
            id: id.clone(),
            kind: kinds.get(&id.provider).copied().unwrap_or_default().to_owned(),
            state: short(standing::state(world, id)),
            health: Health::in_view(&world.desired, &world.observed, id),
            duty: pairs.duty(id, watch.is_some(), now).map(|it| it.phase.to_string()),
            pair: place.map(|it| Pair {
                primary: it.primary.clone(),
                backup: it.backup.clone(),
                backup_serves: serves(it),
            }),
            paused: pairs.pause(id, now).map(|it| it.until),
        }
    };
    let events = journal.map(|it| it.history(None, EVENTS));
    let events = events.transpose().unwrap_or_else(|error| {
        tracing::warn!("what happened last is not shown: {error}");
        None
    });
    let observed = &world.observed;
    let unseen = observed.blind.iter().chain(&observed.unseen);
    Frame {
        version: VERSION,
        at: now,
        looked_at: None,
        look_every: controller.project().config.controller.look_every.0.as_secs(),
        watch: watch.map(|pid| Watcher { pid }),
        rows: standing::ids(world).into_iter().map(row).collect(),
        in_hand: Vec::new(),
        events: events.unwrap_or_default().into_iter().map(happened).collect(),
        unseen: unseen.map(|(it, why)| (it.to_string(), short(why.clone()))).collect(),
        paused: world.known.pauses.of_everything(now).map(|it| it.until),
    }
}

fn happened(event: Event) -> Happened {
    let Event { at, kind, id, text, .. } = event;
    Happened { at, kind, id, text: short(text) }
}

fn short(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(TEXT) {
        text.truncate(end);
        text.push('…');
    }
    text
}
