//! Snapshots that were made and are not written out yet: kept by their recipe, in memory and, where
//! there is a state folder, in `STATE_DIR/netlify/snapshots`, so that the next look need not make them
//! again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::verdicts::keep;
use crate::core::digest::Digest;

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Snapshots(Mutex<BTreeMap<Digest, String>>);

impl Snapshots {
    /// The snapshot of this recipe, if there is one.
    pub(super) fn get(&self, state_dir: &Path, recipe: &Digest) -> Option<String> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = kept.get(recipe) {
            return Some(text.clone());
        }
        // What can't be read is made again.
        let text = fs::read_to_string(folder(state_dir).join(file_name(recipe))).ok()?;
        kept.insert(*recipe, text.clone());
        Some(text)
    }

    pub(super) fn put(&self, state_dir: &Path, recipe: Digest, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(recipe, text.to_owned());
        if !state_dir.is_dir() {
            return;
        }
        let place = folder(state_dir).join(file_name(&recipe));
        if let Err(error) = keep(&place, text.as_bytes()) {
            tracing::debug!("cannot keep {}: {error}", place.display());
        }
    }

    /// Forgets all but these.
    pub(super) fn keep_only(&self, state_dir: &Path, recipes: &BTreeSet<Digest>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|it, _| recipes.contains(it));
        let names: BTreeSet<String> = recipes.iter().map(file_name).collect();
        let entries = match fs::read_dir(folder(state_dir)) {
            Ok(entries) => entries,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::debug!("cannot tidy up the snapshots: {error}");
                }
                return;
            }
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_old =
                name.to_str().is_some_and(|it| !it.starts_with('.') && !names.contains(it));
            if is_old && let Err(error) = fs::remove_file(entry.path()) {
                tracing::debug!("cannot remove {}: {error}", entry.path().display());
            }
        }
    }
}

fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("netlify/snapshots")
}

fn file_name(recipe: &Digest) -> String {
    format!("{recipe}.cjs")
}
