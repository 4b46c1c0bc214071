//! Every call through GitHub's published description. Where the client asked wrongly, or the fake
//! answered wrongly, prism answers in its place, and the call fails.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
};

use redundancy::provider::github::api::{Client, Conclusion, Edit, Error, State, Status};

use crate::{
    client,
    fake::{Fake, Input, TOKEN},
    prism::Prism,
    run, told,
};

const PATH: &str = ".github/workflows/nightly.yml";

#[test]
fn every_call_and_every_answer_is_as_github_describes_it() {
    let fake = Fake::start();
    let prism = crate::prism_before(&fake);
    let client = client(prism.url());
    run(actions(&fake, &client));
    run(files(&fake, &client));
    run(refusals(&fake, &client));
    let [unchanged] = fake.answered([304]);
    assert!(unchanged > 0, "304 has to pass too");
}

async fn actions(fake: &Fake, client: &Client) {
    let about = client.about().await.unwrap();
    assert_eq!((about.default_branch.as_str(), about.private), ("main", true));

    let failed = {
        let mut world = fake.world();
        world.page = 2;
        let now = world.now;
        let nightly = world.add_workflow("Nightly", PATH);
        for n in 0..3 {
            let id =
                world.add_workflow(&format!("Other {n}"), &format!(".github/workflows/{n}.yml"));
            world.set_state(id, "disabled_inactivity");
            world.add_run(id, "push", now);
        }
        world.workflow(nightly).dispatch =
            Some(vec![Input { name: "target".to_owned(), required: true }]);
        let failed = world.add_run(nightly, "schedule", now);
        world.complete(failed, "failure", now);
        failed
    };
    let workflows = client.workflows().await.unwrap();
    assert!(workflows.complete);
    assert_eq!(workflows.items.len(), 4);
    assert_eq!(workflows.items[0].path, PATH);
    assert_eq!(workflows.items[3].state, State::DisabledInactivity);
    assert_eq!(client.workflows().await.unwrap(), workflows);

    let now = fake.world().now;
    let runs = client.runs("main", now).await.unwrap();
    assert!(runs.complete);
    assert_eq!(runs.items.len(), 4);
    let workflow = workflows.items[0].id;
    let of_one = client.runs_of(workflow, "main", 5).await.unwrap();
    assert_eq!(of_one, runs.items[..1]);
    assert_eq!(client.runs_of_event(workflow, "main", "schedule", 5).await.unwrap(), of_one);
    assert_eq!(client.runs_of_event(workflow, "main", "push", 5).await.unwrap(), []);
    let last = &of_one[0];
    assert_eq!((last.id.0, last.run_attempt, last.event.as_str()), (failed, 1, "schedule"));
    assert_eq!(last.conclusion, Some(Conclusion::Failure));

    client.rerun_failed_jobs(last.id).await.unwrap();
    let again = &client.runs_of(workflow, "main", 5).await.unwrap()[0];
    assert_eq!(again.id, last.id);
    assert_eq!((again.run_attempt, &again.status), (2, &Some(Status::Queued)));

    let inputs = BTreeMap::from([("target".to_owned(), "here".to_owned())]);
    let began = client.dispatch(workflow, "main", &inputs).await.unwrap().unwrap();
    let by_hand = client.runs_of_event(workflow, "main", "workflow_dispatch", 5).await.unwrap();
    assert_eq!(by_hand.iter().map(|it| it.id).collect::<Vec<_>>(), [began]);
    assert_eq!(fake.world().run(began.0).inputs, inputs);

    client.enable(workflows.items[3].id).await.unwrap();
    assert_eq!(client.workflows().await.unwrap().items[3].state, State::Active);
}

async fn files(fake: &Fake, client: &Client) {
    let branch = "redundancy/backups";
    assert_eq!(client.branch(branch).await.unwrap(), None);
    let main = client.branch("main").await.unwrap().unwrap();
    let before = client.commit(&main).await.unwrap();
    let edit = |path: &str, text: Option<&str>| Edit {
        path: path.to_owned(),
        text: text.map(str::to_owned),
    };
    let edits = [edit(PATH, Some("on: push\n")), edit("README.md", None)];
    let tree = client.make_tree(&before.tree, &edits).await.unwrap();
    let commit = client.make_commit("Add it", &tree, &[main]).await.unwrap();
    client.make_branch(branch, &commit).await.unwrap();
    assert_eq!(client.branch(branch).await.unwrap(), Some(commit.clone()));
    let file = client.file(PATH, branch).await.unwrap().unwrap();
    assert_eq!(file.bytes, b"on: push\n");
    assert_eq!(client.file("README.md", branch).await.unwrap(), None);
    let listed = client.folder(".github/workflows", branch).await.unwrap();
    let [entry] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((entry.name.as_str(), entry.kind.as_str(), entry.size), ("nightly.yml", "file", 9));
    assert_eq!(entry.sha, file.sha);
    assert_eq!(client.folder(".github/workflows", "main").await.unwrap(), []);

    let pull = client.open_pull(branch, "main", "Backups", "All of them").await.unwrap();
    assert_eq!((pull.head.branch.as_str(), pull.base.branch.as_str()), (branch, "main"));
    let pull = client.update_pull(pull.number, "Backups", "Some of them").await.unwrap();
    assert_eq!(client.pulls(branch).await.unwrap(), [pull]);
    assert_eq!(client.pulls("other").await.unwrap(), []);

    let more = client.make_commit("More", &tree, std::slice::from_ref(&commit)).await.unwrap();
    client.move_branch(branch, &more).await.unwrap();
    let lost = client.move_branch(branch, &commit).await.unwrap_err();
    assert!(told(&lost).contains("not a fast forward"), "{lost}");
    assert_eq!(fake.world().git.branches[branch], more.0);
}

async fn refusals(fake: &Fake, client: &Client) {
    let id = client.workflows().await.unwrap().items[0].id;
    let without = client.dispatch(id, "main", &BTreeMap::new()).await.unwrap_err();
    assert!(told(&without).contains("422: Required input 'target' not provided"), "{without}");
    fake.world().set_state(id.0, "disabled_manually");
    let disabled = client.dispatch(id, "main", &BTreeMap::new()).await.unwrap_err();
    assert!(told(&disabled).contains("on a disabled workflow"), "{disabled}");
    assert!(matches!(disabled, Error::Rejected { status: 422, .. }));
}

#[test]
fn prism_does_refuse_what_is_wrong() {
    let fake = Fake::start();
    let prism = crate::prism_before(&fake);
    let workflow = fake.world().add_workflow("Nightly", PATH);
    let ask = |method: &str, path: &str, body: &str| status(&prism, method, path, body);
    let dispatches = format!("actions/workflows/{workflow}/dispatches");
    assert_eq!(ask("POST", &dispatches, r#"{"ref": "main"}"#), 204);
    // A field that is missing, one of a wrong type, a path that there is not.
    assert_eq!(ask("POST", &dispatches, "{}"), 422);
    assert_eq!(ask("POST", &dispatches, r#"{"ref": 1}"#), 422);
    assert_eq!(ask("GET", "actions/workflow", ""), 404);
    // An answer that GitHub would not give.
    fake.world().set_state(workflow, "broken");
    assert_eq!(ask("GET", "actions/workflows", ""), 500);
    assert_eq!(fake.world().requests.len(), 2);
}

/// The status of the answer to a request that is made by hand.
fn status(prism: &Prism, method: &str, path: &str, body: &str) -> u16 {
    let host = prism.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    let head = format!(
        "{method} /repos/team/app/{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         authorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}
