//! Branches, commits and files.

use std::collections::BTreeMap;

use base64::Engine;
use redundancy::core::digest::Digest;
use serde_json::{Value, json};

use super::{Reply, World, routes::Asked};

/// What the files of a commit are like: their texts by path.
pub(crate) type Files = BTreeMap<String, String>;

#[derive(Default)]
pub(crate) struct Git {
    pub(crate) trees: BTreeMap<String, Files>,
    pub(crate) commits: BTreeMap<String, Commit>,
    /// The last commit of each branch.
    pub(crate) branches: BTreeMap<String, String>,
}

#[derive(Clone)]
pub(crate) struct Commit {
    pub(crate) tree: String,
    pub(crate) parents: Vec<String>,
    pub(crate) message: String,
}

/// A name in git's form, of something that consists of `parts`.
fn sha<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let digest = Digest::of(parts);
    // As many digits as git's have.
    format!("{digest}{}", digest.short())
}

impl Git {
    fn keep_tree(&mut self, files: Files) -> String {
        let parts = files.iter().flat_map(|(path, text)| [path.as_str(), text]);
        let name = sha(["tree"].into_iter().chain(parts));
        self.trees.insert(name.clone(), files);
        name
    }

    fn keep_commit(&mut self, commit: Commit) -> String {
        let parents = commit.parents.iter().map(String::as_str);
        // As the times in real ones, the number makes each another one.
        let number = self.commits.len().to_string();
        let parts = ["commit", &number, &commit.tree, &commit.message].into_iter().chain(parents);
        let name = sha(parts);
        self.commits.insert(name.clone(), commit);
        name
    }

    /// The last commit of a branch.
    pub(crate) fn last(&self, branch: &str) -> &Commit {
        &self.commits[&self.branches[branch]]
    }

    /// The files at the end of a branch.
    pub(crate) fn files(&self, branch: &str) -> &Files {
        &self.trees[&self.last(branch).tree]
    }

    /// Whether `old` is `new` or comes before it.
    pub(crate) fn leads_to(&self, old: &str, new: &str) -> bool {
        let parents = || self.commits.get(new).into_iter().flat_map(|it| &it.parents);
        old == new || parents().any(|it| self.leads_to(old, it))
    }
}

impl World {
    /// Somebody's commit on a branch, which is made on the default branch if it is new.
    pub(crate) fn push(&mut self, branch: &str, edits: &[(&str, Option<&str>)], message: &str) {
        let default = self.git.branches.get(&self.default_branch);
        let parent = self.git.branches.get(branch).or(default).cloned();
        let before = parent.as_ref().map(|it| self.git.trees[&self.git.commits[it].tree].clone());
        let mut files = before.unwrap_or_default();
        for (path, text) in edits {
            match text {
                Some(text) => drop(files.insert((*path).to_owned(), (*text).to_owned())),
                None => drop(files.remove(*path)),
            }
        }
        let tree = self.git.keep_tree(files);
        let parents = parent.into_iter().collect();
        let commit = Commit { tree, parents, message: message.to_owned() };
        let commit = self.git.keep_commit(commit);
        self.git.branches.insert(branch.to_owned(), commit);
    }
}

pub(super) fn file(world: &mut World, asked: &Asked<'_>) -> Reply {
    let path = asked.path[1..].join("/");
    let branch = asked.query.get("ref").unwrap_or(&world.default_branch);
    let commit = world.git.branches.get(branch).unwrap_or(branch);
    let Some(commit) = world.git.commits.get(commit) else {
        return Reply::error(404, &format!("No commit found for the ref {branch}"));
    };
    let files = &world.git.trees[&commit.tree];
    let Some(text) = files.get(&path) else {
        let entries = entries(world, files, &path);
        if entries.is_empty() {
            return Reply::error(404, "Not Found");
        }
        return Reply::json(200, json!(entries));
    };
    let base64 = base64::engine::general_purpose::STANDARD.encode(text);
    // In lines, as GitHub sends it.
    let lines: Vec<&str> =
        base64.as_bytes().chunks(60).map(|it| std::str::from_utf8(it).unwrap()).collect();
    let url = format!("{}/repos/team/app/contents/{path}", world.public);
    Reply::json(
        200,
        json!({
            "type": "file", "encoding": "base64", "size": text.len(), "path": path,
            "name": path.rsplit('/').next(), "content": lines.join("\n") + "\n",
            "sha": sha(["blob", text]), "url": url, "git_url": url, "html_url": url,
            "download_url": url, "_links": { "self": url, "git": url, "html": url },
        }),
    )
}

/// The files in a folder, and not those further below.
fn entries(world: &World, files: &Files, folder: &str) -> Vec<Value> {
    let entry = |(path, text): (&String, &String)| {
        let name = path.strip_prefix(folder)?.strip_prefix('/')?;
        let url = format!("{}/repos/team/app/contents/{path}", world.public);
        (!name.contains('/')).then(|| {
            json!({
                "type": "file", "size": text.len(), "name": name, "path": path,
                "sha": sha(["blob", text]), "url": url, "git_url": url, "html_url": url,
                "download_url": url, "_links": { "self": url, "git": url, "html": url },
            })
        })
    };
    files.iter().filter_map(entry).collect()
}

pub(super) fn reference(world: &mut World, asked: &Asked<'_>) -> Reply {
    let name = asked.path[2..].join("/");
    let branch = name.strip_prefix("heads/").unwrap_or_default();
    match world.git.branches.get(branch) {
        Some(commit) => Reply::json(200, reference_object(world, branch, commit)),
        None => Reply::error(404, "Not Found"),
    }
}

fn reference_object(world: &World, branch: &str, commit: &str) -> Value {
    let url = format!("{}/repos/team/app/git/refs/heads/{branch}", world.public);
    json!({
        "ref": format!("refs/heads/{branch}"), "node_id": "REF_1", "url": url,
        "object": { "type": "commit", "sha": commit, "url": url },
    })
}

pub(super) fn commit(world: &mut World, asked: &Asked<'_>) -> Reply {
    let name = &asked.path[2];
    match world.git.commits.get(name) {
        Some(commit) => Reply::json(200, commit_object(world, name, commit)),
        None => Reply::error(404, "Not Found"),
    }
}

fn commit_object(world: &World, name: &str, commit: &Commit) -> Value {
    let url = format!("{}/repos/team/app/git/commits/{name}", world.public);
    let who =
        json!({ "name": "Somebody", "email": "a@example.com", "date": world.now.to_string() });
    let parent = |sha: &String| json!({ "sha": sha, "url": url, "html_url": url });
    json!({
        "sha": name, "node_id": "C_1", "url": url, "html_url": url, "author": who,
        "committer": who, "message": commit.message, "tree": { "sha": commit.tree, "url": url },
        "parents": commit.parents.iter().map(parent).collect::<Vec<_>>(),
        "verification": {
            "verified": false, "reason": "unsigned", "signature": null, "payload": null,
            "verified_at": null,
        },
    })
}

pub(super) fn make_tree(world: &mut World, asked: &Asked<'_>) -> Reply {
    let base = asked.text("base_tree").unwrap_or_default();
    let Some(mut files) = world.git.trees.get(&base).cloned() else {
        return Reply::error(422, "base_tree is not a valid tree oid");
    };
    for entry in asked.request.body["tree"].as_array().into_iter().flatten() {
        let Some(path) = entry["path"].as_str() else {
            return Reply::error(422, "tree.path is missing");
        };
        match entry["content"].as_str() {
            Some(text) => drop(files.insert(path.to_owned(), text.to_owned())),
            // So it is with the real one.
            None if files.remove(path).is_none() => {
                return Reply::error(422, "GitRPC::BadObjectState");
            }
            None => {}
        }
    }
    let name = world.git.keep_tree(files);
    let url = format!("{}/repos/team/app/git/trees/{name}", world.public);
    Reply::json(201, json!({ "sha": name, "url": url, "tree": [], "truncated": false }))
}

pub(super) fn make_commit(world: &mut World, asked: &Asked<'_>) -> Reply {
    let (Some(tree), Some(message)) = (asked.text("tree"), asked.text("message")) else {
        return Reply::error(422, "Invalid request.");
    };
    let parents = asked.request.body["parents"].as_array().into_iter().flatten();
    let parents: Vec<String> = parents.filter_map(|it| Some(it.as_str()?.to_owned())).collect();
    let is_known = |it: &String| world.git.commits.contains_key(it);
    if !world.git.trees.contains_key(&tree) || !parents.iter().all(is_known) {
        return Reply::error(422, "Tree or parent does not exist");
    }
    let commit = Commit { tree, parents, message };
    let name = world.git.keep_commit(commit.clone());
    Reply::json(201, commit_object(world, &name, &commit))
}

pub(super) fn make_reference(world: &mut World, asked: &Asked<'_>) -> Reply {
    let (name, commit) = (asked.text("ref"), asked.text("sha"));
    let branch = name.as_deref().and_then(|it| it.strip_prefix("refs/heads/"));
    let (Some(branch), Some(commit)) = (branch, commit) else {
        return Reply::error(422, "Invalid request.");
    };
    if world.git.branches.contains_key(branch) {
        return Reply::error(422, "Reference already exists");
    }
    if !world.git.commits.contains_key(&commit) {
        return Reply::error(422, "Object does not exist");
    }
    world.git.branches.insert(branch.to_owned(), commit.clone());
    Reply::json(201, reference_object(world, branch, &commit))
}

pub(super) fn move_reference(world: &mut World, asked: &Asked<'_>) -> Reply {
    let name = asked.path[2..].join("/");
    let branch = name.strip_prefix("heads/").unwrap_or_default();
    let commit = asked.text("sha").unwrap_or_default();
    let Some(old) = world.git.branches.get(branch) else {
        return Reply::error(422, "Reference does not exist");
    };
    if !world.git.commits.contains_key(&commit) {
        return Reply::error(422, "Object does not exist");
    }
    let force = asked.request.body["force"] == json!(true);
    if !force && !world.git.leads_to(old, &commit) {
        return Reply::error(422, "Update is not a fast forward");
    }
    world.git.branches.insert(branch.to_owned(), commit.clone());
    Reply::json(200, reference_object(world, branch, &commit))
}
