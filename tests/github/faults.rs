//! What can come in place of an answer. Each of these is an error that says what came, within bounds
//! of time and memory, and without the token.

use std::{collections::BTreeMap, time::Duration};

use redundancy::provider::github::api::{Client, Error, Pace, Token};

use crate::{
    PACE, TOKEN, client, client_at, client_with,
    fake::{Fake, Fault},
    run, told,
};

/// As much as the kernel may take for a reader that has gone away, and what the reader took.
const BOUNDED: u64 = 64 << 20;

/// Time that a fault may take which would never end by itself.
const SHORT: Pace = Pace { whole: Duration::from_secs(1), ..PACE };

/// What a call says that meets `fault`, and whether it may fare better next time.
fn with(fault: &Fault, pace: Pace) -> (String, bool, u64) {
    let fake = Fake::start();
    fake.world().fail(1, fault);
    let client = client_at(&fake.url(), pace);
    let error = run(client.workflows()).unwrap_err();
    let told = told(&error);
    assert!(told.starts_with("cannot list the workflows of team/app: "), "{told}");
    // One broken answer has no consequences for the next.
    if error.is_passing() {
        run(client_at(&fake.url(), PACE).workflows()).unwrap();
    }
    (told, error.is_passing(), fake.sent())
}

#[track_caller]
fn passes(fault: &Fault, says: &str) {
    let (told, passing, sent) = with(fault, PACE);
    assert!(passing && told.contains(says), "{told}");
    assert!(sent < BOUNDED);
}

#[track_caller]
fn stays(fault: &Fault, says: &str) {
    let (told, passing, _) = with(fault, PACE);
    assert!(!passing && told.contains(says), "{told}");
}

#[test]
fn what_github_refuses_says_what_to_do() {
    stays(&Fault::said(401, "Bad credentials"), "does not accept the token (Bad credentials)");
    let forbidden = Fault::said(403, "Resource not accessible by personal access token");
    stays(&forbidden, "it needs the permission Actions: read");
    stays(&Fault::said(403, "Repository was archived so is read-only."), "archived");
    stays(&Fault::said(404, "Not Found"), "no such thing, or the token may not see it");
    stays(&Fault::said(410, "Gone for good"), "does not answer this any more (410: Gone for good)");
    stays(&Fault::said(422, "Validation Failed"), "refuses it (422: Validation Failed)");
    stays(&Fault::said(451, "Not here"), "refuses it (451: Not here)");
}

#[test]
fn a_broken_service_passes() {
    for status in [500, 502, 503, 504, 409, 408] {
        let page = "<html>Unicorn!</html>".to_owned();
        passes(&Fault::Status(status, "", page), &format!("it answers {status} ("));
    }
}

#[test]
fn what_is_no_answer_of_githubs_passes() {
    let html = "200 with text/html: <!DOCTYPE html> <html><head><title>Please log in";
    passes(&Fault::html(), html);
    let json = "content-type: application/json\r\n";
    let garbage = "\u{0}\u{1b}[2J\u{7}\u{202e}{{{".to_owned();
    passes(&Fault::Status(200, json, garbage), "application/json: ??[2J??{{{");
    passes(&Fault::Status(200, json, String::new()), "200 with nothing");
    passes(&Fault::Status(200, json, "{}".to_owned()), "200 with application/json: {}");
    passes(&Fault::Status(200, json, "[".repeat(1 << 20)), "is not what GitHub answers");
    passes(&Fault::Status(304, "", String::new()), "it answers 304");
    passes(&Fault::Half, "broke off after 33 bytes");
    passes(&Fault::Reset, "no answer from 127.0.0.1");
}

#[test]
fn a_body_without_end_and_one_that_unpacks_to_gigabytes_are_not_read() {
    passes(&Fault::Endless, "more than 8 MiB");
    passes(&Fault::EndlessHead, "no answer from 127.0.0.1");
    passes(&Fault::Bomb, "packed");
}

#[test]
fn what_takes_for_ever_ends_in_time() {
    let (told, passing, _) = with(&Fault::Silence, SHORT);
    assert!(passing && told.contains("no whole answer within 1s"), "{told}");
    let (told, passing, sent) = with(&Fault::Drip(Duration::from_millis(100)), SHORT);
    assert!(passing && told.contains("no whole answer within 1s"), "{told}");
    assert!(sent < 10_000, "{sent}");
}

#[test]
fn nobody_there_passes() {
    let error = run(client("http://127.0.0.1:1").workflows()).unwrap_err();
    assert!(error.is_passing());
    assert!(told(&error).contains("cannot connect to 127.0.0.1: Connection refused"), "{error}");
}

fn redirect(status: u16, to: &str) -> Fault {
    let headers = format!("location: {to}\r\n");
    Fault::Status(status, headers.leak(), String::new())
}

#[test]
fn a_redirect_is_followed_where_the_token_belongs() {
    let fake = Fake::start();
    let moved = "/repos/team/app/actions/workflows?per_page=100";
    for status in [301, 302, 307, 308] {
        fake.world().fail(1, &redirect(status, moved));
        assert!(run(client(&fake.url()).workflows()).unwrap().complete);
    }
    // What changes something is done again as it was.
    let id = fake.world().add_workflow("Nightly", ".github/workflows/nightly.yml");
    let place = format!("/repos/team/app/actions/workflows/{id}/dispatches");
    let client = client(&fake.url());
    let workflow = run(client.workflows()).unwrap().items[0].id;
    fake.world().fail(1, &redirect(307, &place));
    run(client.dispatch(workflow, "main", &BTreeMap::new())).unwrap();
    assert_eq!(fake.world().runs.len(), 1);
}

#[test]
fn a_redirect_to_another_host_gets_no_token() {
    let (fake, other) = (Fake::start(), Fake::start());
    for place in [other.url(), "https://example.com/".to_owned(), "ftp://example.com".to_owned()] {
        fake.world().fail(1, &redirect(302, &place));
        let error = run(client(&fake.url()).workflows()).unwrap_err();
        assert!(error.is_passing());
        assert!(told(&error).contains("another host"), "{error}");
    }
    assert_eq!(other.world().requests.len(), 0);
}

#[test]
fn redirects_in_a_circle_end() {
    let fake = Fake::start();
    fake.world().fail(100, &redirect(302, "/round"));
    let error = run(client(&fake.url()).workflows()).unwrap_err();
    assert!(error.is_passing() && told(&error).contains("again and again"), "{error}");
    assert_eq!(fake.world().requests.len(), 6);
}

#[test]
fn a_next_page_at_another_host_is_not_asked_for() {
    let (fake, other) = (Fake::start(), Fake::start());
    {
        let mut world = fake.world();
        world.page = 1;
        world.public = other.url();
        world.add_workflow("A", "a.yml");
        world.add_workflow("B", "b.yml");
    }
    let error = run(client(&fake.url()).workflows()).unwrap_err();
    assert!(told(&error).contains("another host"), "{error}");
    assert_eq!(other.world().requests.len(), 0);
}

#[test]
fn a_token_that_comes_back_in_an_answer_is_not_shown() {
    let echo = |status: u16, kind: &'static str, text: String| {
        let (told, ..) = with(&Fault::Status(status, kind, text), PACE);
        assert!(told.contains("(hidden)"), "{told}");
    };
    let json = "content-type: application/json\r\n";
    echo(422, json, format!(r#"{{"message": "no: {TOKEN}", "errors": ["{TOKEN}"]}}"#));
    echo(401, json, format!(r#"{{"message": "{TOKEN}"}}"#));
    echo(500, "", format!("<html>Bearer {TOKEN}"));
    echo(200, "", format!("<html>Bearer {TOKEN}"));
    // Where what is shown, or looked at, would end within it.
    echo(200, "", format!("{}{TOKEN}", "x".repeat(60)));
    for blanks in (0..1500).step_by(15) {
        let text = format!("x{}{TOKEN}", " ".repeat(blanks));
        with(&Fault::Status(200, "", text), PACE);
    }
    let kind: &str = format!("content-type: {TOKEN}\r\n").leak();
    echo(200, kind, "x".to_owned());
    let needs: &str = format!("x-accepted-github-permissions: {TOKEN}\r\n").leak();
    echo(403, needs, String::new());
}

#[test]
fn without_a_token_nothing_is_sent() {
    let fake = Fake::start();
    let client = Client::at_pace(&fake.url(), None, "team/app".parse().unwrap(), PACE).unwrap();
    let error = run(client.workflows()).unwrap_err();
    assert!(matches!(error, Error::NoToken { .. }) && !error.is_passing());
    assert!(told(&error).contains("`token_env`"), "{error}");
    assert_eq!(fake.world().requests.len(), 0);
}

#[test]
fn a_token_that_may_not_is_told_what_it_needs() {
    let fake = Fake::start();
    let weak = TOKEN.replace("ghp_", "gho_");
    fake.world().allow(&weak, &["metadata:read", "actions:read"]);
    let workflow = fake.world().add_workflow("Nightly", ".github/workflows/nightly.yml");
    let client = client_with(&fake.url(), &weak, PACE);
    let id = run(client.workflows()).unwrap().items[0].id;
    let error = run(client.dispatch(id, "main", &BTreeMap::new())).unwrap_err();
    let told = told(&error);
    assert!(told.contains("Actions: write") && told.contains("actions=write"), "{told}");
    assert_eq!(id.0, workflow);

    let unknown = client_with(&fake.url(), &TOKEN.replace("ghp_", "ghs_"), PACE);
    assert!(matches!(run(unknown.about()), Err(Error::BadToken { .. })));
    assert!(!format!("{client:?} {unknown:?}").contains(&TOKEN[4..]));
}

#[test]
fn enterprise_is_asked_for_no_more_than_it_knows() {
    let fake = Fake::start();
    fake.world().enterprise = true;
    fake.world().hour = None;
    fake.world().add_workflow("Nightly", ".github/workflows/nightly.yml");
    for base in ["/api/v3", "/api/v3/"] {
        let client = client(&format!("{}{base}", fake.url()));
        let id = run(client.workflows()).unwrap().items[0].id;
        assert_eq!(run(client.dispatch(id, "main", &BTreeMap::new())).unwrap(), None);
    }
}

#[test]
fn each_request_says_who_asks_and_what_is_spoken() {
    let fake = Fake::start();
    run(client(&fake.url()).about()).unwrap();
    let headers = fake.world().requests[0].headers.clone();
    assert_eq!(headers["x-github-api-version"], "2022-11-28");
    assert_eq!(headers["accept"], "application/vnd.github+json");
    assert_eq!(headers["user-agent"], concat!("redundancy/", env!("CARGO_PKG_VERSION")));
    assert!(!headers.contains_key("accept-encoding"));
}

#[test]
fn an_address_that_would_give_the_token_away_is_refused() {
    let token = || Some(Token::new(TOKEN).unwrap());
    for url in ["http://example.com", "https://user:ghp_x@example.com", "nonsense"] {
        let error = Client::new(url, token(), "team/app".parse().unwrap()).unwrap_err();
        assert!(!told(&error).contains("ghp_"), "{error}");
    }
}
