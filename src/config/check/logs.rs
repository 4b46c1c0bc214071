//! `[logs]`, and the processes whose output would go into the same files.

use bytesize::ByteSize;

use super::at_least;
use crate::config::{
    logs::{self, LONGEST_LINE},
    model::{Config, Runner},
    problem::Problem,
    tree::Item,
    units::{Span, exact_size},
};

pub(super) fn check(config: &Config, root: &Item<'_>, problems: &mut Vec<Problem>) {
    if let Some(item) = root.child("logs") {
        let it = &config.logs;
        at_least(Span::secs(1), ("max_age", it.max_age), &item, problems);
        if it.max_size < ByteSize(LONGEST_LINE) {
            let message = "`max_size` is at least `16KiB`: the longest line has to fit";
            problems.push(Problem::at(item.value("max_size"), message));
        } else if it.max_total.0 / 4 < it.max_size.0 {
            let key = if item.has("max_total") { "max_total" } else { "max_size" };
            let message = format!(
                "`max_total` ({}) is less than four times `max_size` ({}), and there are four logs",
                exact_size(it.max_total.0),
                exact_size(it.max_size.0)
            );
            problems.push(Problem::at(item.value(key), message));
        }
    }
    for (process, item) in config.process.iter().zip(root.children("process")) {
        let here = process.runner() == Runner::Embedded || config.pm2.fall_back_to_embedded;
        let name = process.name.as_str();
        if here && logs::is_taken(name) {
            let message = format!(
                "a process that this tool runs can't be called `{name}`: its output would go to \
                 `{name}.log`, which is a log of this tool"
            );
            let problem = Problem::at(item.value("name"), message);
            problems.push(problem.help(format!("call it something like `job-{name}`")));
        }
    }
}
