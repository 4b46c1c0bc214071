//! Functions in zip files: the primary is tried as it is, and its backup from what it holds.

use std::fs;

use crate::{
    site::{PATIENT, Site},
    zips::zip,
};

const V1: &str = "exports.handler = async () => ({ statusCode: 200, body: 'one' })\n";

fn write(site: &Site, name: &str, files: &[(&str, &str)]) {
    fs::create_dir_all(site.root.join("netlify/functions")).unwrap();
    fs::write(site.root.join(format!("netlify/functions/{name}.zip")), zip(files)).unwrap();
}

#[test]
fn what_is_in_a_zip_file_is_tried_as_it_is() {
    let site = Site::new(&PATIENT.replace("'50s'", "'50s', status = 200"), &[]);
    let bootstrap = "import * as bootstrap from './___netlify-bootstrap.mjs';\
                     export const handler = bootstrap.getLambdaHandler('./src/main.mjs')";
    let web = "import { readFileSync } from 'node:fs'\n\
               export default async () => new Response(readFileSync(new URL('x', import.meta.url)))";
    write(&site, "common", &[("common.js", V1)]);
    write(&site, "climbs", &[("climbs.js", V1), ("../x.js", "")]);
    write(&site, "fails", &[("fails.js", "exports.handler = async () => ({ statusCode: 500 })")]);
    write(&site, "indexed", &[("index.js", V1)]);
    write(&site, "lacks", &[("lacks.mjs", "import 'not-in-it'\nexport const handler = 1")]);
    write(
        &site,
        "web",
        &[
            ("___netlify-entry-point.mjs", bootstrap),
            ("___netlify-bootstrap.mjs", "throw new Error('only Netlify has what this needs')"),
            ("src/main.mjs", web),
            ("src/x", "x"),
        ],
    );
    fs::write(site.root.join("netlify/functions/no-zip.zip"), "PK").unwrap();
    site.write("package.json", r#"{ "dependencies": { "not-in-it": "1" } }"#);
    let (code, rows) = site.test(&[]);
    assert_eq!(code, 2, "{rows:#?}");
    let rows: Vec<String> =
        rows.iter().map(|(name, it)| format!("{name} {}: {}", it.result, it.why)).collect();
    insta::assert_snapshot!(rows.join("\n"), @r"
        fails failed: netlify/functions/fails.zip: GET / is answered with 500 and not with 200
        indexed failed: netlify/functions/indexed.zip: Netlify calls `indexed.handler` of it, and there is no indexed.js, indexed.mjs or indexed.cjs at its top; nobody calls `index.js` in it
        lacks failed: netlify/functions/lacks.zip: while it is loaded, it throws: Error: Cannot find package 'not-in-it' imported from /lacks.mjs
        no-zip failed: netlify/functions/no-zip.zip: this is no zip file that can be unpacked: invalid Zip archive: Could not find EOCD
        climbs not_tested: netlify/functions/climbs.zip: `../x.js` in it names a place that is not plainly inside of it
        common passed: it can be bundled and loaded, and answers GET /
        web passed: it can be bundled and loaded, and answers GET /
        ");
    assert_eq!(site.run(&["apply", "--yes"]).code, Some(0));
    for name in ["common-backup", "web-backup"] {
        let (code, found) = site.test_one(name);
        assert_eq!((code, found.result.as_str()), (0, "passed"), "{}", found.why);
        assert!(found.why.contains("answers its probe"), "{}", found.why);
    }
}

#[test]
fn a_changed_zip_file_is_shown_by_what_is_in_it_and_taken_when_it_has_passed() {
    let site = Site::new(PATIENT, &[]);
    // Nothing that packs well.
    let digit =
        |it: u64| char::from_digit(u32::try_from(it * it * 7919 % 65_521 % 16).unwrap(), 16);
    let noise: String = (0..12_000).filter_map(digit).collect();
    write(&site, "mail", &[("mail.js", V1), ("lib/data", &noise)]);
    assert_eq!(site.run(&["apply", "--yes"]).code, Some(0));
    let snapshot = site.root.join("netlify/functions/mail-backup/lkg.cjs");
    let before = fs::read_to_string(&snapshot).unwrap();
    write(&site, "mail", &[("mail.js", V1), ("lib/data", &noise.replace('7', "8"))]);
    site.run(&["apply", "--yes"]);
    assert_eq!(fs::read_to_string(&snapshot).unwrap(), before, "it was not tested yet");
    assert_eq!(site.test_one("mail").0, 0);
    for form in [&["plan"][..], &["plan", "--markdown"]] {
        let plan = site.run(form).out;
        assert!(plan.contains("path: \"lib/data\", bytes: "), "{plan}");
        assert!(plan.contains("more characters"), "{plan}");
        assert!(plan.lines().all(|it| it.len() < 1_100), "{plan}");
        assert!(!plan.contains("-  { path: \"mail.js\""), "it is as it was: {plan}");
    }
    assert_eq!(site.run(&["apply", "--yes"]).code, Some(0));
    assert_ne!(fs::read_to_string(&snapshot).unwrap(), before);
    assert_eq!(site.test_one("mail-backup").0, 0);
    // What is tried from now on is what is there now.
    write(&site, "mail", &[("mail.js", "throw new Error('boom')")]);
    let (code, found) = site.test_one("mail");
    assert_eq!((code, found.result.as_str()), (2, "failed"), "{}", found.why);
    assert!(
        found.why.contains("it throws: Error: boom (mail.js:1:7 of the bundle)"),
        "{}",
        found.why
    );
    let (code, _) = site.test_one("mail-backup");
    assert_eq!(code, 0);
}
