//! Looking at functions and at their backups, and making ready what a backup would consist of.

use std::{collections::BTreeSet, fs, path::PathBuf, sync::Arc};

use super::{
    BACKUP, FOLDER, FUNCTION, RECIPE, REFUSED, SNAPSHOT_FILE, UNPROVEN, UNROUTABLE,
    draft::{Draft, Form},
    function::{self, Style},
    manifest::{self, Manifest},
    reached::{Known, Trouble, Walker},
    scan::{Found, scan},
    settings::{self, Settings},
    snapshots::Snapshots,
    tools::Tools,
    verdicts::{Verdicts, key},
    zipped::Zips,
};
use crate::{
    config::model::{self, FunctionTest},
    core::{
        code::{Code, State},
        digest::Digest,
        id::Name,
        resource::{Actual, Body, Mark, Sightings, Status},
        route::Router,
    },
    provider::{
        Error,
        each::each,
        files::{
            MADE_FROM, PATH, PROBLEM, Reader, Rule, failed, read,
            rule::{SUFFIX, backup_name},
            shown, stand_in,
            wish::text,
        },
    },
};

/// Why a backup would be made anew.
const CHANGED: &str = "its primary, or how it is made, has changed, and";

/// Where to look, and for what.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) reader: Reader,
    /// The functions folder that the config names.
    pub(super) folder: Option<PathBuf>,
    pub(super) rules: Vec<(Rule, Form)>,
    /// What brings requests to the backups of each rule.
    pub(super) routers: Vec<model::Router>,
    /// How the functions of each rule are tested.
    pub(super) tests: Vec<FunctionTest>,
    pub(super) state_dir: PathBuf,
    pub(super) install_if_missing: bool,
    pub(super) known: Known,
    pub(super) zips: Zips,
    pub(super) snapshots: Arc<Snapshots>,
}

/// What was seen.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) sightings: Sightings,
    /// The functions whose backups are to be made, or made anew.
    pub(super) needed: Vec<Needed>,
    /// The recipes of all functions.
    pub(super) recipes: BTreeSet<Digest>,
    pub(super) tools: Tools,
}

/// A function whose backup has to be made.
#[derive(Debug)]
pub(super) struct Needed {
    pub(super) primary: Name,
    pub(super) draft: Draft,
}

impl Look {
    /// The functions folder, relative to the project.
    pub(super) fn folder(&self, settings: &Settings) -> Result<PathBuf, String> {
        self.folder.clone().map_or_else(|| settings.folder(&self.reader.root), Ok)
    }

    pub(super) fn walker(&self) -> Walker<'_> {
        Walker { reader: &self.reader, known: &self.known }
    }

    /// Where programs from npm may be.
    pub(super) fn tools(&self, settings: &Settings) -> Tools {
        let root = &self.reader.root;
        Tools {
            root: root.clone(),
            folders: vec![root.join(settings.base()), root.clone()],
            private: self.state_dir.join("tools"),
            install_if_missing: self.install_if_missing,
        }
    }

    /// Which rule is about `function`, by its place in the list.
    pub(super) fn rule(&self, function: &str) -> Option<usize> {
        self.rules.iter().position(|(rule, _)| rule.asks_for(function))
    }

    /// How the snapshot of `function` is to be made, where it shall have a backup.
    pub(super) fn asked_for(&self, function: &str) -> Option<Form> {
        let rule = self.rules.iter().find(|(rule, _)| rule.asks_for(function));
        rule.filter(|_| !function.ends_with(SUFFIX)).map(|(_, form)| *form)
    }

    /// Looks at everything. Waits for the file system.
    pub(super) fn look(&self) -> Result<Seen, Error> {
        let root = &self.reader.root;
        let settings = Settings::read(root).map_err(Error::Refused)?;
        let folder = self.folder(&settings).map_err(Error::Refused)?;
        let place = root.join(&folder);
        let folder = read::relative(&folder);
        if let Some(why) = settings::internal(&folder) {
            return Err(Error::Refused(why));
        }
        let found = scan(&place).map_err(|error| failed("look into", &folder, &error))?;
        let listed = Manifest::read(&self.reader, &below(&folder, manifest::FILE));
        let manifest = listed.as_ref().ok().and_then(Option::as_ref);
        let looks = each(&found, |found| self.one(&settings, &folder, manifest, found));
        let mut sightings = Sightings::new();
        let mut drafts = Vec::new();
        for (name, actual, draft) in looks.into_iter().flatten() {
            drafts.extend(draft.map(|draft| (name.clone(), draft)));
            sightings.insert(name, actual);
        }
        if let Err(why) = &listed {
            sightings.insert(Name::literal(manifest::FILE), lacking(why.clone(), None));
        }
        let there: BTreeSet<&str> = found.iter().map(|it| it.name.as_str()).collect();
        let ghosts = manifest.into_iter().flat_map(|it| it.ghosts(&there));
        for ghost in ghosts.filter(|it| self.asked_for(it).is_some()) {
            let why = Manifest::ghost(&below(&folder, manifest::FILE), &folder, ghost);
            let name = ghost.parse().unwrap_or_else(|_| stand_in(ghost, ""));
            sightings.entry(name).or_insert_with(|| lacking(why, Some((ghost, &folder))));
        }
        self.see_edges(&settings, &mut sightings)?;
        let recipes = drafts.iter().map(|(_, draft)| draft.recipe).collect();
        let needed = drafts.into_iter().filter_map(|(primary, draft)| {
            let needed = self.is_needed(&mut sightings, &primary, &draft);
            needed.then_some(Needed { primary, draft })
        });
        let needed = needed.collect();
        self.known.tidy();
        let tools = self.tools(&settings);
        Ok(Seen { sightings, needed, recipes, tools })
    }

    /// One function, or none when it has gone meanwhile.
    fn one(
        &self,
        settings: &Settings,
        folder: &str,
        manifest: Option<&Manifest>,
        found: &Found,
    ) -> Option<(Name, Actual, Option<Draft>)> {
        let function = found.name.as_str();
        let path = below(folder, &found.main);
        let name: Name = function.parse().unwrap_or_else(|_| stand_in(function, ""));
        if function.ends_with(SUFFIX) {
            return Some((name, self.backup(folder, found)?, None));
        }
        let mut actual = if found.is_zip() { read::there() } else { self.reader.look(&path)? };
        if actual.mark.is_some() {
            return Some((name, actual, None));
        }
        let problem = found.problem.as_deref().or_else(|| function::problem(function));
        if let Some(problem) = problem {
            actual = read::unreadable(&path, problem);
        }
        let mut code =
            Code { state: State::Untested, live: None, router: Router::None, notes: Vec::new() };
        if manifest.is_some_and(|it| !it.has(function)) {
            code.notes.push(format!("{} does not name it", manifest::FILE));
        }
        let mut draft = None;
        let is_readable = unread(&actual.body).is_none();
        let asked_for = self.asked_for(function).filter(|_| is_readable);
        if let Some(form) = asked_for {
            let drafted = match self.reached(found, &path, actual.body.files.get(&path)) {
                Ok(Some(reached)) => Draft::of(settings, folder, function, reached, form),
                Ok(None) => return None,
                Err(trouble) => Err(trouble),
            };
            match drafted {
                Ok((of, made)) => {
                    code.notes.extend(of.notes.iter().cloned());
                    code.notes.extend(self.beside(&found.main, &made));
                    code.state = self.tested(function, &made.recipe);
                    let fields = [(RECIPE, made.recipe.to_string()), (BACKUP, made.path.clone())];
                    set(&mut actual.body, fields);
                    if let Some(why) = &of.unroutable {
                        set(&mut actual.body, [(UNROUTABLE, why.clone())]);
                    }
                    self.put_edge(&mut actual.body, settings, function, &of, &made.reached);
                    draft = Some(made);
                }
                Err(Trouble { why, broken }) => {
                    if broken {
                        code.state = State::Broken { how: why.clone() };
                    }
                    set(&mut actual.body, [(REFUSED, why)]);
                }
            }
        }
        if problem.is_none() && self.asked_for(function).is_some() {
            self.put_calls(&mut actual.body, settings, found, &path);
        }
        actual.status = Status::Code(code);
        set(&mut actual.body, [(FUNCTION, function.to_owned()), (FOLDER, folder.to_owned())]);
        Some((name, actual, draft))
    }

    /// A backup, or what has the name of one.
    fn backup(&self, folder: &str, found: &Found) -> Option<Actual> {
        let main = below(folder, &found.main);
        let own = main.rsplit_once('/').map_or("", |(folder, _)| folder);
        let paths = [main.clone(), format!("{own}/{SNAPSHOT_FILE}")];
        let is_folder = found.main.contains('/');
        let paths = paths.iter().take(if is_folder { 2 } else { 1 });
        let whole = paths.len();
        let looks =
            [self.reader.look_at_all(paths.clone()), self.reader.look_at_all(paths.skip(1))];
        let (mut actual, second) = match looks {
            [Ok(actual), Ok(second)] => (actual?, second),
            [Err(why), _] | [_, Err(why)] => return Some(read::unreadable(&main, &why)),
        };
        mend(&mut actual, second.as_ref(), whole);
        let stem = found.name.strip_suffix(SUFFIX).unwrap_or(&found.name);
        let state = actual.mark.as_ref().map(|mark| self.tested(stem, &mark.written));
        if let Some(state) = state {
            actual.status =
                Status::Code(Code { state, live: None, router: Router::None, notes: Vec::new() });
        }
        Some(actual)
    }

    /// How `function`, or the backup of it, is tested.
    pub(super) fn test(&self, function: &str) -> FunctionTest {
        self.rule(function).and_then(|at| self.tests.get(at)).cloned().unwrap_or_default()
    }

    /// What is known of what has this digest, and is tested as `function` is.
    fn tested(&self, function: &str, digest: &Digest) -> State {
        match Verdicts::new(&self.state_dir).read(&key(digest, &self.test(function))) {
            None => State::Untested,
            Some(it) if it.passed => State::Passed { at: it.at },
            Some(it) => State::Failed { at: it.at, why: it.why },
        }
    }

    /// What is told of a function of the first style in a folder of its own: Netlify's bundler puts all
    /// that is in there into its bundle, whether it is imported or not.
    fn beside(&self, main: &str, draft: &Draft) -> Option<String> {
        main.split_once('/').filter(|_| draft.style == Style::V1)?;
        let (folder, _) = draft.reached.main.rsplit_once('/')?;
        // Who can't list it has heard of that already.
        let entries = fs::read_dir(self.reader.root.join(folder)).ok()?.flatten();
        let mut names: Vec<String> = entries
            .map(|it| it.file_name().to_string_lossy().into_owned())
            .filter(|it| {
                let path = format!("{folder}/{it}");
                let is_there =
                    |reached: &String| *reached == path || reached.starts_with(&format!("{path}/"));
                it != "node_modules" && !draft.reached.files.keys().any(is_there)
            })
            .collect();
        names.sort();
        let first = names.first()?;
        Some(format!("`{}` in its folder is not in its backup", shown(first)))
    }

    /// Whether a backup has to be made from `draft`. One that there is stays, until what it would be
    /// made from is known to work.
    fn is_needed(&self, seen: &mut Sightings, primary: &Name, draft: &Draft) -> bool {
        let backup = backup_name(primary.as_str()).ok();
        let Some(found) = backup.and_then(|it| seen.get(&it)) else { return true };
        let has_snapshot = || found.body.files.keys().any(|it| it.ends_with(SNAPSHOT_FILE));
        let is_whole = has_snapshot() && found.body.fields.contains_key(MADE_FROM);
        let Some(mark) = found.mark.as_ref().filter(|_| is_whole) else { return true };
        if text(&found.body, MADE_FROM) == Some(&draft.recipe.to_string()) {
            return mark.written != found.body.digest()
                || !found.body.files.contains_key(&draft.path);
        }
        let how = match self.tested(primary.as_str(), &draft.recipe) {
            State::Passed { .. } => return true,
            State::Failed { why, .. } => {
                format!("{CHANGED} failed `redundancy test`: {why}")
            }
            State::Untested | State::Broken { .. } => {
                format!("{CHANGED} has not passed `redundancy test` yet")
            }
        };
        if let Some(primary) = seen.get_mut(primary) {
            set(&mut primary.body, [(UNPROVEN, how)]);
        }
        false
    }
}

/// Tells a backup whose writing was broken off from one that somebody has edited: a part is missing, or
/// both are ours and not from the same time. It is to be made anew.
fn mend(actual: &mut Actual, second: Option<&Actual>, whole: usize) {
    let lacks = actual.body.files.len() < whole;
    let torn = second.and_then(|it| it.mark.as_ref()).filter(|_| actual.mark.is_none());
    let first = actual.body.fields.contains_key(MADE_FROM);
    let mark = actual.mark.as_ref().filter(|_| lacks).or(torn.filter(|_| first));
    let Some(backs_up) = mark.map(|it| it.backs_up.clone()) else { return };
    actual.body.fields.remove(MADE_FROM);
    actual.mark = Some(Mark { written: actual.body.digest(), backs_up });
}

/// Something that is not there and should be, or is no good.
fn lacking(why: String, function: Option<(&str, &str)>) -> Actual {
    let mut body = Body::default();
    if let Some((function, folder)) = function {
        let fields = [(FUNCTION, function), (FOLDER, folder), (REFUSED, why.as_str())];
        set(&mut body, fields.map(|(key, value)| (key, value.to_owned())));
    }
    let code = Code {
        state: State::Broken { how: why },
        live: None,
        router: Router::None,
        notes: Vec::new(),
    };
    Actual { body, status: Status::Code(code), mark: None, vitals: None }
}

pub(super) fn set<const N: usize>(body: &mut Body, fields: [(&str, String); N]) {
    body.fields.extend(fields.map(|(key, value)| (key.to_owned(), value.into())));
}

/// Why nothing can be read of what was seen, with its path.
pub(super) fn unread(body: &Body) -> Option<(&str, &str)> {
    Some((text(body, PATH)?, text(body, PROBLEM)?))
}

pub(super) fn below(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}
