//! Whenever one program is killed while it puts another in its place, there is one in its place that works.

use std::{
    fs::{self, Permissions},
    io::ErrorKind,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    kill::at_each,
    scene::{PROGRAM, Scene},
    tracer::{Fault, Outcome},
};

use nix::errno::Errno;

/// A project with a program of its own, and one before it.
fn updated() -> Scene {
    let scene = Scene::new();
    let (program, old) = (scene.path("bin/redundancy"), scene.path("bin/redundancy.old"));
    fs::create_dir(scene.path("bin")).unwrap();
    if fs::hard_link(PROGRAM, &program).is_err() {
        fs::copy(PROGRAM, &program).unwrap();
    }
    fs::write(&old, "#!/bin/sh\necho redundancy 0.0.1\n").unwrap();
    fs::set_permissions(&old, Permissions::from_mode(0o755)).unwrap();
    scene
}

/// What the program at `path` says of its version.
fn version(path: &Path) -> String {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        match Command::new(path).arg("--version").output() {
            // It was just written, and a process that another thread is beginning still has it open.
            Err(error)
                if error.kind() == ErrorKind::ExecutableFileBusy && Instant::now() < deadline =>
            {
                thread::sleep(Duration::from_millis(10));
            }
            said => return String::from_utf8(said.unwrap().stdout).unwrap(),
        }
    }
}

/// The program puts the one before in its place.
fn back(scene: &Scene, fault: Fault) -> Outcome {
    let program = scene.path("bin/redundancy");
    let outcome = scene.run_as(&program, &["self-update", "--rollback", "--yes"], fault);
    if fault == Fault::None {
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }
    outcome
}

#[test]
fn a_program_that_puts_the_one_before_in_its_place_on_a_broken_disk() {
    at_each(
        back,
        updated,
        |at| Fault::Disk { at, errno: Errno::EIO, all: false },
        |scene, outcome| {
            let said = version(&scene.path("bin/redundancy"));
            // Whoever is told that it failed has the program as it was.
            let is_back = said.starts_with("redundancy 0.0.1");
            let is_untold = outcome.stderr.contains("cannot write to standard output");
            assert_eq!(is_back, outcome.code == Some(0) || is_untold, "{said:?}, {outcome:?}");
        },
    );
}

#[test]
fn a_program_that_puts_the_one_before_in_its_place() {
    at_each(
        back,
        updated,
        |at| Fault::Kill { at },
        |scene, _| {
            for name in ["bin/redundancy", "bin/redundancy.old"] {
                let said = version(&scene.path(name));
                assert!(said.starts_with("redundancy 0."), "{name}: {said:?}");
            }
        },
    );
}
