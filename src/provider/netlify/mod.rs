//! Functions of Netlify: each primary that the config names gets a wrapper beside it, which
//! answers honestly where the primary fails.
//!
//! A primary is called by its function's name, `send-mail`; its backup `send-mail-backup` is the
//! folder of that name with one file, which Netlify serves as a function of its own.

mod access;
pub mod api;
pub mod deploying;
mod scan;
mod settings;
mod style;
mod watching;

use std::{path::PathBuf, time::Duration};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;

use self::{
    deploying::Generated,
    scan::{Found, scan},
    settings::Settings,
    style::{Style, style},
    watching::{PUBLISHED, Watching},
};
use super::{
    Error, Provider,
    each::each,
    files::{
        Comment, Order, Primary, Reader, Rule, Wisher, Writer, blocking, failed, read,
        rule::SUFFIX, shown, stand_in, wish::text,
    },
    polled::PATIENCE,
};
use crate::{
    config::{Project, model::FunctionProbe},
    core::{
        change::Change,
        digest::Digest,
        id::Name,
        resource::{Actual, Body, Sightings, Wishes},
    },
};

/// The version of what is generated. Raise it with every change of the text that comes out for
/// the same primary.
const GENERATOR: &str = "netlify/1";

/// What the name of a function ends in that Netlify runs in the background.
const BACKGROUND: &str = "-background";

/// Field of a primary: the name of the function.
const FUNCTION: &str = "function";

/// Field of a primary: the functions folder, relative to the project.
const FOLDER: &str = "folder";

/// The functions of a project and their backups.
#[derive(Debug)]
pub struct Netlify {
    name: Name,
    look: Look,
    rules: Vec<Rule>,
    watching: Watching,
    /// How long a look waits for Netlify.
    patience: Duration,
}

impl Netlify {
    /// The functions of `project`.
    #[must_use]
    pub fn new(project: &Project) -> Self {
        let config = &project.config;
        Self {
            name: Name::literal("netlify"),
            look: Look {
                reader: Reader { root: project.root.clone(), comment: Comment::Slashes },
                folder: config.netlify.functions_dir.clone(),
            },
            rules: config.function.iter().map(|it| Rule::new(&it.backs_up, &it.except)).collect(),
            watching: Watching::new(project),
            patience: PATIENCE,
        }
    }
}

impl Netlify {
    /// What was generated, and what of it is not as the config asks. Asks Netlify nothing.
    pub async fn generated(&self) -> Result<Generated, Error> {
        let look = self.look.clone();
        let (seen, folder) = blocking(move || {
            let settings = Settings::read(&look.reader.root).map_err(Error::Refused)?;
            let folder = look.folder(&settings).map_err(Error::Refused)?;
            Ok((look.look()?, folder))
        })
        .await?;
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
        let look = self.look.clone();
        let (seen, settings) = blocking(move || {
            let settings = Settings::read(&look.reader.root).map_err(Error::Refused)?;
            Ok((look.look()?, settings))
        })
        .await?;
        Ok(self.watching.probes(&seen, &settings))
    }
}

impl Provider for Netlify {
    fn name(&self) -> &Name {
        &self.name
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
        let look = self.look.clone();
        Box::pin(async move {
            let root = look.reader.root.clone();
            let mut seen = blocking(move || look.look()).await?;
            let settings = blocking(move || Settings::read(&root).map_err(Error::Refused)).await?;
            let deadline = Instant::now() + self.patience;
            self.watching.watch(&mut seen, &settings, deadline, now).await;
            Ok(seen)
        })
    }

    fn unseen(&self) -> Option<String> {
        self.watching.unseen()
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.watching.woken())
    }

    fn desire(&self, seen: &Sightings) -> Wishes {
        let asked_for = |function: &str| self.rules.iter().any(|rule| rule.asks_for(function));
        let mut wisher = Wisher::new(seen);
        for actual in seen.values() {
            let (Some(primary), Some(function), Some(folder)) =
                (Primary::of(actual), text(&actual.body, FUNCTION), text(&actual.body, FOLDER))
            else {
                continue;
            };
            if !asked_for(function) {
                continue;
            }
            let path = primary.path;
            let text = match primary.text {
                Ok(text) => text,
                Err(problem) => {
                    wisher.refuse(function, format!("{}: {problem}", shown(path)));
                    continue;
                }
            };
            let name = format!("{function}{SUFFIX}");
            let main =
                if folder.is_empty() { path } else { path.get(folder.len() + 1..).unwrap_or(path) };
            let order = Order {
                primary: function,
                stem: function,
                made_from: Digest::of([GENERATOR, main, text]),
                path: below(folder, &format!("{name}/{name}.mjs")),
            };
            wisher.ask(&order, || wrapper(function, path, main, text));
        }
        let mut wishes = wisher.finish(self.rules.iter(), |function| {
            Some(function).filter(|it| !it.ends_with(SUFFIX))
        });
        Watching::wish(&mut wishes, seen);
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
        let writer = Writer { reader: self.look.reader.clone() };
        let (name, change) = (name.clone(), change.clone());
        Box::pin(blocking(move || writer.apply(&name, &change)))
    }

    fn places(&self) -> Vec<PathBuf> {
        // What can't be read now is said by the next look.
        let file = vec![self.look.reader.root.join(settings::FILE)];
        let Ok(settings) = Settings::read(&self.look.reader.root) else { return file };
        let Ok(folder) = self.look.folder(&settings) else { return file };
        let folder = self.look.reader.root.join(folder);
        let functions = scan(&folder).unwrap_or_default();
        let own = functions.iter().filter_map(|it| Some(folder.join(it.main.split_once('/')?.0)));
        let own: Vec<PathBuf> = own.collect();
        file.into_iter().chain([folder]).chain(own).collect()
    }
}

/// The text of the wrapper of `function`, or why there can be none, with the place.
fn wrapper(function: &str, path: &str, main: &str, text: &str) -> Result<String, String> {
    let style = style(main, text).map_err(|(line, why)| match line {
        Some(line) => format!("{path}:{line}: {why}"),
        None => format!("{path}: {why}"),
    })?;
    let template = match style {
        Style::V1 => include_str!("v1.mjs"),
        Style::V2 => include_str!("v2.mjs"),
    };
    // Both are checked names, which need no escaping in a JavaScript string.
    Ok(template.replace("__NAME__", function).replace("__PRIMARY__", &format!("../{main}")))
}

/// Where to look.
#[derive(Debug, Clone)]
struct Look {
    reader: Reader,
    folder: Option<PathBuf>,
}

impl Look {
    fn folder(&self, settings: &Settings) -> Result<PathBuf, String> {
        self.folder.clone().map_or_else(|| settings.folder(), Ok)
    }

    fn look(&self) -> Result<Sightings, Error> {
        let settings = Settings::read(&self.reader.root).map_err(Error::Refused)?;
        let folder = self.folder(&settings).map_err(Error::Refused)?;
        let place = self.reader.root.join(&folder);
        let folder = read::relative(&folder);
        let functions = scan(&place).map_err(|error| failed("look into", &folder, &error))?;
        let seen = each(&functions, |found| self.one(&settings, &folder, found));
        Ok(seen.into_iter().flatten().collect())
    }

    /// One function, or none when it has gone meanwhile.
    fn one(&self, settings: &Settings, folder: &str, found: &Found) -> Option<(Name, Actual)> {
        let function = found.name.as_str();
        let path = below(folder, &found.main);
        let name = function.parse().unwrap_or_else(|_| stand_in(function, ""));
        let mut actual = self.reader.look(&path)?;
        if actual.mark.is_some() || function.ends_with(SUFFIX) {
            return Some((name, actual));
        }
        let problem = found.problem.clone().or_else(|| problem(settings, function));
        if let Some(problem) = problem {
            actual = read::unreadable(&path, &problem);
        }
        let fields = [(FUNCTION, function), (FOLDER, folder)];
        actual.body.fields.extend(fields.map(|(key, value)| (key.to_owned(), value.into())));
        Some((name, actual))
    }
}

/// Why a function of this name can't have a backup, if it can't.
fn problem(settings: &Settings, function: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !function.chars().all(plain) {
        let why = "the name of a function has only letters, digits, `-` and `_`";
        return Some(why.to_owned());
    }
    if function.ends_with(BACKGROUND) {
        let why = "it runs in the background (its name ends in `-background`), and a wrapper would \
                   not; it can't be wrapped yet";
        return Some(why.to_owned());
    }
    settings.harm(&format!("{function}{SUFFIX}"))
}

fn below(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}
