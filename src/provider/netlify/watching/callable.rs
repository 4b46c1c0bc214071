//! Which functions may be called to see whether they answer: not those that work by themselves, whose
//! work would be done once more.

use std::collections::BTreeMap;

use super::super::{
    BY_ITSELF, FUNCTION, OPAQUE,
    exports::Exports,
    function,
    look::{Look, set},
    scan::Found,
    settings::Settings,
    wrapper,
};
use crate::{
    core::resource::{Body, Sightings},
    provider::files::{rule::backup_name, wish::text},
};

impl Look {
    /// Puts into what was seen of a function, whose main file is at `path`, whether it works by itself.
    pub(in super::super) fn put_calls(
        &self,
        seen: &mut Body,
        settings: &Settings,
        found: &Found,
        path: &str,
    ) {
        let name = found.name.as_str();
        let main = seen.files.get(path);
        let exports = if found.is_zip() {
            // Nothing in a zip file makes Netlify call it.
            Some(Exports::default())
        } else {
            let source = main.and_then(|main| self.known.source(path, main).ok());
            source.map(|it| it.exports.clone())
        };
        let field = match exports {
            None => (OPAQUE, path.to_owned()),
            Some(exports) => match function::by_itself(name, &exports, &settings.of(name)) {
                None => return,
                Some(how) => (BY_ITSELF, how.to_owned()),
            },
        };
        set(seen, [field]);
    }
}

/// What is known of functions and their backups.
pub(super) struct Callable<'a> {
    /// The primaries, by the names of their functions.
    primaries: BTreeMap<&'a str, &'a Body>,
    sightings: &'a Sightings,
    settings: &'a Settings,
}

impl<'a> Callable<'a> {
    pub(super) fn new(sightings: &'a Sightings, settings: &'a Settings) -> Self {
        let bodies = sightings.values().map(|it| &it.body);
        let primaries = bodies.filter_map(|it| Some((text(it, FUNCTION)?, it))).collect();
        Self { primaries, sightings, settings }
    }

    /// Why `function`, which is the primary or its backup, is not called, if it is not.
    pub(super) fn why_not(&self, function: &str, primary: &str) -> Option<String> {
        let by_file = |name| self.settings.works_by_itself(name);
        let body = self.primaries.get(primary);
        let own = body.and_then(|it| text(it, BY_ITSELF));
        let why = if by_file(function) || by_file(primary) {
            "netlify.toml gives it a schedule, or the background".to_owned()
        } else if let Some(how) = own.or_else(|| function::by_name(primary)) {
            how.to_owned()
        } else if self.backup_is(primary) == Some(true) && (body.is_none() || function != primary) {
            "what its backup holds works by a schedule or in the background".to_owned()
        } else if let Some(path) = body.and_then(|it| text(it, OPAQUE)) {
            match self.backup_is(primary) {
                Some(false) => return None,
                Some(true) | None => {
                    format!(
                        "{path} can't be understood, which would say whether it works by itself"
                    )
                }
            }
        } else {
            return None;
        };
        Some(format!("it is not called, because {why}"))
    }

    /// Whether what the backup holds works by a schedule or in the background, where there is one.
    fn backup_is(&self, primary: &str) -> Option<bool> {
        let backup = self.sightings.get(&backup_name(primary).ok()?)?;
        backup.mark.as_ref()?;
        backup.body.files.values().find_map(|it| wrapper::rethrows(it))
    }
}
