//! What a watch goes by, and how it notices that this has changed: its lock, its config, what can be
//! had on the machine, the places to look after.

use std::rc::Rc;

use jiff::Timestamp;
use tracing::{error, warn};

use super::Watch;
use crate::{
    config::Loaded,
    controller::{
        self, background,
        lock::{self, Lock, LockError},
        reload::Reload,
        requests,
    },
    journal::Kind,
};

impl Watch {
    /// Takes the lock again when somebody removed it, with its folder or alone. False when another
    /// watch was quicker.
    pub(super) fn keep_out_others(&mut self) -> bool {
        let state_dir = self.controller.project().state_dir();
        let path = lock::watch_file(&state_dir);
        if self.lock.is_in_place(&path) {
            return true;
        }
        if let Err(error) = controller::make_state_dir(&state_dir) {
            error!("cannot make {}: {error}", state_dir.display());
            return true;
        }
        match Lock::take(&path, "watch", Timestamp::now()) {
            Ok(lock) => {
                self.lock = lock;
                let text = format!("{} was removed, and is there again", path.display());
                self.note(None, Kind::Controller, text);
                true
            }
            Err(LockError::Held(by)) => {
                let by = LockError::Held(by);
                error!("{} was removed, and the project is now watched by {by}", path.display());
                false
            }
            Err(error) => {
                error!("{error}");
                true
            }
        }
    }

    /// Reads the config again. True when there is a new one in force.
    pub(super) async fn reload(&mut self) -> bool {
        let path = self.config.path().display().to_string();
        match self.config.read(self.controller.project()) {
            Reload::Same => false,
            Reload::SoundAgain => {
                self.metrics.reloaded(true, Timestamp::now());
                self.note(None, Kind::Controller, format!("{path} is sound again, and as before"));
                false
            }
            Reload::Broken(wrong) => {
                self.metrics.reloaded(false, Timestamp::now());
                let text = format!("{path} is not taken over; the last good config stays in force");
                self.note(None, Kind::Controller, text);
                error!("what is wrong with it:\n{}", wrong.trim_end());
                false
            }
            Reload::New(loaded) => {
                self.finish_all().await;
                self.configure(&loaded);
                self.metrics.reloaded(true, Timestamp::now());
                self.note(None, Kind::Controller, format!("{path} has changed and is in force"));
                self.tell_notes(&loaded);
                true
            }
        }
    }

    /// Takes a new config over. Nothing may be in hand.
    fn configure(&mut self, loaded: &Loaded) {
        let project = loaded.project.clone();
        match Rc::get_mut(&mut self.controller) {
            Some(controller) => {
                let missing = self.alerts.configure(&project);
                self.metrics.configure(&project);
                self.logs.configure(&project);
                controller.configure(project);
                self.tell_missing(missing);
            }
            None => error!("a change in hand keeps the old config in force; start the watch again"),
        }
    }

    /// Goes by what can be had here, where that has changed, and puts a new provider in the place of each
    /// that broke down.
    pub(super) async fn adapt(&mut self) {
        // As long as a change is in hand, it goes on as it is.
        if let Some(controller) = Rc::get_mut(&mut self.controller) {
            for name in controller.renew_broken() {
                self.note(None, Kind::Controller, format!("{name} broke down and was begun anew"));
            }
        }
        if self.controller.should_adapt() {
            self.finish_all().await;
            if let Some(controller) = Rc::get_mut(&mut self.controller) {
                controller.adapt();
                let text = "what can be had here has changed, and with it who runs the processes";
                self.note(None, Kind::Controller, text.to_owned());
            }
        }
    }

    pub(super) fn watch_places(&mut self) {
        let providers = self.controller.providers.iter().enumerate();
        let places = providers
            .flat_map(|(index, it)| it.places().into_iter().map(move |place| (place, index)))
            .collect();
        let requests = requests::file(&self.controller.project().state_dir());
        for failure in self.triggers.watch(places, requests) {
            warn!("{failure}");
        }
    }

    /// Puts the log of a watch in the background aside where it has grown too large.
    pub(super) fn bound_log(&self) {
        let log = background::log(self.controller.project());
        if let Err(error) = log.rotate() {
            warn!("{} was not put aside: {error}", log.file.display());
        }
    }

    pub(super) fn prune(&self) {
        let keep = self.controller.project().config.controller.history_for.0;
        if let Err(error) = self.journal.borrow_mut().prune(Timestamp::now(), keep) {
            error!("the journal was not pruned: {error}");
        }
    }
}
