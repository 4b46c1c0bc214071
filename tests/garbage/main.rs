//! Whatever is read from outside, damaged at random: nothing of it may end the program, hang it, or make it promise what it
//! does not keep.
//!
//! A stand-in for a fuzzer that runs on a stable compiler, from the same inputs on every machine. `GARBAGE_INPUTS=100000` tries
//! more of them, `GARBAGE_SEED=7` others.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
// What a failed test tells is read by people.
#![allow(clippy::print_stderr)]

mod answers;
mod damage;
mod kept;
mod sources;
#[path = "../parts/zips.rs"]
mod zips;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::{Duration, Instant},
};

use damage::Damage;

/// How long one input may take, on a machine that has much else to do.
const LONGEST: Duration = Duration::from_secs(20);

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).ok().and_then(|it| it.parse().ok()).unwrap_or(default)
}

/// Has `take` read so many damaged forms of `seeds`; tells which one it could not take.
fn each_damaged(name: &str, usual: u64, seeds: &[Vec<u8>], mut take: impl FnMut(&[u8])) {
    assert!(!seeds.is_empty());
    // As they are, they are taken too.
    for seed in seeds {
        take(seed);
    }
    let inputs = number("GARBAGE_INPUTS", usual);
    for input in 0..inputs {
        let mut damage = Damage::new(number("GARBAGE_SEED", 1).wrapping_add(input << 8));
        let bytes = damage.of(seeds);
        let began = Instant::now();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| take(&bytes))) {
            eprintln!("{name}: input {input} of {inputs}:\n{}", String::from_utf8_lossy(&bytes));
            resume_unwind(panic);
        }
        assert!(began.elapsed() < LONGEST, "{name}: input {input} took {:?}", began.elapsed());
    }
}

/// The same for texts: what is no UTF-8 after it was damaged is made so.
fn each_damaged_text(name: &str, usual: u64, seeds: &[&str], mut take: impl FnMut(&str)) {
    let seeds: Vec<Vec<u8>> = seeds.iter().map(|it| it.as_bytes().to_vec()).collect();
    each_damaged(name, usual, &seeds, |bytes| take(&String::from_utf8_lossy(bytes)));
}
