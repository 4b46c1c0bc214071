//! `[failover]` and the `failover` of backups: single values, and pairs that can't be.

use std::collections::HashMap;

use super::{at_least, check_backoff};
use crate::config::{
    failover::Mode,
    model::Config,
    pairs,
    problem::{Note, Problem},
    tree::Item,
    units::Span,
};

pub(super) fn check(config: &Config, root: &Item<'_>, problems: &mut Vec<Problem>) {
    if let Some(item) = root.child("failover") {
        let it = &config.failover;
        counts_from_one(&[("fall", it.fall), ("rise", it.rise)], &item, problems);
        at_least(Span::secs(1), ("window", it.window), &item, problems);
        if let Some(item) = item.child("backoff") {
            check_backoff(it.backoff, &item, problems);
        }
    }
    let mut backups: HashMap<String, usize> = HashMap::new();
    let items = root.children("process");
    for (index, (process, item)) in config.process.iter().zip(&items).enumerate() {
        if let (Some(own), Some(table)) = (&process.failover, item.child("failover")) {
            counts_from_one(&[("fall", own.fall.unwrap_or(1))], &table, problems);
            if let Some(window) = own.window {
                at_least(Span::secs(1), ("window", window), &table, problems);
            }
            if let (Some(precheck), Some(item)) = (&own.precheck, table.child("precheck")) {
                super::probe::check(precheck, &item, problems);
            }
            if process.backs_up.is_none() {
                let at = item.key("failover").unwrap_or_else(|| item.span());
                let message = "`failover` is of a backup, and this process backs up nothing";
                problems.push(Problem::at(at, message).help("`backs_up` names its primary"));
            }
        }
        if let Some(primary) = process.backs_up.as_deref()
            && process.mode.unwrap_or(config.failover.mode) == Mode::Exclusive
            && let Some(first) = backups.insert(pairs::in_full(&config.process, primary), index)
        {
            let name = &config.process[first].name;
            let message = format!("`{primary}` has an exclusive backup already, `{name}`");
            let help = "of an exclusive pair one runs at a time; further backups are \
                        `mode = \"parallel\"`";
            problems.push(
                Problem::at(item.value("backs_up"), message)
                    .help(help)
                    .related(items[first].value("backs_up"), "the first one"),
            );
        }
    }
}

/// A note for each exclusive backup of a primary that nothing may stop.
pub(in crate::config) fn notes(config: &Config, root: &Item<'_>) -> Vec<Note> {
    let usual = &config.failover;
    let uncontrolled = config.process.iter().zip(root.children("process")).filter(|(it, _)| {
        let own = it.failover.as_ref().and_then(|it| it.control_primary);
        let target = it.backs_up.as_deref();
        target.is_some_and(|target| pairs::find(&config.process, target).is_none())
            && it.mode.unwrap_or(usual.mode) == Mode::Exclusive
            && !own.unwrap_or(usual.control_primary)
    });
    let note = |(process, item): (&crate::config::process::Process, Item<'_>)| Note {
        span: item.value("backs_up"),
        message: format!(
            "nothing may stop the primary of `{}`, so it takes over only when PM2 has given that \
             up; `control_primary = true` in [failover] allows to stop and start it",
            process.name
        ),
    };
    uncontrolled.map(note).collect()
}

fn counts_from_one(values: &[(&str, u32)], item: &Item<'_>, problems: &mut Vec<Problem>) {
    for (key, value) in values {
        if *value == 0 {
            problems.push(Problem::at(item.value(key), format!("`{key}` is at least 1")));
        }
    }
}
