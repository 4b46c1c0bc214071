//! What is wanted and what was seen, of several providers.

use super::*;
use crate::core::{code::Live, job, release};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn actual(status: Status, ours: bool) -> Actual {
    let body = Body::default();
    let mark = ours.then(|| Mark { written: body.digest(), backs_up: None });
    Actual { body, status, mark, vitals: None }
}

#[test]
fn what_one_provider_wants_takes_the_place_of_what_it_wanted() {
    let wishes = |it: &str| {
        let (name, how) = (name(it), "why".to_owned());
        let texts = || [(name.clone(), how.clone())].into();
        Wishes {
            wanted: [(name.clone(), Wanted::not_ours(Run::On))].into(),
            impossible: texts(),
            unseen: texts(),
            unproven: texts(),
        }
    };
    let mut desired = Desired::default();
    desired.set(&name("p"), wishes("old"));
    desired.set(&name("q"), wishes("other"));
    desired.set(&name("p"), wishes("new"));
    let ids = [id("p/new"), id("q/other")];
    assert!(desired.wanted.keys().eq(&ids));
    for texts in [&desired.impossible, &desired.unseen, &desired.unproven] {
        assert!(texts.keys().eq(&ids), "{texts:?}");
    }
}

#[test]
fn a_backup_is_found_by_its_primary_also_at_another_provider() {
    let backup = |of: &str| Wanted { backs_up: Some(of.to_owned()), ..Wanted::not_ours(Run::On) };
    let mut desired = Desired::default();
    desired.wanted.insert(id("p/a-backup"), backup("a"));
    desired.wanted.insert(id("p/b-backup"), backup("q/b"));
    for (primary, backup) in
        [("p/a", Some("p/a-backup")), ("q/b", Some("p/b-backup")), ("q/a", None), ("p/b", None)]
    {
        assert_eq!(desired.backup_of(&id(primary)), backup.map(id).as_ref(), "{primary}");
    }
}

#[test]
fn what_one_provider_found_takes_the_place_of_what_it_found() {
    let mut observed = Observed::default();
    let look = |ours| Ok([(name("a"), actual(Status::Stopped, ours))].into());
    observed.set(&name("p"), look(true));
    observed.set(&name("q"), look(true));
    observed.set(&name("p"), Err("no answer".to_owned()));
    assert!(observed.found.keys().eq([&id("q/a")]));
    assert!(observed.blind.keys().eq([&name("p")]));
    assert!(observed.lost_sight_of.iter().eq([&id("p/a")]));
    // It can be asked again.
    observed.set(&name("q"), Err("no answer".to_owned()));
    observed.set(&name("p"), look(false));
    assert!(observed.found.keys().eq([&id("p/a")]));
    assert!(observed.blind.keys().eq([&name("q")]));
    assert!(observed.lost_sight_of.iter().eq([&id("q/a")]));
}

#[test]
fn a_status_says_what_is_so_and_since_when() {
    let how = || "exited with code 1".to_owned();
    let failed = job::State::Failed {
        run: 7,
        at: at(3),
        how: "failed".to_owned(),
        attempt: 1,
        again: false,
    };
    let release = Release {
        id: Some("d1".to_owned()),
        since: Some(at(5)),
        state: release::State::Served,
        locked: false,
    };
    let told = [
        Status::Present,
        Status::Running { pid: 7, since: at(1) },
        Status::Unwell { pid: 7, since: at(1), how: "fails its probe".to_owned(), proven: true },
        Status::Scheduled { next: at(9) },
        Status::Down { at: at(2), how: how(), retry_at: at(9) },
        Status::Finished { at: at(2), how: "exited with code 0".to_owned(), well: true },
        Status::Failed { at: at(2), how: how() },
        Status::Stopped,
        Status::StoppedByHand,
        Status::Job(Box::new(Job::only(failed))),
        Status::Code(Code::only(Live::Fails {
            how: "answers 502".to_owned(),
            since: at(4),
            times: 2,
        })),
        Status::Release(release),
    ]
    .map(|it| format!("{} {:?}: {it}", it.word(), it.since().map(Timestamp::as_second)));
    insta::assert_snapshot!(told.join("\n"), @r"
        present None: present
        running Some(1): running, pid 7
        unwell Some(1): unwell, pid 7: fails its probe
        scheduled None: scheduled for 1970-01-01T00:00:09Z
        down Some(2): down: exited with code 1
        finished Some(2): finished: exited with code 0
        failed Some(2): failed: exited with code 1
        stopped None: stopped
        stopped None: stopped by hand
        failing Some(3): failing: run 7 failed
        failing Some(4): failing: it answers 502 on the live site
        published Some(5): published: deploy d1
        ");
}
