//! Functions in zip files, which Netlify's bundler takes as they are: which of them have backups, and what is
//! refused of them.

use std::{
    collections::BTreeSet,
    io::{Cursor, Write as _},
};

use redundancy::core::{change::Change, plan::Plan};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    World,
    bundler::{asked, bundle},
    id, node, told,
    zips::{of_bytes, zip},
};

const V1: &str = "exports.handler = async () => ({ statusCode: 200 })\n";

pub(crate) fn of_zips(config: &str, zips: &[(&str, Vec<u8>)]) -> World {
    let world = World::new(config, &[]);
    for (name, bytes) in zips {
        world.write(&format!("netlify/functions/{name}.zip"), bytes);
    }
    world
}

/// A zip file of these files, which are not packed.
pub(crate) fn stored(files: &[(&str, &str)]) -> Vec<u8> {
    let files = files.iter().map(|(path, text)| (*path, text.as_bytes()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    of_bytes(files, options)
}

/// A zip file with a symbolic link in it.
fn linked() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("linked.js", SimpleFileOptions::default()).unwrap();
    zip.write_all(V1.as_bytes()).unwrap();
    zip.add_symlink("etc", "/etc", SimpleFileOptions::default()).unwrap();
    zip.finish().unwrap().into_inner()
}

/// A zip file in which two files share their bytes.
fn shared() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("shared.js", SimpleFileOptions::default()).unwrap();
    zip.write_all(V1.as_bytes()).unwrap();
    zip.shallow_copy_file("shared.js", "more.js").unwrap();
    zip.finish().unwrap().into_inner()
}

/// The same zip file with every `from` replaced, which has as many bytes.
fn patched(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let places: Vec<usize> =
        (0..=bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + from.len()].copy_from_slice(to);
    }
    bytes
}

/// The same zip file whose entries say that they are encrypted.
fn encrypted(mut bytes: Vec<u8>) -> Vec<u8> {
    for (head, flags) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let at = (0..bytes.len()).find(|at| bytes[*at..].starts_with(head)).unwrap();
        bytes[at + flags] |= 1;
    }
    bytes
}

#[test]
fn a_zip_file_that_would_not_be_unpacked_as_it_says_is_refused() {
    let zeros = vec![0; 65 * 1024 * 1024];
    let huge = "x".repeat(9 * 1024 * 1024);
    let many: Vec<String> = (0..4_001).map(|it| format!("{it}.js")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|it| (it.as_str(), "")).collect();
    let deflated = SimpleFileOptions::default();
    let twice = zip(&[("twice.js", V1), ("twixe.js", V1)]);
    let world = of_zips(
        "[[function]]\nbacks_up = '*'",
        &[
            ("bomb", of_bytes([("bomb.js", zeros.as_slice())], deflated)),
            ("broken", zip(&[("broken.js", "exports.handler = }")])),
            ("climbs", zip(&[("climbs.js", V1), ("../climbs.js", V1)])),
            ("cut", zip(&[("cut.js", V1)])[..80].to_vec()),
            ("default-only", zip(&[("default-only.mjs", "export default () => {}")])),
            ("encrypted", encrypted(zip(&[("encrypted.js", V1)]))),
            ("folder", zip(&[("folder.js", V1), ("folder.js/x", "")])),
            ("huge", stored(&[("huge.js", &huge)])),
            ("indexed", zip(&[("index.js", V1)])),
            ("inside", zip(&[("inside/inside.js", V1)])),
            ("linked", linked()),
            ("many", zip(&many)),
            ("no-zip", b"PK".to_vec()),
            ("nothing", Vec::new()),
            ("odd-entry", zip(&[("___netlify-entry-point.mjs", "export default 1")])),
            ("plain", zip(&[("plain.js", V1)])),
            ("rooted", zip(&[("rooted.js", V1), ("/etc/rooted.js", V1)])),
            ("shared", shared()),
            ("spoilt", patched(stored(&[("spoilt.js", V1)]), b"200", b"201")),
            ("twice", patched(twice, b"twixe.js", b"twice.js")),
        ],
    );
    insta::assert_snapshot!(told(&world.plan()), @r"
        create netlify/plain-backup: the config asks for it and it is not there
        held netlify/bomb-backup: netlify/functions/bomb.zip: unpacked it has more than 64 MB, and as much is not unpacked whenever a backup starts
        held netlify/broken-backup: netlify/functions/broken.zip/broken.js:1: this is no valid code: Unexpected token
        held netlify/climbs-backup: netlify/functions/climbs.zip: `../climbs.js` in it names a place that is not plainly inside of it
        held netlify/cut-backup: netlify/functions/cut.zip: this is no zip file that can be unpacked: invalid Zip archive: Could not find EOCD
        held netlify/default-only-backup: netlify/functions/default-only.zip/default-only.mjs: Netlify calls the `handler` of what is in a zip file, and this file exports none
        held netlify/encrypted-backup: netlify/functions/encrypted.zip: `encrypted.js` in it is encrypted
        held netlify/folder-backup: netlify/functions/folder.zip: `folder.js` in it is a file and a folder
        held netlify/huge-backup: netlify/functions/huge.zip: it has 9217 KB, and files of more than 8192 KB are not read
        held netlify/indexed-backup: netlify/functions/indexed.zip: Netlify calls `indexed.handler` of it, and there is no indexed.js, indexed.mjs or indexed.cjs at its top; nobody calls `index.js` in it
        held netlify/inside-backup: netlify/functions/inside.zip: Netlify calls `inside.handler` of it, and there is no inside.js, inside.mjs or inside.cjs at its top
        held netlify/linked-backup: netlify/functions/linked.zip: `etc` in it is a symbolic link, which is not followed; zip what it leads to
        held netlify/many-backup: netlify/functions/many.zip: 4001 files are in it, and one of more than 4000 is not unpacked
        held netlify/no-zip-backup: netlify/functions/no-zip.zip: this is no zip file that can be unpacked: invalid Zip archive: Could not find EOCD
        held netlify/nothing-backup: netlify/functions/nothing.zip: this is no zip file that can be unpacked: invalid Zip archive: Could not find EOCD
        held netlify/odd-entry-backup: netlify/functions/odd-entry.zip: its `___netlify-entry-point.mjs` is none that Netlify's bundler writes
        held netlify/rooted-backup: netlify/functions/rooted.zip: `/etc/rooted.js` in it names a place outside of it
        held netlify/shared-backup: netlify/functions/shared.zip: files in it share their bytes, as in no zip file that was made to be unpacked
        held netlify/spoilt-backup: netlify/functions/spoilt.zip: `spoilt.js` in it can't be unpacked: Invalid checksum
        held netlify/twice-backup: netlify/functions/twice.zip: two files of one name are in it, and which of them counts nobody says
        ");
    assert!(!world.path("netlify/climbs.js").exists());
}

/// The functions of which Netlify's bundler takes the zip file.
fn taken_zipped(world: &World) -> BTreeSet<String> {
    let bundler = node::package("@netlify/zip-it-and-ship-it");
    let script = format!(
        "import {{ zipFunctions }} from {}\nconst all = await zipFunctions(process.argv[1], process.argv[2])\n\
         const zips = all.filter((it) => it.mainFile.endsWith('.zip'))\n\
         console.log(JSON.stringify(zips.map((it) => it.name)))",
        serde_json::Value::from(bundler.join("dist/main.js").to_str().unwrap()),
    );
    let (folder, out) = (world.path("netlify/functions"), world.path("taken"));
    let paths = [folder.to_str().unwrap(), out.to_str().unwrap()];
    let args = [&["--input-type=module", "--eval", &script], paths.as_slice()].concat();
    serde_json::from_str(&node::node(&args).0).unwrap()
}

#[test]
fn of_a_zip_file_and_another_file_of_its_name_the_one_that_netlify_takes_is_backed_up() {
    let module = "export const handler = async () => ({ statusCode: 200 })\n";
    let others = [
        ("js.js", V1),
        ("mjs.mjs", module),
        ("cjs.cjs", V1),
        ("ts.ts", module),
        ("tsx.tsx", module),
        ("mts.mts", module),
        ("cts.cts", V1),
        ("folder/index.js", V1),
        ("same/same.ts", module),
    ];
    let name = |file: &str| file.split(['.', '/']).next().unwrap().to_owned();
    let names: BTreeSet<String> = others.iter().map(|(file, _)| name(file)).collect();
    let zips: Vec<(&str, Vec<u8>)> =
        names.iter().map(|it| (it.as_str(), zip(&[(&format!("{it}.js"), V1)]))).collect();
    let world = of_zips("[[function]]\nbacks_up = '*'", &zips);
    for (file, text) in others {
        world.write(&format!("netlify/functions/{file}"), text);
    }
    let expected = taken_zipped(&world);
    assert!(expected.len() > 1 && expected.len() < names.len(), "{expected:?}");
    let plan = world.plan();
    assert!(plan.held.is_empty(), "{}", told(&plan));
    world.settle();
    let is_zipped = |it: &&String| {
        let snapshot = world.read(&format!("netlify/functions/{it}-backup/lkg.cjs"));
        snapshot.contains(&format!("\n  {{ path: \"{it}.js\", bytes: "))
    };
    assert_eq!(names.iter().filter(is_zipped).cloned().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn a_manifest_names_what_is_zipped_as_any_other_function() {
    let world = of_zips(
        "[[function]]\nbacks_up = '*'",
        &["by-name", "by-path", "as-netlify", "not-named"].map(|it| {
            let file = format!("{it}.js");
            (it, zip(&[(&file, V1)]))
        }),
    );
    let manifest = r#"{"functions": ["by-name", {"name": "by-path", "path": "by-path.zip"},
        {"name": "as-netlify", "mainFile": "/x/as-netlify.zip", "path": "/x/as-netlify.zip", "runtime": "js"},
        {"name": "ghost", "path": "ghost.zip"}, "by-name.zip"]}"#;
    world.write("netlify/functions/functions-manifest.json", manifest);
    let plan = world.plan();
    insta::assert_snapshot!(told(&plan), @r"
        create netlify/as-netlify-backup: the config asks for it and it is not there
        create netlify/by-name-backup: the config asks for it and it is not there
        create netlify/by-path-backup: the config asks for it and it is not there
        create netlify/not-named-backup: the config asks for it and it is not there
        held netlify/by-name.zip-backup: netlify/functions/functions-manifest.json names `by-name.zip`, and there is no such function in netlify/functions
        held netlify/ghost-backup: netlify/functions/functions-manifest.json names `ghost`, and there is no such function in netlify/functions
        ");
    let (_, seen) = world.look();
    let status = |name: &str| seen.found[&id(&format!("netlify/{name}"))].status.to_string();
    let all = ["by-name", "by-path", "as-netlify", "not-named", "ghost"].map(status);
    insta::assert_snapshot!(all.join("\n"), @r"
        untested
        untested
        untested
        untested; functions-manifest.json does not name it
        broken: netlify/functions/functions-manifest.json names `ghost`, and there is no such function in netlify/functions
        ");
}

#[test]
fn a_zip_file_and_a_snapshot_of_another_kind_do_not_go_together() {
    for form in ["bundle", "files"] {
        let config = format!("[[function]]\nbacks_up = '*'\nsnapshot = '{form}'");
        let world = of_zips(&config, &[("a", zip(&[("a.js", V1)]))]);
        assert_eq!(
            told(&world.plan()),
            "held netlify/a-backup: netlify/functions/a.zip: it is a zip file, of which only `snapshot \
             = \"zip\"` can be made; leave `snapshot` out for it"
        );
    }
    let config = "[[function]]\nbacks_up = '*'\nsnapshot = 'zip'";
    let world = of_zips(config, &[("a", zip(&[("a.js", V1)]))]);
    world.write("netlify/functions/b.js", V1);
    assert_eq!(
        told(&world.plan()),
        "create netlify/a-backup: the config asks for it and it is not there\nheld netlify/b-backup: \
         netlify/functions/b.js: it is no zip file, and `snapshot = \"zip\"` is for functions that are; \
         leave `snapshot` out for it"
    );
}

fn changes(plan: &Plan) -> Vec<(String, bool)> {
    let is_create = |it: &Change| matches!(it, Change::Create { .. });
    plan.steps().map(|it| (it.id.to_string(), is_create(&it.change))).collect()
}

#[test]
fn a_zip_file_that_breaks_leaves_its_backup_as_it_is() {
    let good = zip(&[("a.js", V1)]);
    let world = of_zips("[[function]]\nbacks_up = '*'", &[("a", good.clone())]);
    assert_eq!(changes(&world.plan()), [("netlify/a-backup".to_owned(), true)]);
    world.settle();
    let before = world.read("netlify/functions/a-backup/lkg.cjs");
    for bad in
        [b"PK".to_vec(), zip(&[("index.js", V1)]), zip(&[("a.js", "}")]), zip(&[("../x", "")])]
    {
        world.write("netlify/functions/a.zip", &bad);
        let held = told(&world.plan());
        assert!(held.starts_with("held netlify/a-backup: netlify/functions/a.zip"), "{held}");
        assert!(held.ends_with("; its backup stays as it is"), "{held}");
        world.apply(&world.plan()).unwrap();
        assert_eq!(world.read("netlify/functions/a-backup/lkg.cjs"), before);
        let bundled = bundle(&world, &serde_json::json!({}), "-backup");
        assert_eq!(asked(&bundled["a-backup"]).status, Some(200));
    }
    // Another one that was not tested changes nothing yet.
    world.write("netlify/functions/a.zip", zip(&[("a.js", "exports.handler = async () => ({})")]));
    let told = told(&world.plan());
    assert!(told.contains("has not passed `redundancy test` yet"), "{told}");
    world.write("netlify/functions/a.zip", good);
    assert!(changes(&world.plan()).is_empty());
}

#[test]
fn the_snapshot_says_what_is_in_it_a_line_each() {
    let world = of_zips(
        "[[function]]\nbacks_up = '*'",
        &[("a", zip(&[("a.js", V1), ("lib/b's.txt", "text")]))],
    );
    world.settle();
    let text = world.read("netlify/functions/a-backup/lkg.cjs");
    let lines: Vec<&str> = text.lines().filter(|it| it.starts_with("  { path: ")).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("  { path: \"a.js\", bytes: 52, digest: '"), "{text}");
    assert!(lines[1].starts_with("  { path: \"lib/b's.txt\", bytes: 4, digest: '"), "{text}");
}
