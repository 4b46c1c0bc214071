//! Watching a site: what Netlify tells of its deploys, and what its functions answer, asked for again
//! and again in the background.

mod callable;
mod judge;
mod poll;
pub(super) mod probe;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use self::{
    callable::Callable,
    poll::{Asked, Manner, Seen, Wanted},
};
use super::{
    FUNCTION, access,
    api::{Client, DeployId},
    settings::Settings,
};
use crate::http::limits;
use crate::{
    config::{
        Project,
        model::{FunctionProbe, Netlify as Config, Recover},
    },
    core::{
        code::Code,
        id::Name,
        job::Call,
        release::{Decision, Policy, Release, State},
        resource::{Actual, Body, Run, Sightings, Status, Wanted as Wish, Wishes},
    },
    http::text::harmless,
    provider::{
        Error,
        files::{Rule, rule::SUFFIX, wish::text},
        polled::Polled,
    },
};

/// What is published, as a resource. No function is called so: their names have no dots.
pub(super) const PUBLISHED: &str = "published.deploy";

/// Field of what is published: the deploy to publish again.
const RESTORE: &str = "restore";

/// Field of what is published: what fails, and is left to a person.
const ALERT: &str = "alert";

/// Field of what is published: what fails, and is mended by another deploy.
const FAILING: &str = "failing";

/// The site of a project.
#[derive(Debug, Clone)]
pub(super) struct Watching {
    /// What is asked, by whom, and when.
    asking: Result<Asking, String>,
    config: Config,
    rules: Vec<(Rule, Option<FunctionProbe>)>,
    policy: Policy,
    /// Why the site could not be seen at the last look, if it could not.
    unseen: Arc<Mutex<Option<String>>>,
}

#[derive(Debug, Clone)]
struct Asking {
    polled: Polled<Wanted, Seen>,
    client: Arc<Client>,
    asked: Arc<Asked>,
}

/// A function that matters.
#[derive(Debug)]
struct Function {
    /// What Netlify calls it.
    name: String,
    /// How to ask it, where it may be asked.
    probe: Option<FunctionProbe>,
    /// Why it is not asked although it has a probe.
    note: Option<String>,
}

impl Function {
    fn question(&self) -> (String, Option<FunctionProbe>) {
        (self.name.clone(), self.probe.clone())
    }
}

impl Watching {
    /// What is left of this minute's requests, if an answer has told.
    pub(super) fn budget(&self, now: Timestamp) -> Option<limits::Budget> {
        self.asking.as_ref().ok()?.client.budget(now)
    }

    /// The site of `project`. Sends nothing yet.
    pub(super) fn new(project: &Project) -> Self {
        let config = &project.config;
        let rules = config.function.iter();
        let rules: Vec<_> =
            rules.map(|it| (Rule::new(&it.backs_up, &it.except), it.probe.clone())).collect();
        let policy = Policy {
            restore: config.netlify.recover == Recover::Restore,
            fall: config.failover.fall,
            after: config.netlify.restore_after.0,
            cool_down: config.netlify.cool_down.0,
        };
        let probes = rules.iter().filter_map(|(_, probe)| Some(probe.as_ref()?.every.0));
        let every = probes
            .min()
            .map_or(config.netlify.poll_every.0, |it| it.min(config.netlify.poll_every.0));
        let asking = access::client(project);
        let asking = asking.map(|client| Asking::new(client, &config.netlify, policy, every));
        let config = config.netlify.clone();
        Self { asking, config, rules, policy, unseen: Arc::default() }
    }

    /// Whether it looks at the same as `other`, in the same way.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let probes = |it: &Self| it.rules.iter().map(|(_, it)| it.clone()).collect::<Vec<_>>();
        (&self.config, self.policy) == (&other.config, other.policy)
            && probes(self) == probes(other)
            && self.asking.is_ok() == other.asking.is_ok()
    }

    /// The same, by the rules of `newer`.
    pub(super) fn with_rules_of(&self, newer: Self) -> Self {
        Self { asking: self.asking.clone(), ..newer }
    }

    /// Finds out how the functions do on the site, where anything is asked of them.
    pub(super) async fn watch(
        &self,
        sightings: &mut Sightings,
        settings: &Settings,
        deadline: Instant,
        now: Timestamp,
    ) {
        let wanted = self.wanted(sightings, settings);
        let seen = match &self.asking {
            _ if wanted.is_empty() => return self.note_unseen(None),
            Ok(asking) => {
                let questions = wanted.values().map(Function::question).collect();
                asking.look(questions, deadline).await
            }
            Err(why) => Err(why.clone()),
        };
        let seen = match seen {
            Ok(seen) => seen,
            Err(why) => return self.note_unseen(Some(why)),
        };
        self.note_unseen(None);
        for (name, Function { name: function, note, .. }) in wanted {
            let Some(actual) = sightings.get_mut(&name) else { continue };
            let live = judge::live(&seen, &function);
            let code = match &mut actual.status {
                Status::Code(code) => {
                    code.live = Some(live);
                    code
                }
                status => {
                    *status = Status::Code(Code::only(live));
                    let Status::Code(code) = status else { continue };
                    code
                }
            };
            code.notes.extend(note);
        }
        if let Ok(name) = PUBLISHED.parse() {
            sightings.insert(name, self.published(&seen, now));
        }
    }

    /// The functions that matter, by the names of their resources.
    fn wanted(&self, sightings: &Sightings, settings: &Settings) -> BTreeMap<Name, Function> {
        let callable = Callable::new(sightings, settings);
        let mut wanted = BTreeMap::new();
        for (name, actual) in sightings {
            let Some((function, primary)) = names(name, actual) else { continue };
            let Some((_, probe)) = self.rules.iter().find(|(rule, _)| rule.asks_for(primary))
            else {
                continue;
            };
            let note = probe.as_ref().and_then(|_| callable.why_not(function, primary));
            let probe = probe.clone().filter(|_| note.is_none());
            wanted.insert(name.clone(), Function { name: function.to_owned(), probe, note });
        }
        wanted
    }

    /// The functions that may be called, with how.
    pub(super) fn probes(
        &self,
        sightings: &Sightings,
        settings: &Settings,
    ) -> Vec<(String, FunctionProbe)> {
        let wanted = self.wanted(sightings, settings);
        wanted.into_values().filter_map(|it| Some((it.name, it.probe?))).collect()
    }

    /// What is published, with what is to be done about it.
    fn published(&self, seen: &Seen, now: Timestamp) -> Actual {
        let release: Release = judge::release(seen, self.policy.fall, now);
        let mut body = Body::default();
        let mut set = |key: &str, value: String| {
            body.fields.insert(key.to_owned(), value.into());
        };
        match judge::decision(seen, &self.policy, now) {
            Decision::Nothing | Decision::Wait => {}
            Decision::Alert { how } => set(ALERT, how),
            Decision::Restore { id, how } => {
                set(RESTORE, id);
                set(FAILING, how);
            }
        }
        if !matches!(release.state, State::Fails { .. }) {
            body = Body::default();
        }
        Actual { body, status: Status::Release(release), mark: None, vitals: None }
    }

    /// Adds what the site is to do, and that its primaries matter.
    pub(super) fn wish(wishes: &mut Wishes, seen: &Sightings) {
        for (name, actual) in seen.iter().filter(|(_, it)| it.mark.is_none()) {
            let call = match &actual.status {
                Status::Code(Code { live: Some(_), .. }) => None,
                Status::Release(_) => call(&actual.body),
                _ => continue,
            };
            if !name.as_str().ends_with(SUFFIX) {
                wishes.wanted.insert(name.clone(), Wish { call, ..Wish::not_ours(Run::On) });
            }
        }
    }

    /// Publishes the last good deploy again, if everything still is as it was when that was decided,
    /// and locks it.
    pub(super) async fn restore(&self, now: Timestamp) -> Result<(), Error> {
        let Asking { polled, client, .. } =
            self.asking.as_ref().map_err(|why| Error::Refused(why.clone()))?;
        let known = polled.known();
        let Decision::Restore { id, .. } = judge::decision(&known, &self.policy, now) else {
            return Err(Error::Passing("the site does not need it any more".to_owned()));
        };
        let before = client.site().await?.published_deploy;
        let is_locked = before.as_ref().is_some_and(super::api::Deploy::is_locked);
        if before.map(|it| it.id) != known.published().map(|it| it.id.clone()) || is_locked {
            self.renew().await;
            return Err(Error::Passing(
                "somebody has published another deploy meanwhile, or locked the site".to_owned(),
            ));
        }
        let id = DeployId(id);
        let restored = match client.restore(&id).await {
            // Where only the answer was lost, it may be published, and then has to be locked.
            Err(error) if error.may_be_done() => {
                let published = client.site().await.ok().and_then(|it| it.published_deploy);
                published.filter(|it| it.id == id).ok_or(error)
            }
            restored => restored,
        };
        let locked = match &restored {
            Ok(restored) if restored.id == id => Some(client.lock(&id).await),
            Ok(_) | Err(_) => None,
        };
        self.renew().await;
        let restored = restored?;
        match locked {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(Error::Refused(format!(
                "deploy {id} is published again, and was not locked: {error}"
            ))),
            None => {
                let other = harmless(&restored.id.0, 40);
                Err(Error::Passing(format!("Netlify says that it published {other}")))
            }
        }
    }

    /// Asks for everything anew: something was changed.
    async fn renew(&self) {
        if let Ok(Asking { polled, asked, .. }) = &self.asking {
            asked.forget();
            polled.renew().await;
        }
    }

    /// Resolves when there is something new.
    pub(super) async fn woken(&self) {
        match &self.asking {
            Ok(asking) => asking.polled.woken().await,
            Err(_) => std::future::pending().await,
        }
    }

    /// Why the site could not be seen at the last look, if it could not.
    pub(super) fn unseen(&self) -> Option<String> {
        self.unseen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_unseen(&self, why: Option<String>) {
        *self.unseen.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

impl Asking {
    fn new(client: Client, config: &Config, policy: Policy, every: Duration) -> Self {
        let (client, asked) = (Arc::new(client), Arc::<Asked>::default());
        let compare_after = policy.restore.then_some(policy.fall);
        let manner = Manner { api_every: config.poll_every.0, compare_after };
        let by = (Arc::clone(&client), Arc::clone(&asked));
        let polled = Polled::new("Netlify", every, move |before: Arc<Seen>, wanted: Wanted| {
            let (client, asked) = by.clone();
            Box::pin(async move {
                let now = Timestamp::now();
                let seen = poll::poll(&client, &asked, &before, &wanted, manner, now).await;
                seen.map_err(|error| error.to_string())
            })
        });
        Self { polled, client, asked }
    }

    async fn look(&self, wanted: Wanted, deadline: Instant) -> Result<Arc<Seen>, String> {
        let is_more = |before: &Wanted, wanted: &Wanted| {
            let names = |it: &Wanted| it.keys().cloned().collect::<BTreeSet<_>>();
            !names(wanted).is_subset(&names(before))
        };
        self.polled.look(wanted, is_more, deadline).await
    }
}

/// What the site is to do.
fn call(body: &Body) -> Option<Call> {
    let field = |key| text(body, key).map(str::to_owned);
    if let (Some(id), Some(failing)) = (field(RESTORE), field(FAILING)) {
        let how = format!("serves what fails ({failing}); deploy {id} is published again");
        return Some(Call::Again { how });
    }
    Some(Call::Nobody { how: field(ALERT)? })
}

/// What a function is called at Netlify, and what its primary is.
fn names<'a>(name: &'a Name, actual: &'a Actual) -> Option<(&'a str, &'a str)> {
    match (text(&actual.body, FUNCTION), &actual.mark) {
        (Some(function), None) if !function.ends_with(SUFFIX) => Some((function, function)),
        (_, Some(_)) => Some((name.as_str(), name.as_str().strip_suffix(SUFFIX)?)),
        _ => None,
    }
}
