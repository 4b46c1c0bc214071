//! What is written about the keys, in redundancy.toml and README.md, is true.

use std::collections::BTreeMap;

use redundancy::config::{parse, schema};
use serde_json::Value;

const FILE: &str = include_str!("../../redundancy.toml");
const README: &str = include_str!("../../README.md");

/// A key as it is written somewhere.
#[derive(Debug)]
struct Written {
    /// The tables that it is in, like `alerts.sink`.
    table: String,
    key: String,
    /// All of its line, without the mark of a comment.
    line: String,
    /// Whether it is one of those that begin with `# `.
    in_comment: bool,
}

/// The keys of a text, those in comments too, in its order.
fn written(text: &str) -> Vec<Written> {
    let mut table = String::new();
    let mut all = Vec::new();
    for line in text.lines() {
        let (in_comment, line) = match line.strip_prefix("# ") {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let Ok(read) = line.parse::<toml::Table>() else { continue };
        let Some((key, value)) = read.into_iter().next() else { continue };
        if !line.starts_with('[') {
            all.push(Written { table: table.clone(), key, line: line.to_owned(), in_comment });
            continue;
        }
        // `[[alerts.sink]]` reads as a table in a table.
        table = key;
        if let Some(inner) = value.as_table().and_then(|it| it.keys().next()) {
            table = format!("{table}.{inner}");
        }
    }
    all
}

/// What the schema says of the tables at `way`: each of their keys with its default.
fn keys_of(way: &str) -> BTreeMap<String, Value> {
    let schema = schema();
    let followed = |it: &Value| -> Value {
        let it = it.get("items").unwrap_or(it);
        let at = it["$ref"].as_str().or_else(|| it["allOf"][0]["$ref"].as_str());
        at.map_or_else(
            || it.clone(),
            |at| schema.pointer(at.trim_start_matches('#')).unwrap().clone(),
        )
    };
    let table = way
        .split('.')
        .filter(|it| !it.is_empty())
        .fold(schema.clone(), |at, step| followed(&at["properties"][step]));
    let keys = table["properties"].as_object().unwrap_or_else(|| panic!("no table {way}"));
    keys.iter().map(|(key, about)| (key.clone(), about["default"].clone())).collect()
}

/// The shortest text with a table, to which lines of it can be added.
fn shortest(table: &str) -> &'static str {
    match table {
        "" => "",
        "process" => "runner = 'embedded'\n[[process]]\nname = 'a'\ncommand = ['x']\n",
        "workflow" => "[[workflow]]\nbacks_up = '*'\n",
        "function" => "[[function]]\nbacks_up = '*'\n",
        "alerts.sink" => "[[alerts.sink]]\nkind = 'webhook'\nurl_env = 'A'\n",
        "controller" => "[controller]\n",
        "failover" => "[failover]\n",
        "pm2" => "[pm2]\n",
        "github" => "[github]\n",
        "netlify" => "[netlify]\n",
        "alerts" => "[alerts]\n",
        "metrics" => "[metrics]\n",
        "logs" => "[logs]\n",
        "update" => "[update]\n",
        new => panic!("`{new}` is a table that this test does not know"),
    }
}

/// Fails where a comment shows another value than the default, of a key that has one.
fn assert_defaults(text: &str) -> usize {
    let mut seen = 0;
    for it in written(text).iter().filter(|it| it.in_comment) {
        let Written { table, key, line, .. } = it;
        let keys = keys_of(table);
        let default = keys.get(key).unwrap_or_else(|| panic!("[{table}] has no key {key}: {line}"));
        let is_nothing = match default {
            Value::Null => true,
            Value::Object(it) => it.is_empty(),
            Value::Array(it) => it.is_empty(),
            _ => false,
        };
        if is_nothing {
            // Only an example can be shown.
            continue;
        }
        // Of each key by the runner that heeds it.
        let runner = if key == "pm2" { "'pm2'" } else { "'embedded'" };
        let without = shortest(table).replace("'embedded'", runner);
        let with = format!("{without}{line}\n");
        let config = |text: &str| parse(text).unwrap_or_else(|it| panic!("{text}: {it:?}")).0;
        assert_eq!(config(&with), config(&without), "[{table}]: {line}");
        seen += 1;
    }
    seen
}

#[test]
fn a_key_in_a_comment_shows_its_default() {
    assert!(assert_defaults(FILE) > 50);
    let blocks: usize = blocks().into_iter().map(assert_defaults).sum();
    assert!(blocks > 10);
}

#[test]
fn the_shipped_file_has_every_key() {
    let mut written: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for it in self::written(FILE) {
        written.entry(it.table).or_default().push(it.key);
    }
    let mut tables: Vec<String> = keys_of("").into_keys().filter(|it| it != "runner").collect();
    tables.push("alerts.sink".to_owned());
    let mut missing = Vec::new();
    for table in tables {
        let here = written.remove(&table).unwrap_or_default();
        let keys = keys_of(&table).into_keys().filter(|it| it != "sink");
        missing.extend(keys.filter(|it| !here.contains(it)).map(|key| format!("[{table}] {key}")));
    }
    // What the sink is called, and what its table needs beside others, is said in the README.
    missing.retain(|it| it != "[alerts.sink] name");
    assert_eq!(missing, [""; 0], "redundancy.toml does not show these");
}

/// The configs in the README.
fn blocks() -> Vec<&'static str> {
    let after = README.split("```toml\n").skip(1);
    after.map(|it| it.split("\n```").next().unwrap()).collect()
}

#[test]
fn every_config_in_the_readme_is_sound() {
    assert!(blocks().len() > 8);
    for block in blocks() {
        assert!(parse(block).is_ok(), "{block}\n{:?}", parse(block));
    }
}
