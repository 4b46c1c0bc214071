//! The shipped example, as its README says.

use std::{fs, path::Path};

use crate::world::{PROGRAM, Watch, World, wait_until};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/failover");

struct Example {
    world: World,
    readme: String,
}

impl Example {
    fn new() -> Self {
        let world = World::with_path(std::env::var("PATH").unwrap(), "");
        let read = |name: &str| fs::read_to_string(Path::new(FOLDER).join(name)).unwrap();
        for name in ["redundancy.toml", "work.sh"] {
            world.write(name, &read(name));
        }
        Self { world, readme: read("README.md") }
    }

    /// Runs a command of the README: what it says.
    #[track_caller]
    fn run(&self, line: &str) -> String {
        assert!(self.readme.contains(&format!("\n    {line}\n")), "the README has no {line:?}");
        let mut words = line.split(' ');
        let (program, arguments): (_, Vec<_>) = (words.next().unwrap(), words.collect());
        let program = if program == "redundancy" { PROGRAM } else { program };
        let output = self.world.command(program, &arguments).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until the last piece of work was done by `side`.
    #[track_caller]
    fn await_work_of(&self, side: &str) {
        wait_until(&format!("the {side} works"), || {
            self.world.path("work.log").exists()
                && self.run("tail work.log").ends_with(&format!(" done by the {side}\n"))
        });
    }
}

#[test]
fn the_example_goes_as_its_readme_says() {
    let example = Example::new();
    let watch = Watch::start(example.world.command(PROGRAM, &["watch"]));
    example.await_work_of("primary");
    wait_until("the backup stands by", || {
        let status = example.run("redundancy status");
        status.lines().any(|it| it.contains("worker-backup") && it.contains(" stopped "))
    });

    example.run("touch broken");
    example.await_work_of("backup");
    watch.wait_for_log("the backup is on duty: the primary exited with code 1");
    let status = example.run("redundancy status");
    let backup = status.lines().find(|it| it.contains("worker-backup")).unwrap();
    assert!(backup.contains("running, pid "), "{status}");
    let explained = example.run("redundancy explain embedded/worker-backup");
    for told in ["embedded/worker-backup is on duty", "as soon as its precheck answers well"] {
        assert!(explained.contains(told), "{explained}");
    }

    example.run("rm broken");
    example.await_work_of("primary");
    watch.wait_for_log("the primary is on duty again");

    let history = example.run("redundancy history");
    for told in ["duty goes to the backup", "hand-back: the primary gets its duty back"] {
        assert!(history.contains(told), "{history}");
    }
    // One after the other: whoever began has gone on alone.
    let work = example.world.read("work.log");
    let mut sides: Vec<&str> = work.lines().filter_map(|it| it.rsplit(' ').next()).collect();
    sides.dedup();
    assert_eq!(sides, ["primary", "backup", "primary"], "{work}");
    example.run("redundancy stop");
    assert!(watch.log().contains("the watch ended"));
    assert!(example.world.processes().is_empty());
}
