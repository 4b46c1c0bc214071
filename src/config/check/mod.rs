//! What the types can't say: the meaning of single values, and what one table means for another.

mod alerts;
mod backs_up;
pub(super) mod failover;
mod function;
mod function_test;
pub(crate) mod github_cron;
mod logs;
mod pm2_cron;
mod probe;
mod process;
mod runner;
mod sections;
mod workflow;

pub(super) use runner::unfit_variable;
pub(super) use sections::not_inside_project;

use std::collections::HashSet;

use super::{model::Config, problem::Problem, tree::Item, units::Span};

/// Adds what is wrong with `config`. `root` is the tree that it was made from.
pub(super) fn all(config: &Config, root: &Item<'_>, problems: &mut Vec<Problem>) {
    sections::check(config, root, problems);
    alerts::check(config, root, problems);
    logs::check(config, root, problems);
    let processes = root.children("process");
    let mut sound = HashSet::new();
    for (process, item) in config.process.iter().zip(&processes) {
        process::check(process, item, &mut sound, problems);
        runner::check(process, item, problems);
    }
    failover::check(config, root, problems);
    backs_up::check(&config.process, &processes, problems);
    for (workflow, item) in config.workflow.iter().zip(root.children("workflow")) {
        workflow::check(workflow, &item, problems);
    }
    for (function, item) in config.function.iter().zip(root.children("function")) {
        function::check(function, &item, problems);
    }
}

fn at_least(least: Span, (key, value): (&str, Span), item: &Item<'_>, problems: &mut Vec<Problem>) {
    if value < least {
        problems.push(Problem::at(item.value(key), format!("`{key}` is at least `{least}`")));
    }
}

fn check_backoff(backoff: super::model::Backoff, item: &Item<'_>, problems: &mut Vec<Problem>) {
    if !(backoff.factor.is_finite() && backoff.factor >= 1.0) {
        let message = "`factor` is a number of at least 1: a rest never gets shorter";
        problems.push(Problem::at(item.value("factor"), message));
    }
    if backoff.max < backoff.initial {
        let key = if item.has("max") { "max" } else { "initial" };
        let message = format!(
            "the longest rest, `max` ({}), is shorter than the first, `initial` ({})",
            backoff.max, backoff.initial
        );
        problems.push(Problem::at(item.value(key), message));
    }
}
