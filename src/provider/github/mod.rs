//! Workflows of GitHub Actions: each primary that the config names gets a backup file beside it.
//!
//! A primary is called by its file name, `ci.yml`; its backup `ci-backup` is the file
//! `ci-backup.yml` in the same folder.

pub mod api;
mod generate;
mod guard;
mod jobs;
mod look;
mod proposing;
pub mod pull_request;
mod timetable;
mod watching;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;

use self::{
    jobs::Timetables,
    look::{Look, file_name, name, primary_stem},
    proposing::Proposing,
    watching::{Seen, Watching},
};
use super::{
    Error, Provider, counted,
    files::{
        Comment, Order, Primary, Reader, Rule, Wisher, Writer,
        rule::{SUFFIX, backup_name},
        shown,
    },
    polled::PATIENCE,
};
use crate::{
    config::{
        Project,
        model::{Workflow, WorkflowMode},
    },
    core::{
        change::Change,
        digest::Digest,
        id::Name,
        job::{self, Job, Policy},
        report::Budget,
        resource::{Actual, Sightings, Status, Wishes},
    },
};
use generate::{Request, Settings};

/// The version of what is generated. Raise it with every change of the text that comes out for
/// the same primary and settings.
const GENERATOR: &str = "github/2";

/// The workflows of a project and their backups.
#[derive(Debug)]
pub struct Github {
    name: Name,
    look: Look,
    rules: Vec<(Rule, Settings)>,
    /// How often something may be tried at a job that does not do its work.
    attempts: u32,
    watching: Watching,
    timetables: Timetables,
    /// The backups at GitHub, where they are proposed there.
    proposing: Option<Proposing>,
    /// How long a look waits for GitHub.
    patience: Duration,
    /// Why those could not be seen at the last look, if they could not.
    hidden: Noted,
    /// Why the runs could not be seen at the last look, if they could not.
    unseen: Noted,
}

impl Github {
    /// The workflows of `project`.
    #[must_use]
    pub fn new(project: &Project) -> Self {
        let config = &project.config;
        let rule = |it: &Workflow| {
            let repository = config.github.repository.clone();
            (Rule::new(&it.backs_up, &it.except), Settings { repository, workflow: it.clone() })
        };
        let watching = Watching::new(project);
        Self {
            name: Name::literal("github"),
            look: Look {
                reader: Reader { root: project.root.clone(), comment: Comment::Hash },
                folder: config.github.workflows_dir.clone(),
            },
            rules: config.workflow.iter().map(rule).collect(),
            attempts: config.failover.max_recovery_attempts,
            proposing: Proposing::of(&config.github, &watching),
            watching,
            timetables: Timetables::default(),
            patience: PATIENCE,
            hidden: Mutex::default(),
            unseen: Mutex::default(),
        }
    }

    /// What the config says of the primary in `file`, if it shall have a backup.
    fn rule(&self, file: &str) -> Option<&(Rule, Settings)> {
        self.rules.iter().find(|(rule, _)| rule.asks_for(file))
    }

    /// Takes the backups as they are at GitHub instead of those of the checkout; or says why they
    /// are not known.
    async fn take_from_github(
        &self,
        sightings: &mut Sightings,
        deadline: Instant,
    ) -> Option<String> {
        let proposing = self.proposing.as_ref()?;
        sightings.retain(|name, it| it.mark.is_none() && !name.as_str().ends_with(SUFFIX));
        match proposing.look(deadline).await {
            Ok(backups) => {
                let named = |(path, it): (String, Actual)| (name(file_name(&path)), it);
                sightings.extend(backups.into_iter().map(named));
                None
            }
            Err(why) => Some(why),
        }
    }

    /// Finds out how the workflows run, where anything is asked of them; or says why that is not
    /// known.
    async fn watch(
        &self,
        sightings: &mut Sightings,
        deadline: Instant,
        now: Timestamp,
    ) -> Option<String> {
        if self.rules.is_empty() {
            return None;
        }
        let matters = |actual: &Actual| {
            let file = jobs::path(actual).map(file_name);
            actual.mark.is_some()
                || file.is_some_and(|it| self.rule(it).is_some())
                || self.timetables.is_planned(actual, now)
        };
        let names: BTreeSet<Name> = (sightings.iter())
            .filter(|(_, actual)| matters(actual))
            .map(|(name, _)| name.clone())
            .collect();
        let paths = names.iter().filter_map(|name| jobs::path(sightings.get(name)?));
        let paths = paths.map(|path| self.watching.at_github(path)).collect();
        let seen = self.watching.look(paths, deadline).await;
        let mut unseen = seen.as_ref().err().cloned();
        for (_, actual) in sightings.iter_mut().filter(|(name, _)| names.contains(*name)) {
            let job = match &seen {
                Ok(seen) => self.assess(actual, seen, now),
                Err(why) => Err(why.clone()),
            };
            let job = job.unwrap_or_else(|why| {
                unseen.get_or_insert(why);
                Job::only(job::State::Unseen)
            });
            actual.status = Status::Job(Box::new(job));
        }
        self.timetables.keep_only(sightings);
        unseen
    }

    fn assess(&self, actual: &Actual, seen: &Seen, now: Timestamp) -> Result<Job, String> {
        // That of a backup follows from its own schedule.
        let primary = jobs::path(actual).map(file_name).filter(|_| actual.mark.is_none());
        let settings = primary.and_then(|file| self.rule(file)).map(|(_, settings)| settings);
        let stale_after = settings.and_then(|it| it.workflow.stale_after).map(|it| it.0);
        jobs::assess(actual, seen, &self.watching, &self.timetables, stale_after, now)
    }

    /// What each pair is to do.
    fn call(&self, wishes: &mut Wishes, seen: &Sightings) {
        for primary in seen.values().filter_map(Primary::of) {
            let file = file_name(primary.path);
            let names = (file.parse(), primary_stem(file).map(backup_name));
            if let (Ok(name), Some(Ok(backup))) = names
                && let Some((_, settings)) = self.rule(file)
            {
                let Workflow { recover, enable, .. } = settings.workflow;
                let policy =
                    Policy { recover, enable, attempts: self.attempts, backoff: jobs::BACKOFF };
                jobs::call(wishes, seen, &name, &backup, &policy);
            }
        }
    }

    /// The inputs that the config gives to the backup called `name`. One that calls or starts its
    /// primary gives the primary's inputs itself, and has none.
    fn inputs(&self, name: &str) -> BTreeMap<String, String> {
        let stem = name.strip_suffix(SUFFIX).unwrap_or(name);
        let settings = ["yml", "yaml"].iter().find_map(|it| self.rule(&format!("{stem}.{it}")));
        let workflow = settings.map(|(_, it)| &it.workflow);
        let copy = workflow.filter(|it| it.mode == WorkflowMode::Copy);
        let inputs = copy.into_iter().flat_map(|it| &it.inputs);
        inputs.map(|(name, value)| (name.clone(), value.to_string())).collect()
    }

    /// Changes something at GitHub: starts the backup called `name`, or enables the primary of that
    /// name or runs it again.
    async fn act(&self, name: &str, change: &Change) -> Result<(), Error> {
        let backup = name.ends_with(SUFFIX);
        let file = if backup { format!("{name}.yml") } else { name.to_owned() };
        let path = self.watching.at_github(&self.look.path(&file));
        match change {
            Change::Restart => self.watching.run_again(&path).await,
            _ if backup => self.watching.start(&path, &self.inputs(name)).await,
            _ => self.watching.enable(&path).await,
        }
    }
}

impl Provider for Github {
    fn name(&self) -> &Name {
        &self.name
    }

    fn budget(&self, now: Timestamp) -> Option<Budget> {
        Some(counted(&self.name, self.watching.budget(now)?))
    }

    fn kind(&self) -> &'static str {
        "workflow"
    }

    fn never_wait(&mut self) {
        self.patience = Duration::ZERO;
    }

    fn configure(&mut self, project: &Project) {
        let new = Self { patience: self.patience, ..Self::new(project) };
        // What is known of the runs stays known.
        if self.watching.is_like(&new.watching) {
            let (watching, proposing) = (self.watching.clone(), self.proposing.clone());
            *self = Self { watching, proposing, ..new };
        } else {
            *self = new;
        }
    }

    fn observe(&self, now: Timestamp) -> BoxFuture<'_, Result<Sightings, Error>> {
        let look = self.look.clone();
        Box::pin(async move {
            let mut seen = super::files::blocking(move || look.look()).await?;
            let deadline = Instant::now() + self.patience;
            let hidden = self.take_from_github(&mut seen, deadline).await;
            let unseen = self.watch(&mut seen, deadline, now).await;
            note(&self.unseen, hidden.clone().or(unseen));
            note(&self.hidden, hidden);
            Ok(seen)
        })
    }

    fn unseen(&self) -> Option<String> {
        noted(&self.unseen)
    }

    fn remark(&self) -> Option<String> {
        self.proposing.as_ref()?.waits()
    }

    fn gathers(&self) -> bool {
        self.proposing.is_some()
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        let Some(proposing) = &self.proposing else { return Box::pin(self.watching.woken()) };
        Box::pin(async {
            tokio::select! {
                () = self.watching.woken() => {}
                () = proposing.woken() => {}
            }
        })
    }

    fn desire(&self, seen: &Sightings) -> Wishes {
        let mut wisher = Wisher::new(seen);
        for primary in seen.values().filter_map(Primary::of) {
            let file = file_name(primary.path);
            let Some(stem) = primary_stem(file) else { continue };
            let Some((rule, settings)) = self.rule(file) else { continue };
            let text = match primary.text {
                Ok(text) => text,
                Err(problem) => {
                    wisher.refuse(stem, format!("{}: {problem}", shown(primary.path)));
                    continue;
                }
            };
            // A pattern means what needs a backup.
            if !rule.names().any(|it| it == file) && generate::is_only_called(text) {
                continue;
            }
            let folder = primary.path.strip_suffix(file).unwrap_or_default();
            let order = Order {
                primary: file,
                stem,
                made_from: Digest::of([GENERATOR, primary.path, &settings.recipe(), text]),
                path: format!("{folder}{stem}{SUFFIX}.yml"),
            };
            let request = Request { path: primary.path, file, stem, text, settings };
            wisher.ask(&order, || generate::backup(&request));
        }
        let mut wishes = wisher.finish(self.rules.iter().map(|(rule, _)| rule), primary_stem);
        if let Some(why) = noted(&self.hidden) {
            // Nobody knows what is to be done about them.
            let all = std::mem::take(&mut wishes.wanted).into_keys();
            wishes.unseen.extend(all.map(|name| (name, why.clone())));
        }
        self.call(&mut wishes, seen);
        wishes
    }

    fn apply<'a>(
        &'a self,
        name: &'a Name,
        change: &'a Change,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<(), Error>> {
        if matches!(change, Change::Start | Change::Restart) {
            return Box::pin(self.act(name.as_str(), change));
        }
        if let Some(proposing) = &self.proposing {
            return Box::pin(proposing.change(change.clone()));
        }
        let writer = Writer { reader: self.look.reader.clone() };
        let (name, change) = (name.clone(), change.clone());
        Box::pin(super::files::blocking(move || writer.apply(&name, &change)))
    }

    fn places(&self) -> Vec<PathBuf> {
        vec![self.look.reader.root.join(&self.look.folder)]
    }
}

/// What a look has found out beside what it saw.
type Noted = Mutex<Option<String>>;

fn note(place: &Noted, text: Option<String>) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = text;
}

fn noted(place: &Noted) -> Option<String> {
    place.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
