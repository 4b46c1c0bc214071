//! `probe` of one `[[process]]`.

use reqwest::Url;

use crate::config::{probe::Probe, problem::Problem, tree::Item, units::Span};

pub(super) fn check(probe: &Probe, item: &Item<'_>, problems: &mut Vec<Problem>) {
    let asks: Vec<&str> =
        ["http", "tcp", "command", "file"].into_iter().filter(|key| item.has(key)).collect();
    match asks.as_slice() {
        [_] => {}
        [] => problems.push(
            Problem::at(item.span(), "the probe asks nothing")
                .help("write one of `http`, `tcp`, `command` and `file`"),
        ),
        [_, second, ..] => {
            let at = item.key(second).unwrap_or_else(|| item.span());
            let message =
                format!("a probe asks one thing, and here are `{}`", asks.join("` and `"));
            problems.push(Problem::at(at, message));
        }
    }
    if let Some(address) = &probe.http
        && !Url::parse(address).is_ok_and(|it| it.scheme() == "http" && it.has_host())
    {
        let message = "this is no address that begins with `http://`";
        let help = "like \"http://127.0.0.1:3000/health\"";
        problems.push(Problem::at(item.value("http"), message).help(help));
    }
    if let Some(place) = &probe.tcp {
        let parts = place.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        if parts.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            let message = "this is no host and port";
            let problem = Problem::at(item.value("tcp"), message);
            problems.push(problem.help("like \"127.0.0.1:5432\""));
        }
    }
    if item.has("command") && probe.command.first().is_none_or(|it| it.trim().is_empty()) {
        problems.push(Problem::at(item.value("command"), "`command` names no program"));
    }
    if item.has("file") != item.has("max_age") {
        let message = "`file` and `max_age` belong together";
        let at = if item.has("file") { "file" } else { "max_age" };
        let help = "like `file = \"out/beat\", max_age = \"5m\"`";
        problems.push(Problem::at(item.value(at), message).help(help));
    }
    for (key, span) in [("every", probe.every), ("timeout", probe.timeout)] {
        super::at_least(Span::millis(100), (key, span), item, problems);
    }
}
