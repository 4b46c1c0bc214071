//! A newer version of the program from a server in GitHub's place, and the one before put back.

use std::{
    fs::{self, File},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, symlink},
        process::CommandExt as _,
    },
    path::Path,
};

use crate::{
    project::{Run, is_alive},
    release::{GitHub, Scene, asset, bytes, program, sum},
    server::{Fault, Seen, Server},
};

#[test]
fn a_newer_release_takes_the_place_of_the_program_and_goes_again() {
    let github = Server::serve(|_| GitHub::of("v99.1.0", &program("99.1.0")));
    let scene = Scene::with(&github);
    let before = scene.inode();
    let check = scene.update(&["--check"]).ok();
    assert!(check.stdout.starts_with("release v99.1.0 of o/n is newer than this program: 99.1.0,"));
    assert_eq!((scene.inode(), scene.old().exists()), (before, false));
    // Nobody is there who could be asked.
    let unasked = scene.update(&[]);
    assert_eq!(unasked.code, 1);
    assert!(unasked.stderr.contains("`--yes`"), "{unasked:?}");
    assert_eq!(github.world().count("GET", "/assets/0"), 0);

    let run = scene.update(&["--yes"]).ok();
    assert!(run.stdout.contains("this program is 99.1.0 now"), "{run:?}");
    assert_eq!(fs::read_to_string(&scene.program).unwrap(), program("99.1.0"));
    assert_eq!(fs::metadata(scene.old()).unwrap().ino(), before);
    assert_eq!(fs::metadata(&scene.program).unwrap().permissions().mode() & 0o777, 0o755);
    let requests = github.world().requests.clone();
    assert!(requests.iter().all(|it| !it.headers.contains_key("authorization")));

    // The one before is the program that knows how.
    let run = Run::of(scene.command(&scene.old(), &["--rollback", "--yes"]).output().unwrap());
    assert_eq!(run.code, 1, "it is not at its own place: {run:?}");
    assert!(run.stderr.contains("redundancy.old.old"), "{run:?}");
}

#[test]
fn rollback_puts_the_program_before_back_and_can_be_undone() {
    let scene = Scene::new("[controller]\n");
    let none = scene.update(&["--rollback", "--yes"]);
    assert_eq!(none.code, 1);
    assert!(none.stderr.contains("nothing to go back to"), "{none:?}");
    let newer = scene.inode();
    for broken in ["", "#!/bin/sh\nexit 3\n", "#!/bin/sh\necho bash 5.2\n"] {
        fs::write(scene.old(), broken).unwrap();
        fs::set_permissions(scene.old(), fs::Permissions::from_mode(0o755)).unwrap();
        let run = scene.update(&["--rollback", "--yes"]);
        assert_eq!((run.code, scene.inode()), (1, newer), "{run:?}");
        assert!(run.stderr.contains("is not put back"), "{run:?}");
    }
    fs::write(scene.old(), program("0.0.9")).unwrap();
    let run = scene.update(&["--rollback", "--yes"]).ok();
    assert!(run.stdout.contains("this program is 0.0.9 now"), "{run:?}");
    assert_eq!(fs::read_to_string(&scene.program).unwrap(), program("0.0.9"));
    assert_eq!(fs::metadata(scene.old()).unwrap().ino(), newer);
    // It needs no project, in trouble least of all.
    fs::remove_file(scene.project.path("redundancy.toml")).unwrap();
    fs::rename(scene.old(), scene.project.path("bin/spare")).unwrap();
    fs::rename(&scene.program, scene.old()).unwrap();
    fs::rename(scene.project.path("bin/spare"), &scene.program).unwrap();
    scene.update(&["--rollback", "--yes"]).ok();
    assert_eq!(fs::read_to_string(&scene.program).unwrap(), program("0.0.9"));
}

#[test]
fn only_a_later_version_is_taken_unless_another_is_named() {
    let this = concat!("v", env!("CARGO_PKG_VERSION"));
    let github = Server::serve(|_| GitHub::of(this, &program(env!("CARGO_PKG_VERSION"))));
    let scene = Scene::with(&github);
    let before = scene.inode();
    let same = scene.update(&["--yes"]).ok();
    assert!(same.stdout.contains("of o/n already"), "{same:?}");
    for (tag, version, said) in
        [("v0.0.1", "0.0.1", "is older than"), ("nightly", "7.0.0", "is not named by a version")]
    {
        {
            let mut world = github.world();
            (world.tag, world.files) = (tag, GitHub::of(tag, &program(version)).files);
        }
        let run = scene.update(&["--yes"]).ok();
        assert!(run.stdout.contains(said) && scene.inode() == before, "{run:?}");
    }
    let run = scene.update(&["--yes", "--to", "nightly"]).ok();
    assert!(run.stdout.contains("this program is 7.0.0 now"), "{run:?}");
}

#[test]
fn the_token_goes_to_github_and_not_to_where_the_files_are() {
    let files = Server::serve(|_| GitHub::of("v99.0.0", &program("99.0.0")));
    let elsewhere = files.url();
    let github = Server::serve(|_| GitHub {
        elsewhere: Some(elsewhere),
        ..GitHub::of("v99.0.0", &program("99.0.0"))
    });
    let scene = Scene::with(&github);
    let config = scene.project.read("redundancy.toml");
    scene.project.write("redundancy.toml", &format!("{config}token_env = \"SECRET\"\n"));
    scene.refuses(&["--yes"], "no token in the environment variable SECRET");
    assert!(github.world().requests.is_empty());
    fs::remove_file(scene.old()).unwrap();
    let mut command = scene.command(&scene.program, &["--yes"]);
    Run::of(command.env("SECRET", "hush-hush").output().unwrap()).ok();
    let at_home = github.world().requests.clone();
    let bearer = |it: &Seen| it.headers.get("authorization").cloned();
    assert!(at_home.iter().all(|it| bearer(it).as_deref() == Some("Bearer hush-hush")));
    let there = files.world().requests.clone();
    assert_eq!(there.len(), 2);
    assert!(there.iter().all(|it| bearer(it).is_none()), "{there:?}");
}

#[test]
fn what_is_not_what_it_should_be_replaces_nothing() {
    let github = Server::serve(|_| GitHub::of("v99.0.0", &program("99.0.0")));
    let scene = Scene::with(&github);
    let good = || GitHub::of("v99.0.0", &program("99.0.0"));
    let of = |program: &str| GitHub::of("v99.0.0", program);
    let broken = |change: fn(&mut GitHub)| {
        let mut github = good();
        change(&mut github);
        github
    };
    let Fault::Status(_, _, page) = Fault::html() else { unreachable!() };
    let cases = [
        (broken(|it| it.files[0].comes = Fault::html()), "where GitHub says"),
        (of(&page), "it can't be run"),
        (broken(|it| it.files[0].comes = Fault::Half), "bytes"),
        (broken(|it| it.files[0].comes = Fault::Endless), "more than the"),
        (broken(|it| it.files[0].comes = Fault::Bomb), "packed body"),
        (broken(|it| it.files[0].comes = Fault::said(500, "oh")), "it answers 500"),
        (broken(|it| it.files[0].size = 1 << 40), "at most 268435456 are read"),
        (broken(|it| it.files[0].digest = Some("sha256:x".into())), "is no SHA-256"),
        (
            broken(|it| it.files[0].digest = Some(format!("sha256:{}", sum("other")))),
            "where GitHub says",
        ),
        (
            broken(|it| {
                let other = program("99.0.1");
                it.files[0].comes = bytes(&other);
                it.files[0].digest = Some(format!("sha256:{}", sum(&other)));
            }),
            "where SHA256SUMS says",
        ),
        (broken(|it| drop(it.files.remove(0))), "it has SHA256SUMS"),
        (broken(|it| drop(it.files.pop())), "has no file SHA256SUMS"),
        (broken(|it| it.files.clear()), "it has none at all"),
        (broken(|it| it.files[1] = asset("SHA256SUMS", "")), "SHA256SUMS does not name it"),
        (broken(|it| it.files[1].size = 1 << 30), "at most 1048576 are read"),
        (broken(|it| it.files[1].comes = Fault::Half), "bytes"),
        (of("\u{7f}ELF, and no more"), "it can't be run"),
        (of(""), "it can't be run"),
        (of("#!/bin/sh\nexit 3\n"), "exit status: 3"),
        (of("#!/bin/sh\nkill -9 $$\n"), "signal: 9"),
        (of("#!/bin/sh\necho bash 5.2\n"), "it says \"bash 5.2\""),
        (of("#!/bin/sh\nexec yes redundancy\n"), "asked for its version"),
        (of("#!/bin/sh\nsleep 1000 & exec sleep 1000\n"), "within 10 s"),
        (of(&program("98.0.0")), "it says that it is 98.0.0"),
    ];
    for (case, why) in cases {
        {
            let mut world = github.world();
            (world.tag, world.files) = (case.tag, case.files);
        }
        scene.refuses(&["--yes"], why);
    }
    for (fault, why) in [
        (Fault::html(), "is not what GitHub answers"),
        (Fault::said(404, "Not Found"), "GitHub finds no such thing"),
        (Fault::said(503, "oh"), "it answers 503"),
        (Fault::secondary_limit(), "cannot find the newest release of o/n"),
        (Fault::Reset, "no answer from 127.0.0.1"),
    ] {
        github.world().fail(1, &fault);
        scene.refuses(&["--yes"], why);
    }
    scene.refuses(&["--yes", "--to", "v98.0.0"], "cannot find the release v98.0.0 of o/n");
}

#[test]
fn a_limit_and_a_refusal_of_another_host_say_nothing_of_the_token() {
    let limited = Fault::said(403, "API rate limit exceeded for 192.0.2.1.");
    let github = Server::serve(|_| GitHub::of("v99.0.0", &program("99.0.0")));
    github.world().files[0].comes = limited;
    let scene = Scene::with(&github);
    scene.refuses(&["--yes"], "before 20");

    let files = Server::serve(|_| GitHub::of("v99.0.0", &program("99.0.0")));
    files.world().files[0].comes = Fault::Status(403, "", "<Error>Expired</Error>".to_owned());
    let elsewhere = files.url();
    let github = Server::serve(|_| GitHub {
        elsewhere: Some(elsewhere),
        ..GitHub::of("v99.0.0", &program("99.0.0"))
    });
    let scene = Scene::with(&github);
    scene.refuses(&["--yes"], "127.0.0.1, where the file is, answers 403");
}

#[test]
fn nobody_is_asked_where_the_config_names_no_repository() {
    let github = Server::serve(|_| GitHub::of("v99.0.0", &program("99.0.0")));
    let scene = Scene::new(&format!("[update]\napi_url = \"{}\"\n", github.url()));
    for arguments in [&["--yes"][..], &["--check"]] {
        scene.refuses(arguments, "give `repository = \"owner/name\"` in `[update]`");
    }
    scene.project.run(&["plan"]).ok();
    assert!(github.world().requests.is_empty());
}

#[test]
fn a_place_that_is_not_free_is_left_as_it_is() {
    let github = Server::serve(|_| GitHub::of("v99.0.0", &program("99.0.0")));
    let scene = Scene::with(&github);
    let folder = File::open(scene.project.path("bin")).unwrap();
    folder.lock().unwrap();
    scene.refuses(&["--yes"], "another self-update of");
    folder.unlock().unwrap();
    fs::remove_file(scene.old()).unwrap();
    fs::create_dir(scene.old()).unwrap();
    let before = scene.inode();
    let run = scene.update(&["--yes"]);
    assert_eq!((run.code, scene.inode()), (1, before), "{run:?}");
    assert!(run.stderr.contains("it is no file"), "{run:?}");
    assert_eq!(github.world().count("GET", "/assets/0"), 0);
}

#[test]
fn a_program_that_may_not_be_written_is_told_of_before_anything_is_downloaded() {
    let github = Server::serve(|_| GitHub::of("v99.0.0", &program("99.0.0")));
    let scene = Scene::with(&github);
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    set(scene.project.root(), 0o755);
    set(&scene.project.path("bin"), 0o555);
    let mut command = scene.command(&scene.program, &["--yes"]);
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere.
        command.uid(65534).gid(65534);
    }
    let run = Run::of(command.output().unwrap());
    set(&scene.project.path("bin"), 0o755);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stderr.contains("Permission denied (os error 13); if a package manager"),
        "{run:?}"
    );
    assert_eq!(github.world().count("GET", "/assets/0"), 0);
    assert!(!scene.old().exists());
}

#[test]
fn through_a_link_the_file_that_it_leads_to_is_replaced() {
    let github = Server::serve(|_| GitHub::of("v99.0.0", &program("99.0.0")));
    let scene = Scene::with(&github);
    let link = scene.project.path("link");
    symlink(&scene.program, &link).unwrap();
    Run::of(scene.command(&link, &["--yes"]).output().unwrap()).ok();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&scene.program).unwrap(), program("99.0.0"));
    assert!(scene.old().exists());
}

#[test]
fn a_watch_goes_on_with_the_program_before_until_it_is_begun_again() {
    let github = Server::serve(|_| GitHub::of("v99.0.0", &program("99.0.0")));
    let worker = "[[process]]\nname = \"w\"\ncommand = [\"sleep\", \"1000\"]\n";
    let scene = Scene::new(&format!(
        "[update]\nrepository = \"o/n\"\napi_url = \"{}\"\n{worker}",
        github.url()
    ));
    scene.project.run(&["start"]).ok();
    let process = scene.project.wait_for_pid("w", None);
    let run = scene.update(&["--yes"]).ok();
    let watch = run.stdout.split("(pid ").nth(1).and_then(|it| it.split(')').next());
    let watch: u32 = watch.unwrap_or_else(|| panic!("{run:?}")).parse().unwrap();
    assert!(run.stdout.contains("`redundancy restart`") && is_alive(watch), "{run:?}");
    fs::remove_file(&scene.program).unwrap();
    fs::rename(scene.old(), &scene.program).unwrap();
    let run = scene.update(&["--yes", "--restart"]).ok();
    assert!(run.stdout.contains(&format!("the watch has ended (pid {watch})")), "{run:?}");
    assert!(run.stdout.contains("the watch is running") && !is_alive(watch), "{run:?}");
    assert_eq!(scene.project.pid("w"), Some(process));
}
