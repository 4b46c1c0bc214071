//! What a function is: how Netlify calls it, and what its backup has to take over of that.
//!
//! There are two styles. Netlify's bundler tells them apart by the main file alone: a default export
//! without a `handler` makes a function of the second style, anything else is one of the first.

use serde_json::{Map, Value, json};

use super::{
    exports::{Exports, Helper},
    reached::{File, Reached, Trouble, place},
    settings::{self, Settings, Settled},
    source::{Fault, Source},
    zipped::Zip,
};
use crate::provider::files::rule::SUFFIX;

/// What the name of a function ends in that Netlify runs in the background.
const BACKGROUND: &str = "-background";

/// How long Netlify lets a function work that somebody waits for, in milliseconds.
const LIMIT: u64 = 60_000;

/// How much of that is left for an answer that says so, in milliseconds.
const MARGIN: u64 = 500;

/// Keys of `config` that a backup has too. Its path and its schedule are the primary's alone, and a
/// rate limit would count for each of them by itself.
const TAKEN_OVER: [&str; 9] = [
    "background",
    "externalNodeModules",
    "ignoredNodeModules",
    "includedFiles",
    "memory",
    "nodeVersion",
    "region",
    "timeout",
    "vcpu",
];

/// Names of functions that Netlify calls by itself. Source: Netlify's "Trigger functions on events".
const EVENTS: [&str; 11] = [
    "deploy-building",
    "deploy-succeeded",
    "deploy-failed",
    "deploy-deleted",
    "deploy-locked",
    "deploy-unlocked",
    "split-test-activated",
    "submission-created",
    "identity-validate",
    "identity-signup",
    "identity-login",
];

/// The name that Netlify's bundler has for itself.
const RESERVED: &str = "___netlify-entry-point";

/// A calling style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `handler(event, context)`, as AWS Lambda calls it.
    V1,
    /// A default export, called with a `Request`.
    V2,
}

/// A function, as far as its backup depends on it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Function {
    pub(super) style: Style,
    /// Whether a failure is for Netlify to hear of, which then runs it again: it works by a schedule
    /// or in the background, and nobody waits for its answer.
    pub(super) rethrows: bool,
    /// How long it may take, in milliseconds.
    pub(super) limit: u64,
    /// The `config` that its backup needs.
    pub(super) config: Map<String, Value>,
    /// Why nobody's calls can be passed on to it, where they can't.
    pub(super) unroutable: Option<String>,
    /// What a person should know, a sentence each.
    pub(super) notes: Vec<String>,
}

/// What the function called `name` is.
pub(super) fn classify(
    name: &str,
    reached: &Reached,
    settings: &Settings,
) -> Result<Function, Trouble> {
    let main = reached.main.as_str();
    let refuse = |why: String| Err(Trouble::unclear(place(main, None) + &why));
    let Some(source) = reached.source() else { return refuse("it is no code".to_owned()) };
    let exports = &source.exports;
    let style = match &reached.zip {
        None => style(reached, main, exports)?,
        Some(zip) => style_of_zip(zip, reached, source)?,
    };
    let settled = settings.of(name);
    let mut function = Function {
        style,
        rethrows: false,
        limit: LIMIT,
        config: Map::new(),
        unroutable: None,
        notes: Vec::new(),
    };
    let config = exports.config.as_ref();
    let own = |key: &str| if style == Style::V2 { config?.get(key) } else { None };
    can_be_wrapped(main, source)?;
    let background = is_background(name, exports, &settled);
    function.rethrows = background || is_scheduled(exports, &settled);
    function.unroutable = unroutable(name, function.rethrows, own("path"));
    if let Some(seconds) = own("timeout").and_then(Value::as_u64) {
        function.limit = seconds.saturating_mul(1000);
    }
    function.limit = function.limit.saturating_sub(MARGIN).max(MARGIN);
    match style {
        Style::V1 => function.of_first_style(name, main, background, exports, settings)?,
        Style::V2 => function.of_second_style(main, background, exports)?,
    }
    if reached.zip.is_none() {
        function.take_over(name, &settled, settings);
    }
    if is_event(name) {
        let note = "Netlify calls it for an event by its name, and its backup by none";
        function.notes.push(note.to_owned());
    }
    if let Some(line) = source.computed.first() {
        let note = format!(
            "what line {line} of it loads shows only when it runs, and is not in its backup"
        );
        function.notes.push(note);
    }
    match settings.harm(&backup(name), background) {
        Some(harm) => refuse(harm),
        None => Ok(function),
    }
}

/// Refuses what can't be wrapped because of how it answers, and what ends Netlify's own build.
fn can_be_wrapped(main: &str, source: &Source) -> Result<(), Trouble> {
    let refuse = |line: Option<usize>, by: &str| {
        let why = format!("it answers as a stream (`{by}`), which can't be wrapped");
        Err(Trouble::unclear(place(main, line) + &why))
    };
    match (&source.exports.helper, source.streams) {
        (Some(Helper::Schedule { cron: None, line }), _) => {
            let why = "Netlify's build fails here: the schedule has to be a literal".to_owned();
            Err(Trouble::at(main, Fault::broken(Some(*line), why)))
        }
        (Some(Helper::Stream), _) => refuse(None, "stream()"),
        (_, Some(line)) => refuse(Some(line), "awslambda.streamifyResponse"),
        (Some(Helper::Schedule { .. }) | None, None) => Ok(()),
    }
}

/// Why nobody's calls can be passed on to the function called `name`, which serves `path`, if they can't.
fn unroutable(name: &str, rethrows: bool, path: Option<&Value>) -> Option<String> {
    if rethrows {
        return Some("it works by a schedule or in the background, and is not called".to_owned());
    }
    if is_event(name) {
        return Some("Netlify calls it for an event".to_owned());
    }
    let path = path.map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned))?;
    Some(format!(
        "it serves a path of its own, {path}, so that it is not at /.netlify/functions/{name}"
    ))
}

/// What the backup of the function called `name` is called.
fn backup(name: &str) -> String {
    format!("{name}{SUFFIX}")
}

impl Function {
    fn of_first_style(
        &mut self,
        name: &str,
        main: &str,
        background: bool,
        exports: &Exports,
        settings: &Settings,
    ) -> Result<(), Trouble> {
        let backup = backup(name);
        if background && !settings.of(&backup).background {
            return Err(Trouble::unclear(format!(
                "{}it runs in the background, and its backup would not, because only its name or \
                 {file} can say so; write `[functions.\"{backup}\"]` with `background = true` into \
                 {file}",
                place(main, None),
                file = settings::FILE
            )));
        }
        if exports.config.as_ref().is_some_and(|it| it.contains_key("schedule")) {
            let note = "its `config.schedule` has no effect, because it exports a `handler`";
            self.notes.push(note.to_owned());
        }
        Ok(())
    }

    fn of_second_style(
        &mut self,
        main: &str,
        background: bool,
        exports: &Exports,
    ) -> Result<(), Trouble> {
        if let Some(names) = &exports.object
            && !names.iter().any(|it| it == "fetch")
        {
            let why = "it answers no requests: the object that it exports has no `fetch`";
            return Err(Trouble::unclear(place(main, None) + why));
        }
        let others =
            exports.object.iter().flatten().filter(|it| !matches!(it.as_str(), "fetch" | "config"));
        if others.count() > 0 {
            let note = "its backup answers requests alone, and no events";
            self.notes.push(note.to_owned());
        }
        for key in &exports.ignored {
            self.notes.push(format!("its `config.{key}` is no literal, so Netlify ignores it"));
        }
        let config = exports.config.clone().unwrap_or_default();
        let paths = match config.get("path") {
            Some(Value::Array(paths)) => paths.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(path)) => vec![path.as_str()],
            _ => Vec::new(),
        };
        if paths.iter().any(|it| it.contains([':', '*'])) {
            let note = "it takes parameters from its path, and its backup gets none";
            self.notes.push(note.to_owned());
        }
        self.config =
            config.into_iter().filter(|(key, _)| TAKEN_OVER.contains(&key.as_str())).collect();
        if background {
            self.config.insert("background".to_owned(), true.into());
        }
        Ok(())
    }

    /// What `netlify.toml` says of the primary by its name, and not of its backup.
    fn take_over(&mut self, name: &str, settled: &Settled, settings: &Settings) {
        let backup = backup(name);
        let have = settings.of(&backup);
        let lists = [
            ("included_files", "includedFiles", &settled.included_files, &have.included_files),
            (
                "external_node_modules",
                "externalNodeModules",
                &settled.external_node_modules,
                &have.external_node_modules,
            ),
        ];
        for (key, own, wanted, have) in lists {
            let lacking: Vec<&String> = wanted.difference(have).collect();
            if lacking.is_empty() {
                continue;
            }
            if self.style == Style::V2 {
                let list = self.config.entry(own).or_insert_with(|| json!([]));
                if let Value::Array(list) = list {
                    list.extend(lacking.into_iter().map(|it| Value::from(it.as_str())));
                }
            } else {
                self.notes.push(format!(
                    "{} sets `{key}` for it; its backup needs the same in `[functions.\"{backup}\"]`",
                    settings::FILE
                ));
            }
        }
    }
}

/// What counts of the `config` of a main file with these exports: none of it beside a `handler`.
fn in_effect<'a>(exports: &'a Exports, key: &str) -> Option<&'a Value> {
    let is_second = exports.default && !exports.handler;
    exports.config.as_ref().filter(|_| is_second)?.get(key)
}

fn is_scheduled(exports: &Exports, settled: &Settled) -> bool {
    matches!(exports.helper, Some(Helper::Schedule { .. }))
        || in_effect(exports, "schedule").is_some()
        || settled.schedule.is_some()
}

fn is_background(name: &str, exports: &Exports, settled: &Settled) -> bool {
    name.ends_with(BACKGROUND)
        || settled.background
        || in_effect(exports, "background") == Some(&Value::Bool(true))
}

/// How the function called `name` works without anybody's call, if it does. Also what Netlify does not
/// understand of its `config` counts: rather one too many is not called.
pub(super) fn by_itself(name: &str, exports: &Exports, settled: &Settled) -> Option<&'static str> {
    let meant = |key: &str| exports.ignored.iter().any(|it| it == key);
    if is_background(name, exports, settled) || meant("background") {
        Some("it works in the background")
    } else if is_scheduled(exports, settled) || meant("schedule") {
        Some("it works by a schedule")
    } else {
        by_name(name)
    }
}

/// The same, as far as its name tells.
pub(super) fn by_name(name: &str) -> Option<&'static str> {
    if name.ends_with(BACKGROUND) {
        return Some("it works in the background");
    }
    is_event(name).then_some("Netlify calls it for an event")
}

/// The style of a function, by what its main file exports.
fn style(reached: &Reached, main: &str, exports: &Exports) -> Result<Style, Trouble> {
    if exports.default && !exports.handler {
        return Ok(Style::V2);
    }
    if exports.handler || exports.hidden_handler || has_handler(reached, main, &mut Vec::new()) {
        return Ok(Style::V1);
    }
    let why = if exports.same_as.is_empty() {
        "it is unclear how Netlify calls it: its main file exports neither a `handler` nor a default"
    } else {
        "it is unclear how Netlify calls it: no `handler` is found where its exports come from"
    };
    Err(Trouble::unclear(place(main, None) + why))
}

/// The style of a function in a zip file: Netlify calls its `handler`, which where the bundler has made
/// it is Netlify's own.
fn style_of_zip(zip: &Zip, reached: &Reached, source: &Source) -> Result<Style, Trouble> {
    let main = reached.main.as_str();
    if zip.bootstrapped {
        return Ok(Style::V2);
    }
    // What a `CommonJS` file exports may show only when it runs.
    if source.module && !has_handler(reached, main, &mut Vec::new()) {
        let why =
            "Netlify calls the `handler` of what is in a zip file, and this file exports none";
        return Err(Trouble::broken(place(main, None) + why));
    }
    Ok(Style::V1)
}

/// Whether the file at `path` has a `handler`, also where it has all of another file's exports.
fn has_handler(reached: &Reached, path: &str, seen: &mut Vec<String>) -> bool {
    let Some(File::Code { source, local }) = reached.files.get(path) else { return false };
    if seen.iter().any(|it| it == path) {
        return false;
    }
    seen.push(path.to_owned());
    let exports = &source.exports;
    exports.handler
        || exports.hidden_handler
        || (exports.same_as.iter())
            .filter_map(|it| local.get(it))
            .any(|path| has_handler(reached, path, seen))
}

/// Whether Netlify calls the function of this name for an event.
pub(super) fn is_event(name: &str) -> bool {
    EVENTS.contains(&name)
}

/// Why a function of this name can't have a backup, if it can't.
pub(super) fn problem(name: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.chars().all(plain) {
        return Some("the name of a function has only letters, digits, `-` and `_`");
    }
    (name == RESERVED).then_some("Netlify keeps this name for itself")
}

#[cfg(test)]
mod tests;
