//! `[alerts]` and its sinks.

use std::collections::HashSet;

use super::{at_least, sections::variable};
use crate::config::{
    alerts::{Sink, SinkKind},
    model::Config,
    problem::Problem,
    tree::Item,
    units::Span,
};

const MOST_TIME: Span = Span::secs(60);

pub(super) fn check(config: &Config, root: &Item<'_>, problems: &mut Vec<Problem>) {
    let Some(item) = root.child("alerts") else { return };
    let it = &config.alerts;
    at_least(Span::secs(60), ("remind_every", it.remind_every), &item, problems);
    if it.at_most == 0 {
        let message = "`at_most` is at least 1";
        let problem = Problem::at(item.value("at_most"), message);
        problems.push(problem.help("to tell nobody, leave the sinks out"));
    }
    if let Some(name) = &it.heartbeat_env {
        variable("heartbeat_env", name, &item, problems);
    }
    let mut names = HashSet::new();
    for (sink, item) in it.sink.iter().zip(item.children("sink")) {
        if !names.insert(sink.called().into_owned()) {
            let message = format!("there is another sink called `{}`", sink.called());
            let key = if sink.name.is_some() { "name" } else { "kind" };
            let problem = Problem::at(item.value(key), message);
            problems.push(problem.help("give it another `name`"));
        }
        check_sink(sink, &item, problems);
    }
}

fn check_sink(sink: &Sink, item: &Item<'_>, problems: &mut Vec<Problem>) {
    let kind = sink.kind.word();
    let is_command = sink.kind == SinkKind::Command;
    let mut wrong = |key: &str, message: String, help: &str| {
        let problem = Problem::at(item.value(key), message);
        problems.push(if help.is_empty() { problem } else { problem.help(help.to_owned()) });
    };
    if !is_command && !item.has("url_env") {
        let help = "it names the environment variable that holds the address, like `url_env = \
                    \"SLACK_WEBHOOK_URL\"`";
        wrong("kind", format!("a sink of the kind `{kind}` needs `url_env`"), help);
    }
    if is_command && sink.url_env.is_some() {
        wrong("url_env", "a sink of the kind `command` has no address".to_owned(), "");
    }
    if sink.kind != SinkKind::Webhook && sink.secret_env.is_some() {
        let message =
            format!("`secret_env` signs the messages of a webhook, and this is a `{kind}`");
        wrong("secret_env", message, "");
    }
    if !is_command && !sink.command.is_empty() {
        wrong("command", format!("a sink of the kind `{kind}` runs no command"), "");
    }
    if is_command && sink.command.first().is_none_or(String::is_empty) {
        let help = "like `command = [\"notify-send\", \"redundancy\"]`";
        wrong("command", "`command` names no program".to_owned(), help);
    }
    if sink.command.iter().any(|it| it.contains('\0')) {
        wrong("command", "`command` holds a NUL character".to_owned(), "");
    }
    if sink.timeout > MOST_TIME {
        wrong("timeout", format!("`timeout` is at most `{MOST_TIME}`"), "");
    }
    at_least(Span::millis(100), ("timeout", sink.timeout), item, problems);
    for (key, name) in [("url_env", &sink.url_env), ("secret_env", &sink.secret_env)] {
        if let Some(name) = name {
            variable(key, name, item, problems);
        }
    }
}
