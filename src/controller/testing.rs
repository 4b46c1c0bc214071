//! Trying out what works only when it is called.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use jiff::Timestamp;

use super::{Controller, make_state_dir, signals::Signals};
use crate::{
    core::{
        id::{Id, Name},
        trial::Trial,
    },
    provider::Error,
};

/// Why nothing is known of a trial.
#[derive(Debug, thiserror::Error)]
pub enum Untried {
    /// Nothing has this id, not even its first half.
    #[error("there is no provider {provider}; the providers are {}", known.join(", "))]
    NoProvider {
        /// What was asked for.
        provider: Name,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A provider can't try anything.
    #[error("{provider} can't be tested: {error}")]
    Provider {
        /// Which one.
        provider: Name,
        /// Why.
        #[source]
        error: Error,
    },
    /// What is found out could not be kept.
    #[error("the folder of what is kept can't be made: {0}")]
    NoStateDir(#[source] io::Error),
    /// A person or a program ended it.
    #[error("it was ended before all was tested")]
    Ended,
    /// Nobody could end it.
    #[error("signals can't be listened to: {0}")]
    NoSignals(#[source] io::Error),
}

impl Controller {
    /// Tries out these resources, or all that can be tried where none are given; see
    /// [`Provider::test`](crate::provider::Provider::test). A signal that ends this program ends also
    /// what it has started.
    ///
    /// # Errors
    /// When nothing can be said of what was asked for.
    pub async fn test(
        &self,
        ids: &[Id],
        anew: bool,
        now: Timestamp,
    ) -> Result<Vec<(Id, Trial)>, Untried> {
        let known: BTreeSet<&Name> = self.providers.iter().map(|it| it.name()).collect();
        if let Some(id) = ids.iter().find(|it| !known.contains(&it.provider)) {
            let known = known.into_iter().map(ToString::to_string).collect();
            return Err(Untried::NoProvider { provider: id.provider.clone(), known });
        }
        make_state_dir(&self.project.state_dir()).map_err(Untried::NoStateDir)?;
        let mut signals = Signals::new().map_err(Untried::NoSignals)?;
        tokio::select! {
            trials = self.test_all(ids, anew, now) => trials,
            () = signals.received() => Err(Untried::Ended),
        }
    }

    async fn test_all(
        &self,
        ids: &[Id],
        anew: bool,
        now: Timestamp,
    ) -> Result<Vec<(Id, Trial)>, Untried> {
        let mut names: BTreeMap<&Name, Vec<Name>> = BTreeMap::new();
        for id in ids {
            names.entry(&id.provider).or_default().push(id.name.clone());
        }
        let mut trials = Vec::new();
        for provider in &self.providers {
            let of = names.remove(provider.name());
            if of.is_none() && !ids.is_empty() {
                continue;
            }
            let tried = provider.test(&of.unwrap_or_default(), anew, now).await;
            let tried = tried
                .map_err(|error| Untried::Provider { provider: provider.name().clone(), error })?;
            let id = |it: &Trial| Id::new(provider.name().clone(), it.name.clone());
            trials.extend(tried.into_iter().map(|it| (id(&it), it)));
        }
        Ok(trials)
    }
}
