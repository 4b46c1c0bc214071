//! `[[function]]`: what its keys have to hold.

use super::{at_least, function_test, sections};
use crate::config::{
    model::{Function, Router},
    problem::Problem,
    tree::Item,
    units::Span,
};

pub(super) fn check(function: &Function, item: &Item<'_>, problems: &mut Vec<Problem>) {
    sections::check_patterns(&function.backs_up, item, problems);
    if let Some((test, item)) = function.test.as_ref().zip(item.child("test")) {
        function_test::check(test, &item, problems);
    }
    route(function, item, problems);
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

/// What `route` has to hold: where the callers of a function, and nobody else, come in.
fn route(function: &Function, item: &Item<'_>, problems: &mut Vec<Problem>) {
    let mut problem = |key: &str, message: &str| {
        problems.push(Problem::at(item.value(key), message));
    };
    let route = match (function.router, &function.route) {
        (Router::None | Router::Edge, None) => return,
        (Router::None | Router::Edge, Some(_)) => {
            return problem("route", "`route` has no effect without `router = \"redirect\"`");
        }
        (Router::Redirect, None) => {
            let message = "this router needs a `route`, like `route = \"/api/NAME\"`";
            return problem("router", message);
        }
        (Router::Redirect, Some(route)) => route,
    };
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "/-._~".contains(it);
    if !route.starts_with('/') || route.starts_with("//") {
        problem("route", "`route` is a path on the site, and begins with one `/`");
    } else if route.starts_with("/.netlify/") || route == "/.netlify" {
        problem("route", "what is below `/.netlify/` is Netlify's own, so a `route` is not");
    } else if !route.chars().all(is_plain) {
        problem("route", "a `route` has letters, digits, `/`, `-`, `.`, `_` and `~` alone");
    } else if !route.contains("NAME") && !is_about_one(function) {
        problem("route", "several functions can't have one `route`; write `NAME` into it");
    }
    let asked = function.probe.as_ref().and_then(|it| it.path.as_deref());
    if asked.is_some_and(|it| it.trim_end_matches('/') == route.trim_end_matches('/')) {
        let message = "the probe asks at the `route`, behind which is whoever is on duty; leave out its \
                       `path`";
        problem("probe", message);
    }
}

/// Whether the table is about one function, by its full name.
fn is_about_one(function: &Function) -> bool {
    let mut texts = function.backs_up.texts();
    let plain = |it: &str| !it.contains(['*', '?', '[', ']', '{', '}', '\\']);
    texts.next().is_some_and(plain) && texts.next().is_none()
}
