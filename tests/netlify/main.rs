//! The client for Netlify's API, the watching of a site and its deploys: through Netlify's published
//! description of it, against a Netlify that remembers, and against what can come in place of an
//! answer.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
// What a failed test tells is read by people.
#![allow(clippy::print_stderr)]

#[path = "../parts/calls.rs"]
mod calls;
mod contract;
mod deploying;
mod fake;
mod faults;
#[path = "../parts/mod.rs"]
mod parts;
#[path = "../parts/prism.rs"]
mod prism;
#[path = "../cli/project.rs"]
#[allow(dead_code)]
mod project;
mod recovery;
mod routing;
#[path = "../parts/watch.rs"]
mod running;
mod scene;
#[path = "../parts/server/mod.rs"]
mod server;
#[path = "../parts/wait.rs"]
mod wait;
mod watching;

use redundancy::provider::netlify::api::{Client, Error, Pace, Token};

use calls::{PACE, run};
use fake::{SITE, TOKEN};

fn client_at(url: &str, pace: Pace) -> Client {
    Client::at_pace(url, Some(Token::new(TOKEN).unwrap()), SITE.parse().unwrap(), pace).unwrap()
}

/// An error in all the ways in which it can be shown. In none is there the token.
fn told(error: &Error) -> String {
    let shown = error.to_string();
    let provider = redundancy::provider::Error::from(error.clone());
    without_token(&format!("{shown}\n{error:?}\n{provider:?}"));
    shown
}

/// Fails where there is a token, or a piece of one, in `text`, or the secret of the build hook.
#[track_caller]
fn without_token(text: &str) {
    calls::without(TOKEN, text);
    assert!(!text.contains(fake::HOOK), "the build hook is in {text}");
}
