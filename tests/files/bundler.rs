//! What Netlify's own bundler makes of the backups, and how they answer.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    World,
    forms::{FIRST, SECOND, SHARED, name},
    node, told,
};

/// What the bundler said of one function.
#[derive(Debug, Deserialize)]
pub(crate) struct Bundled {
    pub(crate) name: String,
    pub(crate) version: u8,
    pub(crate) schedule: Option<String>,
    pub(crate) routes: Vec<Value>,
    pub(crate) invoked: String,
    pub(crate) file: PathBuf,
}

/// What a function answered: its answer, or what it threw, and what it logged.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Answer {
    pub(crate) status: Option<u16>,
    pub(crate) headers: Option<BTreeMap<String, String>>,
    pub(crate) body: Option<String>,
    pub(crate) threw: Option<String>,
    pub(crate) log: Vec<String>,
}

const FOLDER: &str = "netlify/functions";

/// A project with these functions, whose backups are there, with snapshots of this form.
fn site(form: &str, functions: &[(&str, &str)]) -> World {
    let functions: Vec<(String, &str)> =
        functions.iter().map(|(file, text)| (format!("{FOLDER}/{file}"), *text)).collect();
    let functions = functions.iter().map(|(file, text)| (file.as_str(), *text));
    let files: Vec<_> = functions.chain(SHARED.iter().copied()).collect();
    let world = World::new(&format!("[[function]]\nbacks_up = '*'\nsnapshot = '{form}'"), &files);
    if form == "bundle" {
        // What the tests have installed stands for what the project has.
        symlink(node::package("esbuild"), world.path("node_modules/esbuild")).unwrap();
    }
    let plan = world.plan();
    assert!(plan.held.is_empty(), "{}", told(&plan));
    world.settle();
    world
}

pub(crate) fn bundle(world: &World, config: &Value, only: &str) -> BTreeMap<String, Bundled> {
    let (folder, out) = (world.path(FOLDER), world.path("out"));
    let _ = fs::remove_dir_all(&out);
    let config = config.to_string();
    let args = [folder.to_str().unwrap(), out.to_str().unwrap(), &config, only];
    let bundled: Vec<Bundled> = node::script("bundle.mjs", &args);
    bundled.into_iter().map(|it| (it.name.clone(), it)).collect()
}

/// Calls a function in a process of its own.
pub(crate) fn call(file: &Path, version: u8, headers: &Value) -> Answer {
    let (version, headers) = (version.to_string(), headers.to_string());
    node::script("call.mjs", &[file.to_str().unwrap(), &version, &headers])
}

pub(crate) fn asked(it: &Bundled) -> Answer {
    call(&it.file, it.version, &json!({}))
}

/// The lines that the wrapper has written, of which there is one for each call.
fn logged(answer: &Answer) -> Value {
    let lines = answer.log.iter().filter_map(|it| serde_json::from_str::<Value>(it).ok());
    let ours: Vec<Value> = lines.filter(|it| it["source"] == "redundancy").collect();
    assert_eq!(ours.len(), 1, "{answer:?}");
    ours.into_iter().next().unwrap()
}

/// Whether a backup answered that it can't answer.
pub(crate) fn fell_back(name: &str, answer: &Answer, status: u16, message: &str) {
    assert_eq!(answer.status, Some(status), "{name}: {answer:?}");
    let headers = [
        ("cache-control", "no-store"),
        ("content-type", "application/json"),
        ("retry-after", "30"),
        ("x-redundancy", "fallback"),
    ];
    let headers = headers.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(answer.headers, Some(headers.into()), "{name}");
    assert_eq!(answer.body, Some(json!({ "error": message }).to_string()), "{name}");
    let line = logged(answer);
    assert_eq!((&line["outcome"], &line["status"]), (&json!("failed"), &json!(status)), "{line}");
}

fn every_form_answers_as_its_primary(form: &str) {
    let mut functions = [FIRST, SECOND].concat();
    if form == "bundle" {
        // What waits at its top can't be one CommonJS file.
        functions.retain(|(file, _)| *file != "web-waits.mjs");
    }
    let world = site(form, &functions);
    let bundled = bundle(&world, &json!({}), "");
    assert_eq!(bundled.len(), functions.len() * 2, "{:?}", bundled.keys());
    for (file, _) in functions {
        let (primary, backup) = (&bundled[name(file)], &bundled[&format!("{}-backup", name(file))]);
        assert_eq!((&backup.schedule, backup.routes.len()), (&None, 0), "{file}");
        assert_eq!(
            (backup.version, &backup.invoked),
            (primary.version, &primary.invoked),
            "{file}"
        );
        let (first, second) = (asked(primary), asked(backup));
        assert_eq!(first.threw, None, "{file}");
        assert_eq!(
            (first.status, &first.headers, &first.body),
            (second.status, &second.headers, &second.body),
            "{file}: {second:?}"
        );
        assert_eq!(logged(&second)["outcome"], "answered", "{file}");
    }
    assert_eq!(bundled["web-timed"].schedule.as_deref(), Some("@daily"), "it keeps its own");
    assert_eq!(bundled["web"].routes.len(), 2, "it keeps its own");
}

#[test]
fn every_form_answers_as_its_primary_from_its_files() {
    every_form_answers_as_its_primary("files");
}

#[test]
fn every_form_answers_as_its_primary_from_its_bundle() {
    every_form_answers_as_its_primary("bundle");
}

/// What is done to a primary and to what it imports.
fn break_it(world: &World, file: &str, how: &str) {
    let path = format!("{FOLDER}/{file}");
    let text = world.read(&path);
    match how {
        "syntax" => world.write(&path, format!("{text}\n}}}}}}")),
        "throw" => world.write(&path, format!("{text}\nthrow new Error('broken')")),
        "gone" => world.remove(&path),
        "import" => world.write(&path, format!("import './gone.mjs'\n{text}")),
        _ => unreachable!(),
    }
}

#[test]
fn a_backup_works_whatever_becomes_of_its_primary() {
    for form in ["files", "bundle"] {
        let files = ["esm.mjs", "moduled.js", "packaged-esm.ts", "web-typed.mts", "web-object.mjs"];
        let functions: Vec<_> =
            [FIRST, SECOND].concat().into_iter().filter(|it| files.contains(&it.0)).collect();
        let world = site(form, &functions);
        let before = bundle(&world, &json!({}), "-backup");
        let before: BTreeMap<_, _> = before.iter().map(|(name, it)| (name, asked(it))).collect();
        for how in ["throw", "import", "syntax", "gone"] {
            let texts: Vec<_> = files.map(|it| world.read(&format!("{FOLDER}/{it}"))).into();
            for file in files {
                break_it(&world, file, how);
            }
            world.apply(&world.plan()).unwrap();
            fs::rename(world.path(FOLDER).join("shared"), world.path("shared-is-away")).unwrap();
            let after = bundle(&world, &json!({}), "-backup");
            assert_eq!(after.len(), files.len(), "{how}");
            for (name, it) in &after {
                let (now, then) = (asked(it), &before[name]);
                assert_eq!(
                    (now.status, &now.body),
                    (then.status, &then.body),
                    "{form} {how}: {now:?}"
                );
                assert!(now.status < Some(300), "{name}: {now:?}");
            }
            fs::rename(world.path("shared-is-away"), world.path(FOLDER).join("shared")).unwrap();
            for (file, text) in files.iter().zip(texts) {
                world.write(&format!("{FOLDER}/{file}"), text);
            }
        }
    }
}

#[test]
fn what_fails_is_answered_and_says_nothing_of_why() {
    let throws = "throw new Error('the password is x')";
    let reject = "(event, context, callback) => callback(new Error('the password is x'))";
    let functions = [
        ("throws.js", format!("exports.handler = async () => {{ {throws} }}")),
        ("throws-early.js", format!("exports.handler = () => {{ {throws} }}")),
        ("rejects.js", format!("exports.handler = {reject}")),
        (
            "throws-nothing.mjs",
            "export const handler = async () => { throw Object.create(null) }".into(),
        ),
        ("web-throws.mjs", format!("export default async () => {{ {throws} }}")),
        ("web-throws-early.mts", format!("export default (): Response => {{ {throws} }}")),
        ("unloadable.js", format!("{throws}\nexports.handler = async () => ({{}})")),
        ("unloadable-esm.mjs", format!("{throws}\nexport const handler = async () => ({{}})")),
        ("missing.js", "exports.handler = undefined".into()),
        ("web-unloadable.mjs", format!("{throws}\nexport default async () => new Response('')")),
        ("web-unloadable.ts", format!("{throws}\nexport default async () => new Response('')")),
        ("broken-package.js", "require('loud')\nexports.handler = async () => ({})".into()),
        ("broken-package-esm.mjs", "import 'loud'\nexport const handler = async () => ({})".into()),
        (
            "web-broken-package.mjs",
            "import 'loud'\nexport default async () => new Response('')".into(),
        ),
        ("hangs.js", "exports.handler = () => new Promise(() => {})".into()),
        (
            "hangs-early.mjs",
            "await new Promise(() => {})\nexport const handler = async () => ({})".into(),
        ),
    ];
    let functions: Vec<(&str, &str)> =
        functions.iter().map(|(file, it)| (*file, it.as_str())).collect();
    let world = site("files", &functions);
    world.write("node_modules/loud/loud.js", throws);
    let bundled = bundle(&world, &json!({}), "-backup");
    for (file, _) in functions {
        let answer = asked(&bundled[&format!("{}-backup", name(file))]);
        let (status, message) = match file {
            _ if file.contains("hangs") => (504, "the function took too long"),
            _ if file.contains("throws") || file.contains("rejects") => {
                (502, "the function failed")
            }
            _ => (503, "the function could not be loaded"),
        };
        fell_back(file, &answer, status, message);
    }
}

#[test]
fn a_package_that_is_gone_does_not_end_the_bundling_and_is_answered() {
    let world = site(
        "files",
        &[
            ("a.mjs", "import 'loud'\nexport const handler = async () => ({})"),
            ("b.mjs", "import 'loud'\nexport default async () => new Response('')"),
        ],
    );
    fs::remove_dir_all(world.path("node_modules/loud")).unwrap();
    let esbuild = json!({ "*": { "nodeBundler": "esbuild" } });
    for (_, it) in bundle(&world, &esbuild, "-backup") {
        fell_back(&it.name, &asked(&it), 503, "the function could not be loaded");
    }
    // With its packages in it, a snapshot does not miss them.
    let world = site("bundle", &[FIRST[14], SECOND[6]]);
    fs::remove_dir_all(world.path("node_modules/loud")).unwrap();
    let bundled = bundle(&world, &json!({}), "-backup");
    assert_eq!(asked(&bundled["packaged-backup"]).body.as_deref(), Some("/x!"));
    assert_eq!(asked(&bundled["web-packaged-backup"]).body.as_deref(), Some("/x!"));
}

#[test]
fn a_probe_loads_the_snapshot_and_does_no_work() {
    let world = site(
        "files",
        &[
            ("a.js", "exports.handler = async () => { throw new Error('it works') }"),
            ("b.mts", "export default async () => { throw new Error('it works') }"),
            ("c.js", "throw new Error('the password is x')\nexports.handler = 1"),
            ("d.mjs", "throw new Error('the password is x')\nexport default 1"),
        ],
    );
    let bundled = bundle(&world, &json!({}), "-backup");
    let probe = json!({ "X-Redundancy-Probe": "1" });
    for (_, it) in bundled {
        let answer = call(&it.file, it.version, &probe);
        if it.name.as_str() < "c" {
            let body: Value = serde_json::from_str(answer.body.as_ref().unwrap()).unwrap();
            assert_eq!((answer.status, &body["ok"]), (Some(200), &json!(true)), "{answer:?}");
            assert_eq!(answer.headers.as_ref().unwrap()["x-redundancy"], "probe");
            assert_eq!(logged(&answer)["outcome"], "probed");
        } else {
            fell_back(&it.name, &answer, 503, "the function could not be loaded");
        }
    }
}

#[test]
fn what_nobody_waits_for_throws_on() {
    let throws = "throw new Error('it failed')";
    let scheduled = format!(
        "export default async () => {{ {throws} }}\nexport const config = {{ schedule: '@daily' }}"
    );
    let background = format!("export default async () => {{ {throws} }}");
    let helped = format!(
        "const {{ schedule }} = require('@netlify/functions')\nexports.handler = schedule('@daily', async () => {{ {throws} }})"
    );
    let world = site(
        "files",
        &[
            ("a.mjs", scheduled.as_str()),
            ("b-background.mjs", background.as_str()),
            ("c.js", helped.as_str()),
        ],
    );
    let bundled = bundle(&world, &json!({}), "-backup");
    assert_eq!(bundled["b-background-backup"].invoked, "background");
    for (_, it) in bundled {
        assert_eq!(it.schedule, None, "{}", it.name);
        let answer = asked(&it);
        assert_eq!(answer.threw.as_deref(), Some("it failed"), "{}: {answer:?}", it.name);
        assert_eq!(logged(&answer)["message"], "the function failed");
    }
}

#[test]
fn a_function_of_the_first_style_in_the_background_has_its_backup_there_too() {
    let world = World::of_functions(&[(
        "a-background.js",
        "exports.handler = async () => { throw new Error('it failed') }",
    )]);
    let held = told(&world.plan());
    assert!(
        held.contains("write `[functions.\"a-background-backup\"]` with `background = true`"),
        "{held}"
    );
    world.write("netlify.toml", "[functions.'a-background-backup']\nbackground = true\n");
    world.settle();
    let config = json!({ "a-background-backup": { "background": true } });
    let bundled = bundle(&world, &config, "-backup");
    let backup = &bundled["a-background-backup"];
    assert_eq!(backup.invoked, "background");
    assert_eq!(asked(backup).threw.as_deref(), Some("it failed"));
}
