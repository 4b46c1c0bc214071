//! What the program itself keeps, damaged by a disk or a person.

use std::fs;

use jiff::Timestamp;
use redundancy::{
    controller::{generations::Generations, heartbeat::Heartbeat, lock::Lock},
    core::{generation::By, plan::Plan, reconciler::Memory},
    journal::{Entry, Journal, Kind},
};

use crate::{each_damaged, each_damaged_text};

#[test]
fn journals() {
    let folder = tempfile::tempdir().unwrap();
    let path = Journal::file(folder.path());
    let entry = |text: &str| Entry {
        at: Timestamp::UNIX_EPOCH,
        kind: Kind::Done,
        id: None,
        text: text.to_owned(),
    };
    {
        let (mut journal, _) = Journal::open(&path).unwrap();
        for n in 0..200 {
            journal.write(&[entry(&format!("entry {n}"))]).unwrap();
        }
        journal.remember("key", "value").unwrap();
    }
    let seed = fs::read(&path).unwrap();
    each_damaged("journals", 400, &[seed], |bytes| {
        for entry in fs::read_dir(folder.path()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        fs::write(&path, bytes).unwrap();
        // Who only reads says what is wrong, or reads.
        if let Ok(Some(journal)) = Journal::open_to_read(&path) {
            let _ = journal.history(None, 10);
            let _ = journal.recall("key");
        }
        // Who writes can write, or says why not; and what was there is nowhere lost.
        let Ok((mut journal, _)) = Journal::open(&path) else { return };
        if journal.write(&[entry("one more")]).is_ok() {
            let told = journal.history(None, 1);
            assert!(told.is_ok_and(|it| it.last().is_some_and(|it| it.text == "one more")));
        }
    });
}

#[test]
fn generations() {
    let folder = tempfile::tempdir().unwrap();
    let generations = Generations::of(folder.path());
    generations.keep_config(By::Edit, "[controller]\n", Timestamp::UNIX_EPOCH).unwrap();
    let path = folder.path().join("generations/1.json");
    let seed = fs::read(&path).unwrap();
    each_damaged("generations", 2000, &[seed], |bytes| {
        fs::write(&path, bytes).unwrap();
        if let Ok(it) = generations.read(1) {
            assert_eq!(it.number, 1);
        }
    });
}

#[test]
fn plans_and_what_is_remembered() {
    const PLAN: &str = r#"{"lanes": [[{"id": "embedded/w", "do": "create", "to": {"fields": {"command": ["x"], "n": 1}}, "run": "on",
        "backs_up": null, "reason": "missing"}]], "held": [{"id": "p/a", "why": "paused", "until": "2024-01-01T00:00:00Z", "reason": ""}]}"#;
    each_damaged_text("plans", 3000, &[PLAN], |text| {
        if let Ok(plan) = serde_json::from_str::<Plan>(text) {
            let again = serde_json::to_string(&plan).unwrap();
            assert_eq!(serde_json::from_str::<Plan>(&again).unwrap(), plan);
        }
        drop(serde_json::from_str::<Memory>(text));
    });
}

const BEAT: &[u8] = br#"{"version":1,"pid":1,"since":"2024-01-01T00:00:00Z","looked_at":"2024-01-01T00:00:00Z","look_every_ms":30000}"#;

#[test]
fn signs_of_life() {
    let folder = tempfile::tempdir().unwrap();
    let beat = Heartbeat::file(folder.path());
    each_damaged("signs of life", 2000, &[BEAT.to_vec()], |bytes| {
        fs::write(&beat, bytes).unwrap();
        drop(Heartbeat::read(folder.path()));
        drop(Lock::holder(&beat));
    });
}
