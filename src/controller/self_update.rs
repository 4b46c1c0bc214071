//! A newer version of this program on trial: what of it outlives the program, and how one becomes the other.
//!
//! The new one lies beside the program, as `NAME.new-PID`, and the watch becomes it: the process stays the same, and
//! what it runs too. Only when all is healthy under it does it take the place of the program. Until then that is
//! the one before, so whatever becomes of the new one - it can't be run, it ends, it is killed, it never gets as
//! far as to this file - the next watch to begin is the one before. It finds `update.json` here, and says so.

use std::{
    collections::BTreeSet,
    env, fs, io,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use crate::{
    config,
    disk::replace_private,
    provider::ProcessId,
    update::{self, Place},
};

/// A version on trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The version that went before.
    pub from: String,
    /// The version.
    pub to: String,
    /// Its program.
    new: PathBuf,
    /// The place that it is to take.
    program: PathBuf,
    /// The file that is there until then: its device and its number.
    before: (u64, u64),
}

/// What has to be known of updates, whichever version begins next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    /// When a newer version was looked for.
    pub(super) looked: Option<jiff::Timestamp>,
    trial: Option<Candidate>,
    /// Who becomes another program. Where there is a trial, it was not begun before.
    process: Option<ProcessId>,
    /// The versions that nobody but a person tries again.
    pub(super) refused: BTreeSet<String>,
    /// What the history has not been told.
    pub(super) to_tell: Vec<String>,
    /// What of that people are to be told who do not look.
    pub(super) undone: Vec<String>,
}

/// The file of what has to be known of updates.
#[derive(Debug, Clone)]
pub struct Ledger(PathBuf);

/// How a watch begins, in view of updates.
#[derive(Debug, Default)]
pub struct Begun {
    /// The version on trial, which this program is.
    pub trial: Option<(Ledger, Candidate)>,
    /// Whether this process was a watch already, by another program.
    pub goes_on: bool,
}

/// What a watch becomes in the same process.
#[derive(Debug)]
pub enum Next {
    /// A newer version, for a trial.
    Try(Ledger, Candidate),
    /// The one before, in the place of the one on trial: why.
    Undo(Ledger, Candidate, String),
}

impl Ledger {
    /// That of a state folder.
    #[must_use]
    pub fn of(state_dir: &Path) -> Self {
        Self(state_dir.join("update.json"))
    }

    /// What is known. Where that can't be read, nothing is.
    pub(super) fn read(&self) -> Record {
        let read = match fs::read_to_string(&self.0) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Record::default();
            }
            read => read.and_then(|it| serde_json::from_str(&it).map_err(io::Error::other)),
        };
        read.unwrap_or_else(|error| {
            warn!("{} is not read, and begun anew: {error}", self.0.display());
            Record::default()
        })
    }

    /// Changes what is known, for good.
    pub(super) fn change(&self, change: impl FnOnce(&mut Record)) -> io::Result<()> {
        let mut record = self.read();
        change(&mut record);
        let text = serde_json::to_string_pretty(&record).map_err(io::Error::other)?;
        replace_private(&self.0, &format!("{text}\n"))
    }

    /// The same, where it goes on without.
    pub(super) fn try_to_change(&self, change: impl FnOnce(&mut Record)) {
        if let Err(error) = self.change(change) {
            error!("cannot write {}: {error}", self.0.display());
        }
    }

    /// Has nobody but a person try `version` again.
    ///
    /// # Errors
    /// When that can't be written down.
    pub fn refuse(&self, version: &str) -> io::Result<()> {
        self.change(|record| record.refused.extend([version.to_owned()]))
    }

    /// Puts the version that was fetched beside the program at `place`, to be tried.
    pub(super) fn prepare(
        &self,
        fetched: update::Fetched,
        place: &Place,
    ) -> Result<Candidate, String> {
        let program = place.program.clone();
        let before = file_id(&program).ok_or_else(|| {
            format!("cannot see {}, in whose place it would be", program.display())
        })?;
        // What can't be told from another could not be undone.
        ProcessId::this().map_err(|error| error.to_string())?;
        let mut new = program.clone().into_os_string();
        // Watches of several projects may be this program.
        new.push(format!(".new-{}", std::process::id()));
        let (from, to) = (update::VERSION.to_owned(), fetched.version.to_string());
        let trial = Candidate { from, to, new: new.into(), program, before };
        // First what is known, so that whoever is killed leaves nothing that nobody knows of.
        let noted = self.change(|it| (it.trial, it.process) = (Some(trial.clone()), None));
        noted.map_err(|error| format!("cannot write {}: {error}", self.0.display()))?;
        if let Err(error) = fetched.persist(&trial.new) {
            self.try_to_change(|it| it.trial = None);
            return Err(error.to_string());
        }
        Ok(trial)
    }

    /// Has a version that did well take its place.
    pub(super) fn pass(&self, trial: &Candidate) -> Result<(), String> {
        if file_id(&trial.program) != Some(trial.before) {
            let program = trial.program.display();
            return Err(format!("another one was put in the place of {program} meanwhile"));
        }
        let put = Place::of(trial.program.clone()).and_then(Place::keep);
        let put = put.and_then(|place| place.put(&trial.new));
        put.map_err(|error| error.to_string())?;
        self.try_to_change(Record::end);
        Ok(())
    }

    /// Leaves the trial for another time: the watch was asked to end.
    pub(super) fn put_off(&self) {
        self.try_to_change(|it| (it.process, it.looked) = (None, None));
    }
}

impl Record {
    fn end(&mut self) {
        (self.trial, self.process) = (None, None);
    }

    fn undo(&mut self, trial: &Candidate, why: &str) {
        self.end();
        let Candidate { from, to, .. } = trial;
        self.refused.insert(to.clone());
        let text = format!(
            "the update from {from} to {to} was undone: {why}; {to} is not tried again, unless by \
             `redundancy self-update`"
        );
        self.undone.push(text.clone());
        self.to_tell.push(text);
    }
}

fn file_id(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|it| (it.dev(), it.ino()))
}

/// What a watch of the config at `config` has to know of updates before anything else. Ends a trial that did not
/// come to its end.
#[must_use]
pub fn begin(config: &Path) -> Begun {
    // Its folder is known also where the rest of the config can't be understood.
    let Ok(project) = config::by_default(config) else { return Begun::default() };
    let ledger = Ledger::of(&project.state_dir());
    let record = ledger.read();
    let Some(process) = record.process.clone() else {
        if let Some(trial) = record.trial {
            // It was never begun, or the watch was asked to end.
            ledger.try_to_change(Record::end);
            remove(&trial.new);
        }
        return Begun::default();
    };
    let goes_on = ProcessId::this().is_ok_and(|it| it == process);
    match record.trial {
        Some(trial) if goes_on && trial.new.exists() => {
            return Begun { trial: Some((ledger, trial)), goes_on };
        }
        // It goes on elsewhere: there can be only one watch.
        _ if !goes_on && process.lives() => return Begun::default(),
        Some(trial) => {
            let is_in_place = !trial.new.exists() && file_id(&trial.program) != Some(trial.before);
            if is_in_place {
                let text = updated(&trial);
                ledger.try_to_change(|it| {
                    it.end();
                    it.to_tell.push(text);
                });
            } else {
                let why = "it ended before all was healthy";
                ledger.try_to_change(|it| it.undo(&trial, why));
                remove(&trial.new);
            }
        }
        None => ledger.try_to_change(Record::end),
    }
    Begun { trial: None, goes_on }
}

/// What is told of a version that did well.
pub(super) fn updated(trial: &Candidate) -> String {
    format!("updated from {} to {}", trial.from, trial.to)
}

/// A file of which nothing is left to be known.
fn remove(new: &Path) {
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            warn!("cannot remove {}: {error}", new.display());
        }
        _ => {}
    }
}

impl Next {
    /// Becomes it: with the same arguments, in the same process. Comes back only where that is not possible, with
    /// what was tried last.
    pub fn become_it(self) -> (PathBuf, io::Error) {
        match self {
            Self::Try(ledger, trial) => {
                let process = ProcessId::this().ok();
                if let Err(error) = ledger.change(|it| it.process = process) {
                    error!("cannot write down that {} is tried, so it is not: {error}", trial.to);
                    return become_program(trial.program);
                }
                let (_, error) = become_program(trial.new.clone());
                Self::Undo(ledger, trial, format!("it can't be run: {error}")).become_it()
            }
            Self::Undo(ledger, trial, why) => {
                let process = ProcessId::this().ok();
                ledger.try_to_change(|it| {
                    it.undo(&trial, &why);
                    it.process = process;
                });
                // Also where nothing can be written: without it, it is not taken for the one on trial.
                remove(&trial.new);
                become_program(trial.program)
            }
        }
    }
}

fn become_program(program: PathBuf) -> (PathBuf, io::Error) {
    let mut arguments = env::args_os();
    let mut command = Command::new(&program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    let error = command.args(arguments).exec();
    (program, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A project in whose state folder a trial is noted, which `process` began.
    struct Scene {
        dir: tempfile::TempDir,
        ledger: Ledger,
        trial: Candidate,
    }

    impl Scene {
        fn new(process: Option<ProcessId>) -> Self {
            let dir = tempfile::tempdir().unwrap();
            // What another version understands of it is enough.
            let config = "[controller]\nstate_dir = \"state\"\n[of-another-version]\nx = 1\n";
            fs::write(dir.path().join("redundancy.toml"), config).unwrap();
            fs::create_dir(dir.path().join("state")).unwrap();
            let (new, program) = (dir.path().join("p.new-1"), dir.path().join("p"));
            fs::write(&new, "new").unwrap();
            fs::write(&program, "old").unwrap();
            let before = file_id(&program).unwrap();
            let (from, to) = ("1.0.0".to_owned(), "2.0.0".to_owned());
            let trial = Candidate { from, to, new, program, before };
            let ledger = Ledger::of(&dir.path().join("state"));
            let noted = Some(trial.clone());
            ledger.change(|it| (it.trial, it.process) = (noted, process)).unwrap();
            Self { dir, ledger, trial }
        }

        fn begin(&self) -> Begun {
            begin(&self.dir.path().join("redundancy.toml"))
        }
    }

    /// A process that is there no more.
    fn gone() -> ProcessId {
        serde_json::from_str(r#"{"pid": 1, "start": 0, "boot": "another"}"#).unwrap()
    }

    #[test]
    fn the_process_that_began_it_is_the_one_on_trial() {
        let scene = Scene::new(ProcessId::this().ok());
        let begun = scene.begin();
        assert!(begun.goes_on && begun.trial.is_some());
        // The one before, which took it up where nothing could be written, is not.
        fs::remove_file(&scene.trial.new).unwrap();
        let begun = scene.begin();
        assert!(begun.goes_on && begun.trial.is_none());
        assert!(scene.ledger.read().refused.contains("2.0.0"));
    }

    #[test]
    fn one_that_was_never_begun_is_forgotten() {
        let scene = Scene::new(None);
        assert!(scene.begin().trial.is_none());
        assert_eq!(scene.ledger.read(), Record::default());
        assert!(!scene.trial.new.exists());
    }

    #[test]
    fn one_whose_process_is_gone_is_undone_unless_it_has_its_place() {
        let scene = Scene::new(Some(gone()));
        assert!(scene.begin().trial.is_none() && !scene.trial.new.exists());
        let record = scene.ledger.read();
        assert!(record.refused.contains("2.0.0") && record.trial.is_none());
        assert!(
            record.to_tell[0].starts_with("the update from 1.0.0 to 2.0.0 was undone: it ended")
        );
        let scene = Scene::new(Some(gone()));
        fs::rename(&scene.trial.new, &scene.trial.program).unwrap();
        assert!(scene.begin().trial.is_none());
        let record = scene.ledger.read();
        assert_eq!(record.to_tell, ["updated from 1.0.0 to 2.0.0"]);
        assert!(record.refused.is_empty());
    }

    #[test]
    fn one_does_not_take_the_place_of_what_somebody_put_there() {
        let scene = Scene::new(Some(gone()));
        let other = scene.dir.path().join("other");
        fs::write(&other, "other").unwrap();
        fs::rename(&other, &scene.trial.program).unwrap();
        assert!(scene.ledger.pass(&scene.trial).unwrap_err().contains("another one was put"));
        assert_eq!(fs::read_to_string(&scene.trial.program).unwrap(), "other");
    }

    #[test]
    fn what_can_not_be_read_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::of(dir.path());
        fs::write(dir.path().join("update.json"), "{").unwrap();
        assert_eq!(ledger.read(), Record::default());
        ledger.refuse("2.0.0").unwrap();
        assert!(ledger.read().refused.contains("2.0.0"));
    }
}
