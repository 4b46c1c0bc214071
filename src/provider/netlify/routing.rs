//! The routes of functions with `router = "redirect"`: which of a pair gets the calls, by a block of
//! redirects in `netlify.toml`.
//!
//! Where duty is now is what the block says. A watch that sees the primary fail on the live site writes
//! the block anew, and so does a person who asks for it; it takes effect with the next deploy, whoever
//! makes that.

use std::{
    fs,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    FUNCTION, REFUSED, UNROUTABLE,
    look::set,
    redirects::{Block, Others, Route, Routes, body, inner, put},
    settings::FILE,
};
use crate::{
    config::{Project, model::Router as Kind},
    core::{
        change::Change,
        code::Code,
        id::Name,
        job::Call,
        resource::{Actual, Body, Run, Sightings, Status, Wanted, Wishes},
        route::{self, Place, Policy, Router},
    },
    disk::replace_text,
    provider::{
        Error,
        files::{
            Comment, PATH, PROBLEM, Reader, Rule, Writer, failed,
            read::unreadable,
            rule::{SUFFIX, backup_name},
            wish::text,
            write::changed,
        },
    },
};

/// The block of redirects, as a resource. No function is called so: their names have no dots.
pub(super) const BLOCK: &str = FILE;

/// Field of a primary: the path at which it is called.
const ROUTE: &str = "route";

/// Field of a primary: why it has no route although the config asks for one.
const NO_ROUTE: &str = "no_route";

/// What helps where a rule is about functions that can have a route and about others.
const OWN_RULE: &str = "give it a `[[function]]` of its own without a router, above the other one";

/// What is noted of a function whose route was moved since the published deploy.
const WAITS: &str = "the published deploy is older than the last move of its route, and the site goes by the \
                     one before";

/// The routes of a project.
#[derive(Debug)]
pub(super) struct Routing {
    reader: Reader,
    rules: Vec<(Rule, Option<String>)>,
    policy: Policy,
    /// When a route is to be moved by the clock alone.
    due: Mutex<Option<Timestamp>>,
}

impl Routing {
    /// The routes of `project`.
    pub(super) fn new(project: &Project) -> Self {
        let config = &project.config;
        let rules = config.function.iter().map(|it| {
            let route = match it.router {
                Kind::None | Kind::Edge => None,
                Kind::Redirect => it.route.clone(),
            };
            (Rule::new(&it.backs_up, &it.except), route)
        });
        Self {
            reader: Reader { root: project.root.clone(), comment: Comment::Hash },
            rules: rules.collect(),
            policy: Policy {
                fall: config.failover.fall,
                after: config.netlify.restore_after.0,
                hold: config.failover.hold.0,
                cool_down: config.netlify.cool_down.0,
            },
            due: Mutex::default(),
        }
    }

    /// The path at which the function called `name` is to be called.
    fn route_of(&self, name: &str) -> Option<String> {
        let (_, route) = self.rules.iter().find(|(rule, _)| rule.asks_for(name))?;
        Some(route.as_ref()?.replace("NAME", name))
    }

    /// Finds out where the routes go, and which of them there can be. Waits for the file system.
    pub(super) fn read(&self, seen: &mut Sightings) -> Result<(), Error> {
        let file =
            self.reader.text(FILE).map_err(|why| Error::Refused(format!("{FILE}: {why}")))?;
        let file = file.unwrap_or_default();
        let name = Name::literal(BLOCK);
        let block = match Block::find(&file) {
            Ok(block) => block.map(|it| it.resource()),
            Err(why) => {
                seen.insert(name, unreadable(FILE, &why));
                return Ok(());
            }
        };
        let before = block.as_ref().map(routes).unwrap_or_default();
        let others = Others::of(&file);
        let mut wanted = Routes::new();
        for actual in seen.values_mut().filter(|it| it.mark.is_none()) {
            let Some(function) = text(&actual.body, FUNCTION).map(str::to_owned) else { continue };
            let Some(from) = self.route_of(&function).filter(|_| !function.ends_with(SUFFIX))
            else {
                continue;
            };
            let place = before.get(&function).map(|it| it.place.clone());
            // Why there can be no backup is said of the backup.
            if place.is_none() && text(&actual.body, REFUSED).is_some() {
                continue;
            }
            let twin = wanted.iter().find(|(_, it)| it.from == from);
            let why = text(&actual.body, UNROUTABLE)
                .map(|it| format!("{it}; {OWN_RULE}"))
                .or_else(|| others.conflict(&from))
                .or_else(|| twin.map(|(twin, _)| format!("{twin} has that route")));
            let is_routed = why.is_none() || place.is_some();
            let place = place.unwrap_or(Place::FIRST);
            if let Status::Code(code) = &mut actual.status
                && is_routed
            {
                code.router = Router::Redirect(place.clone());
            }
            if let Some(why) = why {
                let why = format!("{function} can't have the route {from}: {why}");
                set(&mut actual.body, [(NO_ROUTE, why)]);
                continue;
            }
            set(&mut actual.body, [(ROUTE, from.clone())]);
            wanted.insert(function, Route { from, place });
        }
        let problem =
            if wanted.is_empty() { None } else { put(&file, Some(&inner(&wanted))).err() };
        match (block, problem) {
            (Some(mut block), Some(why)) => {
                set(&mut block.body, [(PROBLEM, why), (PATH, FILE.to_owned())]);
                seen.insert(name, block);
            }
            (None, Some(why)) => _ = seen.insert(name, unreadable(FILE, &why)),
            (Some(block), None) => _ = seen.insert(name, block),
            (None, None) => {}
        }
        Ok(())
    }

    /// Decides which routes are moved, in view of what is seen of the functions on the live site.
    pub(super) fn decide(&self, seen: &mut Sightings, now: Timestamp) {
        let next: Vec<(Name, Place)> = (seen.iter())
            .filter(|(_, it)| text(&it.body, ROUTE).is_some())
            .filter_map(|(name, actual)| {
                let primary = code(actual)?;
                let Router::Redirect(place) = &primary.router else { return None };
                let backup = backup_name(name.as_str()).ok()?;
                let backup = seen.get(&backup).filter(|it| it.mark.is_some()).and_then(code);
                let to = route::next(&place.counted_at(now), primary, backup, &self.policy)?;
                Some((name.clone(), to))
            })
            .collect();
        let is_due = |it: &(Name, Place)| it.1.since.is_some_and(|since| since <= now);
        let (moves, later): (Vec<_>, Vec<_>) = next.into_iter().partition(is_due);
        self.set_due(later.into_iter().filter_map(|(_, it)| it.since).min());
        for (name, to) in moves {
            if let Some(Actual { status: Status::Code(code), .. }) = seen.get_mut(&name) {
                code.router = Router::Redirect(to);
            }
        }
        note_what_waits(seen);
    }

    /// Resolves when a route is to be moved by the clock alone, once for each time.
    pub(super) async fn woken(&self) {
        let due = *self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(due) = due else { return std::future::pending().await };
        let left = Duration::try_from(due.duration_since(Timestamp::now())).unwrap_or_default();
        tokio::time::sleep(left).await;
        self.set_due(None);
    }

    fn set_due(&self, due: Option<Timestamp>) {
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = due;
    }

    /// Adds the block that is wanted, and why a function has no route.
    pub(super) fn wish(&self, wishes: &mut Wishes, seen: &Sightings) {
        let name = Name::literal(BLOCK);
        let block = seen.get(&name);
        if let Some(why) = block.and_then(|it| text(&it.body, PROBLEM)) {
            wishes.impossible.insert(name, why.to_owned());
            return;
        }
        let before = block.map(routes).unwrap_or_default();
        let mut wanted = Routes::new();
        let mut moves = Vec::new();
        for (name, actual) in seen {
            let field = |key| text(&actual.body, key).map(str::to_owned);
            if let Some(why) = field(NO_ROUTE)
                && let Ok(name) = format!("{name}.{ROUTE}").parse()
            {
                wishes.impossible.insert(name, why);
            }
            if let (Some(function), Some(from)) = (field(FUNCTION), field(ROUTE))
                && let Some(Router::Redirect(place)) = code(actual).map(|it| &it.router)
            {
                if before.get(&function).is_some_and(|it| it.place.side != place.side) {
                    let why = place.why.as_deref().unwrap_or_default();
                    moves
                        .push(format!("the route of {function} goes to its {}: {why}", place.side));
                }
                wanted.insert(function, Route { from, place: place.clone() });
            }
        }
        // What can't be made anew, such as where the primary is gone by mistake, stays as it is.
        for (function, route) in before {
            if self.route_of(&function).is_some() {
                wanted.entry(function).or_insert(route);
            }
        }
        if wanted.is_empty() {
            return;
        }
        let how = format!("{}; that takes effect with the next deploy", moves.join("; "));
        let call = (!moves.is_empty()).then_some(Call::Move { how });
        let body = Some(body(inner(&wanted)));
        wishes.wanted.insert(name, Wanted { body, call, ..Wanted::not_ours(Run::On) });
    }

    /// Makes one change of the block. Nothing is touched that is not as the change says.
    pub(super) fn apply(&self, change: &Change) -> Result<(), Error> {
        let (from, to) = match change {
            Change::Create { to, .. } => (None, Some(to)),
            Change::Update { from, to, .. } => (Some(from), Some(to)),
            Change::Delete { from } => (Some(from), None),
            Change::Start | Change::Stop | Change::Restart => {
                let why = format!("{FILE} is a file, which is neither started nor stopped");
                return Err(Error::Refused(why));
            }
        };
        let place = Writer { reader: self.reader.clone() }.place(FILE)?;
        let file =
            self.reader.text(FILE).map_err(|why| Error::Refused(format!("{FILE}: {why}")))?;
        let file = file.unwrap_or_default();
        let live = Block::find(&file).map_err(Error::Refused)?.map(|it| it.resource());
        let own = |it: &Body| it.files.get(FILE).cloned();
        let inner = to.and_then(own);
        let (is, was) = (live.as_ref().map(|it| &it.body), from);
        let is_marked = live.as_ref().and_then(|it| it.mark.as_ref()).map(|it| it.written);
        if is == to && is_marked == to.map(Body::digest) {
            return Ok(());
        }
        if is != was {
            return Err(changed(to.or(from).unwrap_or(&Body::default())));
        }
        let new = put(&file, inner.as_deref()).map_err(Error::Refused)?;
        if new.is_empty() {
            // To Netlify an empty file is as good as none, and the block was all there was.
            return fs::remove_file(&place).map_err(|error| failed("delete", FILE, &error));
        }
        replace_text(&place, &new).map_err(|error| failed("write", FILE, &error))
    }
}

/// Notes which routes were moved since the published deploy, in which they go where they went before.
fn note_what_waits(seen: &mut Sightings) {
    let published = seen.values().find_map(|it| match &it.status {
        Status::Release(release) => release.since,
        _ => None,
    });
    let Some(published) = published else { return };
    for actual in seen.values_mut() {
        if let Status::Code(code) = &mut actual.status
            && let Router::Redirect(Place { since: Some(since), .. }) = &code.router
            && *since > published
        {
            code.notes.push(WAITS.to_owned());
        }
    }
}

fn routes(block: &Actual) -> Routes {
    block.body.files.get(FILE).map(|it| Block::routes(it)).unwrap_or_default()
}

fn code(actual: &Actual) -> Option<&Code> {
    match &actual.status {
        Status::Code(code) => Some(code),
        _ => None,
    }
}
