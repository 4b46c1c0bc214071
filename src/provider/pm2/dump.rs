//! `dump.pm2`: what `pm2 save` wrote last.

use std::{collections::BTreeSet, fs, io, path::Path, time::SystemTime};

use serde_json::{Map, Value, json};

use super::{
    Pm2,
    client::{Lacking, Prepared},
    listed::Listed,
    settings::Settings,
};
use crate::{
    core::id::Name,
    provider::process::{kernel, mark::MARK},
};

/// The processes of the last `pm2 save` that may be started again. Those that are `off_duty` will be
/// registered and not started. What can't be started is told of.
pub(super) fn saved(settings: &Settings, home: &Path, off_duty: &BTreeSet<Name>) -> Vec<Prepared> {
    if !settings.options.resurrect {
        return Vec::new();
    }
    let saved = read(home).unwrap_or_else(|error| {
        tracing::warn!("PM2's processes are not resurrected: {error}");
        Vec::new()
    });
    let mut prepared = Vec::new();
    for primary in primaries(settings, &saved) {
        match primary {
            Ok(it) if off_duty.contains(&Name::nearest(it.name())) => prepared.push(it.stopped()),
            Ok(it) => prepared.push(it),
            Err(Broken { name, why }) => {
                tracing::error!("PM2's process {name:?} can't be resurrected: {why}");
            }
        }
    }
    prepared
}

/// A process of the last `pm2 save` that can't be started as it was saved.
pub(super) struct Broken {
    pub(super) name: String,
    pub(super) why: Lacking,
}

/// The processes of the last `pm2 save` that are none of ours.
pub(super) fn primaries(
    settings: &Settings,
    saved: &[Map<String, Value>],
) -> impl Iterator<Item = Result<Prepared, Broken>> {
    saved.iter().filter_map(|entry| {
        let name = entry.get("name").and_then(Value::as_str).unwrap_or("(no name)");
        let mark = entry.get("env").and_then(|env| env.get(MARK)).and_then(Value::as_str);
        let is_module = entry.get("pmx_module").and_then(Value::as_bool) == Some(true);
        let is_ours = settings.owner_of(name, mark).is_some();
        let prepared = || Prepared::try_from(entry.clone());
        (!is_ours && !is_module)
            .then(|| prepared().map_err(|why| Broken { name: name.to_owned(), why }))
    })
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

/// A saved process, as a daemon would list it.
pub(super) fn as_listed(entry: &Map<String, Value>) -> serde_json::Result<Listed> {
    let name = entry.get("name").cloned().unwrap_or_default();
    serde_json::from_value(json!({ "pm_id": 0, "name": name, "pm2_env": entry }))
}

impl Pm2 {
    /// Whether the last `pm2 save` was before this daemon began.
    pub(super) fn was_saved_before(&self, daemon: i32) -> bool {
        let home = self.settings.home.as_deref();
        let saved_at = home.and_then(|it| fs::metadata(it.join("dump.pm2")).ok()?.modified().ok());
        let age = kernel::stat(daemon).ok().flatten().map(|it| kernel::age(it.start));
        let began = age.and_then(|it| SystemTime::now().checked_sub(it));
        saved_at.zip(began).is_some_and(|(saved_at, began)| saved_at < began)
    }

    /// The names of the primaries of the last `pm2 save`, if the daemon has none of them, nor any
    /// other that is not ours, and if they may be started again.
    pub(super) fn missing(&self, listed: &[Listed]) -> Vec<String> {
        let others = listed.iter().any(|it| self.mark_of(it).is_none() && !it.is_module());
        let Some(home) = self.settings.home.as_deref().filter(|_| !others) else {
            return Vec::new();
        };
        if !self.settings.options.resurrect {
            return Vec::new();
        }
        // Whoever starts them says what is wrong with the file, and with those that can't be started.
        let saved = read(home).unwrap_or_default();
        let primaries = primaries(&self.settings, &saved).filter_map(Result::ok);
        primaries.map(|it| it.name().to_owned()).collect()
    }
}
