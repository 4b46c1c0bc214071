//! Room for code that is nested deeply.
//!
//! The parser, and all that walks through what it gives, call themselves for each level of nesting and know no limit. A
//! hostile file could end the whole program by that: so a stack is made for each file by what it could need at most.

use std::thread;

/// The most that one level takes where a bracket opens it, in bytes of stack: measured with this parser, for all forms of
/// nesting there are; 5,700 for classes, without optimisation.
const PER_BRACKET: usize = 8 * 1024;

/// The most that one byte takes where no bracket opens a level, as in `!!!!a`, `a=>a=>a` or `a?b:a?b:c`; 420.
const PER_BYTE: usize = 1024;

/// What any thread has left.
const LEFT: usize = 512 * 1024;

/// The largest stack that is made. It takes memory only as far as it is used.
const MOST: usize = 1024 * 1024 * 1024;

/// Does `work`, which reads `text`, with room for all levels that this can have.
///
/// # Errors
/// When no such room can be had, in words that say what `text` is.
pub(crate) fn with_room<T: Send>(
    text: &str,
    work: impl FnOnce() -> T + Send,
) -> Result<T, &'static str> {
    const TOO_DEEP: &str = "it could be nested too deeply to be read, by its size and its brackets; \
                            put a part of it into another file";
    let brackets = text.bytes().filter(|it| b"([{<".contains(it)).count();
    let needed = brackets * PER_BRACKET + text.len() * PER_BYTE;
    if needed <= LEFT {
        return Ok(work());
    }
    if needed > MOST {
        return Err(TOO_DEEP);
    }
    thread::scope(|scope| {
        let made = thread::Builder::new().stack_size(needed + LEFT).spawn_scoped(scope, work);
        match made.map_err(|_| TOO_DEEP)?.join() {
            Ok(done) => Ok(done),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_goes_on() {
        let text = "x".repeat(10_000);
        let caught = std::panic::catch_unwind(|| with_room(&text, || panic!("it")));
        assert!(caught.is_err());
    }
}
