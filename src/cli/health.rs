//! `health`: how what the config asks for does, the worst first, and in the exit code.

use std::{fmt::Write, process::ExitCode};

use anyhow::bail;
use jiff::Timestamp;

use super::{
    args::HealthOptions,
    open::{Project, block_on},
    output::{self, visible},
    status::{self, Blind, Report, Row, ago},
    table::table,
};
use crate::{
    controller::{Controller, World},
    core::{
        health::Health,
        id::Id,
        resource::{Actual, Status},
    },
};

/// The order in which healths are told, with the exit code that each comes to.
const ORDER: [(Health, u8); 5] = [
    (Health::Failed, 2),
    (Health::Unhealthy, 2),
    (Health::Unknown, 3),
    (Health::Stopped, 0),
    (Health::Healthy, 0),
];

pub(super) fn run(project: &Project, options: &HealthOptions) -> anyhow::Result<ExitCode> {
    let controller = project.controller();
    let now = Timestamp::now();
    let world = block_on(controller.look_around(now))?;
    let report = chosen(&controller, &world, options.of.as_deref(), now)?;
    if options.json {
        output::print(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    } else {
        output::print(&human(&report))?;
    }
    // The worst decides.
    let code = ORDER.iter().find(|(health, _)| has(&report, *health)).map_or(0, |(_, code)| *code);
    Ok(ExitCode::from(if report.blind.is_empty() || code == 2 { code } else { 3 }))
}

/// What `status` says of what the config asks for, or of the part of it that is `of` a provider or
/// is this resource.
fn chosen(
    controller: &Controller,
    world: &World,
    of: Option<&str>,
    now: Timestamp,
) -> anyhow::Result<Report> {
    let mut report = status::report(controller, world, now)?;
    let of = of.filter(|it| *it != "all");
    if let Some(of) = of
        && !controller.kinds().keys().any(|it| it.as_str() == of)
        && !report.resources.iter().any(|row| row.id.to_string() == of)
    {
        let providers: Vec<String> = controller.kinds().keys().map(ToString::to_string).collect();
        bail!(
            "there is neither a provider nor a resource {of}; the providers are {}, and \
             `redundancy status` lists the resources",
            providers.join(", ")
        );
    }
    let is_meant = |row: &Row| {
        of.is_none_or(|of| row.id.provider.as_str() == of || row.id.to_string() == of)
            && (row.is_asked_for || row.schedule.is_some())
            && (of == Some(row.id.to_string().as_str()) || !is_only_there(world, &row.id))
    };
    report.resources.retain(is_meant);
    let provider = of.map(|of| of.split_once('/').map_or(of, |(provider, _)| provider));
    let is_of_it = |it: &Blind| provider.is_none_or(|of| it.provider.as_str() == of);
    report.blind.retain(is_of_it);
    report.unseen.retain(is_of_it);
    let rank = |row: &Row| ORDER.iter().position(|(health, _)| *health == row.health);
    report.resources.sort_by_key(rank);
    Ok(report)
}

/// Whether it is a file of ours that only says what others do, so that it has no health.
fn is_only_there(world: &World, id: &Id) -> bool {
    let says_what_others_do = |it: &Actual| {
        it.status == Status::Present && it.mark.as_ref().is_some_and(|it| it.backs_up.is_none())
    };
    world.observed.found.get(id).is_some_and(says_what_others_do)
}

fn has(report: &Report, health: Health) -> bool {
    report.resources.iter().any(|row| row.health == health)
}

fn human(report: &Report) -> String {
    if report.resources.is_empty() && report.blind.is_empty() {
        return "there is nothing here that the config asks for\n".to_owned();
    }
    let cells = |row: &Row| {
        let schedule = row.schedule.as_ref();
        let last = schedule.and_then(|it| it.last_success).map(|it| ago(it, report.at));
        let next = schedule.and_then(|it| it.next).map(|it| format!("next due {it:.0}"));
        let last = last.map(|it| format!("last success by schedule {it}"));
        let times: Vec<String> = last.into_iter().chain(next).collect();
        vec![row.health.to_string(), row.id.to_string(), visible(&row.state), times.join(", ")]
    };
    let rows: Vec<Vec<String>> = report.resources.iter().map(cells).collect();
    let mut text = table(&["HEALTH", "RESOURCE", "STATE", ""], &rows);
    let counts = ORDER.iter().filter_map(|(health, _)| {
        let count = report.resources.iter().filter(|row| row.health == *health).count();
        (count > 0).then(|| format!("{count} {health}"))
    });
    let _ = writeln!(text, "\n{}", counts.collect::<Vec<_>>().join(", "));
    text + &status::not_seen(report)
}
