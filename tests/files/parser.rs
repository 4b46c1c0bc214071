//! What GitHub's own parser says of the backups.

use std::fs;

use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{World, node, told};

/// What the parser said of one backup.
#[derive(Debug, Deserialize)]
struct Said {
    backup: String,
    errors: Vec<String>,
    events: Vec<String>,
    differs: Vec<String>,
}

/// A project with the workflows that are hard to read or to write, settled; and what they are called
/// without their extension.
pub(crate) fn nasty() -> (World, Vec<String>) {
    let world = World::of_workflows(&[]);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/nasty");
    let mut stems = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        world.write(&format!(".github/workflows/{stem}.yml"), fs::read(&path).unwrap());
        stems.push(stem);
    }
    assert!(stems.len() >= 25, "the nasty workflows are gone: {stems:?}");
    let plan = world.plan();
    assert_eq!(plan.steps().count(), stems.len(), "{}", told(&plan));
    world.settle();
    (world, stems)
}

#[test]
fn github_takes_every_backup_and_reads_it_as_the_primary() {
    let (world, stems) = nasty();
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
        // The group is the primary's own where that can be.
        let differs: Vec<_> = it.differs.iter().filter(|it| *it != "concurrency").collect();
        assert_eq!(differs, ["name", "on"], "{}", it.backup);
    }
}

/// Texts that one reader of YAML or another takes for something else, or that are hard to write.
fn texts() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "null",
        "~",
        "",
        "true",
        "0o14",
        "014",
        "1.10",
        "1e3",
        "12:30",
        "0x1F",
        ".inf",
        ".nan",
        "<<",
        "=",
        "- a",
        "a: b",
        "a #b",
        "#",
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "`a",
        "'",
        "\"",
        "{",
        "[",
        "|",
        ">",
        "?",
        "---",
        "...",
        "+1",
        "-0x1F",
        "0b1",
        "1_000",
        "2026-01-02",
        "a\u{85}b",
        "a\u{2028}b\n",
        "\u{feff}a",
        "a\u{a0}",
        "\u{7f}",
        "a\rb",
    ]);
    prop_oneof![
        words.prop_map(Value::from),
        "[ a:#\\-\n\t'\"|>!&*%{}\\[\\]]{0,12}".prop_map(Value::from),
        "( {0,3}(a|b: c|- d|# e|\\t|---|\\.\\.\\.) {0,2}\n{1,2}){0,4}".prop_map(Value::from),
        "\\PC{0,200}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        Just(Value::Null),
    ]
}

fn trees() -> impl Strategy<Value = Value> {
    texts().prop_recursive(3, 24, 4, |inner| {
        let pair = ("[a-z:# ]{1,6}", inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            prop::collection::vec(pair, 0..4)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

/// JSON is YAML that leaves no doubt, so it says what the backup has to mean. It is in flow style, so
/// the backup is written anew.
#[test]
fn github_s_reader_finds_what_was_meant() {
    let mut runner = TestRunner::deterministic();
    let world = World::of_workflows(&[]);
    for n in 0..300 {
        let tree = trees().new_tree(&mut runner).unwrap().current();
        let text = json!({ "on": "push", "jobs": { "a": { "x": tree } } }).to_string();
        // Raw, these are refused; escaped, they have to come out right.
        let text = text.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028");
        world.write(&format!(".github/workflows/n{n}.yml"), text);
    }
    let plan = world.plan();
    let refused = plan.held.len();
    assert!(refused < 15, "{}", told(&plan));
    world.apply(&plan).unwrap();
    let mut pairs = Vec::new();
    for n in 0..300 {
        let [primary, backup] = [format!("n{n}.yml"), format!("n{n}-backup.yml")]
            .map(|it| world.path(&format!(".github/workflows/{it}")));
        if backup.exists() {
            pairs.extend([primary, backup].map(|it| it.display().to_string()));
        }
    }
    let args: Vec<&str> = pairs.iter().map(String::as_str).collect();
    let said: Vec<Said> = node::script("workflows.mjs", &args);
    assert_eq!(said.len(), 300 - refused);
    for it in said {
        let text = fs::read_to_string(&it.backup).unwrap();
        assert_eq!(it.differs, ["concurrency", "name", "on"], "{}:\n{text}", it.backup);
    }
}
