//! What GitHub's answers consist of, with everything that its description says is always there.

use serde_json::{Map, Value, json};

use super::World;

/// Adds `NAME_url` for each of `names`.
fn with_urls(mut object: Value, base: &str, names: &[&str]) -> Value {
    let urls = names.iter().map(|name| (format!("{name}_url"), json!(format!("{base}/{name}"))));
    if let Value::Object(object) = &mut object {
        object.extend(urls.collect::<Map<_, _>>());
    }
    object
}

pub(super) fn user(world: &World) -> Value {
    let url = format!("{}/users/team", world.public);
    let user = json!({
        "login": "team", "id": 1, "node_id": "U_1", "gravatar_id": "", "url": url,
        "type": "Organization", "site_admin": false,
    });
    let names = [
        "avatar",
        "events",
        "followers",
        "following",
        "gists",
        "html",
        "organizations",
        "received_events",
        "repos",
        "starred",
        "subscriptions",
    ];
    with_urls(user, &url, &names)
}

/// A repository, with all that any of its forms has.
pub(super) fn repository(world: &World) -> Value {
    let url = format!("{}/repos/team/app", world.public);
    let times = "2020-01-01T00:00:00Z";
    let repository = json!({
        "id": 2, "node_id": "R_2", "name": "app", "full_name": "team/app", "owner": user(world),
        "private": true, "description": null, "fork": false, "url": url, "forks": 0,
        "forks_count": 0, "has_issues": true, "has_projects": false, "has_wiki": false,
        "has_pages": false, "has_discussions": false, "has_downloads": false, "homepage": null,
        "language": null, "archived": world.archived, "disabled": false, "open_issues": 0,
        "open_issues_count": 0, "license": null, "pushed_at": times, "size": 1,
        "stargazers_count": 0, "watchers": 0, "watchers_count": 0, "created_at": times,
        "updated_at": times, "default_branch": world.default_branch, "mirror_url": null,
    });
    let names = [
        "archive",
        "assignees",
        "blobs",
        "branches",
        "collaborators",
        "comments",
        "commits",
        "compare",
        "contents",
        "contributors",
        "deployments",
        "downloads",
        "events",
        "forks",
        "git_commits",
        "git_refs",
        "git_tags",
        "hooks",
        "html",
        "issue_comment",
        "issue_events",
        "issues",
        "keys",
        "labels",
        "languages",
        "merges",
        "milestones",
        "notifications",
        "pulls",
        "releases",
        "stargazers",
        "statuses",
        "subscribers",
        "subscription",
        "tags",
        "teams",
        "trees",
        "clone",
        "git",
        "ssh",
        "svn",
    ];
    with_urls(repository, &url, &names)
}

pub(super) fn workflow(world: &World, it: &super::world::Workflow) -> Value {
    let url = format!("{}/repos/team/app/actions/workflows/{}", world.public, it.id);
    let times = "2020-01-01T00:00:00Z";
    let workflow = json!({
        "id": it.id, "node_id": format!("W_{}", it.id), "name": it.name, "path": it.path,
        "state": it.state, "created_at": times, "updated_at": times, "url": url,
    });
    with_urls(workflow, &url, &["html", "badge"])
}

pub(super) fn run(world: &World, it: &super::world::Run) -> Value {
    let url = format!("{}/repos/team/app/actions/runs/{}", world.public, it.id);
    let sha = world.git.branches.get(&it.branch).cloned().unwrap_or_default();
    let (name, path) = world
        .workflows
        .iter()
        .find(|workflow| workflow.id == it.workflow)
        .map_or(("", ""), |workflow| (&workflow.name, &workflow.path));
    let run = json!({
        "id": it.id, "node_id": format!("WFR_{}", it.id), "name": name, "path": path, "url": url,
        "workflow_id": it.workflow, "run_number": it.id, "run_attempt": it.attempt,
        "display_title": name, "event": it.event, "status": it.status,
        "conclusion": it.conclusion, "head_branch": it.branch, "head_sha": sha,
        "created_at": it.created.to_string(), "run_started_at": it.started.to_string(),
        "updated_at": it.updated.to_string(), "pull_requests": [], "head_commit": null,
        "head_repository": repository(world), "repository": repository(world),
    });
    let names = ["html", "jobs", "logs", "check_suite", "cancel", "rerun", "artifacts", "workflow"];
    with_urls(run, &url, &names)
}

pub(super) fn pull(world: &World, it: &super::pulls::Pull) -> Value {
    let url = format!("{}/repos/team/app/pulls/{}", world.public, it.number);
    let link = json!({ "href": url });
    let end = |branch: &str, closed: Option<&String>| {
        let sha = closed.or_else(|| world.git.branches.get(branch)).cloned().unwrap_or_default();
        json!({
            "label": format!("team:{branch}"), "ref": branch, "sha": sha,
            "repo": repository(world), "user": user(world),
        })
    };
    let times = world.now.to_string();
    let pull = json!({
        "id": it.number, "node_id": format!("PR_{}", it.number), "number": it.number, "url": url,
        "state": it.state(), "locked": false, "title": it.title, "body": it.body,
        "created_at": times, "updated_at": times, "closed_at": null, "merged_at": null,
        "merge_commit_sha": null, "assignee": null, "labels": [], "milestone": null,
        "user": user(world), "author_association": "MEMBER", "auto_merge": null,
        "head": end(&it.head, it.closed.as_ref()), "base": end(&it.base, None), "additions": 1, "changed_files": 1,
        "comments": 0, "commits": 1, "deletions": 0, "mergeable": null,
        "mergeable_state": "unknown", "merged": false, "maintainer_can_modify": false,
        "merged_by": null, "review_comments": 0,
        "_links": {
            "comments": link, "commits": link, "statuses": link, "html": link, "issue": link,
            "review_comments": link, "review_comment": link, "self": link,
        },
    });
    let names = [
        "comments",
        "commits",
        "diff",
        "html",
        "issue",
        "patch",
        "review_comment",
        "review_comments",
        "statuses",
    ];
    with_urls(pull, &url, &names)
}
