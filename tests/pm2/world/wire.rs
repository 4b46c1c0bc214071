//! The frames on PM2's sockets, written once more: nothing is proven by a reader that reads what its own code wrote.

use std::io::Read;

/// A frame of two arguments, as PM2 sends it.
pub(crate) fn frame(first: &str, second: &str) -> Vec<u8> {
    let mut frame = vec![0x12];
    for argument in [first, second] {
        frame.extend(u32::try_from(argument.len()).unwrap().to_be_bytes());
        frame.extend(argument.as_bytes());
    }
    frame
}

/// Reads one argument of a frame.
pub(crate) fn argument_of(from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut bytes = vec![0; u32::from_be_bytes(length).try_into().unwrap()];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}
