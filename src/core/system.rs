//! The health of the whole system: how many components are healthy, of all and of each provider, and how
//! many nobody knows of. It is counted here alone: what people are told, the figures and the share by which an
//! emergency is declared are the same count.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{
    health::Health,
    id::Name,
    resource::{Desired, Observed, Run},
};

/// How the components of one provider do, or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Those that do their work.
    pub healthy: usize,
    /// Those that are known not to, and should.
    pub unhealthy: usize,
    /// Of these, those that no start could mend: what can't be made, and what is not there and would not
    /// run if it were, such as a file.
    pub not_startable: usize,
    /// Those that should, and of which nobody knows.
    pub unknown: usize,
}

/// How all components do that should do anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct System {
    /// All of them.
    pub all: Tally,
    /// Those of each provider that has any.
    pub each: BTreeMap<Name, Tally>,
}

impl System {
    /// What was seen of what is desired. What should be off, or is off on purpose, does not count; what can't
    /// be made is not healthy, and what could not be seen is not known.
    #[must_use]
    pub fn of(desired: &Desired, observed: &Observed) -> Self {
        let mut system = Self::default();
        let should_be_off = |id| desired.wanted.get(id).is_some_and(|it| it.run == Run::Off);
        let mut ids: Vec<_> = desired.wanted.keys().chain(desired.impossible.keys()).collect();
        ids.extend(desired.unseen.keys());
        ids.sort_unstable();
        ids.dedup();
        for id in ids.into_iter().filter(|id| !should_be_off(id)) {
            let blind = observed.blind.contains_key(&id.provider);
            // What is remembered of a place that can't be seen is not how it is.
            let health =
                if blind { Health::Unknown } else { Health::in_view(desired, observed, id) };
            let startable = desired.wanted.get(id).is_some_and(|it| {
                let is_file = it.body.as_ref().is_some_and(|it| !it.files.is_empty());
                observed.found.contains_key(id) || (it.run == Run::On && !is_file)
            });
            let each = system.each.entry(id.provider.clone()).or_default();
            for tally in [&mut system.all, each] {
                match health {
                    Health::Healthy => tally.healthy += 1,
                    Health::Unhealthy | Health::Failed => {
                        tally.unhealthy += 1;
                        tally.not_startable += usize::from(!startable);
                    }
                    Health::Unknown => tally.unknown += 1,
                    Health::Stopped => {}
                }
            }
        }
        system.each.retain(|_, it| *it != Tally::default());
        system
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} healthy", self.healthy, self.healthy + self.unhealthy)?;
        if self.unknown > 0 {
            write!(f, ", {} unknown", self.unknown)?;
        }
        Ok(())
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.all)?;
        for (index, (provider, tally)) in self.each.iter().enumerate() {
            write!(f, "{}{provider}: {tally}", if index == 0 { " (" } else { "; " })?;
        }
        f.write_str(if self.each.is_empty() { "" } else { ")" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        id::Id,
        resource::{Actual, Body, Status, Wanted},
    };

    #[test]
    fn what_nobody_knows_of_is_not_healthy_and_not_the_contrary() {
        let (mut desired, mut observed) = (Desired::default(), Observed::default());
        let stopped = |run, status| (run, Some(status));
        for (id, (run, status)) in [
            ("a/missing", (Run::On, None)),
            ("a/off", stopped(Run::Off, Status::Stopped)),
            ("a/file", stopped(Run::On, Status::Present)),
            ("a/by-hand", stopped(Run::On, Status::StoppedByHand)),
            ("b/seen-before", stopped(Run::On, Status::Stopped)),
            ("c/x", (Run::Off, None)),
        ] {
            let id: Id = id.parse().unwrap();
            desired.wanted.insert(id.clone(), Wanted::not_ours(run));
            if let Some(status) = status {
                let body = Body::default();
                observed.found.insert(id, Actual { body, status, mark: None, vitals: None });
            }
        }
        desired.impossible.insert("a/impossible".parse().unwrap(), "x".to_owned());
        observed.blind.insert("b".parse().unwrap(), "x".to_owned());
        let system = System::of(&desired, &observed);
        assert_eq!(
            system.to_string(),
            "0 of 2 healthy, 2 unknown (a: 0 of 2 healthy, 1 unknown; b: 0 of 0 healthy, 1 unknown)"
        );
        let of_a = system.each[&Name::literal("a")];
        assert_eq!(
            (of_a.unhealthy, of_a.not_startable),
            (2, 1),
            "only what is missing can be started"
        );
        assert_eq!(System::default().to_string(), "0 of 0 healthy");
    }
}
