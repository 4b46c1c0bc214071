//! The JSON Schema: up to date, and of one mind with the loader.

use std::{fs, path::Path};

use redundancy::config::{parse, schema};
use serde_json::Value;

const FILE: &str = "schema/redundancy.schema.json";

#[test]
fn the_shipped_schema_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let text = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let shipped = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        shipped == text,
        "{FILE} is stale: run `UPDATE_SCHEMA=1 cargo test --test config schema`"
    );
}

#[test]
fn every_key_is_described_and_nothing_has_an_id() {
    fn walk(schema: &Value, way: &str, bad: &mut Vec<String>) {
        if schema.get("$id").is_some() {
            bad.push(format!("{way}: $id"));
        }
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            if property.get("description").is_none() {
                bad.push(format!("{way}.{key}"));
            }
        }
    }
    let schema = schema();
    assert_eq!(schema["title"], "redundancy.toml");
    let mut bad = Vec::new();
    walk(&schema, "", &mut bad);
    for (name, definition) in schema["definitions"].as_object().unwrap() {
        walk(definition, name, &mut bad);
    }
    assert_eq!(bad, [""; 0]);
    let look_every = &schema["definitions"]["Controller"]["properties"]["look_every"];
    assert_eq!(look_every["default"], "5m", "{look_every}");
}

/// Whether the schema takes the TOML `text`.
fn schema_takes(text: &str) -> bool {
    let document: toml::Value = toml::from_str(text).unwrap();
    let document = serde_json::to_value(document).unwrap();
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("file:///schema.json", schema()).unwrap();
    let schema = compiler.compile("file:///schema.json", &mut schemas).unwrap();
    schemas.validate(&document, schema).is_ok()
}

#[test]
fn the_schema_and_the_loader_agree() {
    let process = |more: &str| {
        let runner = if more.contains("runner") { "" } else { "runner = 'embedded'\n" };
        format!("{runner}[[process]]\nname = 'a'\ncommand = ['x']\n{more}")
    };
    let good = [
        "[controller]".to_owned(),
        "[controller]\nlook_every = '1h 30m'\nemergency_below = 0".to_owned(),
        "[failover]\nmode = 'parallel'\nbackoff = { initial = '1.5s', factor = 1.5 }".to_owned(),
        "[pm2]\nhome = '/x'\ninstall_if_missing = true\nnamespace = 'a'".to_owned(),
        "[netlify]\nfunctions_dir = 'x'\nsite = 'y'".to_owned(),
        "[alerts]\nremind_every = '2h'\nat_most = 5\ncalm = '0s'\nheartbeat_env = 'A'".to_owned(),
        "[[alerts.sink]]\nkind = 'webhook'\nurl_env = 'A'\nsecret_env = 'B'\nname = 'x'".to_owned(),
        "[[alerts.sink]]\nkind = 'command'\ncommand = ['x']\nmin_severity = 'critical'".to_owned(),
        process(""),
        process("backs_up = 'pm2/a b'\nmode = 'exclusive'\nrunner = 'pm2'\nstate = 'stopped'"),
        process("restart = 'on-failure'\nstop_signal = 'SIGUSR1'\nstop_timeout = '0s'"),
        process("cron = '*/5 * * * *'\ntimezone = 'UTC'\nenv = { A = 'b' }\ncwd = '/'"),
        process("log = { max_size = '10MiB', keep = 0 }\nbackoff = { max = '1m' }"),
        process("log = { max_size = 1024 }"),
        process("runner = 'pm2'\npm2 = { instances = 2, max_memory_restart = '1GiB' }"),
        process("env_files = ['.env']"),
        process("log = { max_size = '1.5 MB' }"),
        "[[process]]\nname = 'a'\nscript = 'x'\nargs = []\ninterpreter = 'none'".to_owned(),
        "[[workflow]]\nbacks_up = '*.yml'\nexcept = ['a', 'b']\nschedule = 'weekly'".to_owned(),
        "[[workflow]]\nbacks_up = '*'\nschedule = '*/6h'\nguard = false\nconcurrency = 'separate'"
            .to_owned(),
        "[[workflow]]\nbacks_up = '*'\nstale_after = '4h'\non_error = 'skip'".to_owned(),
        "[[workflow]]\nbacks_up = '*'\nmode = 'call'\ninputs = { a = 'b', c = 1, d = true, e = 1.5 }"
            .to_owned(),
        "[[function]]\nbacks_up = ['*']".to_owned(),
        "[[function]]\nbacks_up = '*'\ntest = { method = 'POST', path = '/x', headers = { a = 'b' }, body = '', status = 201, env = { A = 'b' }, timeout = '1m' }"
            .to_owned(),
        "[[function]]\nbacks_up = '*'\ntest = {}".to_owned(),
    ];
    for text in &good {
        assert!(parse(text).is_ok(), "the loader refuses {text}: {:?}", parse(text));
        assert!(schema_takes(text), "the schema refuses {text}");
    }
    let bad = [
        "x = 1".to_owned(),
        "controller = []".to_owned(),
        "process = 5".to_owned(),
        "process = [['a']]".to_owned(),
        "[[function]]\nbacks_up = '*'\ntest = { status = 42 }".to_owned(),
        "[[function]]\nbacks_up = '*'\ntest = { method = 'get' }".to_owned(),
        "[[function]]\nbacks_up = '*'\ntest = { path = 'x' }".to_owned(),
        "[[function]]\nbacks_up = '*'\ntest = { env = { A = 1 } }".to_owned(),
        "[[function]]\nbacks_up = '*'\ntest = 'x'".to_owned(),
        "[controller]\nlook_every = 5".to_owned(),
        "[controller]\nlook_every = 'soon'".to_owned(),
        "[controller]\nlook_every = '1d'".to_owned(),
        "[controller]\nemergency_below = 1.1".to_owned(),
        "[failover]\nfall = 0".to_owned(),
        "[alerts]\nat_most = 0".to_owned(),
        "[alerts]\nsink = 'slack'".to_owned(),
        "[[alerts.sink]]\nurl_env = 'A'".to_owned(),
        "[[alerts.sink]]\nkind = 'pager'\nurl_env = 'A'".to_owned(),
        "[[alerts.sink]]\nkind = 'slack'\nurl_env = 'A'\nmin_severity = 'bad'".to_owned(),
        "[failover]\nmode = 'both'".to_owned(),
        "[failover]\nbackoff = { factor = 0.5 }".to_owned(),
        "[failover]\nbackoff = ['1s']".to_owned(),
        "[[process]]\ncommand = ['x']".to_owned(),
        "[[process]]\nname = 'a'".to_owned(),
        "[[process]]\nname = 'a'\ncommand = []".to_owned(),
        "[[process]]\nname = 'a'\nscript = 5".to_owned(),
        "[[process]]\nname = '../x'\nscript = 'x'".to_owned(),
        format!("[[process]]\nname = '{}'\nscript = 'x'", "a".repeat(121)),
        process("script = 'x'"),
        process("args = ['x']"),
        process("interpreter = 'x'"),
        process("timezone = 'UTC'"),
        process("max_restarts = -1"),
        process("max_restarts = 1.5"),
        process("env = { A = 1 }"),
        process("stop_signal = 'SIGKILL'"),
        process("log = { max_size = 'big' }"),
        process("log = { max_size = 0 }"),
        process("log = { max_size = -1 }"),
        process("log = { x = 1 }"),
        "[[workflow]]\nschedule = 'daily'".to_owned(),
        "[[workflow]]\nbacks_up = ''".to_owned(),
        "[[workflow]]\nbacks_up = '*'\nmode = 'both'".to_owned(),
        "[[workflow]]\nbacks_up = '*'\non_error = true".to_owned(),
        "[[workflow]]\nbacks_up = '*'\nmode = 'call'\ninputs = { a = ['b'] }".to_owned(),
        "[[workflow]]\nbacks_up = '*'\nstale_after = '2d'".to_owned(),
        "[[function]]\nbacks_up = [5]".to_owned(),
        "[[function]]\nbacks_up = '*'\nschedule = 'daily'".to_owned(),
    ];
    for text in &bad {
        assert!(parse(text).is_err(), "the loader takes {text}");
        assert!(!schema_takes(text), "the schema takes {text}");
    }
}
