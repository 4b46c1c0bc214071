//! The files of the project that a function consists of: its main file and what that reaches by
//! import and require, file after file. Packages are not followed.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    source::{Fault, Link, Source, extension},
    zipped::Zip,
};
use crate::provider::files::{Reader, shown};

/// The most files that a function consists of. More are some mistake, such as a whole site.
const MOST_FILES: usize = 2_000;

/// The most bytes of them all.
const MOST_BYTES: usize = 6 * 1024 * 1024;

/// What the name of a file may end in where it is named without that, the likeliest first.
const ENDINGS: [&str; 9] = ["js", "ts", "tsx", "mjs", "cjs", "mts", "cts", "jsx", "json"];

/// A function's files.
#[derive(Debug, Clone)]
pub(super) struct Reached {
    /// The main file, relative to the project.
    pub(super) main: String,
    /// All of them, by their paths. Of a zip file only those that say how it is called.
    pub(super) files: BTreeMap<String, File>,
    /// The zip file that holds them, where one does.
    pub(super) zip: Option<Zip>,
}

/// One of a function's files.
#[derive(Debug, Clone)]
pub(super) enum File {
    /// Code, and the paths of the files that it names, by how it names them.
    Code { source: Arc<Source>, local: BTreeMap<String, String> },
    /// Data in JSON.
    Data(String),
}

/// Why a function's files can't be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What is in the way, with the place.
    pub(super) why: String,
    /// Whether the function can't work either.
    pub(super) broken: bool,
}

impl Trouble {
    pub(super) fn broken(why: String) -> Self {
        Self { why, broken: true }
    }

    pub(super) fn unclear(why: String) -> Self {
        Self { why, broken: false }
    }

    pub(super) fn at(path: &str, Fault { line, why, broken }: Fault) -> Self {
        Self { why: place(path, line) + &why, broken }
    }
}

/// `PATH:LINE: `
pub(super) fn place(path: &str, line: Option<usize>) -> String {
    let path = shown(path);
    line.map_or_else(|| format!("{path}: "), |line| format!("{path}:{line}: "))
}

impl Reached {
    /// The main file's source.
    pub(super) fn source(&self) -> Option<&Arc<Source>> {
        match self.files.get(&self.main) {
            Some(File::Code { source, .. }) => Some(source),
            Some(File::Data(_)) | None => None,
        }
    }

    /// Each path and text, for a digest.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        self.files.iter().flat_map(|(path, file)| {
            let text = match file {
                File::Code { source, .. } => &source.text,
                File::Data(text) => text,
            };
            [path.as_str(), text.as_str()]
        })
    }
}

/// What was read before: a file that has not changed since is not parsed again.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Arc<Mutex<HashMap<String, Parsed>>>);

#[derive(Debug)]
struct Parsed {
    source: Result<Arc<Source>, (String, Fault)>,
    /// Whether anybody has asked for it since it was tidied up last.
    asked: bool,
}

impl Known {
    /// Forgets what nobody has asked for since the last time: builds name their files anew each time.
    pub(super) fn tidy(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, it| std::mem::take(&mut it.asked));
    }

    /// The folders of what was read, relative to the project.
    pub(super) fn folders(&self) -> BTreeSet<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.keys().filter_map(|it| Some(it.rsplit_once('/')?.0.to_owned())).collect()
    }

    /// What the file at `path`, which holds `text`, is.
    pub(super) fn source(&self, path: &str, text: &str) -> Result<Arc<Source>, Fault> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Parsed { source, asked }) = lock().get_mut(path) {
            *asked = true;
            match source {
                Ok(source) if source.text == text => return Ok(Arc::clone(source)),
                Err((known, fault)) if known == text => return Err(fault.clone()),
                Ok(_) | Err(_) => {}
            }
        }
        let parsed = Source::parse(path, text).map(Arc::new);
        let source = parsed.clone().map_err(|fault| (text.to_owned(), fault));
        lock().insert(path.to_owned(), Parsed { source, asked: true });
        parsed
    }
}

/// Follows what files name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walker<'r> {
    pub(super) reader: &'r Reader,
    pub(super) known: &'r Known,
}

impl Walker<'_> {
    /// The files of the function whose main file is at `main` and holds `text`.
    pub(super) fn walk(self, main: &str, text: &str) -> Result<Reached, Trouble> {
        let mut files = BTreeMap::new();
        let mut bytes = 0;
        let mut next = vec![(main.to_owned(), Some(text.to_owned()))];
        while let Some((path, text)) = next.pop() {
            if files.contains_key(&path) {
                continue;
            }
            let text = match text {
                Some(text) => text,
                None => self.text(&path)?,
            };
            bytes += text.len();
            if files.len() >= MOST_FILES || bytes > MOST_BYTES {
                let mb = MOST_BYTES / 1024 / 1024;
                return Err(Trouble::unclear(format!(
                    "{main}: it reaches more than {MOST_FILES} files or {mb} MB of them"
                )));
            }
            if extension(&path) == Some("json") {
                serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(|error| {
                    let why = format!("this is no JSON: {error}");
                    Trouble::at(&path, Fault::broken(Some(error.line()), why))
                })?;
                files.insert(path, File::Data(text));
                continue;
            }
            let source =
                self.known.source(&path, &text).map_err(|fault| Trouble::at(&path, fault))?;
            let mut local = BTreeMap::new();
            for link in source.links.iter().filter(|it| it.is_local()) {
                if let Some(to) = self.resolve(&path, &source, link)? {
                    next.push((to.clone(), None));
                    local.insert(link.to.clone(), to);
                }
            }
            files.insert(path, File::Code { source, local });
        }
        Ok(Reached { main: main.to_owned(), files, zip: None })
    }

    fn text(self, path: &str) -> Result<String, Trouble> {
        let text =
            self.reader.text(path).map_err(|why| Trouble::unclear(place(path, None) + &why))?;
        // It was there a moment ago.
        text.ok_or_else(|| Trouble::broken(place(path, None) + "it is gone"))
    }

    /// The file that `link` in the file at `from` means; none where there need be none.
    fn resolve(self, from: &str, source: &Source, link: &Link) -> Result<Option<String>, Trouble> {
        let names = |what: &str| {
            format!("{}it names `{}`, {what}", place(from, Some(link.line)), shown(&link.to))
        };
        let Some(path) = joined(from, &link.to) else {
            return Err(Trouble::unclear(names("which is outside the project")));
        };
        let typed_first = source.typed;
        let candidates = candidates(&path, typed_first);
        let Some(found) = candidates.into_iter().find(|it| self.reader.root.join(it).is_file())
        else {
            if link.optional {
                return Ok(None);
            }
            return Err(Trouble::broken(names("and there is no such file")));
        };
        let inside = fs::canonicalize(self.reader.root.join(&found))
            .is_ok_and(|it| it.starts_with(&self.reader.root));
        if !inside {
            return Err(Trouble::unclear(names("which leads out of the project")));
        }
        // Declarations are gone when it runs.
        if [".d.ts", ".d.mts", ".d.cts"].iter().any(|it| found.ends_with(it)) {
            return Ok(None);
        }
        if !ENDINGS.contains(&extension(&found).unwrap_or_default()) {
            return Err(Trouble::unclear(names("which is neither code nor JSON")));
        }
        Ok(Some(found))
    }
}

/// `to` as the file at `from` names it, relative to the project.
pub(super) fn joined(from: &str, to: &str) -> Option<String> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|it| !it.is_empty()).collect();
    if to.starts_with('/') {
        return None;
    }
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The files that a name may mean, the likeliest first.
pub(super) fn candidates(path: &str, typed_first: bool) -> Vec<String> {
    let mut endings = ENDINGS.to_vec();
    if typed_first {
        endings.sort_by_key(|it| !matches!(*it, "ts" | "tsx"));
    }
    let mut found = Vec::new();
    // TypeScript names its files as they will be called.
    let typed = match path.rsplit_once('.') {
        Some((stem, "js" | "jsx")) => vec![format!("{stem}.ts"), format!("{stem}.tsx")],
        Some((stem, "mjs")) => vec![format!("{stem}.mts")],
        Some((stem, "cjs")) => vec![format!("{stem}.cts")],
        _ => Vec::new(),
    };
    if !path.is_empty() {
        found.push(path.to_owned());
        found.extend(typed);
        found.extend(endings.iter().map(|it| format!("{path}.{it}")));
    }
    let index = if path.is_empty() { "index".to_owned() } else { format!("{path}/index") };
    found.extend(endings.iter().map(|it| format!("{index}.{it}")));
    let declared = ["d.ts", "d.mts", "d.cts"];
    found.extend(declared.iter().map(|it| format!("{path}.{it}")));
    found.extend(declared.iter().map(|it| format!("{index}.{it}")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_forgotten() {
        let known = Known::default();
        for path in ["a/1.js", "b/2.js"] {
            known.source(path, "1").unwrap();
        }
        known.tidy();
        known.source("b/2.js", "1").unwrap();
        known.source("c/3.js", "}").unwrap_err();
        known.tidy();
        assert_eq!(known.folders(), ["b", "c"].map(str::to_owned).into());
    }
}
