//! Backups of workflows and functions as plain files: through the providers and the plan, onto a
//! real disk, and with GitHub's own parser, actionlint and Netlify's own bundler.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod bundler;
mod edge;
mod edge_answers;
mod forms;
mod functions;
mod hostile;
mod life;
mod linter;
mod modes;
mod node;
mod odd;
mod parser;
#[path = "../parts/mod.rs"]
mod parts;
#[path = "../parts/python.rs"]
mod python;
mod refusals;
mod renewal;
mod routing;
mod safety;
mod start;
mod tools;
mod workflows;
mod zipped;
mod zipped_answers;
#[path = "../parts/zips.rs"]
mod zips;

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use redundancy::{
    config::{self, Project},
    core::{
        change::{Change, Why},
        id::Id,
        plan::{Asker, Consent, Plan, plan},
        resource::{Desired, Observed},
    },
    provider::{Error, Provider, github::Github, netlify::Netlify},
};
use tempfile::TempDir;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// A project on disk.
struct World {
    _dir: TempDir,
    root: PathBuf,
    config: String,
}

impl World {
    /// A project with this `redundancy.toml` and these files.
    fn new(config: &str, files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("project");
        fs::create_dir(&root).unwrap();
        let root = root.canonicalize().unwrap();
        let world = Self { _dir: dir, root, config: config.to_owned() };
        for (path, text) in files {
            world.write(path, text);
        }
        world
    }

    /// A project whose every workflow shall have a backup.
    fn of_workflows(files: &[(&str, &str)]) -> Self {
        let files: Vec<_> =
            files.iter().map(|(name, text)| (format!(".github/workflows/{name}"), *text)).collect();
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        Self::new("[[workflow]]\nbacks_up = '*'", &files)
    }

    /// A project whose every function shall have a backup.
    fn of_functions(files: &[(&str, &str)]) -> Self {
        let files: Vec<_> =
            files.iter().map(|(name, text)| (format!("netlify/functions/{name}"), *text)).collect();
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        Self::new("[[function]]\nbacks_up = '*'", &files)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    fn project(&self) -> Project {
        let loaded = config::parse(&self.config).unwrap();
        Project { root: self.root.clone(), config: loaded.0 }
    }

    fn providers(&self) -> [Box<dyn Provider>; 2] {
        let project = self.project();
        [Box::new(Github::new(&project)), Box::new(Netlify::new(&project))]
    }

    fn look(&self) -> (Desired, Observed) {
        let (mut desired, mut observed) = (Desired::default(), Observed::default());
        for provider in self.providers() {
            let seen = run(provider.observe(NOW)).map_err(|error| error.to_string());
            if let Ok(seen) = &seen {
                desired.set(provider.name(), provider.desire(seen));
            }
            observed.set(provider.name(), seen);
        }
        (desired, observed)
    }

    fn plan_with(&self, consent: &Consent) -> Plan {
        let (desired, observed) = self.look();
        plan(&desired, &observed, Asker::Person, consent, NOW)
    }

    fn plan(&self) -> Plan {
        self.plan_with(&Consent::default())
    }

    /// Makes every change of a plan.
    fn apply(&self, plan: &Plan) -> Result<(), Error> {
        plan.steps().try_for_each(|step| self.make(&step.id, &step.change))
    }

    fn make(&self, id: &Id, change: &Change) -> Result<(), Error> {
        let providers = self.providers();
        let provider = providers.iter().find(|it| *it.name() == id.provider).unwrap();
        run(provider.apply(&id.name, change, NOW))
    }

    /// Plans and applies, after which there is nothing left to do.
    fn settle(&self) {
        self.apply(&self.plan()).unwrap();
        assert_eq!(told(&self.plan()), "");
    }

    /// Everything below the project, by path.
    fn tree(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect(&self.root, &self.root, &mut found);
        found.sort();
        found
    }
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            collect(root, &path, found);
        } else {
            found.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A plan in words: a line for each step and for each resource that is left alone.
fn told(plan: &Plan) -> String {
    let steps = plan.steps().map(|it| format!("{} {}: {}", it.change.verb(), it.id, it.reason));
    let held = plan.held.iter().map(|it| format!("held {}: {}", it.id, why(&it.why)));
    steps.chain(held).collect::<Vec<_>>().join("\n")
}

fn why(why: &Why) -> String {
    match why {
        Why::Impossible { reason } | Why::Blind { reason } => reason.clone(),
        Why::EditedByHand { .. } => "edited by hand".to_owned(),
        Why::NotProven { .. } => why.to_string(),
        other => format!("{other:?}"),
    }
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn adopt(text: &str) -> Consent {
    Consent { adopt: [id(text)].into(), ..Consent::default() }
}

fn overwrite(text: &str) -> Consent {
    Consent { overwrite: [id(text)].into(), ..Consent::default() }
}
