//! The programs that it takes, where they come from and what is said without them; and the rest of
//! the verb.

use std::{fs, os::unix::fs::symlink};

use crate::{
    node,
    site::{PATIENT, Site},
};

const GOOD: (&str, &str) = ("good.js", "exports.handler = async () => ({})");

#[test]
fn without_node_nothing_is_called_good() {
    let site = Site::new(PATIENT, &[GOOD, ("bad.js", "let = {")]);
    let run = site.finish(site.command(&["test"]).env("PATH", &site.bin));
    // What shows without it is told all the same.
    assert_eq!(run.code, Some(2), "{}", run.out);
    assert!(
        run.out.contains("netlify/bad   failed      now     netlify/functions/bad.js:1: "),
        "{}",
        run.out
    );
    assert!(
        run.out.contains("netlify/good  not tested  -       testing needs Node.js"),
        "{}",
        run.out
    );
    let run = site.finish(site.command(&["test", "netlify/good"]).env("PATH", &site.bin));
    assert_eq!(run.code, Some(3), "{}", run.out);
}

#[test]
fn without_the_bundler_it_says_how_to_get_it() {
    let site = Site::bare(PATIENT, &[GOOD]);
    let (code, found) = site.test_one("good");
    assert_eq!((code, found.result.as_str()), (3, "not_tested"));
    for what in
        ["npm install -D @netlify/zip-it-and-ship-it", "`install_if_missing = true` in [netlify]"]
    {
        assert!(found.why.contains(what), "{}", found.why);
    }
}

#[test]
fn the_bundler_is_installed_where_the_config_says_so() {
    let config = format!("{PATIENT}snapshot = 'files'\n[netlify]\ninstall_if_missing = true\n");
    let site = Site::bare(&config, &[GOOD]);
    let (code, found) = site.test_one("good");
    assert_eq!((code, found.result.as_str()), (0, "passed"), "{}", found.why);
    let package = "tools/node_modules/@netlify/zip-it-and-ship-it/package.json";
    assert!(site.root.join(".redundancy").join(package).is_file());
    assert!(!site.root.join("node_modules").exists());
}

#[test]
fn a_bundler_that_breaks_down_is_no_fault_of_the_function() {
    let site = Site::bare(PATIENT, &[GOOD, ("other.js", GOOD.1)]);
    let folder = "node_modules/@netlify/zip-it-and-ship-it";
    site.write(&format!("{folder}/package.json"), "{\"version\":\"0\",\"main\":\"main.mjs\"}");
    site.write(&format!("{folder}/main.mjs"), "throw new Error('boom')");
    let (code, rows) = site.test(&[]);
    assert_eq!((code, rows.len()), (3, 2), "{rows:?}");
    assert!(rows.iter().all(|(_, it)| it.why.contains("broke down")), "{rows:?}");
    let text = "export const zipFunction = async () => { process.stdout.write('hello\\n') ; await new Promise(() => {}) }";
    site.write(&format!("{folder}/main.mjs"), text);
    let (code, rows) = site.test(&[]);
    assert_eq!((code, rows.len()), (3, 2), "{rows:?}");
    assert!(rows.iter().all(|(_, it)| it.why.contains("can't be understood")), "{rows:?}");
}

#[test]
fn a_package_that_is_listed_and_not_installed_is_no_fault_of_the_function() {
    let functions = [
        ("common.js", "exports.handler = require('stripe/x')"),
        ("lazy.mjs", "export default async () => new Response((await import('pg')).x)"),
        ("module.mjs", "import x from '@own/mail/x.js'\nexport const handler = async () => x"),
        ("unlisted.mjs", "import x from 'unlisted'\nexport default async () => x"),
        ("web.ts", "import x from 'stripe'\nexport default async () => new Response(x)"),
    ];
    let config = PATIENT.replace("'50s'", "'50s', status = 200");
    let site = Site::bare(&config, &functions);
    let tools = site.root.join(".redundancy/tools");
    fs::create_dir_all(&tools).unwrap();
    symlink(node::parts().join("node_modules"), tools.join("node_modules")).unwrap();
    site.write(
        "package.json",
        r#"{ "dependencies": { "stripe": "1", "pg": "1" }, "devDependencies": { "@own/mail": "1" } }"#,
    );
    site.write("pnpm-lock.yaml", "");
    let (code, rows) = site.test(&[]);
    assert_eq!(code, 2, "{rows:#?}");
    for (name, found) in &rows {
        let of = match name.as_str() {
            "unlisted" => {
                assert_eq!(found.result, "failed", "{found:?}");
                continue;
            }
            "lazy" => "pg",
            "module" => "@own/mail",
            _ => "stripe",
        };
        let why =
            format!(": package.json lists `{of}`, which is not installed here; run `pnpm install`");
        assert_eq!(found.result, "not_tested", "{name}: {found:?}");
        assert!(found.why.contains(&why), "{name}: {found:?}");
    }
    // It fails in its own way, whatever else is not installed.
    site.write(
        "netlify/functions/lazy.mjs",
        "throw new Error('boom')\nexport default await import('pg')",
    );
    assert_eq!(site.test_one("lazy").1.result, "failed");
}

#[test]
fn ids_that_nothing_has_are_refused() {
    let site = Site::new(PATIENT, &[GOOD]);
    let run = site.run(&["test", "netlify/none"]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("there is no function none in netlify/functions"), "{}", run.err);
    let run = site.run(&["test", "vercel/none"]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("there is no provider vercel"), "{}", run.err);
    let run = site.run(&["test", "embedded/mail", "netlify/good"]);
    assert_eq!(run.code, Some(3), "{}{}", run.out, run.err);
    assert!(run.out.contains("embedded has nothing to test"), "{}", run.out);
    assert!(run.out.contains("\n1 not tested, 1 passed\n"), "{}", run.out);
}

#[test]
fn without_functions_there_is_nothing_to_test() {
    let site = Site::bare("[controller]", &[GOOD]);
    let run = site.run(&["test"]);
    assert_eq!(
        (run.code, run.out.as_str()),
        (Some(0), "there is nothing to test: the config names no functions\n")
    );
    let site = Site::bare("[[function]]\nbacks_up = '*'", &[GOOD]);
    site.write("netlify.toml", "[functions");
    let run = site.run(&["test"]);
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("netlify.toml:1"), "{}", run.err);
}
