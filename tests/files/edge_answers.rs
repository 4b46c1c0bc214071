//! The edge function in front of a function: which requests it takes, whom it asks, and what it answers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    World,
    edge::{FILE, V1, V2, site},
    node,
};

/// What came of one request.
#[derive(Debug, Deserialize)]
struct Seen {
    answer: Option<Answer>,
    primary: Vec<Asked>,
    backup: Vec<Asked>,
    log: Vec<String>,
    config: Value,
}

#[derive(Debug, Deserialize)]
struct Answer {
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    threw: Option<String>,
}

/// What one of the two was asked.
#[derive(Debug, Deserialize)]
struct Asked {
    method: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: String,
}

impl Seen {
    fn answer(&self) -> &Answer {
        let answer = self.answer.as_ref().unwrap();
        assert_eq!(answer.threw, None);
        answer
    }

    /// Status and body of the answer, its mark, and how often either of the two was asked.
    fn told(&self) -> String {
        let answer = self.answer();
        let mark = answer.headers.get("x-redundancy").map_or("-", String::as_str);
        let (status, body) = (answer.status.unwrap(), answer.body.as_deref().unwrap());
        format!("{status} {body} {mark} {}/{}", self.primary.len(), self.backup.len())
    }

    /// The line that it has logged.
    fn line(&self) -> Value {
        let [line] = self.log.as_slice() else { panic!("{:?}", self.log) };
        serde_json::from_str(line).unwrap()
    }
}

/// Has the edge function in front of `hello` handle requests, one after another.
fn ask(world: &World, cases: &Value) -> Vec<Seen> {
    let file = world.path(FILE);
    node::script("edge.mjs", &[file.to_str().unwrap(), &cases.to_string()])
}

fn good() -> Value {
    json!({ "status": 200, "body": "backup" })
}

fn bad() -> Value {
    json!({ "status": 502, "body": "broken", "headers": { "x-own": "1" } })
}

#[test]
fn it_stands_where_its_function_is_called() {
    let own = |config: &str| format!("{V2}export const config = {config}\n");
    let text = own("{ path: ['/api/a', '/api/b'], method: ['GET', 'HEAD', 'POST'], timeout: 1 }");
    let world = site(&[("hello.mjs", &text)]);
    world.settle();
    let [seen] = ask(&world, &json!([{ "primary": good() }])).try_into().unwrap();
    let config = json!({
        "path": ["/api/a", "/api/b"], "method": ["GET", "POST"], "onError": "bypass"
    });
    assert_eq!(seen.config, config);
    let world = site(&[("hello.js", &format!("{V1}exports.config = {{ path: '/no' }}\n"))]);
    world.settle();
    let [seen] = ask(&world, &json!([{ "primary": good() }])).try_into().unwrap();
    let path = ["/.netlify/functions/hello", "/.netlify/functions/hello/*"];
    assert_eq!(seen.config, json!({ "path": path, "onError": "bypass" }));
}

#[test]
fn what_answers_is_passed_through() {
    let world = site(&[("hello.js", V1)]);
    world.settle();
    let seen = ask(
        &world,
        &json!([
            { "primary": { "status": 200, "body": "primary" }, "backup": good() },
            { "primary": { "status": 404, "body": "primary" }, "backup": good() },
            { "primary": { "status": 499, "body": "primary" }, "backup": good() },
            { "primary": { "status": 200, "body": "primary" }, "backup": good(), "method": "PUT", "body": "x" },
        ]),
    );
    let told: Vec<String> = seen.iter().map(Seen::told).collect();
    let said = [200, 404, 499, 200].map(|it| format!("{it} primary - 1/0"));
    assert_eq!(told, said);
    assert!(seen.iter().all(|it| it.log.is_empty()));
    assert_eq!(seen[3].primary[0].body, "x");
}

#[test]
fn where_it_fails_its_backup_is_asked_the_same() {
    let world = site(&[("hello.js", V1)]);
    world.settle();
    let path = "/.netlify/functions/hello/below?a=1&b=%20";
    let headers = json!({ "x-mine": "yes", "authorization": "secret" });
    let key = json!({ "idempotency-key": "7", "content-type": "text/plain" });
    let seen = ask(
        &world,
        &json!([
            { "primary": bad(), "backup": good(), "path": path, "headers": headers },
            { "primary": "throws", "backup": { "status": 302, "headers": { "location": "/x" } } },
            { "primary": bad(), "backup": good(), "method": "POST", "headers": key, "body": "order 1" },
            { "primary": bad(), "backup": good(), "method": "DELETE", "body": "all of it" },
            { "primary": bad(), "backup": { "status": 204 } },
            { "primary": bad(), "backup": { "status": 422, "body": "no" } },
            { "primary": bad(), "backup": { "status": 200, "body": ["a", "b", "c"] } },
        ]),
    );
    let told: Vec<String> = seen.iter().map(Seen::told).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
        200 backup backup 1/1
        302  backup 1/1
        200 backup backup 1/1
        200 backup backup 1/1
        204  backup 1/1
        422 no backup 1/1
        200 a|b|c backup 1/1
        ");
    let asked = &seen[0].backup[0];
    assert_eq!(asked.url, path.replace("hello", "hello-backup"));
    assert_eq!((asked.headers["x-mine"].as_str(), asked.method.as_str()), ("yes", "GET"));
    assert_eq!(asked.headers["x-redundancy-router"], "hello");
    assert_eq!(seen[1].answer().headers["location"], "/x");
    for it in &seen[2..4] {
        let (primary, backup) = (&it.primary[0], &it.backup[0]);
        assert_eq!((&primary.method, &primary.body), (&backup.method, &backup.body));
        assert!(!backup.body.is_empty());
    }
    assert_eq!(seen[2].backup[0].headers["content-type"], "text/plain");
    let mut line = seen[0].line();
    assert!(line["ms"].take().is_u64());
    let said = json!({
        "source": "redundancy", "function": "hello", "router": "edge", "outcome": "taken-over",
        "method": "GET", "primary": 502, "backup": 200, "ms": null,
    });
    assert_eq!(line, said);
    // Nobody but who reads the log hears of why.
    let line = seen[1].line();
    assert_eq!(line["primary"], "threw");
    assert!(line["detail"].as_str().unwrap().contains("secret of the primary"), "{line}");
    assert!(!format!("{:?}", seen[1].answer()).contains("secret"));
}

#[test]
fn what_must_not_be_done_twice_goes_on_as_if_nothing_stood_there() {
    let world = site(&[("hello.js", V1)]);
    world.settle();
    let guard = json!({ "X-Redundancy-Router": "hello" });
    let seen = ask(
        &world,
        &json!([
            { "primary": bad(), "backup": good(), "method": "POST", "body": "order" },
            { "primary": bad(), "backup": good(), "method": "PATCH" },
            { "primary": bad(), "backup": good(), "method": "PROPFIND" },
            { "primary": bad(), "backup": good(), "headers": guard },
        ]),
    );
    for it in seen {
        assert!(it.answer.is_none() && it.log.is_empty(), "{it:?}");
        assert!(it.primary.is_empty() && it.backup.is_empty(), "{it:?}");
    }
}

#[test]
fn where_its_backup_fails_too_the_function_s_own_answer_goes_out() {
    let world = site(&[("hello.js", V1)]);
    world.settle();
    let fallback = json!({ "status": 200, "body": "-", "headers": { "x-redundancy": "fallback" } });
    let seen = ask(
        &world,
        &json!([
            { "primary": bad(), "backup": "gone" },
            { "primary": bad(), "backup": { "status": 500, "body": "-" } },
            { "primary": bad(), "backup": fallback },
            { "primary": bad(), "backup": { "status": 404, "body": "-" } },
            { "primary": "throws", "backup": "gone" },
        ]),
    );
    let told: Vec<String> = seen.iter().map(Seen::told).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
        502 broken - 1/1
        502 broken - 1/1
        502 broken - 1/1
        502 broken - 1/1
        502 {"error":"the function failed"} fallback 1/1
        "#);
    assert_eq!(seen[0].answer().headers["x-own"], "1");
    let headers = &seen[4].answer().headers;
    assert_eq!((&*headers["cache-control"], &*headers["retry-after"]), ("no-store", "30"));
    assert!(seen.iter().all(|it| it.line()["outcome"] == "failed"));
}

#[test]
fn one_that_takes_too_long_is_not_waited_for() {
    let world = site(&[("hello.mjs", &format!("{V2}export const config = {{ timeout: 1 }}\n"))]);
    world.settle();
    let seen = ask(
        &world,
        &json!([
            { "primary": "hangs", "backup": good() },
            { "primary": "hangs", "backup": "gone", "all": 1500 },
        ]),
    );
    let told: Vec<String> = seen.iter().map(Seen::told).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
        200 backup backup 1/1
        504 {"error":"the function took too long"} fallback 1/1
        "#);
    assert_eq!(seen[0].line()["primary"], "too slow");
}
