//! What is wanted, given what was seen. Pure.

use std::collections::BTreeMap;

use super::{
    MADE_FROM, PATH, PROBLEM, Rule,
    rule::{SUFFIX, backup_name},
    stand_in,
};
use crate::core::{
    digest::Digest,
    id::Name,
    resource::{Actual, Body, Run, Sightings, Value, Wanted, Wishes},
};

/// A primary as it was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Primary<'a> {
    /// Where it is, relative to the project.
    pub(crate) path: &'a str,
    /// What it holds, or why that can't be read.
    pub(crate) text: Result<&'a str, &'a str>,
}

impl<'a> Primary<'a> {
    /// What was seen, if it is no backup of ours.
    pub(crate) fn of(seen: &'a Actual) -> Option<Self> {
        if seen.mark.is_some() {
            return None;
        }
        if let Some(problem) = text(&seen.body, PROBLEM) {
            return Some(Self { path: text(&seen.body, PATH)?, text: Err(problem) });
        }
        let (path, text) = seen.body.files.first_key_value()?;
        Some(Self { path, text: Ok(text) })
    }
}

/// A field of a body that is a text.
pub(crate) fn text<'a>(body: &'a Body, field: &str) -> Option<&'a str> {
    match body.fields.get(field)? {
        Value::Text(it) => Some(it),
        _ => None,
    }
}

/// A backup that the config asks for.
pub(crate) struct Order<'a> {
    /// The primary, by the name that the mark will say.
    pub(crate) primary: &'a str,
    /// What the backup's name begins with.
    pub(crate) stem: &'a str,
    /// The digest of everything that the text depends on.
    pub(crate) made_from: Digest,
    /// Where it goes, relative to the project.
    pub(crate) path: String,
}

/// Collects what is wanted.
pub(crate) struct Wisher<'a> {
    seen: &'a Sightings,
    wishes: Wishes,
}

impl<'a> Wisher<'a> {
    pub(crate) fn new(seen: &'a Sightings) -> Self {
        Self { seen, wishes: Wishes::default() }
    }

    /// Asks for a backup, whose text `generate` makes where it isn't there already.
    pub(crate) fn ask(
        &mut self,
        order: &Order<'_>,
        generate: impl FnOnce() -> Result<String, String>,
    ) {
        let path = &order.path;
        self.ask_for_files(order, || Ok(BTreeMap::from([(path.clone(), generate()?)])));
    }

    /// The same for a backup of several files, one of them at the path of the order.
    pub(crate) fn ask_for_files(
        &mut self,
        order: &Order<'_>,
        generate: impl FnOnce() -> Result<BTreeMap<String, String>, String>,
    ) {
        let name = match backup_name(order.stem).and_then(|name| {
            // The mark has to be able to say it.
            order.primary.parse::<Name>().map(|_| name)
        }) {
            Ok(name) => name,
            Err(error) => {
                let why =
                    format!("`{}` can't have a backup: {error}", order.primary.escape_debug());
                return self.refuse(order.stem, why);
            }
        };
        if self.wishes.impossible.contains_key(&name) {
            return;
        }
        if self.wishes.wanted.contains_key(&name) {
            let why = format!(
                "`{}` and another file would both have the backup `{name}`; rename one of them",
                order.primary
            );
            return self.refuse(order.stem, why);
        }
        match self.body(&name, order, generate) {
            Ok(body) => {
                let backs_up = Some(order.primary.to_owned());
                let wanted = Wanted { backs_up, ..Wanted::ours(body, Run::On) };
                self.wishes.wanted.insert(name, wanted);
            }
            Err(why) => self.refuse(order.stem, why),
        }
    }

    /// Leaves the backup of `stem` as it is, because what it would be made from is not known to
    /// work, which `how` says.
    pub(crate) fn keep(&mut self, order: &Order<'_>, found: &Body, how: String) {
        self.ask_for_files(order, || Ok(BTreeMap::new()));
        let Ok(name) = backup_name(order.stem) else { return };
        if let Some(wanted) = self.wishes.wanted.get_mut(&name) {
            wanted.body = Some(found.clone());
            self.wishes.unproven.insert(name, how);
        }
    }

    /// Notes that the backup of `stem` can't be made. The first reason stays.
    pub(crate) fn refuse(&mut self, stem: &str, why: String) {
        let name = backup_name(stem).unwrap_or_else(|_| stand_in(stem, SUFFIX));
        self.wishes.wanted.remove(&name);
        self.wishes.unproven.remove(&name);
        self.wishes.impossible.entry(name).or_insert(why);
    }

    fn body(
        &self,
        name: &Name,
        order: &Order<'_>,
        generate: impl FnOnce() -> Result<BTreeMap<String, String>, String>,
    ) -> Result<Body, String> {
        let found = self.seen.get(name);
        if let Some(found) = found {
            if let Some(problem) = text(&found.body, PROBLEM) {
                let path = text(&found.body, PATH).unwrap_or(&order.path);
                return Err(format!("{path} has the name of the backup, and {problem}"));
            }
            if found.mark.is_none() && !found.body.files.contains_key(&order.path) {
                let path = found.body.files.keys().next().unwrap_or(&order.path);
                return Err(format!("{path} has the name of the backup; rename or remove it"));
            }
        }
        let unedited = found.filter(|it| {
            let written = it.mark.as_ref().map(|mark| mark.written);
            written == Some(it.body.digest()) && it.body.files.contains_key(&order.path)
        });
        let made_from = order.made_from.to_string();
        if let Some(unedited) = unedited
            && text(&unedited.body, MADE_FROM) == Some(&made_from)
        {
            return Ok(unedited.body.clone());
        }
        let files = generate()?;
        // What it is made from may change without a change of the text, such as in a comment.
        if let Some(unedited) = unedited
            && unedited.body.files == files
        {
            return Ok(unedited.body.clone());
        }
        Ok(Body { fields: [(MADE_FROM.to_owned(), made_from.into())].into(), files })
    }

    /// All that is wanted. A backup whose primary is gone is kept while `asked_for` says that the
    /// config still means it: a file may be missing by mistake.
    ///
    /// A primary that a rule names in full and that is not there is refused too: somebody relies on
    /// it. `stem` is what the name of its backup begins with, or none where it can have none.
    pub(crate) fn finish<'r>(
        mut self,
        rules: impl Iterator<Item = &'r Rule> + Clone,
        stem: impl Fn(&str) -> Option<&str>,
    ) -> Wishes {
        for (name, found) in self.seen {
            let Some(primary) = found.mark.as_ref().and_then(|mark| mark.backs_up.as_deref())
            else {
                continue;
            };
            let decided = self.wishes.wanted.contains_key(name)
                || self.wishes.impossible.contains_key(name)
                || primary.parse::<Name>().is_ok_and(|it| self.seen.contains_key(&it));
            if !decided && rules.clone().any(|rule| rule.asks_for(primary)) {
                let why = format!(
                    "the primary {primary} is gone; its backup is kept; to delete it, \
                     take {primary} out of `backs_up` or put it into `except`"
                );
                self.wishes.impossible.insert(name.clone(), why);
            }
        }
        for primary in rules.flat_map(Rule::names) {
            let there = primary.parse::<Name>().is_ok_and(|it| self.seen.contains_key(&it));
            let Some(stem) = stem(primary).filter(|_| !there) else { continue };
            self.refuse(stem, format!("there is no {}", primary.escape_debug()));
        }
        self.wishes
    }
}
