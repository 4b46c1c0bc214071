//! What the config says about embedded processes.

use std::{collections::BTreeMap, path::PathBuf};

use super::definition::{Definition, HOT_FIELDS};
use crate::{
    config::{Project, model::Runner},
    core::{
        digest::Digest,
        id::Name,
        resource::{Body, Run, Wanted},
    },
    disk::Log,
};

/// The project, as far as embedded processes go.
pub(super) struct Settings {
    pub(super) root: PathBuf,
    log_dir: PathBuf,
    pub(super) records: PathBuf,
    /// Tells our processes from those of another project, or of another state folder.
    pub(super) scope: Digest,
    pub(super) processes: BTreeMap<Name, Configured>,
}

/// A process of the config.
pub(super) struct Configured {
    pub(super) definition: Definition,
    pub(super) body: Body,
    pub(super) run: Run,
    pub(super) backs_up: Option<String>,
    /// Why it can't be made, if so.
    pub(super) impossible: Option<String>,
}

impl Settings {
    pub(super) fn of(project: &Project) -> Self {
        let failover = &project.config.failover;
        let embedded = project.config.process.iter().filter(|it| it.runner() == Runner::Embedded);
        let processes = embedded.map(|process| {
            let definition = Definition::of(process, failover.backoff);
            let body = definition.body();
            let run = if process.runs(failover) { Run::On } else { Run::Off };
            let impossible = definition.schedule().err();
            let backs_up = process.backs_up.clone();
            let configured = Configured { definition, body, run, backs_up, impossible };
            (process.name.clone(), configured)
        });
        let state_dir = project.state_dir();
        Self {
            root: project.root.clone(),
            log_dir: project.log_dir(),
            records: state_dir.join("embedded"),
            scope: Digest::of(
                [&project.root, &state_dir].map(|it| it.as_os_str().as_encoded_bytes()),
            ),
            processes: processes.collect(),
        }
    }

    pub(super) fn log_file(&self, name: &Name) -> PathBuf {
        self.log_dir.join(format!("{name}.log"))
    }

    pub(super) fn log(&self, name: &Name, definition: &Definition) -> Log {
        Log::of(&self.log_dir, name.as_str(), definition.log)
    }
}

impl Configured {
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            body: Some(self.body.clone()),
            run: self.run,
            // What is off is off by our own record: nobody else stops it without a signal.
            insist: true,
            called: false,
            call: None,
            backs_up: self.backs_up.clone(),
            hot_fields: HOT_FIELDS,
        }
    }
}
