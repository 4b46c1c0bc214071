//! Which functions are tried, and what can be told of them without running anything.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::super::{
    draft::{Draft, Form},
    function,
    look::{Look, below, unread},
    reached::{Trouble, place},
    scan::{Found, scan},
    settings::{self, Settings},
    source::Source,
    tools::Tools,
};
use crate::{
    core::{digest::Digest, id::Name, resource::Actual},
    provider::{
        Error,
        files::{failed, read, rule::SUFFIX, shown, stand_in},
    },
};

/// What there is to try.
pub(super) struct Subjects {
    pub(super) list: Vec<Subject>,
    /// The folder that Netlify builds in.
    pub(super) base: PathBuf,
    /// `[functions]` of netlify.toml, as Netlify's bundler takes it.
    pub(super) functions: Value,
    pub(super) tools: Tools,
}

/// A function to try.
pub(super) struct Subject {
    pub(super) name: Name,
    /// As Netlify calls it.
    pub(super) function: String,
    /// The function by whose rule it is tried: of a backup, its primary.
    pub(super) stem: String,
    /// Its main file, relative to the project.
    pub(super) main: String,
    /// What the bundler is given: its file or its folder.
    pub(super) entry: PathBuf,
    /// By what its verdict is kept, where that can be told.
    pub(super) digest: Option<Digest>,
    /// Whether it is a backup of ours, which answers probes.
    pub(super) is_backup: bool,
    pub(super) state: State,
    found: Found,
}

/// What is known of a function before it is run.
#[derive(PartialEq)]
pub(super) enum State {
    /// It can be tried.
    Ready,
    /// It can't work.
    Broken(String),
    /// It is nothing that can be tried.
    Unfit(String),
}

/// The functions called `names`; without any, those that the config names and all backups of ours.
/// Waits for the file system.
pub(super) fn all(look: &Look, names: &[Name]) -> Result<Subjects, Error> {
    let root = &look.reader.root;
    let settings = Settings::read(root).map_err(Error::Refused)?;
    let folder = look.folder(&settings).map_err(Error::Refused)?;
    let found = scan(&root.join(&folder));
    let folder = read::relative(&folder);
    let found = found.map_err(|error| failed("look into", &folder, &error))?;
    let mut list = Vec::new();
    for found in found {
        let Some(subject) = Subject::of(look, &settings, &folder, found) else { continue };
        let asked_for = look.rule(&subject.stem).is_some_and(|_| !subject.is_backup());
        if names.contains(&subject.name) || (names.is_empty() && (asked_for || subject.is_backup)) {
            list.push(subject);
        }
    }
    if let Some(name) = names.iter().find(|it| !list.iter().any(|subject| subject.name == **it)) {
        return Err(Error::Refused(format!(
            "there is no function {name} in {folder}; `redundancy status` lists what there is"
        )));
    }
    let text = look.reader.text(settings::FILE).map_err(Error::Refused)?.unwrap_or_default();
    let base = root.join(settings.base());
    Ok(Subjects { list, base, functions: functions(&text), tools: look.tools(&settings) })
}

impl Subject {
    /// One function, or none when it has gone meanwhile.
    fn of(look: &Look, settings: &Settings, folder: &str, found: Found) -> Option<Self> {
        let function = found.name.clone();
        let main = below(folder, &found.main);
        let entry = found.main.split_once('/').map_or(found.main.as_str(), |(own, _)| own);
        let actual = if found.is_zip() {
            read::there()
        } else {
            match look.reader.look_at_all(paths(&main).iter()) {
                Ok(actual) => actual?,
                Err(why) => read::unreadable(&main, &why),
            }
        };
        let problem = found.problem.as_deref().or_else(|| function::problem(&function));
        let (digest, state) = match (problem, unread(&actual.body)) {
            (Some(why), _) => (None, State::Unfit(place(&main, None) + why)),
            (None, Some((path, why))) => (None, State::Unfit(format!("{}: {why}", shown(path)))),
            (None, None) => content(look, settings, folder, &found, &main, &actual),
        };
        Some(Self {
            name: function.parse().unwrap_or_else(|_| stand_in(&function, "")),
            stem: function.strip_suffix(SUFFIX).unwrap_or(&function).to_owned(),
            entry: look.reader.root.join(below(folder, entry)),
            is_backup: actual.mark.is_some(),
            function,
            main,
            digest,
            state,
            found,
        })
    }

    fn is_backup(&self) -> bool {
        self.is_backup || self.function.ends_with(SUFFIX)
    }

    pub(super) fn is_zip(&self) -> bool {
        self.found.is_zip()
    }

    /// Whether its files are as they were read.
    pub(super) fn is_as_before(&self, look: &Look) -> bool {
        let Ok(settings) = Settings::read(&look.reader.root) else { return false };
        let Ok(folder) = look.folder(&settings) else { return false };
        Self::of(look, &settings, &read::relative(&folder), self.found.clone())
            .is_some_and(|it| it.digest == self.digest && it.state == self.state)
    }
}

/// The main file, and the snapshot beside it in a backup.
fn paths(main: &str) -> Vec<String> {
    let snapshot = main.rsplit_once('/').filter(|(own, _)| own.ends_with(SUFFIX));
    let snapshot = snapshot.map(|(own, _)| format!("{own}/{}", super::super::SNAPSHOT_FILE));
    [main.to_owned()].into_iter().chain(snapshot).collect()
}

/// What the files of a function tell.
fn content(
    look: &Look,
    settings: &Settings,
    folder: &str,
    found: &Found,
    main: &str,
    actual: &Actual,
) -> (Option<Digest>, State) {
    if let Some(mark) = &actual.mark {
        // What somebody has changed by hand is tried, and nothing is kept of it.
        let digest = Some(mark.written).filter(|it| *it == actual.body.digest());
        let fault = actual.body.files.iter().find_map(|(path, text)| {
            // What only can't be read here is tried.
            let fault = Source::parse(path, text).err().filter(|it| it.broken)?;
            Some(place(path, fault.line) + &fault.why)
        });
        return (digest, fault.map_or(State::Ready, State::Broken));
    }
    let reached = match look.reached(found, main, actual.body.files.get(main)) {
        Ok(Some(reached)) => reached,
        Ok(None) => return (None, State::Unfit(place(main, None) + "it can't be read")),
        Err(Trouble { why, broken: true }) => return (None, State::Broken(why)),
        // What of it could be tried is not known.
        Err(Trouble { why, broken: false }) if found.is_zip() => return (None, State::Unfit(why)),
        Err(Trouble { broken: false, .. }) => return (None, State::Ready),
    };
    let form = look.asked_for(&found.name).unwrap_or(Form::Either);
    let as_it_is = ["test".to_owned()].into_iter().chain(reached.parts().map(str::to_owned));
    let as_it_is = as_it_is.chain(reached.zip.as_ref().map(|it| it.digest.to_string()));
    let as_it_is = Digest::of(as_it_is);
    match Draft::of(settings, folder, &found.name, reached, form) {
        Ok((_, draft)) => (Some(draft.recipe), State::Ready),
        Err(Trouble { why, broken: true }) => (None, State::Broken(why)),
        // It can't have a backup, and can be tried all the same.
        Err(Trouble { broken: false, .. }) => (Some(as_it_is), State::Ready),
    }
}

/// `[functions]` of netlify.toml, as `@netlify/config` gives it to the bundler: by the patterns of
/// functions' names, and what is set for all of them under `*`.
fn functions(text: &str) -> Value {
    // What can't be read was said by whoever read the settings.
    let file: toml::Table = text.parse().unwrap_or_default();
    let Some(toml::Value::Table(functions)) = file.get("functions") else {
        return Value::Object(Map::new());
    };
    let mut all = Map::new();
    let mut plain = Map::new();
    for (key, value) in functions {
        match value {
            toml::Value::Table(of_some) => {
                let settings = of_some.iter().filter_map(|(key, value)| setting(key, value));
                all.insert(key.clone(), Value::Object(settings.collect()));
            }
            value => plain.extend(setting(key, value)),
        }
    }
    if let Some(Value::Object(of_all)) = all.get_mut("*") {
        of_all.extend(plain);
    } else {
        all.insert("*".to_owned(), Value::Object(plain));
    }
    Value::Object(all)
}

/// `included_files` as `includedFiles`.
fn setting(key: &str, value: &toml::Value) -> Option<(String, Value)> {
    let mut words = key.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|it| it.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    Some((name, serde_json::to_value(value).ok()?))
}

#[cfg(test)]
mod tests {
    use super::functions;
    use serde_json::json;

    #[test]
    fn the_bundler_gets_the_settings_of_netlify_toml() {
        let text = "[build]\nbase = ''\n[functions]\nnode_bundler = 'esbuild'\ndirectory = 'f'\n\
                    [functions.\"a*\"]\nincluded_files = ['x/**']\n";
        assert_eq!(
            functions(text),
            json!({
                "*": { "nodeBundler": "esbuild", "directory": "f" },
                "a*": { "includedFiles": ["x/**"] },
            })
        );
        assert_eq!(functions(""), json!({}));
    }
}
