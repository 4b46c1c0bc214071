//! How the cost of a plan grows with the number of resources: it should be linear.

// A bench that can't go on has nothing to say but that.
#![allow(missing_docs, clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use divan::{Bencher, counter::ItemsCount};
use jiff::Timestamp;
use redundancy::core::{
    id::Id,
    plan::{Asker, Consent, Plan, plan},
    resource::{Actual, Body, Desired, Mark, Observed, Run, Status, Wanted},
};

fn main() {
    divan::main();
}

const NUMBERS: &[usize] = &[100, 1_000, 10_000, 100_000];

fn id(n: usize) -> Id {
    format!("bench/r{n}").parse().unwrap()
}

/// A file of the size of a common workflow.
fn body(n: usize) -> Body {
    let text = format!("name: {n}\n") + &"      - run: make test\n".repeat(40);
    Body { files: [(format!(".github/workflows/{n}.yml"), text)].into(), ..Body::default() }
}

fn desired(resources: usize) -> Desired {
    let wanted = |n| Wanted::ours(body(n), Run::On);
    Desired { wanted: (0..resources).map(|n| (id(n), wanted(n))).collect(), ..Desired::default() }
}

fn observed(resources: usize) -> Observed {
    let actual = |n| {
        let body = body(n);
        let mark = Some(Mark { written: body.digest(), backs_up: None });
        Actual { body, status: Status::Present, mark, vitals: None }
    };
    Observed { found: (0..resources).map(|n| (id(n), actual(n))).collect(), ..Observed::default() }
}

fn make(desired: &Desired, observed: &Observed) -> Plan {
    plan(desired, observed, Asker::Person, &Consent::default(), Timestamp::UNIX_EPOCH)
}

/// Everything is as it should be.
#[divan::bench(args = NUMBERS, max_time = 2)]
fn nothing_to_do(bencher: Bencher, resources: usize) {
    let (desired, observed) = (desired(resources), observed(resources));
    assert!(make(&desired, &observed).is_empty());
    bencher.counter(ItemsCount::new(resources)).bench_local(|| make(&desired, &observed));
}

/// Nothing is there yet.
#[divan::bench(args = NUMBERS, max_time = 2)]
fn all_to_create(bencher: Bencher, resources: usize) {
    let (desired, observed) = (desired(resources), Observed::default());
    bencher.counter(ItemsCount::new(resources)).bench_local(|| make(&desired, &observed));
}
