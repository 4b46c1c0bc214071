//! A function in a zip file, which Netlify's bundler takes as it is: what is called in it, and a snapshot
//! of it.
//!
//! Netlify calls `NAME.handler` of it, so the export `handler` of `NAME.js`, `NAME.mjs` or `NAME.cjs` at
//! its top. One that Netlify's bundler has made of a function of the second style has an entry of
//! Netlify's own instead, which names the function's file. Nothing in it is read by the bundler: no
//! `config` and no schedule. Source: `getEntryFile` of `@netlify/zip-it-and-ship-it`, and its
//! `zipFunction`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    archive::{Archive, MOST_BYTES},
    exports::Helper,
    reached::{File, Reached, Trouble, candidates, joined, place},
    source::{Source, extension},
};
use crate::{core::digest::Digest, provider::files::Reader};

/// The entry that Netlify's bundler makes for a function of the second style.
const ENTRY: &str = "___netlify-entry-point.mjs";

/// What the names of all files begin with that Netlify's bundler adds. A backup gets its own ones.
const ADDED: &str = "___netlify-";

/// By what such an entry, and that of an older bundler, calls the function's file.
const BOOTSTRAP: &str = "getLambdaHandler(";

/// Extensions of an entry, the one that wins first.
const EXTENSIONS: [&str; 3] = ["js", "mjs", "cjs"];

/// Where a function lies that is in a zip file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Zip {
    /// The zip file, relative to the project.
    pub(super) path: String,
    pub(super) digest: Digest,
    /// The file in it that is called.
    pub(super) main: String,
    /// Whether Netlify's own entry calls it, as a function of the second style.
    pub(super) bootstrapped: bool,
}

/// The zip files that were read before: one that has not changed since is not unpacked again.
#[derive(Debug, Clone, Default)]
pub(super) struct Zips(Arc<Mutex<BTreeMap<String, Known>>>);

/// The digest of a zip file, and what it was.
type Known = (Digest, Result<Reached, Trouble>);

impl Zips {
    /// The function called `name` in the zip file at `path`; none where there is no such file.
    pub(super) fn reached(
        &self,
        reader: &Reader,
        path: &str,
        name: &str,
    ) -> Result<Option<Reached>, Trouble> {
        let bytes = reader.bytes(path, MOST_BYTES);
        let bytes = bytes.map_err(|why| Trouble::unclear(place(path, None) + &why))?;
        let Some(bytes) = bytes else { return Ok(None) };
        let digest = Digest::of([&bytes]);
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, reached)) = lock().get(path)
            && *known == digest
        {
            return reached.clone().map(Some);
        }
        let reached = read(path, name, &bytes, digest);
        lock().insert(path.to_owned(), (digest, reached.clone()));
        reached.map(Some)
    }
}

/// The function called `name` in the zip file at `path` of these bytes.
fn read(path: &str, name: &str, bytes: &[u8], digest: Digest) -> Result<Reached, Trouble> {
    let within = |it: Trouble| Trouble { why: place(path, None) + &it.why, ..it };
    let archive = Archive::read(bytes).map_err(within)?;
    let (main, bootstrapped) = called(&archive, name).map_err(within)?;
    let mut files = BTreeMap::new();
    let mut next = vec![main.clone()];
    while let Some(file) = next.pop() {
        let shown = format!("{path}/{file}");
        if files.contains_key(&shown) {
            continue;
        }
        let Some(text) = archive.text(&file) else { continue };
        let text = text.map_err(within)?;
        let source = Source::parse(&file, &text);
        let mut source = source.map_err(|fault| Trouble::at(&shown, fault))?;
        let mut local = BTreeMap::new();
        for to in &source.exports.same_as {
            let all = joined(&file, to).map(|it| candidates(&it, false)).unwrap_or_default();
            let found = all.into_iter().find(|it| archive.files.contains_key(it));
            if let Some(found) = found.filter(|it| extension(it) != Some("json")) {
                local.insert(to.clone(), format!("{path}/{found}"));
                next.push(found);
            }
        }
        unread(&mut source);
        files.insert(shown, File::Code { source: Arc::new(source), local });
    }
    let zip = Zip { path: path.to_owned(), digest, main, bootstrapped };
    Ok(Reached { main: format!("{path}/{}", zip.main), files, zip: Some(zip) })
}

/// Leaves out what Netlify's bundler would read in a file that is in no zip file.
fn unread(source: &mut Source) {
    source.exports.config = None;
    source.exports.ignored.clear();
    if matches!(source.exports.helper, Some(Helper::Schedule { .. })) {
        source.exports.helper = None;
    }
}

/// The file that is called of the function called `name`, and whether Netlify's own entry does so.
pub(super) fn called(archive: &Archive, name: &str) -> Result<(String, bool), Trouble> {
    let own = EXTENSIONS.iter().map(|extension| format!("{name}.{extension}"));
    let entry = [ENTRY.to_owned()].into_iter().chain(own);
    let Some(entry) = entry.into_iter().find(|it| archive.files.contains_key(it)) else {
        let there = archive.files.keys().find(|it| !it.contains('/') && it.starts_with("index."));
        let there = there.map(|it| format!("; nobody calls `{it}` in it")).unwrap_or_default();
        return Err(Trouble::broken(format!(
            "Netlify calls `{name}.handler` of it, and there is no {name}.js, {name}.mjs or \
             {name}.cjs at its top{there}"
        )));
    };
    let text = archive.text(&entry).transpose()?.unwrap_or_default();
    let Some((_, rest)) = text.split_once(BOOTSTRAP) else {
        if entry == ENTRY {
            let why = format!("its `{ENTRY}` is none that Netlify's bundler writes");
            return Err(Trouble::unclear(why));
        }
        return Ok((entry, false));
    };
    let mut letters = rest.chars();
    let quote = letters.next().filter(|it| matches!(it, '\'' | '"'));
    let named = quote.and_then(|quote| letters.as_str().split_once(quote));
    let main = named.and_then(|(named, _)| joined(&entry, named));
    match main.filter(|it| archive.files.contains_key(it)) {
        Some(main) => Ok((main, true)),
        None if entry == ENTRY => {
            Err(Trouble::broken(format!("its `{ENTRY}` names no file that is in it")))
        }
        // A file of somebody's who has the same word in it.
        None => Ok((entry, false)),
    }
}

/// The snapshot of a function in a zip file: its files as they are packed there, which are unpacked when
/// it is loaded.
pub(super) fn snapshot(reader: &Reader, zip: &Zip) -> Result<String, String> {
    let changed = || "it has changed just now; the next look makes its backup".to_owned();
    let bytes = reader.bytes(&zip.path, MOST_BYTES)?.ok_or_else(changed)?;
    if Digest::of([&bytes]) != zip.digest {
        return Err(changed());
    }
    let archive = Archive::read(&bytes).map_err(|it| it.why)?;
    let mut files = String::new();
    for (path, file) in archive.files.iter().filter(|(path, _)| !path.starts_with(ADDED)) {
        // What a person can compare comes first. JSON is JavaScript.
        let _ = writeln!(
            files,
            "  {{ path: {}, bytes: {}, digest: '{}', deflated: {}, runs: {}, packed: '{}' }},",
            serde_json::Value::from(path.as_str()),
            file.content.len(),
            file.digest(),
            file.deflated,
            file.runs,
            STANDARD.encode(&file.bytes),
        );
    }
    let main = serde_json::Value::from(zip.main.as_str()).to_string();
    let text = include_str!("zipped.cjs").replace("__ZIP__", &zip.digest.to_string());
    // The files last, whose place is the first: what they and the main file are called is nobody's
    // placeholder.
    Ok(text.replace("'__MAIN__'", &main).replacen("__FILES__", &files, 1))
}
