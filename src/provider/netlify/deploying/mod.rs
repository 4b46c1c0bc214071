//! Getting what was generated to Netlify: a deploy of the whole site, begun where all of it is known, and
//! followed until visitors see it.

mod cli;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use self::cli::CommandLine;
use super::{
    Netlify, access,
    api::{Client, Deploy, DeployId, Hook, Pace, Progress},
    watching::probe::{Verdict, ask},
};
use crate::{
    config::{
        Project,
        model::{DeployBy, FunctionProbe},
    },
    core::ration,
    http::text::harmless,
    provider::Error,
};

/// Time between two questions for the state of a deploy.
const EVERY: Duration = Duration::from_secs(5);

/// A deploy that is to be made.
#[derive(Debug)]
pub struct Deploying {
    client: Client,
    way: Way,
    netlify: Netlify,
    /// Time between two questions.
    every: Duration,
    /// How long it may take.
    limit: Duration,
}

/// How it is begun.
#[derive(Debug)]
enum Way {
    Hook(Hook),
    Build,
    Cli(CommandLine),
}

/// What is known of the site before.
#[derive(Debug)]
pub struct Before {
    /// The production deploys, with the times at which they were asked for.
    pub listed: Vec<ration::Asked>,
    /// Why none may be made now, if it may not.
    pub obstacle: Option<String>,
    known: BTreeSet<DeployId>,
    published: Option<DeployId>,
}

/// A deploy that was begun.
#[derive(Debug)]
pub struct Begun {
    /// Its name, where Netlify said it.
    pub id: Option<DeployId>,
    /// Until when it may take.
    deadline: Instant,
}

impl Deploying {
    /// A deploy of the site of `project`, in the way that its config says, or what is missing for it.
    /// None, where git brings it there.
    pub fn new(project: &Project) -> Result<Option<Self>, Error> {
        let config = &project.config.netlify;
        let way = match config.deploy {
            DeployBy::Git => return Ok(None),
            DeployBy::Hook => Way::Hook(hook(&config.hook_env)?),
            DeployBy::Build => Way::Build,
            DeployBy::Cli => {
                let token = access::token(config).map_err(Error::Refused)?;
                Way::Cli(CommandLine::find(&project.root, token)?)
            }
        };
        let client = access::client(project).map_err(Error::Refused)?;
        let every = EVERY.min(config.poll_every.0);
        let netlify = Netlify::new(project);
        Ok(Some(Self { client, way, netlify, every, limit: config.deploy_timeout.0 }))
    }

    /// How it is done, to be read after "to deploy".
    #[must_use]
    pub fn how(&self) -> String {
        let site = self.client.site_id();
        match &self.way {
            Way::Hook(_) => format!("the site {site} by its build hook"),
            Way::Build => format!("the site {site} by asking Netlify to build it"),
            Way::Cli(cli) => format!(
                "the site {site} by {}: a draft first, which is published when it is well",
                cli.shown()
            ),
        }
    }

    /// Looks at the site.
    pub async fn look(&self) -> Result<Before, Error> {
        let published = self.client.site().await?.published_deploy;
        let deploys = self.client.deploys().await?;
        let going = deploys.iter().find(|it| {
            it.is_production() && matches!(it.progress(), Progress::Active | Progress::Waiting)
        });
        let obstacle = match (&published, going) {
            (Some(published), _) if published.is_locked() => Some(format!(
                "the published deploy {} is locked: somebody wants it to stay; unlock it at Netlify \
                 first",
                shown(&published.id)
            )),
            (_, Some(going)) => Some(format!(
                "deploy {} is {} already; wait for it, or cancel it at Netlify",
                shown(&going.id),
                harmless(&going.state.to_string(), 40)
            )),
            _ => None,
        };
        let listed = deploys.iter().filter(|it| it.is_production() && it.skipped != Some(true));
        let listed = listed
            .filter_map(|it| Some(ration::Asked { at: it.created_at?, id: Some(it.id.0.clone()) }))
            .collect();
        let known = deploys.into_iter().map(|it| it.id).collect();
        Ok(Before { listed, obstacle, known, published: published.map(|it| it.id) })
    }

    /// Begins it.
    pub async fn begin(&self) -> Result<Begun, Error> {
        let deadline = Instant::now() + self.limit;
        let id = match &self.way {
            Way::Hook(hook) => {
                hook.trigger(Pace::default()).await?;
                None
            }
            Way::Build => self.client.build().await?,
            Way::Cli(cli) => Some(cli.draft(self.client.site_id(), self.limit).await?),
        };
        Ok(Begun { id, deadline })
    }

    /// Follows it until it is published. What came of it, in words; `tell` hears of its name as soon
    /// as that is known.
    pub async fn follow(
        &self,
        before: &Before,
        begun: &Begun,
        mut tell: impl FnMut(&DeployId),
    ) -> Result<String, Error> {
        let deadline = begun.deadline;
        let id = match &begun.id {
            Some(id) => id.clone(),
            None => self.find(before, deadline).await?,
        };
        tell(&id);
        self.until_ready(&id, deadline).await?;
        let mut unseen = "";
        if matches!(self.way, Way::Cli(_)) {
            let probes = self.netlify.probes().await?;
            if probes.is_empty() {
                unseen = "; no function has a `probe`, so none of it was tried before";
            }
            self.try_draft(&id, &probes).await?;
            self.publish(before, &id).await?;
        }
        self.until_published(before, &id, deadline).await?;
        Ok(format!("deploy {} is published{unseen}", shown(&id)))
    }

    /// The deploy that came of a build hook, which does not say which that is.
    async fn find(&self, before: &Before, deadline: Instant) -> Result<DeployId, Error> {
        loop {
            let deploys = passing(self.client.deploys().await)?.unwrap_or_default();
            let is_new = |it: &&Deploy| it.is_production() && !before.known.contains(&it.id);
            if let Some(found) = deploys.iter().rev().find(is_new) {
                return Ok(found.id.clone());
            }
            if !self.rest(deadline).await {
                return Err(Error::Passing(format!(
                    "the build hook was called, and no deploy came of it within {}",
                    self.limit_shown()
                )));
            }
        }
    }

    async fn until_ready(&self, id: &DeployId, deadline: Instant) -> Result<(), Error> {
        let mut last = "asked for".to_owned();
        loop {
            if let Some(deploy) = passing(self.client.deploy(id).await)? {
                match deploy.progress() {
                    Progress::Ready => return Ok(()),
                    Progress::Failed => {
                        let said = deploy.error_message.as_deref().unwrap_or_default();
                        let said = harmless(said, 200);
                        let said = if said.is_empty() { "without a word".to_owned() } else { said };
                        return Err(Error::Refused(format!("deploy {} failed: {said}", shown(id))));
                    }
                    Progress::Active | Progress::Waiting => {
                        last = harmless(&deploy.state.to_string(), 40);
                    }
                }
            }
            if !self.rest(deadline).await {
                return Err(Error::Refused(self.give_up(id, &last).await));
            }
        }
    }

    /// Cancels a deploy that takes too long. What that came to.
    async fn give_up(&self, id: &DeployId, last: &str) -> String {
        let late = format!("deploy {} is {last} after {}", shown(id), self.limit_shown());
        match self.client.cancel(id).await {
            Ok(_) => format!("{late}, and was cancelled"),
            Err(error) => format!("{late}, and could not be cancelled: {error}"),
        }
    }

    /// Asks the functions of the draft, at its own address.
    async fn try_draft(
        &self,
        id: &DeployId,
        probes: &[(String, FunctionProbe)],
    ) -> Result<(), Error> {
        let deploy = self.client.deploy(id).await?;
        let left = |why: String| {
            Err(Error::Refused(format!("{why}; the draft {} was not published", shown(id))))
        };
        let Some(address) = &deploy.deploy_ssl_url else {
            return left("Netlify tells no address of the draft".to_owned());
        };
        for (name, probe) in probes {
            match ask(address, name, probe).await {
                Verdict::Answers => {}
                Verdict::Odd(how) | Verdict::Fails(how) | Verdict::Unreached(how) => {
                    return left(format!("in the draft, {name}: {how}"));
                }
            }
        }
        Ok(())
    }

    async fn publish(&self, before: &Before, id: &DeployId) -> Result<(), Error> {
        let now = self.client.site().await?.published_deploy;
        let is_locked = now.as_ref().is_some_and(Deploy::is_locked);
        if is_locked || now.map(|it| it.id) != before.published {
            return Err(Error::Refused(format!(
                "somebody has published another deploy meanwhile, or locked the site, so the draft {} \
                 was not published",
                shown(id)
            )));
        }
        self.client.restore(id).await?;
        Ok(())
    }

    async fn until_published(
        &self,
        before: &Before,
        id: &DeployId,
        deadline: Instant,
    ) -> Result<(), Error> {
        loop {
            let site = passing(self.client.site().await)?;
            let published = site.and_then(|it| it.published_deploy);
            match &published {
                Some(published) if published.id == *id => return Ok(()),
                Some(other) if Some(&other.id) != before.published.as_ref() => {
                    return Err(Error::Refused(format!(
                        "deploy {} is ready, and somebody has published {} meanwhile, which stays",
                        shown(id),
                        shown(&other.id)
                    )));
                }
                Some(_) | None => {}
            }
            if !self.rest(deadline).await {
                let limit = self.limit_shown();
                let id = shown(id);
                return Err(Error::Refused(format!(
                    "deploy {id} is ready, and is not published after {limit}: look at Netlify, where \
                     auto publishing may be off"
                )));
            }
        }
    }

    /// Waits until it is time for the next question. False, where there is no time left.
    async fn rest(&self, deadline: Instant) -> bool {
        if Instant::now() + self.every > deadline {
            return false;
        }
        sleep(self.every).await;
        true
    }

    fn limit_shown(&self) -> crate::config::units::Span {
        crate::config::units::Span(self.limit)
    }
}

/// An answer, none where asking again may help.
fn passing<T>(answer: Result<T, super::api::Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_passing() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn shown(id: &DeployId) -> String {
    harmless(&id.0, 40)
}

fn hook(variable: &str) -> Result<Hook, Error> {
    let text = std::env::var(variable).ok().filter(|it| !it.trim().is_empty());
    let text = text.ok_or_else(|| {
        Error::Refused(format!(
            "there is no build hook in the environment variable {variable}, which `hook_env` of \
             `[netlify]` names; Netlify makes one under \"Build hooks\" of the project"
        ))
    })?;
    Hook::new(&text).map_err(|error| Error::Refused(format!("{variable}: {error}")))
}

/// What was generated.
#[derive(Debug)]
pub struct Generated {
    /// The files, relative to the project.
    pub files: BTreeSet<String>,
    /// The backups that are not as the config asks, by name.
    pub outdated: Vec<String>,
    /// The folder in which all of it is.
    pub folder: PathBuf,
}

/// When a deploy was asked for, to be remembered.
#[must_use]
pub fn asked(id: Option<&DeployId>, at: Timestamp) -> ration::Asked {
    ration::Asked { at, id: id.map(|it| it.0.clone()) }
}
