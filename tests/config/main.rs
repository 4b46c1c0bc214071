//! redundancy.toml as its writer meets it: what is taken, what is refused, and with which words.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod documents;
mod functions;
mod init;
mod loading;
mod processes;
mod refusals;
mod rendering;
mod schema;
mod workflows;

use redundancy::config::{Problem, parse, problem::position};

/// What is wrong with `text`: a line for each problem, `LINE:COLUMN MESSAGE (HELP)`.
fn wrong(text: &str) -> String {
    let problems = parse(text).expect_err("the text has problems");
    problems.iter().map(|problem| line(text, problem)).collect::<Vec<_>>().join("\n")
}

fn line(text: &str, problem: &Problem) -> String {
    let place = match &problem.span {
        Some(span) => {
            let (line, column) = position(text, span.start);
            format!("{line}:{column}")
        }
        None => "whole".to_owned(),
    };
    let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{place} {}{help}", problem.message)
}
