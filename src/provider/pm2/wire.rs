//! The frames on PM2's sockets.
//!
//! A frame is AMP, version 1: one byte with the version in its upper half and the number of
//! arguments in its lower half, then each argument as a length (four bytes, big-endian) and so many
//! bytes. An argument begins with `s:` for a text or with `j:` for JSON. Requests and replies have
//! two arguments, a call and its id; events have two, a topic and its data.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The version, and two arguments: the first byte of every frame that there is.
const HEAD: u8 = 0x12;

/// The longest argument that is read. A list of 5,000 processes has 25 MB.
const LONGEST: u32 = 64 * 1024 * 1024;

/// A frame of two arguments.
pub(super) fn frame(first: &[u8], second: &[u8]) -> io::Result<Vec<u8>> {
    let mut frame = vec![HEAD];
    for argument in [first, second] {
        let length = u32::try_from(argument.len()).map_err(io::Error::other)?;
        frame.extend(length.to_be_bytes());
        frame.extend(argument);
    }
    Ok(frame)
}

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    /// The other side is gone, or the system failed.
    #[error("the connection ended: {0}")]
    Io(#[from] io::Error),
    /// What came is none of PM2's frames. Nothing after it can be understood.
    #[error("what it sent is no frame of PM2: {0}")]
    Garbage(String),
}

/// Reads the first byte of a frame.
pub(super) async fn head(from: &mut (impl AsyncRead + Unpin)) -> Result<(), FrameError> {
    match from.read_u8().await? {
        HEAD => Ok(()),
        other => Err(FrameError::Garbage(format!("it begins with {other:#04x}, not {HEAD:#04x}"))),
    }
}

/// Reads one argument, of at most `longest` bytes. One that is longer is read past, in pieces, and
/// is none.
pub(super) async fn argument(
    from: &mut (impl AsyncRead + Unpin),
    longest: u32,
) -> Result<Option<Vec<u8>>, FrameError> {
    let length = from.read_u32().await?;
    if length > LONGEST {
        return Err(FrameError::Garbage(format!("an argument of {length} bytes")));
    }
    if length > longest {
        tokio::io::copy(&mut from.take(length.into()), &mut tokio::io::sink()).await?;
        return Ok(None);
    }
    // Grows with what comes, not with what is promised.
    let mut bytes = Vec::new();
    let read = from.take(length.into()).read_to_end(&mut bytes).await?;
    if u32::try_from(read) == Ok(length) {
        Ok(Some(bytes))
    } else {
        Err(FrameError::Io(io::ErrorKind::UnexpectedEof.into()))
    }
}

/// Reads the rest of a frame: two arguments of any length that is allowed.
pub(super) async fn arguments(
    from: &mut (impl AsyncRead + Unpin),
) -> Result<(Vec<u8>, Vec<u8>), FrameError> {
    let first = argument(from, LONGEST).await?.unwrap_or_default();
    let second = argument(from, LONGEST).await?.unwrap_or_default();
    Ok((first, second))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), FrameError> {
        let mut from = bytes;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            head(&mut from).await?;
            arguments(&mut from).await
        })
    }

    #[test]
    fn a_frame_is_what_pm2_sends() {
        let call = br#"j:{"type":"call","method":"ping","args":[{}]}"#;
        let bytes = frame(call, b"s:4242:0").unwrap();
        assert_eq!(bytes[..9], [0x12, 0, 0, 0, 0x2d, b'j', b':', b'{', b'"']);
        assert_eq!(read_all(&bytes).unwrap(), (call.to_vec(), b"s:4242:0".to_vec()));
    }

    #[test]
    fn an_argument_too_long_is_passed_over_and_one_absurdly_long_refused() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let bytes = [&[0, 0, 0, 3][..], b"abc", &[0, 0, 0, 1], b"d"].concat();
        let mut from = bytes.as_slice();
        assert!(runtime.block_on(argument(&mut from, 2)).unwrap().is_none());
        assert_eq!(runtime.block_on(argument(&mut from, 2)).unwrap(), Some(b"d".to_vec()));
        let absurd = [HEAD, 0xff, 0xff, 0xff, 0xff];
        assert!(matches!(read_all(&absurd), Err(FrameError::Garbage(_))));
    }

    proptest! {
        #[test]
        fn frames_read_back(first in any::<Vec<u8>>(), second in any::<Vec<u8>>()) {
            let bytes = frame(&first, &second).unwrap();
            prop_assert_eq!(read_all(&bytes).unwrap(), (first, second));
        }

        #[test]
        fn a_part_of_a_frame_is_an_error(first in any::<Vec<u8>>(), cut in any::<prop::sample::Index>()) {
            let bytes = frame(&first, b"s:1").unwrap();
            prop_assert!(read_all(&bytes[..cut.index(bytes.len())]).is_err());
        }

        #[test]
        fn no_bytes_do_harm(bytes in any::<Vec<u8>>()) {
            drop(read_all(&bytes));
        }
    }
}
