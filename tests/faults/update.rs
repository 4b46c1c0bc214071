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
    tracer::Fault,
};

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

#[test]
fn a_program_that_puts_the_one_before_in_its_place() {
    let back = |scene: &Scene, fault| {
        let program = scene.path("bin/redundancy");
        let outcome = scene.run_as(&program, &["self-update", "--rollback", "--yes"], fault);
        if fault == Fault::None {
            assert_eq!(outcome.code, Some(0), "{outcome:?}");
        }
        outcome
    };
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
