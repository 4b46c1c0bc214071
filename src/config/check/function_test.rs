//! `test` of one `[[function]]`.

use crate::config::{model::FunctionTest, problem::Problem, tree::Item};

pub(super) fn check(test: &FunctionTest, item: &Item<'_>, problems: &mut Vec<Problem>) {
    let mut wrong = |key: &str, message: &str, help: &str| {
        problems.push(Problem::at(item.value(key), message.to_owned()).help(help));
    };
    let method = test.method.as_deref().unwrap_or("GET");
    if method.is_empty() || !method.bytes().all(|it| it.is_ascii_uppercase()) {
        wrong("method", "this is no method", "like \"GET\" or \"POST\"");
    }
    if test.body.is_some() && matches!(method, "GET" | "HEAD") {
        wrong("body", "a GET has no body", "set `method = \"POST\"` beside it");
    }
    if !test.path.as_deref().unwrap_or("/").starts_with('/') {
        wrong("path", "a path begins with `/`", "like \"/api/mail?to=x\"");
    }
    if !(200..600).contains(&test.status.unwrap_or(200)) {
        wrong("status", "this is no status of an answer", "a number from 200 to 599");
    }
    let is_plain = |it: &str| !it.is_empty() && !it.contains(['=', '\0']);
    if !test.env.iter().all(|(name, value)| is_plain(name) && !value.contains('\0')) {
        let help = "a name is not empty and has no `=`";
        wrong("env", "this is no environment", help);
    }
    if let Some(timeout) = test.timeout {
        let least = crate::config::units::Span::millis(100);
        super::at_least(least, ("timeout", timeout), item, problems);
    }
}
