//! What is configured: the pairs and the single processes of every simulation.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use redundancy::core::{
    backoff::Backoff,
    duty::{self, HandBack},
    evidence::Patience,
    failover::Pair,
    id::Id,
    incident,
    reconciler::Rules,
    resource::{Body, Run, Wanted, Wishes},
};

use crate::{
    process::Process,
    rng::Rng,
    world::{MINUTE, provider},
};

/// One that the config asks for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) id: Id,
    pub(crate) version: u32,
    pub(crate) insist: bool,
    /// Whether the config asks for it just now.
    pub(crate) there: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) asked: Vec<Asked>,
    /// The pairs, also those whose backup the config does not ask for just now.
    pub(crate) all_pairs: Vec<Pair>,
    backoff: Backoff,
    rules: RefCell<Option<Rc<Rules>>>,
}

/// Primary, backup, exclusive, whether the primary is controlled.
const PAIRS: [(&str, &str, bool, bool); 5] = [
    ("embedded/web", "embedded/web-backup", true, true),
    ("pm2/api", "embedded/api-backup", true, true),
    ("embedded/feed", "pm2/feed-backup", false, true),
    ("pm2/shop", "pm2/shop-backup", true, true),
    ("pm2/blog", "embedded/blog-backup", true, false),
];

/// Primaries that are not of the config.
const FOREIGN: [&str; 2] = ["pm2/shop", "pm2/blog"];

const SINGLES: [&str; 2] = ["embedded/single", "pm2/lone"];

/// One that runs by the clock, and how often.
const SCHEDULED: (&str, i64) = ("embedded/tick", 10 * MINUTE);

pub(crate) fn processes() -> Vec<Process> {
    let ids = PAIRS.iter().flat_map(|it| [it.0, it.1]).chain(SINGLES);
    let (tick, every) = SCHEDULED;
    let scheduled = Process::new(tick, true).by_schedule(every);
    ids.map(|id| Process::new(id, !FOREIGN.contains(&id))).chain([scheduled]).collect()
}

impl Config {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let pair = |(primary, backup, exclusive, controls_primary): (&str, &str, bool, bool)| {
            let hand_back = match rng.below(8) {
                0 => HandBack::Manual,
                1 => HandBack::Never,
                _ => HandBack::Auto,
            };
            let hold = Duration::from_secs([10, 120, 120, 600][rng.below(4)]);
            let fall = [1, 3, 3, 3, 5][rng.below(5)];
            let rules = duty::Rules {
                exclusive,
                controls_primary,
                patience: Patience { fall, calm: hold },
                settle: Duration::from_secs([1, 5, 30][rng.below(3)]),
                hold,
                hand_back,
                budget: [1, 3, 3][rng.below(3)],
                window: Duration::from_hours(1),
                fence: Duration::from_secs(25),
            };
            Pair { primary: primary.parse().unwrap(), backup: backup.parse().unwrap(), rules }
        };
        let all_pairs = PAIRS.into_iter().map(pair).collect();
        let ids = processes().into_iter().filter(|it| it.ours).map(|it| it.id);
        let asked =
            ids.map(|id| Asked { id, version: 1, insist: rng.percent(30), there: true }).collect();
        let backoff =
            Backoff { initial: Duration::from_secs(1), factor: 2.0, max: Duration::from_mins(5) };
        Self { asked, all_pairs, backoff, rules: RefCell::default() }
    }

    pub(crate) fn asks_for(&self, id: &Id) -> bool {
        self.asked.iter().any(|it| it.id == *id && it.there)
    }

    /// What the config says about decisions. Made anew only after an edit.
    pub(crate) fn rules(&self) -> Rc<Rules> {
        Rc::clone(self.rules.borrow_mut().get_or_insert_with(|| Rc::new(self.make_rules())))
    }

    /// It was edited.
    pub(crate) fn touch(&mut self) {
        *self.rules.get_mut() = None;
    }

    fn make_rules(&self) -> Rules {
        let pairs = self.all_pairs.iter().filter(|it| self.asks_for(&it.backup));
        let backoff = self.backoff;
        let calm = Duration::from_mins(2);
        Rules {
            pairs: pairs.cloned().collect(),
            recovery: incident::Policy { attempts: 3, backoff, calm },
            backoff,
            emergency_below: 0.5,
        }
    }

    /// What the provider of that number wants.
    pub(crate) fn wishes(&self, of: usize) -> Wishes {
        let here = self.asked.iter().filter(|it| it.there && provider(&it.id) == of);
        let wanted = here.map(|it| {
            let fields = BTreeMap::from([("version".to_owned(), it.version.into())]);
            let wanted = Wanted {
                insist: it.insist,
                ..Wanted::ours(Body { fields, ..Body::default() }, Run::On)
            };
            (it.id.name.clone(), wanted)
        });
        Wishes { wanted: wanted.collect(), ..Wishes::default() }
    }
}
