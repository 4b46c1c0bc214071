//! The client for GitHub's API: through GitHub's published description of it, against a GitHub that
//! remembers, and against everything that can come in place of an answer.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
// What a failed test tells is read by people.
#![allow(clippy::print_stderr)]

#[path = "../parts/calls.rs"]
mod calls;
mod contract;
mod fake;
mod faults;
mod https;
mod kept;
mod limits;
#[path = "../parts/mod.rs"]
mod parts;
#[path = "../parts/prism.rs"]
mod prism;
#[path = "../cli/project.rs"]
#[allow(dead_code)]
mod project;
mod proposals;
mod pull_request;
#[path = "../parts/watch.rs"]
mod running;
mod scene;
#[path = "../parts/server/mod.rs"]
mod server;
mod story;
#[path = "../parts/wait.rs"]
mod wait;
mod watching;

use redundancy::provider::github::api::{Client, Error, Pace, Token};

use calls::{PACE, run};
use fake::{Fake, TOKEN};
use prism::Prism;

/// A client with the token that may do everything.
fn client(url: &str) -> Client {
    client_at(url, PACE)
}

fn client_at(url: &str, pace: Pace) -> Client {
    client_with(url, TOKEN, pace)
}

fn client_with(url: &str, token: &str, pace: Pace) -> Client {
    let repository = "team/app".parse().unwrap();
    Client::at_pace(url, Some(Token::new(token).unwrap()), repository, pace).unwrap()
}

/// An error in all the ways in which it can be shown. In none is there a token, or a piece of one.
fn told(error: &Error) -> String {
    let shown = error.to_string();
    let provider = redundancy::provider::Error::from(error.clone());
    let all = format!("{shown}\n{error:?}\n{error:#?}\n{provider}\n{provider:?}");
    calls::without(TOKEN, &all);
    shown
}

/// Prism before a fake, by what GitHub publishes.
fn prism_before(fake: &Fake) -> Prism {
    let prism = Prism::before(&fake.url(), include_str!("contract/github.json"));
    prism.url().clone_into(&mut fake.world().public);
    prism
}
