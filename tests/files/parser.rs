//! What GitHub's own parser says of the backups.

use std::fs;

use serde::Deserialize;

use crate::{World, node, told};

/// What the parser said of one backup.
#[derive(Debug, Deserialize)]
struct Said {
    backup: String,
    errors: Vec<String>,
    events: Vec<String>,
    differs: Vec<String>,
}

#[test]
fn github_takes_every_backup_and_reads_it_as_the_primary() {
    let world = World::of_workflows(&[]);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/nasty");
    let mut stems = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        world.write(&format!(".github/workflows/{stem}.yml"), fs::read(&path).unwrap());
        stems.push(stem);
    }
    assert!(stems.len() >= 12, "the nasty workflows are gone: {stems:?}");
    let plan = world.plan();
    assert_eq!(plan.steps().count(), stems.len(), "{}", told(&plan));
    world.settle();

    let file =
        |name: String| world.path(&format!(".github/workflows/{name}")).display().to_string();
    let pairs: Vec<String> = (stems.iter())
        .flat_map(|stem| [file(format!("{stem}.yml")), file(format!("{stem}-backup.yml"))])
        .collect();
    let args: Vec<&str> = pairs.iter().map(String::as_str).collect();
    let said: Vec<Said> = node::script("workflows.mjs", &args);
    assert_eq!(said.len(), stems.len());
    for it in said {
        assert_eq!(it.errors, [""; 0], "{}", it.backup);
        assert_eq!(it.events, ["schedule", "workflow_dispatch"], "{}", it.backup);
        assert_eq!(it.differs, ["concurrency", "name", "on"], "{}", it.backup);
    }
}
