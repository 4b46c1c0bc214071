//! What the config says about apps of PM2.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    definition::{Definition, HOT_FIELDS},
    primaries,
};
use crate::{
    config::{
        Project,
        model::{self, Runner, State},
    },
    core::{
        digest::Digest,
        id::Name,
        resource::{Body, Run, Wanted},
        schedule::Schedule,
    },
    provider::process::mark,
};

/// The project, as far as PM2 goes.
pub(super) struct Settings {
    /// PM2's home folder. None: nothing says where it is.
    pub(super) home: Option<PathBuf>,
    /// Where PM2 is installed for this project alone.
    pub(super) private: PathBuf,
    pub(super) options: model::Pm2,
    /// Whether the config speaks of PM2 at all. If not, only what an earlier one left is looked for.
    pub(super) concerned: bool,
    /// Tells our apps from those of another project.
    pub(super) scope: Digest,
    pub(super) apps: BTreeMap<Name, App>,
    /// The primaries of exclusive pairs that are none of the project's processes, and what PM2 calls
    /// them.
    pub(super) primaries: BTreeMap<Name, String>,
}

/// An app of the config.
pub(super) struct App {
    pub(super) definition: Definition,
    pub(super) body: Body,
    pub(super) run: Run,
    insist: bool,
    backs_up: Option<String>,
    /// How long it may take to stop.
    pub(super) stop_timeout: Duration,
}

impl Settings {
    pub(super) fn of(project: &Project) -> Self {
        let config = &project.config;
        let home = home(&config.pm2, &project.root);
        let known = home.clone().unwrap_or_default();
        let apps = config.process.iter().filter(|it| it.runner() == Runner::Pm2).map(|process| {
            let definition = Definition::of(process, &config.pm2, &known, &project.root);
            let app = App {
                body: definition.body(),
                definition,
                run: if process.runs(&config.failover) { Run::On } else { Run::Off },
                insist: process.state == Some(State::Running),
                backs_up: process.backs_up.clone(),
                stop_timeout: process.stop_timeout.0,
            };
            (process.name.clone(), app)
        });
        let apps: BTreeMap<Name, App> = apps.collect();
        let primaries = config.process.iter().filter_map(|it| it.backs_up.as_deref());
        let ours = |name: &str| config.process.iter().any(|it| it.name.as_str() == name);
        let elsewhere = primaries.clone().any(|it| !it.starts_with("embedded/") && !ours(it));
        Self {
            concerned: !apps.is_empty() || elsewhere || config.pm2 != model::Pm2::default(),
            home,
            private: project.state_dir().join("pm2"),
            options: config.pm2.clone(),
            scope: Digest::of(["pm2".as_bytes(), project.root.as_os_str().as_encoded_bytes()]),
            apps,
            primaries: primaries::of(project),
        }
    }

    /// Whose an app is that PM2 has by this name, with this mark in its environment, and what that was made from.
    /// What a process of ours has started, by another name, has its mark too, and is none of ours.
    pub(super) fn owner_of(&self, name: &str, mark: Option<&str>) -> Option<(Name, Digest)> {
        mark::read_value(mark?, self.scope).filter(|(owner, _)| owner.as_str() == name)
    }

    /// The value of the mark of an app that is made from `body`.
    pub(super) fn mark(&self, name: &Name, body: &Body) -> String {
        mark::of(self.scope, name, body.digest())
    }
}

impl App {
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            body: Some(self.body.clone()),
            run: self.run,
            insist: self.insist,
            called: false,
            call: None,
            backs_up: self.backs_up.clone(),
            hot_fields: HOT_FIELDS,
        }
    }
}

/// A schedule as PM2 reads it: by the time zone of the machine.
pub(super) fn schedule(cron: &str) -> Option<Schedule> {
    let schedule: Schedule = cron.parse().ok()?;
    Some(schedule.in_zone(jiff::tz::TimeZone::system()))
}

/// Where PM2 keeps what it has.
fn home(options: &model::Pm2, root: &Path) -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let home = match &options.home {
        Some(home) => Some(match home.strip_prefix("~") {
            Ok(rest) => variable("HOME")?.join(rest),
            Err(_) => root.join(home),
        }),
        None => variable("PM2_HOME").or_else(|| Some(variable("HOME")?.join(".pm2"))),
    };
    home.map(|it| std::path::absolute(&it).unwrap_or(it))
}
