//! Pull requests.

use serde_json::{Value, json};

use super::{Reply, World, objects, routes::Asked};

#[derive(Clone)]
pub(crate) struct Pull {
    pub(crate) number: u64,
    pub(crate) head: String,
    pub(crate) base: String,
    pub(crate) title: String,
    pub(crate) body: Option<String>,
    /// Where its branch ended when it was closed, if it is.
    pub(crate) closed: Option<String>,
}

impl Pull {
    pub(super) fn state(&self) -> &'static str {
        if self.closed.is_some() { "closed" } else { "open" }
    }
}

impl World {
    /// Somebody merges the last pull request, or decides against it.
    pub(crate) fn close_pull(&mut self, merge: bool) {
        let pull = self.pulls.last_mut().unwrap();
        let head = self.git.branches[&pull.head].clone();
        pull.closed = Some(head.clone());
        if merge {
            self.git.branches.insert(pull.base.clone(), head);
        }
    }
}

pub(super) fn list(world: &mut World, asked: &Asked<'_>) -> Reply {
    let state = asked.query.get("state").map_or("open", String::as_str);
    let head = asked.query.get("head");
    let is_wanted = |it: &&Pull| {
        (state == "all" || it.state() == state)
            && head.is_none_or(|head| *head == format!("team:{}", it.head))
    };
    let wanted = world.pulls.iter().rev().filter(is_wanted);
    let all: Vec<Value> = wanted.map(|it| objects::pull(world, it)).collect();
    let (page, headers) = asked.page(world, all);
    Reply { headers, ..Reply::json(200, json!(page)) }
}

pub(super) fn open(world: &mut World, asked: &Asked<'_>) -> Reply {
    let (Some(head), Some(base)) = (asked.text("head"), asked.text("base")) else {
        return Reply::error(422, "Validation Failed");
    };
    let refused = |message: &str| {
        let errors = json!([{ "resource": "PullRequest", "code": "custom", "message": message }]);
        Reply::json(422, json!({ "message": "Validation Failed", "errors": errors }))
    };
    let branches = &world.git.branches;
    let (Some(from), Some(to)) = (branches.get(&head), branches.get(&base)) else {
        return refused("head or base is invalid");
    };
    if from == to {
        return refused(&format!("No commits between {base} and {head}"));
    }
    let is_same = |it: &Pull| it.closed.is_none() && it.head == head && it.base == base;
    if world.pulls.iter().any(is_same) {
        return refused(&format!("A pull request already exists for team:{head}."));
    }
    let number = world.next_id();
    let title = asked.text("title").unwrap_or_default();
    let pull = Pull { number, head, base, title, body: asked.text("body"), closed: None };
    world.pulls.push(pull.clone());
    Reply::json(201, objects::pull(world, &pull))
}

pub(super) fn update(world: &mut World, asked: &Asked<'_>) -> Reply {
    let number = &asked.path[1];
    let Some(pull) = world.pulls.iter_mut().find(|it| it.number.to_string() == *number) else {
        return Reply::error(404, "Not Found");
    };
    if let Some(title) = asked.text("title") {
        pull.title = title;
    }
    if let Some(body) = asked.text("body") {
        pull.body = Some(body);
    }
    if asked.text("state").as_deref() == Some("closed") {
        pull.closed = world.git.branches.get(&pull.head).cloned();
    }
    let pull = pull.clone();
    Reply::json(200, objects::pull(world, &pull))
}
