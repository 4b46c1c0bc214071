//! `[[function]]`: what its keys have to hold.

use super::{at_least, function_test, sections};
use crate::config::{model::Function, problem::Problem, tree::Item, units::Span};

pub(super) fn check(function: &Function, item: &Item<'_>, problems: &mut Vec<Problem>) {
    sections::check_patterns(&function.backs_up, item, problems);
    if let Some((test, item)) = function.test.as_ref().zip(item.child("test")) {
        function_test::check(test, &item, problems);
    }
    let (Some(probe), Some(item)) = (&function.probe, item.child("probe")) else { return };
    for timed in [("every", probe.every), ("timeout", probe.timeout)] {
        at_least(Span::secs(1), timed, &item, problems);
    }
    if probe.path.as_ref().is_some_and(|it| !it.starts_with('/') || it.starts_with("//")) {
        let message = "`path` is a path on the site, and begins with one `/`";
        problems.push(Problem::at(item.value("path"), message));
    }
    if probe.expect_status.is_some_and(|it| !(100..600).contains(&it)) {
        let message = "the status of an answer is a number from 100 to 599";
        problems.push(Problem::at(item.value("expect_status"), message));
    }
}
