//! One `[[process]]`.

use std::collections::HashSet;

use jiff::{Timestamp, tz::TimeZone};

use super::check_backoff;
use crate::{
    config::{problem::Problem, process::Process, tree::Item, wording},
    core::schedule::Schedule,
};

/// `sound` are the texts of `cron` that were found to be right before: many processes share a few,
/// and reading them is most of the work.
pub(super) fn check<'c>(
    process: &'c Process,
    item: &Item<'_>,
    sound: &mut HashSet<&'c str>,
    problems: &mut Vec<Problem>,
) {
    check_name(process, item, problems);
    check_argv(process, item, problems);
    check_cron(process, item, sound, problems);
    check_timezone(process, item, problems);
    if let Some(cwd) = &process.cwd {
        text("cwd", &cwd.to_string_lossy(), item, problems);
    }
    if let Some(env) = item.child("env") {
        for (name, value) in &process.env {
            if value.contains('\0') {
                let message = "a variable can't hold a NUL character";
                problems.push(Problem::at(env.value(name), message));
            }
        }
    }
    if let (Some(backoff), Some(item)) = (process.backoff, item.child("backoff")) {
        check_backoff(backoff, &item, problems);
    }
    if let (Some(probe), Some(item)) = (&process.probe, item.child("probe")) {
        super::probe::check(probe, &item, problems);
    }
    if process.log.max_size.0 == 0
        && let Some(log) = item.child("log")
    {
        problems.push(Problem::at(log.value("max_size"), "`max_size` is at least 1 byte"));
    }
}

fn check_name(process: &Process, item: &Item<'_>, problems: &mut Vec<Problem>) {
    let name = process.name.as_str();
    let why = if name == "all" {
        "`all` means every process to PM2"
    } else if name.bytes().all(|b| b.is_ascii_digit()) {
        "a number means a process id to PM2"
    } else {
        return;
    };
    let problem =
        Problem::at(item.value("name"), format!("a process can't be called `{name}`: {why}"));
    problems.push(problem.help(format!("call it something like `job-{name}`")));
}

fn check_argv(process: &Process, item: &Item<'_>, problems: &mut Vec<Problem>) {
    let script = item.key("script").is_some();
    match (item.has("command"), item.has("script")) {
        (true, true) => {
            let message = "`command` and `script` are both given, and only one of them can run";
            let at = item.key("script").unwrap_or_else(|| item.span());
            let problem = Problem::at(at, message).help("keep one of them");
            problems.push(match item.key("command") {
                Some(command) => problem.related(command, "`command` is here"),
                None => problem,
            });
        }
        (false, false) => {
            let message =
                "the process has neither `command` nor `script`: nothing says what to run";
            let help = "write `command = [\"PROGRAM\", \"ARGUMENT\"]` or `script = \"FILE\"`";
            problems.push(Problem::at(item.span(), message).help(help));
        }
        (true, false) | (false, true) => {}
    }
    for key in ["args", "interpreter"] {
        if let Some(at) = item.key(key)
            && !item.has("script")
        {
            let message = format!("`{key}` goes with `script`, and there is none");
            let help = "with `command`, the arguments follow the program in its list";
            problems.push(Problem::at(at, message).help(help));
        }
    }
    if item.key("command").is_some() {
        match process.command.first() {
            None => problems.push(
                Problem::at(
                    item.value("command"),
                    "`command` is empty: there is no program to run",
                )
                .help("write the program and its arguments: `command = [\"sleep\", \"60\"]`"),
            ),
            Some(program) if program.trim().is_empty() => problems.push(Problem::at(
                item.element("command", 0),
                "the first item of `command` is the program, and it is empty",
            )),
            Some(_) => {}
        }
    }
    if script {
        text("script", process.script.as_deref().unwrap_or_default(), item, problems);
    }
    if let Some(interpreter) = &process.interpreter {
        text("interpreter", interpreter, item, problems);
    }
    for (key, items) in [("command", &process.command), ("args", &process.args)] {
        for (index, _) in items.iter().enumerate().filter(|(_, it)| it.contains('\0')) {
            let message = "an argument can't hold a NUL character";
            problems.push(Problem::at(item.element(key, index), message));
        }
    }
}

fn text(key: &str, value: &str, item: &Item<'_>, problems: &mut Vec<Problem>) {
    let why = if value.trim().is_empty() {
        "is empty"
    } else if value.contains('\0') {
        "holds a NUL character"
    } else {
        return;
    };
    problems.push(Problem::at(item.value(key), format!("`{key}` {why}")));
}

fn check_cron<'c>(
    process: &'c Process,
    item: &Item<'_>,
    sound: &mut HashSet<&'c str>,
    problems: &mut Vec<Problem>,
) {
    let Some(cron) = process.cron.as_deref().filter(|it| !sound.contains(it)) else { return };
    let message = match cron.parse::<Schedule>() {
        Err(error) => format!("`cron` can't be read: {}", plain(&error.to_string())),
        Ok(schedule) if schedule.next_after(Timestamp::UNIX_EPOCH).is_none() => {
            "this time never comes".to_owned()
        }
        Ok(_) => {
            sound.insert(cron);
            return;
        }
    };
    let help = "five fields: minute, hour, day, month, weekday; like `*/15 * * * *`";
    problems.push(Problem::at(item.value("cron"), message).help(help));
}

fn check_timezone(process: &Process, item: &Item<'_>, problems: &mut Vec<Problem>) {
    let Some(zone) = &process.timezone else { return };
    if TimeZone::get(zone).is_err() {
        problems.push(unknown_zone(zone, item));
    }
    if !item.has("cron") {
        let at = item.key("timezone").unwrap_or_else(|| item.span());
        let message = "`timezone` is the zone of `cron`, and there is no `cron`";
        problems.push(Problem::at(at, message));
    }
}

fn unknown_zone(zone: &str, item: &Item<'_>) -> Problem {
    let known: Vec<String> = jiff::tz::db().available().map(|it| it.to_string()).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let problem =
        Problem::at(item.value("timezone"), format!("unknown time zone {}", wording::quoted(zone)));
    if known.is_empty() {
        return problem.help("this machine has no time zones: install its `tzdata` package");
    }
    match wording::nearest(zone, &known) {
        Some(name) => problem.help(format!("did you mean \"{name}\"?")),
        None => problem.help("write it as \"Area/City\", like \"Europe/Berlin\", or \"UTC\""),
    }
}

/// What the cron parser says, without its name for the kind of error.
fn plain(said: &str) -> String {
    let said = said.rsplit_once(": ").map_or(said, |(_, rest)| rest);
    let mut chars = said.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
