//! Which process backs up which: names that are there twice, chains and circles.

use std::collections::HashMap;

use crate::config::{
    problem::Problem,
    process::{Process, Runner},
    tree::Item,
    wording,
};

pub(super) fn check(processes: &[Process], items: &[Item<'_>], problems: &mut Vec<Problem>) {
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    for (index, process) in processes.iter().enumerate() {
        if let Some(&first) = by_name.get(process.name.as_str()) {
            let message = format!("there are two processes called `{}`", process.name);
            problems.push(
                Problem::at(items[index].value("name"), message)
                    .help("give one of them another name")
                    .related(items[first].value("name"), "the first one"),
            );
        } else {
            by_name.insert(process.name.as_str(), index);
        }
    }
    let targets: Vec<Option<usize>> = processes
        .iter()
        .zip(items)
        .map(|(process, item)| {
            let target = process.backs_up.as_deref()?;
            find(target, processes, &by_name).unwrap_or_else(|problem| {
                problems.push(Problem { span: Some(item.value("backs_up")), ..problem });
                None
            })
        })
        .collect();
    for (index, target) in targets.iter().enumerate() {
        let Some(target) = *target else { continue };
        let (name, primary) = (&processes[index].name, &processes[target].name);
        let at = items[index].value("backs_up");
        let problem = if target == index {
            let problem = Problem::at(at, format!("`{name}` backs up itself"));
            match processes[index].runner() {
                Runner::Embedded => problem.help(format!(
                    "if the primary is a process of PM2, write it as \"pm2/{name}\""
                )),
                Runner::Pm2 => problem.help("name the process that it stands in for"),
            }
        } else if circle_from(index, &targets).is_some_and(|circle| circle.contains(&target)) {
            Problem::at(at, format!("`{name}` and `{primary}` back up each other in a circle"))
                .related(items[target].value("backs_up"), "the circle goes on here")
                .help("a primary backs up nothing: take `backs_up` out of it")
        } else if targets[target].is_some() || processes[target].backs_up.is_some() {
            Problem::at(at, format!("`{name}` backs up `{primary}`, which is a backup itself"))
                .related(items[target].value("backs_up"), format!("`{primary}` is a backup here"))
                .help("a backup has no backup: let both back up the same primary")
        } else {
            continue;
        };
        problems.push(problem);
    }
}

/// The process of this file that `target` means; none when it is one of PM2 that exists already.
fn find(
    target: &str,
    processes: &[Process],
    by_name: &HashMap<&str, usize>,
) -> Result<Option<usize>, Problem> {
    if target.trim().is_empty() {
        return Err(
            Problem::whole("`backs_up` is empty").help("leave it out when there is no primary")
        );
    }
    if target.chars().any(char::is_control) {
        return Err(Problem::whole("`backs_up` holds a control character, which no name can"));
    }
    let (runner, name) = match target.split_once('/') {
        Some(("embedded", name)) => (Some(Runner::Embedded), name),
        Some(("pm2", name)) => (Some(Runner::Pm2), name),
        Some((place @ ("github" | "netlify"), _)) => {
            let table = if place == "github" { "[[workflow]]" } else { "[[function]]" };
            return Err(Problem::whole("a process can't back up what is no process")
                .help(format!("`{table}` gives it a backup")));
        }
        _ => (None, target),
    };
    if name.trim().is_empty() {
        return Err(Problem::whole(format!("`backs_up` names no process: {target:?}"))
            .help("the name follows the `/`, like \"pm2/worker\""));
    }
    let found = by_name.get(name).copied();
    let found = found.filter(|&it| runner.is_none_or(|runner| processes[it].runner() == runner));
    if found.is_none() && runner == Some(Runner::Embedded) {
        let problem = Problem::whole(format!("no process that this tool runs is called {name:?}"));
        let embedded = processes.iter().filter(|it| it.runner() == Runner::Embedded);
        let known: Vec<&str> = embedded.map(|it| it.name.as_str()).collect();
        return Err(match wording::nearest(name, &known) {
            Some(name) => problem.help(format!("did you mean \"embedded/{name}\"?")),
            None => problem.help("add a `[[process]]` with that name"),
        });
    }
    Ok(found)
}

/// The members of the circle that `start` is in, if it is in one.
fn circle_from(start: usize, targets: &[Option<usize>]) -> Option<Vec<usize>> {
    let mut circle = vec![start];
    let mut at = targets[start]?;
    while at != start {
        if circle.contains(&at) {
            return None;
        }
        circle.push(at);
        at = targets[at]?;
    }
    Some(circle)
}
