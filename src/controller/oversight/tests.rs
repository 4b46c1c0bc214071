use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures_util::future::BoxFuture;

use super::*;
use crate::{
    config::Project,
    controller::{Scope, Stop, World},
    core::change::{Reason, Step},
    journal::Journal,
};

/// One that fails in every way there is.
struct Odd {
    name: Name,
    how: How,
    looks: Arc<AtomicUsize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    PanicsAtALook,
    PanicsBeforeIt,
    PanicsAfterIt,
    Hangs,
    Works,
    PanicsWhileItWaits,
    WakesWithoutEnd,
}

impl Provider for Odd {
    fn name(&self) -> &Name {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "thing"
    }

    fn configure(&mut self, _project: &Project) {}

    fn observe(&self, _now: Timestamp) -> BoxFuture<'_, Result<Sightings, Error>> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        assert!(self.how != How::PanicsBeforeIt, "there is no eye");
        Box::pin(async {
            match self.how {
                How::PanicsAtALook => panic!("there was {} eye", "an"),
                How::Hangs => std::future::pending().await,
                _ => Ok(Sightings::new()),
            }
        })
    }

    fn desire(&self, _seen: &Sightings) -> Wishes {
        assert!(self.how != How::PanicsAfterIt, "it wants too much");
        Wishes::default()
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            match self.how {
                How::PanicsWhileItWaits => panic!("it has no patience"),
                How::WakesWithoutEnd => {}
                _ => std::future::pending().await,
            }
        })
    }

    fn apply<'a>(
        &'a self,
        _name: &'a Name,
        _change: &'a Change,
        _now: Timestamp,
    ) -> BoxFuture<'a, Result<(), Error>> {
        assert!(self.how == How::Works, "it has two left hands");
        Box::pin(std::future::ready(Ok(())))
    }

    fn make_ready(&self) -> BoxFuture<'_, Result<(), Error>> {
        assert!(self.how == How::Works, "it is never ready");
        Box::pin(std::future::ready(Ok(())))
    }
}

const ALL: [(&str, How); 5] = [
    ("a", How::PanicsAtALook),
    ("b", How::PanicsBeforeIt),
    ("c", How::PanicsAfterIt),
    ("d", How::Hangs),
    ("e", How::Works),
];

/// A provider that fails like this, and how often it has been asked to look.
fn odd(name: &'static str, how: How) -> (Box<dyn Provider>, Arc<AtomicUsize>) {
    let looks = Arc::default();
    (Box::new(Odd { name: Name::literal(name), how, looks: Arc::clone(&looks) }), looks)
}

/// A controller of all of them, and how often each has been asked to look.
fn controller() -> (tempfile::TempDir, Controller, Vec<Arc<AtomicUsize>>) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("redundancy.toml");
    std::fs::write(&file, "[controller]\n").unwrap();
    let mut controller = Controller::new(crate::config::load(&file).unwrap().project);
    controller.oversight.longest = Duration::ZERO;
    let looks;
    (controller.providers, looks) = ALL.into_iter().map(|(name, how)| odd(name, how)).unzip();
    (dir, controller, looks)
}

#[tokio::test]
async fn what_breaks_down_is_blind_and_hides_nothing_of_the_others() {
    let (_dir, controller, _) = controller();
    let mut world = World::default();
    let now = Timestamp::UNIX_EPOCH;
    controller.look(&mut world, Scope::All, now).await;
    let blind: Vec<String> =
        world.observed.blind.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    let mistake = "a mistake of this program broke";
    assert_eq!(
        blind,
        [
            format!("a: {mistake} its look off, please report it: there was an eye"),
            format!("b: {mistake} its look off, please report it: there is no eye"),
            format!("c: {mistake} what it wants off, please report it: it wants too much"),
            "d: no answer within 0 s".to_owned(),
        ]
    );
}

#[tokio::test]
async fn what_breaks_down_again_and_again_is_not_waited_for_each_time() {
    let (_dir, controller, looks) = controller();
    let mut world = World::default();
    for second in 0..30 {
        let now = Timestamp::from_second(second).unwrap();
        controller.look(&mut world, Scope::All, now).await;
    }
    // At 0 s, 1 s, and 11 s; and the one that works each time.
    let looks: Vec<usize> = looks.iter().map(|it| it.load(Ordering::Relaxed)).collect();
    assert_eq!(looks, [3, 3, 3, 3, 30]);
    let why = &world.observed.blind[&Name::literal("d")];
    assert_eq!(why, "no answer within 0 s; it is asked again at 1970-01-01T00:00:31Z");
}

#[tokio::test]
async fn a_change_that_breaks_off_has_failed() {
    let (_dir, controller, _) = controller();
    for (provider, (_, how)) in controller.providers.iter().zip(ALL) {
        let name = Name::literal("x");
        let done = controller.oversight.apply(provider.as_ref(), &name, &Change::Start).await;
        match done {
            Ok(()) => assert_eq!(how, How::Works),
            Err(Error::Passing(why)) => assert!(why.ends_with("two left hands"), "{why}"),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn where_one_breaks_off_that_gets_something_nothing_is_taken_from_where_it_is() {
    let (dir, controller, _) = controller();
    let (journal, _) = Journal::open(&Journal::file(dir.path())).unwrap();
    let step = |id: &str, change| Step { id: id.parse().unwrap(), change, reason: Reason::Asked };
    let lane = [step("e/x", Change::Stop), step("a/x", Change::Start)];
    let journal = RefCell::new(journal);
    let outcome = controller.carry_out_lane(&lane, &journal, &Stop::default(), &|_| {}).await;
    assert_eq!(outcome.done, 0);
    let why = outcome.error.unwrap().to_string();
    assert!(
        why.ends_with("broke what a change needs off, please report it: it is never ready"),
        "{why}"
    );
}

#[tokio::test]
async fn one_that_panicked_is_begun_anew() {
    let (_dir, mut controller, _) = controller();
    controller.providers[0] = odd("pm2", How::PanicsAtALook).0;
    let broken = controller.providers[0].as_ref();
    let look = controller.oversight.observe(broken, Timestamp::UNIX_EPOCH);
    assert!(look.await.is_err());
    assert_eq!(controller.renew_broken(), BTreeSet::from([Name::literal("pm2")]));
    assert_eq!(controller.providers[0].kind(), "process");
    assert!(controller.renew_broken().is_empty());
}

/// How often one that does so wakes somebody within a few seconds.
async fn wakes(how: How) -> (usize, Watched) {
    let (_dir, controller, _) = controller();
    let odd = odd("odd", how).0;
    let mut wakes = 0;
    let all = async {
        loop {
            controller.oversight.woken(odd.as_ref()).await;
            wakes += 1;
            // Its looks work, and say nothing against it.
            let (_, seen) = controller.oversight.ask(odd.as_ref(), Timestamp::now()).await;
            assert_eq!(seen, Ok(Sightings::new()));
        }
    };
    tokio::time::timeout(Duration::from_secs(4), all).await.unwrap_err();
    (wakes, controller.oversight.watched(Timestamp::now())[odd.name()])
}

#[tokio::test]
async fn one_that_wakes_the_watch_without_end_costs_a_bounded_number_of_looks() {
    let (wakes, watched) = wakes(How::WakesWithoutEnd).await;
    // 601 until it is noticed, and eleven after a rest of 1 s, one of 2 s, and so on.
    assert!(wakes <= 640, "{wakes}");
    assert_eq!(watched.not_asked_since, None);
}

#[tokio::test]
async fn one_that_panics_while_it_waits_is_waited_for_ever_less_often() {
    let (wakes, watched) = wakes(How::PanicsWhileItWaits).await;
    // At once, once more, and then after 10 s.
    assert_eq!(wakes, 2);
    assert_eq!((watched.rests_until, watched.deaf_until), (None, None));
}

#[tokio::test]
async fn it_is_known_since_when_one_could_not_be_asked() {
    let (_dir, mut controller, _) = controller();
    let mut world = World::default();
    for second in [5, 6] {
        let now = Timestamp::from_second(second).unwrap();
        controller.look(&mut world, Scope::All, now).await;
    }
    let watched = controller.oversight.watched(Timestamp::from_second(7).unwrap());
    let of = |name| watched[&Name::literal(name)];
    assert_eq!(of("e"), Watched::default());
    let second = |it| Some(Timestamp::from_second(it).unwrap());
    assert_eq!((of("d").not_asked_since, of("d").rests_until), (second(5), second(16)));
    controller.providers[0] = odd("pm2", How::PanicsAtALook).0;
    let now = Timestamp::from_second(8).unwrap();
    controller.look(&mut world, Scope::One(0), now).await;
    controller.renew_broken();
    assert_eq!(controller.oversight.watched(now)[&Name::literal("pm2")].begun_anew, 1);
}
