//! Who answers what, and who may ask.

use std::collections::BTreeMap;

use reqwest::Url;
use serde_json::json;

use super::{Reply, Request, World, actions, git, objects, pulls};

/// A request for something in the repository.
pub(super) struct Asked<'a> {
    pub(super) request: &'a Request,
    /// The address without its host and what comes before the repository.
    pub(super) path: Vec<String>,
    pub(super) query: BTreeMap<String, String>,
}

impl Asked<'_> {
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.request.body.get(key)?.as_str().map(str::to_owned)
    }

    fn number(&self, key: &str) -> Option<usize> {
        self.query.get(key)?.parse().ok()
    }

    /// The page of `items` that is asked for, and the header that leads to the next.
    pub(super) fn page<T>(
        &self,
        world: &World,
        items: Vec<T>,
    ) -> (Vec<T>, Vec<(&'static str, String)>) {
        let size = self.number("per_page").unwrap_or(30).min(world.page);
        let page = self.number("page").unwrap_or(1).max(1);
        let more = items.len() > page * size;
        let items = items.into_iter().skip((page - 1) * size).take(size).collect();
        if !more {
            return (items, Vec::new());
        }
        let mut next = Url::parse(&format!("{}{}", world.public, self.request.target)).unwrap();
        let kept: Vec<(String, String)> =
            next.query_pairs().into_owned().filter(|(key, _)| key != "page").collect();
        next.query_pairs_mut()
            .clear()
            .extend_pairs(kept)
            .append_pair("page", &(page + 1).to_string());
        (items, vec![("link", format!("<{next}>; rel=\"next\", <{next}>; rel=\"last\""))])
    }
}

pub(super) fn answer(world: &mut World, request: &Request) -> Reply {
    let token = request.headers.get("authorization").and_then(|it| it.strip_prefix("Bearer "));
    let Some(allowed) = token.and_then(|it| world.tokens.get(it)).cloned() else {
        return Reply::error(401, "Bad credentials");
    };
    let url = Url::parse(&format!("http://x{}", request.target)).unwrap();
    let base = if world.enterprise { "/api/v3/repos/team/app" } else { "/repos/team/app" };
    let path: Vec<String> = match url.path().strip_prefix(base) {
        Some(path) => path.split('/').skip(1).map(decoded).collect(),
        None => return Reply::error(404, "Not Found"),
    };
    let query = url.query_pairs().into_owned().collect();
    let asked = Asked { request, path, query };
    let Some((needs, answer)) = route(&asked) else { return Reply::error(404, "Not Found") };
    let lacks = |need: &str| {
        let (scope, level) = need.split_once('=').unwrap();
        let has = |level: &str| allowed.contains(&format!("{scope}:{level}"));
        !(has(level) || (level == "read" && has("write")))
    };
    if needs.split("; ").any(lacks) {
        let mut reply = Reply::error(403, "Resource not accessible by personal access token");
        reply.headers.push(("x-accepted-github-permissions", needs.to_owned()));
        return reply;
    }
    if world.archived && request.method != "GET" {
        return Reply::error(403, "Repository was archived so is read-only.");
    }
    answer(world, &asked)
}

type Answerer = fn(&mut World, &Asked<'_>) -> Reply;

/// The permissions that a request takes, and who answers it.
fn route(asked: &Asked<'_>) -> Option<(&'static str, Answerer)> {
    let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
    Some(match (asked.request.method.as_str(), path.as_slice()) {
        ("GET", []) => ("metadata=read", about),
        ("GET", ["actions", "workflows"]) => ("actions=read", actions::workflows),
        ("GET", ["actions", "runs"] | ["actions", "workflows", _, "runs"]) => {
            ("actions=read", actions::runs)
        }
        ("POST", ["actions", "runs", _, "rerun-failed-jobs"]) => ("actions=write", actions::rerun),
        ("POST", ["actions", "workflows", _, "dispatches"]) => ("actions=write", actions::dispatch),
        ("PUT", ["actions", "workflows", _, "enable"]) => ("actions=write", actions::enable),
        ("GET", ["contents", ..]) => ("contents=read", git::file),
        ("GET", ["git", "ref", ..]) => ("contents=read", git::reference),
        ("GET", ["git", "commits", _]) => ("contents=read", git::commit),
        // What is written here is below `.github/workflows`.
        ("POST", ["git", "trees"]) => ("contents=write; workflows=write", git::make_tree),
        ("POST", ["git", "commits"]) => ("contents=write", git::make_commit),
        ("POST", ["git", "refs"]) => ("contents=write", git::make_reference),
        ("PATCH", ["git", "refs", ..]) => ("contents=write", git::move_reference),
        ("GET", ["pulls"]) => ("pull_requests=read", pulls::list),
        ("POST", ["pulls"]) => ("pull_requests=write", pulls::open),
        ("PATCH", ["pulls", _]) => ("pull_requests=write", pulls::update),
        _ => return None,
    })
}

fn about(world: &mut World, _: &Asked<'_>) -> Reply {
    let mut about = objects::repository(world);
    about["network_count"] = json!(0);
    about["subscribers_count"] = json!(0);
    Reply::json(200, about)
}

/// A component of a path without its `%XX`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        match (first, more) {
            (b'%', [a, b, after @ ..]) => {
                let hex = String::from_utf8_lossy(&[*a, *b]).into_owned();
                bytes.push(u8::from_str_radix(&hex, 16).unwrap());
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).unwrap()
}
