//! The program is killed at times that no call names: wherever it is then, also between two instructions, and while some of its
//! threads are in the middle of a call.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use crate::{
    kill::{changed, check_acknowledged},
    scene::Scene,
};

/// How often each story is told: `FAULTS_ROUNDS=334` for a thousand kills.
fn rounds() -> usize {
    std::env::var("FAULTS_ROUNDS").ok().and_then(|it| it.parse().ok()).unwrap_or(10)
}

/// A part of one that is another one for each number, and lies in the widest gap that the numbers before it left: multiples of
/// the golden section.
fn part(number: usize) -> f64 {
    let number = u32::try_from(number).unwrap();
    (f64::from(number) * 0.618_033_988_749_895).fract()
}

/// Kills `arguments` in a new scene, again and again, after times that are spread over somewhat more than an undisturbed
/// `apply` takes there.
fn at_any_time(arguments: &[&str], scene: fn() -> Scene, words: &[&str]) {
    let whole = scene();
    let began = Instant::now();
    whole.check_applies();
    let longest = began.elapsed().mul_f64(1.2);
    let (next, kills) = (AtomicUsize::new(1), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    if round > rounds() {
                        return;
                    }
                    let scene = scene();
                    let after = longest.mul_f64(part(round));
                    let (said, killed) = scene.killed_after(arguments, after);
                    kills.fetch_add(killed.into(), Ordering::Relaxed);
                    check_acknowledged(&scene, &said);
                    scene.check_files(words);
                    let (first, second) = scene.on_duty();
                    assert!(
                        first <= 1 && second == 0,
                        "{first} and {second} run, killed after {after:?}: {said}"
                    );
                    scene.check_closes();
                }
            });
        }
    });
    let kills = kills.into_inner();
    eprintln!("killed {kills} times");
    assert!(kills > rounds() / 2, "it had mostly ended before it was killed");
}

#[test]
fn an_apply_that_makes_everything() {
    at_any_time(&["apply", "--yes"], Scene::new, &["one"]);
}

#[test]
fn an_apply_that_changes_everything() {
    at_any_time(&["apply", "--yes"], changed, &["one", "two"]);
}

#[test]
fn a_watch_that_changes_everything() {
    at_any_time(&["watch"], changed, &["one", "two"]);
}
