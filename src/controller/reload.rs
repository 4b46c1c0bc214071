//! The config under a running watch: read again when it may have changed; the last good one stays
//! in force when the new one is broken or gone.

use std::path::{Path, PathBuf};

use crate::{
    config::{self, Loaded, Project, render::Style},
    core::digest::Digest,
};

/// The file that the config comes from.
#[derive(Debug)]
pub(super) struct ConfigFile {
    path: PathBuf,
    /// Of the text in force.
    in_force: Digest,
    /// The text in force.
    text: String,
    /// What is wrong with the text that is not in force.
    broken: Option<String>,
}

/// What a look at the file brought.
#[derive(Debug)]
pub(super) enum Reload {
    /// Nothing new.
    Same,
    /// A new config.
    New(Box<Loaded>),
    /// The file was broken and says again what is in force.
    SoundAgain,
    /// The file is broken in a way that was not told yet. The config in force stays.
    Broken(String),
}

impl ConfigFile {
    pub(super) fn new(path: PathBuf, loaded: &Loaded) -> Self {
        Self { path, in_force: loaded.digest, text: loaded.text.clone(), broken: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The text in force.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Reads the file again.
    pub(super) fn read(&mut self, in_force: &Project) -> Reload {
        let wrong = match config::load(&self.path) {
            Ok(loaded) if loaded.digest == self.in_force => {
                return if self.broken.take().is_some() {
                    Reload::SoundAgain
                } else {
                    Reload::Same
                };
            }
            Ok(loaded) => match unchangeable(in_force, &loaded.project) {
                None => {
                    self.broken = None;
                    self.in_force = loaded.digest;
                    self.text.clone_from(&loaded.text);
                    return Reload::New(Box::new(loaded));
                }
                Some(wrong) => wrong,
            },
            Err(error) => error.render(Style::Plain),
        };
        if self.broken.as_ref() == Some(&wrong) {
            return Reload::Same;
        }
        self.broken = Some(wrong.clone());
        Reload::Broken(wrong)
    }
}

/// What a running watch can't take over: its locks and its journal are in the state folder.
fn unchangeable(old: &Project, new: &Project) -> Option<String> {
    (old.state_dir() != new.state_dir()).then(|| {
        "`controller.state_dir` has changed, which needs a restart: end the watch, move the folder, \
         and start the watch again"
            .to_owned()
    })
}
