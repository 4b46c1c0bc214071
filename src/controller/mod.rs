//! The loop's parts: look at the world, plan, carry the plan out. `apply` goes through them once,
//! [`watch`] again and again.

pub mod alerts;
pub mod background;
mod carry_out;
pub mod checkup;
pub mod generations;
pub mod heartbeat;
pub mod holding;
mod in_hand;
mod listen;
pub mod live;
pub mod lock;
pub mod logs;
mod metrics;
pub mod monitor;
pub mod moving;
mod oversight;
mod reload;
pub mod reports;
pub mod requests;
mod routes;
pub mod self_update;
mod service_manager;
pub(crate) mod signals;
pub(crate) mod standing;
pub mod stopped;
pub mod testing;

mod triggers;
pub mod watch;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::future::join_all;
use jiff::Timestamp;

pub use carry_out::{Manner, Outcome, Progress, Stop};
use oversight::Oversight;

use crate::{
    config::{self, Project},
    core::{
        change::Step,
        emergency,
        failover::{Circumstances, Duties, Pair},
        id::{Id, Name},
        incident,
        pause::Pauses,
        plan::{Asker, Consent, Plan, plan},
        reconciler::{Memory, Rules},
        resource::{Desired, Observed},
    },
    journal::{self, Journal},
    probe,
    provider::{self, Provider},
};

/// A project with its providers: what looks and acts.
pub struct Controller {
    /// The project as its config says.
    project: Project,
    /// The project as it can be run here.
    possible: Project,
    pairs: Vec<Pair>,
    providers: Vec<Box<dyn Provider>>,
    oversight: Oversight,
    /// Whether looks need not wait for what takes long.
    never_waits: bool,
}

/// What was seen last, and what is wanted in view of it.
#[derive(Debug, Default)]
pub struct World {
    /// What is wanted.
    pub desired: Desired,
    /// What was seen.
    pub observed: Observed,
    /// What is known beside that to somebody who has looked around.
    pub known: Known,
}

/// What is known beside what was seen.
#[derive(Debug, Default)]
pub struct Known {
    /// The pairs of the project.
    pub pairs: Vec<Pair>,
    /// The duty of each pair, by what was seen alone.
    pub duties: Duties,
    /// What the watch remembers.
    pub memory: Memory,
    /// What people asked to be left alone.
    pub pauses: Pauses,
}

impl World {
    /// The plan for it, without what is paused.
    #[must_use]
    pub fn plan(&self, asker: Asker, consent: &Consent, now: Timestamp) -> Plan {
        let mut plan = plan(&self.desired, &self.observed, asker, consent, now);
        self.known.pauses.hold(&mut plan, &self.known.pairs, now);
        plan
    }

    /// The plan of an emergency recovery, without what is paused.
    #[must_use]
    pub fn emergency_plan(&self, now: Timestamp) -> Plan {
        let mut plan = emergency::plan(&self.desired, &self.observed, now);
        self.known.pauses.hold(&mut plan, &self.known.pairs, now);
        plan
    }
}

/// Which providers to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// One, by its place in the list.
    One(usize),
}

impl Scope {
    fn includes(self, index: usize) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == index,
        }
    }

    /// What includes both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::All }
    }
}

impl Controller {
    /// The controller of `project`.
    #[must_use]
    pub fn new(project: Project) -> Self {
        let possible = provider::as_possible(&project);
        let pairs = config::pairs(&possible);
        let providers = provider::all(&possible);
        let oversight = Oversight::default();
        Self { providers, pairs, possible, project, oversight, never_waits: false }
    }

    /// The same for somebody who looks again and again, and when a provider is woken.
    #[must_use]
    pub fn that_never_waits(mut self) -> Self {
        self.never_waits = true;
        self.providers.iter_mut().for_each(|it| it.never_wait());
        self
    }

    /// The project.
    #[must_use]
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// Takes over a new config. What runs goes on running; what changes is found by the next look
    /// at everything.
    pub fn configure(&mut self, project: Project) {
        self.project = project;
        self.adapt();
    }

    /// Whether something that the config leaves to what can be had here can be had now and could
    /// not before, or the other way round.
    #[must_use]
    pub fn should_adapt(&self) -> bool {
        provider::as_possible(&self.project) != self.possible
    }

    /// Goes by what can be had here now.
    pub fn adapt(&mut self) {
        self.possible = provider::as_possible(&self.project);
        self.pairs = config::pairs(&self.possible);
        for provider in &mut self.providers {
            provider.configure(&self.possible);
        }
    }

    /// The pairs of the project.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// What the config says about decisions.
    #[must_use]
    pub fn rules(&self) -> Rules {
        let failover = &self.project.config.failover;
        let backoff = failover.backoff.into();
        let (attempts, calm) = (failover.max_recovery_attempts, failover.hold.0);
        Rules {
            pairs: self.pairs.clone(),
            recovery: incident::Policy { attempts, backoff, calm },
            backoff,
            emergency_below: self.project.config.controller.emergency_below,
        }
    }

    /// How long a command that a program that is gone gave to a provider may still take effect.
    fn drain(&self, provider: &Name) -> Duration {
        self.provider(provider).map_or(Duration::ZERO, Provider::drain)
    }

    /// What the resources of each provider are, in one word.
    #[must_use]
    pub fn kinds(&self) -> BTreeMap<&Name, &'static str> {
        self.providers.iter().map(|it| (it.name(), it.kind())).collect()
    }

    /// Whether the resources of the provider called `name` run only because we run them.
    #[must_use]
    pub fn supervises(&self, name: &Name) -> bool {
        self.providers.iter().any(|it| it.name() == name && it.supervises())
    }

    /// What people should know beside how each resource does, provider by provider.
    #[must_use]
    pub fn remarks(&self) -> Vec<(&Name, String)> {
        self.providers.iter().filter_map(|it| Some((it.name(), it.remark()?))).collect()
    }

    /// Whether this lane has to be begun together with others, which are made as one.
    fn gathers(&self, lane: &[Step]) -> bool {
        let first = lane.first().and_then(|step| self.provider(&step.id.provider));
        first.is_some_and(Provider::gathers)
    }

    /// Looks at the providers in `scope`, side by side, and asks them what they want, given what
    /// they saw; `world` says so afterwards. A provider that fails or takes too long is noted as
    /// one that could not be asked, and hides nothing of the others.
    pub async fn look(&self, world: &mut World, scope: Scope, now: Timestamp) {
        let in_scope =
            self.providers.iter().enumerate().filter(|(index, _)| scope.includes(*index));
        let looks = in_scope.map(|(_, provider)| async move {
            (provider, self.oversight.ask(provider.as_ref(), now).await)
        });
        for (provider, (wishes, seen)) in join_all(looks).await {
            world.desired.set(provider.name(), wishes);
            world.observed.set(provider.name(), seen);
            match provider.unseen() {
                Some(why) => world.observed.unseen.insert(provider.name().clone(), why),
                None => world.observed.unseen.remove(provider.name()),
            };
        }
    }

    async fn look_and_ask(&self, now: Timestamp) -> World {
        let mut world = World::default();
        self.look(&mut world, Scope::All, now).await;
        probe::ask_once(&probe::of(&self.possible), &mut world.observed, now).await;
        world
    }

    /// A look at everything, by somebody who has seen nothing yet. Duty is where it is: who looks
    /// only once moves none.
    pub async fn look_around(&self, now: Timestamp) -> World {
        let mut world = self.look_and_ask(now).await;
        let (memory, mut pauses) = self.recall().unwrap_or_else(|error| {
            tracing::warn!("who was on duty is found out from what runs: {error}");
            Default::default()
        });
        pauses.prune(now);
        let mut duties = memory.duties.clone().recovered(now);
        let World { desired, observed, .. } = &mut world;
        // What is paused too: the plan says what is left alone for that.
        duties.decide(&self.pairs, desired, observed, &Circumstances::ONE_LOOK, now);
        self.keep_off(&duties);
        world.known = Known { pairs: self.pairs.clone(), duties, memory, pauses };
        world
    }

    /// Tells the providers what is off duty.
    fn keep_off(&self, duties: &Duties) {
        for provider in &self.providers {
            let off = duties.off_duty(&self.pairs).filter(|it| it.provider == *provider.name());
            provider.keep_off(&off.map(|it| it.name.clone()).collect());
        }
    }

    /// What the watch remembers, and what people asked to be left alone; nothing where there is no
    /// journal.
    ///
    /// # Errors
    /// When the journal can't be read.
    pub fn recall(&self) -> Result<(Memory, Pauses), journal::Error> {
        let file = Journal::file(&self.project.state_dir());
        let Some(journal) = Journal::open_to_read(&file)? else { return Ok(Default::default()) };
        let memory = watch::recalled(journal.recall(watch::MEMORY)?.as_deref());
        Ok((memory, requests::pauses(&journal)?))
    }

    /// Kills whatever runs under a mark of this project, whoever runs it; what came of it at each provider.
    pub async fn kill_all(&self) -> Vec<(&Name, Result<bool, provider::Error>)> {
        let each = self.providers.iter();
        join_all(each.map(|it| async move { (it.name(), it.kill_all().await) })).await
    }

    /// The files that the output of a resource goes to.
    #[must_use]
    pub fn logs(&self, id: &Id) -> Vec<PathBuf> {
        self.provider(&id.provider).map(|it| it.logs(&id.name)).unwrap_or_default()
    }

    fn provider(&self, name: &Name) -> Option<&dyn Provider> {
        self.providers.iter().find(|it| it.name() == name).map(AsRef::as_ref)
    }
}

/// Makes the folder of what the tool keeps for itself: only its owner may look into it, and
/// version control leaves it alone.
///
/// # Errors
/// When it can't be made.
pub fn make_state_dir(folder: &Path) -> std::io::Result<()> {
    use std::{fs, os::unix::fs::DirBuilderExt};

    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let ignore = folder.join(".gitignore");
    // Whoever made the folder may have ended before this.
    if fs::metadata(&ignore).is_ok_and(|it| it.len() > 0) {
        Ok(())
    } else {
        fs::write(ignore, "*\n")
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn the_folder_is_kept_from_others_whoever_ended_while_making_it() {
        let project = tempfile::tempdir().unwrap();
        let folder = project.path().join("a/.redundancy");
        for _ in 0..2 {
            make_state_dir(&folder).unwrap();
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
            assert_eq!(fs::read_to_string(folder.join(".gitignore")).unwrap(), "*\n");
            fs::write(folder.join(".gitignore"), "").unwrap();
        }
        fs::remove_file(folder.join(".gitignore")).unwrap();
        make_state_dir(&folder).unwrap();
        assert!(folder.join(".gitignore").is_file());
    }
}
