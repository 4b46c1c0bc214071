//! Backups as a pull request, through GitHub's published description.

use std::collections::BTreeMap;

use redundancy::provider::{
    Error,
    github::{
        api::Client,
        pull_request::{BRANCH, Outcome, Proposal, propose},
    },
};

use crate::{PACE, TOKEN, client, client_with, fake::Fake, run};

const A: &str = ".github/workflows/a-backup.yml";
const B: &str = ".github/workflows/b-backup.yml";

fn proposal(files: &[(&str, Option<&str>)]) -> Proposal {
    let file = |(path, text): &(&str, Option<&str>)| ((*path).to_owned(), text.map(str::to_owned));
    Proposal {
        base: "main".to_owned(),
        files: files.iter().map(file).collect(),
        title: "Backups of workflows".to_owned(),
        text: "What stands in for what.".to_owned(),
    }
}

/// What comes of a proposal, in one word.
fn does(client: &Client, proposal: &Proposal) -> &'static str {
    match run(propose(client, proposal)).unwrap() {
        Outcome::Nothing => "nothing",
        Outcome::Same(_) => "same",
        Outcome::Updated(_) => "updated",
        Outcome::Opened(_) => "opened",
        Outcome::Declined(_) => "declined",
        Outcome::Withdrawn(_) => "withdrawn",
    }
}

fn on_branch(fake: &Fake) -> BTreeMap<String, String> {
    fake.world().git.files(BRANCH).clone()
}

fn end_of(fake: &Fake, branch: &str) -> String {
    fake.world().git.branches[branch].clone()
}

fn leads_to(fake: &Fake, commit: &str, branch: &str) -> bool {
    let world = fake.world();
    world.git.leads_to(commit, &world.git.branches[branch])
}

/// How many requests would change something, other than a tree that nothing points at.
fn changes(fake: &Fake) -> usize {
    let world = fake.world();
    let changes = |it: &&crate::fake::Seen| it.method != "GET" && !it.target.ends_with("/trees");
    world.requests.iter().filter(changes).count()
}

fn texts<const N: usize>(files: [(&str, &str); N]) -> BTreeMap<String, String> {
    files.map(|(path, text)| (path.to_owned(), text.to_owned())).into()
}

#[test]
fn the_life_of_a_pull_request() {
    let fake = Fake::start();
    let prism = crate::prism_before(&fake);
    let client = client(prism.url());
    let readme = ("README.md", "An app.\n");
    fake.world().push("main", &[(B, Some("b: 1\n"))], "An old backup");

    // One commit for a new file and one that goes, and one pull request.
    let wanted = proposal(&[(A, Some("a: 1\n")), (B, None)]);
    assert_eq!(does(&client, &wanted), "opened");
    assert_eq!(on_branch(&fake), texts([readme, (A, "a: 1\n")]));
    assert_eq!(changes(&fake), 3);
    let main = end_of(&fake, "main");
    assert_eq!(fake.world().git.last(BRANCH).parents, [main]);
    assert_eq!(fake.world().pulls[0].title, wanted.title);

    // Nothing is done twice, also by somebody who remembers nothing.
    assert_eq!(does(&client, &wanted), "same");
    assert_eq!(does(&crate::client(prism.url()), &wanted), "same");
    // Nor because something else in the repository has changed.
    fake.world().push("main", &[("src/app.js", Some("1;\n"))], "Work");
    assert_eq!(does(&client, &wanted), "same");
    assert_eq!(changes(&fake), 3);

    // What is wanted now comes on top, with what the base has become.
    let wanted = proposal(&[(A, Some("a: 2\n"))]);
    let before = end_of(&fake, BRANCH);
    assert_eq!(does(&client, &wanted), "updated");
    let app = ("src/app.js", "1;\n");
    assert_eq!(on_branch(&fake), texts([readme, app, (A, "a: 2\n"), (B, "b: 1\n")]));
    assert!(leads_to(&fake, &before, BRANCH));
    assert_eq!(does(&client, &wanted), "same");
    assert_eq!(fake.world().pulls.len(), 1);

    // Another title is no other commit.
    let told = Proposal { title: "Two backups".to_owned(), ..wanted.clone() };
    let before = end_of(&fake, BRANCH);
    assert_eq!(does(&client, &told), "updated");
    assert_eq!((end_of(&fake, BRANCH), does(&client, &told)), (before, "same"));

    // Merged, there is nothing left to do, and the next proposal is the next pull request.
    fake.world().close_pull(true);
    assert_eq!(does(&client, &told), "nothing");
    let wanted = proposal(&[(A, Some("a: 3\n"))]);
    assert_eq!(does(&client, &wanted), "opened");
    assert_eq!(does(&client, &wanted), "same");

    // What somebody decided against is not brought up again, unless it is something else.
    fake.world().close_pull(false);
    assert_eq!(does(&client, &wanted), "declined");
    assert_eq!(does(&client, &proposal(&[(A, Some("a: 4\n"))])), "opened");
    assert_eq!(fake.world().pulls.len(), 3);

    // What is wanted no more is proposed no more, and may be wanted again.
    assert_eq!(does(&client, &proposal(&[(A, Some("a: 2\n"))])), "withdrawn");
    assert_eq!(on_branch(&fake).get(A).map(String::as_str), Some("a: 2\n"));
    assert_eq!(does(&client, &proposal(&[(A, Some("a: 2\n"))])), "nothing");
    assert_eq!(does(&client, &proposal(&[(A, Some("a: 4\n"))])), "opened");
}

#[test]
fn a_base_that_has_changed_the_same_files_is_brought_in() {
    let fake = Fake::start();
    let client = client(&fake.url());
    let wanted = proposal(&[(A, Some("a: 2\n"))]);
    assert_eq!(does(&client, &wanted), "opened");
    fake.world().push("main", &[(A, Some("a: 1\n"))], "By hand");
    assert_eq!(does(&client, &wanted), "updated");
    assert!(leads_to(&fake, &end_of(&fake, "main"), BRANCH));
    assert_eq!(does(&client, &wanted), "same");
}

#[test]
fn a_branch_that_somebody_else_has_changed_is_left_as_it_is() {
    let fake = Fake::start();
    let client = client(&fake.url());
    assert_eq!(does(&client, &proposal(&[(A, Some("a: 1\n"))])), "opened");
    let ours = fake.world().git.last(BRANCH).clone();
    let refused = || {
        let before = end_of(&fake, BRANCH);
        let error = run(propose(&client, &proposal(&[(A, Some("a: 2\n"))]))).unwrap_err();
        assert!(matches!(&error, Error::Refused(_)));
        assert!(error.to_string().contains("changed by somebody else"), "{error}");
        assert_eq!(end_of(&fake, BRANCH), before);
    };
    fake.world().push(BRANCH, &[(A, Some("a: mine\n"))], "Better");
    refused();
    // Nor by the look of its message: an amended commit keeps it.
    fake.world().push(BRANCH, &[(A, Some("a: mine too\n"))], &ours.message);
    refused();
    // A branch of that name that was never ours.
    fake.world().git.branches.remove(BRANCH);
    fake.world().push(BRANCH, &[("x", Some("x"))], "Mine");
    refused();
}

#[test]
fn what_cannot_be_done_says_why_and_changes_nothing() {
    let fake = Fake::start();
    let wanted = proposal(&[(A, Some("a: 1\n"))]);
    let client = client(&fake.url());
    let elsewhere = Proposal { base: "trunk".to_owned(), ..wanted.clone() };
    let error = run(propose(&client, &elsewhere)).unwrap_err();
    assert!(error.to_string().contains("no such branch"), "{error}");

    let weak = TOKEN.replace("ghp_", "gho_");
    fake.world().allow(&weak, &["metadata:read", "contents:write", "pull_requests:write"]);
    let client = client_with(&fake.url(), &weak, PACE);
    let error = run(propose(&client, &wanted)).unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");
    assert!(error.to_string().contains("workflows=write"), "{error}");
    assert_eq!(fake.world().git.branches.len(), 1);
    assert_eq!(does(&client, &proposal(&[(A, None)])), "nothing");
}
