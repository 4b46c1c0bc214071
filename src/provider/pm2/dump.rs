//! `dump.pm2`: what `pm2 save` wrote last.

use std::{collections::BTreeSet, fs, io, path::Path};

use serde_json::{Map, Value};

use super::{client::Prepared, settings::Settings};
use crate::{core::id::Name, provider::process::mark};

/// The processes of the last `pm2 save` that may be started again. Those that are `off_duty` will be
/// registered and not started.
pub(super) fn saved(settings: &Settings, home: &Path, off_duty: &BTreeSet<Name>) -> Vec<Prepared> {
    let prepared = |it: Prepared| {
        if off_duty.contains(&Name::nearest(it.name())) { it.stopped() } else { it }
    };
    match (read(home), settings.options.resurrect) {
        (Ok(saved), true) => primaries(settings, &saved).into_iter().map(prepared).collect(),
        (Err(error), true) => {
            tracing::warn!("PM2's processes are not resurrected: {error}");
            Vec::new()
        }
        (_, false) => Vec::new(),
    }
}

/// The processes of the last `pm2 save` that are none of ours.
pub(super) fn primaries(settings: &Settings, saved: &[Map<String, Value>]) -> Vec<Prepared> {
    let mut prepared = Vec::new();
    for entry in saved {
        let name = entry.get("name").and_then(Value::as_str).unwrap_or("(no name)").to_owned();
        let marked = entry.get("env").and_then(|env| env.get(mark::MARK)).and_then(Value::as_str);
        let module = entry.get("pmx_module").and_then(Value::as_bool) == Some(true);
        if marked.is_some_and(|it| mark::read_value(it, settings.scope).is_some()) || module {
            continue;
        }
        match Prepared::try_from(entry.clone()) {
            Ok(it) => prepared.push(it),
            Err(why) => tracing::error!("PM2's process {name:?} can't be resurrected: {why}"),
        }
    }
    prepared
}

/// What `pm2 save` wrote last; nothing where it never did.
pub(super) fn read(home: &Path) -> Result<Vec<Map<String, Value>>, String> {
    let path = home.join("dump.pm2");
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    let place = |error: serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        format!("{} is damaged at line {line}, column {column}", path.display())
    };
    serde_json::from_slice(&text).map_err(place)
}
