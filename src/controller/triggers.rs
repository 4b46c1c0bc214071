//! What wakes the watch from outside: changes of files, told by the operating system.
//!
//! Folders are watched, not files, because editors save by putting a new file in the place of the
//! old one. An event only says that it is time to look; what it is about decides no more than
//! where.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};

/// A file has settled when nothing happened to it for this long.
const SETTLED: Duration = Duration::from_millis(150);

/// How long to wait for a file that never settles.
const LONGEST_WAIT: Duration = Duration::from_millis(1500);

/// Where something changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// The config, perhaps.
    pub(super) config: bool,
    /// Somebody asked for something.
    pub(super) asked: bool,
    /// The places of these providers, by their number in the list.
    pub(super) providers: BTreeSet<usize>,
    /// Some events were lost: anywhere.
    pub(super) anywhere: bool,
}

/// The watched folders and what happened in them since it was last asked.
#[derive(Debug)]
pub(super) struct Triggers {
    watcher: RecommendedWatcher,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    woken: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct State {
    config: PathBuf,
    /// Where the config really is, when it is a link.
    target: Option<PathBuf>,
    /// The file by which people wake the watch.
    requests: PathBuf,
    /// Files and folders, and whose they are.
    places: Vec<(PathBuf, usize)>,
    changed: Changed,
    /// The first and the last event since it was last asked.
    events: Option<(Instant, Instant)>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can be left half-done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, event: notify::Result<Event>) {
        let mut state = self.state();
        match event {
            Ok(event) if event.need_rescan() => state.changed.anywhere = true,
            Ok(event) if !is_change(event.kind) => return,
            Ok(event) => {
                let mut ours = false;
                for path in &event.paths {
                    ours |= state.hear_path(path);
                }
                if !ours {
                    return;
                }
            }
            Err(_) => state.changed.anywhere = true,
        }
        let now = Instant::now();
        state.events = Some((state.events.map_or(now, |(first, _)| first), now));
        drop(state);
        self.woken.notify_one();
    }
}

impl State {
    /// Notes where `path` belongs; false when nowhere.
    fn hear_path(&mut self, path: &Path) -> bool {
        let mut ours = *path == self.config || self.target.as_deref() == Some(path);
        self.changed.config |= ours;
        if *path == self.requests {
            self.changed.asked = true;
            ours = true;
        }
        // A folder that appears above a watched one is as good as a change in it.
        let related = |it: &Path| path.parent() == Some(it) || it.starts_with(path);
        for (_, provider) in self.places.iter().filter(|(place, _)| related(place)) {
            self.changed.providers.insert(*provider);
            ours = true;
        }
        ours
    }
}

/// Whether it may have changed something: reading does not.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

impl Triggers {
    /// Triggers for the config at `config`. No folder is watched before [`Triggers::watch`].
    pub(super) fn new(config: PathBuf) -> notify::Result<Self> {
        let shared = Arc::new(Shared::default());
        shared.state().config = config;
        let hearer = Arc::clone(&shared);
        let watcher = notify::recommended_watcher(move |event| hearer.hear(event))?;
        Ok(Self { watcher, shared })
    }

    /// Watches the folder of the config, that of the file `requests` by which people wake the watch,
    /// and the folders of `places`, each with whose it is. For a
    /// place that is not there, the nearest folder above it. Says what can't be watched: a change
    /// there is seen by the next look at everything only.
    pub(super) fn watch(
        &mut self,
        places: Vec<(PathBuf, usize)>,
        requests: PathBuf,
    ) -> Vec<String> {
        let config = self.shared.state().config.clone();
        let target = config.canonicalize().ok().filter(|it| *it != config);
        let configs = [Some(&config), target.as_ref()].into_iter().flatten();
        let mut folders: BTreeSet<&Path> = configs.filter_map(|it| it.parent()).collect();
        let places_and_requests = places.iter().map(|(it, _)| it).chain([&requests]);
        folders.extend(places_and_requests.filter_map(|it| it.ancestors().find(|it| it.is_dir())));
        let mut failures = Vec::new();
        for folder in folders {
            if let Err(error) = self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                failures.push(format!("cannot watch {}: {error}", folder.display()));
            }
        }
        let mut state = self.shared.state();
        (state.places, state.target, state.requests) = (places, target, requests);
        failures
    }

    /// Waits for a change, until it has settled.
    pub(super) async fn changed(&self) -> Changed {
        loop {
            // By the events' own times: whoever asks is interrupted as often as anything else wakes
            // it, and then begins anew.
            let Some((first, last)) = self.shared.state().events else {
                self.shared.woken.notified().await;
                continue;
            };
            let until = (last + SETTLED).min(first + LONGEST_WAIT);
            if until <= Instant::now() {
                let mut state = self.shared.state();
                state.events = None;
                return std::mem::take(&mut state.changed);
            }
            tokio::time::sleep_until(until.into()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_put_where_it_belongs() {
        let mut state = State {
            config: "/p/redundancy.toml".into(),
            places: vec![
                ("/p/.github/workflows".into(), 1),
                ("/p/f".into(), 2),
                ("/p/netlify.toml".into(), 2),
            ],
            ..State::default()
        };
        assert!(!state.hear_path(Path::new("/p/README.md")));
        assert!(!state.hear_path(Path::new("/p/app.log")));
        assert_eq!(state.changed, Changed::default());
        assert!(state.hear_path(Path::new("/p/redundancy.toml")));
        assert!(state.changed.config && state.changed.providers.is_empty());
        assert!(state.hear_path(Path::new("/p/.github/workflows/ci.yml")));
        assert!(!state.hear_path(Path::new("/p/f/deep/x")), "it has a watch of its own or none");
        assert!(state.hear_path(Path::new("/p/netlify.toml")));
        assert_eq!(state.changed.providers, BTreeSet::from([1, 2]));
    }

    #[tokio::test]
    async fn a_change_is_told_to_one_who_is_interrupted_all_the_time() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("redundancy.toml");
        let mut triggers = Triggers::new(config.clone()).unwrap();
        let requests = folder.path().join("asked");
        assert_eq!(triggers.watch(Vec::new(), requests), Vec::<String>::new());
        std::fs::write(&config, "").unwrap();
        for _ in 0..100 {
            let told = tokio::time::timeout(SETTLED / 3, triggers.changed()).await;
            if let Ok(changed) = told {
                assert!(changed.config);
                return;
            }
        }
        panic!("never told");
    }
}
