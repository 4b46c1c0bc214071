//! The same work on many things, on all processors.

use std::{num::NonZero, thread};

/// What `see` makes of each of `items`, in their order, on all processors.
pub(crate) fn each<T: Sync, R: Send>(items: &[T], see: impl Fn(&T) -> R + Sync) -> Vec<R> {
    const FEW: usize = 64;
    // Asked only where it matters: the answer is read from several files.
    let processors = || thread::available_parallelism().map_or(1, NonZero::get);
    let threads = if items.len() <= FEW { 1 } else { processors() };
    if threads == 1 {
        return items.iter().map(see).collect();
    }
    thread::scope(|scope| {
        let see = &see;
        let parts: Vec<_> = (items.chunks(items.len().div_ceil(threads)))
            .map(|part| scope.spawn(move || part.iter().map(see).collect::<Vec<R>>()))
            .collect();
        let joined = parts.into_iter().map(|part| match part.join() {
            Ok(seen) => seen,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.flatten().collect()
    })
}
