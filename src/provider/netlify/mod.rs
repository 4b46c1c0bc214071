//! Functions of Netlify: each primary that the config names gets a backup, which carries a snapshot of
//! the primary as it last was good, and so works when the primary does not.
//!
//! A primary is called by its function's name, `send-mail`; its backup `send-mail-backup` is the
//! folder of that name with two files: a wrapper, which Netlify serves as a function of its own, and
//! the snapshot, which the wrapper loads when it is called.

mod access;
pub mod api;
mod archive;
mod bundle;
mod checkup;
#[cfg(test)]
mod deep;
pub mod deploying;
mod draft;
mod edge;
mod exports;
mod files;
mod function;
mod literal;
mod look;
mod manifest;
mod prepare;
mod reached;
mod redirects;
mod routing;
mod scan;
mod settings;
mod snapshots;
mod source;
mod tools;
mod trial;
pub mod verdicts;
mod watching;
mod wrapper;
mod zipped;

use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;

use self::{
    deploying::Generated,
    look::{Look, below, unread},
    routing::{BLOCK, Routing},
    scan::scan,
    settings::Settings,
    watching::{PUBLISHED, Watching},
};
use super::{
    Error, Provider, counted,
    files::{
        Comment, Order, Reader, Rule, Wisher, Writer, blocking,
        rule::{SUFFIX, backup_name},
        shown,
        wish::text,
    },
    polled::PATIENCE,
};
use crate::{
    config::{Project, model::FunctionProbe},
    core::{
        change::Change,
        checkup::Finding,
        id::Name,
        report::Budget,
        resource::{Actual, Body, Run, Sightings, Status, Wanted, Wishes},
        trial::Trial,
    },
};

/// The version of what is generated. Raise it with every change of the text that comes out for
/// the same primary.
const GENERATOR: &str = "netlify/2";

/// The snapshot, in the backup's folder.
const SNAPSHOT_FILE: &str = "lkg.cjs";

/// Field of a primary: the name of the function.
const FUNCTION: &str = "function";

/// Field of a primary: the functions folder, relative to the project.
const FOLDER: &str = "folder";

/// Field of a primary: the digest of all that its backup depends on. `redundancy test` keeps its
/// verdict by this.
const RECIPE: &str = "recipe";

/// Field of a primary: where the wrapper of its backup goes. The files that its backup would consist
/// of are among its own where they are needed.
const BACKUP: &str = "backup";

/// Field of a primary: why it can't have a backup.
const REFUSED: &str = "refused";

/// Field of a primary: why nobody's calls can be passed on to it.
const UNROUTABLE: &str = "unroutable";

/// Field of a primary: how it works without anybody's call, which so would be one too many.
const BY_ITSELF: &str = "by_itself";

/// Field of a primary: that its main file can't be understood, which says whether it works by itself.
const OPAQUE: &str = "opaque";

/// Field of a primary: where the edge function in front of it goes, whose text is among its files.
const EDGE: &str = "edge";

/// Field of a primary: why no edge function can stand in front of it.
const NO_EDGE: &str = "no_edge";

/// Field of a primary: why its backup is left as it is for now.
const UNPROVEN: &str = "unproven";

/// The functions of a project and their backups.
#[derive(Debug)]
pub struct Netlify {
    name: Name,
    look: Look,
    watching: Watching,
    routing: Arc<Routing>,
    /// How long a look waits for Netlify.
    patience: Duration,
}

impl Netlify {
    /// The functions of `project`.
    #[must_use]
    pub fn new(project: &Project) -> Self {
        let config = &project.config;
        let rules = config.function.iter();
        let rules = rules.map(|it| (Rule::new(&it.backs_up, &it.except), it.snapshot.into()));
        Self {
            name: Name::literal("netlify"),
            look: Look {
                reader: Reader { root: project.root.clone(), comment: Comment::Slashes },
                folder: config.netlify.functions_dir.clone(),
                rules: rules.collect(),
                routers: config.function.iter().map(|it| it.router).collect(),
                tests: (config.function.iter())
                    .map(|it| it.test.clone().unwrap_or_default())
                    .collect(),
                state_dir: project.state_dir(),
                install_if_missing: config.netlify.install_if_missing,
                known: reached::Known::default(),
                zips: zipped::Zips::default(),
                snapshots: Arc::default(),
            },
            watching: Watching::new(project),
            routing: Arc::new(Routing::new(project)),
            patience: PATIENCE,
        }
    }

    fn asks_for(&self, function: &str) -> bool {
        self.look.rules.iter().any(|(rule, _)| rule.asks_for(function))
    }
}

impl Netlify {
    /// What was generated, and what of it is not as the config asks. Asks Netlify nothing.
    pub async fn generated(&self) -> Result<Generated, Error> {
        let (seen, settings) = self.look_here().await?;
        let folder = self.look.folder(&settings).map_err(Error::Refused)?;
        let ours = seen.values().filter(|it| it.mark.is_some());
        let files = ours.flat_map(|it| it.body.files.keys().cloned()).collect();
        let differs = |name: &Name, body: &Body| {
            seen.get(name).is_none_or(|it| it.mark.is_none() || it.body != *body)
        };
        let wanted = self.desire(&seen).wanted;
        let outdated = wanted
            .iter()
            .filter(|(name, it)| it.body.as_ref().is_some_and(|body| differs(name, body)));
        let outdated = outdated.map(|(name, _)| name.to_string()).collect();
        Ok(Generated { files, outdated, folder })
    }

    /// The functions that may be called, with how.
    async fn probes(&self) -> Result<Vec<(String, FunctionProbe)>, Error> {
        let (seen, settings) = self.look_here().await?;
        Ok(self.watching.probes(&seen, &settings))
    }

    /// What is in the project, with what backups would consist of, and the settings.
    async fn look_here(&self) -> Result<(Sightings, Settings), Error> {
        let look = self.look.clone();
        let (seen, settings) = blocking(move || {
            let settings = Settings::read(&look.reader.root).map_err(Error::Refused)?;
            Ok((look.look()?, settings))
        })
        .await?;
        let mut seen = self.look.prepare(seen).await;
        let routing = Arc::clone(&self.routing);
        let seen = blocking(move || routing.read(&mut seen).map(|()| seen)).await?;
        Ok((seen, settings))
    }
}

impl Provider for Netlify {
    fn name(&self) -> &Name {
        &self.name
    }

    fn budget(&self, now: Timestamp) -> Option<Budget> {
        Some(counted(&self.name, self.watching.budget(now)?))
    }

    fn kind(&self) -> &'static str {
        "function"
    }

    fn never_wait(&mut self) {
        self.patience = Duration::ZERO;
    }

    fn configure(&mut self, project: &Project) {
        let new = Self::new(project);
        let watching = if self.watching.is_like(&new.watching) {
            // What is known of the site stays known.
            self.watching.with_rules_of(new.watching)
        } else {
            new.watching
        };
        *self = Self { watching, patience: self.patience, ..new };
    }

    fn observe(&self, now: Timestamp) -> BoxFuture<'_, Result<Sightings, Error>> {
        Box::pin(async move {
            let (mut seen, settings) = self.look_here().await?;
            let deadline = Instant::now() + self.patience;
            self.watching.watch(&mut seen, &settings, deadline, now).await;
            self.routing.decide(&mut seen, now);
            Ok(seen)
        })
    }

    fn unseen(&self) -> Option<String> {
        self.watching.unseen()
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            tokio::select! {
                () = self.watching.woken() => {}
                () = self.routing.woken() => {}
            }
        })
    }

    fn desire(&self, seen: &Sightings) -> Wishes {
        let mut wisher = Wisher::new(seen);
        let mut primaries = Vec::new();
        for (name, actual) in seen {
            let is_ours = actual.mark.is_some() || name.as_str().ends_with(SUFFIX);
            if is_ours {
                continue;
            }
            let Some(function) = text(&actual.body, FUNCTION) else {
                // What is wrong with all of them.
                if matches!(actual.status, Status::Code(_)) && !self.look.rules.is_empty() {
                    primaries.push(name);
                }
                continue;
            };
            if self.asks_for(function) {
                primaries.push(name);
                wish(&mut wisher, seen, function, actual);
            }
        }
        let rules = self.look.rules.iter().map(|(rule, _)| rule);
        let mut wishes =
            wisher.finish(rules, |function| Some(function).filter(|it| !it.ends_with(SUFFIX)));
        self.look.wish_edges(&mut wishes, seen);
        let primaries = primaries.into_iter().map(|it| (it.clone(), Wanted::not_ours(Run::On)));
        wishes.wanted.extend(primaries);
        Watching::wish(&mut wishes, seen);
        self.routing.wish(&mut wishes, seen);
        wishes
    }

    fn apply<'a>(
        &'a self,
        name: &'a Name,
        change: &'a Change,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Error>> {
        if name.as_str() == PUBLISHED && *change == Change::Restart {
            return Box::pin(self.watching.restore(now));
        }
        if name.as_str() == BLOCK {
            let (routing, change) = (Arc::clone(&self.routing), change.clone());
            return Box::pin(blocking(move || routing.apply(&change)));
        }
        let writer = Writer { reader: self.look.reader.clone() };
        let (name, change) = (name.clone(), change.clone());
        Box::pin(blocking(move || match edge::role(&name) {
            None => writer.apply(&name, &change),
            role => writer.apply_as(role.as_ref(), &name, &change),
        }))
    }

    fn test<'a>(
        &'a self,
        names: &'a [Name],
        anew: bool,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Trial>, Error>> {
        Box::pin(trial::all(&self.look, names, anew, now))
    }

    fn checkup(&self) -> BoxFuture<'_, Vec<Finding>> {
        Box::pin(self.checkup())
    }

    fn places(&self) -> Vec<PathBuf> {
        // What can't be read now is said by the next look.
        let root = &self.look.reader.root;
        let file = vec![root.join(settings::FILE)];
        let Ok(settings) = Settings::read(root) else { return file };
        let Ok(folder) = self.look.folder(&settings) else { return file };
        let folder = root.join(folder);
        let functions = scan(&folder).unwrap_or_default();
        let own = functions.iter().filter_map(|it| Some(folder.join(it.main.split_once('/')?.0)));
        let edges = settings.edge_folder().ok().map(|it| root.join(it)).filter(|it| it.is_dir());
        // Also where the files are that functions reach.
        let reached = self.look.known.folders().into_iter().map(|it| root.join(it));
        let all: BTreeSet<PathBuf> = file
            .into_iter()
            .chain([folder.clone()])
            .chain(edges)
            .chain(own)
            .chain(reached)
            .collect();
        all.into_iter().collect()
    }
}

/// Asks for the backup of one function, or says why there can be none.
fn wish(wisher: &mut Wisher<'_>, seen: &Sightings, function: &str, actual: &Actual) {
    let body = &actual.body;
    if let Some((path, problem)) = unread(body) {
        return wisher.refuse(function, format!("{}: {problem}", shown(path)));
    }
    let backup = backup_name(function).ok();
    let found = backup.and_then(|it| seen.get(&it));
    if let Some(why) = text(body, REFUSED) {
        let stays = found.is_some_and(|it| it.mark.is_some());
        let stays = if stays { "; its backup stays as it is" } else { "" };
        return wisher.refuse(function, format!("{why}{stays}"));
    }
    let recipe = text(body, RECIPE).and_then(|it| it.parse().ok());
    let (Some(made_from), Some(path)) = (recipe, text(body, BACKUP)) else { return };
    let order = Order { primary: function, stem: function, made_from, path: path.to_owned() };
    if let (Some(how), Some(found)) = (text(body, UNPROVEN), found) {
        return wisher.keep(&order, &found.body, how.to_owned());
    }
    let own = below(path.rsplit_once('/').map_or("", |(folder, _)| folder), "");
    wisher.ask_for_files(&order, || {
        let files = body.files.iter().filter(|(path, _)| path.starts_with(&own));
        let files: std::collections::BTreeMap<String, String> =
            files.map(|(path, text)| (path.clone(), text.clone())).collect();
        if files.is_empty() {
            return Err(format!("{function} has changed just now; the next look makes its backup"));
        }
        Ok(files)
    });
}
