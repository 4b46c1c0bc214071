//! What an earlier daemon left running, and whose that is.

use std::{fs, os::unix::fs::symlink};

use crate::world::{PROGRAM, Run, World, beating, is_alive, kill, variable, wait_until, worker};

/// Kills the daemon, and waits until it is gone.
fn kill_daemon(world: &World) {
    kill(world.daemon().unwrap());
    wait_until("it is gone", || world.daemon().is_none());
}

#[test]
fn what_was_started_by_another_path_to_the_home_never_runs_twice() {
    let world = World::new(&worker("w"));
    fs::create_dir(world.home()).unwrap();
    symlink(world.home(), world.path("link")).unwrap();
    let link = world.path("link");
    let by_link = [("PM2_HOME", link.to_str().unwrap())];
    world.pm2_with(&["start", "beat.sh", "--name", "p", "--", "beats/p"], &by_link);
    world.pm2_with(&["save"], &by_link);
    let first = world.beat_other_than("p", None);
    kill_daemon(&world);
    world.apply();
    world.beat_other_than("p", Some(first));
    world.assert_never_two("p");
    assert!(!is_alive(first));
}

#[test]
fn what_a_process_of_ours_has_started_is_resurrected_as_any_other() {
    let world = World::new(&worker("w"));
    world.settle();
    let mark = variable(world.pid("w"), "REDUNDANCY_MARK").unwrap();
    let start = ["start", "beat.sh", "--name", "child", "--", "beats/child"];
    world.pm2_with(&start, &[("REDUNDANCY_MARK", &mark)]);
    world.pm2(&["save"]);
    let first = world.beat_other_than("child", None);
    kill_daemon(&world);
    world.apply();
    world.beat_other_than("child", Some(first));
    world.assert_never_two("child");
    world.assert_settled();
}

/// What this program runs by itself does not share the fate of the app of PM2 that this program is.
#[test]
fn an_embedded_process_is_not_taken_for_the_app_that_started_it() {
    let embedded = beating("e", "beat.sh") + "runner = \"embedded\"\n";
    let world = World::new(&(worker("w") + &embedded));
    world.primaries(&[("p", "worker.sh")]);
    world.pm2(&["save"]);
    let known = world.app("p")["pm2_env"]["unique_id"].as_str().unwrap().to_owned();
    let mut apply = world.command(PROGRAM, &["apply", "--yes"]);
    apply.envs([("name", "p"), ("pm_id", "0"), ("pm_exec_path", "p"), ("unique_id", &known)]);
    Run::of(apply.output().unwrap()).ok();
    let pid = world.beat_other_than("e", None);
    assert_eq!(variable(pid, "unique_id"), None);
    kill_daemon(&world);
    world.apply();
    world.assert_settled();
    assert_eq!((world.assert_never_two("e"), is_alive(pid)), (1, true));
}

#[test]
fn a_daemon_that_lost_its_socket_has_no_second_one_beside_it() {
    let world = World::new(&worker("w"));
    world.settle();
    let (daemon, before) = (world.daemon().unwrap(), world.processes());
    fs::remove_file(world.home().join("rpc.sock")).unwrap();
    let why = format!("PM2's daemon runs (pid {daemon}) and can't be reached");
    for arguments in [&["plan"][..], &["apply", "--yes"]] {
        let said = world.run(arguments).said();
        assert!(said.contains(&why), "{said}");
    }
    assert_eq!(world.processes(), before);
}

/// The title of a process has no more room than the command line that it began with.
#[test]
fn a_daemon_is_known_although_its_title_was_cut_off() {
    let world = World::new(&worker("w"));
    let mut bash =
        world.command("bash", &["-c", "exec -a 'PM2 v7.0.4: God Daemon (/t' sleep 1000"]);
    let mut daemon = bash.spawn().unwrap();
    let title = || fs::read(format!("/proc/{}/cmdline", daemon.id())).unwrap();
    wait_until("it has its title", || title().starts_with(b"PM2 v"));
    let said = world.run(&["apply", "--yes"]).said();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert!(said.contains(&format!("PM2's daemon runs (pid {})", daemon.id())), "{said}");
}
