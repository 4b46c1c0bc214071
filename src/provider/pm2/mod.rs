//! PM2: not spoken to yet. What the config asks of it is held, with the reason, so that nobody
//! takes it for done.

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::{Error, Provider};
use crate::{
    config::{Project, model::Runner},
    core::{
        change::Change,
        id::Name,
        resource::{Sightings, Wishes},
    },
};

/// Why nothing can be done.
const NOT_YET: &str =
    "this version does not work with PM2; `runner = \"embedded\"` runs the process without it";

/// The processes with `runner = "pm2"`.
#[derive(Debug)]
pub struct Pm2 {
    name: Name,
    asked_for: Vec<Name>,
}

impl Pm2 {
    /// The provider, for the config of `project`.
    #[must_use]
    pub fn new(project: &Project) -> Self {
        Self { name: Name::literal("pm2"), asked_for: asked_for(project) }
    }
}

fn asked_for(project: &Project) -> Vec<Name> {
    let of_pm2 = project.config.process.iter().filter(|it| it.runner == Runner::Pm2);
    of_pm2.map(|it| it.name.clone()).collect()
}

impl Provider for Pm2 {
    fn name(&self) -> &Name {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "process"
    }

    fn configure(&mut self, project: &Project) {
        self.asked_for = asked_for(project);
    }

    fn observe(&self, _now: Timestamp) -> BoxFuture<'_, Result<Sightings, Error>> {
        Box::pin(async { Ok(Sightings::new()) })
    }

    fn desire(&self, _seen: &Sightings) -> Wishes {
        let impossible = self.asked_for.iter().map(|name| (name.clone(), NOT_YET.to_owned()));
        Wishes { impossible: impossible.collect(), ..Wishes::default() }
    }

    fn apply<'a>(
        &'a self,
        _name: &'a Name,
        _change: &'a Change,
        _now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Err(Error::Refused(NOT_YET.to_owned())) })
    }
}
