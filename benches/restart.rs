//! How fast a killed process is replaced, against what the operating system takes for a start
//! alone; and how long a look at many processes takes.

// A bench that can't go on has nothing to say but that.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::{
    fmt::Write,
    process::{Child, Command, Stdio},
};

use divan::{Bencher, counter::ItemsCount};
use jiff::Timestamp;
use redundancy::{
    config::{Project, parse},
    core::{change::Change, id::Name, resource::Status},
    provider::{Provider, embedded::Embedded},
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn embedded(folder: &tempfile::TempDir, toml: &str) -> Embedded {
    let (config, _) = parse(&format!("runner = 'embedded'\n{toml}")).unwrap();
    Embedded::new(&Project { root: folder.path().canonicalize().unwrap(), config })
}

async fn create_all(embedded: &Embedded, now: Timestamp) {
    let seen = embedded.observe(now).await.unwrap();
    for (name, wanted) in embedded.desire(&seen).wanted {
        let create =
            Change::Create { to: wanted.body.expect("a body"), run: wanted.run, backs_up: None };
        embedded.apply(&name, &create, now).await.unwrap();
    }
}

async fn pid(embedded: &Embedded, name: &Name) -> Option<i32> {
    match embedded.observe(Timestamp::now()).await.unwrap()[name].status {
        Status::Running { pid, .. } => Some(pid.try_into().unwrap()),
        _ => None,
    }
}

/// From the kill to the moment in which the replacement runs and is written down.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn killed_to_replaced(bencher: Bencher) {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    let toml = "[[process]]\nname = 'a'\nmin_uptime = '0s'\ncommand = ['sleep', '300']";
    let (embedded, name) = (embedded(&folder, toml), "a".parse().unwrap());
    runtime.block_on(create_all(&embedded, Timestamp::now()));
    bencher.with_inputs(|| runtime.block_on(pid(&embedded, &name)).unwrap()).bench_local_values(
        |pid| {
            kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
            runtime.block_on(async {
                let now = loop {
                    embedded.woken().await;
                    let now = Timestamp::now();
                    let seen = embedded.observe(now).await.unwrap();
                    if matches!(seen[&name].status, Status::Down { .. }) {
                        break now;
                    }
                };
                embedded.apply(&name, &Change::Start, now).await.unwrap();
            });
        },
    );
    runtime.block_on(embedded.apply(&name, &Change::Stop, Timestamp::now())).unwrap();
}

/// The floor: fork and exec of the same program, nothing else.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn spawned_only(bencher: Bencher) {
    struct Ended(Child);
    impl Drop for Ended {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }
    bencher.bench_local(|| {
        let mut command = Command::new("sleep");
        command.arg("300").stdin(Stdio::null()).stdout(Stdio::null());
        Ended(command.spawn().unwrap())
    });
}

/// A look at 5,000 processes that are known, none of which changed.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn look_at_5000(bencher: Bencher) {
    let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
    let mut toml = String::new();
    for n in 0..5000 {
        write!(toml, "[[process]]\nname = 'p{n}'\nstate = 'stopped'\ncommand = ['true']\n")
            .unwrap();
    }
    let embedded = embedded(&folder, &toml);
    runtime.block_on(create_all(&embedded, Timestamp::now()));
    // What was written a moment ago is read again: wait until it no longer was.
    std::thread::sleep(std::time::Duration::from_millis(100));
    let look = || runtime.block_on(embedded.observe(Timestamp::now())).unwrap();
    assert_eq!(look().len(), 5000);
    bencher.counter(ItemsCount::new(5000u32)).bench_local(look);
}
