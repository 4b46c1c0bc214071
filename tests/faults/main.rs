//! Every moment at which the program may be killed, and every call by which a disk may fail it.
//!
//! Nobody picks these moments: the program runs under `ptrace`, and each call by which it changes something outside itself
//! is one. A first run counts them; then it is run once for each, and that one call kills it, or fails. What such calls
//! leave out is in `anytime`.

// The whole crate is a test, also what is not a test function by itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
// What a failed test tells is read by people.
#![allow(clippy::print_stderr)]
// The numbers of calls and the layout of registers are those of this architecture.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod anytime;
mod disk;
mod kill;
mod saved;
mod scene;
mod tracer;
mod update;
