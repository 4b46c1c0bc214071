//! Each call of the disk fails once, or from then on.

use nix::errno::Errno;

use crate::{kill::at_each, scene::Scene, tracer::Fault};

/// Tries an apply that changes everything with each call of the disk failing.
fn each_call_fails(errno: Errno, all: bool) {
    let changed = || {
        let scene = Scene::applied();
        scene.state("two");
        scene
    };
    let apply = |scene: &Scene, fault| scene.run(&["apply", "--yes"], fault);
    let fault = |at| Fault::Disk { at, errno, all };
    at_each(apply, changed, fault, |scene, outcome| {
        assert!(outcome.code.is_some(), "it was broken off");
        assert!(!outcome.stderr.contains("panicked"), "it panicked");
        scene.check_files(&["one", "two"]);
        let (first, second) = scene.on_duty();
        assert!(first <= 1 && second == 0, "{first} and {second} run");
    });
}

#[test]
fn no_room_for_one_call() {
    each_call_fails(Errno::ENOSPC, false);
}

#[test]
fn no_room_from_a_call_on() {
    each_call_fails(Errno::ENOSPC, true);
}

#[test]
fn a_broken_disk() {
    each_call_fails(Errno::EIO, false);
}

#[test]
fn a_disk_that_becomes_read_only() {
    each_call_fails(Errno::EROFS, true);
}
