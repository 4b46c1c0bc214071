//! The edge function in front of a function, which asks its backup where it fails.
//!
//! It is a resource of its own, `NAME.edge`, so that it can be refused where the backup is not, and goes
//! where the router does. A function that has a backup has no `.` in its name, so none is called so.
//! Source of the rules: Netlify's "Edge Functions declarations" and its `@netlify/edge-bundler`.

use std::{fs, io};

use serde_json::{Map, Value, json};

use super::{
    EDGE, FUNCTION, NO_EDGE, REFUSED,
    exports::Exports,
    function::{Function, Style, is_event},
    look::{Look, below, set, unread},
    reached::Reached,
    settings::Settings,
};
use crate::{
    config::model::Router,
    core::{
        digest::Digest,
        id::{Name, NameError},
        resource::{Actual, Body, Run, Sightings, Status, Wanted, Wishes},
        route,
    },
    provider::{
        Error,
        files::{
            MADE_FROM, failed, mark::Role, read, rule::backup_name, shown, stand_in, wish::text,
        },
    },
};

/// The version of what is generated. Raise it with every change of the text that comes out for the same
/// function.
const GENERATOR: &str = "netlify-edge/2";

/// The header of a request that is for the function itself, and goes to no backup.
pub(super) const GUARD: &str = "x-redundancy-router";

/// What the name of the resource ends in.
const SUFFIX: &str = ".edge";

/// What the name of its file begins with. The rest is the function's name.
const PREFIX: &str = "redundancy-";

/// The extension of its file: of those that the edge bundler takes, the one of plain modules.
const EXTENSION: &str = ".js";

/// How long a function may take until its backup is asked, in milliseconds, where it may take so long at
/// all: an edge function has to answer within 40 s, and its backup needs time too.
const MOST: u64 = 25_000;

/// What helps where a rule is about functions of both kinds.
const OWN_RULE: &str = "give it a `[[function]]` of its own without a router, above the other one";

/// The methods that a declaration of an edge function may name. With another one Netlify's build fails.
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Where an edge function stands: its `config`, or why it can't stand in front of `name`.
fn config(
    name: &str,
    function: &Function,
    exports: &Exports,
) -> Result<Map<String, Value>, &'static str> {
    if function.rethrows {
        return Err("it works by a schedule or in the background, and nobody waits for its answer");
    }
    let handlers = exports.object.iter().flatten();
    if is_event(name) || handlers.into_iter().any(|it| !matches!(it.as_str(), "fetch" | "config")) {
        return Err("Netlify calls it for events");
    }
    let own = exports.config.as_ref().filter(|_| function.style == Style::V2);
    let own = |key: &str| own.and_then(|it| it.get(key));
    if own("excludedPath").is_some() {
        return Err("its `excludedPath` makes it unclear which requests are for it");
    }
    let path = match own("path") {
        None => {
            json!([format!("/.netlify/functions/{name}"), format!("/.netlify/functions/{name}/*")])
        }
        Some(path) => {
            let paths = path.as_array().map_or(std::slice::from_ref(path), Vec::as_slice);
            if paths.is_empty() || !paths.iter().all(|it| it.as_str().is_some_and(is_plain)) {
                return Err("it takes parameters from its path, and its backup gets none");
            }
            json!(paths)
        }
    };
    let mut config = Map::from_iter([("path".to_owned(), path)]);
    // On the same path there may be another function for another method.
    if let Some(method) = own("method") {
        let methods = method.as_array().map_or(std::slice::from_ref(method), Vec::as_slice);
        let methods: Vec<&Value> = methods
            .iter()
            .filter(|it| it.as_str().is_some_and(|it| METHODS.contains(&it)))
            .collect();
        if methods.is_empty() {
            return Err("it answers no method that an edge function can stand in front of");
        }
        config.insert("method".to_owned(), json!(methods));
    }
    // A site without it works as before.
    config.insert("onError".to_owned(), "bypass".into());
    Ok(config)
}

/// Whether a path means only itself, and is no `URLPattern`.
fn is_plain(path: &str) -> bool {
    path.starts_with('/')
        && path.chars().all(|it| it.is_ascii_alphanumeric() || "/-._~%@".contains(it))
}

fn module(name: &str, limit: u64, config: Map<String, Value>) -> String {
    // A checked name, which needs no escaping in a JavaScript string.
    let code = include_str!("edge.js")
        .replace("__GUARD__", GUARD)
        .replace("__FIRST__", &limit.min(MOST).to_string())
        .replace("__NAME__", name);
    format!("{code}\nexport const config = {:#}\n", Value::Object(config))
}

/// Where it goes, relative to the project.
fn path(folder: &str, name: &str) -> String {
    below(folder, &format!("{PREFIX}{name}{EXTENSION}"))
}

impl Look {
    /// Whether an edge function shall stand in front of `function`.
    pub(super) fn has_edge(&self, function: &str) -> bool {
        let router = self.rule(function).and_then(|it| self.routers.get(it));
        router == Some(&Router::Edge)
    }

    /// Puts into what was seen of a function what would stand in front of it, or why nothing can.
    pub(super) fn put_edge(
        &self,
        seen: &mut Body,
        settings: &Settings,
        name: &str,
        function: &Function,
        reached: &Reached,
    ) {
        let Some(source) = reached.source().filter(|_| self.has_edge(name)) else { return };
        let config = config(name, function, &source.exports);
        let config = config.map_err(|why| {
            format!("no edge function can stand in front of {name}: {why}; {OWN_RULE}")
        });
        match config.and_then(|config| Ok((settings.edge_folder()?, config))) {
            Ok((folder, config)) => {
                let path = path(&read::relative(&folder), name);
                seen.files.insert(path.clone(), module(name, function.limit, config));
                set(seen, [(EDGE, path)]);
            }
            Err(why) => set(seen, [(NO_EDGE, why)]),
        }
    }

    /// Puts the edge functions that are there among what was seen: ours, and what stands in their place. Of a
    /// function that has one of ours in front of it, it notes that.
    pub(super) fn see_edges(&self, settings: &Settings, seen: &mut Sightings) -> Result<(), Error> {
        // Where nobody could have written one there is none.
        let Ok(folder) = settings.edge_folder() else { return Ok(()) };
        let place = self.reader.root.join(&folder);
        let folder = read::relative(&folder);
        let entries = match fs::read_dir(place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.and_then(Iterator::collect::<io::Result<Vec<_>>>),
        };
        for entry in entries.map_err(|error| failed("look into", &folder, &error))? {
            let file = entry.file_name().to_string_lossy().into_owned();
            let function = file.strip_prefix(PREFIX).and_then(|it| it.strip_suffix(EXTENSION));
            let Some(function) = function else { continue };
            let Ok(name) = name(function) else { continue };
            let path = below(&folder, &file);
            let found = match self.reader.look_at_all([&path].into_iter()) {
                Ok(None) => continue,
                Ok(Some(found)) => found,
                Err(why) => {
                    let why = why.strip_prefix(&format!("{path}: ")).unwrap_or(&why);
                    read::unreadable(&path, why)
                }
            };
            let mut found = found;
            if let Some(mark) = &mut found.mark {
                // Older versions wrote that it backs its function up.
                mark.backs_up = None;
                let before = function.parse::<Name>().ok().and_then(|it| seen.get_mut(&it));
                if let Some(Actual { status: Status::Code(code), .. }) = before
                    && self.has_edge(function)
                {
                    code.router = route::Router::Edge;
                }
            }
            if found.mark.is_some() || self.has_edge(function) {
                seen.entry(name).or_insert(found);
            }
        }
        Ok(())
    }

    /// Asks for the edge functions, in view of the backups that are asked for.
    pub(super) fn wish_edges(&self, wishes: &mut Wishes, seen: &Sightings) {
        for actual in seen.values().filter(|it| it.mark.is_none()) {
            let function = text(&actual.body, FUNCTION).filter(|it| self.has_edge(it));
            if let Some(function) = function {
                wish(wishes, seen, function, actual);
            }
        }
        // It goes with its router. Its function may be missing by mistake.
        for (name, _) in seen.iter().filter(|(_, it)| it.mark.is_some()) {
            let Some(function) = function(name).filter(|it| self.has_edge(it)) else { continue };
            let is_gone = function.parse::<Name>().is_ok_and(|it| !seen.contains_key(&it));
            if is_gone && !wishes.wanted.contains_key(name) {
                wishes.impossible.entry(name.clone()).or_insert_with(|| {
                    format!(
                        "the function {function} is gone; what stands in front of it is kept; to delete \
                         it, take {function} out of `backs_up` or put it into `except`"
                    )
                });
            }
        }
    }
}

/// Asks for what stands in front of one function, or says why nothing can.
fn wish(wishes: &mut Wishes, seen: &Sightings, function: &str, actual: &Actual) {
    let name = name(function).unwrap_or_else(|_| stand_in(function, SUFFIX));
    let found = seen.get(&name);
    let ours = found.filter(|it| it.mark.is_some());
    let body = if text(&actual.body, REFUSED).is_some() || unread(&actual.body).is_some() {
        // Its backup says why. What is there goes on to lead to that.
        let Some(ours) = ours else { return };
        Ok(ours.body.clone())
    } else if let Some(why) = text(&actual.body, NO_EDGE) {
        let stays = if ours.is_some() { "; the one that is there stays as it is" } else { "" };
        Err(format!("{why}{stays}"))
    } else {
        let Some(body) = body(&actual.body) else { return };
        problem(wishes, seen, function, found).map_or(Ok(body), Err)
    };
    match body {
        Ok(body) => {
            let wanted = Wanted::ours(body, Run::On);
            wishes.wanted.insert(name, wanted);
        }
        Err(why) => _ = wishes.impossible.insert(name, why),
    }
}

/// What shall be there, by what was seen of the function.
fn body(function: &Body) -> Option<Body> {
    let path = text(function, EDGE)?;
    let module = function.files.get(path)?;
    let made_from = Digest::of([GENERATOR, module.as_str()]).to_string();
    let fields = [(MADE_FROM.to_owned(), made_from.into())].into();
    Some(Body { fields, files: [(path.to_owned(), module.clone())].into() })
}

/// What of all else that was seen and is asked for stands against it.
fn problem(
    wishes: &Wishes,
    seen: &Sightings,
    function: &str,
    found: Option<&Actual>,
) -> Option<String> {
    let body = found.map(|it| &it.body);
    if body.is_some_and(|it| it.fields.contains_key(FUNCTION)) {
        return Some(format!("there is a function {function}{SUFFIX}; rename it"));
    }
    if let Some((path, problem)) = body.and_then(unread) {
        return Some(format!("{} has the name of the edge function, and {problem}", shown(path)));
    }
    let backup = backup_name(function).ok();
    let is_ours = |it: &Name| seen.get(it).is_none_or(|it| it.mark.is_some());
    let backup = backup.filter(|it| wishes.wanted.contains_key(it) && is_ours(it));
    let why = || format!("{function} has no backup of ours that an edge function could ask");
    backup.is_none().then(why)
}

/// What the edge function in front of `function` is called.
fn name(function: &str) -> Result<Name, NameError> {
    format!("{function}{SUFFIX}").parse()
}

/// The function that an edge function called so stands in front of.
fn function(name: &Name) -> Option<&str> {
    name.as_str().strip_suffix(SUFFIX)
}

/// What a file of ours called `name` is, if it is an edge function.
pub(super) fn role(name: &Name) -> Option<Role> {
    Some(Role::InFrontOf(function(name)?.parse().ok()?))
}
