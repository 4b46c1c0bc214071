//! Everything at once: whatever happens in whatever order, all comes back and nothing runs twice.

use std::time::Duration;

use crate::world::{World, beating, kill, wait_until};

const APPS: [&str; 5] = ["p-sh", "p-js", "b-sh", "b-py", "b-js"];

fn config(max_restarts: u32) -> String {
    let backup = |name: &str, script: &str, of: &str| {
        beating(name, script)
            + &format!("backs_up = \"{of}\"\nmode = \"parallel\"\nmax_restarts = {max_restarts}\n")
    };
    backup("b-sh", "beat.sh", "p-sh")
        + &backup("b-py", "beat.py", "p-js")
        + &backup("b-js", "beat.js", "p-js")
        + &beating("standby", "beat.sh")
        + "backs_up = \"p-sh\"\n"
}

/// A number that looks random, and is the same every time.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn run(seed: u64, rounds: u64) {
    let world = World::new(&config(3));
    world.primaries(&[("p-sh", "beat.sh"), ("p-js", "beat.js")]);
    world.apply();
    world.pm2(&["save"]);
    let watch = world.watch();
    let mut state = seed;
    for round in 0..rounds {
        let action = random(&mut state) % 7;
        if action > 3 {
            // PM2's own command starts a daemon where it finds none, as the watch does: of two,
            // one would stay without a socket.
            wait_until("all run", || APPS.iter().all(|it| world.pids(it).len() == 1));
        }
        eprintln!("seed {seed}, round {round}: {action}");
        match action {
            // The daemon dies, once or as soon as it is back.
            0 | 1 => {
                for _ in 0..=action {
                    wait_until("there is a daemon", || world.daemon().is_some());
                    kill(world.daemon().unwrap());
                }
            }
            // In the middle of a change.
            2 => {
                world.config(&config(4 + u32::try_from(round).unwrap()));
                std::thread::sleep(Duration::from_millis(random(&mut state) % 150));
                if let Some(daemon) = world.daemon() {
                    kill(daemon);
                }
            }
            3 => {
                if let Some(&pid) = world.beats("b-py").last() {
                    let _ = rustix::process::kill_process(
                        rustix::process::Pid::from_raw(pid).unwrap(),
                        rustix::process::Signal::KILL,
                    );
                }
            }
            4 => {
                world.pm2(&["restart", "b-js"]);
            }
            5 => kill(world.pid("p-js")),
            _ => {
                world.pm2(&["delete", "b-sh"]);
            }
        }
        std::thread::sleep(Duration::from_millis(random(&mut state) % 700));
    }
    wait_until("all run", || APPS.iter().all(|it| world.pids(it).len() == 1));
    // A watch that begins anew finds everything as this one left it.
    watch.end_well();
    let watch = world.watch();
    world.wait_settled();
    for name in APPS {
        world.assert_never_two(name);
    }
    assert!(world.beats("standby").is_empty(), "it was never on duty");
    let log = watch.end_well();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn whatever_happens_all_comes_back_and_nothing_runs_twice() {
    let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse().ok());
    run(number("CHAOS_SEED").unwrap_or(1), number("CHAOS_ROUNDS").unwrap_or(6));
}
