//! The tables that are there once, and what workflows and functions have in common.

use std::path::{Component, Path};

use super::at_least;
use crate::{
    config::{model::Config, patterns::Patterns, problem::Problem, tree::Item, units::Span},
    core::repository::Repository,
};

pub(super) fn check(config: &Config, root: &Item<'_>, problems: &mut Vec<Problem>) {
    if let Some(item) = root.child("controller") {
        let it = &config.controller;
        inside_project("log_dir", &it.log_dir, &item, problems);
        inside_project("state_dir", &it.state_dir, &item, problems);
        for timed in [
            ("look_every", it.look_every),
            ("history_for", it.history_for),
            ("system_check_every", it.system_check_every),
            ("report_every", it.report_every),
        ] {
            at_least(Span::secs(1), timed, &item, problems);
        }
        if !(0.0..=1.0).contains(&it.emergency_below) {
            let message = "`emergency_below` is a share, from 0 to 1";
            let problem = Problem::at(item.value("emergency_below"), message);
            problems.push(if (1.0..=100.0).contains(&it.emergency_below) {
                problem.help(format!("{} % is {}", it.emergency_below, it.emergency_below / 100.0))
            } else {
                problem
            });
        }
    }
    if let (Some(item), Some(socket)) = (root.child("metrics"), &config.metrics.socket) {
        inside_project("socket", socket, &item, problems);
    }
    if let Some(item) = root.child("github") {
        inside_project("workflows_dir", &config.github.workflows_dir, &item, problems);
        variable("token_env", &config.github.token_env, &item, problems);
        repository(config.github.repository.as_deref(), &item, problems);
        at_least(Span::secs(1), ("poll_every", config.github.poll_every), &item, problems);
    }
    if let Some(item) = root.child("update") {
        repository(config.update.repository.as_deref(), &item, problems);
        if let Some(name) = &config.update.token_env {
            variable("token_env", name, &item, problems);
        }
        let it = &config.update;
        if it.automatic && it.repository.is_none() {
            let message = "nobody knows where newer versions are";
            let help = "give `repository = \"owner/name\"` too, the repository on GitHub whose releases they are";
            problems.push(Problem::at(item.value("automatic"), message).help(help));
        }
        at_least(Span::secs(60), ("check_every", it.check_every), &item, problems);
        at_least(Span::secs(1), ("trial", it.trial), &item, problems);
    }
    if let Some(item) = root.child("netlify") {
        if let Some(folder) = &config.netlify.functions_dir {
            inside_project("functions_dir", folder, &item, problems);
        }
        variable("token_env", &config.netlify.token_env, &item, problems);
        variable("hook_env", &config.netlify.hook_env, &item, problems);
        for timed in [
            ("poll_every", config.netlify.poll_every),
            ("restore_after", config.netlify.restore_after),
            ("deploy_timeout", config.netlify.deploy_timeout),
        ] {
            at_least(Span::secs(1), timed, &item, problems);
        }
    }
}

fn repository(named: Option<&str>, item: &Item<'_>, problems: &mut Vec<Problem>) {
    if let Some(Err(wrong)) = named.map(str::parse::<Repository>) {
        let message = format!("`repository` is {wrong}");
        problems.push(Problem::at(item.value("repository"), message));
    }
}

fn inside_project(key: &str, path: &Path, item: &Item<'_>, problems: &mut Vec<Problem>) {
    if let Some(why) = not_inside_project(path) {
        let help = "write it relative to the folder of this file, like `automation/logs`";
        problems.push(Problem::at(item.value(key), format!("`{key}` {why}")).help(help));
    }
}

/// Why `path` is nothing inside the project, if it is not.
pub(in crate::config) fn not_inside_project(path: &Path) -> Option<&'static str> {
    if path.as_os_str().is_empty() {
        return Some("is empty");
    }
    if path.to_string_lossy().contains('\0') {
        return Some("holds a NUL character, which no path can");
    }
    let mut depth = 0u32;
    for component in path.components() {
        match component {
            Component::Prefix(_) | Component::RootDir => {
                return Some("is absolute, and has to be inside the project");
            }
            Component::CurDir => {}
            Component::Normal(_) => depth += 1,
            Component::ParentDir => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return Some("leads out of the project"),
            },
        }
    }
    None
}

pub(super) fn variable(key: &str, name: &str, item: &Item<'_>, problems: &mut Vec<Problem>) {
    if let Some(why) = no_variable_name(name) {
        let message = format!("`{key}` is the name of an environment variable, and {why}");
        problems.push(Problem::at(item.value(key), message));
    }
}

/// Why `name` can't be the name of an environment variable, if it can't.
pub(super) fn no_variable_name(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        _ if name.contains('=') => Some("it holds a `=`"),
        _ if name.contains('\0') => Some("it holds a NUL character"),
        _ => None,
    }
}

pub(super) fn check_patterns(backs_up: &Patterns, item: &Item<'_>, problems: &mut Vec<Problem>) {
    if backs_up.is_empty() {
        let message = "`backs_up` is empty, so nothing would get a backup";
        problems
            .push(Problem::at(item.value("backs_up"), message).help("for all: `backs_up = \"*\"`"));
    }
    for text in backs_up.texts().filter(|it| it.contains('/')) {
        let message = format!("`{text}` is a path, and names are looked for here");
        let name = text.rsplit('/').next().unwrap_or_default();
        problems.push(
            Problem::at(item.value("backs_up"), message)
                .help(format!("without its folder: `{name}`")),
        );
    }
}
