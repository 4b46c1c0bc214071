//! What has passed is not tried again until something of it changes, and what is made from it waits
//! for that.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::Value;

use crate::site::{PATIENT, Site};

const MAIN: &str = "exports.handler = async () => require('./lib/answer')";

#[test]
fn what_has_passed_is_tried_again_only_when_something_of_it_changes() {
    let site = Site::new(
        PATIENT,
        &[("mail.js", MAIN), ("lib/answer.js", "module.exports = { statusCode: 200 }")],
    );
    let runs = site.count_node();
    let mut before = 0;
    let mut tested = |args: &[&str], code: i32, why: &str| {
        let (ended, rows) = site.test(args);
        assert_eq!(ended, code, "{rows:?}");
        let since = runs() - before;
        before = runs();
        assert_eq!(since > 0, why != "remembered", "{why}: {since} runs, {rows:?}");
    };
    tested(&[], 0, "it is new");
    tested(&[], 0, "remembered");
    tested(&["netlify/mail"], 0, "remembered");
    tested(&["--again"], 0, "it is asked for");
    site.write("netlify/functions/lib/answer.js", "module.exports = { statusCode: 201 }");
    tested(&[], 0, "a file that it imports is another");
    tested(&[], 0, "remembered");
    site.write("package-lock.json", "{}");
    tested(&[], 0, "the packages are others");
    tested(&[], 0, "remembered");
    site.write("redundancy.toml", &PATIENT.replace("'50s'", "'50s', status = 201"));
    let status = site.run(&["status"]).out;
    assert!(status.contains("untested"), "how it answers is not known: {status}");
    tested(&[], 0, "the event is another");
    tested(&[], 0, "remembered");
    site.write("netlify/functions/lib/answer.js", "throw new Error('boom')");
    tested(&[], 2, "it is broken");
    tested(&[], 2, "what fails is tried each time");
}

#[test]
fn a_failure_is_told_until_a_test_finds_that_nobody_knows() {
    let site = Site::new(PATIENT, &[("pays.js", "exports.handler = require('stripe')")]);
    let status = || site.run(&["status"]).out;
    assert_eq!(site.test(&[]).0, 2);
    assert!(status().contains("failing"), "{}", status());
    // All that was wrong is that it is not installed.
    site.write("package.json", r#"{ "dependencies": { "stripe": "1" } }"#);
    let (code, found) = site.test_one("pays");
    assert_eq!((code, found.result.as_str()), (3, "not_tested"), "{}", found.why);
    let status = status();
    assert!(status.contains("untested") && !status.contains("failing"), "{status}");
    // What has passed stays so where a test could not be made.
    site.write("netlify/functions/pays.js", "exports.handler = async () => ({})");
    assert_eq!(site.test_one("pays").0, 0);
    let run =
        site.finish(site.command(&["test", "--again", "netlify/pays"]).env("PATH", &site.bin));
    assert_eq!(run.code, Some(3), "{}", run.out);
    let status = site.run(&["status"]).out;
    assert!(!status.contains("untested") && !status.contains("failing"), "{status}");
}

#[test]
fn a_verdict_is_kept_for_its_owner_alone_and_says_by_what() {
    let site = Site::new(PATIENT, &[("mail.js", "exports.handler = async () => ({})")]);
    assert_eq!(site.test(&[]).0, 0);
    let folder = site.root.join(".redundancy/netlify/tests");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let verdict: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!(verdict["passed"], true);
    assert_eq!(verdict["tool"]["@netlify/zip-it-and-ship-it"], "14.7.1");
    assert!(verdict["tool"]["node"].as_str().unwrap().starts_with('v'), "{verdict}");
    let ignored = fs::read_to_string(site.root.join(".redundancy/.gitignore")).unwrap();
    assert_eq!(ignored, "*\n");
}

#[test]
fn a_backup_is_made_anew_only_from_what_has_passed() {
    let site =
        Site::new(PATIENT, &[("mail.js", "exports.handler = async () => ({ statusCode: 200 })")]);
    let plan = || site.run(&["plan"]).out;
    assert_eq!(site.run(&["apply", "--yes"]).code, Some(0));
    site.write(
        "netlify/functions/mail.js",
        "throw new Error('boom')\nexports.handler = async () => ({ statusCode: 201 })",
    );
    assert_eq!(site.test(&["netlify/mail"]).0, 2);
    let kept = plan();
    assert!(kept.contains("failed `redundancy test`"), "{kept}");
    assert_eq!(site.test(&["netlify/mail-backup"]).0, 0, "the old snapshot works");
    site.write("netlify/functions/mail.js", "exports.handler = async () => ({ statusCode: 202 })");
    assert!(plan().contains("has not passed `redundancy test` yet"), "{}", plan());
    assert_eq!(site.test(&["netlify/mail"]).0, 0);
    let renewed = plan();
    assert!(renewed.contains("update") && renewed.contains("202"), "{renewed}");
}
