//! Who answers what, and who may ask.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Answer, HOOK, Reply, Request, SITE, TOKEN, World};

/// What is answered to a visitor of a function, where it is one: of the live site, or of one deploy.
pub(super) fn function(world: &World, request: &Request) -> Option<Answer> {
    let (deploy, rest) = match request.target.strip_prefix("/live") {
        Some(rest) => (world.published.clone()?, rest),
        None => {
            let (deploy, rest) = request.target.strip_prefix("/at/")?.split_at_checked(24)?;
            (deploy.to_owned(), rest)
        }
    };
    let name = rest.strip_prefix("/.netlify/functions/")?;
    let found = world.deploys.iter().find(|it| it.id == deploy)?;
    if !found.functions.iter().any(|it| it == name) {
        return Some(Answer::Status(404));
    }
    // As if an edge function stood in front, which has a backup answer in its place.
    if !request.headers.contains_key("x-redundancy-router") {
        return Some(Answer::Status(200));
    }
    let answer = world.answers.get(&(deploy, name.to_owned())).copied();
    Some(answer.unwrap_or(Answer::Status(200)))
}

pub(super) fn answer(world: &mut World, request: &Request) -> Reply {
    let target = request.target.split('?').next().unwrap();
    let path: Vec<&str> = target.trim_start_matches('/').split('/').collect();
    // Whoever knows the address of a build hook needs no token.
    if let ("POST", ["build_hooks", id]) = (request.method.as_str(), path.as_slice()) {
        if *id != HOOK {
            return error(404, "Not Found");
        }
        world.build();
        return Reply::empty(200);
    }
    let token = request.headers.get("authorization").and_then(|it| it.strip_prefix("Bearer "));
    if token != Some(TOKEN) {
        return error(401, "Access Denied: Bad access token");
    }
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["sites", SITE]) => Reply::json(200, site(world)),
        ("GET", ["sites", SITE, "functions"]) => {
            let functions = world.published.clone().map(|it| world.deploy(&it).functions.clone());
            let functions: Vec<Value> =
                functions.into_iter().flatten().map(|it| json!({ "n": it })).collect();
            Reply::json(200, json!([{ "branch": "main", "functions": functions }]))
        }
        ("GET", ["sites", SITE, "deploys"]) => {
            let deploys: Vec<Value> = world.deploys.iter().map(|it| world.told(it)).collect();
            Reply::json(200, deploys.into_iter().rev().collect())
        }
        ("GET", ["sites", SITE, "deploys", id]) => with(world, id, 200, |world| world.go_on(id)),
        ("POST", ["sites", SITE, "deploys", id, "restore"]) => with(world, id, 201, |world| {
            world.deploy(id).published = Some(Timestamp::now());
            world.published = Some((*id).to_owned());
        }),
        ("POST", ["deploys", id, "lock"]) => {
            with(world, id, 200, |world| world.deploy(id).locked = true)
        }
        ("POST", ["deploys", id, "cancel"]) => with(world, id, 201, |world| {
            let deploy = world.deploy(id);
            (deploy.state, deploy.error) = ("error", Some("Canceled build".to_owned()));
            deploy.then.clear();
        }),
        ("POST", ["sites", SITE, "builds"]) => {
            let deploy = world.build();
            let build = json!({ "id": "b1", "deploy_id": deploy, "sha": "1f0c1e5", "done": false });
            Reply::json(200, build)
        }
        _ => error(404, "Not Found"),
    }
}

/// A deploy, after something was done with it.
fn with(world: &mut World, id: &str, status: u16, change: impl FnOnce(&mut World)) -> Reply {
    if !world.deploys.iter().any(|it| it.id == id) {
        return error(404, "Not Found");
    }
    change(world);
    let deploy = world.deploy(id).clone();
    Reply::json(status, world.told(&deploy))
}

fn site(world: &World) -> Value {
    let published = world.deploys.iter().find(|it| Some(&it.id) == world.published.as_ref());
    let mut site = json!({
        "id": SITE,
        "name": "app",
        "state": "current",
        "url": "http://app.example.com",
        "ssl_url": format!("{}/live", world.own),
    });
    if let Some(published) = published {
        site["published_deploy"] = world.told(published);
    }
    site
}

fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, json!({ "code": status, "message": message }))
}
