//! Moving a route because a person asks for it.

use jiff::Timestamp;

use super::{Controller, World};
use crate::core::{
    id::{Id, Name},
    plan::{Asker, Consent, Plan},
    resource::{Actual, Sightings, Status},
    route::{Place, Router},
};

impl Controller {
    /// The part of the plan for `world` by which the route of `primary` goes to `place`. Afterwards the
    /// world is as if that were decided.
    #[must_use]
    pub fn reroute(&self, world: &mut World, primary: &Id, place: Place, now: Timestamp) -> Plan {
        let Some(provider) = self.provider(&primary.provider) else { return Plan::default() };
        let World { desired, observed, .. } = world;
        if let Some(Actual { status: Status::Code(code), .. }) = observed.found.get_mut(primary) {
            code.router = Router::Redirect(place);
        }
        let own = observed.found.iter().filter(|(id, _)| id.provider == primary.provider);
        let own = own.map(|(id, it)| (id.name.clone(), it.clone()));
        let seen: Sightings = own.collect::<std::collections::BTreeMap<Name, Actual>>();
        let before = desired.wanted.clone();
        desired.set(provider.name(), provider.desire(&seen));
        let plan = world.plan(Asker::Person, &Consent::default(), now);
        plan.only(|id| world.desired.wanted.get(id) != before.get(id))
    }
}
