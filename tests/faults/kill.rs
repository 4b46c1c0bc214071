//! The program is killed before each call by which it changes anything.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use crate::{
    scene::Scene,
    tracer::{Fault, Outcome},
};

/// How many moments are tried of each story: all, unless `FAULTS_EVERY=3` asks for every third.
fn every() -> usize {
    std::env::var("FAULTS_EVERY").ok().and_then(|it| it.parse().ok()).unwrap_or(1)
}

/// Tries `story` with a kill before each of its calls, as many as there are in one that nothing happens to; `check` is asked
/// after each.
pub(crate) fn at_each(
    story: impl Fn(&Scene, Fault) -> Outcome + Sync,
    scene: impl Fn() -> Scene + Sync,
    fault: impl Fn(usize) -> Fault + Sync,
    check: impl Fn(&Scene, &Outcome) + Sync,
) -> usize {
    let whole = scene();
    let calls = story(&whole, Fault::None).calls;
    whole.check_closes();
    assert!(calls > 10, "there are only {calls} calls");
    let next = AtomicUsize::new(1);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(every(), Ordering::Relaxed);
                    if at > calls {
                        return;
                    }
                    let scene = scene();
                    let outcome = story(&scene, fault(at));
                    let told = Told(at, &outcome);
                    check(&scene, &outcome);
                    scene.check_closes();
                    drop(told);
                }
            });
        }
    });
    eprintln!("{calls} moments");
    calls
}

/// Says at which moment a check failed.
struct Told<'a>(usize, &'a Outcome);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("at call {}: {:?}", self.0, self.1);
        }
    }
}

/// What was said to be done is in the journal.
pub(crate) fn check_acknowledged(scene: &Scene, said: &str) {
    let done = scene.done();
    for line in said.lines().filter_map(|it| it.strip_prefix("done ")) {
        let id = line.split_whitespace().nth(1).unwrap();
        assert!(done.iter().any(|it| it == id), "{id} was said to be done, and there is {done:?}");
    }
}

fn killed(at: usize) -> Fault {
    Fault::Kill { at }
}

#[test]
fn an_apply_that_makes_everything() {
    let apply = |scene: &Scene, fault| scene.run(&["apply", "--yes"], fault);
    at_each(apply, Scene::new, killed, |scene, outcome| {
        check_acknowledged(scene, &outcome.stdout);
        scene.check_files(&["one"]);
        assert!(scene.running("first").len() <= 1 && scene.running("second").is_empty());
    });
}

/// One that was applied, and then changed.
pub(crate) fn changed() -> Scene {
    let scene = Scene::applied();
    scene.state("two");
    scene
}

#[test]
fn an_apply_that_changes_everything() {
    let apply = |scene: &Scene, fault| scene.run(&["apply", "--yes"], fault);
    at_each(apply, changed, killed, |scene, outcome| {
        check_acknowledged(scene, &outcome.stdout);
        scene.check_files(&["one", "two"]);
        assert!(scene.running("first").len() <= 1 && scene.running("second").is_empty());
    });
}

#[test]
fn a_watch_that_changes_everything() {
    let watch = |scene: &Scene, fault| scene.watch(fault, scene.renewed());
    at_each(watch, changed, killed, |scene, _| {
        scene.check_files(&["one", "two"]);
        assert!(scene.running("first").len() <= 1 && scene.running("second").is_empty());
    });
}

#[test]
fn a_failover_by_a_person() {
    let failover = |scene: &Scene, fault| scene.run(&["failover", "embedded/first"], fault);
    at_each(
        |scene, fault| {
            let outcome = failover(scene, fault);
            if fault == Fault::None {
                assert_eq!(scene.on_duty(), (0, 1), "{outcome:?}");
                assert!(scene.run(&["handback", "embedded/first"], Fault::None).code == Some(0));
            }
            outcome
        },
        Scene::applied,
        killed,
        |scene, _| {
            let (first, second) = scene.on_duty();
            assert!(first + second <= 1, "both run");
            // Whoever has duty by now gives it back.
            let back = scene.run(&["handback", "embedded/first"], Fault::None);
            assert_eq!(scene.running("second").len(), 0, "{back:?}");
        },
    );
}
