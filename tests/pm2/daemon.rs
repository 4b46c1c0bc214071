//! The daemon: killed, frozen, damaged, absent.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::Child,
};

use rustix::process::Signal;
use serde_json::Value;

use crate::world::{SETTLED, World, beating, is_alive, kill, signal, wait_until, worker};

const SCRIPTS: [&str; 3] = ["beat.sh", "beat.py", "beat.js"];

fn parallel(name: &str, of: &str, script: &str) -> String {
    beating(name, script) + &format!("backs_up = \"{of}\"\nmode = \"parallel\"\n")
}

/// Three primaries, started by PM2's own command and saved, and a backup of each.
pub(crate) fn beating_world() -> World {
    let backups: String = SCRIPTS
        .map(|it| parallel(&format!("b-{}", &it[5..]), &format!("p-{}", &it[5..]), it))
        .concat();
    let world = World::new(&backups);
    world.primaries(&[("p-sh", "beat.sh"), ("p-py", "beat.py"), ("p-js", "beat.js")]);
    world.pm2(&["save"]);
    world
}

pub(crate) const BEATING: [&str; 6] = ["p-sh", "p-py", "p-js", "b-sh", "b-py", "b-js"];

#[test]
fn a_deleted_backup_comes_back() {
    let world = World::new(&worker("w"));
    world.settle();
    let first = world.pid("w");
    let _watch = world.watch();
    world.pm2(&["delete", "w"]);
    let second = world.pid_other_than("w", Some(first));
    assert!(is_alive(second));
    world.assert_settled();
}

#[test]
fn after_the_death_of_the_daemon_all_is_back_and_nothing_ever_runs_twice() {
    let world = beating_world();
    world.apply();
    let before = BEATING.map(|name| world.beat_other_than(name, None));
    let watch = world.watch();
    for round in 0..2 {
        let daemon = world.daemon().unwrap();
        let last = BEATING.map(|name| *world.beats(name).last().unwrap());
        kill(daemon);
        for (name, pid) in BEATING.into_iter().zip(last) {
            world.beat_other_than(name, Some(pid));
        }
        assert_ne!(world.daemon(), Some(daemon), "round {round}");
        world.wait_settled();
    }
    let log = watch.end_well();
    for (name, first) in BEATING.into_iter().zip(before) {
        assert!(world.assert_never_two(name) >= 3, "{name}: {log}");
        assert!(!is_alive(first), "{name}");
        assert_eq!(world.pids(name).len(), 1);
    }
}

/// The ear at the events rests for longer and longer while daemons don't last, and then never hears
/// that there was another one.
#[test]
fn the_death_of_a_daemon_that_lived_shorter_than_the_ear_rests_is_noticed() {
    let world = World::new(&beating("w", "beat.sh"));
    world.settle();
    let watch = world.watch();
    for _ in 0..6 {
        let last = *world.beats("w").last().unwrap();
        kill(world.daemon().unwrap());
        world.beat_other_than("w", Some(last));
    }
    world.wait_settled();
    watch.end_well();
    world.assert_never_two("w");
}

#[test]
fn a_daemon_that_died_unwatched_is_started_by_apply_and_nothing_ever_runs_twice() {
    let world = beating_world();
    world.apply();
    let before = BEATING.map(|name| world.beat_other_than(name, None));
    kill(world.daemon().unwrap());
    wait_until("it is gone", || world.daemon().is_none());
    // What still runs is told of, and nothing is touched by looking.
    let state = world.state("b-sh");
    assert_eq!(
        state,
        format!(
            "down: was left by a daemon of PM2 that died, as pid {}, which is ended first",
            before[3]
        )
    );
    assert_eq!(world.state("p-sh"), "down: is without PM2's daemon, which is gone");
    assert!(is_alive(before[0]) && is_alive(before[3]));
    world.apply();
    for (name, pid) in BEATING.into_iter().zip(before) {
        world.beat_other_than(name, Some(pid));
        world.assert_never_two(name);
        assert!(!is_alive(pid), "{name}");
    }
    world.assert_settled();
}

#[test]
fn a_daemon_that_we_start_has_nothing_to_complain_of() {
    let world = World::new(&worker("w"));
    world.settle();
    let log = world.read("h/pm2.log");
    assert!(log.contains("App [w:0] online") && !log.contains("Error"), "{log}");
}

#[test]
fn resurrecting_can_be_switched_off() {
    let world = World::new(&("pm2.resurrect = false\n".to_owned() + &worker("w")));
    world.primaries(&[("p", "worker.sh")]);
    world.pm2(&["save"]);
    world.apply();
    let p = world.pid("p");
    kill(world.daemon().unwrap());
    wait_until("it is gone", || world.daemon().is_none());
    world.apply();
    assert!(world.instances("p").is_empty());
    assert!(is_alive(p), "it is none of ours");
}

#[test]
fn a_daemon_that_hangs_is_waited_for_and_nothing_is_done() {
    let world = World::new(&("controller.look_every = \"1s\"\n".to_owned() + &worker("w")));
    world.settle();
    let (daemon, pid) = (world.daemon().unwrap(), world.pid("w"));
    let watch = world.watch();
    signal(daemon, Signal::STOP);
    watch.wait_for_log("it hangs");
    let refused = world.run(&["apply", "--yes"]);
    assert_ne!(refused.code, 0);
    assert!(refused.said().contains("it hangs"), "{}", refused.said());
    assert!(is_alive(pid));
    signal(daemon, Signal::CONT);
    world.wait_settled();
    kill(pid);
    world.pid_other_than("w", Some(pid));
    assert_eq!(world.daemon(), Some(daemon));
    let log = watch.end_well();
    assert!(!log.contains("daemon: start") && !log.contains("create"), "{log}");
}

#[test]
fn a_daemon_that_lost_its_list_gets_back_what_was_saved() {
    let world = beating_world();
    world.apply();
    let before = BEATING.map(|name| world.beat_other_than(name, None));
    kill(world.daemon().unwrap());
    // It starts an empty one, beside which all of these still run.
    world.pm2(&["ls"]);
    let plan = world.plan();
    assert!(plan.contains("has lost what `pm2 save` kept: p-sh, p-py, p-js"), "{plan}");
    world.apply();
    world.assert_settled();
    for (name, pid) in BEATING.into_iter().zip(before) {
        world.beat_other_than(name, Some(pid));
        world.assert_never_two(name);
        assert_eq!(world.pids(name).len(), 1, "{name}");
    }
}

/// PM2 starts its modules by itself in every daemon.
#[test]
fn a_module_is_not_taken_for_the_list_that_was_lost() {
    let world = World::new(&worker("w"));
    world.primaries(&[("p", "worker.sh")]);
    world.pm2(&["save"]);
    world.apply();
    let mut saved: Vec<Value> = serde_json::from_str(&world.read("h/dump.pm2")).unwrap();
    let mut module = saved.remove(0);
    module["name"] = "pm2-logrotate".into();
    module["pmx_module"] = true.into();
    kill(world.daemon().unwrap());
    world.pm2(&["ls"]);
    world.call("prepare", &module).unwrap();
    let plan = world.plan();
    assert!(plan.contains("has lost what `pm2 save` kept: p"), "{plan}");
}

#[test]
fn a_damaged_dump_is_told_of_and_ends_nothing() {
    let world = World::new(&worker("w"));
    world.primaries(&[("p", "worker.sh")]);
    world.pm2(&["save"]);
    world.settle();
    let dump = world.home().join("dump.pm2");
    let sound = fs::read_to_string(&dump).unwrap();
    let strange = [
        "{}",
        "[",
        "",
        "[7]",
        "null",
        "[{}]",
        "[{\"name\":\"p\"}]",
        // Sent to the daemon, this would end it.
        "[{\"name\":\"p\",\"pm_exec_path\":\"/bin/true\",\"env\":null}]",
    ];
    for text in strange {
        fs::write(&dump, text).unwrap();
        kill(world.daemon().unwrap());
        wait_until("it is gone", || world.daemon().is_none());
        let state = world.state("daemon");
        let told = state.contains("what `pm2 save` kept does not come back");
        assert_eq!(told, !text.starts_with("[{"), "{text}: {state}");
        world.settle();
    }
    // One that is damaged hides no other.
    let broken = sound.replacen('[', "[{\"name\":\"broken\"},", 1);
    fs::write(&dump, broken).unwrap();
    kill(world.daemon().unwrap());
    wait_until("it is gone", || world.daemon().is_none());
    world.apply();
    assert!(is_alive(world.pid("p")));
    world.assert_settled();
}

/// The plan and the status, as people see them.
fn shown(world: &World) -> String {
    let text = format!("{}---\n{}", world.run(&["plan"]).said(), world.run(&["status"]).said());
    let mut shown = String::new();
    for line in world.steady(&text).lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        shown += &words.join(" ");
        shown.push('\n');
    }
    shown
}

#[test]
fn looking_starts_no_daemon_and_each_absence_is_told_as_what_it_is() {
    let world = World::new(&(worker("w") + &worker("b") + "backs_up = \"w\"\n"));
    insta::with_settings!({ filters => vec![
        (r"pid \d+", "pid N"), (r"\d+(s|ms|min) ago", "T ago"), (r"just now", "T ago"),
        (r"[\d.]+ MiB", "M MiB"),
    ] }, {
        insta::assert_snapshot!(shown(&world), @r#"
        + create pm2/b the config asks for it and it is not there
        command ["bash", "ROOT/worker.sh"]
        cwd "ROOT"
        > start pm2/daemon drift: it should run, and is not running
        + create pm2/w the config asks for it and it is not there
        command ["bash", "ROOT/worker.sh"]
        cwd "ROOT"

        Plan: 2 to create, 1 to start.
        Next: `redundancy apply` makes these changes.
        ---
        RESOURCE KIND BACKS UP DUTY STATE HEALTH SINCE LAST CHANGE
        pm2/b process w stands by missing unhealthy - -
        pm2/daemon process - - down: is not running unhealthy T ago -
        pm2/w process - to be started missing unhealthy - -

        the system: 0 of 2 healthy
        pm2: 0 of 2 healthy; works
        nobody watches; `redundancy watch` does
        "#);
        assert_eq!(world.processes(), Vec::<i32>::new());
        assert!(!world.home().exists() && !world.path(".redundancy").exists());

        world.pm2(&["ping"]);
        insta::assert_snapshot!(shown(&world), @r#"
        + create pm2/b the config asks for it and it is not there
        command ["bash", "ROOT/worker.sh"]
        cwd "ROOT"
        + create pm2/w the config asks for it and it is not there
        command ["bash", "ROOT/worker.sh"]
        cwd "ROOT"

        Plan: 2 to create.
        Next: `redundancy apply` makes these changes.
        ---
        RESOURCE KIND BACKS UP DUTY STATE HEALTH SINCE RESTARTS MEMORY CPU LAST CHANGE
        pm2/b process w stands by missing unhealthy - - - - -
        pm2/daemon process - - running, pid N healthy T ago 0 M MiB - -
        pm2/w process - to be started missing unhealthy - - - - -

        the system: 1 of 2 healthy
        pm2: 1 of 2 healthy; works
        nobody watches; `redundancy watch` does
        "#);

        world.settle();
        let (daemon, pid) = (world.daemon().unwrap(), world.pid("w"));
        signal(daemon, Signal::STOP);
        insta::assert_snapshot!(shown(&world), @r"
        ! left pm2/b its provider could not be asked: PM2's daemon did not answer `getMonitorData` within 5 s; it hangs
        ! left pm2/daemon its provider could not be asked: PM2's daemon did not answer `getMonitorData` within 5 s; it hangs
        ! left pm2/w its provider could not be asked: PM2's daemon did not answer `getMonitorData` within 5 s; it hangs

        Plan: 3 left alone.
        ---
        RESOURCE KIND BACKS UP DUTY STATE HEALTH SINCE LAST CHANGE
        pm2/b process w not known unknown unknown - create T ago
        pm2/daemon process - - unknown unknown - -
        pm2/w process - not known unknown unknown - create T ago

        the system: 0 of 0 healthy, 3 unknown
        pm2: 0 of 0 healthy, 3 unknown; could not be asked: PM2's daemon did not answer `getMonitorData` within 5 s; it hangs
        nobody watches; `redundancy watch` does
        ");
        signal(daemon, Signal::CONT);
        assert_eq!(world.plan(), SETTLED);

        kill(daemon);
        wait_until("it is gone", || world.daemon().is_none());
        let files = || fs::read_dir(world.home()).unwrap().count();
        let before = files();
        insta::assert_snapshot!(shown(&world), @r#"
        + create pm2/b the config asks for it and it is not there
        command ["bash", "ROOT/worker.sh"]
        cwd "ROOT"
        > start pm2/daemon drift: it should run, and was killed: nobody answers at its socket
        > start pm2/w drift: it should run, and was left by a daemon of PM2 that died, as pid N, which is ended first

        Plan: 1 to create, 2 to start.
        Next: `redundancy apply` makes these changes.
        ---
        RESOURCE KIND BACKS UP DUTY STATE HEALTH SINCE LAST CHANGE
        pm2/b process w stands by missing unhealthy - create T ago
        pm2/daemon process - - down: was killed: nobody answers at its socket unhealthy T ago -
        pm2/w process - on duty down unhealthy T ago create T ago

        pm2/w: down: was left by a daemon of PM2 that died, as pid N, which is ended first
        the system: 0 of 2 healthy
        pm2: 0 of 2 healthy; works
        nobody watches; `redundancy watch` does
        "#);
        assert_eq!(files(), before);
        assert_eq!(world.processes(), [pid], "no daemon was started by looking");
    });
}

/// A server at the socket of the daemon that belongs to another user. Where nobody but one user can be
/// had, a socket that is closed to that one stands for it.
fn foreign_socket(world: &World) -> Child {
    let folder = world.home();
    fs::create_dir_all(&folder).unwrap();
    let listen = "require('net').createServer(() => {}).listen(process.argv[1])";
    let mut node = world.command("node", &["-e", listen]);
    node.arg(folder.join("rpc.sock"));
    let root = rustix::process::geteuid().is_root();
    if root {
        // The way to it is open to all.
        for folder in [&world.path(""), &folder] {
            fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
        }
        node.uid(65_534);
    }
    let node = node.spawn().unwrap();
    wait_until("it listens", || folder.join("rpc.sock").exists());
    if !root {
        fs::set_permissions(folder.join("rpc.sock"), Permissions::from_mode(0o000)).unwrap();
    }
    node
}

#[test]
fn a_daemon_of_another_user_is_left_alone() {
    let world = World::new(&worker("w"));
    let mut server = foreign_socket(&world);
    let plan = world.run(&["plan"]);
    let apply = world.run(&["apply", "--yes"]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(plan.said().contains("belongs to another user"), "{}", plan.said());
    assert!(apply.said().contains("could not be asked"), "{}", apply.said());
    assert_ne!(apply.code, 0);
}
