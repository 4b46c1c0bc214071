//! A newer version of this program, where the config has a watch become it by itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use semver::Version;
use tokio::{task::JoinHandle, time::Instant};

use super::Watch;
use crate::{
    config::model::Update,
    controller::{
        World,
        self_update::{Begun, Candidate, Ledger, Next, Record, updated},
    },
    core::{
        alert,
        duty::Phase,
        failover::Pair,
        system::System,
        update::{Step, Verdict, has_done_well, step, verdict},
    },
    journal::Kind,
    update::{self, Error, Fetched, Place, Releases, VERSION},
};

/// What a watch knows of newer versions.
pub(super) struct Updates {
    ledger: Ledger,
    /// The version on trial, which this program is, and since when it is on trial.
    trial: Option<(Candidate, Instant)>,
    /// Since when all is well, look by look.
    well_since: Option<Instant>,
    looking: Option<JoinHandle<Result<Option<Fetched>, Error>>>,
    /// One to be tried as soon as all is well.
    found: Option<Fetched>,
    looked: Option<Timestamp>,
    /// Why there was none, so that it is told once.
    said: Option<String>,
    to_tell: Vec<String>,
}

impl Updates {
    pub(super) fn new(ledger: Ledger, begun: Begun) -> Self {
        let trial = begun.trial.map(|(_, trial)| (trial, Instant::now()));
        let looked = ledger.read().looked;
        Self {
            ledger,
            trial,
            well_since: None,
            looking: None,
            found: None,
            looked,
            said: None,
            to_tell: Vec::new(),
        }
    }

    /// Waits until it is known whether there is a newer one; never where nobody looks.
    pub(super) async fn looked(&mut self) {
        let Some(looking) = &mut self.looking else { return std::future::pending().await };
        let found = looking.await;
        self.looking = None;
        let found = match found {
            Ok(found) => found.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match found {
            Ok(found) => (self.found, self.said) = (found, None),
            Err(why) => self.say(why),
        }
    }

    fn say(&mut self, why: String) {
        if self.said.as_ref() != Some(&why) {
            self.to_tell.push(format!("no newer version was taken: {why}"));
            self.said = Some(why);
        }
    }

    fn is_due(&self, every: Duration, now: Timestamp) -> bool {
        let every = SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX);
        // A clock that was set back does not put it off.
        self.looked.is_none_or(|it| it > now || now.duration_since(it) >= every)
    }

    fn look(&mut self, config: Update, now: Timestamp) {
        self.looked = Some(now);
        self.ledger.try_to_change(|it| it.looked = Some(now));
        let refused = self.ledger.read().refused;
        self.looking = Some(tokio::spawn(async move {
            let releases = Releases::of(&config)?;
            let release = releases.newest().await?;
            let running =
                VERSION.parse().map_err(|it: semver::Error| Error::Config(it.to_string()))?;
            let is_new = |it: &Version| !refused.contains(&it.to_string());
            match step(&running, &release.tag) {
                Step::Forward(version) if is_new(&version) => {
                    let place = Place::of_this()?.keep()?;
                    update::fetch(&releases, &release, &place).await.map(Some)
                }
                _ => Ok(None),
            }
        }));
    }
}

impl Drop for Updates {
    fn drop(&mut self) {
        if let Some(looking) = &self.looking {
            looking.abort();
        }
    }
}

impl Watch {
    /// Tells what the version before, or after, could not.
    pub(super) fn tell_of_trial(&mut self) {
        let Record { to_tell, undone, .. } = self.updates.ledger.read();
        if to_tell.is_empty() && undone.is_empty() {
            return;
        }
        for text in to_tell {
            self.note(None, Kind::Controller, text);
        }
        let now = Timestamp::now();
        self.happened.extend(undone.into_iter().map(|text| alert::undone(text, now)));
        self.updates.ledger.try_to_change(|it| (it.to_tell, it.undone) = Default::default());
    }

    /// Tells why there is no newer version, where that is news.
    pub(super) fn tell_updates(&mut self) {
        for text in std::mem::take(&mut self.updates.to_tell) {
            self.note(None, Kind::Controller, text);
        }
    }

    /// Looks for a newer version, or judges the one on trial, in view of what was seen last; what to become, if
    /// anything.
    pub(super) fn mind_updates(&mut self) -> Option<Next> {
        let config = self.controller.project().config.update.clone();
        let since = self.is_well().then(|| self.updates.well_since.unwrap_or_else(Instant::now));
        self.updates.well_since = since;
        let well_for = since.map(|it| it.elapsed());
        if let Some((candidate, since)) = &self.updates.trial {
            let ledger = self.updates.ledger.clone();
            let undone = match verdict(well_for, since.elapsed(), config.trial.0) {
                Verdict::Wait => return None,
                Verdict::Undo => {
                    let system = System::of(&self.world.desired, &self.world.observed);
                    Some(format!("not all was healthy within {}: {system}", config.trial))
                }
                Verdict::Pass => {
                    let passed = ledger.pass(candidate);
                    passed.err().map(|why| format!("it could not take its place: {why}"))
                }
            };
            if let Some(why) = undone {
                return Some(Next::Undo(ledger, candidate.clone(), why));
            }
            let text = updated(candidate);
            self.updates.trial = None;
            self.note(None, Kind::Controller, text);
            return None;
        }
        if !config.automatic {
            (self.updates.found, self.updates.said) = (None, None);
            if let Some(looking) = self.updates.looking.take() {
                looking.abort();
            }
            return None;
        }
        if !has_done_well(well_for, config.trial.0) {
            return None;
        }
        if let Some(fetched) = self.updates.found.take() {
            let place = Place::of_this().map_err(|error| error.to_string());
            let prepared = place.and_then(|it| self.updates.ledger.prepare(fetched, &it));
            match prepared {
                Ok(it) => return Some(Next::Try(self.updates.ledger.clone(), it)),
                Err(why) => {
                    self.updates.say(why);
                    self.tell_updates();
                }
            }
        } else if self.updates.looking.is_none()
            && self.updates.is_due(config.check_every.0, Timestamp::now())
        {
            self.updates.look(config, Timestamp::now());
        }
        None
    }

    /// Leaves a trial that is not over for another time.
    pub(super) fn put_off_trial(&self) {
        if self.updates.trial.is_some() {
            self.updates.ledger.put_off();
        }
    }

    /// Whether all is healthy and known, nothing is being changed and no duty moves.
    fn is_well(&self) -> bool {
        let World { desired, observed, .. } = &self.world;
        let all = System::of(desired, observed).all;
        let duties = self.reconciler.duties();
        let rests = |pair: &Pair| {
            let phase = duties.of(&pair.backup).map(|it| it.phase);
            phase.is_none_or(|it| matches!(it, Phase::On(_) | Phase::Paused))
        };
        self.in_hand.is_empty()
            && observed.blind.is_empty()
            && (all.unhealthy, all.unknown) == (0, 0)
            && self.controller.pairs().iter().all(rests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updates(dir: &std::path::Path) -> Updates {
        Updates::new(Ledger::of(dir), Begun::default())
    }

    #[test]
    fn why_there_is_none_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut updates = updates(dir.path());
        updates.say("one".into());
        updates.say("one".into());
        assert_eq!(updates.to_tell.len(), 1);
        updates.say("two".into());
        assert_eq!(updates.to_tell.len(), 2);
    }

    #[test]
    fn a_look_is_due_by_the_clock_also_for_the_next_watch() {
        let dir = tempfile::tempdir().unwrap();
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let hour = Duration::from_hours(1);
        let later = |by: u64| now + Duration::from_secs(by);
        assert!(updates(dir.path()).is_due(hour, now));
        Ledger::of(dir.path()).change(|it| it.looked = Some(now)).unwrap();
        let updates = updates(dir.path());
        assert!(!updates.is_due(hour, now) && !updates.is_due(hour, later(3599)));
        assert!(updates.is_due(hour, later(3600)));
        // The clock was set back.
        assert!(updates.is_due(hour, now - Duration::from_secs(1)));
    }
}
